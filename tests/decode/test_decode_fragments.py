"""Fragments: whole again in any order, bounded in every way, and never beyond a datagram's end."""

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.decode.fragments import MAX_AGE, MAX_BYTES, MAX_DATAGRAMS, MAX_PIECES

MORE = 0x2000
PAYLOAD = bytes(range(256)) * 4


@pytest.fixture
def part4(wire):
    def build(datagram, start, stop, number=7, last=None, tags=b""):
        more = stop < len(datagram) if last is None else not last
        place = start // 8 | (MORE if more else 0)
        return wire.ethernet(wire.ipv4(datagram[start:stop], 17, number=number, place=place), tags=tags)

    return build


@pytest.fixture
def part6(wire):
    def build(datagram, start, stop):
        header = wire.fragment6(datagram[start:stop], start, stop < len(datagram))
        return wire.ethernet(wire.ipv6(header, 44), 0x86DD)

    return build


@pytest.fixture(params=["part4", "part6"])
def part(request):
    return request.getfixturevalue(request.param)


CUTS = [(0, 200), (200, 600), (600, 1000), (1000, 1032)]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_whole_again_in_any_order(bench, wire, part, order):
    datagram = wire.udp(PAYLOAD)
    kinds = [bench.give(part(datagram, *CUTS[i]), lead=5) for i in order]
    assert kinds == ["fragment", "fragment", "fragment", "udp"]
    s = bench.segment
    assert bench.payload == PAYLOAD
    addresses = wire.A + wire.B if s.version == 4 else wire.A6 + wire.B6
    assert s.key == addresses + struct.pack(">HH", 40000, 20000)
    assert s.frame[s.mac_at : s.mac_at + 6] == wire.TO
    assert (bench.oddity, bench.decoder.fragments.waiting, bench.decoder.fragments.cost) == ("", {}, 0)
    assert bench.decoder.kinds() == {"fragment": 3, "udp": 1}


@given(
    size=st.integers(1, 400),
    cuts=st.sets(st.integers(1, 60), max_size=8),
    order=st.randoms(use_true_random=False),
    repeats=st.integers(0, 3),
)
def test_any_cutting_in_any_order_gives_the_datagram_once(wire, new_bench, size, cuts, order, repeats):
    bench = new_bench()
    datagram = wire.udp(bytes(i & 0xFF for i in range(size)))
    edges = [0, *sorted(c * 8 for c in cuts if c * 8 < len(datagram)), len(datagram)]
    parts = list(itertools.pairwise(edges))
    if len(parts) < 2:
        return
    order.shuffle(parts)
    parts[-1:-1] = parts[:-1][:repeats]
    kinds = []
    for start, stop in parts:
        place = start // 8 | (MORE if stop < len(datagram) else 0)
        kinds.append(bench.give(wire.ethernet(wire.ipv4(datagram[start:stop], 17, place=place))))
    assert kinds == ["fragment"] * (len(parts) - 1) + ["udp"]
    assert bench.payload == datagram[8:]
    assert bench.decoder.counts() == {}


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 6), st.booleans()), min_size=1, max_size=12))
def test_what_came_first_stays(wire, new_bench, pieces):
    """Against the plainest model there is: a byte array and who wrote each byte first."""
    bench = new_bench()
    model, size, clash = {}, None, False
    for number, (start, length, last) in enumerate(pieces):
        offset, body = start * 8, bytes([number + 1]) * (length * 8)
        stop = offset + len(body)
        kind = bench.give(wire.ethernet(wire.ipv4(body, 99, place=start | (0 if last else MORE))))
        if start == 0 and last:
            assert kind == "other_ip"  # never was a fragment
            continue
        reach = max(model, default=-1) + 1
        if (size is not None and (stop != size if last else stop > size)) or (last and stop < reach):
            assert (kind, bench.oddity) == ("bad_length", "fragment_ends_differ")
            continue
        size = stop if last else size
        clash = any(at in model for at in range(offset, stop))
        for at in range(offset, stop):
            model.setdefault(at, number + 1)
        assert bench.oddity == ("fragment_overlap" if clash else "")
        if size is not None and len(model) == size:
            assert kind == "other_ip"
            assert bench.payload == bytes(model[at] for at in range(size))
            model, size = {}, None
        else:
            assert kind == "fragment"


def test_an_exact_repeat_is_no_overlap(bench, wire, part):
    datagram = wire.udp(PAYLOAD)
    for _ in range(3):
        assert bench.give(part(datagram, 0, 200)) == "fragment"
    assert bench.decoder.counts() == {}
    assert bench.give(part(datagram, 200, 1032)) == "udp"


