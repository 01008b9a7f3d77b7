"""What is written can be read; batches are whole; files that are not ours are named and left alone."""

import pathlib
import shutil
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import SECOND, behaviour, endpoint, finding, rule_text, ruleset, talk

from sensor.alert.book import AlertBook
from sensor.behaviour.behaviour import LATENCY
from sensor.capture.source import Source
from sensor.contract import ACCEPTED, REFUSED, Exchange, Target
from sensor.detect.detector import Detector
from sensor.flow.flow import Flow
from sensor.inventory.asset import Asset, Fact
from sensor.store import store as module
from sensor.store.database import open_for_writing
from sensor.store.reader import KINDS, Reader
from sensor.store.store import Store, StoreError
from sensor.store.tables import OLDEST, TABLES, VERSION
from tests.disks import disk, make_read_only


def read(path, kind):
    with Reader(path) as reader:
        return list(reader.rows(kind))


def exchanged(of, time, outcome=ACCEPTED, code=0):
    exchange = Exchange("words", b"", 0, time)
    exchange.response_time, exchange.outcome, exchange.code = time + 5_000_000, outcome, code
    of.count_in(exchange)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "plant.db"


def test_a_behaviour_comes_back_with_all_its_statistics(path):
    of = behaviour()
    for n in range(1, 11):
        exchanged(of, n * SECOND)
    exchanged(of, 11 * SECOND, REFUSED, 2)
    with Store(path) as store:
        store.behaviour(of)
    (row,) = read(path, "behaviours")
    expected = {
        "id": of.identity(), "site": "works", "segment": "cell 1", "vlan": "10", "client": "10.0.0.1",
        "server": "10.0.0.2", "protocol": "words", "operation": "write", "action": "write", "unit": "1",
        "target": "cell 7", "targets": [["cell", 7, 7]], "ranged": False, "count": 11, "first_time": SECOND,
        "last_time": 11 * SECOND, "outcomes": {"accepted": 10, "refused": 1}, "codes": {"2": 1}, "latency_count": 11,
        "latency_mean": 5_000_000, "latency_buckets": of.latency.buckets, "interval_count": 10,
        "interval_max": SECOND,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


def test_within_a_run_a_behaviour_is_replaced_and_over_runs_it_is_added_up(path):
    first, second = behaviour(ranged=True), behaviour(ranged=True, target=Target("cell", 3, 9))
    second.targets.append(Target("lamp", 1, 1))
    for n in range(1, 4):
        exchanged(first, n * SECOND)
    with Store(path) as store:
        store.behaviour(first)
        exchanged(first, 4 * SECOND)
        store.behaviour(first)
    exchanged(second, 100 * SECOND, REFUSED, 5)
    with Store(path) as store:
        store.behaviour(second)
    (row,) = read(path, "behaviours")
    assert (row["count"], row["first_time"], row["last_time"]) == (5, SECOND, 100 * SECOND)
    assert row["targets"] == [["cell", 3, 9], ["lamp", 1, 1]]
    assert row["target"] == "cell 3-9, lamp 1"
    assert row["outcomes"] == {"accepted": 4, "refused": 1}
    assert (row["interval_count"], sum(row["interval_buckets"]), sum(row["latency_buckets"])) == (3, 3, 5)


TIMES = st.lists(st.integers(1, 1 << 60), min_size=1, max_size=8)


@settings(max_examples=30, deadline=None)
@given(st.lists(TIMES, min_size=1, max_size=4))
def test_statistics_of_runs_add_up_to_those_of_one(tmp_path_factory, runs):
    path = tmp_path_factory.mktemp("runs") / "x.db"
    whole = behaviour()
    for times in runs:
        of = behaviour()
        for time in times:
            of.measure(LATENCY, time)
            whole.measure(LATENCY, time)
        with Store(path) as store:
            store.behaviour(of)
    (row,) = read(path, "behaviours")
    found = [row[f"latency_{what}"] for what in ("count", "sum", "min", "max", "buckets")]
    whole = whole.latency
    assert found == [whole.count, whole.sum, whole.min, whole.max, whole.buckets]


def test_flows_assets_captures_oddities_and_health(path):
    flow = Flow(4, endpoint(1), endpoint(2), b"")
    flow.transport, flow.answerer_port, flow.ending = 6, 502, "finished"
    flow.forth.packets, flow.back.bytes, flow.first_time, flow.last_time = 3, 99, 5, 6
    asset = Asset(endpoint(2), 5, 6)
    asset.macs[b"\x00\x80\xf4\x00\x00\x01"] = None
    asset.units["modbus", "1"] = None
    asset.learn(Fact("vendor", "Schneider \ud800", "modbus", 1.0, 5, 6, 77, 0))
    source = Source(0, "a.pcap", 100)
    source.odd("padding", 3)
    with Store(path) as store:
        store.files = ["a.pcap"]
        store.flow(flow)
        store.asset(asset, ("controller", "answered"))
        store.capture(source)
        for time in (9, 7, 8):
            store.oddity(talk(), "gap", 1, time, 12, b"\x01\x02")
        store.commit()
        store.oddity(talk(), "gap", 1, 30, 13, b"")
        store.health({"frames": 10})
        store.health({"frames": 12})
    (row,) = read(path, "flows")
    assert (row["opener"], row["answerer_port"], row["packets"], row["bytes_back"], row["ending"]) == (
        "10.0.0.1", 502, 3, 99, "finished",
    )  # fmt: skip
    (row,) = read(path, "assets")
    assert (row["id"], row["role"], row["vendor"]) == (asset.identity(), "controller", "Schneider ?")
    assert (row["macs"], row["units"]) == (["00:80:f4:00:00:01"], ["modbus 1"])
    (row,) = read(path, "facts")
    assert (row["attribute"], row["source"], row["file"], row["frame"]) == ("vendor", "modbus", "a.pcap", 77)
    (row,) = read(path, "oddities")
    assert (row["sender"], row["kind"], row["count"], row["first_time"], row["last_time"], row["sample"]) == (
        "10.0.0.2", "gap", 4, 7, 30, "0102",
    )  # fmt: skip
    assert read(path, "captures")[0]["oddities"] == {"padding": 3}
    assert [(row["name"], row["value"]) for row in read(path, "health")] == [("frames", 12)]


def test_what_no_database_takes_is_mended_and_counted(path):
    with Store(path) as store:
        store.behaviour(behaviour())
        store.health({"a\ud800": 1 << 70})
        store.commit()
        assert store.counts()["batches_mended"] == 1
    assert [(row["name"], row["value"]) for row in read(path, "health")] == [("a?", (1 << 63) - 1)]
    assert len(read(path, "behaviours")) == 1


def test_an_alert_with_its_revisions_and_evidence(path, tmp_path):
    rules = tmp_path / "rules"
    rules.mkdir()
    detector, book, of = Detector(ruleset(rules, rule_text())), AlertBook(), behaviour()
    with Store(path) as store:
        store.files = ["a.pcap"]
        for n in range(1, 11):
            for alert in book.take(detector.see(finding(of, frame=10 * n))):
                store.alert(alert)
    (row,) = read(path, "alerts")
    assert (row["rule"], row["count"], row["revision"], row["source"], row["target"]) == (
        "a-rule", 10, 2, "10.0.0.1", "cell 7",
    )  # fmt: skip
    revisions = read(path, "revisions")
    assert [(one["revision"], one["count"]) for one in revisions] == [(1, 1), (2, 10)]
    assert [one["document"]["ot"]["alert"]["count"] for one in revisions] == [1, 10]
    assert [(one["file"], one["frame"]) for one in read(path, "evidence")][:3] == [
        ("a.pcap", 10), ("a.pcap", 11), ("a.pcap", 20),
    ]  # fmt: skip


def test_the_sequence_goes_on_where_the_last_run_ended(path):
    for _ in range(2):
        with Store(path) as store:
            for server in range(2, 5):
                store.behaviour(behaviour(server=server))
    connection = sqlite3.connect(path)
    assert sorted(row[0] for row in connection.execute("SELECT sequence FROM behaviours")) == [1, 2, 3, 4, 5, 6]
    connection.close()


def numbers(path):
    """Every sequence number in the store, in order."""
    shipped = [table for table in TABLES if table.numbered >= 0 and table.name not in ("cursors", "rejected")]
    connection = sqlite3.connect(path)
    found = [row[0] for t in shipped for row in connection.execute(f"SELECT sequence FROM {t.name}")]
    connection.close()
    return sorted(found)


def test_a_second_reading_of_the_same_tells_no_alert_and_no_asset_again(path, tmp_path):
    rules = tmp_path / "rules"
    rules.mkdir()
    for name in ("HMI", "HMI", "HMI 1"):
        detector, book = Detector(ruleset(rules, rule_text())), AlertBook()
        with Store(path) as store:
            for alert in book.take(detector.see(finding(behaviour()))):
                store.alert(alert)
            store.asset(Asset(endpoint(1), 5, 6, name=name), ("master", "asked"))
            store.health({"frames": 1})
    assert numbers(path) == [1, 3, 4, 5, 6]  # 2 was the asset's first name, which nobody ships
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM alert_revisions").fetchone() == (1,)
        assert connection.execute("SELECT name, revision, last_time FROM assets").fetchall() == [("HMI 1", 7, 6)]


def test_what_is_rewritten_is_kept_until_everybody_who_ships_has_it(path):
    of, store = behaviour(), Store(path)
    for _ in range(3):  # nobody ships: nothing is kept
        exchanged(of, SECOND)
        store.behaviour(of, tell=True)
    store.commit()
    assert numbers(path) == [3]
    store.database.execute("INSERT INTO cursors VALUES ('soc', 3, 3, 0, 0, 0), ('far', 4, 4, 0, 0, 0)")
    for _ in range(3):
        exchanged(of, SECOND)
        store.behaviour(of, tell=True)
    store.close()
    assert numbers(path) == [4, 5, 6]
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT sequence, count FROM behaviours_before").fetchall() == [(4, 4), (5, 5)]


@pytest.mark.parametrize("waits", [False, True])
def test_an_asset_that_made_room_is_gone_unless_somebody_has_yet_to_ship_it(path, waits):
    passing, known = Asset(endpoint(1), SECOND, SECOND, heard=True), Asset(endpoint(2), SECOND, SECOND, heard=True)
    for asset in (passing, known):
        asset.learn(Fact("vendor", "somebody", "oui", 0.5, SECOND, SECOND))
    with Store(path) as store:
        if waits:
            store.database.execute("INSERT INTO cursors (destination, sequence) VALUES ('soc', 0)")
        for asset in (passing, known):
            store.asset(asset, ("host", ""))
        store.commit()
        store.forget(passing)
    left = {"10.0.0.1", "10.0.0.2"} if waits else {"10.0.0.2"}
    assert {row["address"] for row in read(path, "assets")} == left
    assert len(read(path, "facts")) == len(left)


def test_of_notes_of_one_name_the_last_is_written_and_only_it_waits(path):
    with Store(path) as store:
        for number in range(100):
            store.note("habits", f"{number}")
            store.note("other", "x")
        assert store._waiting == 2
    with Reader(path) as reader:
        assert (reader.note("habits"), reader.note("other"), reader.note("none")) == ("99", "x", "")


def test_a_time_that_leapt_ahead_does_not_stay(path):
    year = 365 * 86_400 * SECOND
    with Store(path) as store:
        for time in (year, 11 * year, year + SECOND):
            store.tick(time)
            store.health({"frames": 1})
    told = sqlite3.connect(path).execute("SELECT time FROM health_reports ORDER BY sequence").fetchall()
    assert told == [(year,), (11 * year,), (year + SECOND,)]


def test_two_writers_leave_no_number_out_and_give_none_twice(path):
    first, second = Store(path), Store(path)
    for server in range(2, 12):
        (first if server % 3 else second).behaviour(behaviour(server=server))
        (first if server % 2 else second).commit()
    first.close()
    second.close()
    assert numbers(path) == list(range(1, 11))


def test_reading_less_of_a_capture_again_does_not_shrink_an_alert(path, tmp_path):
    rules = tmp_path / "rules"
    rules.mkdir()
    for seen in (10, 5):
        detector, book, of = Detector(ruleset(rules, rule_text())), AlertBook(), behaviour()
        with Store(path) as store:
            for n in range(1, seen + 1):
                for alert in book.take(detector.see(finding(of, frame=10 * n))):
                    store.alert(alert)
            for alert in book.finish():
                store.alert(alert)
    assert [row["count"] for row in read(path, "alerts")] == [10]
    assert [row["count"] for row in read(path, "revisions")] == [1, 10, 5]


def test_rows_are_written_in_batches_and_a_reader_sees_whole_ones(path, monkeypatch):
    monkeypatch.setattr(module, "BATCH_ROWS", 10)
    with Store(path) as store, Reader(path) as reader:
        seen = []
        for server in range(2, 27):
            store.behaviour(behaviour(server=server))
            seen.append(len(list(reader.rows("behaviours"))))
        assert seen == [0] * 9 + [10] * 10 + [20] * 6
        store.tick(10 * SECOND)
        assert len(list(reader.rows("behaviours"))) == 25
        store.behaviour(behaviour(server=99))
        store.tick(10 * SECOND + 5)
        assert len(list(reader.rows("behaviours"))) == 25


def test_without_a_path_everything_works_and_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Store() as store:
        store.behaviour(behaviour())
        store.commit()
        assert store.counts() == {"rows_written": 1, "commits": 1, "batches_mended": 0}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"not a database at all, only text that is long enough to look at" * 50, "not a usable database"),
        (b"SQLite format 3\x00" + b"\xff" * 5000, "not a usable database"),
    ],
)
def test_a_file_that_is_no_database_is_named_and_left_alone(path, content, found):
    path.write_bytes(content)
    for opens in (Store, Reader):
        with pytest.raises(StoreError) as caught:
            opens(path)
        assert str(path) in str(caught.value)
        assert found in caught.value.found
    assert path.read_bytes() == content


