"""DNP3's objects: how long each is, and the walk over a fragment's object headers (IEEE 1815-2012, clause 4.2.2.7).

The rule it lives by: one walk for glance and dissect alike, so that what one finds odd the other finds odd too. A
count is compared with the octets that are there before anything is read.
"""

from typing import Final

from mypy_extensions import i64

from sensor.protocols.dnp3.problems import (
    BAD_QUALIFIER,
    BAD_RANGE,
    MANY_HEADERS,
    MANY_POINTS,
    TRAILING,
    TRUNCATED,
    UNKNOWN_OBJECT,
)
from sensor.protocols.dnp3.wire import double_word, word

MAX_HEADERS: Final = 256  # of one fragment; a 2,048-octet fragment of a real outstation holds a few dozen
MAX_POINTS: Final = 4096  # with data, of one fragment; an integrity poll of a large outstation has some hundreds

# --- Kinds of length, beside 1 ... 200 octets ----------------------------------------------------------
NO_DATA: Final = 0  # a class
UNKNOWN: Final = 255
BITS: Final = 254  # packed, one bit a point
DOUBLE_BITS: Final = 253  # packed, two bits a point
ATTRIBUTE: Final = 252  # g0: type, length, value
STRING: Final = 251  # as long as its variation says
FREE: Final = 250  # its length stands in the header's prefix (qualifier 0x5B)
ANY: Final = 249  # variation 0: a request's "any variation"; never carries data

_EVENT: Final = (5, 3, 5, 3, 11, 9, 11, 9)
_ANALOG_EVENT: Final = (5, 3, 11, 9, 5, 9, 11, 15)
# Annex A, the lengths of variations 1, 2, 3 ... of each group
LENGTHS: Final[dict[int, tuple[int, ...]]] = {
    1: (BITS, 1),
    2: (1, 7, 3),
    3: (DOUBLE_BITS, 1),
    4: (1, 7, 3),
    10: (BITS, 1),
    11: (1, 7),
    12: (11, 11, BITS),
    13: (1, 7),
    20: (5, 3, 5, 3, 4, 2, 4, 2),
    21: (5, 3, 5, 3, 11, 9, 11, 9, 4, 2, 4, 2),
    22: _EVENT,
    23: _EVENT,
    30: (5, 3, 4, 2, 5, 9),
    31: (5, 3, 11, 9, 4, 2, 5, 9),
    32: _ANALOG_EVENT,
    33: _ANALOG_EVENT,
    34: (2, 4, 4),
    40: (5, 3, 5, 9),
    41: (5, 3, 5, 9),
    42: _ANALOG_EVENT,
    43: _ANALOG_EVENT,
    50: (6, 10, 6, 11),
    51: (6, 6),
    52: (2, 2),
    60: (NO_DATA,) * 4,
    70: (FREE,) * 8,
    80: (BITS,),
    81: (3,),
    82: (FREE,),
    83: (FREE, FREE),
    85: (FREE,),
    86: (FREE, 1, FREE),
    87: (FREE,),
    88: (FREE,),
    90: (FREE,),
    91: (FREE,),
    100: (FREE,) * 3,
    101: (2, 4, 8),
    102: (1,),
    120: (FREE, FREE, 6, 2, *(FREE,) * 11),
    121: (7,),
    122: (7, 13),
}


def _lengths() -> bytes:
    """Return the kind of length of each group << 8 | variation."""
    table = bytearray([UNKNOWN]) * 65_536
    for group, lengths in LENGTHS.items():
        table[group << 8] = ANY
        for variation, length in enumerate(lengths, 1):
            table[group << 8 | variation] = length
    for variation in range(1, 256):
        table[variation] = ATTRIBUTE
    for group in (110, 111, 112, 113):
        table[group << 8 : (group + 1) << 8] = bytes([STRING]) * 256
    return bytes(table)


LENGTH_OF: Final = _lengths()

