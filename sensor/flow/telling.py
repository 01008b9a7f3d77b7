"""Telling the next stage what is wrong with a stream, and not too often.

The rule it lives by: what is no longer told is still counted.
"""

from typing import Final

from mypy_extensions import i64

from sensor.contract import Sink
from sensor.flow.counts import Counts
from sensor.flow.flow import Flow

MAX_TOLD: Final = 100  # oddities of one flow: enough to see what it is
SAMPLE: Final = 32  # bytes

GAP: Final = "gap"
OVERLAP_DIFFERS: Final = "overlap_differs"
TRUNCATED: Final = "truncated"
BUFFER_FULL: Final = "buffer_full"
GAVE_UP: Final = "gave_up"


class Oddities:
    """What is odd about streams, on its way to the sink."""

    def __init__(self, sink: Sink, counts: Counts) -> None:
        self.sink = sink
        self.counts = counts

    def tell(
        self, flow: Flow, kind: str, direction: i64, time: i64, number: i64, data: bytes, start: i64, end: i64
    ) -> None:
        """Tell one oddity with its first bytes, unless the flow has told enough."""
        flow.oddities += 1
        if flow.oddities > MAX_TOLD and kind != GAVE_UP:
            self.counts.oddities_hushed += 1
            return
        self.sink.oddity(flow, kind, direction, time, number, data[start : min(end, start + SAMPLE)])
