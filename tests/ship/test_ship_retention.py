"""What everybody has goes first; before anything else is dropped there is an alert, and each row is counted."""

import sqlite3

import pytest
from ship_kit import OBSERVER, fill

from sensor.ship import retention as module
from sensor.ship.destination import Filter
from sensor.ship.outbox import Outbox
from sensor.ship.retention import Retention
from sensor.ship.settings import Limits
from sensor.store.reader import Reader
from sensor.vocabulary import vocabulary

DAY = 86_400
ALL = Filter()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "plant.db"
    fill(path, range(300), (1, 10))
    outbox = Outbox(path)
    outbox.register("soc")
    outbox.close()
    return path


@pytest.fixture(autouse=True)
def in_small_chunks(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 50)


def keep(path, **limits):
    return Retention(path, Limits(**limits), OBSERVER).keep()


def size(path):
    outbox = Outbox(path)
    found = Retention(path, Limits(), OBSERVER).size(outbox)
    outbox.close()
    return found


def shipped(path, through):
    outbox = Outbox(path)
    outbox.advance("soc", through, outbox.read(0, through, ALL).items)
    outbox.close()


def alarms(path):
    with Reader(path) as reader:
        return [row["rule"] for row in reader.rows("alerts") if row["rule"].startswith("otsensor-outbox")]


def left(path):
    with sqlite3.connect(path) as connection:
        return connection.execute("SELECT count(*), min(sequence) FROM alert_revisions").fetchone()


def test_within_its_limits_nothing_is_dropped(path):
    assert keep(path) == {}
    assert (left(path), alarms(path)) == ((600, 1), [])


def test_what_everybody_has_goes_first_and_silently(path):
    shipped(path, 500)
    dropped = keep(path, max_size=size(path) * 0.9)
    assert set(dropped) == {"outbox_pruned_alert"}
    assert 0 < dropped["outbox_pruned_alert"] <= 500
    assert left(path) == (600 - dropped["outbox_pruned_alert"], 1 + dropped["outbox_pruned_alert"])
    assert alarms(path) == []
    with Reader(path) as reader:
        assert len(list(reader.rows("alerts"))) == 300


def test_before_anything_that_waits_is_dropped_it_is_said(path):
    limit = size(path) / 0.9
    assert keep(path, max_size=limit) == {}
    assert alarms(path) == ["otsensor-outbox-filling"]
    assert keep(path, max_size=limit) == {}
    assert alarms(path) == ["otsensor-outbox-filling"]  # the same trouble, once


def test_beyond_the_limit_the_oldest_go_counted_with_an_alert_that_is_shipped(path):
    shipped(path, 100)
    dropped = keep(path, max_size=size(path) * 0.5)
    assert set(dropped) == {"outbox_pruned_alert", "outbox_dropped_alert"}
    assert dropped["outbox_pruned_alert"] == 100
    many = dropped["outbox_dropped_alert"]
    assert left(path) == (602 - 100 - many, 101 + many)  # two of them are the alarms
    assert set(alarms(path)) == {"otsensor-outbox-filling", "otsensor-outbox-dropping"}
    outbox = Outbox(path, OBSERVER)
    assert outbox.counts() == dropped
    batch = outbox.read(outbox.cursor("soc").sequence, 1000, ALL)
    last = batch.items[-1].document
    assert last["rule"]["id"] == "otsensor-outbox-dropping"
    assert last["event"]["severity"] == 99
    assert "500 documents wait to be shipped and are dropped now" in last["message"]
    outbox.close()


def test_what_has_waited_too_long_is_dropped(path, monkeypatch):
    now = [1_000 * DAY * 10**9]
    monkeypatch.setattr(module.time, "time_ns", lambda: now[0])
    assert keep(path, max_age=10 * DAY) == {}
    fill(path, range(300, 310))
    now[0] += 7 * DAY * 10**9
    assert keep(path, max_age=10 * DAY) == {}
    assert alarms(path) == []
    now[0] += 2 * DAY * 10**9
    assert keep(path, max_age=10 * DAY) == {}
    assert alarms(path) == ["otsensor-outbox-filling"]
    now[0] += 2 * DAY * 10**9
    assert keep(path, max_age=10 * DAY) == {"outbox_dropped_alert": 600}
    assert set(alarms(path)) == {"otsensor-outbox-filling", "otsensor-outbox-dropping"}
    assert left(path) == (10 + 2, 601)
    shipped(path, 612)
    now[0] += 11 * DAY * 10**9
    assert set(keep(path, max_age=10 * DAY)) == {"outbox_pruned_alert"}


@pytest.fixture
def lonely(tmp_path):
    """A store that nobody ships, with some months in it."""
    path = tmp_path / "x.db"
    fill(path, range(300), (1, 10))
    return path


def test_a_store_that_nobody_ships_is_left_alone_within_its_limits(lonely):
    assert keep(lonely) == {}
    assert left(lonely) == (600, 1)


def test_a_store_that_nobody_ships_keeps_to_its_size_and_counts_what_goes(lonely):
    limit = size(lonely) * 0.8
    dropped = keep(lonely, max_size=limit)
    assert set(dropped) == {"outbox_expired_alert"}
    assert size(lonely) <= limit
    assert left(lonely) == (600 - dropped["outbox_expired_alert"], 1 + dropped["outbox_expired_alert"])
    assert alarms(lonely) == []
    with Reader(lonely) as reader:
        assert len(list(reader.rows("alerts"))) == 300  # its memory stays
    outbox = Outbox(lonely)
    assert outbox.counts() == dropped
    outbox.close()


def test_a_store_that_nobody_ships_keeps_to_its_age(lonely, monkeypatch):
    now = [1_000 * DAY * 10**9]
    monkeypatch.setattr(module.time, "time_ns", lambda: now[0])
    assert keep(lonely, max_age=10 * DAY) == {}
    fill(lonely, range(300, 310))
    now[0] += 11 * DAY * 10**9
    assert keep(lonely, max_age=10 * DAY) == {"outbox_expired_alert": 600}
    assert left(lonely) == (10, 601)


def test_whoever_has_little_time_goes_on_another_time(lonely):
    retention = Retention(lonely, Limits(max_size=size(lonely) * 0.8), OBSERVER)
    assert retention.keep(0.0) == {}
    assert left(lonely) == (600, 1)
    assert set(retention.keep(60.0)) == {"outbox_expired_alert"}


def test_every_counter_of_what_goes_has_its_field_in_the_health_documents():
    names = {f"outbox_{how}_{stream}" for how in ("pruned", "expired", "dropped") for stream in module.HISTORY}
    assert {f"ot.health.{name}" for name in (*names, "rejected_dropped")} <= set(vocabulary().fields)
