"""The captures are small, described, anonymous and readable, and their stories tell what is in them."""

import collections
import importlib.util
import pathlib
import re
import shutil
import struct
import subprocess
from typing import NamedTuple

import pytest

from sensor import contract

FOLDER = pathlib.Path(__file__).parents[2] / "pcaps"
CAPTURES = sorted(path.name for path in FOLDER.iterdir() if path.suffix in {".pcap", ".pcapng"})
README = (FOLDER / "README.md").read_text()
HEADER = ["time", "actor", "target", "action", "protocol", "detail", "outcome"]
LARGEST, LARGEST_PLANT = 100_000, 2_000_000
BROADCAST = b"\xff" * 6
NEEDS_TSHARK = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

spec = importlib.util.spec_from_file_location("plant", FOLDER / "make" / "plant.py")
plant = importlib.util.module_from_spec(spec)
spec.loader.exec_module(plant)
MACS = {host.name: bytes.fromhex(host.mac.replace(":", "")) for host in plant.HOSTS}


class Packet(NamedTuple):
    time: float
    data: bytes
    comment: str


class Step(NamedTuple):
    time: float
    actor: str
    target: str
    action: str
    protocol: str
    detail: str
    outcome: str

    def __str__(self):
        return f"{self.actor} > {self.target}: {self.detail} ({self.outcome})"


def blocks(data):
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert struct.unpack_from("<I", data, at + length - 4)[0] == length
        yield kind, data[at + 8 : at + length - 4]
        at += length


