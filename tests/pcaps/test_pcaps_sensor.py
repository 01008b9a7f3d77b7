"""What the sensor finds in the captures is what the actors did: operation by operation, outcome by outcome."""

import collections
import importlib.util
import pathlib

import pytest

from sensor.behaviour.behaviour import outcome_of
from sensor.reading import Reading

FOLDER = pathlib.Path(__file__).parents[2] / "pcaps"
CAPTURES = sorted(path.name for path in FOLDER.iterdir() if path.suffix in {".pcap", ".pcapng"})
SPOKEN = {"modbus", "dnp3", "s7comm"}
PARTS = {  # messages that belong to one deed of the story
    "connect",
    "disconnect",
    "delay_measurement",
    "select",
    "upload",
    "end_upload",
    "download_block",
    "download_ended",
    "unsolicited_response",
}
LAX = "szl_read"  # python-snap7 refuses one without an error code: only a return code in the data says so
spec = importlib.util.spec_from_file_location("plant", FOLDER / "make" / "plant.py")
plant = importlib.util.module_from_spec(spec)
spec.loader.exec_module(plant)
NAMES = {host.address: host.name for host in plant.HOSTS}


def found(name):
    """Count what the sensor found: (client, server, protocol, operation, action), outcome."""
    counts = collections.defaultdict(collections.Counter)
    for behaviour in Reading(FOLDER / name).behaviours:
        if behaviour.protocol not in SPOKEN:
            continue
        who = NAMES[behaviour.client.text], NAMES[behaviour.server.text]
        outcomes = counts[(*who, behaviour.protocol, behaviour.operation, behaviour.action)]
        outcomes["accepted"] += behaviour.accepted
        for key, count in behaviour.others.items():
            outcomes[outcome_of(key)] += count
    return {what: +outcomes for what, outcomes in counts.items()}


def told(name):
    """Count what the story tells in the same way, and return what was polled besides."""
    counts, polled = collections.defaultdict(collections.Counter), set()
    for line in (FOLDER / f"{name.rpartition('.')[0]}.story.tsv").read_text().splitlines()[1:]:
        time, actor, target, action, protocol, detail, outcome = line.split("\t")
        operation = detail.split()[0]
        if protocol not in SPOKEN or float(time) < -0.1:
            continue
        what = actor, target, protocol, operation, action
        if "every=" in detail:
            polled.add(what)
        counts[what][outcome] += 1
    return counts, polled


@pytest.mark.parametrize("name", CAPTURES)
def test_the_sensor_finds_what_was_done(name):
    seen = found(name)
    deeds, polled = told(name)
    for what, outcomes in deeds.items():
        if name == "one-way.pcap":
            assert set(seen[what]) == {"unanswered"}, what
        elif what[3] == LAX:
            assert seen[what].total() == outcomes.total(), what
        elif what in polled:
            assert seen[what]["accepted"] >= outcomes["accepted"], what
        else:
            assert seen[what] == outcomes, what


@pytest.mark.parametrize("name", [name for name in CAPTURES if name != "joined-late.pcap"])
def test_the_sensor_finds_nothing_else(name):
    deeds, _ = told(name)
    assert {what for what in found(name) if what[3] not in PARTS} - set(deeds) == set()


def test_a_late_joiner_still_sees_the_polls_and_the_operation():
    seen = found("joined-late.pcap")
    for target, protocol, operation in (
        ("intake", "modbus", "read_holding_registers"),
        ("filter", "s7comm", "read_var"),
        ("tower", "dnp3", "read"),
    ):
        assert seen["hmi", target, protocol, operation, "read"]["accepted"] >= 3
    assert seen["hmi", "tower", "dnp3", "operate", "operate"] == {"accepted": 1}
    assert {what[3] for what in seen} & {"setup_communication", "disable_unsolicited"} == set()


def test_the_mirrors_doubles_are_not_counted_twice():
    seen = found("mirror-doubled.pcap")
    assert seen["hmi", "intake", "modbus", "read_coils", "read"] == {"accepted": 7}
    assert seen["hmi", "tower", "dnp3", "write", "time_set"] == {"accepted": 1}
