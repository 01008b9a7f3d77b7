"""Every step of every story is found by the line: who, whom, what, to which unit and target, and how it ended.

A step that asks something is found twice: as the message that asked, within seconds of its time, and in the behaviour
it belongs to. Two kinds of steps have no message in a protocol: play with ARP, and port scans; they are found as flows.
"""

import functools
import re

import pytest

from tests.line import line_kit

SUBNET = "192.168.10."
HOSTS = dict(hmi=10, historian=11, engineer=12, intake=21, booster=22, filter=23, tower=24, laptop=66)  # noqa: C408
LAPTOP = "f8:75:a4:3e:9d:13"
OUTSTATION = "10"  # the tower's link address
EARLY, LATE = 0.05, 3.0  # s: an actor notes the time before it acts, or connects first
SPACES = {
    "coil": "coil",
    "input_register": "input_register",
    "register": "holding_register",
    "fifo": "holding_register",
}
READ_CODES = {"1": "basic", "2": "regular", "3": "extended", "4": "individual"}
CLASSES = {f"g60v{number + 1}": f"class {number}" for number in range(4)}
LAX = (
    "szl_read"  # the library's controller refuses a list without an error code: only a return code in the data says so
)


class Step:
    """One line of a story, in the words of a behaviour."""

    def __init__(self, line, unit):
        when, actor, target, self.action, self.protocol, detail, self.outcome = line.split("\t")
        self.time = float(when)
        self.client, self.server = (f"{SUBNET}{HOSTS.get(name, 0)}" for name in (actor, target))
        self.operation, *self.words = detail.split()
        self.values = dict(word.split("=", 1) for word in self.words if "=" in word)
        self.unit = self.values.get("unit", OUTSTATION if self.protocol == "dnp3" else unit)
        self.targets = getattr(self, self.protocol, set)()
        self.text = line.replace("\t", " ")

    def modbus(self):
        if self.operation == "read_device_identification":
            return {f"device_id {READ_CODES[self.values['read_code']]} {self.values.get('object_id', 0)}"}
        addresses = [(name, int(text)) for name, text in self.values.items() if name.endswith("address")]
        space = next((space for word, space in SPACES.items() if word in self.operation), "")
        return {ranged(space, first, self.count(name)) for name, first in addresses}

    def count(self, name):
        if name == "read_address":
            return int(self.values["read_count"])
        values = self.values.get("values")
        return int(self.values.get("count", values.count(",") + 1 if values else 1))

    def dnp3(self):
        if "classes" in self.values:
            return {f"class {number}" for number in self.values["classes"].split(",")}
        index = self.values.get("index")
        groups = [(word, word.split("v")[0]) for word in self.words if re.fullmatch(r"g\d+v\d+", word)]
        return {CLASSES.get(word, "") or (f"{group} {index}" if index else group) for word, group in groups}

    def s7comm(self):
        if "block" in self.values:
            return {re.sub(r"(\D+)(\d+)", r"\1 \2", self.values["block"])}
        if "id" in self.values:
            return {f"SZL {self.values['id']} {self.values['index']}"}
        if "type" in self.values or "service" in self.values:
            return {self.values.get("type") or self.values["service"]}
        items = [re.fullmatch(r"(DB\d+\.DB|[QIM])B(\d+)-(\d+)", word) for word in self.words]
        return {ranged(i[1] + "B", int(i[2]), int(i[3]) - int(i[2]) + 1) for i in items if i}


def ranged(space, first, count):
    return f"{space} {first}" + (f"-{first + count - 1}" if count > 1 else "")


def story(name):
    """The steps; an S7 client's unit is the slot it has connected to."""
    lines = (line_kit.PCAPS / f"{name.rpartition('.')[0]}.story.tsv").read_text().splitlines()[1:]
    units, steps = {}, []
    for line in lines:
        slot = re.search(r"rack=(\d+) slot=(\d+)", line)
        actor = line.split("\t")[1]
        if slot:
            units[actor] = f"{slot[1]}/{slot[2]}"
        steps.append(Step(line, units.get(actor, "")))
    return steps


