"""Each header by itself, as its specification draws it; where the payload lies; what is said when it is wrong."""

import struct

import pytest

from sensor.decode.arp import arp
from sensor.decode.kinds import FLOWING, KIND_NAMES
from sensor.decode.oddities import ODDITY_NAMES


def test_every_kind_and_oddity_has_its_own_name():
    assert KIND_NAMES.index("tcp") == FLOWING
    assert len(set(KIND_NAMES)) == len(KIND_NAMES)
    assert len(set(ODDITY_NAMES)) == len(ODDITY_NAMES)


def test_tcp_over_ipv4(bench, wire):
    raw = wire.ethernet(wire.ipv4(wire.tcp(b"hello")))
    assert bench.give(raw, time=5, lead=9) == "tcp"
    s = bench.segment
    assert (s.time, s.length, s.mac_at, s.ethertype, s.vlan) == (5, len(raw), 9, 0x0800, 0)
    assert s.frame[s.mac_at : s.mac_at + 12] == wire.TO + wire.FROM
    assert (s.version, s.protocol, s.ip_id, s.ttl) == (4, 6, 7, 64)
    assert s.key == wire.A + wire.B + struct.pack(">HH", 40000, 502)
    assert (s.source_port, s.destination_port, s.sequence, s.acknowledgement) == (40000, 502, 1000, 2000)
    assert (s.flags, s.window, s.checksum, s.missing, s.oddity) == (0x18, 8192, 0xABCD, 0, 0)
    assert bench.payload == b"hello"
    assert bench.decoder.kinds() == {"tcp": 1}
    assert bench.decoder.counts() == {}


def test_udp_over_ipv4_leaves_nothing_of_the_tcp_before(bench, wire):
    bench.give(wire.ethernet(wire.ipv4(wire.tcp(b"x"))))
    assert bench.give(wire.ethernet(wire.ipv4(wire.udp(b"data"), 17))) == "udp"
    s = bench.segment
    assert (s.sequence, s.acknowledgement, s.flags, s.window, s.checksum) == (0, 0, 0, 0, 0x1234)
    assert bench.payload == b"data"


def test_the_straight_line_and_the_walk_agree(wire, new_bench):
    for raw in (
        wire.ethernet(wire.ipv4(wire.tcp(b"hello", options=b"\1" * 12))),
        wire.ethernet(wire.ipv4(wire.tcp(b"hello")), tags=wire.vlan(10)),
        wire.ethernet(wire.ipv4(wire.tcp(b"hello")), tags=wire.vlan(0, priority=6)),
        wire.ethernet(wire.ipv4(wire.udp(b"hello"), 17) + b"\0" * 18),
    ):
        straight, walked = new_bench(), new_bench()
        straight.give(raw)
        assert sum(straight.decoder.walked) == 0
        walked.decoder.walk(raw, 0, len(raw), len(raw), 1, 1)
        assert values(straight.segment) == values(walked.segment)


def values(segment):
    names = [name for name in dir(segment) if not name.startswith("_") and not callable(getattr(segment, name))]
    assert len(names) > 25
    return {name: getattr(segment, name) for name in names}


def test_padding_is_not_payload(bench, wire):
    assert bench.give(wire.ethernet(wire.ipv4(wire.tcp()) + b"\xaa" * 6)) == "tcp"
    assert bench.payload == b""
    assert bench.segment.missing == 0


def test_total_length_zero_means_to_the_end(bench, wire):
    assert bench.give(wire.ethernet(wire.ipv4(wire.tcp(b"offloaded"), total=0))) == "tcp"
    assert bench.payload == b"offloaded"


def test_udp_length_zero_means_to_the_end(bench, wire):
    assert bench.give(wire.ethernet(wire.ipv4(wire.udp(b"offloaded", length=0), 17))) == "udp"
    assert (bench.payload, bench.oddity) == (b"offloaded", "")


def test_options_are_skipped(bench, wire):
    assert bench.give(wire.ethernet(wire.ipv4(wire.tcp(b"x", options=b"\1" * 8), options=b"\1" * 40))) == "tcp"
    assert bench.payload == b"x"
    assert bench.segment.key == wire.A + wire.B + struct.pack(">HH", 40000, 502)
    assert bench.oddity == ""


