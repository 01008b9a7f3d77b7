"""DNP3 against tshark's reading of the shared captures, and the contract's invariants on the same bytes."""

from __future__ import annotations

import csv
import gzip
import io
import os
import pathlib

import dpkt
import pytest

from sensor.contract import COMPLETED, PART, STARTED, UNANSWERED
from sensor.protocols.dnp3.dissector import Dnp3Dissector
from sensor.protocols.dnp3.probe import Dnp3

CAPTURES = pathlib.Path(
    os.environ.get("OTSENSOR_CAPTURES") or pathlib.Path(__file__).parents[2].parent / "shared" / "captures"
)
FILES = sorted((CAPTURES / "truth").glob("*.dnp3.tsv.gz"))
needs_captures = pytest.mark.skipif(not FILES, reason=f"no shared captures in {CAPTURES}")
HELD = 32  # segments out of order before a gap is taken as lost


def packets(path):
    """Yield number, time, addresses, and the TCP or UDP part of each packet."""
    raw = path.read_bytes()
    file = io.BytesIO(raw)
    reader = dpkt.pcapng.Reader(file) if raw[:4] == b"\x0a\x0d\x0d\x0a" else dpkt.pcap.Reader(file)
    layer = {0: dpkt.loopback.Loopback, 228: dpkt.ip.IP}.get(reader.datalink(), dpkt.ethernet.Ethernet)
    for number, (time, frame) in enumerate(reader, 1):
        try:
            packet = layer(frame)
        except dpkt.UnpackError:
            continue
        ip = packet if isinstance(packet, dpkt.ip.IP) else packet.data
        if isinstance(ip, (dpkt.ip.IP, dpkt.ip6.IP6)) and isinstance(ip.data, (dpkt.tcp.TCP, dpkt.udp.UDP)):
            yield number, int(float(time) * 1e9), ip


class Stream:
    """One direction of a conversation: TCP order, no more."""

    def __init__(self):
        self.next = None
        self.held = {}
        self.rest = b""

    def take(self, tcp):
        """Return the bytes that are in order now, and whether some before them were lost."""
        if tcp.flags & dpkt.tcp.TH_SYN:
            self.__init__()
            self.next = tcp.seq + 1 & 0xFFFFFFFF
            return b"", False
        if tcp.data:
            if self.next is None:
                self.next = tcp.seq
            self.held.setdefault(tcp.seq, bytes(tcp.data))
        return self.drain()

    def drain(self):
        """Join what follows on; give a gap up when much has piled up behind it."""
        out, lost = b"", False
        while self.held:
            behind = [seq for seq in self.held if self.next - seq & 0xFFFFFFFF < 0x80000000]
            if not behind:
                if len(self.held) < HELD:
                    break
                lost = True
                self.next = min(self.held, key=lambda seq: seq - self.next & 0xFFFFFFFF)
                continue
            for seq in sorted(behind, key=lambda seq: seq - self.next & 0xFFFFFFFF):
                data = self.held.pop(seq)
                skip = self.next - seq & 0xFFFFFFFF
                if skip < len(data):
                    out += data[skip:]
                    self.next = seq + len(data) & 0xFFFFFFFF
        return out, lost


class Talk:
    """A conversation as the framing loop reads it."""

    def __init__(self):
        self.dissector = None
        self.streams = [Stream(), Stream()]
        self.frames = []  # number, direction, link frame
        self.results = []  # number, direction, result, exchange, bytes of the message
        self.late = []
        self.illegible = []

    def feed(self, data, direction, number, time, lost):
        stream = self.streams[direction]
        if lost:
            stream.rest = b""
            if self.dissector:
                self.dissector.gap(direction)
        data = stream.rest + data
        stream.rest = b""
        if self.dissector is None:
            if Dnp3().probe(data, 0, len(data), direction) != 1:
                return
            self.dissector = Dnp3Dissector()
        start, end = 0, len(data)
        while start < end:
            length = self.dissector.frame(data, start, end, direction)
            if length == 0 or length > end - start:
                break
            if length < 0:
                self.illegible.append((number, length))
                start = self.dissector.resync(data, start, end, direction)
                continue
            self.glance(data, start, start + length, direction, number, time)
            start += length
        stream.rest = data[start:]

    def glance(self, data, start, end, direction, number, time):
        dissector = self.dissector
        self.frames.append((number, direction, data[start:end]))
        result = dissector.glance(data, start, end, direction, time)
        whole = dissector.whole or data[start:end]
        self.results.append((number, direction, result, dissector.exchange, whole))
        self.late += dissector.late
        dissector.late = []


