"""The values DNP3's measurement objects carry, with flags and times (IEEE 1815-2012, annex A).

The rule it lives by: one letter for each part of an object, in its order; the walk has checked that all is there.
"""

import datetime as dt
from typing import Final

from librt.strings import read_f32_le, read_f64_le, read_i16_le, read_i32_le
from mypy_extensions import i64

from sensor.protocols.dnp3.message import Dnp3Message, Point
from sensor.protocols.dnp3.objects import BITS, DOUBLE_BITS, MAX_POINTS, Headers
from sensor.protocols.dnp3.wire import double_word, word

# s flags with the state in bit 7, d flags with a two-bit state in bits 6-7, f flags, c a control's status,
# B H L unsigned, h l signed integers of 1, 2, 4 octets, e E floating point of 4, 8, t time of 6, r relative time of 2
_COUNTERS: Final = ("fL", "fH", "fL", "fH", "L", "H", "L", "H")
_COUNTER_EVENTS: Final = ("fL", "fH", "fL", "fH", "fLt", "fHt", "fLt", "fHt")
_ANALOG_EVENTS: Final = ("fl", "fh", "flt", "fht", "fe", "fE", "fet", "fEt")
FORMATS: Final[dict[int, tuple[str, ...]]] = {
    1: ("", "s"),
    2: ("s", "st", "sr"),
    3: ("", "d"),
    4: ("d", "dt", "dr"),
    10: ("", "s"),
    11: ("s", "st"),
    13: ("s", "st"),
    20: _COUNTERS,
    21: ("fL", "fH", "fL", "fH", "fLt", "fHt", "fLt", "fHt", "L", "H", "L", "H"),
    22: _COUNTER_EVENTS,
    23: _COUNTER_EVENTS,
    30: ("fl", "fh", "l", "h", "fe", "fE"),
    31: ("fl", "fh", "flt", "fht", "l", "h", "fe", "fE"),
    32: _ANALOG_EVENTS,
    33: _ANALOG_EVENTS,
    34: ("H", "L", "e"),
    40: ("fl", "fh", "fe", "fE"),
    42: _ANALOG_EVENTS,
    43: ("cl", "ch", "clt", "cht", "ce", "cE", "cet", "cEt"),
    102: ("B",),
    121: ("fHL",),
    122: ("fHL", "fHLt"),
}
LAST_MOMENT: Final = 253_402_300_799_999  # ms, 9999-12-31: what a date can say
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def read_points(message: Dnp3Message, headers: Headers) -> None:
    """Read the points of one header into the message."""
    room = MAX_POINTS - len(message.points)
    count = min(headers.count, room)
    if headers.kind in (BITS, DOUBLE_BITS):
        read_packed(message, headers, count)
        return
    formats = FORMATS.get(int(headers.group))
    if formats is None or headers.size <= 0 or not 1 <= headers.variation <= len(formats):
        return
    parts = formats[headers.variation - 1]
    for place in range(count):
        point = Point(headers.group, headers.variation, headers.index(place))
        read_point(point, headers.data, headers.object_at(place), parts)
        message.points.append(point)


def read_packed(message: Dnp3Message, headers: Headers, count: i64) -> None:
    """Read points of one or two bits each."""
    bits: i64 = 1 if headers.kind == BITS else 2
    for place in range(count):
        octet = i64(headers.data[headers.body + place * bits // 8])
        point = Point(headers.group, headers.variation, headers.index(place))
        point.value = float(int(octet >> (place * bits % 8) & (2 * bits - 1)))
        point.valued = True
        message.points.append(point)


def read_point(point: Point, data: bytes, at: i64, parts: str) -> None:
    """Read one object, part by part."""
    for part in parts:
        if part in ("f", "c"):
            point.flags = data[at]
            at += 1
            continue
        if part in ("s", "d"):
            point.flags = data[at]
            point.value = float(int(point.flags >> (7 if part == "s" else 6)))
            point.valued = True
            at += 1
            continue
        if part == "t":
            point.time = milliseconds(data, at)
            at += 6
            continue
        if part == "r":  # since a common time of occurrence, which may stand in another message
            at += 2
            continue
        at = read_number(point, data, at, part)


def read_number(point: Point, data: bytes, at: i64, part: str) -> i64:
    """Read one number; return where it ends."""
    point.valued = True
    if part == "h":
        point.value = float(int(i64(read_i16_le(data, at))))
        return at + 2
    if part == "H":
        point.value = float(int(word(data, at)))
        return at + 2
    if part == "l":
        point.value = float(int(i64(read_i32_le(data, at))))
        return at + 4
    if part == "L":
        point.value = float(int(double_word(data, at)))
        return at + 4
    if part == "e":
        point.value = read_f32_le(data, at)
        return at + 4
    if part == "E":
        point.value = read_f64_le(data, at)
        return at + 8
    point.value = float(int(data[at]))
    return at + 1


def milliseconds(data: bytes, at: i64) -> i64:
    """Return a DNP3 time: 48 bits of milliseconds since 1970, UTC."""
    return double_word(data, at) | word(data, at + 4) << 32


def utc(ms: i64) -> str:
    """Write a DNP3 time as an ISO date; "" beyond the year 9999."""
    if ms > LAST_MOMENT:
        return ""
    return (_EPOCH + dt.timedelta(milliseconds=int(ms))).isoformat(timespec="milliseconds").replace("+00:00", "Z")
