"""Every document of every rule and every capture is what ECS 9.4.0 and the vocabulary allow, and is there once."""

import copy
import dataclasses
import pathlib
from unittest import mock

import orjson
import pytest

from sensor.config import Config
from sensor.detect.ruleset import RuleSet, default_rules
from sensor.reading import Options, Reading
from sensor.ship import documents, schema
from sensor.ship.destination import MESSAGE, STREAMS, Filter, Settings
from sensor.ship.settings import Limits
from sensor.store import tables
from sensor.store.reader import Reader
from sensor.vocabulary import vocabulary

PCAPS = pathlib.Path(__file__).parents[2] / "pcaps"
FORGED = pathlib.Path(__file__).parents[1] / "rules" / "captures"  # what no peaceful stack sends
SOURCES = {
    "alert": tables.REVISIONS,
    "asset": tables.ASSETS,
    "behaviour": tables.BEHAVIOURS,
    "flow": tables.FLOWS,
    "health": tables.REPORTS,
    "message": tables.MESSAGES,
}
EVERYTHING = Config(
    destinations=(Settings("all", "stdout", {}, Filter(frozenset((*STREAMS, MESSAGE)))),), outbox=Limits()
)
NOW = 1_800_000_000_000_000_000


def items(db, observer=None):
    """Return every item of a store."""
    found = []
    with Reader(db) as reader:
        for stream, table in SOURCES.items():
            rows = reader._select(f"SELECT * FROM {table.name} ORDER BY sequence", table.json)
            found += [documents.item(stream, row, observer) for row in rows]
    return found


def read(captures, db):
    reading = Reading(captures, Options(db=db, config=EVERYTHING))
    reading.run()
    reading.close()
    return items(db, {"observer.name": "north-1", "observer.version": "0.1.0"})


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """What all shipped captures give."""
    return read(sorted(PCAPS.glob("*.pcap*")), tmp_path_factory.mktemp("ship") / "all.db")


def test_every_document_is_valid(shipped):
    wrong = {fault for item in shipped for fault in schema.faults(documents.stamped(item, NOW, "default"))}
    assert wrong == set()
    assert {item.stream for item in shipped} == set(SOURCES)


def test_every_document_of_the_shared_captures_is_valid(shared, tmp_path):
    found = read(shared / "files", tmp_path / "shared.db")
    assert len(found) > 5000
    assert {fault for item in found for fault in schema.faults(documents.stamped(item, NOW, "default"))} == set()


def test_single_messages_are_kept_only_where_a_destination_names_them(tmp_path):
    default = dataclasses.replace(EVERYTHING, destinations=(Settings("all", "stdout", {}, Filter()),))
    for config, some in ((Config(), False), (default, False), (EVERYTHING, True)):
        db = tmp_path / f"{some}{len(config.destinations)}.db"
        reading = Reading([PCAPS / "modbus-write.pcapng"], Options(db=db, config=config))
        reading.run()
        reading.close()
        found = [item for item in items(db) if item.stream == "message"]
        assert bool(found) == some
    told = {(one.document["ot"]["action"], one.document["ot"]["outcome"]) for one in found}
    assert ("write", "accepted") in told
    assert all(one.document["ot"]["evidence"]["frame"] for one in found)


@pytest.mark.slow
def test_every_document_of_every_rule_is_valid(shared, tmp_path):
    """Each rule on a capture it must fire on, read by itself: among others, a newcomer is none."""
    rules = RuleSet.load((default_rules(),))
    folders = (PCAPS, FORGED, shared / "files")
    fired, wrong = set(), set()
    for capture in {
        next(folder / name for name in rule.fires_on for folder in folders if (folder / name).is_file())
        for rule in rules.alerting()
        if rule.fires_on
    }:
        with mock.patch.object(RuleSet, "load", return_value=rules):
            found = read([capture], tmp_path / f"{capture.name}.db")
        fired |= {item.document["rule"]["uuid"] for item in found if item.stream == "alert"}
        wrong |= {fault for item in found for fault in schema.faults(documents.stamped(item, NOW, "default"))}
    assert {rule.name for rule in rules.alerting() if rule.fires_on and rule.id not in fired} == set()
    assert wrong == set()


def test_every_counter_has_a_field_of_its_own(shipped):
    (report,) = (item.document["ot"]["health"] for item in shipped if item.stream == "health")
    assert report.get("other") is None, "say what it counts: HEALTH in sensor/ship/fields.py, then `make docs`"


def test_ids_are_unique_and_say_who_saw_it(shipped):
    ids = [item.document["event"]["id"] for item in shipped]
    assert len(set(ids)) == len(ids)
    assert {item.document["observer"]["name"] for item in shipped} == {"north-1"}
    row = {"sequence": 1, "time": 0, "counts": {"frames": 1}}
    mine, yours = (documents.item("health", row, {"observer.name": name}) for name in ("a", "b"))
    assert mine.document["event"]["id"] != yours.document["event"]["id"]


