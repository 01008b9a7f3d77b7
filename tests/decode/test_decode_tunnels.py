"""What is inside counts, the outer path is kept, and what only looks like a tunnel stays what it was."""

import struct

import pytest

from sensor.decode.tunnel import MAX_PATHS, MAX_TUNNELS

OUT, BACK = bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2))
PATH = "192.0.2.1<>192.0.2.2"


@pytest.fixture
def outer(wire):
    def build(payload, protocol, tags=b""):
        return wire.ethernet(wire.ipv4(payload, protocol, OUT, BACK), tags=tags)

    return build


@pytest.fixture
def inner(wire):
    return wire.ipv4(wire.tcp(b"inside"))


@pytest.fixture
def inner_frame(wire, inner):
    return wire.ethernet(inner, to=bytes.fromhex("0a0000000009"), tags=wire.vlan(30))


def check(bench, wire, text, vlan=0):
    assert bench.segment.tunnel_text == text
    assert bench.segment.tunnel != b""
    assert bench.segment.vlan == vlan
    assert bench.segment.key == wire.A + wire.B + struct.pack(">HH", 40000, 502)
    assert bench.payload == b"inside"


def test_ip_in_ip(bench, wire, outer, inner):
    assert bench.give(outer(inner, 4)) == "tcp"
    check(bench, wire, f"ipip {PATH}")
    assert bench.segment.mac_at == -1
    assert bench.give(outer(wire.ipv6(wire.tcp(b"six")), 41)) == "tcp"
    assert bench.segment.version == 6
    assert bench.give(wire.ethernet(wire.ipv6(inner, 4), 0x86DD)) == "tcp"
    check(bench, wire, "ipip 2001:db8::1<>2001:db8::2")
    bench.give(wire.ethernet(inner))
    assert (bench.segment.tunnel, bench.segment.tunnel_text) == (b"", "")


def test_gre(bench, wire, outer, inner, inner_frame):
    assert bench.give(outer(wire.gre(inner, 0x0800), 47)) == "tcp"
    check(bench, wire, f"gre {PATH}")
    words = b"\0\0\0\0" + struct.pack(">I", 42) + b"\0\0\0\1"
    assert bench.give(outer(wire.gre(inner, 0x0800, 0xB000, words), 47)) == "tcp"
    check(bench, wire, f"gre 42 {PATH}")
    assert bench.give(outer(wire.gre(inner_frame, 0x6558), 47)) == "tcp"
    check(bench, wire, f"gre {PATH}", 0x101E)
    assert (
        bench.give(outer(wire.gre(b"\xff\x03\0\x21" + inner, 0x880B, 0x3081, struct.pack(">HHII", 9, 7, 1, 2)), 47))
        == "tcp"
    )
    check(bench, wire, f"gre {PATH}")


def test_gre_that_is_not_decoded_is_an_ip_packet(bench, wire, outer, inner):
    for raw in (
        wire.gre(b"nhrp", 0x2001),
        wire.gre(inner, 0x0800, 0x4000, b"\0\0\0\0"),
        wire.gre(inner, 0x0800, 2),
        wire.gre(b"\x30" + bytes(60), 0x88BE, 0x1000, bytes(4)),
        wire.gre(b"\x20" + bytes(9) + b"\x1c\0" + bytes(60), 0x22EB, 0x1000, bytes(4)),
    ):
        assert bench.give(outer(raw, 47)) == "other_ip"
        assert bench.oddity == "gre_unknown"
        assert bench.segment.key == OUT + BACK + b"\0\0\0\0"
        assert bench.payload == raw


def test_erspan(bench, wire, outer, inner, inner_frame):
    assert bench.give(outer(wire.gre(inner_frame, 0x88BE), 47)) == "tcp"
    check(bench, wire, "erspan 192.0.2.1>192.0.2.2", 0x101E)
    second = struct.pack(">HHI", 0x1000 | 55, 3 << 11 | 17, 0)
    assert bench.give(outer(wire.gre(second + inner_frame, 0x88BE, 0x1000, b"\0\0\0\1"), 47)) == "tcp"
    check(bench, wire, "erspan 17 192.0.2.1>192.0.2.2", 0x101E)
    third = struct.pack(">HHIHH", 0x2000 | 55, 17, 1, 0, 0)
    assert bench.give(outer(wire.gre(third + inner_frame, 0x22EB, 0x1000, b"\0\0\0\1"), 47)) == "tcp"
    with_more = third[:-1] + b"\1" + b"platform"
    assert bench.give(outer(wire.gre(with_more + inner_frame, 0x22EB, 0x1000, b"\0\0\0\1"), 47)) == "tcp"
    packet = third[:-2] + struct.pack(">H", 2 << 10)
    assert bench.give(outer(wire.gre(packet + inner, 0x22EB, 0x1000, b"\0\0\0\1"), 47)) == "tcp"
    check(bench, wire, "erspan 17 192.0.2.1>192.0.2.2")


def test_a_mirror_sends_one_way(bench, wire, inner_frame):
    assert bench.give(wire.ethernet(wire.ipv4(wire.gre(inner_frame, 0x88BE), 47, BACK, OUT))) == "tcp"
    check(bench, wire, "erspan 192.0.2.2>192.0.2.1", 0x101E)


def test_erspan_tells_of_a_tag_it_took_away(bench, wire, outer, inner):
    second = struct.pack(">HHI", 0x1000 | 55, 2 << 11 | 17, 0)
    assert bench.give(outer(wire.gre(second + wire.ethernet(inner), 0x88BE, 0x1000, b"\0\0\0\1"), 47)) == "tcp"
    check(bench, wire, "erspan 17 192.0.2.1>192.0.2.2", 0x1000 | 55)


