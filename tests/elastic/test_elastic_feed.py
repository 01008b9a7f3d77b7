"""Into a real Elasticsearch and nothing lost: the plant document by document, kills, rollovers, refusals, rights."""

import contextlib
import json
import random
import subprocess
import threading

import pytest
from feed import Feed, alert, is_well
from soak import soak

from sensor import config
from sensor.ship.destination import Filter, Unreachable
from sensor.ship.documents import stamped
from sensor.ship.elastic import bulk
from sensor.ship.elastic.bulk import Elasticsearch
from sensor.ship.outbox import Outbox
from sensor.store.store import Store

STREAMS = ("alert", "asset", "behaviour", "flow", "health", "message")


@pytest.fixture
def feed(elastic, tmp_path, namespace):
    """A feed whose shipper has the rights that setup asks for."""
    made = Feed(elastic, tmp_path, namespace, "shipper" if elastic.ours else "admin")
    made.set_up()
    return made


def sent(item, namespace=""):
    """An item as it lies in Elasticsearch, but for the time of sending."""
    document = json.loads(json.dumps(stamped(item, 0, namespace)))
    del document["event"]["ingested"]
    return document


def without_time(hit):
    """What was found, but for the time of sending."""
    document = hit["_source"]
    assert document["event"].pop("ingested") > "2020"
    return document


def test_the_plant_is_there_document_by_document_and_a_second_run_adds_nothing(feed, pcaps, tmp_path):
    feed.config.write_text(feed.config.read_text() + f"    kinds: [{', '.join(STREAMS)}]\n")
    reading = ("--db", feed.db, "--config", feed.config, "--ship", "--quiet")
    read_in(feed, pcaps, *reading)
    alerts = [json.loads(line) for line in feed.run("alerts", "--db", feed.db, "--format", "json").splitlines()]

    found = {hit["_id"]: hit["_source"] for hit in feed.everything(feed.state("alerts"))}
    assert len(alerts) == len(found) > 30
    for row in alerts:
        document = found[row["id"]]
        assert row["sentence"] == document["message"]
        assert row["explanation"] == document["ot"]["alert"]["explanation"]
        assert [row[name] for name in ("count", "revision", "state")] == [
            document["ot"]["alert"][name] for name in ("count", "revision", "state")
        ]
        assert (row["rule"], row["title"], row["rule_id"]) == tuple(
            document["rule"][name] for name in ("id", "name", "uuid")
        )
        assert (row["severity"], row["level"]) == (document["event"]["severity"], document["tags"][0])
        assert row["source"] == document.get("source", {}).get("address", "")

    outbox = Outbox(feed.db, {"observer.name": "test", "observer.version": observer_version(found)})
    items = outbox.read(0, 100_000, Filter(frozenset(STREAMS))).items
    outbox.close()
    for stream in STREAMS:
        hits = feed.everything(feed.stream(stream))
        expected = {item.document["event"]["id"]: sent(item, feed.namespace) for item in items if item.stream == stream}
        assert {hit["_id"]: without_time(hit) for hit in hits} == expected
        assert len(hits) == len(expected) > 0
    newest = {item.id: sent(item) for item in items if item.stream == "alert"}
    assert {hit["_id"]: without_time(hit) for hit in feed.everything(feed.state("alerts"))} == newest

    before = {name: feed.everything(name) for name in names(feed)}
    feed.roll_over()
    read_in(feed, pcaps, *reading)  # into the same store
    feed.db = tmp_path / "fresh.db"
    read_in(feed, pcaps, "--db", feed.db, *reading[2:])  # into a store that knows of nothing
    again = {name: feed.everything(name) for name in names(feed)}
    assert {name: [hit["_id"] for hit in hits] for name, hits in again.items()} == {
        name: [hit["_id"] for hit in hits] for name, hits in before.items()
    }
    status = feed.ship("--status", "--format", "json")
    assert [json.loads(line)["waiting"] for line in status.splitlines()] == [0]


def read_in(feed, pcaps, *arguments):
    """Read the plant and ship it beside; what a busy server has not taken in time is shipped afterwards."""
    feed.run("read", pcaps / "plant.pcapng", *arguments, code=(0, 1))
    feed.ship("--once", "--patience", "120")


def names(feed):
    """All data streams and indices."""
    return [*map(feed.stream, STREAMS), feed.state("alerts"), feed.state("assets")]


def observer_version(found):
    """The version the documents carry."""
    return next(iter(found.values()))["observer"]["version"]


@pytest.mark.usefixtures("own_elastic")
def test_killed_at_random_moments_everything_arrives_once(feed):
    found = soak(feed, kills=5, server_kills=1, rate=300, dice=random.Random(7))
    assert is_well(found), found
    assert (found["shipper_kills"], found["server_kills"]) == (5, 1)
    assert found["revisions"] == found["written"] > 100


