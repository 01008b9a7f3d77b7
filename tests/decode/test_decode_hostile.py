"""Whatever the bytes: one kind, bounds that hold, nothing read outside the frame, and no exception."""

import struct

from hypothesis import example, given
from hypothesis import strategies as st

from sensor.decode.kinds import ARP, FLOWING, KIND_NAMES, OTHER_IP

LINKS = (1, 113, 276, 101, 12, 14, 228, 229, 0, 108, 9, 50, 195, 65_535)
FACTS = (
    "kind", "oddity", "length", "ethertype", "vlan", "tunnel", "tunnel_text", "version", "protocol", "key", "ip_id",
    "ttl", "source_port", "destination_port", "sequence", "acknowledgement", "flags", "window", "checksum", "missing",
)  # fmt: skip


def outcome(bench):
    return {name: getattr(bench.segment, name) for name in FACTS} | {"payload": bench.payload}


def check(bench):
    s = bench.segment
    assert 0 <= s.start <= s.end <= len(s.data)
    assert s.missing >= 0
    assert s.mac_at == -1 or s.mac_at + 12 <= len(s.frame)
    if s.kind < FLOWING:
        assert s.key == b""
    elif s.kind >= ARP:
        assert (s.version, len(s.key)) == (0, 14)
    else:
        assert s.kind <= OTHER_IP
        assert len(s.key) == {4: 12, 6: 36}[s.version]


def samples(wire):
    """Frames with every header there is, to be broken."""
    ip = wire.ipv4(wire.tcp(b"payload"))
    inner = wire.ethernet(ip, tags=wire.vlan(3))
    gre = wire.gre(struct.pack(">HHIHH", 0x2000, 17, 1, 0, 1) + b"platform" + inner, 0x22EB, 0xB000, bytes(12))
    label = struct.pack(">I", 17 << 12 | 0x100)
    extended = wire.ipv6(b"\x2c\0" + bytes(6) + wire.fragment6(wire.udp(b"data"), 0, 0), 0)
    yield wire.ethernet(ip)
    yield wire.ethernet(ip, tags=wire.vlan(5) + wire.vlan(6))
    yield wire.ethernet(wire.ipv4(wire.udp(b"data"), 17, options=b"\1" * 8))
    yield wire.ethernet(wire.ipv4(gre, 47))
    yield wire.ethernet(wire.ipv4(wire.udp(wire.vxlan(inner), to=4789), 17))
    yield wire.ethernet(wire.ipv4(wire.udp(wire.geneve(inner, options=bytes(8)), to=6081), 17))
    yield wire.ethernet(extended, 0x86DD)
    yield wire.ethernet(label + bytes(4) + inner, 0x8847)
    yield wire.ethernet(struct.pack(">BBHHH", 0x11, 0, 9, len(ip) + 2, 0x0021) + ip, 0x8864)
    yield wire.ethernet(bytes.fromhex("aaaa030000000800") + ip, 8 + len(ip))
    yield wire.ethernet(wire.ipv4(wire.udp(b"x" * 40), 17, place=0x2000))
    yield wire.ethernet(wire.ipv4(b"x" * 40, 17, place=20))


@given(st.sampled_from(LINKS), st.binary(max_size=200), st.integers(0, 300))
@example(1, b"", 0)
def test_any_bytes(new_bench, link, raw, more):
    bench = new_bench()
    bench.give(raw, link, original=len(raw) + more)
    check(bench)


@given(st.data())
def test_broken_frames(wire, new_bench, data):
    """One decoder lives through many of them, so that state left by one meets the next."""
    bench = new_bench()
    whole = list(samples(wire))
    count = data.draw(st.integers(1, 8))
    for _ in range(count):
        raw = bytearray(data.draw(st.sampled_from(whole)))
        for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(raw) - 1), st.integers(0, 255)), max_size=5)):
            raw[at] = value
        captured = data.draw(st.integers(0, len(raw)) | st.just(len(raw)))
        original = data.draw(st.sampled_from((len(raw), captured, 0, 1 << 31)))
        bench.give(bytes(raw), 1, captured=captured, original=original, time=data.draw(st.integers(-1, 1 << 62)))
        check(bench)
    assert sum(bench.decoder.kinds().values()) == count


@given(st.data())
def test_the_straight_line_says_what_the_walk_says(wire, new_bench, data):
    raw = bytearray(data.draw(st.sampled_from(list(samples(wire))[:3])))
    for at, value in data.draw(st.lists(st.tuples(st.integers(12, len(raw) - 1), st.integers(0, 255)), max_size=3)):
        raw[at] = value
    straight, walked = new_bench(), new_bench()
    straight.give(bytes(raw))
    walked.decoder.walk(bytes(raw), 0, len(raw), len(raw), 1, 1)
    assert outcome(straight) == outcome(walked)


@given(st.data())
def test_nothing_outside_the_frame_is_read(wire, new_bench, data):
    raw = data.draw(st.sampled_from(list(samples(wire))))
    captured = data.draw(st.integers(0, len(raw)))
    alone, among = new_bench(), new_bench()
    alone.give(raw, captured=captured)
    among.give(raw, captured=captured, lead=64)
    assert outcome(alone) == outcome(among)


def test_every_sample_is_legible_when_it_is_whole(wire, new_bench):
    bench = new_bench()
    kinds = [bench.give(raw) for raw in samples(wire)]
    assert kinds == ["tcp", "tcp", "udp", "tcp", "tcp", "tcp", "udp", "tcp", "tcp", "tcp", "fragment", "fragment"]


def test_a_frame_said_to_reach_beyond_its_block_is_read_to_the_block_end(wire, new_bench):
    bench = new_bench()
    raw = wire.ethernet(wire.ipv4(wire.tcp(b"payload")))
    assert KIND_NAMES[bench.decoder.decode(raw, 0, len(raw) + 99, len(raw) + 99, 1, 1)] == "tcp"
    assert bench.payload == b"payload"
    assert KIND_NAMES[bench.decoder.decode(raw[:-3], 0, len(raw), len(raw), 1, 1)] == "tcp"
    assert (bench.payload, bench.segment.missing) == (b"payl", 3)
