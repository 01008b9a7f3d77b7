"""What a way out is: it takes items in order of sequence, and says how many of them need not be sent again.

The rule it lives by: a destination never decides what is lost. It says what arrived, what the far side will not have
and why, or that it could not be reached; the shipper waits, keeps and counts. A new way out is a class here and a line
in `sensor.ship.kinds`.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import TYPE_CHECKING, Any, ClassVar, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sensor.keys.key import Key
    from sensor.ship.documents import Item
    from sensor.ship.ends import End

STREAMS: Final = ("alert", "asset", "behaviour", "flow", "health")
MESSAGE: Final = "message"  # only where it is asked for: there are many
LEVELS: Final = ("informational", "low", "medium", "high", "critical")


class Unreachable(Exception):  # noqa: N818  # a state of the world, not a fault of the program
    """The far side did not answer, or not as it should: try again later. The text says what happened."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after  # s, where the far side asked for it


@dataclasses.dataclass(frozen=True, slots=True)
class Sent:
    """What became of the items that were handed over.

    `acknowledged`: how many of them, from the first on, need not be sent again; the rejected ones among these are
    counted in. `retry_after`: seconds to wait before the rest, None: at once.
    """

    acknowledged: int
    rejected: Sequence[tuple[Item, str]] = ()  # with the reason
    retry_after: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Filter:
    """Which items a destination gets; an empty set lets everything through."""

    kinds: frozenset[str] = frozenset(STREAMS)
    levels: frozenset[str] = frozenset()  # of alerts
    sites: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()

    def takes(self, row: Mapping[str, Any]) -> bool:
        """Say whether a row of the store passes; what has no level, site or segment does."""
        return (
            (not self.levels or row.get("level") is None or row["level"] in self.levels)
            and (not self.sites or row.get("site") is None or row["site"] in self.sites)
            and (not self.segments or row.get("segment") is None or row["segment"] in self.segments)
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """One checked entry of `destinations:`."""

    name: str
    type: str
    values: Mapping[str, Any]  # every declared key, with its default where it was not given
    filter: Filter = dataclasses.field(default_factory=Filter)
    folder: pathlib.Path = dataclasses.field(default_factory=pathlib.Path)  # of the configuration
    where: str = ""  # file and line, for complaints


class Destination:
    """One way out. Made in the thread that uses it; raises SettingsError when it cannot work at all."""

    KEYS: ClassVar[Mapping[str, Key]] = {}
    KINDS: ClassVar[frozenset[str]] = frozenset(STREAMS)  # what it gets when `kinds` is not given
    NEEDS: ClassVar[tuple[str, ...]] = ()  # modules it imports when it is made, for whoever must import beforehand

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.name = settings.name
        # Set before each `send`, for one-way lines, which say what precedes:
        self.feed = ""  # id of the store and of this way out of it
        self.after = 0  # sequence of the item settled last

    @classmethod
    def ends(cls, settings: Settings) -> Sequence[End | None] | None:  # noqa: ARG003  # for those who know
        """Return whom it connects to; None where that is not known beforehand."""
        return None

    def send(self, items: Sequence[Item]) -> Sent:
        """Hand items over, in order of sequence; raise Unreachable when it is unknown what arrived, or nothing did."""
        raise NotImplementedError

    def idle(self) -> None:
        """Do what is due when there is nothing to send; called about once a second."""

    def counts(self) -> Mapping[str, int]:
        """Return what was counted, by name."""
        return {}

    def close(self) -> None:
        """Let go of what is held."""


class SettingsError(Exception):
    """A destination cannot work as it is configured: where, and what is wrong."""
