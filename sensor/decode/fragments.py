"""Fragments put together: IPv4 (RFC 791, 815) and IPv6 (RFC 8200, 4.5).

The rules it lives by: what came first stays, an overlap is noted and only fills what was still open; a piece that
cannot be of a datagram is refused before it is kept; and the number of datagrams, their bytes and their age in
capture time are bounded, the oldest going first.
"""

from typing import Final

from librt.strings import BytesWriter, write_i64_be
from mypy_extensions import i64

from sensor.decode.frame import EXTENSIONS, TRANSPORT, Frame
from sensor.decode.kinds import BAD_LENGTH, CUT_SHORT, FRAGMENT
from sensor.decode.oddities import (
    FRAGMENT_BEYOND_64K,
    FRAGMENT_EMPTY,
    FRAGMENT_ENDS_DIFFER,
    FRAGMENT_OVERLAP,
    FRAGMENT_TINY,
    FRAGMENT_UNALIGNED,
    FRAGMENTS_EVICTED,
    FRAGMENTS_EXPIRED,
    FRAGMENTS_MANY,
)

MAX_DATAGRAMS: Final = 1_024  # incomplete at one time; a plant network has a handful
MAX_BYTES: Final = 8 << 20  # held in all of them
MAX_PIECES: Final = 256  # of one datagram: 64 KiB in pieces of the smallest IPv4 MTU in use (296) are 241
MAX_AGE: Final = 30_000_000_000  # ns; what Linux waits
MAX_PAYLOAD: Final = 65_535  # the largest datagram
PIECE_COST: Final = 128  # bytes of memory that a piece takes besides its own, so that tiny ones count too


class Datagram:
    """The pieces of one datagram, in order and not overlapping."""

    def __init__(self, key: bytes, time: i64) -> None:
        self.key = key
        self.time = time
        self.starts: list[int] = []
        self.pieces: list[bytes] = []
        self.have: i64 = 0  # bytes of payload
        self.size: i64 = -1  # the whole payload, once the last piece is here
        self.protocol: i64 = -1  # next header of the first piece
        self.cost: i64 = PIECE_COST

    def reach(self) -> i64:
        """Return where the furthest piece ends."""
        if not self.starts:
            return 0
        return i64(self.starts[-1]) + i64(len(self.pieces[-1]))

    def add(self, start: i64, piece: bytes) -> bool:
        """Fill what `piece` still finds open; return whether it overlapped, other than as an exact repeat."""
        stop = start + i64(len(piece))
        if start >= self.reach():
            self.insert(i64(len(self.starts)), start, piece)
            return False
        at = start
        index: i64 = 0
        overlapped = False
        while index < len(self.starts) and at < stop:
            there = i64(self.starts[index])
            behind = there + i64(len(self.pieces[index]))
            if behind > at and there < stop:
                if there == start and self.pieces[index] == piece:
                    return False
                overlapped = True
            if there > at:
                until = min(there, stop)
                self.insert(index, at, piece[at - start : until - start])
                index += 1
            at = max(at, behind)
            index += 1
        if at < stop:
            self.insert(index, at, piece[at - start :])
        return overlapped

    def insert(self, index: i64, start: i64, piece: bytes) -> None:
        """Keep a piece that touches no other."""
        self.starts.insert(index, start)
        self.pieces.insert(index, piece)
        self.have += len(piece)
        self.cost += len(piece) + PIECE_COST


