"""What was captured before that which it answers: kept a moment, until that has come.

Two ports of a tap, or two queues of a card, are read one after the other: an answer may arrive before its question.
The rule it lives by: each direction is in order in itself; nobody waits longer than `HOLD_BACK` of capture time, and
whoever has waited in vain waits no more before the other side is heard again.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64  # noqa: TC002  a compiled class needs it at run time

from sensor.decode.segment import Segment  # noqa: TC001

HOLD_BACK: Final = 5_000_000  # ns: cards and kernels hand a queue on within 1 or 2 ms; no client repeats so soon
MAX_EARLY: Final = 32  # segments of one flow: what a controller sends in that time is a few
MAX_ALL_EARLY: Final = 4_096  # of all flows: of 1 M packets/s, if every answer came first, 2,500


class Early:
    """One segment that came early, with bytes of its own."""

    def __init__(self, segment: Segment, until: i64) -> None:
        self.segment = segment
        self.until = until  # capture time, ns, at which it waits no more
        self.gone = False  # it was handed on


class Waiting:
    """What waits in one flow: segments of one direction, in the order in which they came."""

    def __init__(self, direction: i64) -> None:
        self.direction = direction
        self.segments: list[Early] = []
