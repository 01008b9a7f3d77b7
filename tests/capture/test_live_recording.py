"""The rotating capture beside the sensor: what readers of captures find in it, and what happens when it cannot be."""

import errno
import os
import pathlib
import shutil
import subprocess

import pytest

from sensor.capture.block import Block, Interface
from sensor.capture.evidence import frames_at
from sensor.capture.live import (
    LiveError,
    Recording,
    RecordingSettings,
    RingSettings,
    SpanSocket,
    ledger,
    ready,
    recordedfiles,
)
from sensor.capture.live.ringwalker import RingWalker
from tests.capture.forging import MACS, Forged, records, ring_block

START = 1_700_000_000
INTERFACES = [Interface(1, 65535, "span0"), Interface(1, 65535, "span1")]


def body(number, size=60):
    return (MACS + b"\x88\xb5" + number.to_bytes(4, "big")).ljust(size, b"x")


class Writer:
    """A worker's recording, fed with Blocks of our own."""

    def __init__(self, folder, worker=0, workers=1, **settings):
        self.folder = folder
        self.settings = RecordingSettings(folder, **settings)
        spans = [SpanSocket(name, worker, 1, RingSettings(filter="not port 22"), []) for name in ("span0", "span1")]
        self.books = [span.ledger for span in spans]
        self.recording = Recording(self.settings, spans, workers)
        self.written = []

    def give(self, *numbers, seconds=START, size=60, interface=0):
        """Record one Block with frames of these numbers."""
        walker = RingWalker(interface, True)
        walker.walk(ring_block([Forged(body(n, size), seconds=seconds, nanoseconds=n) for n in numbers]))
        block = Block(walker.data, walker.index, 0, walker.frames, 0, 0, 0, INTERFACES)
        for book in self.books:
            book.add(ledger.TAKEN, len(numbers))
        taken = self.recording.take(block, INTERFACES)
        if taken:
            self.written.append((block, numbers))
        else:
            assert (block.source, block.number) == (0, 0)
        return taken

    @property
    def files(self):
        return sorted(self.folder.glob("*.pcapng"))

    def count(self, name):
        return self.books[0].get(getattr(ledger, name))


@pytest.fixture
def writer(tmp_path):
    made = []

    def make(*arguments, **settings):
        made.append(Writer(tmp_path, *arguments, **settings))
        return made[-1]

    yield make
    for one in made:
        one.recording.close()


def test_what_is_recorded_is_read_again_with_nanoseconds_and_names(writer, read):
    one = writer()
    one.give(1, 2, 3)
    one.give(4, size=61, interface=1)
    one.recording.close()
    (path,) = one.files
    assert path.name == "otsensor-20231114T221320.000000Z-w0.pcapng"
    captures, frames = read(path)
    (source,) = captures.sources
    sizes = {1: 60, 2: 60, 3: 60, 4: 61}
    assert [frame[:3] for frame in frames] == [(START * 10**9 + n, body(n, s), s) for n, s in sizes.items()]
    assert [frame[3] for frame in frames] == [0, 0, 0, 1]
    assert [interface.name for interface in source.interfaces] == ["span0", "span1"]
    assert (source.damage, source.application, source.oddities) == ("", "otsensor", {})


def test_each_block_names_its_file_and_its_frames_there(writer):
    one = writer(file_size=1000)
    for first in range(0, 60, 4):
        assert one.give(*range(first, first + 4))
    one.recording.close()
    assert len(one.files) > 3
    for block, numbers in one.written:
        path = one.recording.names[block.source]
        found = list(frames_at(path, [block.number + record for record in range(4)]))
        assert [bodies(one) for one in found] == [[body(n)] for n in numbers]


def bodies(block):
    there = records(block.index)[block.first : block.last]
    return [block.data[at : at + captured] for _, at, captured, _, _ in there]


def test_what_the_kernel_lost_meanwhile_stands_in_the_file(writer, read):
    one = writer()
    one.books[1].add(ledger.KERNEL_DROPS, 1000)  # before
    one.give(1)
    one.books[0].add(ledger.KERNEL_DROPS, 5)
    one.books[1].add(ledger.KERNEL_DROPS, 2)
    one.recording.close()
    assert read(one.files[0])[0].sources[0].drops == 7


@pytest.mark.skipif(not shutil.which("capinfos"), reason="capinfos (Debian: wireshark-common) is not there")
def test_wireshark_finds_nothing_wrong(writer):
    one = writer()
    one.give(1, 2)
    one.give(3, size=63)
    one.recording.close()
    told = subprocess.run(["capinfos", one.files[0]], capture_output=True, text=True, check=True, timeout=60)
    assert told.stderr == ""
    assert "nanosecond" in told.stdout
    assert "Name = span1" in told.stdout
    assert "Filter string = not port 22" in told.stdout


def test_a_file_ends_by_size_and_by_age_also_when_nothing_comes(writer):
    one = writer(file_size=500, file_age=60)
    one.give(1, 2, 3, 4, 5, 6)
    one.give(7)
    assert len(one.files) == 2
    one.give(8, seconds=START + 59)
    assert len(one.files) == 2
    one.give(9, seconds=START + 60)
    assert len(one.files) == 3
    one.recording.tick((START + 200) * 10**9)
    assert one.recording.handle < 0