@functools.cache
def read(name):
    """Requests with their time since the first frame, behaviours by what identifies them, flows."""
    reading = line_kit.reading(line_kit.PCAPS / name)
    asked = [
        (*identity(m.sender.text, m.receiver.text, m), m.action, m.time)
        for m in reading
        if m.kind == "request" and m.sender is not None
    ]
    first = reading.sources[0].first_time
    behaviours = {identity(b.client.text, b.server.text, b): b for b in reading.behaviours}
    return [(*one[:-1], (one[-1] - first) / line_kit.SECOND) for one in asked], behaviours, reading.rows("flows")


def identity(client, server, of):
    return client, server, of.protocol, of.operation, of.unit, frozenset(plain(str(target)) for target in of.targets)


def plain(target):
    """A PI service is its name here; what follows is its argument."""
    return target.split()[0] if target.startswith(("_", "P_")) else target


SPOKEN = [
    pytest.param(name, step, id=f"{name}-{number}")
    for name in line_kit.OWN
    for number, step in enumerate(story(name), 2)
    if step.protocol not in ("arp", "tcp") and step.time >= -0.1  # earlier: before the capture began
]
SWEPT = [
    pytest.param(name, step, id=f"{name}-{number}")
    for name in line_kit.OWN
    for number, step in enumerate(story(name), 2)
    if step.protocol in ("arp", "tcp")
]


@pytest.mark.parametrize(("name", "step"), SPOKEN)
def test_a_step_is_found_as_a_message_and_in_its_behaviour(name, step):
    asked, behaviours, _ = read(name)
    what = (step.client, step.server, step.protocol, step.operation, step.unit, frozenset(step.targets))
    times = [when for *found, action, when in asked if tuple(found) == what and action == step.action]
    assert any(step.time - EARLY <= when <= step.time + LATE for when in times), (step.text, times[:5])
    behaviour = behaviours[what]
    assert behaviour.action == step.action
    outcomes = behaviour.outcomes()
    if name == "one-way.pcap":
        assert set(outcomes) == {"unanswered"}
    elif step.operation != LAX:
        assert outcomes.get(step.outcome), step.text


@pytest.mark.parametrize(("name", "step"), SWEPT)
def test_a_sweep_is_found_as_flows(name, step):
    _, _, flows = read(name)
    arp = [flow for flow in flows if flow["ethertype"] == 0x0806 and flow["opener"] == LAPTOP]
    if step.operation == "arp_sweep":
        (asked,) = (flow for flow in arp if flow["answerer"] == "ff:ff:ff:ff:ff:ff")
        assert asked["packets"] >= int(step.values["addresses"])
        return
    if step.operation == "arp_reply":
        assert len({flow["answerer"] for flow in arp}) >= 2
        return
    knocked = {}
    for flow in flows:
        if (flow["opener"], flow["answerer"]) == (step.client, step.server):
            knocked.setdefault(flow["answerer_port"], flow)  # the knock came before all else
    assert len(knocked) >= int(step.values["ports"])
    answered = {str(port) for port, flow in knocked.items() if flow["state"] != "reset"}
    assert answered == {step.values["open"]} - {"none"}


def test_the_plant_is_told_whole():
    assert len(story("plant.pcapng")) > 150
    asked, behaviours, _ = read("plant.pcapng")
    assert len(asked) > 1400
    told = {
        (step.client, step.server, step.protocol, step.operation)
        for step in story("plant.pcapng")
        if step.protocol not in ("arp", "tcp")
    }
    commands = {"write", "operate", "restart", "stop", "start", "program_download", "time_set"}
    done = {what[:4] for what, behaviour in behaviours.items() if behaviour.action in commands}
    assert {what for what in done if what[3] not in ("download_block", "download_ended")} <= told  # parts of a download
