"""What frames tell of how they were captured."""

import struct

import pytest

from sensor.decode.capturing import LONGEST, Capturing
from sensor.decode.decoder import Decoder

TAG = b"\x81\x00\x00\x14"


def summed(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def frame(checksum, payload=b"ping", tag=b"", options=b"", protocol=6):
    """One Ethernet frame with IPv4 and TCP; `checksum`: a value, or what is written there."""
    addresses = bytes((10, 0, 0, 1, 10, 0, 0, 2))
    length = 20 + len(payload)
    tcp = struct.pack("!HHIIBBHHH", 40000, 502, 1000, 2000, 0x50, 0x18, 8192, 0, 0) + payload
    pseudo = addresses + struct.pack("!BBH", 0, 6, length)
    value = {
        "right": summed(pseudo + tcp) ^ 0xFFFF,
        "unfinished": summed(pseudo),
        "without length": summed(pseudo[:-2]),
    }.get(checksum, checksum)
    tcp = tcp[:16] + struct.pack("!H", value) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + length, 7, 0x4000, 64, protocol, 0)
    head = ip + addresses + options
    head = head[:10] + struct.pack("!H", summed(head) ^ 0xFFFF) + head[12:]
    return b"\x02" * 12 + tag + b"\x08\x00" + head + tcp


def sampled(data):
    decoder, capturing = Decoder(), Capturing()
    decoder.decode(data, 0, len(data), len(data), 1, 0)
    capturing.sample(decoder.segment)
    counts = capturing.counts()
    return counts["checksums_sampled"], counts["checksums_unfinished"]


@pytest.mark.parametrize("tag", [b"", TAG])
@pytest.mark.parametrize("payload", [b"ping", b"", b"x" * 1001 + b"y"])
@pytest.mark.parametrize(
    ("checksum", "unfinished"), [("right", 0), ("unfinished", 1), ("without length", 1), (0, 1), (0x1234, 0)]
)
def test_an_unfinished_checksum_is_told_from_a_finished_and_from_a_wrong_one(checksum, unfinished, payload, tag):
    assert sampled(frame(checksum, payload, tag)) == (1, unfinished)


@pytest.mark.parametrize("data", [frame(0, options=b"\x01" * 4), frame(0, tag=TAG * 2), frame(0)[:40]])
def test_what_would_need_a_walk_is_let_pass(data):
    assert sampled(data) == (0, 0)


def test_frames_cut_and_frames_too_long_are_counted():
    capturing = Capturing()
    capturing.unusual(60, 100)
    capturing.unusual(LONGEST + 1, LONGEST + 1)
    capturing.unusual(60, 9000)
    assert {name: capturing.counts()[name] for name in ("frames_cut", "frames_long")} == {
        "frames_cut": 2,
        "frames_long": 2,
    }