def test_a_frame_that_the_mirror_cut_before_it_wrapped_it(bench, wire, outer):
    cut = wire.ethernet(wire.ipv4(wire.tcp(b"0123456789")))[:-4]
    assert bench.give(outer(wire.gre(cut, 0x88BE), 47) + b"\0" * 9) == "tcp"
    assert (bench.payload, bench.segment.missing) == (b"012345", 4)


@pytest.mark.parametrize("port", [4789, 8472])
def test_vxlan(bench, wire, outer, inner_frame, port):
    assert bench.give(outer(wire.udp(wire.vxlan(inner_frame), to=port), 17, wire.vlan(7))) == "tcp"
    check(bench, wire, f"vxlan 5000 {PATH} vlan 7", 0x101E)
    assert bench.segment.frame[bench.segment.mac_at : bench.segment.mac_at + 6].hex() == "0a0000000009"
    policy = wire.vxlan(inner_frame, flags=0x88480123)
    assert bench.give(outer(wire.udp(policy, to=port), 17)) == "tcp"


def test_geneve(bench, wire, outer, inner, inner_frame):
    assert bench.give(outer(wire.udp(wire.geneve(inner_frame, options=b"\0" * 12), to=6081), 17)) == "tcp"
    check(bench, wire, f"geneve 77 {PATH}", 0x101E)
    assert bench.give(outer(wire.udp(wire.geneve(inner, 0x0800), to=6081), 17)) == "tcp"
    check(bench, wire, f"geneve 77 {PATH}")


def test_what_only_has_the_port_of_a_tunnel_is_udp(bench, wire, outer, inner_frame):
    for port, payload in (
        (4789, b"no tunnel at all, but long enough"),
        (4789, wire.vxlan(inner_frame, flags=0)),
        (4789, wire.vxlan(inner_frame, flags=0x08000001)),
        (8472, wire.vxlan(inner_frame, last=1)),
        (4789, wire.vxlan(b"short")),
        (6081, wire.geneve(inner_frame, 0x1234)),
        (6081, b"\x40" + wire.geneve(inner_frame)[1:]),
        (6081, b"\x3f" + wire.geneve(b"")[1:]),
        (6081, b""),
    ):
        assert bench.give(outer(wire.udp(payload, to=port), 17)) == "udp"
        assert bench.segment.tunnel == b""
        assert bench.payload == payload


def test_both_directions_of_a_tunnel_are_one_path(bench, wire, inner):
    bench.give(wire.ethernet(wire.ipv4(inner, 4, OUT, BACK)))
    there = bench.segment.tunnel
    bench.give(wire.ethernet(wire.ipv4(inner, 4, BACK, OUT)))
    assert bench.segment.tunnel == there
    bench.give(wire.ethernet(wire.ipv4(inner, 4, BACK, OUT), tags=wire.vlan(3)))
    assert bench.segment.tunnel != there


def test_paths_of_different_networks_differ(bench, wire, outer, inner_frame):
    seen = set()
    for number in (1, 2):
        for port, build in ((4789, wire.vxlan), (6081, wire.geneve)):
            bench.give(outer(wire.udp(build(inner_frame, number=number), to=port), 17))
            seen.add((bench.segment.tunnel, bench.segment.tunnel_text))
    assert len({key for key, _ in seen}) == len({text for _, text in seen}) == 4


def test_nesting_is_kept_in_order_and_capped(bench, wire, inner_frame, inner):
    raw = wire.ipv4(wire.udp(wire.vxlan(inner_frame), to=4789), 17, OUT, BACK)
    assert bench.give(wire.ethernet(wire.ipv4(wire.gre(raw, 0x0800), 47, OUT, BACK))) == "tcp"
    assert bench.segment.tunnel_text == f"gre {PATH}, vxlan 5000 {PATH}"
    for depth in range(1, 12):
        inner = wire.ipv4(inner, 4, OUT, BACK)
        assert bench.give(wire.ethernet(inner)) == ("tcp" if depth <= MAX_TUNNELS else "nested_too_deep")


def test_inside_a_tunnel_there_may_be_no_ip(bench, wire, outer):
    frame = wire.ethernet(b"who has", 0x0806, source=bytes.fromhex("0a0000000008"))
    assert bench.give(outer(wire.udp(wire.vxlan(frame), to=4789), 17)) == "arp"
    assert bench.segment.key == bytes.fromhex("0a0000000008") + wire.TO + b"\x08\x06"
    assert (bench.segment.version, bench.segment.protocol, bench.segment.ttl) == (0, 0, 0)
    assert bench.segment.destination_port == 0


def test_inside_a_tunnel_the_link_around_it_is_nobody(bench, wire):
    control = wire.ipv4(wire.gre(b"\xc0\x21\1\2\0\4", 0x880B, 0x2001, bytes(4)), 47)
    assert bench.give(struct.pack(">HHH", 0, 1, 6) + wire.FROM + b"\0\0\x08\0" + control, 113) == "unaddressed"


def test_spoofed_paths_do_not_fill_memory(bench, wire, inner):
    for i in range(MAX_PATHS + 50):
        bench.give(wire.ethernet(wire.ipv4(inner, 4, struct.pack(">I", i), BACK)))
    assert len(bench.decoder.paths.texts) <= MAX_PATHS