def test_the_oldest_files_go_by_size_and_by_age_and_nothing_else(writer, tmp_path):
    (tmp_path / "somebody-elses.pcapng").write_bytes(bytes(10_000))
    one = writer(max_size=5000, file_size=1000)
    for n in range(100):
        one.give(n, size=200, seconds=START + n)
        assert sum(path.stat().st_size for path in one.files if path.name.startswith("otsensor")) <= 5000
    assert len(one.files) > 3
    assert (tmp_path / "somebody-elses.pcapng").exists()
    for path in one.files:
        os.utime(path, (START, START))
    aged = writer(max_age=10)
    aged.give(1, seconds=2 * START)
    assert [path.name[:8] for path in aged.files] == ["otsensor", "somebody"]


def test_a_time_far_ahead_deletes_nothing_and_its_own_file_ages_as_others_do(writer, monkeypatch):
    one = writer(max_age=3600, file_size=1)
    for seconds in (START, 2 * START, START + 1):
        one.give(1, seconds=seconds)
    assert len(one.files) == 3
    os.utime(one.files[-1], (3 * START, 3 * START))
    again = writer(max_age=3600, file_size=1)
    again.give(1, seconds=2 * START + 1)
    assert len(again.files) == 4
    later = recordedfiles.steady() + 3601 * 10**9
    monkeypatch.setattr(recordedfiles, "steady", lambda: later)
    again.give(1, seconds=START + 2)
    assert len(again.files) == 2  # the one that grew until now, and its successor


def test_workers_share_the_room_and_each_deletes_its_own(writer, tmp_path):
    for worker in (0, 1, 7):
        (tmp_path / f"otsensor-20200101T000000.000000Z-w{worker}.pcapng").write_bytes(bytes(3000))
    one = writer(0, 2, max_size=4000, file_size=500)
    one.give(1)
    assert [path.name.split("-")[2] for path in one.files] == ["w1.pcapng", "w0.pcapng"]


def test_a_killed_worker_leaves_a_readable_file(read, tmp_path):
    child = os.fork()
    if child == 0:
        one = Writer(tmp_path)
        one.give(1, 2, 3)
        os._exit(0)
    os.waitpid(child, 0)
    (path,) = tmp_path.glob("*.pcapng")
    captures, frames = read(path)
    assert len(frames) == 3
    assert captures.sources[0].damage == ""


class FullDisk:
    """A disk with room for some bytes."""

    def __init__(self, monkeypatch, room):
        self.room = room
        self.write = os.write
        monkeypatch.setattr(os, "write", self)

    def __call__(self, handle, data):
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = self.write(handle, data[: self.room])
        self.room -= done
        return done


def test_a_full_disk_stops_the_writing_and_nothing_else(writer, read, monkeypatch):
    one = writer()
    assert one.give(1, 2)
    disk = FullDisk(monkeypatch, 150)
    assert not one.give(3, 4)
    assert not one.give(5)
    assert one.recording.trouble == f"{one.folder}: No space left on device"
    assert (one.count("WRITTEN"), one.count("WRITE_LOST"), one.count("WRITE_FAILURES")) == (2, 3, 1)
    disk.room = 1 << 20
    assert not one.give(6)  # not at once
    one.recording.again = 0
    assert one.give(7, seconds=START + 5)
    assert one.recording.trouble == ""
    assert (one.count("WRITTEN"), one.count("WRITE_LOST"), one.count("WRITE_FAILURES")) == (3, 4, 1)
    one.recording.close()
    assert [[frame[1] for frame in read(path)[1]] for path in one.files] == [[body(1), body(2)], [body(7)]]
    assert [read(path)[0].sources[0].damage for path in one.files] == ["", ""]


def test_a_disk_that_was_full_from_the_start_leaves_no_empty_files(writer, monkeypatch):
    one = writer()
    FullDisk(monkeypatch, 20)
    for _ in range(3):
        one.recording.again = 0
        assert not one.give(1)
    assert one.files == []


def test_a_folder_that_is_gone_is_told_and_comes_back(writer, tmp_path):
    one = writer()
    one.folder.rmdir()
    assert not one.give(1)
    assert one.recording.trouble == f"{tmp_path}: No such file or directory"
    tmp_path.mkdir()
    one.recording.again = 0
    assert one.give(2)


def test_the_numbers_of_files_are_used_again_in_the_end(writer):
    one = writer(file_size=1, max_size=2000)
    for n in range(1500):
        one.give(n, seconds=START + n)
    assert len(one.recording.names) == 1024
    block, _ = one.written[-1]
    assert one.recording.names[block.source] == str(one.files[-1])


@pytest.mark.parametrize("clock", [START, START - 100])
def test_two_files_of_the_same_moment_have_two_names(writer, clock):
    one = writer(file_size=1)
    for _ in range(3):
        one.give(1, seconds=clock)
    assert [path.name[25:32] for path in one.files] == ["000000Z", "000001Z", "000002Z"]


def test_a_folder_that_cannot_be_written_is_refused_at_the_start(tmp_path):
    ready(RecordingSettings(tmp_path / "new" / "captures"))
    assert list((tmp_path / "new" / "captures").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(LiveError, match=r"write folder .*file: File exists; expected a folder that can be written"):
        ready(RecordingSettings(tmp_path / "file"))
    with pytest.raises(LiveError, match="write max_age: 0; expected more than 0"):
        ready(RecordingSettings(pathlib.Path(tmp_path), max_age=0))