def read(path):
    """Return the conversations of a capture file."""
    talks = {}
    for number, time, ip in packets(path):
        part = ip.data
        key = (ip.src, part.sport, ip.dst, part.dport)
        direction = 0 if key in talks else 1 if (*key[2:], *key[:2]) in talks else 0
        talk = talks.setdefault(key if direction == 0 else (*key[2:], *key[:2]), Talk())
        if isinstance(part, dpkt.udp.UDP):
            talk.streams[direction].rest = b""
            talk.feed(bytes(part.data), direction, number, time, False)
            continue
        data, lost = talk.streams[direction].take(part)
        if data or lost:
            talk.feed(data, direction, number, time, lost)
    found = [talk for talk in talks.values() if talk.dissector]
    for talk in found:
        talk.dissector.finish()
        talk.late += talk.dissector.late
    return found


_read = {}


def talks_of(truth):
    """Read the capture that belongs to a truth file, once."""
    name = truth.name.removesuffix(".dnp3.tsv.gz")
    if name not in _read:
        _read[name] = read(CAPTURES / "files" / name)
    return _read[name]


def messages_of(talk):
    """Yield number, result, exchange and the dissected message of everything but parts."""
    for number, direction, result, exchange, whole in talk.results:
        if result != PART:
            yield number, result, exchange, talk.dissector.dissect(whole, 0, len(whole), direction, b"")


# --- The truth -----------------------------------------------------------------------------------------


def rows(truth):
    """Read what tshark said, by packet number."""
    with gzip.open(truth, "rt", newline="") as file:
        return {int(row["frame.number"]): row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}


def link_columns(frame):
    """Say of a link frame what tshark says of it."""
    control = frame[3]
    said = {
        "dnp3.len": frame[2],
        "dnp3.ctl": control,
        "dnp3.ctl.dir": control >> 7,
        "dnp3.ctl.prm": control >> 6 & 1,
        "dnp3.ctl.prifunc" if control & 0x40 else "dnp3.ctl.secfunc": control & 15,
        "dnp3.dst": int.from_bytes(frame[4:6], "little"),
        "dnp3.src": int.from_bytes(frame[6:8], "little"),
    }
    if len(frame) > 10:
        octet = frame[10]
        said |= {"dnp3.tr.fir": octet >> 6 & 1, "dnp3.tr.fin": octet >> 7, "dnp3.tr.seq": octet & 63}
    return said


def application_columns(message):
    """Say of one fragment what tshark says of it; None is a value it does not show."""
    control = message.control
    return {
        "dnp3.al.fir": [control >> 7],
        "dnp3.al.fin": [control >> 6 & 1],
        "dnp3.al.con": [control >> 5 & 1],
        "dnp3.al.uns": [control >> 4 & 1],
        "dnp3.al.seq": [control & 15],
        "dnp3.al.func": [message.function],
        "dnp3.al.iin": [message.fields()["dnp3.iin"]] if message.iin >= 0 else [],
        # tshark writes the strings of groups 110 and 111 without their variation, which is their length
        "dnp3.al.obj": [
            header.group << 8 | (0 if header.group in (110, 111) else header.variation) for header in message.headers
        ],
        "dnp3.al.objq.prefix": [header.qualifier >> 4 & 7 for header in message.headers],
        "dnp3.al.objq.range": [header.qualifier & 15 for header in message.headers],
        "dnp3.al.range.start": [header.first for header in message.headers if header.first >= 0],
        "dnp3.al.range.stop": [header.last for header in message.headers if header.first >= 0],
        "dnp3.al.range.quantity": [
            header.count for header in message.headers if header.first < 0 and header.count >= 0
        ],
        "dnp3.al.ctrlstatus": [control.status for control in message.controls],
    }


def fragments_of(talk):
    """Yield the number of the packet that completes it, and the frames, of each fragment or link frame."""
    held = {}
    for number, direction, frame in talk.frames:
        if len(frame) == 10:
            continue
        key = (direction, frame[4:8])
        if frame[10] & 0x40:
            held[key] = b""
        if key in held:
            held[key] += frame
            if frame[10] & 0x80:
                yield number, direction, held.pop(key)


def values(text):
    """Read one cell of the truth."""
    return [int(value, 0) for value in text.split(",") if value]


# Where tshark 4.0 and we differ, tshark is wrong or says less: (capture, packet): why.
OBJECTS = ("dnp3.al.obj", "dnp3.al.objq.prefix", "dnp3.al.objq.range", "dnp3.al.range.start", "dnp3.al.range.stop",
           "dnp3.al.range.quantity", "dnp3.al.ctrlstatus")  # fmt: skip
NO_OBJECTS = {18, 22, 32, 33, 131}  # functions whose objects tshark does not dissect
FAULTS = {
    # g51v2 (unsynchronised common time): tshark stops behind it; g2v3 or g4v3 follows, as its conformance test says
    "8.14.2.14": (10, 16),
    "8.22.2.12": (10,),
    # aggressive mode: tshark stops behind g120v3; the control and its g120v9 follow
    "operate_aggressive_mode": (1,),
    # g112v0: tshark calls 65,536 empty strings malformed and stops; they are odd, but the next headers can be read
    "write_vto_empty_string": (2,),
}


