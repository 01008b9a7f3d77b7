"""A file of lines that is put aside when it is large or old enough, and begun anew.

The rule it lives by: a line is whole or not there. What a crash or a full disk left of one is cut off, and nobody else
writes into the file meanwhile.
"""

import fcntl
import os
import pathlib
import re
import time
from collections.abc import Iterable, Sequence
from typing import Final

MODE: Final = 0o640  # readable by the group of whoever carries the files on
TAIL: Final = 1 << 16  # bytes read at once in search of the last end of a line


class InUse(OSError):  # noqa: N818  # a state of the world
    """Another process writes this file."""


class RotatingFile:
    """Appends lines; a file that is large or of an earlier period is put aside as name.TIME-NUMBER.suffix.

    Periods begin at whole multiples of `period` seconds since 1970 (86400: at midnight UTC), so that they need no
    memory of when a file was begun.
    """

    def __init__(self, path: pathlib.Path, max_bytes: int, period: float, keep: int, *, sync: bool) -> None:
        """`keep`: how many files put aside are kept, 0 for all; `sync`: on disk before it counts."""
        self.path = path
        self.max_bytes = max_bytes
        self.period = period
        self.keep = keep
        self.sync = sync
        self.torn_bytes = 0  # cut off from the ends of files
        self.rotations = 0
        self.removed = 0
        self.size = 0
        self.written_at = 0.0  # s since 1970
        self._file = -1

    def open(self) -> bool:
        """Open the file where it is not open yet, or was carried off; say whether it was. Raises OSError."""
        if self._in_place():
            return False
        self.close()
        self._open()
        return True

    def last_line(self) -> bytes:
        """Return the last line written, also where the file was put aside since; b"" where there is none."""
        for path in (self.path, *reversed(self.aside())):
            if line := last_line(path):
                return line
        return b""

    def fitting(self, lines: Sequence[bytes]) -> int:
        """Return how many of some lines one file takes: those that have room in this one, else in the next."""
        room = self.max_bytes - self.size
        if len(lines[0]) > room or self.due():
            room = self.max_bytes
        for number, line in enumerate(lines):
            room -= len(line)
            if room < 0:
                return max(number, 1)  # a line longer than a file has one of its own
        return len(lines)

    def append(self, lines: bytes) -> None:
        """Write whole lines, all or none; raise OSError."""
        self.open()
        if self.due(len(lines)):
            self.rotate()
        try:
            self._write(lines)
        except OSError:
            os.ftruncate(self._file, self.size)
            raise
        self.size += len(lines)
        self.written_at = time.time()

    def _in_place(self) -> bool:
        """Say whether a file is open and still the one the path leads to."""
        try:
            return self._file >= 0 and os.path.samestat(self.path.stat(), os.fstat(self._file))
        except FileNotFoundError:
            return False

    def _write(self, lines: bytes) -> None:
        left = memoryview(lines)
        while left:
            left = left[os.write(self._file, left) :]
        if self.sync:
            os.fdatasync(self._file)

    def due(self, more: int = 0) -> bool:
        """Say whether the file is too large for `more` bytes, or of an earlier period."""
        too_large = self.size + more > self.max_bytes
        return bool(self.size) and (too_large or self.written_at // self.period != time.time() // self.period)

    def rotate(self) -> None:
        """Put the file aside and begin a new one."""
        if self.sync:
            os.fsync(self._file)
        name = f"{self.path.stem}.{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{self.rotations:04d}"
        target = self.path.with_name(name + self.path.suffix)
        while target.exists():
            target = target.with_name(f"{target.stem}x{self.path.suffix}")
        self.path.rename(target)
        self.close()
        self._open()
        self.rotations += 1
        if self.keep:
            self._remove(self.aside()[: -self.keep])

    def aside(self) -> list[pathlib.Path]:
        """Return the files that were put aside, the oldest first."""
        form = re.compile(rf"{re.escape(self.path.stem)}\.\d{{8}}T\d{{6}}Z-\d{{4,}}x*{re.escape(self.path.suffix)}")
        return sorted(path for path in self.path.parent.iterdir() if form.fullmatch(path.name))

    def _remove(self, paths: Iterable[pathlib.Path]) -> None:
        for path in paths:
            path.unlink(missing_ok=True)
            self.removed += 1

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise InUse(f"{self.path} is in use by another process") from None
        self.size = whole_lines(self._file)
        torn = os.fstat(self._file).st_size - self.size
        if torn:
            os.ftruncate(self._file, self.size)
            self.torn_bytes += torn
        self.written_at = os.fstat(self._file).st_mtime
        if self.sync:
            sync_folder(self.path.parent)

    def close(self) -> None:
        """Close the file; it stays where it is."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def whole_lines(file: int) -> int:
    """Return how many bytes of a file are whole lines."""
    end = os.fstat(file).st_size
    while end > 0:
        start = max(0, end - TAIL)
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def last_line(path: pathlib.Path) -> bytes:
    """Return the last whole line of a file, b"" where there is none."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    try:
        end = whole_lines(file)
        start = end
        kept = b""
        while start > 0 and b"\n" not in kept[:-1]:
            step = min(TAIL, start)
            start -= step
            kept = os.pread(file, step, start) + kept
        return kept[: end - start].rstrip(b"\n").rsplit(b"\n", 1)[-1]
    finally:
        os.close(file)


def sync_folder(path: pathlib.Path) -> None:
    """Make a file's name last."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
