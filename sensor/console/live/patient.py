"""A terminal, pipe or socket that is never waited for.

The rule it lives by: a watch must not stand still because somebody has pressed Ctrl-S or a pager has filled up. What is
not taken at once is kept up to a bound; beyond it whole texts are dropped and counted.
"""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import time
from typing import IO, Final

MAX_WAITING: Final = 1_000_000  # bytes: some thousand lines, or some pictures
PASSING: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # a log on a full disk
CHUNK: Final = 4_096  # bytes: a pipe that says it is writable takes so much without waiting (PIPE_BUF)


class Patient(io.TextIOBase):
    """Writes what is taken now, and keeps the rest."""

    def __init__(self, file: IO[str], limit: int = MAX_WAITING) -> None:
        super().__init__()
        self.file = file
        self.limit = limit
        self.waiting = bytearray()
        self.dropped = 0  # texts
        self.gone = False
        self.taken = True  # everything, when it was finished
        self.descriptor = descriptor_of(file)
        self.own = opened_again(self.descriptor)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """As what the other end reads."""
        return getattr(self.file, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """As the file itself says."""
        return self.file.isatty()

    def fileno(self) -> int:
        """As the file itself says."""
        return self.file.fileno()

    def write(self, text: str) -> int:
        """Keep a text until it is flushed."""
        if len(self.waiting) > self.limit:
            self.dropped += 1
        else:
            self.waiting += text.encode(self.encoding, "replace")
        return len(text)

    def flush(self) -> None:
        """Write what is taken now."""
        if self.descriptor is None:
            self.file.write(self.waiting.decode(self.encoding, "replace"))
            self.waiting.clear()
            self.file.flush()
            return
        try:
            while self.waiting and not self.gone and (self.own is not None or writable(self.descriptor)):
                written = os.write(self.descriptor if self.own is None else self.own, self.waiting[:CHUNK])
                del self.waiting[:written]
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno in PASSING:  # what waits is bounded, and taken when there is room again
                return
            self.gone = True  # hung up
            self.waiting.clear()

    def ready(self) -> bool:
        """Say whether everything was taken."""
        if self.waiting:
            self.flush()
        return not self.waiting

    def finish(self, seconds: float) -> None:
        """Give the other end a moment to take the rest."""
        until = time.monotonic() + seconds
        while not self.ready() and not self.gone and time.monotonic() < until:
            time.sleep(0.01)
        self.taken = not self.waiting
        self.waiting.clear()

    def close(self) -> None:
        """Let go of it; the file itself stays open."""
        own, self.own = self.own, None
        if own is not None:
            os.close(own)
        self.descriptor = None
        self.waiting.clear()


def descriptor_of(file: IO[str]) -> int | None:
    """Return a file's descriptor, None where it has none."""
    try:
        return file.fileno()
    except (OSError, ValueError):
        return None


def opened_again(descriptor: int | None) -> int | None:
    """Return a terminal or pipe opened once more: that it is not waited for is then not set for the shell's as well."""
    try:
        if descriptor is None or not (stat.S_ISFIFO(os.fstat(descriptor).st_mode) or os.isatty(descriptor)):
            return None
        return os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None


def writable(descriptor: int) -> bool:
    """Say whether a chunk is taken without waiting."""
    asked = select.poll()
    asked.register(descriptor, select.POLLOUT)
    return bool(asked.poll(0))