def options(data):
    at = 0
    while at + 4 <= len(data):
        code, length = struct.unpack_from("<HH", data, at)
        if code:
            yield code, data[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4


def read_pcapng(data):
    for kind, body in blocks(data):
        if kind == 6:
            _, high, low, kept, _ = struct.unpack_from("<IIIII", body)
            said = dict(options(body[20 + kept + -kept % 4 :])).get(1, b"").decode()
            yield Packet((high << 32 | low) / 1e9, body[20 : 20 + kept], said)


def read_pcap(data):
    assert data[:4] == bytes.fromhex("4d3cb2a1"), "little-endian with nanoseconds"
    at = 24
    while at < len(data):
        seconds, fraction, kept, _ = struct.unpack_from("<IIII", data, at)
        yield Packet(seconds + fraction / 1e9, data[at + 16 : at + 16 + kept], "")
        at += 16 + kept


def packets(name):
    data = (FOLDER / name).read_bytes()
    return list(read_pcapng(data) if name.endswith("ng") else read_pcap(data))


def story(name):
    lines = (FOLDER / f"{name.rpartition('.')[0]}.story.tsv").read_text().splitlines()
    assert lines[0].split("\t") == HEADER
    return [Step(float(words[0]), *words[1:]) for words in (line.split("\t") for line in lines[1:])]


def tshark(name, display, *fields):
    wanted = [word for field in fields for word in ("-e", field)]
    command = ["tshark", "-n", "-r", str(FOLDER / name), "-Y", display, "-T", "fields", *wanted]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return [line.split("\t") for line in told.stdout.splitlines()]


def test_readme_and_scenarios_name_each_capture():
    played = re.findall(r'Scenario\("([^"]+)"', (FOLDER / "make" / "scenarios.py").read_text())
    listed = re.findall(r"^\| \[([^]]+)\]\(\1\) \|", README, re.MULTILINE)
    assert sorted(played) == CAPTURES
    assert listed == played
    assert sorted(path.name for path in FOLDER.glob("*.story.tsv")) == sorted(
        f"{name.rpartition('.')[0]}.story.tsv" for name in CAPTURES
    )


def test_readme_names_each_host():
    for host in plant.HOSTS:
        assert f"| `{host.name}` | {host.address} | {host.mac} | {host.vendor} |" in README


@pytest.mark.parametrize("name", CAPTURES)
def test_capture_is_small_and_counted(name):
    size = (FOLDER / name).stat().st_size
    assert size < (LARGEST_PLANT if name == "plant.pcapng" else LARGEST)
    listed = re.search(rf"\[{re.escape(name)}\].*\| (\d+) \|", README)
    times = [packet.time for packet in packets(name)]
    assert len(times) == int(listed[1])
    assert times == sorted(times)


@pytest.mark.parametrize("name", [name for name in CAPTURES if name.endswith("ng")])
def test_metadata_tell_no_machine(name):
    (section, head), (interface, wire), *rest = blocks((FOLDER / name).read_bytes())
    assert (section, interface, {kind for kind, _ in rest}) == (0x0A0D0D0A, 1, {6})
    told = dict(options(head[16:]))
    assert set(told) == {1, 4}  # comment, application
    assert told[4] == b"otsensor plant"
    assert dict(options(wire[8:])) == {2: b"span0", 3: b"mirror port of the cell switch", 9: b"\x09"}


@pytest.mark.parametrize("name", CAPTURES)
def test_only_the_plant_speaks(name):
    seen = packets(name)
    assert {packet.data[6:12] for packet in seen} <= set(MACS.values())
    assert {packet.data[:6] for packet in seen} <= {*MACS.values(), BROADCAST}


@pytest.mark.parametrize("name", CAPTURES)
def test_story_speaks_the_sensors_words(name):
    steps = story(name)
    assert steps
    assert [step.time for step in steps] == sorted(step.time for step in steps)
    for step in steps:
        assert step.actor in MACS
        assert step.target in {*MACS, plant.SUBNET}
        assert step.action in contract.ACTIONS
        assert step.protocol in {"arp", "tcp", "modbus", "dnp3", "s7comm"}
        assert step.outcome in {"accepted", "refused", "unanswered", "no_answer_due"}


@pytest.mark.parametrize("name", CAPTURES)
def test_each_step_left_a_frame(name):
    seen = packets(name)
    start = seen[0].time
    sent = [(packet.time - start, packet.data[6:12], packet.data[:6]) for packet in seen]
    for step in story(name):
        if step.time < -0.1:  # before the capture began
            assert name == "joined-late.pcap"
            continue
        to = MACS.get(step.target, BROADCAST)
        assert any(
            step.time - 0.01 <= when <= step.time + 3 and (sender, receiver) == (MACS[step.actor], to)
            for when, sender, receiver in sent
        ), str(step)


@pytest.mark.parametrize("name", [name for name in CAPTURES if name.endswith("ng")])
def test_comments_repeat_the_story(name):
    said = collections.Counter(line for packet in packets(name) for line in packet.comment.splitlines())
    assert said == collections.Counter(map(str, story(name)))


def test_doubled_means_twice():
    seen = collections.Counter(packet.data for packet in packets("mirror-doubled.pcap"))
    assert all(count % 2 == 0 for count in seen.values())


def test_one_way_means_one_speaker():
    assert {packet.data[6:12] for packet in packets("one-way.pcap")} == {MACS["hmi"]}


def test_tagged_means_each_frame():
    assert {packet.data[12:16] for packet in packets("vlan.pcap")} == {bytes.fromhex("8100006e")}


@NEEDS_TSHARK
@pytest.mark.parametrize("name", CAPTURES)
def test_tshark_finds_nothing_malformed(name):
    assert tshark(name, "_ws.malformed", "frame.number", "_ws.col.Info") == []


FUNCTIONS = {
    "read_coils": 1,
    "read_holding_registers": 3,
    "write_single_coil": 5,
    "write_single_register": 6,
    "read_exception_status": 7,
    "return_query_data": 8,
    "restart_communications_option": 8,
    "force_listen_only_mode": 8,
    "clear_counters_and_diagnostic_register": 8,
    "get_comm_event_counter": 11,
    "get_comm_event_log": 12,
    "write_multiple_coils": 15,
    "write_multiple_registers": 16,
    "report_server_id": 17,
    "mask_write_register": 22,
    "read_write_multiple_registers": 23,
    "read_fifo_queue": 24,
    "read_device_identification": 43,
}


@NEEDS_TSHARK
@pytest.mark.parametrize("actor", ["engineer", "laptop"])
def test_tshark_counts_the_same_modbus_requests(actor):
    told = collections.Counter(
        (step.target, FUNCTIONS[step.detail.split()[0]])
        for step in story("plant.pcapng")
        if step.protocol == "modbus" and step.actor == actor
    )
    names = {host.address: host.name for host in plant.HOSTS}
    display = f"modbus && ip.src=={plant.address(actor)} && tcp.dstport==502"
    seen = tshark("plant.pcapng", display, "ip.dst", "modbus.func_code")
    assert collections.Counter((names[address], int(code)) for address, code in seen) == told


@NEEDS_TSHARK
def test_tshark_sees_the_stop_and_the_cold_restart():
    laptop = plant.address("laptop")
    assert len(tshark("plant.pcapng", f"s7comm.param.func==0x29 && ip.src=={laptop}", "frame.number")) == 1
    assert len(tshark("plant.pcapng", f"dnp3.al.func==13 && ip.src=={laptop}", "frame.number")) == 1
    assert len(tshark("plant.pcapng", "dnp3.al.iin.rst==1", "frame.number")) > 0
