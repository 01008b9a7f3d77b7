"""A rotating capture beside the sensor, so that the frames an alert names can be looked at later.

The rule it lives by: recording never stops sensing. A Block lies in one file as a whole or in none; what cannot be
written is counted, and tried again later.
"""

import os
import pathlib
import time
from collections.abc import Sequence
from typing import Final

from librt.strings import read_i64_le
from mypy_extensions import i64

from sensor.capture.block import RECORD, Block, Interface
from sensor.capture.live import ledger
from sensor.capture.live.pcapngwriter import interface, packets, section, statistics
from sensor.capture.live.recordedfiles import RecordedFiles, RecordingSettings
from sensor.capture.live.span import SpanSocket

MAX_SOURCES: Final = 1024  # files that findings of the last minutes may name; then their numbers are used again
RETRY_NS: Final = 10_000_000_000  # after a failure: time for somebody, or for the ring of files, to make room
APPLICATION: Final = "otsensor"


class Recording:
    """Writes the Blocks of one worker, and makes each name its file and its frame there."""

    def __init__(self, settings: RecordingSettings, sockets: Sequence[SpanSocket], workers: int) -> None:
        self.settings = settings
        self.files = RecordedFiles(settings, sockets[0].worker, workers)
        self.spans = list(sockets)
        self.counters: ledger.Ledger = sockets[0].ledger
        self.names: dict[int, str] = {}  # number of a source -> path of its file
        self.source: i64 = 0
        self.handle: i64 = -1
        self.path = pathlib.Path()
        self.size: i64 = 0
        self.frames: i64 = 0  # in the file
        self.first: i64 = 0  # time of its first frame, ns
        self.last: i64 = 0
        self.before: list[tuple[int, int]] = []  # of each interface, when the file was begun: frames and drops
        self.trouble = ""  # why nothing is written; "": all is well
        self.again: i64 = 0  # when it is tried again, monotonic ns

    def take(self, block: Block, interfaces: list[Interface]) -> bool:
        """Write a Block and let it name file and frame; False when it is not written."""
        time_ns = read_i64_le(block.index, block.first * RECORD)
        frames = block.last - block.first
        self.tick(time_ns)
        try:
            if self.handle < 0:
                if time.monotonic_ns() < self.again:
                    self.counters.add(ledger.WRITE_LOST, frames)
                    return False
                self.open(time_ns, interfaces)
            self.write(packets(block))
        except OSError as error:
            self.fail(error, frames)
            return False
        block.source = self.source
        block.number = self.frames + 1 - block.first
        self.frames += frames
        self.last = read_i64_le(block.index, (block.last - 1) * RECORD)
        self.counters.add(ledger.WRITTEN, frames)
        return True

    def tick(self, now: i64) -> None:
        """Begin a new file when this one is large or old enough; `now` is capture time, ns."""
        settings = self.settings
        if self.handle >= 0 and (
            self.size >= settings.file_size or now - self.first >= settings.file_age * 1_000_000_000
        ):
            self.close()

    def open(self, first: i64, interfaces: list[Interface]) -> None:
        """Begin a file."""
        self.prune()
        self.handle, self.path = self.files.open(first)
        self.size, self.frames, self.first, self.last = 0, 0, first, first
        self.before = self.totals()
        head = section(APPLICATION)
        for described in interfaces:
            head += interface(described, self.spans[0].settings.filter)
        self.write(head)
        self.source = self.source % MAX_SOURCES + 1
        self.names[self.source] = str(self.path)
        self.trouble = ""

    def prune(self) -> None:
        """Let old files go."""
        try:
            self.files.prune(self.settings.file_size)
        except OSError as error:
            self.trouble = f"{error.filename}: {error.strerror}"

    def write(self, data: bytes) -> None:
        """Append whole blocks, or nothing; raises OSError."""
        done: i64 = 0
        try:
            while done < len(data):
                done += os.write(self.handle, data[done:] if done else data)
        except OSError:
            os.ftruncate(self.handle, self.size)
            raise
        self.size += done

    def fail(self, error: OSError, frames: i64) -> None:
        """Count what is lost; give the file up where it is, and try again later."""
        self.counters.add(ledger.WRITE_LOST, frames)
        self.counters.add(ledger.WRITE_FAILURES, 1)
        self.again = time.monotonic_ns() + RETRY_NS
        self.close()
        self.trouble = f"{self.settings.folder}: {error.strerror or error}"

    def totals(self) -> list[tuple[int, int]]:
        """Return frames and drops of each interface so far."""
        return [(int(span.ledger.get(ledger.TAKEN)), int(span.ledger.get(ledger.KERNEL_DROPS))) for span in self.spans]

    def close(self) -> None:
        """End the file with what each interface has lost meanwhile."""
        if self.handle < 0:
            return
        if self.frames == 0:
            os.close(self.handle)
            self.handle = -1
            self.path.unlink(missing_ok=True)
            return
        tail = b""
        for number, (now, then) in enumerate(zip(self.totals(), self.before, strict=True)):
            tail += statistics(number, self.first, self.last, now[0] - then[0], now[1] - then[1])
        try:
            self.write(tail)
        except OSError as error:  # a full disk: the file is readable without
            self.trouble = f"{self.path}: {error.strerror}"
        os.close(self.handle)
        self.handle = -1
        self.files.closed(self.path, self.size)
        self.prune()
