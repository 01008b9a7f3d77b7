"""Where reading can go on behind damage: the next bytes that look like a record and are followed by another.

The rule it lives by: one flipped bit must not cost the rest of a capture, and nothing is taken for a frame by chance:
two records in a row must make sense, in pcap within a day of the last good frame.
"""

from typing import Final

from mypy_extensions import i64

from sensor.capture.walker import ORDINARY_FRAME, u32

MAX_SEARCH: Final = 16 * 1024 * 1024  # bytes searched; a longer stretch is no flipped bit but another kind of file
DAY: Final = 86_400  # seconds

NO: Final = 0
YES: Final = 1
MORE: Final = 2  # what follows is not there yet

SECTION: Final = 0x0A0D_0D0A
NATIVE: Final = (0x1A2B_3C4D, 0x4D3C_2B1A)
LARGEST: Final = ORDINARY_FRAME + 65_536  # the longest ordinary frame with its options
LAST_KIND: Final = 12  # of the blocks that are no custom ones


class Records:
    """What a pcap record must look like."""

    def __init__(self, big: bool, header: i64, ceiling: i64, swapped: bool) -> None:
        self.big = big
        self.header = header
        self.ceiling = ceiling  # fractions of a second are below it
        self.swapped = swapped  # original length comes first
        self.second: i64 = 0  # of the last good frame

    def search(self, data: bytes, start: i64, final: bool) -> i64:
        """Return where reading can go on at or after `start`; -1 - n: nowhere before n. `final`: no more follows."""
        high: i64 = 8 if self.big else 11  # the highest byte of the first length, which must be zero
        at: i64 = data.find(b"\0", start + high) - high
        while at >= start and len(data) - at >= self.header:
            verdict = self.judge(data, at, final)
            if verdict == YES:
                return at
            if verdict == MORE and not final:
                return -1 - at
            at = data.find(b"\0", at + 1 + high) - high
        return -1 - max(start, len(data) - self.header + 1)

    def judge(self, data: bytes, at: i64, final: bool) -> i64:
        """Tell whether a good record lies at `at`, and another, or the end of the file, behind it."""
        end: i64 = len(data)
        behind = self.end_of(data, at)
        if behind < 0:
            return NO
        if behind == end and final:
            return YES
        if end - behind < self.header:
            return MORE
        return YES if self.end_of(data, behind) >= 0 else NO

    def end_of(self, data: bytes, at: i64) -> i64:
        """Return the end of the record at `at` by its header; -1 where it makes no sense, or is empty as zeros are."""
        original = u32(data, at + 12, self.big)
        captured = u32(data, at + 8, self.big)
        if self.swapped and captured > original:
            captured, original = original, captured
        if not 0 < captured <= original or original > ORDINARY_FRAME or u32(data, at + 4, self.big) >= self.ceiling:
            return -1
        apart = u32(data, at, self.big) - self.second
        return at + self.header + captured if -DAY <= apart <= DAY else -1


def next_block(data: bytes, start: i64, big: bool, final: bool) -> i64:
    """Return where a pcapng block with another behind it begins; -1 - n: nowhere before n. `final` as above."""
    at = start
    end: i64 = len(data)
    while end - at >= 12:
        behind = block_end(data, at, end, big)
        if behind > 0 and (behind > end or end - behind < 12):
            if not final:
                break
            if behind == end:
                return at
        elif behind > 0 and block_end(data, behind, end, big) > 0:
            return at
        at += 4
    return -1 - at


def block_end(data: bytes, at: i64, end: i64, big: bool) -> i64:
    """Return the end of the block at `at`, which may be behind `end`; -1 where none makes sense there."""
    kind = u32(data, at, big)
    if kind == SECTION:
        if u32(data, at + 8, True) not in NATIVE:
            return -1
        big = data[at + 8] == 0x1A
    length = u32(data, at + 4, big)
    if not (0 < kind <= LAST_KIND or kind == SECTION) or length < 12 or length > LARGEST or length & 3:
        return -1
    if at + length <= end and u32(data, at + length - 4, big) != length:
        return -1
    return at + length
