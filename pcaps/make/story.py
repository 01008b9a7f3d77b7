"""The truth beside a capture: who did what to whom, written by the actors at the moment they act.

A line is: time, actor, target, action, protocol, detail, outcome. Actions and outcomes are the sensor's own words
(sensor/contract.py); the detail begins with the operation in the protocol's words.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEADER = ("time", "actor", "target", "action", "protocol", "detail", "outcome")


class Step(NamedTuple):
    """One line of a story; `time` in nanoseconds since 1970."""

    time: int
    actor: str
    target: str
    action: str
    protocol: str
    detail: str
    outcome: str


class Story:
    """Writes one actor's steps; several processes append to the same file."""

    def __init__(self, path: Path, actor: str) -> None:
        self.path = path
        self.actor = actor

    def tell(self, target: str, action: str, protocol: str, detail: str, outcome: str, when: int = 0) -> None:
        """Append one step, at once and whole."""
        line = "\t".join((str(when or time.time_ns()), self.actor, target, action, protocol, detail, outcome))
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(handle, line.encode() + b"\n")
        finally:
            os.close(handle)

    def act(self, target: str, action: str, protocol: str, detail: str, deed: Callable[[], str]) -> str:
        """Do the deed, then tell it with the time at which it began; the deed returns its outcome."""
        began = time.time_ns()
        outcome = deed()
        self.tell(target, action, protocol, detail, outcome, began)
        return outcome


def read(path: Path) -> list[Step]:
    """Return the steps told so far, in order of time."""
    lines = path.read_text().splitlines() if path.exists() else []
    steps = [line.split("\t") for line in lines]
    return sorted(Step(int(step[0]), *step[1:]) for step in steps)


def write(path: Path, steps: list[Step], start: int) -> None:
    """Write the finished story: times as seconds since the capture's first frame."""
    rows = [HEADER, *((f"{(step.time - start) / 1e9:.3f}", *step[1:]) for step in steps)]
    path.write_text("".join("\t".join(row) + "\n" for row in rows))
