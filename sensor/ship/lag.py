"""How far each destination has got, as one process tells another.

The rule it lives by: a line is written whole or not at all, and never waited with: whoever watches may be busy. What
could not be written is written anew a second later.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Final

import msgspec
import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sensor.ship.lane import Lane
    from sensor.ship.outbox import Outbox

MAX_COUNTED: Final = 10_000  # rows of a table that are counted: more than that is "many", and counting is not free
MAX_REASON: Final = 500  # letters, so that a line stays below what a pipe takes whole (4,096 bytes)
MAX_SAID: Final = 200  # lines of what was said that wait for whoever asks
CHUNK: Final = 65_536


class Lag(msgspec.Struct, frozen=True):
    """How far one destination has got."""

    destination: str
    waiting: int  # documents of its kinds that it has not got; counted to MAX_COUNTED a table
    behind: int  # how many numbers of the sequence its cursor is behind
    shipped: int
    rejected: int
    moved: int  # ns, wall clock, when something was settled last; 0: never
    reason: str = ""  # why nothing can be sent at present; "": it can
    broken: bool = False  # it cannot work as it is configured


class Line(msgspec.Struct, omit_defaults=True):
    """One line on the pipe."""

    lag: Lag | None = None
    said: str = ""
    counts: dict[str, int] | None = None  # what was dropped, by name


def measured(outbox: Outbox, lane: Lane) -> Lag:
    """Return how far a lane has got."""
    name, reason = lane.settings.name, (lane.broken or lane.reason)[:MAX_REASON]
    cursor = outbox.cursor(name)
    waiting = outbox.waiting(name, lane.settings.filter, MAX_COUNTED)
    behind = max(outbox.last() - cursor.sequence, 0)
    return Lag(
        name, waiting, behind, cursor.shipped, cursor.rejected, cursor.time, reason, bool(lane.broken)
    )  # fmt: skip


class Telling:
    """The end of the pipe that tells."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        os.set_blocking(descriptor, False)
        self.untold = 0  # lines said that nobody took
        self._told: dict[str, Any] = {}

    def say(self, text: str) -> None:
        """Tell one line for people."""
        self.untold += not self._write({"said": text[:MAX_REASON]})

    def lag(self, lag: Lag) -> None:
        """Tell how far a destination has got, where that has changed."""
        self._changed(lag.destination, lag, {"lag": msgspec.to_builtins(lag)})

    def counts(self, counts: Mapping[str, int]) -> None:
        """Tell what was dropped, where that has changed."""
        self._changed("", dict(counts), {"counts": counts})

    def _changed(self, name: str, what: Any, line: Mapping[str, Any]) -> None:
        if self._told.get(name) != what and self._write(line):
            self._told[name] = what

    def _write(self, line: Mapping[str, Any]) -> bool:
        try:
            os.write(self.descriptor, orjson.dumps(line) + b"\n")
        except (BlockingIOError, BrokenPipeError):
            return False
        return True


class Hearing:
    """The end of the pipe that hears."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        os.set_blocking(descriptor, False)
        self.lags: dict[str, Lag] = {}
        self.counts: dict[str, int] = {}
        self.over = False  # nobody is left who could tell
        self._said: list[str] = []
        self._rest = b""

    def take(self) -> list[str]:
        """Take what was told meanwhile; return the lines for people."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.descriptor, CHUNK):
                *lines, self._rest = (self._rest + data).split(b"\n")
                for line in lines:
                    self._hear(line)
            self.over = True
        said, self._said = self._said, []
        return said

    def _hear(self, line: bytes) -> None:
        try:
            told = msgspec.json.decode(line, type=Line)
        except msgspec.DecodeError:  # it is our own process; and yet nothing of it may stop the sensor
            return
        if told.lag is not None:
            self.lags[told.lag.destination] = told.lag
        if told.counts is not None:
            self.counts = told.counts
        if told.said:
            self._said = [*self._said[1 - MAX_SAID :], told.said]
