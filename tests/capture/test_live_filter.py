"""Filters in tcpdump's syntax, and what they mean where the kernel has taken the outer tag off."""

import ctypes
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.capture.live import bpf
from sensor.capture.live import filter as filters
from sensor.capture.live.errors import LiveError
from tests.capture.forging import MACS, ipv4, ipv6, tag
from tests.capture.machine import run

SNAP = 65535


@pytest.fixture(autouse=True, scope="module")
def libpcap():
    try:
        filters.loaded()
    except LiveError as error:
        pytest.skip(str(error))


MODBUS = ipv4("10.0.0.1", "10.0.0.2")
SSH = ipv4("10.0.0.1", "10.0.0.2", (22, 40000))
ARP = b"\x08\x06" + bytes(46)


def verdict(text, frame):
    """What the kernel makes of a frame of the wire: its outer tag stands beside it."""
    program = filters.compiled(text, 1, SNAP)
    if frame[12:14] in (b"\x81\x00", b"\x88\xa8"):
        tpid, tci = struct.unpack_from(">HH", frame, 12)
        around = {bpf.AD_VLAN_TAG_PRESENT: 1, bpf.AD_VLAN_TAG: tci, bpf.AD_VLAN_TPID: tpid}
        return run(program, frame[:12] + frame[16:], around) > 0
    return run(program, frame) > 0


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        # untagged Modbus, tagged Modbus, untagged SSH, tagged SSH, Modbus in two tags, ARP
        ("", "yes yes yes yes yes yes"),
        ("  ", "yes yes yes yes yes yes"),
        ("tcp port 502", "yes yes no no no no"),
        ("not port 22", "yes yes no no yes yes"),
        ("vlan", "no yes no yes yes no"),
        ("not vlan", "yes no yes no no yes"),
        ("vlan 100", "no yes no yes yes no"),
        ("vlan 7", "no no no no no no"),
        ("vlan and tcp port 502", "no yes no no no no"),
        ("tcp port 502 or (vlan and tcp port 502)", "yes yes no no no no"),
        ("vlan 100 and vlan 10", "no no no no yes no"),
        ("vlan 100 and vlan 10 and port 502", "no no no no yes no"),
        ("vlan and ether[14] & 0xe0 = 0x20", "no yes no yes no no"),  # priority 1
        ("vlan and ether[15] = 100", "no yes no yes yes no"),
        ("vlan and greater 58", "no yes no yes yes no"),
        ("arp or host 10.0.0.9", "no no no no no yes"),
        ("ether host 02:00:00:00:00:01", "yes yes yes yes yes yes"),
    ],
)  # fmt: skip
def test_what_a_filter_takes(text, taken):
    frames = [MODBUS, tag(0x2064) + MODBUS, SSH, tag(0x2064) + SSH, tag(100, 0x88A8) + tag(10) + MODBUS, ARP]
    assert ["yes" if verdict(text, MACS + frame) else "no" for frame in frames] == taken.split()


ASKED = [
    "vlan", "vlan 5 and udp", "vlan and net 10.0.0.0/8 and tcp[13] & 2 != 0", "ip or (vlan and ip6 and tcp)",
    "vlan 5 or vlan 6", "not (vlan and port 22)", "vlan and len > 70", "vlan and ether[13] = 0",
]  # fmt: skip


@given(
    st.sampled_from(ASKED),
    st.lists(st.sampled_from([tag(5), tag(6, 0x88A8), tag(0x3005)]), max_size=3).map(b"".join),
    st.sampled_from([MODBUS, SSH, ARP, ipv6("fe80::1", "fe80::2")]) | st.binary(min_size=2, max_size=60),
)
def test_a_filter_that_says_vlan_takes_what_it_would_take_of_a_file(text, tags, rest):
    frame = MACS + tags + rest
    whole = bpf.pack(filters.by_libpcap(text, 1, SNAP))
    assert verdict(text, frame) == (run(whole, frame) > 0)


def test_bytes_over_the_edge_of_the_tag_are_refused():
    with pytest.raises(LiveError, match=r"4 bytes at offset 12 of the frame; expected bytes that do not reach"):
        filters.compiled("vlan and ether[12:4] = 5", 1, SNAP)


def test_the_snap_length_is_the_programs_result():
    assert run(filters.compiled("", 1, 96), MACS + MODBUS) == 96
    assert run(filters.compiled("tcp", 1, 96), MACS + MODBUS) == 96


def test_a_wrong_filter_is_refused_with_the_words_of_libpcap():
    with pytest.raises(LiveError, match=r"^filter 'port 99999': illegal port number 99999 > 65535; expected tcpdump's"):
        filters.compiled("port 99999", 1, SNAP)
    with pytest.raises(LiveError, match="syntax error"):
        filters.compiled("tcp port", 1, SNAP)


@pytest.mark.parametrize("name", ["plc1", "plc1.plant.local", "bad.cafe", "dead-beef", "1e100.net"])
def test_a_name_is_refused_before_anybody_could_look_it_up(name, monkeypatch):
    monkeypatch.setattr(filters, "by_libpcap", None)
    with pytest.raises(LiveError, match=f"the name '{name}'; expected an address: names are not looked up"):
        filters.compiled(f"not host {name}", 1, SNAP)


@pytest.mark.parametrize(
    "text",
    [
        "host fe80::1 or net 2001:db8::/32", "ether host 02-00-00-00-00-01", "ether host 0200.0000.0001",
        "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "icmp[icmptype] = icmp-echo", "port http", "ip proto \\tcp",
        "tcp[0:2]-1=0x1f6", "portrange 502-510", "net 10", "ip[2:2]-20>5", "(port 502)and(not host 10.0.0.1)",
    ],
)  # fmt: skip
def test_numbers_addresses_and_words_of_the_language_are_no_names(text):
    assert filters.compiled(text, 1, SNAP)


def test_where_libpcap_is_missing_its_package_is_named(monkeypatch):
    def missing(_name):
        raise OSError("cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    with pytest.raises(
        LiveError, match=r"libpcap, which compiles it, is not installed; expected apt install libpcap0\.8"
    ):
        filters.compiled("tcp", 1, SNAP)
    assert filters.compiled("", 1, SNAP)  # no filter needs none


def test_a_filter_that_is_too_long_is_refused():
    with pytest.raises(LiveError, match="5000 characters; expected at most 4096"):
        filters.compiled("tcp  " * 1000, 1, SNAP)


def test_a_program_that_the_kernel_would_refuse_for_its_length_is_refused_before(monkeypatch):
    monkeypatch.setattr(filters, "by_libpcap", lambda *_: [bpf.Instruction(bpf.RET | bpf.K, 1)] * 2048)
    assert filters.compiled("tcp", 1, SNAP)
    with pytest.raises(LiveError, match="4099 instructions of the kernel; expected at most 4096"):
        filters.compiled("vlan", 1, SNAP)
