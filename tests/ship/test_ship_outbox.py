"""The outbox gives everything once, in order, as of one moment; its cursors move only past what is settled."""

import shutil
import sqlite3

import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st
from ship_kit import OBSERVER, alert, fill

from sensor.ship import outbox as module
from sensor.ship.destination import STREAMS, Filter
from sensor.ship.outbox import Outbox
from sensor.store.database import StoreError
from sensor.store.store import Store
from tests.disks import disk

ALL = Filter()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "plant.db"


@pytest.fixture
def plant(tmp_path, pcaps):
    """A store with everything of the shipped plant."""
    from sensor.reading import read  # noqa: PLC0415

    path = tmp_path / "plant.db"
    reading = read(pcaps / "plant.pcapng", db=path)
    reading.run()
    reading.close()
    return path


def everything(outbox, limit, allowed=ALL):
    """All items, batch by batch."""
    found, after = [], 0
    while True:
        batch = outbox.read(after, limit, allowed)
        assert batch.through >= after
        assert all(after < item.sequence <= batch.through for item in batch.items)
        found += batch.items
        after = batch.through
        if not batch.more and not batch.items:
            return found


@pytest.mark.parametrize("limit", [1, 7, 10_000])
def test_everything_comes_in_order_without_a_gap(plant, limit):
    outbox = Outbox(plant, OBSERVER)
    items = everything(outbox, limit)
    assert [item.sequence for item in items] == list(range(1, len(items) + 1))
    assert {item.stream for item in items} == set(STREAMS)
    assert {item.document["observer"]["name"] for item in items} == {"here"}
    outbox.close()


def test_what_a_filter_leaves_out_is_passed_over(plant):
    outbox = Outbox(plant, OBSERVER)
    whole = everything(outbox, 1000)
    for stream in STREAMS:
        found = everything(outbox, 3, Filter(frozenset({stream})))
        assert found == [item for item in whole if item.stream == stream]
    severe = everything(outbox, 3, Filter(frozenset({"alert"}), frozenset({"critical"})))
    assert severe == [item for item in whole if item.stream == "alert" and item.document["tags"] == ["critical"]] != []
    assert everything(outbox, 3, Filter(sites=frozenset({"elsewhere"}))) == [i for i in whole if i.stream == "health"]
    batch = outbox.read(0, 1, Filter(sites=frozenset({"elsewhere"})))
    assert (batch.items, batch.more) == ([], True)
    assert batch.through == module.SCANNED
    outbox.close()


def test_a_batch_is_as_of_one_moment(path, monkeypatch):
    """Whoever writes between two tables' statements is seen whole the next time."""
    fill(path, [1])
    outbox, rows = Outbox(path, OBSERVER), Outbox._rows
    with Store(path) as store:
        seen = []

        def slowly(self, stream, table, after):
            if table.name == "health_reports" and not seen:
                seen.append(1)
                store.alert(alert(2))
                store.health({"frames": 1})
                store.commit()
            yield from rows(self, stream, table, after)

        monkeypatch.setattr(Outbox, "_rows", slowly)
        batch = outbox.read(0, 10, ALL)
        assert ([item.sequence for item in batch.items], batch.through) == ([1], 1)
        batch = outbox.read(batch.through, 10, ALL)
        assert [item.stream for item in batch.items] == ["alert", "health"]
    outbox.close()


def test_a_row_no_document_can_be_made_of_is_set_aside(path):
    fill(path, range(1, 4))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alert_revisions SET document = '{\"broken' WHERE sequence = 2")
    outbox = Outbox(path, OBSERVER)
    batch = outbox.read(0, 10, ALL)
    assert [item.sequence for item in batch.items] == [1, 3]
    ((item, why),) = batch.unreadable
    assert (item.sequence, item.stream, item.id) == (2, "alert", f"{2:032x}")
    assert "JSONDecodeError" in why
    outbox.close()


