"""How a pcapng interface counts time: if_tsresol and if_tsoffset (section 4.2), to nanoseconds since 1970.

The rule it lives by: a forged resolution or offset gives a wrong time, never one outside EARLIEST to LATEST.
"""

from typing import Final

from mypy_extensions import i64

from sensor.capture.walker import EARLIEST, LATEST

BINARY: Final = 0x80  # if_tsresol: the resolution is a negative power of two, else of ten
FINEST: Final = 33  # binary digits of a second that can be multiplied by 10^9 within an i64
NOTHING: Final = 0x7FFF_FFFF_FFFF_FFFF  # 2^63 units of 10^-28 s are less than a nanosecond
SECOND: Final = 1_000_000_000
MAX_DROPS: Final = 1 << 40  # no interface lost more; a forged counter must not make the sum overflow


class Clock:
    """One interface of a section: its clock, its place in the file's list, and what it lost."""

    def __init__(self, number: i64, snap_length: i64, resolution: i64, offset: i64) -> None:
        self.number = number  # index into `Block.interfaces`; negative: its description was illegible
        self.snap_length = snap_length
        digits = resolution & 0x7F
        self.shift: i64 = digits if resolution & BINARY else -1  # binary digits; -1: decimal
        self.multiplier: i64 = 1
        self.divisor: i64 = 1
        if digits <= 9:
            for _ in range(9 - digits):
                self.multiplier *= 10
        elif digits > 27:
            self.divisor = NOTHING
        else:
            for _ in range(digits - 9):
                self.divisor *= 10
        self.ceiling: i64 = LATEST // self.multiplier
        seconds = LATEST // SECOND
        self.offset: i64 = max(-seconds, min(offset, seconds)) * SECOND
        self.dropped: i64 = 0  # told packet by packet
        self.missed: i64 = 0  # told in total

    def time(self, high: i64, low: i64) -> i64:
        """Return nanoseconds since 1970 for a 64-bit count of units, given as two halves."""
        if high > 0x7FFF_FFFF:
            return LATEST
        ticks = (high << 32) | low
        if self.shift >= 0:
            time = self.binary(ticks)
        elif self.divisor > 1:
            time = ticks // self.divisor
        else:
            time = LATEST if ticks > self.ceiling else ticks * self.multiplier
        time = min(time, LATEST)
        if self.offset > LATEST - time:
            return LATEST
        return max(time + self.offset, EARLIEST)

    def binary(self, ticks: i64) -> i64:
        """Convert units of 2^-shift seconds."""
        shift = self.shift
        seconds: i64 = ticks >> shift if shift < 63 else 0
        if seconds > LATEST // SECOND:
            return LATEST
        rest = ticks - (seconds << shift) if shift < 63 else ticks
        if shift > FINEST:
            drop = shift - FINEST
            rest = rest >> drop if drop < 63 else 0
            shift = FINEST
        return seconds * SECOND + ((rest * SECOND) >> shift)

    def drops(self) -> i64:
        """Return the frames it lost, as far as told: both ways of telling count the same ones."""
        return max(self.missed, self.dropped)
