"""Several interfaces as one, in time.

A tap with two ports brings the questions on one and the answers on the other; each ring gives its frames later than
they came, by up to the time after which a block that is not full is given. So frames wait until every interface has
shown a later one, or until it could have.
The rule it lives by: waiting is bounded by the clock on the wall, whatever the clocks in the frames say; nothing is
dropped for being late.
"""

import time
from typing import Final

from librt.strings import BytesWriter, read_i32_le, read_i64_le, write_i64_le
from mypy_extensions import i64

from sensor.capture.block import RECORD, Block
from sensor.capture.live import ledger
from sensor.capture.live.span import RETIRE_NS
from sensor.capture.live.tap import Tap
from sensor.capture.walker import LATEST

# Beyond the time a block may take to be given: the timer that gives it, and the interrupts of two ports, come late.
HOLD_NS: Final = 2_000_000
CLOCK_SET_NS: Final = 1_000_000_000  # no frame waits so long: times that go back further are a clock that was set
MAX_HELD: Final = 64  # blocks of one interface, 16 MiB: six Gbit/s for the time they may wait


class Held:
    """A block that waits."""

    def __init__(self, block: Block, taken: i64) -> None:
        self.block = block
        self.taken = taken  # monotonic ns
        self.at = block.first  # first record that was not given yet
        self.last_time = read_i64_le(block.index, (block.last - 1) * RECORD)


class Piece:
    """Some consecutive frames of one block, in their place in the joined data."""

    def __init__(self, index: bytes, first: i64, end: i64, shift: i64) -> None:
        self.index = index
        self.at = first
        self.end = end
        self.shift = shift  # from the place in the block to that in the joined data
        self.due = read_i64_le(index, first * RECORD)


class Queue:
    """One interface's blocks that wait."""

    def __init__(self, tap: Tap) -> None:
        self.tap = tap
        self.held: list[Held] = []
        self.sure: i64 = 0  # time of the latest frame seen: an earlier one will not come

    def take(self, now: i64, given: i64) -> bool:
        """Take a block out of the ring; frames earlier than `given` come too late to be put in order."""
        block = self.tap.take()
        if block is None:
            return False
        held = Held(block, now)
        self.sure = onward(self.sure, held.last_time)
        self.held.append(held)
        first = read_i64_le(block.index, 0)
        if first < given and given - first < CLOCK_SET_NS:
            self.tap.ledger.add(ledger.LATE, earlier(block, given))
        return True

    def due(self) -> i64:
        """Return the time of the first frame that waits."""
        held = self.held[0]
        return read_i64_le(held.block.index, held.at * RECORD)

    def whole(self, limit: i64) -> Block | None:
        """Take out the first block, if nothing of it was given yet and none of its frames is after `limit`."""
        if not self.held or self.held[0].at > self.held[0].block.first or self.held[0].last_time > limit:
            return None
        return self.held.pop(0).block

    def pieces(self, limit: i64, parts: list[bytes], size: i64) -> list[Piece]:
        """Take out the frames up to the time `limit`; their bytes are added to `parts`, which has `size` bytes."""
        found: list[Piece] = []
        while self.held:
            held = self.held[0]
            block = held.block
            end = held.at
            start: i64 = len(block.data)
            stop: i64 = 0
            while end < block.last and read_i64_le(block.index, end * RECORD) <= limit:
                begin = i64(read_i32_le(block.index, end * RECORD + 8))
                start = min(start, begin)
                stop = max(stop, begin + i64(read_i32_le(block.index, end * RECORD + 12)))
                end += 1
            if end > held.at:
                found.append(Piece(block.index, held.at, end, size - start))
                parts.append(block.data[start:stop])
                size += stop - start
                held.at = end
            if end < block.last:
                break
            del self.held[0]
        return found


def earlier(block: Block, time: i64) -> i64:
    """Count the frames of a block before a time."""
    frames: i64 = 0
    for record in range(block.first, block.last):
        if read_i64_le(block.index, record * RECORD) < time:
            frames += 1
    return frames


