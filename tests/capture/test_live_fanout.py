"""The fanout program: both directions of a pair of hosts get the same number."""

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from sensor.capture.live import bpf, fanout
from tests.capture.forging import MACS, ipv4, ipv6, tag
from tests.capture.machine import run

ARP = b"\x08\x06" + bytes(46)
HOSTS = st.integers(1, 2**32 - 1)


def number(frame):
    """What the fanout program makes of a frame: it sees it from the network header on."""
    kind = int.from_bytes(frame[12:14], "big")
    return run(fanout.program(), frame[14:], {bpf.AD_PROTOCOL: kind, "link": frame})


def both(make, one, other, *rest):
    there, back = make(one, other, *rest), make(other, one, *rest)
    return number(MACS + there), number(MACS[6:] + MACS[:6] + back)


@given(HOSTS, HOSTS, st.sampled_from([b"", tag(5), tag(9, 0x88A8)]))
def test_both_directions_and_all_fragments_of_a_pair_have_one_number(one, other, inner):
    one, other = ipaddress.IPv4Address(one), ipaddress.IPv4Address(other)
    numbers = set(both(lambda a, b: inner + ipv4(a, b), one, other))
    numbers |= set(both(lambda a, b: inner + ipv4(a, b, (1, 2), 17), one, other))
    numbers |= set(both(lambda a, b: inner + ipv4(a, b, (0, 0), 17, 0x2001), one, other))
    numbers |= set(both(lambda a, b: inner + ipv6(f"2001:db8::{a}", f"2001:db8::{b}"), one, other)) & numbers
    assert len(numbers) == 1


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**128 - 1), st.sampled_from([b"", tag(5)]))
def test_so_have_those_of_ipv6(one, other, inner):
    assert (
        len(set(both(lambda a, b: inner + ipv6(ipaddress.IPv6Address(a), ipaddress.IPv6Address(b)), one, other))) == 1
    )


def test_other_frames_go_by_their_macs():
    assert len(set(both(lambda _a, _b: ARP, 1, 2))) == 1
    assert number(MACS + ARP) != number(MACS[:11] + b"\x07" + ARP)


def test_pairs_of_one_subnet_are_spread_evenly():
    numbers = [
        number(MACS + ipv4(f"10.0.0.{hmi}", f"10.0.{plc}.1")) for hmi in (2, 4, 6, 8) for plc in range(0, 250, 2)
    ]
    for workers in (2, 3, 4):
        shares = [sum(n % workers == worker for n in numbers) / len(numbers) for worker in range(workers)]
        assert min(shares) > 0.6 / workers
