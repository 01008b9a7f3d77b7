"""How often what goes on and on is told again to those the store is shipped to.

The rule it lives by: what is new is told at once, what has changed soon, what has only been counted seldom, and the
more there is of it the more seldom, so that a sensor which runs for months keeps to its daily volume. Nothing is left
out: what is not told yet stands in the store, and is told when its time has come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MINUTE: Final = 60_000_000_000  # ns
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
CHANGED_EVERY: Final = 15 * MINUTE  # a range that widens by each request of a scan is told four times an hour
COUNTED_EVERY: Final = HOUR
MANY: Final = 3_000  # subjects; each once an hour: 72,000 documents a day, of the 85,000 in the budget of behaviours


class Told(NamedTuple):
    """What was told of a subject last."""

    time: int  # ns, capture time
    meaning: int  # hash of what matters beyond counts
    counted: int


class Cadence:
    """Decides for each subject whether it is told now; one for each kind and run."""

    def __init__(self, counted_every: int = COUNTED_EVERY) -> None:
        self.counted_every = counted_every
        self.told: dict[str, Told] = {}
        self.waiting: dict[str, tuple[int, int]] = {}  # subject -> meaning and count of what was not told yet
        self._looked = 0

    def due(self, subject: str, meaning: int, count: int, now: int) -> bool:
        """Say whether a subject is to be told as it is now; what is not waits, and comes up in `ripe`."""
        if self.is_due(subject, meaning, now):
            self.tell(subject, meaning, count, now)
            return True
        self.waiting[subject] = (meaning, count)
        return False

    def is_due(self, subject: str, meaning: int, now: int) -> bool:
        """Say whether enough time has gone by since a subject was told; a clock that stepped back is no time."""
        last = self.told.get(subject)
        if last is None:
            return True
        every = CHANGED_EVERY if meaning != last.meaning else self.counted()
        return abs(now - last.time) >= every

    def counted(self) -> int:
        """Return how often counts are told (ns)."""
        return max(self.counted_every, self.counted_every * len(self.told) // MANY)

    def same(self, subject: str, meaning: int, count: int) -> bool:
        """Say whether exactly this was told last."""
        last = self.told.get(subject)
        return last is not None and (last.meaning, last.counted) == (meaning, count)

    def tell(self, subject: str, meaning: int, count: int, now: int) -> None:
        """Note that a subject is told."""
        self.told[subject] = Told(now, meaning, count)
        self.waiting.pop(subject, None)

    def forget(self, subject: str) -> None:
        """Forget a subject that is no more."""
        self.told.pop(subject, None)
        self.waiting.pop(subject, None)

    def ripe(self, now: int) -> Iterator[str]:
        """Yield, once a minute, those that have waited and may be told now as they stand in the store."""
        if abs(now - self._looked) < MINUTE:
            return
        self._looked = now
        for subject, (meaning, count) in list(self.waiting.items()):
            if self.is_due(subject, meaning, now):
                self.tell(subject, meaning, count, now)
                yield subject
