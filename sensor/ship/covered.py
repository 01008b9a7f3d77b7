"""Which numbers of a line have come: a set of ranges, and the holes between them.

The rule it lives by: what has come is told in ranges, so that years without loss cost two numbers.
"""

import bisect
from collections.abc import Iterable, Iterator
from typing import Final

MAX_RANGES: Final = 10_000  # more holes than that are closed from the oldest on, and said to be lost for good


class Covered:
    """Half-open ranges (after, upto]: numbers after the one, up to and with the other."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self.ranges: list[tuple[int, int]] = []  # sorted, apart from one another
        for after, upto in ranges:
            self.add(after, upto)

    def __contains__(self, number: int) -> bool:
        place = bisect.bisect_left(self.ranges, (number,)) - 1
        return place >= 0 and number <= self.ranges[place][1]

    def add(self, after: int, upto: int) -> None:
        """Take in (after, upto]; an empty range changes nothing."""
        if upto <= after:
            return
        first = bisect.bisect_left(self.ranges, (after,))
        if first and self.ranges[first - 1][1] >= after:
            first -= 1
        last = bisect.bisect_right(self.ranges, (upto, MOST))
        for low, high in self.ranges[first:last]:
            after, upto = min(after, low), max(upto, high)
        self.ranges[first:last] = [(after, upto)]

    def holes(self) -> Iterator[tuple[int, int]]:
        """Yield what is missing between the ranges, first and last number of each hole."""
        for (_, upto), (after, _) in zip(self.ranges, self.ranges[1:], strict=False):
            yield upto + 1, after

    def missing(self) -> int:
        """Return how many numbers are missing."""
        return sum(last - first + 1 for first, last in self.holes())

    def bound(self, most: int = MAX_RANGES) -> int:
        """Close the oldest holes beyond `most` ranges; return how many numbers are given up by that."""
        surplus = len(self.ranges) - most
        if surplus <= 0:
            return 0
        before = self.missing()
        self.ranges[: surplus + 1] = [(self.ranges[0][0], self.ranges[surplus][1])]
        return before - self.missing()


MOST: Final = (1 << 63) - 1
