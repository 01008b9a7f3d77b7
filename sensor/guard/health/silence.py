"""Who was heard regularly, and is not heard any more.

The rule it lives by: everybody is measured by its own pauses. What happened once is an accident, twice a habit: the
second-longest pause is the usual one. Whoever has not been heard for twenty times its usual pause is not regular yet.

Time is *steady* here: it adds up how time went on while everything was well, so that a set clock or a dead interface
makes nobody silent.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from sensor.guard.health.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sensor.guard.health.settings import HealthSettings

SECOND: Final = 1_000_000_000
MAX_KNOWN: Final = 8_192  # heard regularly; a large plant has some thousands of machines
MAX_NEW: Final = 8_192  # not yet: the one not heard for longest makes room, so that a flood ends here
MAX_TOLD: Final = 32  # silent ones told one by one; more at once is one event, and its first ones show it
REGULAR: Final = 20  # times its usual pause somebody must have been heard
FORGOTTEN: Final = 7 * 86_400 * SECOND  # silent for so long it is gone for good, and its concern over


class Rhythm:
    """When somebody was heard, and its two longest pauses; ns of steady time."""

    __slots__ = ("first", "last", "longest", "usual")

    def __init__(self, now: int) -> None:
        self.first = self.last = now
        self.longest = 0
        self.usual = 0  # the second-longest

    def hear(self, now: int) -> None:
        """Take a sign of life."""
        pause = now - self.last
        self.last = now
        if pause > self.longest:
            self.longest, self.usual = pause, self.longest
        elif pause > self.usual:
            self.usual = pause

    def regular(self, known: float) -> bool:
        """Say whether it was heard long enough, and often enough, to be missed."""
        heard = self.last - self.first
        return heard >= known and heard >= REGULAR * self.usual

    def overdue(self, now: int, least: float, times: float) -> bool:
        """Say whether it is silent for longer than it ever usually was."""
        return now - self.last >= max(least, times * self.usual)


class Silences:
    """Networks, or the machines on them: who is missed."""

    def __init__(self, kind: str, settings: HealthSettings) -> None:
        self.kind = kind
        self.settings = settings
        self.known: dict[Any, Rhythm] = {}
        self.new: OrderedDict[Any, Rhythm] = OrderedDict()
        self.refused = 0  # found the table full
        self.hushed = 0  # silences that were only counted
        self.missed: set[Any] = set()

    def hear(self, who: Any, now: int) -> None:
        """Take a sign of life."""
        rhythm = self.known.get(who) or self.new.get(who)
        if rhythm is not None:
            rhythm.hear(now)
            if who in self.new:
                self.settle(who, rhythm)
            return
        if len(self.new) >= MAX_NEW:
            self.new.popitem(last=False)
        self.new[who] = Rhythm(now)

    def settle(self, who: Any, rhythm: Rhythm) -> None:
        """Let somebody who has become regular be missed from now on."""
        self.new.move_to_end(who)
        if not rhythm.regular(self.settings.known_after * SECOND):
            return
        if len(self.known) >= MAX_KNOWN:
            self.refused += 1
            return
        self.known[who] = self.new.pop(who)

    def judge(self, now: int, excused: set[Any]) -> Iterator[tuple[Any, Verdict]]:
        """Say who is missed, and who is heard again; `excused`: who need not be missed, for all around is silent."""
        settings = self.settings
        for who, rhythm in list(self.known.items()):
            missed = rhythm.overdue(now, settings.silent_after * SECOND, settings.pauses)
            gone = now - rhythm.last > FORGOTTEN
            if gone:
                del self.known[who]
            if missed and not gone and (who not in excused or who in self.missed):
                if who not in self.missed and len(self.missed) >= MAX_TOLD:
                    self.hushed += 1
                    continue
                self.missed.add(who)
                yield who, self.verdict(now - rhythm.last, rhythm.usual)
            elif who in self.missed and (gone or not missed):
                self.missed.discard(who)
                found = "forgotten after a week of silence" if gone else "heard again"
                yield who, Verdict(self.kind, "", bad=False, found=found)

    def verdict(self, silence: int, usual: int) -> Verdict:
        """Return how long somebody is missed."""
        found = f"silent for {silence // SECOND:,} s"
        return Verdict(self.kind, "", True, found, f"a sign at least every {max(usual // SECOND, 1):,} s, as before")
