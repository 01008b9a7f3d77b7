"""One frame being taken apart: what is left of it, where it ends, and which header comes next.

The rule it lives by: each header is peeled by one function that takes a Frame, moves `at` behind the header, and
returns the next step (negative) or the frame's kind. Before it reads it asks `lacks`, then it reads freely.
"""

from typing import Final

from librt.strings import read_i16_be, read_i32_be
from mypy_extensions import i64

from sensor.decode.kinds import BAD_LENGTH, CUT_SHORT
from sensor.decode.oddities import HEADER_BEYOND_PACKET, ODDITY_NAMES
from sensor.decode.segment import Segment

# --- Which header comes next --------------------------------------------------------------------------
ETHERNET: Final = -1
IPV4: Final = -2
IPV6: Final = -3
EXTENSIONS: Final = -4  # IPv6 extension headers, `segment.protocol` says which
FRAGMENTED: Final = -5
TRANSPORT: Final = -6  # `segment.protocol` says which
MPLS: Final = -7
PPP: Final = -8


def u16(data: bytes, at: i64) -> i64:
    """Return the unsigned 16 bits at `at`, network order."""
    return i64(read_i16_be(data, at)) & 0xFFFF


def u32(data: bytes, at: i64) -> i64:
    """Return the unsigned 32 bits at `at`, network order."""
    return i64(read_i32_be(data, at)) & 0xFFFFFFFF


class Frame:
    """The rest of a frame, and what its headers said so far. One per decoder, overwritten by each frame."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.data = b""
        self.at: i64 = 0  # where the next header begins
        self.end: i64 = 0  # where the bytes that are there end
        self.wire: i64 = 0  # where they ended on the wire: further when a snap length or a mirror cut
        self.edge: i64 = 0  # where the frame ended on the wire, or the mirrored frame inside
        self.type_at: i64 = 0  # where the last ethertype lies
        self.source_at: i64 = -1  # where a sender's 6-byte link address lies that has no receiver beside it
        self.addresses_at: i64 = 0  # IP source and destination
        self.addresses_size: i64 = 0
        self.tunnels: i64 = 0  # entered so far
        self.fragment_offset: i64 = 0
        self.fragment_more: bool = False
        self.identification: i64 = 0
        self.odd: list[int] = [0] * len(ODDITY_NAMES)

    def begin(self, data: bytes, start: i64, captured: i64, original: i64, time: i64) -> None:
        """Take the next frame, and forget everything of the one before."""
        size: i64 = len(data)
        self.data = data
        self.at = start
        self.end = min(start + captured, size)
        self.wire = max(start + original, self.end)
        self.edge = self.wire
        self.source_at = -1
        self.tunnels = 0
        self.segment.begin(data, time, original)

    def lacks(self, count: i64) -> i64:
        """Return 0 when `count` more bytes are there, else the kind of a frame that ends before them."""
        if self.at + count <= self.end:
            return 0
        if self.at + count <= self.wire:
            return CUT_SHORT
        self.note(HEADER_BEYOND_PACKET)
        return BAD_LENGTH

    def has(self, count: i64) -> bool:
        """Say whether `count` more bytes are there."""
        return self.at + count <= self.end

    def narrow(self, stop: i64) -> bool:
        """Let the packet end at `stop` as its header says; false when that lies beyond what was on the wire.

        Mirrors and some tools cut frames without telling, so what is not there behind the frame's edge is missing.
        Behind an end that a header around the packet told, there is nothing.
        """
        if stop > self.wire:
            if self.wire == self.edge:
                self.wire = self.edge = stop
            return False
        self.wire = stop
        self.end = min(self.end, stop)
        return True

    def note(self, oddity: i64) -> None:
        """Count an oddity; the frame's first one stands in the Segment."""
        self.odd[oddity] += 1
        if self.segment.oddity == 0:
            self.segment.oddity = oddity
