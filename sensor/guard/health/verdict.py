"""What one look at one thing has given.

The rule it lives by: who looks says good or bad and what was found; since when, and when it is over, is for others.
"""

import dataclasses
from typing import Final

from sensor.detect.concern import NOWHERE

ALL: Final = "the span"  # where: all that is listened to


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """One thing looked at: good or bad."""

    kind: str
    where: str
    bad: bool
    found: str = ""
    expected: str = ""
    since: int = 0  # when it began, capture time, where that is known better than by when it was looked at
    place: tuple[str, str, str, str] = NOWHERE
    address: str = ""

    @property
    def identity(self) -> tuple[object, ...]:
        """What makes one concern of many verdicts; as Concern has it."""
        return (self.kind, self.where, self.place, self.address)


def named(place: tuple[str, str, str, str]) -> str:
    """Write a network's VLAN and tunnel for people; its site and segment stand beside."""
    _, _, vlan, tunnel = place
    return " ".join(part for part in (f"VLAN {vlan}" if vlan else "", tunnel) if part) or "untagged"