class Ordered:
    """The frames of all interfaces of a worker, in time."""

    def __init__(self, taps: list[Tap], hold_ns: i64) -> None:
        self.queues = [Queue(tap) for tap in taps]
        self.wait_ns: i64 = RETIRE_NS + hold_ns
        self.given: i64 = 0  # time of the last frame given

    def take(self, final: bool) -> Block | None:
        """Return the next frames whose turn is sure, of each interface a block at most; `final`: no more will come."""
        now: i64 = time.monotonic_ns()
        self.fill(now)
        limit = LATEST if final else self.limit(now)
        for queue in self.queues:
            if queue.held:
                limit = min(limit, queue.held[0].last_time)
        block = self.alone(limit)
        if block is None:
            block = self.joined(limit)
        if block is not None:
            self.given = onward(self.given, read_i64_le(block.index, (block.last - 1) * RECORD))
        return block

    def fill(self, now: i64) -> None:
        """See to it that each interface shows a frame; where one cannot, begin to wait with all that others have."""
        silent = False
        for queue in self.queues:
            if not queue.held and not queue.take(now, self.given):
                silent = True
        if silent:
            for queue in self.queues:
                while queue.held and len(queue.held) < MAX_HELD and queue.take(now, self.given):
                    pass

    def alone(self, limit: i64) -> Block | None:
        """Return a block as it is, if all its frames have their turn before those of others."""
        only: Queue | None = None
        for queue in self.queues:
            if queue.held and queue.due() <= limit:
                if only is not None:
                    return None
                only = queue
        return only.whole(limit) if only is not None else None

    def joined(self, limit: i64) -> Block | None:
        """Return the frames of all interfaces up to the time `limit`."""
        parts: list[bytes] = []
        size: i64 = 0
        lanes: list[list[Piece]] = []
        for queue in self.queues:
            lanes.append(queue.pieces(limit, parts, size))
            size = total(parts)
        index = merged(lanes)
        frames: i64 = len(index) // RECORD
        if frames == 0:
            return None
        return Block(b"".join(parts), index, 0, frames, 0, 0, 0, self.queues[0].tap.interfaces)

    def done(self) -> None:
        """All frames that were given are worked through."""
        for queue in self.queues:
            waiting: i64 = 0
            for held in queue.held:
                waiting += held.block.last - held.at
            queue.tap.done(waiting)

    def limit(self, now: i64) -> i64:
        """Return the time up to which nothing earlier can come any more, or is waited for no longer."""
        sure = LATEST
        overdue: i64 = 0
        for queue in self.queues:
            sure = min(sure, queue.sure)
            if len(queue.held) >= MAX_HELD:
                overdue = max(overdue, queue.held[0].last_time)
            for held in queue.held:
                if now - held.taken < self.wait_ns:
                    break
                overdue = max(overdue, held.last_time)
        return max(sure, overdue)

    def patience(self, now: i64) -> i64:
        """Return in how many nanoseconds something that waits is due; -1: nothing waits."""
        least: i64 = -1
        for queue in self.queues:
            if queue.held:
                left = max(self.wait_ns - (now - queue.held[0].taken), 0)
                least = left if least < 0 else min(least, left)
        return least


def onward(time: i64, now: i64) -> i64:
    """Return the later of two times, or `now` where the clock was set back in between."""
    return now if now > time or time - now >= CLOCK_SET_NS else time


def total(parts: list[bytes]) -> i64:
    """Return the bytes of all parts."""
    size: i64 = 0
    for part in parts:
        size += len(part)
    return size


def merged(lanes: list[list[Piece]]) -> bytes:
    """Return one index over the pieces of all interfaces, in time; of two at the same time the first interface's."""
    out = BytesWriter()
    heads: list[Piece] = []
    rests: list[list[Piece]] = []
    for lane in lanes:
        if lane:
            heads.append(lane[0])
            rests.append(lane[:0:-1])
    while heads:
        best: i64 = 0
        for at in range(1, len(heads)):
            if heads[at].due < heads[best].due:
                best = at
        head = heads[best]
        if move(head, out):
            continue
        if rests[best]:
            heads[best] = rests[best].pop()
        else:
            del heads[best]
            del rests[best]
    return out.getvalue()


def move(piece: Piece, out: BytesWriter) -> bool:
    """Write a piece's next record; False where it was the last."""
    at = piece.at * RECORD
    write_i64_le(out, read_i64_le(piece.index, at))
    write_i64_le(out, read_i64_le(piece.index, at + 8) + piece.shift)  # offset, below the captured length
    write_i64_le(out, read_i64_le(piece.index, at + 16))
    piece.at += 1
    if piece.at == piece.end:
        return False
    piece.due = read_i64_le(piece.index, piece.at * RECORD)
    return True
