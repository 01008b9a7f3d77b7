# mypyc: off: runs once for each file
"""The files of a recording: their names, and which have to go.

The rule it lives by: nothing is deleted but files of our own naming, the oldest first; and how old one is does not
depend on a clock that can be set.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import re
import time
from typing import TYPE_CHECKING, Final

from sensor.capture.live.errors import LiveError

if TYPE_CHECKING:
    import pathlib

NAME: Final = re.compile(r"otsensor-\d{8}T\d{6}\.\d{6}Z-w(\d{1,3})\.pcapng")
SECOND: Final = 1_000_000_000
# Taken once, before workers are forked: one that is begun again after the clock was set goes by the time before
SINCE_1970: Final = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def steady() -> int:
    """Return the time as of the clock when the sensor began, ns; setting the clock since does not move it."""
    return SINCE_1970 + time.clock_gettime_ns(time.CLOCK_BOOTTIME)


@dataclasses.dataclass(frozen=True, slots=True)
class RecordingSettings:
    """Where a rotating capture is kept, and how much of it."""

    folder: pathlib.Path
    max_size: int = 10_000_000_000  # bytes of all files together
    max_age: int = 7 * 86_400  # seconds
    file_size: int = 100_000_000  # bytes after which the next file is begun
    file_age: int = 3_600  # seconds after which it is, too


class RecordedFiles:
    """The files of one worker."""

    def __init__(self, settings: RecordingSettings, worker: int, workers: int) -> None:
        self.settings = settings
        self.worker = worker
        self.share = settings.max_size // workers
        self.files: list[tuple[pathlib.Path, int, int]] = []  # path, bytes, steady end in ns; the oldest first
        self.removed = 0
        for path in sorted(settings.folder.iterdir()):
            match = NAME.fullmatch(path.name)
            # Files of workers there are no more are the first one's.
            if match and (int(match[1]) == worker or (worker == 0 and int(match[1]) >= workers)):
                status = path.stat()
                self.files.append((path, status.st_size, min(status.st_mtime_ns, steady())))

    def open(self, first_time: int) -> tuple[int, pathlib.Path]:
        """Create the file for frames from `first_time` (ns) on; raises OSError."""
        seconds, rest = divmod(first_time, SECOND)
        stamp = dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y%m%dT%H%M%S")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        for microseconds in range(rest // 1000, 1_000_000):  # the next name where the clock was set back
            path = self.settings.folder / f"otsensor-{stamp}.{microseconds:06}Z-w{self.worker}.pcapng"
            try:
                return os.open(path, flags, 0o640), path
            except FileExistsError:
                continue
        raise FileExistsError(f"no name is left for {stamp}")

    def closed(self, path: pathlib.Path, size: int) -> None:
        """Take a finished file in."""
        self.files.append((path, size, steady()))

    def prune(self, growing: int) -> None:
        """Delete what is beyond size and age, beside a file that has `growing` bytes."""
        now = steady()
        total = growing + sum(size for _, size, _ in self.files)
        while self.files and (total > self.share or now - self.files[0][2] > self.settings.max_age * SECOND):
            path, size, _ = self.files.pop(0)
            total -= size
            self.removed += 1
            path.unlink(missing_ok=True)


def ready(settings: RecordingSettings) -> None:
    """Make the folder; raise LiveError where there can be no recording."""
    try:
        settings.folder.mkdir(parents=True, exist_ok=True)
        trial = settings.folder / f".otsensor-{os.getpid()}-{time.monotonic_ns()}"
        trial.touch(exist_ok=False)
        trial.unlink()
    except OSError as error:
        raise LiveError(
            f"write folder {settings.folder}", str(error.strerror), "a folder that can be written"
        ) from None
    for name in ("max_size", "file_size", "max_age", "file_age"):
        if getattr(settings, name) < 1:
            raise LiveError(f"write {name}", str(getattr(settings, name)), "more than 0")
