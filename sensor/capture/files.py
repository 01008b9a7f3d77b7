"""Capture files as people name them: files, folders, standard input; read as one, in time.

The rule it lives by: what a path is, is told by its first bytes; each path that gives no frames is named with the
reason, and the others go on.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from mypy_extensions import i64

from sensor.capture.block import Block
from sensor.capture.merge import Turn, merge
from sensor.capture.raw import Raw
from sensor.capture.reader import CHUNK, LOOK, Reader, Unreadable, reason
from sensor.capture.source import Source, printable

MAX_OPEN: Final = 64  # files held open at once: far below the usual limit of 1024; more are opened for each read
MERGE_MEMORY: Final = 64 * 1024 * 1024  # bytes for pieces of files that are read side by side
STANDARD_INPUT: Final = (-1, -1)  # where a file has its device and inode
MAX_SKIPPED: Final = 10_000  # names kept of what was passed over in folders


class Skipped:
    """A path that gave no frames, and why."""

    def __init__(self, path: str, why: str, asked: bool) -> None:
        self.path = printable(path)
        self.why = why
        self.asked = asked  # named by the user, not found in a folder

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.path}: {self.why}"


class Captures:
    """Captures named by paths: "-" is standard input, a folder is searched through.

    Regular files are looked at when it is made, so that mistakes are known before the first frame.
    """

    def __init__(self, paths: Sequence[str | Path]) -> None:
        self.sources: list[Source] = []
        self.skipped: list[Skipped] = []
        self.unnamed: i64 = 0  # skipped beyond MAX_SKIPPED
        self.total_bytes: i64 = 0  # packed, as they lie; 0: unknown, for something is a pipe
        self.known: dict[tuple[int, int], str] = {}
        self.dues: list[int] = []  # when each source begins, ns
        self.turns: list[Turn] = []
        self.endless = False
        for path in paths:
            self.add(os.fspath(path), asked=True)
        if self.endless:
            self.total_bytes = 0

    @property
    def read_bytes(self) -> int:
        """Return how many of `total_bytes` were read."""
        return sum(int(source.read_bytes) for source in self.sources)

    def blocks(self) -> Iterator[Block]:
        """Yield the frames of all files, in time; once."""
        many = len(self.sources)
        chunk = max(LOOK, min(CHUNK, MERGE_MEMORY // max(many, 1)))
        self.turns = [
            Turn(source, many <= MAX_OPEN, chunk, due) for source, due in zip(self.sources, self.dues, strict=True)
        ]
        return merge(self.turns)

    def stop(self) -> None:
        """End soon, even where a pipe says nothing; safe to call from a signal handler."""
        for turn in self.turns:
            turn.stop()

    def add(self, path: str, *, asked: bool) -> None:
        """Take in one path."""
        if path == "-":
            if STANDARD_INPUT in self.known:
                self.skip(path, "standard input is named twice", asked=asked)
                return
            self.known[STANDARD_INPUT] = path
            self.take(Source(len(self.sources), path, 0), 0)
            return
        try:
            status = Path(path).stat()
            if stat.S_ISDIR(status.st_mode):
                self.search(path, asked=asked)
            elif stat.S_ISREG(status.st_mode):
                self.look(path, (status.st_dev, status.st_ino), asked=asked)
            elif asked and not stat.S_ISSOCK(status.st_mode):
                self.take(Source(len(self.sources), path, 0), 0)
            else:
                self.skip(path, "not a regular file", asked=asked)
        except (OSError, Unreadable) as error:
            self.skip(path, reason(error), asked=asked)

    def search(self, folder: str, *, asked: bool) -> None:
        """Take in what is in a folder and below, by name; links to folders are not followed."""
        before = len(self.sources)
        for place, folders, names in os.walk(folder, onerror=self.refused):
            folders.sort()
            for name in sorted(names):
                self.add(f"{place.rstrip('/')}/{name}", asked=False)
        if len(self.sources) == before:
            self.skip(folder, "no capture is in it", asked=asked)

    def refused(self, error: OSError) -> None:
        """Name a folder that cannot be searched."""
        self.skip(str(error.filename), reason(error), asked=False)

    def look(self, path: str, identity: tuple[int, int], *, asked: bool) -> None:
        """Look at the beginning of a regular file: what it is, and when it begins."""
        if identity in self.known:
            self.skip(path, f"the same file as {self.known[identity]}", asked=asked)
            return
        source = Source(len(self.sources), path, 0)
        reader = Reader(source, Raw(path, keep=True), LOOK)
        block = reader.block()
        reader.close()
        source.read_bytes = 0  # looking is not reading
        self.known[identity] = path
        self.take(source, first_time(block))

    def take(self, source: Source, due: i64) -> None:
        """Add a source that begins at `due`, ns; a pipe is begun at once, as it cannot be looked at before."""
        self.sources.append(source)
        self.dues.append(due)
        self.total_bytes += source.size
        self.endless = self.endless or source.size == 0

    def skip(self, path: str, why: str, *, asked: bool) -> None:
        """Name a path that gives no frames."""
        if len(self.skipped) < MAX_SKIPPED:
            self.skipped.append(Skipped(path, why, asked))
        else:
            self.unnamed += 1


def first_time(block: Block | None) -> int:
    """Return the time of a block's first frame, 0 where there is none."""
    return int.from_bytes(block.index[:8], "little") if block is not None else 0
