"""Every rule shipped fires on the captures it names, and stays silent on those it names."""

import functools
import os
import pathlib
import re
import sys
from unittest import mock

import orjson
import pytest

import sensor
from sensor.alert.document import document
from sensor.detect import attack
from sensor.detect.fields import CONCERNS
from sensor.detect.rule import WORDS, slots
from sensor.detect.ruleset import RuleSet, default_rules
from sensor.vocabulary import vocabulary

HERE = pathlib.Path(__file__).parent
TREE = HERE.parents[1]
SHARED = pathlib.Path(os.environ.get("OTSENSOR_CAPTURES", TREE.parent / "shared" / "captures")) / "files"
FOLDERS = (TREE / "pcaps", HERE / "captures", SHARED)
RULES = RuleSet.load([default_rules()])
ALERTING = RULES.alerting()
FIRES = [(rule.name, capture) for rule in ALERTING for capture in rule.fires_on]
LIVE = {"sensor-silence"}  # what no capture can show: tests/guard makes it fire
SILENT = [(rule.name, capture) for rule in ALERTING for capture in rule.silent_on]


def found(name):
    return next((folder / name for folder in FOLDERS if (folder / name).is_file()), None)


def read(path):
    """Return the alerts of a capture; rules are read once for all of them."""
    with mock.patch.object(RuleSet, "load", return_value=RULES):
        return sensor.read(path).alerts


@functools.cache
def fired(name):
    """Return the names of the rules that fire on a capture."""
    path = found(name)
    if path is None:
        pytest.skip(f"the capture {name} is not here")
    return {alert.rule.name for alert in read(path)}


@pytest.mark.parametrize(("rule", "capture"), FIRES)
def test_a_rule_fires(rule, capture):
    assert rule in fired(capture)


@pytest.mark.parametrize(("rule", "capture"), SILENT)
def test_a_rule_stays_silent(rule, capture):
    assert rule not in fired(capture)


@pytest.mark.parametrize("rule", ALERTING, ids=lambda rule: rule.name)
def test_a_rule_has_captures_both_ways_that_come_with_it_and_explains_itself(rule):
    own = {capture for capture in (*rule.fires_on, *rule.silent_on) if (TREE / "pcaps" / capture).is_file()}
    assert rule.fires_on or rule.name in LIVE
    assert own & set(rule.silent_on), "no capture of ours on which it stays silent"
    assert bool(rule.techniques) != (rule.category == "health"), "a technique, but for the sensor's own health"
    assert len(rule.explanation) >= 60
    assert len(rule.response) >= 20
    assert rule.path.stem == rule.name
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", rule.name)


def test_every_rule_names_a_place_in_its_sentence():
    places = {"source", "destination", "destination.ip", "ot.health.where"}
    assert all(places & set(slots(rule.sentence)) for rule in ALERTING)
    assert all(name in WORDS or name in vocabulary() for rule in ALERTING for name in slots(rule.sentence))


def test_a_sentence_is_true_of_a_span_port_as_of_a_capture():
    assert [rule.name for rule in ALERTING if re.search(r"\bcapture\b", rule.sentence)] == []


def test_every_concern_has_its_rule():
    rules = [rule for rule in ALERTING if rule.category == "health"]
    caught = {kind: [r.name for r in rules if r.test({"ot.health.kind": kind})] for kind in CONCERNS}
    assert {kind: len(names) for kind, names in caught.items()} == dict.fromkeys(CONCERNS, 1)


def test_the_three_protocols_and_the_network_have_their_rules():
    services = [rule.service for rule in ALERTING]
    assert all(services.count(name) >= 4 for name in ("modbus", "dnp3", "s7comm"))
    assert len(ALERTING) >= 16


def test_most_rules_are_decided_once_for_a_behaviour():
    exchange = [rule for rule in RULES.rules if rule.category == "exchange"]
    assert sum(rule.identity for rule in exchange) > 0.7 * len(exchange)


def test_nothing_but_the_intruder_and_the_engineer_raises_an_alert_in_the_plant():
    path = found("plant.pcapng")
    alerts = read(path)
    effects = {"dnp3-restart-seen"}  # the control room finds what the intruder did
    sources = {alert.fields.get("source.address") for alert in alerts if alert.rule.name not in effects}
    assert sources <= {"192.168.10.66", "192.168.10.12", "f8:75:a4:3e:9d:13"}  # by ARP, a MAC speaks
    worst = [alert for alert in alerts if alert.severity >= 99]
    assert {alert.fields["source.ip"] for alert in worst} == {"192.168.10.66"}


def flat(tree, name=""):
    for key, value in tree.items():
        full = f"{name}.{key}" if name else key
        yield from flat(value, full) if isinstance(value, dict) else (full,)


@pytest.mark.parametrize("capture", ["plant.pcapng", "network-scan.pcapng", "forged-illegible.pcap"])
def test_every_field_of_every_document_is_in_the_vocabulary(capture):
    for alert in read(found(capture)):
        made = orjson.loads(orjson.dumps(document(alert, ["a.pcapng"], sequence=1)))
        assert set(flat(made)) <= set(vocabulary().fields)
        assert "unknown" not in made["event"]["reason"]
        assert made["threat"]["technique"]["id"]
        assert made["ot"]["evidence"]["frame"]


def test_forged_captures_are_those_of_their_script():
    sys.path.insert(0, str(HERE))
    import forge  # noqa: PLC0415

    made = {name: forge.pcap(frames) for name, frames in forge.captures().items()}
    assert made == {path.name: path.read_bytes() for path in (HERE / "captures").iterdir()}


def test_the_table_of_techniques_is_whole():
    table = attack.techniques()
    assert len(table) == 97
    assert table["T0855"].successor == "T1692.001"
    assert all(technique.successor in table for technique in table.values() if technique.successor)
    assert {tactic for technique in table.values() for tactic in technique.tactics} == set(attack.TACTICS)