def test_a_database_of_something_else_is_left_alone(path):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine (x)")
    connection.commit()
    connection.close()
    content = path.read_bytes()
    for opens in (Store, Reader):
        with pytest.raises(StoreError, match="a database of something else; expected a store made by otsensor"):
            opens(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(("version", "whose"), [(VERSION + 1, "a newer otsensor"), (OLDEST - 1, "an older otsensor")])
def test_another_schema_is_left_alone(path, version, whose):
    Store(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    for opens in (Store, Reader):
        with pytest.raises(StoreError, match=f"schema version {version}, made by {whose}; expected version {VERSION}"):
            opens(path)


def test_a_store_of_the_last_schema_is_read_as_it_is_and_brought_up_to_date_when_it_is_written(path):
    with Store(path) as store:
        store.behaviour(behaviour())
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE messages")
    connection.execute(f"PRAGMA user_version = {OLDEST}")
    connection.close()
    assert len(read(path, "behaviours")) == 1
    with Store(path) as store:
        store.behaviour(behaviour(server=3))
    assert len(read(path, "behaviours")) == 2
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (0,)


def test_a_table_with_other_columns_is_noticed(path):
    Store(path).close()
    connection = sqlite3.connect(path)
    connection.execute("ALTER TABLE flows ADD COLUMN more TEXT")
    connection.close()
    with pytest.raises(StoreError, match="table flows with 34 columns; expected 33 columns"):
        Store(path)


def test_paths_that_cannot_be_used(tmp_path):
    with pytest.raises(StoreError, match="is a folder; expected a file"):
        Store(tmp_path)
    with pytest.raises(StoreError, match="unable to open database file"):
        Store(tmp_path / "none" / "x.db")
    with pytest.raises(StoreError, match="is not there; expected a store made by --db"):
        Reader(tmp_path / "none.db")
    (tmp_path / "empty.db").touch()
    with pytest.raises(StoreError, match="an empty file"):
        Reader(tmp_path / "empty.db")


def test_a_store_on_a_medium_that_cannot_be_written_is_read(path, tmp_path):
    with Store(path) as store:
        store.health({"frames": 7})
    with disk(tmp_path / "evidence") as medium:
        shutil.copy(path, medium / "case.db")
        make_read_only(medium)
        assert [row["value"] for row in read(medium / "case.db", "health")] == [7]
        assert [one.name for one in medium.iterdir()] == ["case.db"]


def test_a_store_somebody_else_writes_to_is_said_to_be_in_use(path, monkeypatch):
    monkeypatch.setattr("sensor.store.database.BUSY_SECONDS", 0.05)
    Store(path).close()
    other = open_for_writing(path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="in use by another process"):
        Store(path)
    other.rollback()
    other.close()


def test_a_failed_batch_is_told_and_leaves_no_half(path):
    store = Store(path)
    store.behaviour(behaviour())
    store._pending["flows"] = [("too", "few")]
    with pytest.raises(StoreError, match=pathlib.Path(path).name):
        store.commit()
    assert read(path, "behaviours") == []
    store._pending.clear()
    store._waiting = 0
    store.close()


@pytest.mark.parametrize("kind", ["behaviours", *KINDS])
def test_every_kind_can_be_read_from_an_empty_store(path, kind):
    Store(path).close()
    assert len(read(path, kind)) == (1 if kind == "runs" else 0)


def test_a_path_with_odd_letters(tmp_path):
    path = tmp_path / "plant #1?mode=x %41.db"
    with Store(path) as store:
        store.behaviour(behaviour())
    assert len(read(path, "behaviours")) == 1


def test_tables_have_distinct_columns():
    assert all(len(set(table.names)) == len(table.names) for table in TABLES)
