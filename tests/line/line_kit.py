"""The line as a whole: where the captures lie, readings that parse the rules once, and captures made by hand."""

from __future__ import annotations

import functools
import itertools
import os
import pathlib
import struct
import subprocess
import sys
from unittest import mock

from sensor.capture.block import RECORD
from sensor.capture.files import Captures
from sensor.detect.ruleset import RuleSet, default_rules
from sensor.reading import Options, Reading

ROOT = pathlib.Path(__file__).parents[2]
PCAPS = ROOT / "pcaps"
OWN = sorted(path.name for path in PCAPS.iterdir() if path.suffix in {".pcap", ".pcapng"})
SHARED = pathlib.Path(os.environ.get("OTSENSOR_CAPTURES", ROOT.parent / "shared" / "captures")) / "files"
STRANGERS = sorted(path.name for path in SHARED.iterdir()) if SHARED.is_dir() else []
EVERY = [*(PCAPS / name for name in OWN), *(SHARED / name for name in STRANGERS)]
ABSENT = f"the shared captures are not there ({SHARED}); name their folder in OTSENSOR_CAPTURES"

SECOND = 1_000_000_000
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


@functools.cache
def shipped_rules():
    """The rules shipped, parsed once."""
    return RuleSet.load((default_rules(),))


def shipped_rules_once():
    """While it is entered, readings with the shipped rules do not parse them again."""
    load = RuleSet.load
    shipped = shipped_rules()

    def cached(paths, words=None):
        paths = tuple(paths)
        return shipped if paths == (default_rules(),) else load(paths, words)

    return mock.patch.object(RuleSet, "load", cached)


def reading(*paths, **options):
    """A Reading of some captures with the shipped rules."""
    with shipped_rules_once():
        return Reading(list(paths), Options(**options))


def messages(path, **options):
    """Every message of a capture."""
    return list(reading(path, **options))


def deeds(path, **options):
    """What the behaviours of a capture are, without their times: identity, count, outcomes."""
    return {
        (b.client.text, b.server.text, b.protocol, b.operation, b.unit, b.target_text()): (b.count, b.outcomes())
        for b in reading(path, **options).behaviours
    }


def python():
    """A Python that, started in ROOT, imports the same sensor as these tests do."""
    return [sys.executable, *(("-P",) if sys.flags.safe_path else ())]


def command(*arguments):
    """The command line of the same sensor as these tests are about."""
    return [*python(), "-m", "sensor.cli", *map(str, arguments)]


def otsensor(*arguments, **options):
    """Run a command to its end in a process of its own; text in and out unless told otherwise."""
    options = {"text": True, "timeout": 60, "cwd": ROOT, **options}
    return subprocess.run(command(*arguments), capture_output=True, check=False, **options)


# --- Captures made by hand ----------------------------------------------------------------------------


def pcap(path, frames, start=1_700_000_000 * SECOND, step=1_000_000):
    """Write Ethernet frames, one each millisecond, or (time ns, frame)."""
    data = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1)]
    for number, one in enumerate(frames):
        time, frame = one if isinstance(one, tuple) else (start + number * step, one)
        data += [struct.pack("<IIII", time // SECOND, time % SECOND, len(frame), len(frame)), frame]
    path.write_bytes(b"".join(data))
    return path


def ip(text):
    return bytes(int(part) for part in text.split("."))


def mac_of(address):
    return b"\x00\x1b\x1b" + ip(address)[1:]


def ipv4(source, destination, protocol, payload, macs=None, number=0):
    """An Ethernet frame with an IPv4 packet."""
    from_mac, to_mac = macs or (mac_of(source), mac_of(destination))
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), number, 0x4000, 64, protocol, 0)
    return to_mac + from_mac + b"\x08\x00" + head + ip(source) + ip(destination) + payload


class Talk:
    """A TCP connection that writes its own frames: SYN, SYN and ACK, ACK, then what is said."""

    def __init__(self, client=("10.0.0.1", 50000), server=("10.0.0.2", 502), macs=None, handshake=True):
        self.ends = (client, server)
        self.macs = macs
        self.sequence = [1000, 9000]
        self.frames = []
        if handshake:
            self.segment(0, b"", SYN)
            self.segment(1, b"", SYN | ACK)
            self.segment(0, b"", ACK)

    def segment(self, direction, payload=b"", flags=ACK | PSH):
        """One segment; direction 0 is from the client."""
        (source, from_port), (destination, to_port) = self.ends[direction], self.ends[1 - direction]
        own, other = self.sequence[direction], self.sequence[1 - direction]
        acknowledged = other if flags & ACK else 0
        number = len(self.frames) + 1
        head = struct.pack(">HHIIBBHHH", from_port, to_port, own, acknowledged, 0x50, flags, 8192, number, 0)
        macs = self.macs if self.macs is None or direction == 0 else self.macs[::-1]
        self.frames.append(ipv4(source, destination, 6, head + payload, macs, number))
        self.sequence[direction] = (own + len(payload) + bool(flags & (SYN | FIN))) & 0xFFFFFFFF

    def say(self, direction, payload, cuts=()):
        """Say bytes, cut into segments at some offsets."""
        ends = [0, *sorted({cut for cut in cuts if 0 < cut < len(payload)}), len(payload)]
        for start, end in itertools.pairwise(ends):
            self.segment(direction, payload[start:end])

    def close(self):
        """End it both ways."""
        self.segment(0, b"", FIN | ACK)
        self.segment(1, b"", FIN | ACK)
        self.segment(0, b"", ACK)
        return self.frames


def datagram(client, server, payload, number=1):
    """A UDP datagram between (address, port) pairs."""
    (source, from_port), (destination, to_port) = client, server
    head = struct.pack(">HHHH", from_port, to_port, 8 + len(payload), 0)
    return ipv4(source, destination, 17, head + payload, number=number)


def modbus(transaction, unit, pdu):
    """A Modbus ADU."""
    return struct.pack(">HHHB", transaction, 0, 1 + len(pdu), unit) + pdu


def modbus_read(transaction, unit=1, address=0, count=2, function=3):
    """A request to read registers, and its answer."""
    ask = modbus(transaction, unit, struct.pack(">BHH", function, address, count))
    return ask, modbus(transaction, unit, bytes((function, 2 * count)) + bytes(2 * count))


def frames_of(path):
    """Every frame of a capture: (time ns, bytes)."""
    found = []
    for block in Captures([path]).blocks():
        for record in range(block.first, block.last):
            time, offset, size = struct.unpack_from("<qii", block.index, record * RECORD)
            found.append((time, block.data[offset : offset + size]))
    return found
