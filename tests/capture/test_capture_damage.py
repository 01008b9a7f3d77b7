"""Damage anywhere: what lies before it is given, what it was is told, nothing is raised."""

import bz2
import gzip
import lzma
import resource
import struct
import zlib

import lz4.frame
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensor.capture import reader
from sensor.capture.files import Captures

PACKINGS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lz4": lz4.frame.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}
quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def captures(write):
    frames = [(1_700_000_000 + i, i, bytes([i]) * (i * 7 % 90), None) for i in range(40)]
    ng = write.section() + write.interface(options=write.option("<", 2, b"eth0"))
    ng += b"".join(
        write.enhanced(frame[0] * 10**6, frame[2], options=write.option("<", 1, b"x")) for frame in frames[:20]
    )
    ng += write.section(">") + write.interface(">", 1, 60)
    ng += b"".join(write.enhanced(frame[0] * 10**6, frame[2], ">") for frame in frames[20:30])
    ng += b"".join(write.simple(frame[2], ">") for frame in frames[30:])
    return [write.pcap(frames), write.pcap(frames, ">", 0xA1B2CD34, extra=8), ng]


@pytest.fixture(params=[False, True], ids=["large pieces", "tiny pieces"])
def pieces(request, monkeypatch):
    if request.param:
        monkeypatch.setattr(reader, "CHUNK", 7)
        monkeypatch.setattr("sensor.capture.files.CHUNK", 7)
        monkeypatch.setattr("sensor.capture.files.LOOK", 5)
        if reader.__file__.endswith(".so"):
            pytest.skip("a compiled constant cannot be changed")


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize("which", [0, 1, 2])
def test_cut_anywhere_gives_a_prefix_and_says_so(captures, read_bytes, which):
    data = captures[which]
    whole = read_bytes(data)[1]
    assert len(whole) == 40
    silent = 0
    for length in range(8, len(data), 3 if which else 1):
        source, frames = read_bytes(data[:length])
        assert frames == whole[: len(frames)]
        if not source.damage:
            silent += 1
            assert length >= 24
        else:
            assert "cut off" in source.damage
    # a cut between two records cannot be seen: once after each header, section and frame
    assert silent <= len(whole) + 4


@quick
@given(st.data())
def test_flipped_bytes_never_raise(captures, read_bytes, data):
    capture = bytearray(captures[data.draw(st.integers(0, 2))])
    for _ in range(data.draw(st.integers(1, 6))):
        capture[data.draw(st.integers(4, len(capture) - 1))] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
    source, frames = read_bytes(bytes(capture))
    assert source is not None
    assert source.frames == len(frames)


@quick
@given(
    st.sampled_from([b"\xd4\xc3\xb2\xa1", b"\x0a\x0d\x0d\x0a", b"\x1f\x8b\x08", b"BZh9", b"\x28\xb5\x2f\xfd", b""]),
    st.binary(max_size=300),
)
def test_garbage_never_raises(read_bytes, magic, garbage):
    read_bytes(magic + garbage)


@pytest.mark.parametrize("packing", PACKINGS)
def test_packed_equals_plain(captures, read_bytes, packing):
    for data in captures:
        source, frames = read_bytes(PACKINGS[packing](data))
        assert frames == read_bytes(data)[1]
        assert (source.packing, source.damage) == (packing, "")
        assert source.read_bytes == source.size


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_large_file_packed(write, read_bytes, packing):
    frames = [(i, 0, zlib.crc32(bytes([i & 255])).to_bytes(4, "little") * (50 + i % 300), None) for i in range(4000)]
    source, found = read_bytes(PACKINGS[packing](write.pcap(frames)))
    assert [frame[1] for frame in found] == [frame[2] for frame in frames]
    assert source.damage == ""


@pytest.mark.parametrize("packing", PACKINGS)
def test_members_one_after_the_other(captures, read_bytes, packing):
    data = captures[0]
    packed = PACKINGS[packing](data[:500]) + PACKINGS[packing](b"") + PACKINGS[packing](data[500:])
    source, frames = read_bytes(packed)
    assert (len(frames), source.damage) == (40, "")
    source, frames = read_bytes(packed + bytes(512))
    assert (len(frames), source.damage) == (40, "")
    source, frames = read_bytes(packed + b"tail of another kind")
    assert len(frames) == 40
    assert "followed by something else" in source.damage


def test_skippable_frames_are_passed_over(captures, read_bytes):
    skippable = b"\x5a\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"notes"
    source, frames = read_bytes(skippable + PACKINGS["zstd"](captures[0]) + skippable)
    assert (len(frames), source.damage) == (40, "")


@pytest.mark.parametrize("packing", PACKINGS)
def test_packed_and_cut_gives_a_prefix_and_says_so(captures, read_bytes, packing):
    whole = read_bytes(captures[2])[1]
    packed = PACKINGS[packing](captures[2])
    for length in range(30, len(packed) - 1, 11):
        source, frames = read_bytes(packed[:length])
        assert frames == whole[: len(frames)]
        if source is not None:
            assert f"the {packing} stream is cut off after {length} packed bytes" in source.damage


