"""Segments that came before their turn: kept in order behind a hole until it is filled or known to be lost.

The rule it lives by: the bytes that came first count; a later segment adds only what is not there yet.
"""

from typing import Final

from mypy_extensions import i64

MASK: Final = 0xFFFFFFFF
MAX_HELD: Final = 64  # segments: a 64 KiB window of full segments is 45
MAX_HELD_BYTES: Final = 262_144  # of one direction: four unscaled windows
HELD_COST: Final = 160  # bytes an item takes beside its data, counted with it: one-byte segments are not free


class Held:
    """`length` bytes from `sequence` on, the last `cut` of which the snap length took.

    `data` is empty where nobody reads the stream: then only the order is kept.
    """

    def __init__(self, sequence: i64, length: i64, cut: i64, data: bytes, time: i64, number: i64, source: i64) -> None:
        self.sequence = sequence
        self.length = length
        self.cut = cut
        self.data = data
        self.time = time
        self.number = number
        self.source = source

    def size(self) -> i64:
        """Return the bytes it takes."""
        return HELD_COST + i64(len(self.data))


class Hole:
    """What waits behind the first missing byte of one direction."""

    def __init__(self, time: i64, peer_packets: i64) -> None:
        self.items: list[Held] = []  # by sequence, without overlaps
        self.bytes: i64 = 0  # that all of it takes
        self.time = time  # when it opened, or was last partly filled
        self.peer_packets = peer_packets  # what the other side had sent when it opened
        self.differs = False  # the last insertion overlapped with other bytes

    def insert(self, base: i64, new: Held) -> bool:
        """Add what is new of a segment; false when there is no room. `base` is the first missing sequence."""
        begin = (new.sequence - base) & MASK
        end = begin + new.length
        at = begin
        self.differs = False
        kept: list[Held] = []
        full = False
        for item in self.items:
            low = (item.sequence - base) & MASK
            high = low + item.length
            if at < low and at < end and not full:
                full = not self.add(kept, new, begin, at, min(low, end))
            if low < end and high > begin:
                self.compare(item, low, new, begin)
            if high > at:
                at = max(at, min(high, end))
            kept.append(item)
        if at < end and not full:
            full = not self.add(kept, new, begin, at, end)
        self.items = kept
        return not full

    def add(self, kept: list[Held], new: Held, begin: i64, low: i64, high: i64) -> bool:
        """Add the part of `new` from `low` to `high`, offsets like its own `begin`; false when there is no room."""
        data = new.data[low - begin : high - begin]
        size = HELD_COST + i64(len(data))
        if len(kept) >= MAX_HELD or self.bytes + size > MAX_HELD_BYTES or len(self.items) >= MAX_HELD:
            return False
        sequence = (new.sequence + low - begin) & MASK
        there = max(low, min(high, begin + new.length - new.cut))
        kept.append(Held(sequence, high - low, high - there, data, new.time, new.number, new.source))
        self.bytes += size
        return True

    def compare(self, old: Held, low: i64, new: Held, begin: i64) -> None:
        """Look whether bytes that both segments have are the same."""
        first = max(low, begin)
        last = min(low + i64(len(old.data)), begin + i64(len(new.data)))
        if first < last and old.data[first - low : last - low] != new.data[first - begin : last - begin]:
            self.differs = True

    def end(self) -> i64:
        """Return the sequence behind the last held byte."""
        last = self.items[-1]
        return (last.sequence + last.length) & MASK

    def take(self) -> Held:
        """Return the first segment, which is no longer held."""
        item = self.items.pop(0)
        self.bytes -= item.size()
        return item

    def discard(self, before: i64) -> i64:
        """Let go of segments that came before this time; return how many."""
        kept = [item for item in self.items if item.time >= before]
        discarded: i64 = len(self.items) - len(kept)
        if discarded > 0:
            self.items = kept
            self.bytes = 0
            for item in kept:
                self.bytes += item.size()
        return discarded
