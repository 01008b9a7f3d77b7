"""The pcap format: every byte order, time unit and record header; what is cut or forged."""

import struct

import pytest

from sensor.capture.files import Captures

FRAMES = [
    (1_700_000_000, 999_999, b"first frame", None),
    (1_700_000_001, 0, b"", 60),
    (4_294_967_295, 1, b"x" * 99, 1500),
]


def expected(unit):
    return [
        (s * 10**9 + f * unit, body, original or len(body), 0, 0, n)
        for n, (s, f, body, original) in enumerate(FRAMES, 1)
    ]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("magic", "unit", "extra"),
    [
        (0xA1B2C3D4, 1000, 0),
        (0xA1B23C4D, 1, 0),
        (0xA1B2CD34, 1000, 8),
        (0xA1B2CD34, 1000, 12),
        (0xA1B2C3D4, 1000, 8),
        (0xA1B2C3D4, 1000, 4),
    ],
)
def test_every_magic_and_record_header(write, read_bytes, order, magic, unit, extra):
    source, frames = read_bytes(write.pcap(FRAMES, order, magic, extra=extra, link=0xF000_0071, snap=99))
    assert frames == expected(unit)
    assert source.damage == ""
    assert source.format == "pcap"
    assert source.variant.startswith("big" if order == ">" else "little")
    assert source.link_types == [113]
    assert source.snap_length == 99
    assert (source.frames, source.bytes) == (3, 110)
    assert (source.first_time, source.last_time) == (frames[0][0], frames[2][0])


@pytest.mark.parametrize("magic", [0x1C0001AC, 0x1C0001AB])
def test_ixia_has_four_more_header_bytes(write, read_bytes, magic):
    assert read_bytes(write.pcap(FRAMES, magic=magic, after_header=b"size"))[1] == expected(1)


@pytest.mark.parametrize("version", [(2, 2), (2, 3), (2, 4)])
def test_old_versions_swap_the_lengths(write, read_bytes, version):
    assert read_bytes(write.pcap(FRAMES, version=version))[1] == expected(1000)


def test_version_2_3_may_swap_the_lengths(write, read_bytes):
    data = bytearray(write.pcap([(1, 0, b"abc", 60)], version=(2, 3)))
    data[32:40] = struct.pack("<II", 60, 3)
    assert read_bytes(bytes(data))[1] == [(10**9, b"abc", 60, 0, 0, 1)]


def test_a_time_of_zero_becomes_the_first_nanosecond(write, read_bytes):
    assert read_bytes(write.pcap([(0, 0, b"a", None)]))[1][0][0] == 1


def test_a_frame_was_never_shorter_on_the_wire_than_captured(write, read_bytes):
    _, frames = read_bytes(write.pcap([(1, 0, b"abcdef", 2), (1, 0, b"a", 0xFFFFFFFF)]))
    assert [frame[2] for frame in frames] == [6, 0x7FFFFFFF]


@pytest.mark.parametrize("snap", [0, 1, 65535, 0xFFFFFFFF])
def test_the_snap_length_is_not_believed(write, read_bytes, snap):
    big = b"z" * 200_000
    source, frames = read_bytes(write.pcap([(1, 0, big, None)], snap=snap))
    assert [frame[1] for frame in frames] == [big]
    assert source.damage == ""


def test_a_frame_over_many_pieces(write, read_bytes):
    big = bytes(range(256)) * 40_000
    source, frames = read_bytes(write.pcap([(1, 0, b"a", None), (2, 0, big, None), (3, 0, b"b", None)], snap=1 << 24))
    assert [frame[1] for frame in frames] == [b"a", big, b"b"]
    assert source.damage == ""


@pytest.mark.parametrize(("snap", "limit"), [(65535, 262144), (0xFFFFFFFF, 16777216)])
def test_an_impossible_length_ends_it_and_is_told(write, read_bytes, snap, limit):
    data = write.pcap(FRAMES[:2], snap=snap)
    data += struct.pack("<IIII", 5, 0, limit + 1, limit + 1) + b"y" * 50
    source, frames = read_bytes(data)
    assert frames == expected(1000)[:2]
    said = f"frame 3 at offset 67: {limit + 1} bytes said to be captured, at most {limit} expected"
    assert source.damage == said


def test_a_cut_frame_is_told(write, read_bytes):
    source, frames = read_bytes(write.pcap(FRAMES)[:-1])
    assert frames == expected(1000)[:2]
    assert source.damage == "frame 3 at offset 67 is cut off: 115 bytes expected, 114 there"


def test_a_cut_file_header_is_told(write, read_bytes):
    source, frames = read_bytes(write.pcap(FRAMES)[:23])
    assert frames == []
    assert source.damage == "the file header is cut off: 24 bytes expected, 23 there"


def test_only_a_file_header(write, read_bytes):
    source, frames = read_bytes(write.pcap([]))
    assert (frames, source.damage, source.frames) == ([], "", 0)


def test_frame_offsets_are_those_of_the_file(write, tmp_path):
    frames = [(i, 0, bytes([i % 251]) * (1000 + i % 77), None) for i in range(3000)]
    data = write.pcap(frames)
    (tmp_path / "a").write_bytes(data)
    blocks = list(Captures([tmp_path / "a"]).blocks())
    assert len(blocks) > 1
    seen = 0
    for block in blocks:
        assert block.number == seen + 1
        for record in range(block.first, block.last):
            at, captured = struct.unpack_from("<ii", block.index, record * 24 + 8)
            assert data[block.offset + at : block.offset + at + captured] == frames[seen][2]
            seen += 1
    assert seen == len(frames)
