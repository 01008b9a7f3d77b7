"""Concerns that stand: they begin with a bad verdict, and end after some good ones in a row.

The rule it lives by: one cause is one concern, told when it begins, each time it is found again, and when it is over.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from sensor.detect.concern import Concern

if TYPE_CHECKING:
    from sensor.guard.health.verdict import Verdict

MAX_STANDING: Final = 256  # nobody looks after so many; what comes on top is counted


@dataclasses.dataclass(slots=True)
class Standing:
    """One concern that stands, and how many good verdicts came since the last bad one."""

    concern: Concern
    calm: int = 0


class Standings:
    """All concerns that stand."""

    def __init__(self, calm: int) -> None:
        self.calm = calm
        self.standing: dict[tuple[object, ...], Standing] = {}
        self.begun = 0
        self.hushed = 0

    def take(
        self, verdict: Verdict, time: int, since: int, *, at_once: bool = False, again: bool = True
    ) -> list[Concern]:
        """Take a verdict; return the concern where there is something to tell.

        `at_once`: one good verdict ends it; `again`: it is told that it goes on.
        """
        key = verdict.identity
        known = self.standing.get(key)
        if verdict.bad:
            told = self.worse(key, known, verdict, time, since)
            return told if again or known is None else []
        if known is None:
            return []
        known.calm += 1
        if known.calm < self.calm and not at_once:
            return []
        del self.standing[key]
        return [dataclasses.replace(known.concern, time=time, over=True)]

    def worse(
        self, key: tuple[object, ...], known: Standing | None, verdict: Verdict, time: int, since: int
    ) -> list[Concern]:
        """Begin a concern, or let it go on."""
        if known is not None:
            known.calm = 0
            known.concern = dataclasses.replace(known.concern, found=verdict.found, time=time)
            return [known.concern]
        if len(self.standing) >= MAX_STANDING:
            self.hushed += 1
            return []
        self.begun += 1
        concern = Concern(
            verdict.kind, verdict.where, verdict.found, verdict.expected, verdict.since or since, time,
            place=verdict.place, address=verdict.address,
        )  # fmt: skip
        self.standing[key] = Standing(concern)
        return [concern]

    def concerns(self) -> list[Concern]:
        """Return what stands, the oldest first."""
        return sorted((one.concern for one in self.standing.values()), key=lambda one: one.since)