def test_teardrop(bench, wire, part4):
    datagram = wire.udp(PAYLOAD)
    assert bench.give(part4(datagram, 0, 400)) == "fragment"
    assert bench.give(part4(datagram, 200, 240, last=True)) == "bad_length"
    assert bench.oddity == "fragment_ends_differ"
    assert bench.give(part4(datagram, 392, 1032)) == "udp"
    assert bench.oddity == "fragment_overlap"
    assert bench.payload == PAYLOAD


@pytest.mark.parametrize(
    ("place", "size", "oddity"),
    [(0x1FFF, 40, "fragment_beyond_64k"), (MORE | 1, 0, "fragment_empty"), (MORE | 1, 12, "fragment_unaligned")],
)
def test_pieces_of_no_datagram_are_refused(bench, wire, place, size, oddity):
    assert bench.give(wire.ethernet(wire.ipv4(b"\0" * size, 17, place=place))) == "bad_length"
    assert bench.oddity == oddity
    assert bench.decoder.fragments.waiting == {}


def test_a_tiny_first_fragment_is_told_and_still_put_together(bench, wire):
    datagram = wire.tcp(b"evading")
    first = wire.ethernet(wire.ipv4(datagram[:8], 6, place=MORE))
    assert (bench.give(first), bench.oddity) == ("fragment", "fragment_tiny")
    assert bench.give(wire.ethernet(wire.ipv4(datagram[8:], 6, place=1))) == "tcp"
    assert bench.payload == b"evading"


def test_a_cut_fragment_is_not_kept(bench, wire, part4):
    assert bench.give(part4(wire.udp(PAYLOAD), 0, 200), captured=100) == "cut_short"
    assert bench.decoder.fragments.waiting == {}


def test_an_atomic_fragment_is_whole(bench, wire):
    assert bench.give(wire.ethernet(wire.ipv6(wire.fragment6(wire.udp(b"atom"), 0, 0), 44), 0x86DD)) == "udp"
    assert bench.payload == b"atom"


def test_the_same_datagram_in_two_vlans_is_two(bench, wire, part4):
    datagram = wire.udp(PAYLOAD)
    assert bench.give(part4(datagram, 0, 200, tags=wire.vlan(1))) == "fragment"
    assert bench.give(part4(datagram, 200, 1032, tags=wire.vlan(2))) == "fragment"
    assert bench.give(part4(datagram, 200, 1032, tags=wire.vlan(1))) == "udp"


def test_a_fragmented_tunnel_is_entered(bench, wire):
    inner = wire.ipv4(wire.tcp(PAYLOAD))
    outer = wire.gre(inner, 0x0800)
    assert bench.give(wire.ethernet(wire.ipv4(outer[:400], 47, place=MORE))) == "fragment"
    assert bench.give(wire.ethernet(wire.ipv4(outer[400:], 47, place=50))) == "tcp"
    assert bench.payload == PAYLOAD
    assert bench.segment.tunnel_text == "gre 10.0.0.1<>10.0.0.2"


def test_old_ones_are_given_up(bench, wire, part4):
    datagram = wire.udp(PAYLOAD)
    bench.give(part4(datagram, 0, 200), time=1)
    assert bench.give(part4(datagram, 200, 1032), time=MAX_AGE + 2) == "fragment"
    assert bench.decoder.counts() == {"fragments_expired": 1}


def test_time_running_backwards_does_no_harm(bench, wire, part4):
    datagram = wire.udp(PAYLOAD)
    bench.give(part4(datagram, 0, 200), time=10 * MAX_AGE)
    assert bench.give(part4(datagram, 200, 1032), time=1) == "udp"


def test_a_flood_stays_within_bounds(bench, wire, part4):
    datagram = wire.udp(PAYLOAD)
    fragments = bench.decoder.fragments
    for number in range(MAX_DATAGRAMS + 100):
        bench.give(part4(datagram, 0, 8, number))
    assert len(fragments.waiting) == MAX_DATAGRAMS
    assert bench.decoder.counts() == {"fragments_evicted": 100}
    assert bench.give(part4(datagram, 8, 1032, MAX_DATAGRAMS + 99)) == "udp"


def test_large_pieces_stay_within_bounds(bench, part4):
    datagram = bytes(65_000)
    for number in range(MAX_BYTES // 60_000 + 20):
        bench.give(part4(datagram, 0, 60_000, number))
    assert bench.decoder.fragments.cost <= MAX_BYTES
    assert bench.decoder.fragments.cost == sum(d.cost for d in bench.decoder.fragments.waiting.values())
    assert bench.decoder.counts()["fragments_evicted"] > 0


def test_pieces_of_one_datagram_are_bounded(bench, part4):
    datagram = bytes(MAX_PIECES * 16 + 16)
    for i in range(MAX_PIECES):
        assert bench.give(part4(datagram, i * 16, i * 16 + 8)) == "fragment"
    assert bench.give(part4(datagram, MAX_PIECES * 16, MAX_PIECES * 16 + 8)) == "bad_length"
    assert bench.oddity == "fragments_many"
