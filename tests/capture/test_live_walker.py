"""The walk over ring blocks: what the kernel writes, and what it never would."""

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sensor.capture.live.ringwalker import RingWalker
from sensor.decode.decoder import Decoder
from tests.capture.forging import GLUED, HARDWARE, MACS, TPID, UNFINISHED, VLAN, Forged, records, ring_block

PLAIN = MACS + b"\x08\x00" + bytes(range(60))


def walked(block, interface=0, ethernet=True):
    walker = RingWalker(interface, ethernet)
    walker.walk(block)
    found = [
        (time, walker.data[at : at + captured], original, number)
        for time, at, captured, original, number in records(walker.index)
    ]
    assert len(found) == walker.frames
    return walker, found


def test_frames_stand_where_the_kernel_put_them_and_no_byte_is_copied():
    block = ring_block([Forged(PLAIN, nanoseconds=7), Forged(PLAIN[:20], seconds=5, original=99)])
    walker, found = walked(block, interface=3)
    assert found == [(1_700_000_000_000_000_007, PLAIN, len(PLAIN), 3), (5_000_000_000, PLAIN[:20], 99, 3)]
    assert walker.data is block
    assert (walker.truncated, walker.damaged, walker.tagged) == (1, 0, 0)
    assert walker.last_time == 5_000_000_000


def test_a_tag_stands_behind_the_macs_again():
    frames = [
        Forged(PLAIN),
        Forged(PLAIN, status=VLAN | TPID, tci=0x2064, tpid=0x88A8, original=1500),
        Forged(PLAIN, status=VLAN, tci=0x0005, tpid=0x9999),  # without TPID_VALID the field means nothing
        Forged(PLAIN),
    ]
    walker, found = walked(ring_block(frames))
    assert [frame[1] for frame in found] == [
        PLAIN,
        MACS + bytes.fromhex("88a82064") + PLAIN[12:],
        MACS + bytes.fromhex("81000005") + PLAIN[12:],
        PLAIN,
    ]
    assert [frame[2] for frame in found] == [len(PLAIN), 1504, len(PLAIN) + 4, len(PLAIN)]
    assert (walker.tagged, walker.truncated, walker.damaged) == (2, 1, 0)


def test_the_inner_tag_of_two_stays_inside():
    inner = MACS + bytes.fromhex("8100000a") + PLAIN[12:]
    _, found = walked(ring_block([Forged(inner, status=VLAN | TPID, tci=100, tpid=0x88A8)]))
    assert found[0][1] == MACS + bytes.fromhex("88a80064" + "8100000a") + PLAIN[12:]


def test_a_priority_tag_is_put_back_too():
    _, found = walked(ring_block([Forged(PLAIN, status=VLAN | TPID, tci=0xE000, tpid=0x8100)]))
    assert found[0][1][12:16] == bytes.fromhex("8100e000")


@pytest.mark.parametrize(("ethernet", "body"), [(False, PLAIN), (True, PLAIN[:11])])
def test_where_no_macs_are_a_tag_has_no_place(ethernet, body):
    walker, found = walked(ring_block([Forged(body, status=VLAN | TPID, tci=1, tpid=0x8100)]), ethernet=ethernet)
    assert [frame[1] for frame in found] == [body]
    assert walker.tagged == 0


def test_what_offloads_did_is_counted():
    statuses = [0, UNFINISHED, GLUED, UNFINISHED | GLUED, HARDWARE]
    walker, found = walked(ring_block([Forged(PLAIN, status=status) for status in statuses]))
    assert len(found) == 5
    assert (walker.unfinished, walker.glued, walker.hardware) == (2, 2, 1)


def test_a_time_of_zero_becomes_the_first_nanosecond_and_the_latest_one_stays():
    latest = 0xFFFF_FFFF
    _, found = walked(ring_block([Forged(PLAIN, seconds=0), Forged(PLAIN, seconds=latest, nanoseconds=latest)]))
    assert [frame[0] for frame in found] == [1, latest * 10**9 + latest]


def changed(block, offset, value):
    return block[:offset] + struct.pack("=I", value) + block[offset + 4 :]


TWO = ring_block([Forged(PLAIN), Forged(PLAIN)])
SECOND = 48 + struct.unpack_from("=I", TWO, 48)[0]


@pytest.mark.parametrize(
    ("block", "there"),
    [
        (b"", 0),
        (TWO[:47], 0),
        (changed(TWO, 16, 47), 0),  # the first frame inside the block's header
        (changed(TWO, 16, 0xFFFF_FFFF), 0),
        (changed(TWO, 12, 3), 2),  # more frames said than there are
        (changed(TWO, 48, 47), 1),  # a step into the header it starts from
        (changed(TWO, 48, 0), 1),
        (changed(TWO, 48, 0xFFFF_FFFF), 1),
        (changed(TWO, 48 + 12, len(TWO)), 0),  # longer than the block
        (changed(TWO, 48 + 12, 0xFFFF_FFFF), 0),
        (changed(TWO, 48 + 24, 51), 0),  # no room for a tag
        (changed(TWO, SECOND + 24, 0xFFFF), 1),
        (TWO[:-60], 1),
    ],
)
def test_what_leads_outside_ends_the_block_and_is_counted(block, there):
    walker, found = walked(block)
    assert len(found) == there
    assert walker.damaged == 1
    assert [frame[1] for frame in found] == [PLAIN] * there


def test_a_block_without_frames_is_none():
    walker, found = walked(ring_block([]))
    assert (found, walker.damaged) == ([], 0)


HOSTILE = st.builds(
    Forged,
    body=st.binary(max_size=80),
    seconds=st.integers(0, 0xFFFF_FFFF),
    nanoseconds=st.integers(0, 0xFFFF_FFFF),
    original=st.none() | st.integers(0, 0xFFFF_FFFF),
    status=st.integers(0, 0xFFFF_FFFF),
    tci=st.integers(0, 0xFFFF_FFFF),
    tpid=st.integers(0, 0xFFFF),
    mac=st.integers(48, 120),
)


@st.composite
def hostile_blocks(draw):
    block = bytearray(ring_block(draw(st.lists(HOSTILE, max_size=5)), count=draw(st.none() | st.integers(0, 9))))
    for _ in range(draw(st.integers(0, 4))):
        block[draw(st.integers(0, len(block) - 1))] = draw(st.integers(0, 255))
    return bytes(block[: draw(st.integers(0, len(block)))])


@given(hostile_blocks() | st.binary(max_size=300))
@example(changed(ring_block([Forged(PLAIN, status=VLAN, tci=1)] * 2), 48, 48))  # frames that lie over each other
def test_whatever_a_hostile_ring_holds_every_record_lies_within_its_block(block):
    walker = RingWalker(0, True)
    decoder = Decoder()
    for _ in range(2):
        walker.walk(block)
        assert len(walker.data) == len(block)
        for time, at, captured, original, interface in records(walker.index):
            assert 1 <= time <= 9_000_000_000_000_000_000
            assert 48 <= at <= at + captured <= len(block)
            assert captured <= original
            assert interface == 0
            decoder.decode(walker.data, at, captured, original, 1, time)