def test_a_cursor_moves_forward_only_and_with_it_what_was_refused(path):
    fill(path, range(6))
    outbox = Outbox(path, OBSERVER)
    outbox.register("soc")
    outbox.register("soc")
    items = outbox.read(0, 10, ALL).items
    outbox.advance("soc", 3, items[:3], [(items[1], "it is no number")])
    outbox.advance("soc", 2, [])
    cursor = outbox.cursor("soc")
    assert (cursor.sequence, cursor.last, cursor.shipped, cursor.rejected) == (3, 3, 2, 1)
    (letter,) = outbox.rejected("soc")
    assert (letter["sequence"], letter["reason"], letter["document"]) == (2, "it is no number", items[1].document)
    assert outbox.rejected("other") == []
    assert (outbox.waiting("soc"), outbox.waiting("soc", Filter(frozenset({"flow"})))) == (3, 0)
    outbox.close()
    again = Outbox(path, OBSERVER)
    assert again.cursors() == {"soc": cursor}
    assert again.forget("soc")
    assert not again.forget("soc")
    assert (again.cursors(), again.rejected()) == ({}, [])
    again.close()


def test_dead_letters_are_bounded_and_what_goes_is_counted(path, monkeypatch):
    monkeypatch.setattr(module, "MAX_REJECTED", 4)
    fill(path, range(10))
    outbox = Outbox(path, OBSERVER)
    outbox.register("soc")
    for item in outbox.read(0, 10, ALL).items:
        outbox.advance("soc", item.sequence, [item], [(item, "no")])
    assert [letter["sequence"] for letter in outbox.rejected()] == [7, 8, 9, 10]
    assert outbox.counts() == {"rejected_dropped": 6}
    assert outbox.cursor("soc").rejected == 10
    outbox.close()


@tried(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["alert", "ship", "reopen"]), st.integers(1, 5)), max_size=25))
def test_nothing_is_given_twice_and_nothing_left_out(tmp_path_factory, steps):
    """While a writer writes, several revisions each, and the reader is restarted at any moment."""
    path = tmp_path_factory.mktemp("any") / "x.db"
    Store(path).close()
    outbox = Outbox(path, OBSERVER)
    outbox.register("soc")
    given_out, counts = [], {}
    with Store(path) as store:
        for what, number in [*steps, ("ship", 100)]:
            if what == "alert":
                counts[number] = counts.get(number, 0) + 1
                store.alert(alert(number, counts[number]))
                store.commit()
            elif what == "ship":
                batch = outbox.read(outbox.cursor("soc").sequence, number, ALL)
                given_out += [(item.id, item.revision) for item in batch.items]
                outbox.advance("soc", batch.through, batch.items)
            else:
                outbox.close()
                outbox = Outbox(path, OBSERVER)
    assert given_out == list(dict.fromkeys(given_out))
    assert len(given_out) == sum(counts.values())
    outbox.close()


def test_a_store_that_is_not_there_is_not_made(path):
    with pytest.raises(StoreError, match="is not there; expected a store made by --db"):
        Outbox(path)
    assert not path.exists()


def test_a_full_disk_moves_no_cursor_and_ends_when_there_is_room(tmp_path):
    with disk(tmp_path / "small", "1m") as small:
        path = small / "plant.db"
        fill(path, range(30))
        outbox = Outbox(path, OBSERVER)
        outbox.register("soc")
        items = outbox.read(0, 100, ALL).items
        (small / "filler").write_bytes(bytes(shutil.disk_usage(small).free))
        with pytest.raises(StoreError, match=r"full|disk I/O"):
            outbox.advance("soc", 30, items, [(item, "no" * 5_000) for item in items])
        assert outbox.cursor("soc").sequence == 0
        assert outbox.rejected() == []
        (small / "filler").unlink()
        outbox.advance("soc", 30, items)
        assert outbox.cursor("soc").sequence == 30
        outbox.close()
