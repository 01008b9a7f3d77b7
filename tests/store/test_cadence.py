"""What goes on for months is told at once when it is new, soon when it has changed, seldom when it was only counted."""

import sqlite3

import pytest
from made import behaviour, endpoint

from sensor.contract import ACCEPTED, REFUSED, Exchange, Target
from sensor.inventory.asset import Asset
from sensor.ship.destination import Filter
from sensor.ship.elastic.templates import STREAM
from sensor.ship.outbox import Outbox
from sensor.store.cadence import DAY, HOUR, MANY, MINUTE, Cadence
from sensor.store.store import Store

SECOND = 1_000_000_000
AROUND_MIDNIGHT = 1_800_000_000 * SECOND


def exchanged(of, time, outcome=ACCEPTED, code=0):
    exchange = Exchange("words", b"", 0, time)
    exchange.response_time, exchange.outcome, exchange.code = time + 5_000_000, outcome, code
    of.count_in(exchange)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "plant.db"


@pytest.fixture
def live(path):
    """A store that is shipped, and written as a sensor does that runs on and on."""
    store = Store(path)
    outbox = Outbox(path)
    outbox.register("soc")
    outbox.close()
    yield store
    store.close()


def documents(path, stream):
    """Return what a shipper would be given, in order."""
    outbox = Outbox(path, {"observer.name": "here"})
    try:
        return [item.document for item in outbox.read(0, 100_000, Filter(frozenset((stream,)))).items]
    finally:
        outbox.close()


def sequences(path):
    """Return every number of a behaviour or asset, told or kept."""
    with sqlite3.connect(path) as connection:
        tables = ("behaviours", "behaviours_before", "assets", "assets_before")
        return sorted(n for one in tables for (n,) in connection.execute(f"SELECT sequence FROM {one}"))


def stored(path, what):
    with sqlite3.connect(path) as connection:
        return connection.execute(f"SELECT {what} FROM behaviours").fetchall()


def test_a_behaviour_written_each_minute_for_a_day_is_told_each_hour(live, path):
    of = behaviour()
    for minute in range(24 * 60):
        exchanged(of, minute * MINUTE)
        live.behaviour(of)
        live.tick(minute * MINUTE)
    told = [one["ot"]["behaviour"]["count"] for one in documents(path, "behaviour")]
    assert told == [1, *range(61, 24 * 60, 60)]
    assert stored(path, "count") == [(24 * 60,)]  # while the store knows the newest


def test_at_the_end_what_was_held_back_is_told_and_nothing_is_told_twice(live, path):
    of, still = behaviour(), behaviour(server=3)
    for one in (of, still):
        exchanged(one, SECOND)
        live.behaviour(one)
    exchanged(of, 2 * SECOND)
    live.behaviour(of)
    for one in (of, still):
        live.behaviour(one, tell=True)
    live.commit()
    assert [one["ot"]["behaviour"]["count"] for one in documents(path, "behaviour")] == [1, 1, 2]
    assert sequences(path) == [1, 2, 3]


@pytest.mark.parametrize(
    "change",
    [
        lambda of: exchanged(of, 2 * SECOND, REFUSED, 2),
        lambda of: setattr(of, "targets", [Target("cell", 7, 9)]),
    ],
    ids=["refused", "wider"],
)
def test_what_has_changed_in_kind_is_told_within_a_quarter_of_an_hour(live, path, change):
    of = behaviour(ranged=True)
    exchanged(of, SECOND)
    live.behaviour(of)
    change(of)
    exchanged(of, 3 * SECOND)
    live.tick(4 * SECOND)
    live.behaviour(of)  # and never again: the store remembers what it has not told
    for minute in range(1, 20):
        live.tick(minute * MINUTE)
        found = documents(path, "behaviour")
        assert len(found) == (1 if minute < 15 else 2), minute
    assert found[-1]["ot"]["behaviour"]["count"] == of.count