# Clause 4.2.2.7.3: octets of the range field by range code; start and stop for codes 0-5, a count for 7-9 and B
RANGE_WIDTH: Final = bytes([2, 4, 8, 2, 4, 8, 0, 1, 2, 4, 255, 1, 255, 255, 255, 255])
PREFIX_WIDTH: Final = bytes([0, 1, 2, 4, 1, 2, 4, 0])  # an index for codes 1-3, a size for 4-6

# Functions whose objects carry data: write, controls, file and application commands, authentication, all answers.
# Freeze-at-time (11, 12) carries one time, g50, and then counters by name alone.
_WITH_DATA: Final = (2, 3, 4, 5, 6, 16, 17, 18, 25, 26, 27, 28, 29, 30, 31, 32, 33, 129, 130, 131)
CARRIES_DATA: Final = bytes([code in _WITH_DATA for code in range(256)])
CONTROL_FUNCTIONS: Final = bytes([3 <= code <= 6 for code in range(256)])


class Headers:
    """A walk over object headers: `next` steps to one, and leaves what it says in the attributes."""

    def __init__(self) -> None:
        self.data = b""
        self.at: i64 = 0
        self.end: i64 = 0
        self.function: i64 = 0
        self.problems: i64 = 0
        self.headers: i64 = 0
        self.points: i64 = 0
        self.any_data = False  # some header so far carried data or indexes
        # The header stepped to
        self.head: i64 = 0  # where it begins
        self.body: i64 = 0  # where its prefixes and objects begin; they end at `at`
        self.group: i64 = 0
        self.variation: i64 = 0
        self.qualifier: i64 = 0
        self.first: i64 = -1  # first and last index of a range, -1 when it has none
        self.last: i64 = -1
        self.count: i64 = -1  # of objects, -1: all there are
        self.kind: i64 = 0  # of length, UNKNOWN ... or octets
        self.size: i64 = 0  # octets of each object without its index, 0 none or packed, -1 each its own
        self.prefix: i64 = 0  # octets of an index before each object
        self.sized = False  # each object has its size before it, in `size_width` octets
        self.size_width: i64 = 0
        self.whole = False  # prefixes and objects are all there and may be read

    def start(self, data: bytes, at: i64, end: i64, function: i64) -> None:
        """Begin at the first object header of a fragment of `function`."""
        self.data = data
        self.at = at
        self.end = end
        self.function = function
        self.problems = 0
        self.headers = 0
        self.points = 0
        self.any_data = False

    def next(self) -> bool:
        """Step to the next header; False at the end, or where the rest cannot be read."""
        if self.at >= self.end:
            return False
        if self.end - self.at < 3:
            return self.stop(TRAILING)
        if self.headers >= MAX_HEADERS:
            return self.stop(MANY_HEADERS)
        self.headers += 1
        self.head = self.at
        self.group = self.data[self.at]
        self.variation = self.data[self.at + 1]
        self.qualifier = self.data[self.at + 2]
        self.kind = LENGTH_OF[self.group << 8 | self.variation]
        self.body = self.at + 3
        self.at = self.end  # until its own end is known
        self.whole = False
        self.read_range()
        return True

    def stop(self, problem: i64) -> bool:
        """End the walk for a reason."""
        self.problems |= problem
        self.at = self.end
        return False

    def read_range(self) -> None:
        """Read the range field and, where all agrees, find where the objects end."""
        self.first = -1
        self.last = -1
        self.count = -1
        code = self.qualifier & 0x0F
        prefix = self.qualifier >> 4
        width = i64(RANGE_WIDTH[code])
        # Ranges have no prefix, sizes go with counts, the variable format (B) with sizes; 3-5 were addresses once
        if prefix > 6 or width == 255 or (code < 7 and (prefix != 0 or 2 < code < 6)) or (code == 11 and prefix < 4):
            self.problems |= BAD_QUALIFIER
        if prefix > 6 or width == 255:
            return
        if self.end - self.body < width:
            self.problems |= TRUNCATED
            return
        at = self.body
        self.body += width
        if code < 6:
            self.first = self.number(at, width // 2)
            self.last = self.number(at + width // 2, width // 2)
            if self.last < self.first:
                self.problems |= BAD_RANGE
                return
            self.count = self.last - self.first + 1
        elif width:
            self.count = self.number(at, width)
        self.sized = prefix > 3
        self.prefix = 0 if self.sized else i64(PREFIX_WIDTH[prefix])
        self.size_width = i64(PREFIX_WIDTH[prefix]) if self.sized else 0
        self.measure()

    def number(self, at: i64, width: i64) -> i64:
        """Return the unsigned number of 1, 2 or 4 octets at `at`."""
        if width == 1:
            return self.data[at]
        return word(self.data, at) if width == 2 else double_word(self.data, at)

    def object_at(self, place: i64) -> i64:
        """Return where object `place` begins, of those that are of one size."""
        return self.body + place * (self.prefix + self.size) + self.prefix

    def index(self, place: i64) -> i64:
        """Return the index of object `place`, of those that are of one size; -1 when the qualifier gives none."""
        if self.first >= 0:
            return self.first + place
        if self.prefix == 0 or self.size < 0:
            return -1
        return self.number(self.body + place * (self.prefix + self.size), self.prefix)

    def carries_data(self) -> bool:
        """Return whether the objects of this header follow it."""
        if CARRIES_DATA[self.function] or self.group == 120:
            return True
        return self.group == 50 and 11 <= self.function <= 12

    def measure(self) -> None:
        """Find where the objects end, by their prefixes, kind and count."""
        if self.kind == UNKNOWN:
            self.problems |= UNKNOWN_OBJECT
        self.size = 0
        if self.sized:
            length = self.sized_length()
        elif self.carries_data():
            length = self.data_length()
        else:
            length = max(self.count, 0) * self.prefix
        self.any_data = self.any_data or length != 0
        if length > self.end - self.body:
            self.problems |= TRUNCATED
        elif length >= 0:
            self.at = self.body + length
            self.whole = True

    def data_length(self) -> i64:
        """Return how many octets the objects take with their indexes, -1 when that cannot be told."""
        kind = self.kind
        if kind == NO_DATA:
            return max(self.count, 0) * self.prefix
        if kind in (ANY, UNKNOWN):
            self.problems |= UNKNOWN_OBJECT
            return -1
        packed = kind in (BITS, DOUBLE_BITS)
        # "All" says nothing about how many follow; packed points stand in a row; a control needs its index
        if self.count < 0 or kind == FREE or (packed and self.prefix != 0):
            self.problems |= BAD_QUALIFIER
            return -1
        if CONTROL_FUNCTIONS[self.function] and self.prefix == 0 and not packed and self.group != 120:
            self.problems |= BAD_QUALIFIER
        self.points += self.count
        if self.points > MAX_POINTS:
            self.problems |= MANY_POINTS
        if packed:
            per_octet: i64 = 8 if kind == BITS else 4
            return (self.count + per_octet - 1) // per_octet
        if kind == ATTRIBUTE:
            self.size = -1
            return self.attributes_length()
        self.size = self.variation if kind == STRING else kind
        return self.count * (self.prefix + self.size)

    def sized_length(self) -> i64:
        """Return how many octets the objects take that say their own size, more than there are when they do not fit."""
        self.size = -1
        width = self.size_width
        at = self.body
        for _ in range(max(self.count, 0)):
            if self.end - at < width:
                return self.end - self.body + 1
            at += width + self.number(at, width)
        return at - self.body

    def attributes_length(self) -> i64:
        """Return how many octets the device attributes take (g0: type, length, value)."""
        at = self.body
        for _ in range(self.count):
            at += self.prefix
            if self.end - at < 2:
                return self.end - self.body + 1
            # Type 255, the extended attribute list, is 256 octets longer than its length says
            at += 2 + i64(self.data[at + 1]) + (256 if self.data[at] == 255 else 0)
        return at - self.body