class Fragments:
    """All datagrams that wait for more."""

    def __init__(self) -> None:
        self.waiting: dict[bytes, Datagram] = {}  # oldest first
        self.cost: i64 = 0

    def take(self, frame: Frame) -> i64:
        """Keep one fragment; when its datagram is whole, put it into `frame` and go on with it."""
        segment = frame.segment
        self.expire(frame, segment.time)
        refusal = refuse(frame)
        if refusal != 0:
            return refusal
        key = key_of(frame)
        datagram = self.waiting.get(key)
        if datagram is None:
            datagram = Datagram(key, segment.time)
            self.waiting[key] = datagram
            self.cost += datagram.cost
        before = datagram.cost
        kind = keep(frame, datagram)
        self.cost += datagram.cost - before
        if datagram.have == datagram.size:
            self.forget(datagram)
            return whole(frame, datagram)
        self.make_room(frame)
        return kind

    def forget(self, datagram: Datagram) -> None:
        """Drop a datagram that is complete or given up."""
        del self.waiting[datagram.key]
        self.cost -= datagram.cost

    def expire(self, frame: Frame, time: i64) -> None:
        """Give up what has waited too long."""
        while self.waiting:
            oldest = self.waiting[next(iter(self.waiting))]
            if time - oldest.time <= MAX_AGE:
                return
            frame.note(FRAGMENTS_EXPIRED)
            self.forget(oldest)

    def make_room(self, frame: Frame) -> None:
        """Give up the oldest until the bounds hold."""
        while len(self.waiting) > MAX_DATAGRAMS or self.cost > MAX_BYTES:
            frame.note(FRAGMENTS_EVICTED)
            self.forget(self.waiting[next(iter(self.waiting))])


def refuse(frame: Frame) -> i64:
    """Return 0 when a fragment can be kept, else the kind of its frame."""
    size = frame.wire - frame.at
    if frame.end < frame.wire:
        return CUT_SHORT
    if size <= 0:
        frame.note(FRAGMENT_EMPTY)
        return BAD_LENGTH
    if frame.fragment_more and size & 7 != 0:
        frame.note(FRAGMENT_UNALIGNED)
        return BAD_LENGTH
    if frame.fragment_offset + size > MAX_PAYLOAD:
        frame.note(FRAGMENT_BEYOND_64K)
        return BAD_LENGTH
    if frame.fragment_offset == 0 and frame.segment.protocol == 6 and size < 20:
        frame.note(FRAGMENT_TINY)
    return 0


def key_of(frame: Frame) -> bytes:
    """Tell datagrams apart: addresses, identification, IPv4's protocol, and the network they are on."""
    segment = frame.segment
    begin = frame.addresses_at
    protocol = segment.protocol if segment.version == 4 else 0
    out = BytesWriter()
    write_i64_be(out, frame.identification << 8 | protocol)
    write_i64_be(out, segment.vlan)
    return frame.data[begin : begin + frame.addresses_size] + out.getvalue() + segment.tunnel


def keep(frame: Frame, datagram: Datagram) -> i64:
    """Add a fragment's bytes to its datagram, unless they contradict what is known of its size."""
    offset = frame.fragment_offset
    stop = offset + frame.end - frame.at
    if len(datagram.pieces) >= MAX_PIECES:
        frame.note(FRAGMENTS_MANY)
        return BAD_LENGTH
    known = datagram.size
    if frame.fragment_more:
        wrong = known >= 0 and stop > known
    else:
        wrong = (known >= 0 and stop != known) or stop < datagram.reach()
    if wrong:
        frame.note(FRAGMENT_ENDS_DIFFER)
        return BAD_LENGTH
    if not frame.fragment_more:
        datagram.size = stop
    if offset == 0 and datagram.protocol < 0:
        datagram.protocol = frame.segment.protocol
    if datagram.add(offset, frame.data[frame.at : frame.end]):
        frame.note(FRAGMENT_OVERLAP)
    return FRAGMENT


def whole(frame: Frame, datagram: Datagram) -> i64:
    """Go on with the datagram: its addresses, and behind them its payload, in new bytes."""
    segment = frame.segment
    begin = frame.addresses_at
    frame.data = frame.data[begin : begin + frame.addresses_size] + b"".join(datagram.pieces)
    frame.addresses_at = 0
    frame.at = frame.addresses_size
    frame.end = frame.wire = i64(len(frame.data))
    frame.edge = -1
    segment.protocol = datagram.protocol
    return EXTENSIONS if segment.version == 6 else TRANSPORT
