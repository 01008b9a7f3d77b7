"""Files, folders, pipes, standard input; several as one, in time."""

import gzip
import os
import pathlib
import resource
import struct
import subprocess
import sys
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sensor
from sensor.capture.evidence import frames_at
from sensor.capture.files import Captures

ROOT = pathlib.Path(sensor.__file__).parents[1]


def test_a_folder_is_searched_by_content(write, read, tmp_path):
    capture = write.pcap([(5, 0, b"a", None)])
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "no-suffix").write_bytes(gzip.compress(capture))
    (tmp_path / "b.pcap").write_bytes(capture)
    (tmp_path / "readme.pcap").write_bytes(b"no capture at all")
    (tmp_path / "empty.pcap").write_bytes(b"")
    (tmp_path / "some.zip").write_bytes(b"PK\x03\x04.......")
    (tmp_path / "text.gz").write_bytes(gzip.compress(b"words, words"))
    (tmp_path / "c-link.pcap").symlink_to(tmp_path / "b.pcap")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "fifo")
    captures, frames = read(tmp_path)
    assert [os.path.relpath(source.path, tmp_path) for source in captures.sources] == ["b.pcap", "deep/er/no-suffix"]
    assert [frame[4] for frame in frames] == [0, 1]
    assert {os.path.relpath(skipped.path, tmp_path): skipped.why for skipped in captures.skipped} == {
        "c-link.pcap": f"the same file as {tmp_path}/b.pcap",
        "empty.pcap": "empty",
        "fifo": "not a regular file",
        "gone": "No such file or directory",
        "readme.pcap": "not a capture: begins with 6e 6f 20 63 61 70 74 75, a magic number of pcap or pcapng expected",
        "some.zip": "a zip archive; unpack it first",
        "text.gz": "gzip, and inside: not a capture: begins with 77 6f 72 64 73 2c 20 77, "
        "a magic number of pcap or pcapng expected",
    }
    assert not any(skipped.asked for skipped in captures.skipped)


def test_what_cannot_be_read_is_named_and_the_rest_goes_on(write, read, tmp_path):
    (tmp_path / "good").write_bytes(write.pcap([(5, 0, b"a", None)]))
    captures, frames = read(tmp_path / "missing", tmp_path / "good")
    assert len(frames) == 1
    assert [(str(skipped), skipped.asked) for skipped in captures.skipped] == [
        (f"{tmp_path}/missing: No such file or directory", True)
    ]


def test_standard_input(write):
    program = (
        "from sensor.capture.files import Captures\n"
        "c = Captures(['-']); n = sum(b.last - b.first for b in c.blocks())\n"
        "s = c.sources[0]; print(n, c.read_bytes, c.total_bytes, s.packing, repr(s.damage))"
    )
    frames = [(i, 0, bytes(1000), None) for i in range(500)]
    packed = gzip.compress(write.pcap(frames))
    for data, said in (
        (packed, f"500 {len(packed)} 0 gzip ''\n"),
        (b"", "0 0 0  'empty'\n"),
    ):
        done = subprocess.run([sys.executable, "-c", program], input=data, capture_output=True, check=True, cwd=ROOT)
        assert done.stdout.decode() == said


def test_a_named_pipe(write, tmp_path, read):
    os.mkfifo(tmp_path / "pipe")
    data = write.pcap([(i, 0, bytes(1000), None) for i in range(500)])
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(data,))
    writer.start()
    captures, frames = read(tmp_path / "pipe")
    writer.join()
    assert (len(frames), captures.total_bytes, captures.read_bytes) == (500, 0, len(data))


def test_progress_ends_at_the_total(write, tmp_path):
    for name in "ab":
        (tmp_path / name).write_bytes(gzip.compress(write.pcap([(i, 0, os.urandom(900), None) for i in range(3000)])))
    captures = Captures([tmp_path])
    assert captures.read_bytes == 0
    seen = [captures.read_bytes for _ in captures.blocks()]
    assert seen == sorted(seen)
    assert len(set(seen)) > 2
    assert captures.read_bytes == captures.total_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())


