"""Single findings become documents only where they are asked for: each behaviour its share, all within a budget."""

import json
import sqlite3

import pytest
from made import SECOND, behaviour, finding

from sensor.detect.context import Context
from sensor.detect.event import ExchangeSighting, kind_of
from sensor.ship.schema import faults
from sensor.store import messages as module
from sensor.store.messages import DAY, HOUR, SHARE, Messages
from sensor.store.store import Store


def sighting(time=SECOND, of=None, news="", **options):
    found = finding(of or behaviour(), news=news, time=time, **options)
    return ExchangeSighting(found, Context(), kind_of(found, 0), dear=True)


def kept(path):
    with sqlite3.connect(path) as connection:
        return connection.execute("SELECT sequence, id, time, site, segment, document FROM messages").fetchall()


def test_nobody_asks_and_nothing_is_kept(tmp_path):
    with Store(tmp_path / "x.db") as store:
        store.message(sighting())
        assert store.messages is None
    assert kept(tmp_path / "x.db") == []


def test_a_finding_is_kept_whole_and_valid(tmp_path):
    with Store(tmp_path / "x.db", messages=10_000) as store:
        store.files = ["a.pcap"]
        store.message(sighting(news="target"))
    ((sequence, identity, time, site, segment, text),) = kept(tmp_path / "x.db")
    found = json.loads(text)
    assert (sequence, len(identity), time, site, segment) == (1, 32, found_time(found), "works", "cell 1")
    assert found["message"] == "10.0.0.1: write on 10.0.0.2 unit 1 (cell 7), accepted"
    assert found["ot"]["behaviour"]["new"] == "target"
    assert found["ot"]["evidence"]["file"] == ["a.pcap", "a.pcap"]
    assert [one for one in faults(found) if "words." not in one] == []


def found_time(document):
    return sum(
        int(part) * 10**n for part, n in ((document["event"]["end"][17:19], 9), (document["event"]["end"][20:29], 0))
    )


def test_the_same_exchange_has_the_same_id_and_another_another():
    ids = [Messages(1e9).take(sighting(time), [])[0] for time in (SECOND, SECOND, 2 * SECOND)]
    assert ids[0] == ids[1] != ids[2]


def test_one_behaviour_does_not_use_up_what_is_for_all():
    messages, heartbeat, rare = Messages(1e9), behaviour(), behaviour(server=3)
    taken = [messages.take(sighting(n * SECOND, heartbeat), []) for n in range(1, 3_600)]
    assert len([one for one in taken if one]) == SHARE
    assert messages.take(sighting(3_000 * SECOND, rare), [])
    assert messages.take(sighting(3_000 * SECOND, heartbeat, news="widened"), [])  # what is new always has room
    assert messages.take(sighting(HOUR + SECOND, heartbeat), [])  # and another hour is another hour
    assert messages.counts() == {
        "messages_kept": SHARE + 3, "messages_repeated": 3_599 - SHARE, "messages_over_budget": 0,
    }  # fmt: skip


def test_a_day_has_a_budget_in_whatever_order_the_days_come():
    messages = Messages(20_000)
    sizes = {0: 0, 1: 0}
    for n in range(200):
        day = n % 2
        taken = messages.take(sighting(day * DAY + n * SECOND, behaviour(server=2 + n), news="target"), [])
        sizes[day] += len(taken[1]) if taken else 0
    assert all(20_000 <= size < 22_500 for size in sizes.values())
    counts = messages.counts()
    assert counts["messages_over_budget"] == 200 - counts["messages_kept"] > 100
    assert messages.take(sighting(2 * DAY), [])


def test_what_is_remembered_of_days_is_bounded():
    messages = Messages(1e9)
    for day in range(50):
        messages.take(sighting(day * DAY + SECOND), [])
    assert len(messages._days) == module.MAX_DAYS


@pytest.mark.parametrize("value", ["\ud800", 1 << 70, list(range(125))])
def test_what_comes_from_the_wire_is_made_fit(value):
    one = sighting()
    one.event["words.value"] = value
    json.loads(Messages(1e9).take(one, [])[1])