def test_the_same_capture_read_twice_gives_the_same_documents(tmp_path):
    capture = [PCAPS / "modbus-write.pcapng"]
    first, second = (read(capture, tmp_path / f"{name}.db") for name in ("first", "second"))
    assert len(first) > 5
    assert first == second


def test_an_alert_in_a_file_of_lines_has_the_id_it_is_shipped_with(tmp_path):
    lines, db = tmp_path / "alerts.json", tmp_path / "a.db"
    reading = Reading([PCAPS / "plant.pcapng"], Options(db=db, alerts=lines))
    reading.run()
    reading.close()
    told = [orjson.loads(line)["event"]["id"] for line in lines.read_bytes().splitlines()]
    assert told == [item.document["event"]["id"] for item in items(db) if item.stream == "alert"]


def test_a_flow_has_the_community_id_of_its_alerts(shipped):
    told = {
        stream: {found for item in shipped if item.stream == stream and (found := community(item))}
        for stream in ("alert", "flow")
    }
    assert len(told["alert"]) > 10
    assert told["alert"] <= told["flow"]


def community(item):
    return item.document.get("network", {}).get("community_id")


def test_a_state_has_the_subjects_id_and_grows(shipped):
    states = [state for item in shipped if (state := documents.state(item))]
    assert {state.kind for state in states} == {"alerts", "assets"}
    for state in states:
        identity = state.document["ot"]["alert" if state.kind == "alerts" else "asset"]["id"]
        assert (state.id, state.version >= 0) == (identity, True)
    versions = {}
    for state in states:
        assert state.version > versions.get(state.id, -1)
        versions[state.id] = state.version


def test_stamping_leaves_the_item_as_it_was(shipped):
    item = shipped[0]
    before = copy.deepcopy(item.document)
    stamped = documents.stamped(item, NOW, "plant")
    assert stamped["event"]["ingested"] == "2027-01-15T08:00:00.000000000Z"
    assert stamped["data_stream"] == {"type": "logs", "dataset": "otsensor.alert", "namespace": "plant"}
    assert item.document == before


def test_names_of_streams_have_no_hyphen_in_the_dataset():
    assert documents.data_stream("alert", "default") == "logs-otsensor.alert-default"
    assert documents.data_stream("health", "plant_2") == "metrics-otsensor.health-plant_2"
    assert documents.state_index("assets", "default") == "otsensor-assets-default"


@pytest.mark.parametrize(
    ("outcomes", "word"),
    [
        ({"accepted": 3}, "success"),
        ({"refused": 3}, "failure"),
        ({"accepted": 3, "refused": 1}, "unknown"),
        ({"accepted": 3, "unanswered": 1}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_an_outcome_is_said_where_all_ended_alike(outcomes, word):
    assert documents.outcome(outcomes) == word


# --- The schema itself --------------------------------------------------------------------------------


def test_what_we_take_from_ecs_is_in_ecs_with_its_type():
    ecs = schema.schema()
    assert ecs.version == "9.4.0"
    assert len(ecs.fields) == 2605
    numbers = {"float": "double", "integer": "long"}
    for field in vocabulary():
        if field.name.split(".", 1)[0] in ecs.sets():
            kind = schema.type_of(field.name)
            assert field.name in ecs.fields, field.name
            assert numbers.get(kind, kind) == field.type, field.name
            assert ecs.fields[field.name].endswith("[]") == field.many, field.name


GOOD = {"@timestamp": "2026-11-23T13:28:43.257Z", "ecs": {"version": "9.4.0"}}


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"source": {"ip": "10.0.0.1"}}, None),
        ({"source": {"ip": "10.0.0.256"}}, "source.ip is ip"),
        ({"source": {"ip": ["10.0.0.1"]}}, "source.ip is one value"),
        ({"source": {"adress": "x"}}, "source.adress is declared nowhere"),
        ({"source": {"port": "502"}}, "source.port is long"),
        ({"source": {"port": True}}, "source.port is long"),
        ({"source": {"bytes": 1 << 63}}, "source.bytes is long"),
        ({"source": {"mac": "00:1b:1b:00:00:01"}}, "source.mac is written in capitals"),
        ({"related": {"ip": "10.0.0.1"}}, "related.ip is a list"),
        ({"ot": {"action": "explode"}}, "ot.action is one of"),
        ({"ot": {"latency_ms": float("inf")}}, "ot.latency_ms is double"),
        ({"event": {"category": ["ot"]}}, "event.category is one of"),
        ({"event": {"category": ["host"], "type": ["denied"]}}, "event.type 'denied' is not expected"),
        ({"message": "\ud800"}, "message is text"),
        ({"@timestamp": "yesterday"}, "@timestamp is date"),
        ({"ecs": {}}, "ecs.version is required"),
    ],
)
def test_what_is_wrong_with_a_document_is_said(fields, fault):
    found = schema.faults({**GOOD, **fields})
    assert (found == []) if fault is None else any(one.startswith(fault) for one in found), found
