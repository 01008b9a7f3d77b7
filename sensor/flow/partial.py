"""The part of a frame that is there: kept until its rest comes.

The rule it lives by: bytes kept are counted, for each direction and for all.
"""

from typing import Final

from mypy_extensions import i64

from sensor.flow.counts import MAX_BUFFERED, Counts
from sensor.flow.flow import Half

MAX_BUFFER: Final = 66_560  # bytes of one direction: the longest frame has a 16-bit length and a header before it
MAX_PIECES: Final = 16  # kept apart: a frame sent two bytes at a time would take thirty times its size


def keep(half: Half, data: bytes, start: i64, end: i64, counts: Counts) -> bool:
    """Copy `data[start:end]` behind what waits; false when there is no room, and then nothing waits any more."""
    length = end - start
    if half.waiting + length > MAX_BUFFER or counts.buffered_bytes + length > MAX_BUFFERED:
        drop(half, counts)
        counts.partials_lost += 1
        return False
    if len(half.pieces) >= MAX_PIECES:
        half.pieces = [b"".join(half.pieces)]
    half.pieces.append(data[start:end])
    half.waiting += length
    counts.buffered_bytes += length
    return True


def take(half: Half, counts: Counts) -> bytes:
    """Return what waits, which waits no more."""
    whole = half.pieces[0] if len(half.pieces) == 1 else b"".join(half.pieces)
    drop(half, counts)
    return whole


def drop(half: Half, counts: Counts) -> None:
    """Let go of what waits."""
    counts.buffered_bytes -= half.waiting
    half.pieces = []
    half.waiting = 0
    half.needed = 0