def is_fault(truth, number, column, row):
    """Return whether tshark is known to say less here than there is."""
    if column not in (*OBJECTS, "dnp3.al.iin"):
        return False
    functions = set(values(row["dnp3.al.func"]))
    if functions & NO_OBJECTS and (column in OBJECTS or 131 in functions):  # nor the indications of function 131
        return True
    return any(part in truth.name and number in numbers for part, numbers in FAULTS.items())


def ours_of(truth):
    """Return what we say by packet and column."""
    ours = {}
    for talk in talks_of(truth):
        for number, _, frame in talk.frames:
            for column, value in link_columns(frame).items():
                ours.setdefault(number, {}).setdefault(column, []).append(value)
        for number, direction, frames in fragments_of(talk):
            message = talk.dissector.dissect(frames, 0, len(frames), direction, b"")
            if message.function >= 0:
                for column, said in application_columns(message).items():
                    ours[number].setdefault(column, []).extend(said)
    return ours


# Packets that tshark dissects though TCP has them already (doubled, sent again), or that lie where TCP's order is
# lost for good; which of them are read is the flow's business.
REPEATED = {"ntop__nDPI": 28, "qut-infosec": 46}


@needs_captures
@pytest.mark.parametrize("truth", FILES, ids=lambda path: path.name[:-12])
def test_tshark_says_the_same(truth):
    ours, theirs = ours_of(truth), rows(truth)
    columns = {column for said in ours.values() for column in said}
    missing = theirs.keys() - ours.keys()
    assert len(missing) <= next((count for name, count in REPEATED.items() if truth.name.startswith(name)), 0)
    compared = 0
    for number, row in theirs.items():
        if number in missing:
            continue
        for column in columns:
            said = ours[number].get(column, [])
            if values(row[column]) != said:
                assert is_fault(truth, number, column, row), (number, column, row[column], said)
            compared += 1
    assert compared > 0 or not ours


@needs_captures
def test_tshark_and_we_compared_enough():
    assert len(FILES) >= 78
    assert sum(len(ours_of(truth)) for truth in FILES) > 2_400


# --- The contract's invariants ---------------------------------------------------------------------------


def all_talks():
    return [talk for truth in FILES for talk in talks_of(truth)]


@needs_captures
def test_what_is_odd_is_significant():
    odd = 0
    for talk in all_talks():
        for _, _, exchange, message in messages_of(talk):
            if message.anomalies:
                odd += 1
                assert exchange is None or exchange.significant
                # without an exchange of its own it repeats, byte for byte, a request that waits
                assert exchange is not None or message.kind == "request"
    assert odd > 20


@needs_captures
def test_a_shape_has_one_identity():
    identities = {}
    for talk in all_talks():
        for _, _, exchange, _ in messages_of(talk):
            if exchange is None:
                continue
            told = exchange.request or exchange.response
            direction = exchange.client if exchange.request else 1 - exchange.client
            if told:
                message = talk.dissector.dissect(told, 0, len(told), direction, b"")
                identity = (message.operation, message.unit, ", ".join(map(str, message.targets)))
                assert identities.setdefault(exchange.shape, identity) == identity
    assert len(identities) > 60


@needs_captures
def test_every_exchange_ends_once():
    for talk in all_talks():
        started = [id(exchange) for _, _, result, exchange, _ in talk.results if result == STARTED]
        completed = [id(exchange) for _, _, result, exchange, _ in talk.results if result == COMPLETED]
        late = [id(exchange) for exchange in talk.late if exchange.outcome == UNANSWERED]
        assert sorted(started) == sorted(completed + late)


@needs_captures
def test_known_scenarios():
    noted = {}
    for truth in FILES:
        for talk in talks_of(truth):
            for _, _, exchange, message in messages_of(talk):
                kinds = set(message.anomalies) | set((exchange and exchange.anomalies) or [])
                noted.setdefault(truth.name, set()).update(kinds)
            for exchange in talk.late:
                noted.setdefault(truth.name, set()).update(exchange.anomalies or [])

    def of(part):
        return next(kinds for name, kinds in noted.items() if part in name)

    assert of("8.2.1.2.1_") == set()
    assert of("8.2.1.2.7_") == of("8.4.1.2.5_") == {"select_mismatch"}  # other contents, as the tests' titles say
    assert of("8.4.1.2.11_") == {"operate_without_select"}
    assert of("6.6.2.3_") == {"link_data_mismatch"}
    assert of("too-long-reassembly") == {"unfinished_fragment"}
    assert of("8.6.3.2_") == {"unknown_object"}  # reads g0v0, which there is not
    assert of("bro_dnp3_dnp3.pcap") >= {"unknown_object", "qualifier_not_allowed", "device_restarted"}
    quiet = [name for name, kinds in noted.items() if not kinds]
    assert len(quiet) > 55
