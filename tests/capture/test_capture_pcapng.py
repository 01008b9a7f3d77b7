"""The pcapng format: sections, interfaces, clocks, all kinds of packets, what is said beside them, what is forged."""

import struct
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sensor.capture.clock import Clock
from sensor.capture.walker import EARLIEST, LATEST

NOW = 1_700_000_000_123_456


def test_sections_of_both_orders_with_interfaces_of_their_own(write, read_bytes):
    data = b""
    for order in "<>":
        data += write.section(order, write.option(order, 4, b"dumpcap") + write.option(order, 1, b"a note"))
        data += write.interface(order, 1, 100, write.option(order, 2, b"eth0") + write.option(order, 9, b"\x09"))
        data += write.interface(order, 113 if order == "<" else 1, 0, write.option(order, 2, b"any"))
        data += write.enhanced(NOW * 1000 + 7, b"one", order, 0, 60)
        data += write.enhanced(NOW, b"two!", order, 1)
    source, frames = read_bytes(data)
    times = [NOW * 1000 + 7, NOW * 1000] * 2
    assert [frame[0] for frame in frames] == times
    assert [frame[1:4] for frame in frames] == [
        (b"one", 60, 0), (b"two!", 4, 1), (b"one", 60, 0), (b"two!", 4, 2)
    ]  # fmt: skip
    assert [(i.link_type, i.snap_length, i.name) for i in source.interfaces] == [
        (1, 100, "eth0"), (113, 0, "any"), (1, 0, "any")
    ]  # fmt: skip
    assert (source.application, source.comments, source.damage) == ("dumpcap", ["a note", "a note"], "")
    assert source.link_types == [1, 113]


@pytest.mark.parametrize("order", ["<", ">"])
def test_every_kind_of_packet(write, read_bytes, order):
    data = write.section(order) + write.interface(order, 1, 4) + write.enhanced(NOW, b"abcd", order)
    data += write.simple(b"efgh", order, 900) + write.obsolete(NOW + 1, b"ij", order, drops=3)
    source, frames = read_bytes(data)
    assert [frame[:3] for frame in frames] == [
        (NOW * 1000, b"abcd", 4), (NOW * 1000, b"efgh", 900), (NOW * 1000 + 1000, b"ij", 2)
    ]  # fmt: skip
    assert source.oddities == {"frames without a time": 1}
    assert source.drops == 3


def test_what_is_said_beside_the_packets(write, read_bytes):
    said = write.option("<", 1, "Störung".encode()) + write.option("<", 4, struct.pack("<Q", 5))
    counts = write.option("<", 5, struct.pack("<Q", 7)) + write.option("<", 7, struct.pack("<Q", 1))
    data = write.section() + write.interface() + write.enhanced(NOW, b"a", options=said)
    data += write.statistics(0, counts) + write.statistics(0, counts) + write.statistics(9, counts)
    data += write.block("<", 4, b"names") + write.block("<", 0x77, b"") + write.enhanced(NOW, b"b")
    source, frames = read_bytes(data)
    assert [frame[1] for frame in frames] == [b"a", b"b"]
    assert source.drops == 8
    assert source.comments == ["Störung"]
    assert source.oddities == {
        "name resolution block": 1, "block of type 0x77": 1, "statistics of an unknown interface": 1
    }  # fmt: skip
    assert source.damage == ""


def test_comments_and_oddities_are_bounded(write, read_bytes):
    data = write.section() + write.interface()
    data += b"".join(write.enhanced(i, b"", options=write.option("<", 1, b"c" * 60_000)) for i in range(80))
    data += b"".join(write.block("<", 1000 + i, b"") for i in range(200))
    source, _ = read_bytes(data)
    assert (len(source.comments), max(map(len, source.comments))) == (64, 512)
    assert len(source.oddities) == 64
    assert source.oddities["further comments"] == 16


def test_a_bad_packet_costs_only_itself(write, read_bytes):
    data = write.section() + write.interface() + write.enhanced(NOW, b"good")
    data += write.enhanced(NOW, b"liar", captured=5) + write.enhanced(NOW, b"stranger", interface=1)
    data += write.block("<", 6, b"short") + write.enhanced(NOW, b"last")
    source, frames = read_bytes(data)
    assert [(frame[1], frame[5]) for frame in frames] == [(b"good", 1), (b"last", 2)]
    assert source.oddities == {"frames of an unknown interface": 1}
    assert source.damages == 2
    assert "after frame 1: 5 bytes said to be captured, its block has room for 4" in source.damage


def test_options_cannot_lead_out_of_their_block(write, read_bytes):
    data = write.section() + write.interface()
    data += write.enhanced(NOW, b"a", options=struct.pack("<HH", 1, 0xFFFF)) + write.enhanced(NOW, b"b")
    source, frames = read_bytes(data)
    assert (len(frames), source.comments) == (2, [])


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (struct.pack("<III", 6, 8, 8), "has 8 bytes, 12 to"),
        (struct.pack("<II", 6, 0xFFFFFFF0) + bytes(90), "has 4294967280 bytes, 12 to"),
        (struct.pack("<III", 99, 12, 16), "has 12 bytes at its beginning and 16 at its end"),
        (struct.pack("<IIIII", 0x0A0D0D0A, 28, 0x4D, 1, 1) + bytes(4) + struct.pack("<I", 28), "byte-order magic"),
        (struct.pack("<II", 6, 60) + bytes(10), "is cut off: 60 bytes expected, 18 there"),
    ],
)
def test_a_bad_block_ends_it_and_is_told(write, read_bytes, block, words):
    whole = write.section() + write.interface() + write.enhanced(NOW, b"good")
    source, frames = read_bytes(whole + block)
    assert [frame[1] for frame in frames] == [b"good"]
    assert source.damage.startswith(f"the block at offset {len(whole)}, after frame 1, ")
    assert words in source.damage


def test_a_later_version_is_refused(write, read_bytes):
    assert "version 2.1" in read_bytes(write.section(version=(2, 1)))[0].damage


@settings(max_examples=500, deadline=None)
@example(12, 0, 2**63 - 1)
@example(0x80, -1, 9_000_000_001)
@given(st.integers(0, 255), st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**64 - 1))
def test_clocks_against_exact_arithmetic(resolution, offset, ticks):
    digits = resolution & 0x7F
    exact = Fraction(ticks, 2**digits if resolution & 0x80 else 10**digits) * 10**9
    exact = min(exact, LATEST)  # a clock is full before its offset is applied
    exact += max(-(9 * 10**9), min(offset, 9 * 10**9)) * 10**9
    got = Clock(0, 0, resolution, offset).time(ticks >> 32, ticks & 0xFFFFFFFF)
    if ticks >= 2**63:
        assert got == LATEST
    else:
        assert -2 < got - max(EARLIEST, min(exact, LATEST)) <= 1


@given(st.integers(0, 9 * 10**9 - 1), st.integers(0, 10**9 - 1), st.sampled_from([*range(10)]))
def test_decimal_clocks_are_exact(seconds, fraction, digits):
    fraction = fraction // 10 ** (9 - digits) * 10 ** (9 - digits)
    ticks = seconds * 10**digits + fraction // 10 ** (9 - digits)
    got = Clock(0, 0, digits, 0).time(ticks >> 32, ticks & 0xFFFFFFFF)
    assert got == max(1, seconds * 10**9 + fraction)
