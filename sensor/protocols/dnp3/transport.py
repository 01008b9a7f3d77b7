"""DNP3's transport function: fragments that travel in several link frames (IEEE 1815-2012, clause 8).

The rule it lives by: a segment is taken only in its order; what breaks the order is handed back as it came.
"""

from typing import Final

from mypy_extensions import i64

from sensor.contract import MAX_KEPT
from sensor.protocols.dnp3.wire import FINAL, FIRST, HEADER, SEGMENT, user_data

# What take() made of a segment
HELD: Final = 0  # kept, or a repeat of the last one, or a tail whose beginning was not seen
JOINED: Final = 1  # the last of its fragment: `wire` and `payload` have it all
BREAK: Final = 2  # not the next of its fragment: `wire` has what was held, and it
TOO_LONG: Final = 3  # the fragment goes over the cap: `wire` has what was held, and it

MAX_HELD: Final = MAX_KEPT - 292  # wire octets of a conversation's unfinished fragments; one has 2,400 as a rule
MAX_PARTIALS: Final = 16  # of one direction: stations that are cut short at the same moment


class Partial:
    """The segments of a fragment whose last one has not come."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.payload: list[bytes] = []  # user data without transport octets
        self.sequence: i64 = 0  # of the last segment
        self.size: i64 = 0  # wire octets
        self.odd: i64 = 0  # problems of its frames
        self.time: i64 = 0  # of the last segment


class Transport:
    """Unfinished fragments of both directions, by their link addresses."""

    def __init__(self) -> None:
        self.partials: list[dict[bytes, Partial]] = [{}, {}]
        self.blind = [True, True]  # nothing was seen from its beginning yet: a tail is no oddity
        self.held: i64 = 0  # fragments begun
        self.size: i64 = 0  # wire octets held
        self.wire = b""
        self.payload = b""
        self.odd: i64 = 0
        self.unfinished: Partial | None = None  # a fragment that a new first segment displaced

    def take(self, data: bytes, start: i64, end: i64, direction: i64, time: i64, odd: i64) -> i64:
        """Take one frame of user data; return HELD, JOINED, BREAK or TOO_LONG."""
        self.unfinished = None
        octet = i64(data[start + HEADER])
        key = data[start + 4 : start + 8]
        partial = self.partials[direction].get(key)
        frame = data[start:end]
        if partial is not None and partial.frames[-1] == frame:
            return HELD  # a repeat of the last segment (clause 8.2.2)
        if octet & FIRST:
            self.displace(direction, key)
            self.blind[direction] = False
            partial = Partial()
            self.partials[direction][key] = partial
            self.held += 1
        elif partial is None:
            self.wire = frame
            return HELD if self.blind[direction] else BREAK
        elif octet & SEGMENT != (partial.sequence + 1) & SEGMENT:
            self.drop(direction, key, partial)
            self.wire = b"".join(partial.frames) + frame
            self.blind[direction] = True  # the rest of its segments is no further oddity
            return BREAK
        partial.time = time
        partial.odd |= odd
        return self.add(partial, frame, octet, direction, key)

    def add(self, partial: Partial, frame: bytes, octet: i64, direction: i64, key: bytes) -> i64:
        """Add a segment that is in order."""
        if self.size + len(frame) > MAX_HELD:
            self.drop(direction, key, partial)
            self.wire = b"".join(partial.frames) + frame
            self.blind[direction] = True
            return TOO_LONG
        partial.frames.append(frame)
        partial.payload.append(user_data(frame, 0, len(frame))[1:])
        partial.sequence = octet & SEGMENT
        partial.size += len(frame)
        self.size += len(frame)
        if not octet & FINAL:
            return HELD
        self.drop(direction, key, partial)
        self.wire = b"".join(partial.frames)
        self.payload = b"".join(partial.payload)
        self.odd = partial.odd
        return JOINED

    def displace(self, direction: i64, key: bytes) -> None:
        """Give up the fragment that a new first segment ends, or the oldest where there are too many."""
        partials = self.partials[direction]
        if key not in partials:
            if len(partials) < MAX_PARTIALS:
                return
            key = next(iter(partials))
        partial = partials[key]
        self.drop(direction, key, partial)
        self.unfinished = partial

    def drop(self, direction: i64, key: bytes, partial: Partial) -> None:
        """Forget one fragment."""
        del self.partials[direction][key]
        self.held -= 1
        self.size -= partial.size

    def leftovers(self, direction: i64) -> list[Partial]:
        """Return the fragments of one direction that were never finished, and forget them."""
        left = list(self.partials[direction].values())
        self.gap(direction)
        return left

    def gap(self, direction: i64) -> None:
        """Forget the fragments of one direction."""
        for partial in self.partials[direction].values():
            self.held -= 1
            self.size -= partial.size
        self.partials[direction].clear()
        self.blind[direction] = True