def test_the_more_there_is_the_more_seldom_so_that_the_budget_holds():
    for many in (100, MANY, 10 * MANY):
        cadence, told = Cadence(), 0
        for quarter in range(24 * 4):
            now = AROUND_MIDNIGHT + quarter * 15 * MINUTE
            told += sum(cadence.due(str(n), 1, quarter, now) for n in range(many))
        fresh, a_day = many, told - many
        assert a_day <= 72_000
        assert fresh + a_day <= 72_000 + many
    bytes_each = 1_200  # docs/elasticsearch.md
    assert 72_000 * bytes_each < STREAM["behaviour"].budget_mb * 1e6


def test_a_clock_that_steps_back_holds_nothing_back_for_good():
    cadence = Cadence()
    assert cadence.due("a", 1, 1, 100 * HOUR)
    assert cadence.due("a", 1, 2, 10 * HOUR)
    assert not cadence.due("a", 1, 3, 10 * HOUR + MINUTE)


def test_what_a_killed_sensor_had_not_told_is_told_by_the_next_run(path):
    of, store = behaviour(), Store(path)
    outbox = Outbox(path)
    outbox.register("soc")
    for second in (1, 2):
        exchanged(of, second * SECOND)
        store.behaviour(of)
        store.commit()
    store.database.close()  # as SIGKILL does
    assert sequences(path) == [0, 1]
    Store(path, joins=True).close()
    assert sequences(path) == [0, 1]  # whoever writes beside it lets it be
    Store(path).close()
    assert sequences(path) == [1, 2]
    assert [one["ot"]["behaviour"]["count"] for one in documents(path, "behaviour")] == [1, 2]
    assert outbox._last() == 2
    outbox.close()


def test_two_writers_do_not_number_what_is_not_told(live, path):
    of = behaviour()
    exchanged(of, SECOND)
    live.behaviour(of)
    live.commit()
    other = Store(path, joins=True)
    exchanged(of, 2 * SECOND)
    live.behaviour(of)
    other.behaviour(behaviour(server=9))
    other.close()
    live.behaviour(behaviour(server=8))
    live.commit()
    assert sequences(path) == [0, 1, 2, 3]


# --- Assets -------------------------------------------------------------------------------------------


def heard(store, asset, time, reason="answered 5 words requests of 2 clients", **options):
    asset.last_time = time
    store.asset(asset, ("controller", reason), **options)
    store.tick(time)


def test_an_asset_that_only_goes_on_is_told_once_a_day(live, path):
    asset = Asset(endpoint(1), SECOND, SECOND)
    for hour in range(24 * 3):
        heard(live, asset, SECOND + hour * HOUR, f"answered {1000 + hour} words requests of 2 clients")
    found = documents(path, "asset")
    assert len(found) == 3
    assert {one["event"]["start"] for one in found} == {"1970-01-01T00:00:01.000000000Z"}
    heard(live, asset, 4 * DAY)
    for day in range(5, 9):
        live.asset(asset, ("controller", "answered 5 words requests of 2 clients"))
        live.tick(day * DAY)
    assert len(documents(path, "asset")) == 4  # silence is not told again and again


def test_what_an_asset_turns_out_to_be_is_told_soon_and_a_count_is_no_news(live, path):
    asset = Asset(endpoint(1), SECOND, SECOND)
    heard(live, asset, SECOND, "answered 1 words requests of 1 client")
    heard(live, asset, 2 * SECOND, "answered 9 words requests of 1 client")
    heard(live, asset, 3 * SECOND, "polls 10.0.0.7 by words")
    for minute in range(1, 20):
        live.tick(minute * MINUTE)
    reasons = [one["ot"]["asset"]["reason"] for one in documents(path, "asset")]
    assert reasons == ["answered 1 words requests of 1 client", "polls 10.0.0.7 by words"]
    heard(live, asset, HOUR, "polls 10.0.0.8 by words", tell=True)
    live.commit()
    assert documents(path, "asset")[-1]["ot"]["asset"]["reason"] == "polls 10.0.0.8 by words"
    assert sequences(path) == [1, 2, 3]


def test_an_asset_known_from_an_earlier_run_is_not_told_again(live, path):
    asset = Asset(endpoint(1), SECOND, SECOND)
    heard(live, asset, SECOND)
    live.commit()
    with Store(path) as again:
        heard(again, asset, HOUR)
        heard(again, asset, 2 * HOUR, tell=True)
    assert len(documents(path, "asset")) == 1