def test_more_files_than_may_be_open(write, tmp_path):
    for i in range(150):
        (tmp_path / f"{i:03}").write_bytes(write.pcap([(100 + i, 0, b"x", None), (1000 + i, 0, b"y" * 99_000, None)]))
    captures = Captures([tmp_path])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(one.name) for one in pathlib.Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 40, hard))
    try:
        times = [
            int.from_bytes(b.index[24 * r : 24 * r + 8], "little")
            for b in captures.blocks()
            for r in range(b.first, b.last)
        ]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert times == sorted(times)
    assert len(times) == 300
    assert [source.damage for source in captures.sources] == [""] * 150


def test_a_file_that_changes_under_way_is_told(write, tmp_path):
    paths = [tmp_path / f"{i:03}" for i in range(80)]
    for i, path in enumerate(paths):
        path.write_bytes(write.pcap([(i, 0, b"x", None)] + [(500, 0, bytes(60_000), None)] * 80))
    captures = Captures(paths)
    blocks = captures.blocks()
    next(blocks)
    (tmp_path / "new").write_bytes(b"other")
    (tmp_path / "new").rename(paths[0])
    paths[70].unlink()
    rest = sum(block.last - block.first for block in blocks)
    assert 78 * 81 <= rest < 80 * 81
    assert "another file took its place" in captures.sources[0].damage
    assert captures.sources[70].damage == "No such file or directory"
    assert [source.damage for source in captures.sources].count("") == 78


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.integers(1, 9), max_size=12), min_size=1, max_size=5), st.booleans())
def test_merging_is_stable_and_in_time(write, read, tmp_path_factory, files, ordered):
    folder = tmp_path_factory.mktemp("merge")
    expected = []
    for number, seconds in enumerate(files):
        times = sorted(seconds) if ordered else seconds
        (folder / str(number)).write_bytes(write.pcap([(s, 0, b"%d" % i, None) for i, s in enumerate(times)]))
        expected += [(s * 10**9, number, i + 1) for i, s in enumerate(times)]
    captures, frames = read(*[folder / str(number) for number in range(len(files))])
    found = [(frame[0], frame[4], frame[5]) for frame in frames]
    assert sorted(found) == sorted(expected)
    for number in range(len(files)):
        assert [f[2] for f in found if f[1] == number] == list(range(1, len(files[number]) + 1))
    if ordered:
        assert found == sorted(expected)
    assert sum(source.frames for source in captures.sources) == len(found)


def test_one_file_is_given_as_it_was_read(write, tmp_path):
    (tmp_path / "a").write_bytes(write.pcap([(i, 0, bytes(3000), None) for i in range(2000)]))
    blocks = list(Captures([tmp_path / "a"]).blocks())
    assert all(block.first == 0 and block.last * 24 == len(block.index) for block in blocks)
    assert max(len(block.data) for block in blocks) < 1_100_000
    assert len(blocks) < 10


def test_disjoint_files_are_not_cut(write, tmp_path):
    for name, start in (("b", 0), ("a", 5000)):
        (tmp_path / name).write_bytes(write.pcap([(start + i, 0, bytes(100), None) for i in range(2000)]))
    blocks = list(Captures([tmp_path]).blocks())
    assert [block.source for block in blocks] == sorted((block.source for block in blocks), reverse=True)
    assert len(blocks) <= 4


@pytest.mark.parametrize("mode", [0o000])
def test_a_file_without_permission(write, tmp_path, mode, read):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (tmp_path / "a").write_bytes(write.pcap([]))
    (tmp_path / "a").chmod(mode)
    assert "Permission denied" in str(read(tmp_path / "a")[0].skipped[0])


def test_evidence_is_fetched_by_number(write, tmp_path):
    (tmp_path / "a").write_bytes(gzip.compress(write.pcap([(i, 0, b"%d" % i * 500, None) for i in range(1, 2001)])))
    found = list(frames_at(tmp_path / "a", [1999, 0, 3, 3, 5000, 1]))
    assert [block.number + block.first for block in found] == [1, 3, 1999]
    assert all(block.last == block.first + 1 for block in found)
    for block, number in zip(found, (1, 3, 1999), strict=True):
        at, captured = struct.unpack_from("<ii", block.index, 24 * block.first + 8)
        assert block.data[at : at + captured] == b"%d" % number * 500