@pytest.mark.parametrize("packing", PACKINGS)
def test_packed_and_flipped_never_raises(captures, read_bytes, packing):
    packed = PACKINGS[packing](captures[0])
    for at in range(6, len(packed), 5):
        flipped = bytearray(packed)
        flipped[at] ^= 0x55
        source, frames = read_bytes(bytes(flipped))
        assert source is None or source.frames == len(frames)


def test_gzip_gives_every_byte_before_its_damage(write, read_bytes):
    frames = [(i, 0, zlib.crc32(bytes([i & 255])).to_bytes(4, "little") * 40, None) for i in range(1000)]
    packed = bytearray(gzip.compress(write.pcap(frames)))
    packed[-8] ^= 1  # the checksum: all frames are good
    source, found = read_bytes(bytes(packed))
    assert len(found) == 1000
    assert "the gzip stream is damaged" in source.damage


def test_a_file_packed_twice_and_one_packed_too_often(captures, read_bytes, tmp_path, read):
    twice = gzip.compress(PACKINGS["zstd"](captures[0]))
    source, frames = read_bytes(twice)
    assert (len(frames), source.packing, source.damage) == (40, "gzip+zstd", "")
    (tmp_path / "thrice").write_bytes(gzip.compress(twice))
    assert read(tmp_path / "thrice")[0].skipped[0].why == "packed more than 2 times"


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_bomb_is_read_piece_by_piece(write, tmp_path, packing):
    (tmp_path / "bomb").write_bytes(PACKINGS[packing](write.pcap([(1, 0, bytes(200_000), None)] * 500)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sum(block.last - block.first for block in Captures([tmp_path / "bomb"]).blocks()) == 500
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # kB; unpacked it is 100 MB


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("at", range(1, 12))
def test_one_bad_record_costs_one_frame(write, read_bytes, order, at):
    frames = [(1_700_000_000 + i, i, bytes([i]) * (1 + i * 37 % 90), None) for i in range(12)]
    data = bytearray(write.pcap(frames, order))
    place = 24 + sum(16 + len(frame[2]) for frame in frames[:at])
    struct.pack_into(order + "I", data, place + 8, 0xFFFFFF)
    source, found = read_bytes(bytes(data))
    assert [frame[1] for frame in found] == [frame[2] for frame in frames[:at] + frames[at + 1 :]]
    assert [frame[5] for frame in found] == list(range(1, 12))
    said = f"frame {at + 1} at offset {place}: 16777215 bytes said to be captured, at most 262144 expected"
    further = 16 + len(frames[at][2])
    assert source.damage == said + (
        "" if at == 11 else f"; went on {further} bytes further, at offset {place + further}"
    )


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("at", range(1, 12))
@pytest.mark.parametrize("where", [4, -4])
def test_one_bad_block_costs_one_frame(write, read_bytes, order, at, where):
    bodies = [bytes([i + 1]) * (i * 37 % 90) for i in range(12)]
    blocks = [write.enhanced(10**15 + i, body, order) for i, body in enumerate(bodies)]
    bad = bytearray(blocks[at])
    struct.pack_into(order + "I", bad, where % len(bad), 0xFFFFFF00)
    head = write.section(order) + write.interface(order)
    source, found = read_bytes(head + b"".join([*blocks[:at], bytes(bad), *blocks[at + 1 :]]))
    assert [frame[1] for frame in found] == bodies[:at] + bodies[at + 1 :]
    assert f"the block at offset {len(head) + sum(map(len, blocks[:at]))}, after frame {at}, has" in source.damage


def test_behind_a_bad_section_no_frame_has_a_wrong_interface(write, read_bytes):
    good = write.section() + write.interface(link=1) + write.enhanced(10**15, b"one")
    second = bytearray(write.section(">") + write.interface(">", link=113) + write.enhanced(10**15, b"two", ">"))
    second[7] = 0xEE
    source, frames = read_bytes(good + bytes(second))
    assert [source.interfaces[frame[3]].link_type for frame in frames] == [1, 113]
    third = write.interface(link=113, options=b"\1\0\0\0")
    third = third[:-1] + b"\xee" + write.interface(link=147) + write.enhanced(10**15, b"2", interface=1) * 2
    source, frames = read_bytes(good[: len(write.section())] + write.interface() + write.enhanced(1, b"1") + third)
    assert [source.interfaces[frame[3]].link_type for frame in frames] == [1]
    assert source.oddities == {"frames of an unknown interface": 2}


def test_a_long_stretch_of_something_else_ends_it(write, read_bytes):
    data = write.pcap([(9, 0, b"a", None), (9, 0, b"b", None)])
    for size, found in ((1 << 20, 3), (18 << 20, 2)):
        source, frames = read_bytes(data + b"\xee" * size + data[24:41])
        assert len(frames) == found
        assert source.damages == 1
