"""Several files as one, in time.

The rule it lives by: frames of one file keep their order; between files the earlier goes first, and of two at the same
time the one of the file named first. A file is opened when its first frame is due.
"""

import heapq
from collections.abc import Iterator
from typing import Final

from librt.strings import read_i64_le
from mypy_extensions import i64

from sensor.capture.block import RECORD, Block
from sensor.capture.raw import Raw
from sensor.capture.reader import Reader, Unreadable, reason
from sensor.capture.source import Source
from sensor.capture.walker import LATEST

FOREVER: Final = LATEST + 1


class Turn:
    """One file in the merge, and where it stands."""

    def __init__(self, source: Source, keep: bool, chunk: i64, due: i64) -> None:
        self.source = source
        self.keep = keep  # hold the file open between reads
        self.chunk = chunk
        self.due = due  # time of its next frame, ns
        self.begun = False
        self.raw: Raw | None = None
        self.reader: Reader | None = None
        self.block: Block | None = None
        self.at: i64 = 0  # first record of the block that was not given yet

    def begin(self) -> bool:
        """Open the file and stand before its first frame; False when it has none."""
        self.begun = True
        try:
            self.raw = Raw(self.source.file, self.keep)
            self.reader = Reader(self.source, self.raw, self.chunk)
        except (OSError, Unreadable) as error:
            self.source.hurt(reason(error))
            return False
        return self.advance()

    def stop(self) -> None:
        """Give no more than what is read already."""
        if self.raw is not None:
            self.raw.stop()

    def advance(self) -> bool:
        """Stand before the next frame; False when there is none."""
        if self.block is None or self.at >= self.block.last:
            self.block = self.reader.block() if self.reader is not None else None
            self.at = 0
        if self.block is None:
            return False
        self.due = read_i64_le(self.block.index, self.at * RECORD)
        return True

    def run(self, until: i64) -> Block | None:
        """Return the next frames up to and with the time `until`, at least one."""
        block = self.block
        if block is None:
            return None
        first = self.at
        self.at = run_end(block.index, first, block.last, until)
        if first == 0 and self.at == block.last:
            return block
        return Block(
            block.data, block.index, first, self.at, block.source, block.number, block.offset, block.interfaces
        )

    def rest(self) -> Iterator[Block]:
        """Yield everything that is left, when there is nobody else to wait for."""
        there = self.advance() if self.begun else self.begin()
        while there:
            block = self.run(FOREVER)
            if block is not None:
                yield block
            there = self.advance()


def run_end(index: bytes, first: i64, last: i64, until: i64) -> i64:
    """Return the record after `first` that is the first later than `until`; `last` where there is none."""
    if until == FOREVER:
        return last
    at = first + 1
    while at < last and read_i64_le(index, at * RECORD) <= until:
        at += 1
    return at


def merge(turns: list[Turn]) -> Iterator[Block]:
    """Yield the frames of all files in time."""
    heap = [(int(turn.due), order) for order, turn in enumerate(turns)]
    heapq.heapify(heap)
    while len(heap) > 1:
        order = heap[0][1]
        turn = turns[order]
        if not turn.begun:
            there = turn.begin()
        else:
            rival = heap[1] if len(heap) == 2 else min(heap[1], heap[2])
            block = turn.run(rival[0] if order < rival[1] else rival[0] - 1)
            if block is not None:
                yield block
            there = turn.advance()
        if there:
            heapq.heapreplace(heap, (int(turn.due), order))
        else:
            heapq.heappop(heap)
    if heap:
        yield from turns[heap[0][1]].rest()
