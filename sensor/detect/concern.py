"""A concern: the sensor sees or keeps less than it should, somewhere, since a moment.

The rule it lives by: a concern begins, goes on and ends; while it goes on it stays the same concern, by kind, place
and since when.
"""

import dataclasses
import datetime as dt
from typing import Final

NOWHERE: Final = ("", "", "", "")


@dataclasses.dataclass(frozen=True, slots=True)
class Concern:
    """One concern as of one moment."""

    kind: str  # one of fields.CONCERNS
    where: str  # interface, network, machine, protocol, name of a counter; "": all of it
    found: str
    expected: str
    since: int  # capture time, ns
    time: int  # when it was looked at last
    over: bool = False
    place: tuple[str, str, str, str] = NOWHERE  # site, segment, VLAN, tunnel
    address: str = ""  # of the machine it is about

    @property
    def identity(self) -> tuple[object, ...]:
        """What stays the same while it goes on."""
        return (self.kind, self.where, self.place, self.address)

    @property
    def text(self) -> str:
        """Write it for people: "one_way untagged: ...; expected ..."."""
        where = " ".join((*(part for part in self.place[:2] if part), self.where)).strip()
        return f"{self.kind.replace('_', ' ')}{f' ({where})' if where else ''}: {self.found}; expected {self.expected}"

    @property
    def began(self) -> str:
        """Write since when, ISO 8601 in UTC."""
        try:
            return f"{dt.datetime.fromtimestamp(self.since // 1_000_000_000, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
        except (ValueError, OverflowError, OSError):  # a capture may say any time
            return "1970-01-01T00:00:00Z"
