import os
import pathlib
import struct

import pytest

from sensor.decode.decoder import Decoder
from sensor.decode.kinds import KIND_NAMES
from sensor.decode.oddities import ODDITY_NAMES

CAPTURES = pathlib.Path(
    os.environ.get("OTSENSOR_CAPTURES", pathlib.Path(__file__).parents[2].parent / "shared" / "captures"),
)


def checksum(header):
    header += b"\0" * (len(header) % 2)
    total = sum(struct.unpack(f">{len(header) // 2}H", header))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


class Wire:
    """Headers built from the specifications' tables, as the network would carry them."""

    A, B = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))
    A6, B6 = bytes.fromhex("20010db8" + "00" * 11 + "01"), bytes.fromhex("20010db8" + "00" * 11 + "02")
    TO, FROM = bytes.fromhex("020000000002"), bytes.fromhex("020000000001")

    def ethernet(self, payload, ethertype=0x0800, tags=b"", to=TO, source=FROM):
        return to + source + tags + struct.pack(">H", ethertype) + payload

    def vlan(self, number, ethertype=0x8100, priority=0):
        return struct.pack(">HH", ethertype, priority << 13 | number)

    def ipv4(
        self, payload, protocol=6, source=A, to=B, *, options=b"", total=None, place=0, number=7, ttl=64, good=True
    ):
        size = 20 + len(options)
        total = size + len(payload) if total is None else total
        start = struct.pack(">BBHHHBB", 0x40 | size // 4, 0, total, number, place, ttl, protocol)
        check = checksum(start + b"\0\0" + source + to + options) ^ (0 if good else 0x5555)
        return start + struct.pack(">H", check) + source + to + options + payload

    def ipv6(self, payload, protocol=6, source=A6, to=B6, length=None):
        length = len(payload) if length is None else length
        return struct.pack(">IHBB", 0x60000000, length, protocol, 64) + source + to + payload

    def tcp(self, payload=b"", source=40000, to=502, sequence=1000, options=b"", offset=None):
        offset = 5 + len(options) // 4 if offset is None else offset
        head = struct.pack(">HHIIBBHHH", source, to, sequence, 2000, offset << 4, 0x18, 8192, 0xABCD, 0)
        return head + options + payload

    def udp(self, payload=b"", source=40000, to=20000, length=None):
        return struct.pack(">HHHH", source, to, 8 + len(payload) if length is None else length, 0x1234) + payload

    def gre(self, payload, inner, flags=0, words=b""):
        return struct.pack(">HH", flags, inner) + words + payload

    def vxlan(self, payload, number=5000, flags=0x08000000, last=0):
        return struct.pack(">II", flags, number << 8 | last) + payload

    def geneve(self, payload, inner=0x6558, number=77, options=b""):
        return struct.pack(">BBHI", len(options) // 4, 0, inner, number << 8) + options + payload

    def fragment6(self, payload, offset, more, number=9, protocol=17):
        return struct.pack(">BBHI", protocol, 0, offset | more, number) + payload


class Bench:
    """A decoder that is given one frame at a time and asked in words."""

    def __init__(self):
        self.decoder = Decoder()
        self.segment = self.decoder.segment

    def give(self, raw, link=1, captured=None, original=None, time=1, lead=0):
        captured = len(raw) if captured is None else captured
        data = b"\xee" * lead + raw[:captured] + b"\xee" * lead
        kind = self.decoder.decode(data, lead, captured, len(raw) if original is None else original, link, time)
        assert self.segment.kind == kind
        return KIND_NAMES[kind]

    @property
    def payload(self):
        return self.segment.data[self.segment.start : self.segment.end]

    @property
    def oddity(self):
        return ODDITY_NAMES[self.segment.oddity]


@pytest.fixture(scope="session")
def wire():
    return Wire()


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture(scope="session")
def new_bench():
    return Bench


@pytest.fixture(scope="session")
def captures():
    if not CAPTURES.is_dir():
        pytest.skip(f"no captures at {CAPTURES}; OTSENSOR_CAPTURES says where they are")
    return CAPTURES


@pytest.fixture(scope="session")
def frames_of():
    """Frames of one capture as the arguments of Decoder.decode."""
    from sensor.capture.raw import Raw  # noqa: PLC0415
    from sensor.capture.reader import CHUNK, Reader  # noqa: PLC0415
    from sensor.capture.source import Source  # noqa: PLC0415

    record = struct.Struct("<qiiii")

    def frames(path):
        reader = Reader(Source(0, str(path), 0), Raw(str(path), False), CHUNK)
        while (block := reader.block()) is not None:
            for i in range(block.first, block.last):
                time, offset, captured, original, interface = record.unpack_from(block.index, i * record.size)
                yield block.data, offset, captured, original, block.interfaces[interface].link_type, time
        reader.close()

    return frames