@pytest.mark.parametrize("protocol", [0, 43, 60, 51, 135])
def test_ipv6_extension_headers_are_skipped(bench, wire, protocol):
    size = 16
    extension = bytes((6, size // 4 - 2 if protocol == 51 else size // 8 - 1)) + b"\0" * (size - 2)
    assert bench.give(wire.ethernet(wire.ipv6(extension + wire.tcp(b"six"), protocol), 0x86DD)) == "tcp"
    s = bench.segment
    assert (s.version, s.protocol, s.ttl, s.ip_id) == (6, 6, 64, 0)
    assert s.key == wire.A6 + wire.B6 + struct.pack(">HH", 40000, 502)
    assert bench.payload == b"six"


def test_endless_extension_headers_end(bench, wire):
    raw = wire.ethernet(wire.ipv6((b"\0\0" + b"\0" * 6) * 40, 0), 0x86DD)
    assert bench.give(raw) == "nested_too_deep"
    assert bench.oddity == "extension_headers_many"


def test_other_protocols_have_ports_of_zero(bench, wire):
    assert bench.give(wire.ethernet(wire.ipv4(b"\x08\0abcdef", 1))) == "icmp"
    assert bench.segment.key == wire.A + wire.B + b"\0\0\0\0"
    assert bench.payload == b"\x08\0abcdef"
    assert bench.give(wire.ethernet(wire.ipv6(b"\x80\0abcdef", 58), 0x86DD)) == "icmp"
    assert bench.give(wire.ethernet(wire.ipv4(b"ospf", 89))) == "other_ip"
    assert bench.payload == b"ospf"


TAGS = [
    ((), 0),
    ((10,), 0x100A),
    ((100, 10), 0x1064 << 13 | 0x100A),
    ((0, 10), 0x100A),
    ((0,), 0),
    ((1, 2, 3, 4), ((0x1001 << 13 | 0x1002) << 13 | 0x1003) << 13 | 0x1004),
    ((1, 2, 3, 4, 5), ((0x1001 << 13 | 0x1002) << 13 | 0x1003) << 13 | 0x1004),
]


@pytest.mark.parametrize(("stack", "expected"), TAGS)
def test_vlan_stack(bench, wire, stack, expected):
    kinds = (0x88A8, 0x8100, 0x9100, 0x8100, 0x8100)
    tags = b"".join(wire.vlan(number, kinds[at]) for at, number in enumerate(stack))
    assert bench.give(wire.ethernet(wire.ipv4(wire.tcp(b"x")), tags=tags)) == "tcp"
    assert bench.segment.vlan == expected
    assert bench.payload == b"x"
    assert bench.oddity == ("vlan_stack_deep" if len(stack) > 4 else "")


def test_endless_tags_end(bench, wire):
    assert bench.give(wire.ethernet(wire.ipv4(wire.tcp()), tags=wire.vlan(1) * 9)) == "nested_too_deep"


@pytest.mark.parametrize("tag", ["892f00380001", "f1c100000001", "892680000000"])
def test_redundancy_and_vntag(bench, wire, tag):
    assert bench.give(wire.ethernet(wire.ipv4(wire.tcp(b"x")), tags=bytes.fromhex(tag))) == "tcp"
    assert bench.payload == b"x"


@pytest.mark.parametrize(
    ("ethertype", "kind"),
    [(0x88CC, "lldp"), (0x8892, "profinet"), (0x88A4, "ethercat"), (0x88B8, "goose"), (0x88BA, "sampled_values"),
     (0x0806, "arp"), (0x8863, "non_ip"), (0x9999, "non_ip")],
)  # fmt: skip
def test_frames_that_are_not_ip(bench, wire, ethertype, kind):
    assert bench.give(wire.ethernet(b"payload", ethertype, wire.vlan(5))) == kind
    s = bench.segment
    assert s.key == wire.FROM + wire.TO + struct.pack(">H", ethertype)
    assert (s.ethertype, s.vlan, s.version, s.protocol) == (ethertype, 0x1005, 0, 0)
    assert bench.payload == b"payload"


def test_llc_and_snap(bench, wire):
    assert bench.give(wire.ethernet(b"\x42\x42\x03bpdu" + b"\0" * 39, 7)) == "llc"
    assert (bench.segment.ethertype, bench.payload) == (0x4242, b"\x42\x42\x03bpdu")
    assert bench.segment.key == wire.FROM + wire.TO + b"\x42\x42"
    cdp = bytes.fromhex("aaaa0300000c2000") + b"\x02\xb4rest"
    assert bench.give(wire.ethernet(cdp, len(cdp))) == "cdp"
    assert (bench.segment.ethertype, bench.payload) == (0x2000, b"\x02\xb4rest")
    snap = bytes.fromhex("aaaa030000000800") + wire.ipv4(wire.tcp(b"x"))
    assert bench.give(wire.ethernet(snap, len(snap))) == "tcp"
    assert bench.payload == b"x"


def test_llc_longer_than_its_frame(bench, wire):
    assert bench.give(wire.ethernet(b"\x42\x42\x03bpdu", 40)) == "llc"
    assert bench.oddity == "llc_length_beyond_frame"
    assert bench.segment.missing == 33


def test_mpls(bench, wire):
    ip = wire.ipv4(wire.tcp(b"x"))
    label = struct.pack(">I", 16 << 12)
    bottom = struct.pack(">I", 17 << 12 | 0x100)
    assert bench.give(wire.ethernet(label + bottom + ip, 0x8847)) == "tcp"
    assert bench.give(wire.ethernet(bottom + wire.ipv6(wire.udp(b"x"), 17), 0x8847)) == "udp"
    inner = wire.ethernet(ip, to=bytes.fromhex("0a0000000009"))
    for word in (b"", b"\0\0\0\1"):
        assert bench.give(wire.ethernet(bottom + word + inner, 0x8848)) == "tcp"
        assert bench.segment.frame[bench.segment.mac_at : bench.segment.mac_at + 6].hex() == "0a0000000009"
    assert bench.give(wire.ethernet(bottom + b"\x99unknown", 0x8847)) == "non_ip"
    assert bench.give(wire.ethernet(label * 60, 0x8847)) == "nested_too_deep"


def test_pppoe(bench, wire):
    ip = wire.ipv4(wire.tcp(b"x"))
    session = struct.pack(">BBHHH", 0x11, 0, 99, len(ip) + 2, 0x0021)
    assert bench.give(wire.ethernet(session + ip + b"\0" * 9, 0x8864)) == "tcp"
    assert bench.payload == b"x"
    assert bench.give(wire.ethernet(struct.pack(">BBHHH", 0x11, 0, 99, 6, 0xC021) + b"\1\2\0\4", 0x8864)) == "non_ip"
    assert bench.give(wire.ethernet(b"\x55" + session[1:] + ip, 0x8864)) == "non_ip"
    assert bench.oddity == "pppoe_bad"


def test_link_types(bench, wire):
    ip, ip6 = wire.ipv4(wire.tcp(b"x")), wire.ipv6(wire.tcp(b"x"))
    address = wire.FROM + b"\0\0"
    for link, raw in (
        (113, struct.pack(">HHH", 0, 1, 6) + address + b"\x08\0" + ip),
        (276, struct.pack(">HHIHBB", 0x0800, 0, 3, 1, 0, 6) + address + ip),
        (113, struct.pack(">HHH", 0, 1, 6) + address + b"\x81\0" + b"\0\x0a\x08\0" + ip),
        (101, ip), (101, ip6), (12, ip), (14, ip6), (228, ip), (229, ip6),
        (0, b"\2\0\0\0" + ip), (0, b"\0\0\0\2" + ip), (0, b"\x1e\0\0\0" + ip6), (108, b"\0\0\0\x18" + ip6),
        (9, b"\xff\x03\0\x21" + ip), (9, b"\x21" + ip), (50, b"\0\x57" + ip6),
    ):  # fmt: skip
        assert bench.give(raw, link) == "tcp", link
        assert bench.payload == b"x"
        assert bench.segment.mac_at == -1
    assert bench.give(b"anything at all", 195) == "unknown_link"
    assert bench.give(b"\0\0\0\x63" + ip, 0) == "unknown_link"
    assert bench.give(struct.pack(">HHH", 0, 824, 0) + b"\0" * 10 + ip, 113) == "unknown_link"


def test_cooked_frames_that_are_not_ip_have_a_sender_only(bench, wire):
    head = struct.pack(">HHH", 0, 1, 6) + wire.FROM + b"\0\0"
    assert bench.give(head + b"\x08\x06" + b"arp", 113) == "arp"
    assert bench.segment.key == wire.FROM + b"\0" * 6 + b"\x08\x06"
    assert bench.give(head + b"\0\x04\x42\x42\x03bpdu", 113) == "llc"
    assert bench.give(b"\xc0\x21\1\2\3\4", 9) == "unaddressed"
    assert bench.segment.key == b""


def test_what_the_snap_length_cut(bench, wire):
    raw = wire.ethernet(wire.ipv4(wire.tcp(b"0123456789")))
    assert bench.give(raw, captured=58) == "tcp"
    assert (bench.payload, bench.segment.missing, bench.oddity) == (b"0123", 6, "payload_cut")
    assert bench.give(raw, captured=54) == "tcp"
    assert (bench.payload, bench.segment.missing) == (b"", 10)
    for captured in range(54):
        assert bench.give(raw, captured=captured) == "cut_short", captured
        assert bench.segment.key == b""
    options = wire.ethernet(wire.ipv4(wire.tcp(b"0123456789", options=b"\1" * 12)))
    assert bench.give(options, captured=60) == "tcp"
    assert (bench.payload, bench.segment.missing) == (b"", 10)
    assert bench.give(wire.ethernet(wire.ipv4(wire.udp(b"0123456789"), 17)), captured=44) == "udp"
    assert (bench.payload, bench.segment.missing) == (b"01", 8)


def test_what_a_mirror_cut_without_telling(bench, wire):
    raw = wire.ethernet(wire.ipv4(wire.tcp(b"0123456789")))[:-4]
    assert bench.give(raw) == "tcp"
    assert (bench.payload, bench.segment.missing, bench.oddity) == (b"012345", 4, "ip_total_length_beyond_frame")


def test_an_end_told_by_the_header_around_is_an_end(bench, wire):
    """A broadband router that counts the link's padding into the IP length, behind a right PPPoE length."""
    ip = wire.ipv4(wire.tcp() + b"\0" * 6)
    assert bench.give(wire.ethernet(struct.pack(">BBHHH", 0x11, 0, 99, 42, 0x0021) + ip, 0x8864)) == "tcp"
    assert (bench.payload, bench.segment.missing, bench.oddity) == (b"", 0, "ip_total_length_beyond_frame")


def test_headers_that_are_wrong(bench, wire):
    tcp = wire.tcp(b"x")
    cases = (
        (wire.ethernet(b"\x65" + wire.ipv4(tcp)[1:]), "bad_header", "bad_ip_version"),
        (wire.ethernet(wire.ipv6(tcp), 0x0800), "bad_header", "bad_ip_version"),
        (wire.ethernet(wire.ipv4(tcp), 0x86DD), "bad_header", "bad_ip_version"),
        (wire.ethernet(b"\x44" + wire.ipv4(tcp)[1:]), "bad_header", "bad_ihl"),
        (wire.ethernet(wire.ipv4(tcp, total=19)), "bad_length", "ip_total_length_short"),
        (wire.ethernet(wire.ipv4(tcp, total=30)), "bad_length", "header_beyond_packet"),
        (wire.ethernet(wire.ipv4(tcp, total=30))[:46], "bad_length", "header_beyond_packet"),
        (wire.ethernet(wire.ipv4(wire.tcp(b"x", offset=4))), "bad_header", "tcp_offset_bad"),
        (wire.ethernet(wire.ipv4(wire.tcp(b"x", offset=15))), "bad_header", "tcp_offset_bad"),
        (wire.ethernet(wire.ipv4(wire.udp(b"x", length=7), 17)), "bad_length", "udp_length_bad"),
        (wire.ethernet(wire.ipv4(wire.udp(b"x", length=10), 17)), "bad_length", "udp_length_bad"),
        (wire.ethernet(wire.ipv4(wire.udp(length=4), 17, total=24)), "bad_length", "header_beyond_packet"),
        (wire.ethernet(wire.ipv4(wire.udp(b"xyz", length=9), 17)), "udp", "udp_length_mismatch"),
        (wire.ethernet(wire.ipv4(tcp, good=False)), "tcp", "bad_ipv4_checksum"),
        (wire.ethernet(wire.ipv4(tcp))[:9], "bad_length", "header_beyond_packet"),
        (b"", "bad_length", "header_beyond_packet"),
    )
    for raw, kind, oddity in cases:
        assert (bench.give(raw), bench.oddity) == (kind, oddity)
    assert sum(bench.decoder.kinds().values()) == len(cases)
    assert sum(bench.decoder.counts().values()) == len(cases)
    for raw, kind, oddity in cases[:-2]:  # a link's padding makes nothing better
        for size in (46, 60, 100):
            assert (bench.give(raw.ljust(size, b"\x55")), bench.oddity) == (kind, oddity)
    assert bench.give(wire.ethernet(wire.ipv4(wire.tcp(b"fine")))) == "tcp"
    assert bench.oddity == ""


def test_a_checksum_left_to_the_network_card_is_no_oddity(bench, wire):
    ip = wire.ipv4(wire.tcp(b"x"))
    assert bench.give(wire.ethernet(ip[:10] + b"\0\0" + ip[12:])) == "tcp"
    assert bench.oddity == ""


def test_arp():
    packet = bytes.fromhex("00010800060400020200000000010a0000010200000000020a000002")
    sender, target = (bytes.fromhex("020000000001"), b"\n\0\0\1"), (bytes.fromhex("020000000002"), b"\n\0\0\2")
    assert arp(b"ab" + packet + b"pad", 2, 30) == (2, *sender, *target)
    assert arp(packet, 0, 27) is None
    assert arp(b"\0\6" + packet[2:], 0, 28) is None
    assert arp(packet, -1, 28) is None
