"""A store whose disk is full for a while: it waits, within a bound, and goes on; what goes is counted."""

import contextlib
import sqlite3

import pytest

from sensor.store import enduring
from sensor.store.enduring import EnduringStore
from sensor.store.reader import Reader

SECOND = 1_000_000_000


class FullDisk:
    """Stands before a store's database and refuses to write while it is full."""

    def __init__(self, database):
        self.database = database
        self.full = False

    def __getattr__(self, name):
        return getattr(self.database, name)

    def execute(self, statement, *values):
        if self.full and statement.startswith(("BEGIN IMMEDIATE", "SELECT digest")):
            raise sqlite3.OperationalError("database or disk is full")
        return self.database.execute(statement, *values)


@pytest.fixture
def store(tmp_path):
    made = EnduringStore(tmp_path / "plant.db")
    made.database = FullDisk(made.database)
    yield made
    made.database.full = False
    made.close()


def test_what_could_not_be_written_is_written_when_there_is_room_again(store):
    store.database.full = True
    for number in range(3):
        store.health({"frames": number})
        store.tick((number + 1) * 2 * SECOND)
    assert "disk is full" in store.trouble
    assert store.counts()["commits_failed"] == 3
    store.database.full = False
    store.tick(10 * SECOND)
    assert store.trouble == ""
    with Reader(store.path) as reader:
        assert [row["value"] for row in reader.rows("health") if row["name"] == "frames"] == [2]
        assert len(list(reader.database.execute("SELECT 1 FROM health_reports"))) == 3


def test_it_is_not_tried_again_for_each_row(store):
    store.database.full = True
    store.tick(2 * SECOND)
    store.health({"frames": 1})
    store.tick(4 * SECOND)
    failed = store.failed
    for _ in range(enduring.MAX_WAITING // 2):
        store.health({"frames": 1})
    assert store.failed == failed


def test_a_disk_that_stays_full_costs_the_routine_first_and_each_row_is_counted(store, monkeypatch):
    monkeypatch.setattr(enduring, "MAX_WAITING", 100)
    store.database.full = True
    store.tick(2 * SECOND)
    for _ in range(60):
        store._put("flows", (0,))
        store._put("alert_revisions", (0,))
        store._commit_when_full()
        store._due = True
        store.commit()
    assert store._waiting <= 100
    counts = store.counts()
    assert counts["store_dropped_flows"] > 0
    assert "store_dropped_alert_revisions" not in counts
    assert len(store._pending["alert_revisions"]) == 60
    assert counts["store_dropped_flows"] + len(store._pending["flows"]) == 60
    store._pending.clear()
    store._waiting = 0


def test_a_clock_that_is_set_back_keeps_nothing_from_being_written(store):
    store.tick(10_000 * SECOND)
    store.health({"frames": 7})
    store.tick(2 * SECOND)
    with Reader(store.path) as reader:
        assert [row["value"] for row in reader.rows("health")] == [7]


def test_a_store_that_cannot_be_read_either_ends_nothing(store):
    store.database.full = True
    assert store._known("SELECT digest FROM assets WHERE id = ?", "x") is None
    assert "disk is full" in store.trouble


def test_each_batch_is_on_the_disk_before_the_next(store):
    (level,) = store.database.execute("PRAGMA synchronous").fetchone()
    assert level == 2  # FULL: SQLite syncs at each commit, not only when it copies the log into the file


def test_closed_the_file_by_itself_has_everything_though_somebody_else_has_it_open(store, tmp_path):
    store.health({"frames": 7})
    store.commit()
    with contextlib.closing(sqlite3.connect(tmp_path / "plant.db")) as other:
        other.execute("SELECT count(*) FROM health").fetchone()
        store.close()
        (tmp_path / "copy.db").write_bytes((tmp_path / "plant.db").read_bytes())
    with Reader(tmp_path / "copy.db") as reader:
        assert [(row["name"], row["value"]) for row in reader.rows("health")] == [("frames", 7)]