def test_a_lost_answer_is_looked_up_before_it_is_sent_again_over_a_rollover(feed, monkeypatch):
    with Store(feed.db) as store:
        for number in range(50):
            store.alert(alert(number))
    monkeypatch.setenv("OTSENSOR_TEST_PASSWORD", feed.environment["OTSENSOR_TEST_PASSWORD"])
    (settings,) = config.load(feed.config).destinations
    outbox = Outbox(feed.db, {"observer.name": "test"})
    items = outbox.read(0, 1000, settings.filter).items
    one = Elasticsearch(settings)
    judge = bulk.judge

    def lost(*_):
        raise Unreachable("the answer is lost")

    monkeypatch.setattr(bulk, "judge", lost)
    with pytest.raises(Unreachable, match="lost"):
        one.send(items)
    assert feed.roll_over()
    monkeypatch.setattr(bulk, "judge", judge)
    assert one.send(items).acknowledged == 50
    assert one.counts()["looked_up"] == 100
    assert len(feed.everything(feed.stream("alert"))) == 50
    one.close()
    outbox.close()


def test_a_document_the_server_refuses_stops_nothing(feed):
    with Store(feed.db) as store:
        for number in range(10):
            store.alert(alert(number))
        store.commit()
        store.database.execute(
            "UPDATE alert_revisions SET document = json_set(document, '$.message', json_array(json_object('no', 1))) "
            "WHERE sequence = 4"
        )
    feed.ship("--once")
    assert len(feed.everything(feed.stream("alert"))) == 9
    (letter,) = [json.loads(line) for line in feed.ship("--rejected", "--format", "json").splitlines()]
    assert letter["sequence"] == 4
    assert "message" in letter["reason"]


def test_a_role_that_may_only_create_ships_but_cannot_look_up(own_elastic, feed):
    with Store(feed.db) as store:
        store.health({"frames": 7})
    (feed.db.parent / "writer").mkdir()
    only = Feed(own_elastic, feed.db.parent / "writer", feed.namespace, "writer")
    only.db = feed.db
    only.config.write_text(only.config.read_text() + "    kinds: health\n")
    only.ship("--once")
    assert len(feed.everything(feed.stream("health"))) == 1


@pytest.mark.parametrize("user", ["analyst", "stranger"])
def test_without_the_right_nothing_is_rejected_but_waits(own_elastic, feed, user):
    with Store(feed.db) as store:
        store.alert(alert(1))
    (feed.db.parent / user).mkdir()
    other = Feed(own_elastic, feed.db.parent / user, feed.namespace, user)
    other.db = feed.db
    other.ship("--once", "--patience", "1", code=1)
    assert feed.ship("--rejected", "--format", "json") == ""
    assert json.loads(feed.ship("--status", "--format", "json"))["waiting"] == 1
    feed.ship("--once")
    assert len(feed.everything(feed.stream("alert"))) == 1


@pytest.mark.usefixtures("own_elastic")
def test_a_wrong_password_is_said_and_nothing_else(feed):
    with Store(feed.db) as store:
        store.alert(alert(1))
    feed.environment["OTSENSOR_TEST_PASSWORD"] = "sesame"
    done = subprocess.run(
        feed.command("ship", "--db", feed.db, "--config", feed.config, "--once", "--patience", "0.5"),
        env=feed.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "user, password or API key is wrong" in done.stderr
    assert "sesame" not in done.stderr


def test_what_the_server_works_on_is_seen(feed, monkeypatch):
    """A bulk request in progress carries our mark, so that a shipper that has just begun waits for its end."""
    with Store(feed.db) as store:
        for number in range(2_000):
            store.alert(alert(number))
    monkeypatch.setenv("OTSENSOR_TEST_PASSWORD", feed.environment["OTSENSOR_TEST_PASSWORD"])
    (settings,) = config.load(feed.config).destinations
    outbox = Outbox(feed.db, {"observer.name": "test"})
    items = outbox.read(0, 2_000, settings.filter).items
    outbox.close()
    sender, watcher = Elasticsearch(settings), Elasticsearch(settings)
    sender.feed = watcher.feed = feed.namespace
    sending = threading.Thread(target=sender.send, args=(items,))
    sending.start()
    while sending.is_alive() and not watcher.counts()["waited_for"]:
        with contextlib.suppress(Unreachable):
            watcher.let_finish()
    sending.join()
    assert watcher.may_ask
    assert watcher.counts()["waited_for"] == 1
    watcher.let_finish()
    sender.close()
    watcher.close()
