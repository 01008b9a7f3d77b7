"""What is wrong with a stream, told to the next stage, and when to stop reading it: the peer's faults and our own.

The rule it lives by: what is no longer told is still counted; the peer's fault costs a place in its stream, ours costs
the dissecting of that conversation, and neither costs more.
"""

from typing import Final

from mypy_extensions import i64

from sensor.contract import Sink
from sensor.flow.counts import Counts
from sensor.flow.flow import Flow, Half
from sensor.flow.partial import drop
from sensor.flow.probing import PROOF

MAX_TOLD: Final = 100  # oddities of one flow: enough to see what it is
MAX_GAPS: Final = 8  # told of one direction; the flow's counters tell the rest
MAX_STRIKES: Final = 64  # a bad line gives a few; a stream of something else soon as many
FORGIVEN: Final = 100  # good frames after which earlier strikes no longer count
MAX_FAILURES: Final = 16  # samples of our own faults: enough to find them
SAMPLE: Final = 32  # bytes

# What may be odd, beside contract.ILLEGIBLE_NAMES and "not_<protocol>"; declared in fields.py
GAP: Final = "gap"
OVERLAP_DIFFERS: Final = "overlap_differs"
TRUNCATED: Final = "truncated"
BUFFER_FULL: Final = "buffer_full"
GAVE_UP: Final = "gave_up"

# What a strike leads to
GO_ON: Final = 0
WITHDRAWN: Final = 1  # it is another protocol: its search goes on
OUT: Final = 2  # it is no longer dissected


class Faults:
    """The faults in the conversations of one worker."""

    def __init__(self, sink: Sink, counts: Counts) -> None:
        self.sink = sink
        self.counts = counts
        self.failures: list[tuple[str, str, str]] = []  # our own: protocol, exception, first 64 bytes in hex

    def tell(
        self, flow: Flow, kind: str, direction: i64, time: i64, number: i64, data: bytes, start: i64, end: i64
    ) -> None:
        """Tell one oddity with its first bytes, unless the flow has told enough."""
        flow.oddities += 1
        if flow.oddities > MAX_TOLD and kind != GAVE_UP:
            self.counts.oddities_hushed += 1
            return
        self.sink.oddity(flow, kind, direction, time, number, data[start : min(end, start + SAMPLE)])

    def gap(self, flow: Flow, half: Half, time: i64, number: i64) -> None:
        """Tell that bytes before frame `number` were not captured."""
        if half.gaps <= MAX_GAPS:
            self.tell(flow, GAP, half.direction, time, number, b"", 0, 0)
        else:
            self.counts.oddities_hushed += 1

    def strike(self, flow: Flow) -> i64:
        """Count an illegible place; return GO_ON, WITHDRAWN or OUT."""
        self.counts.illegible += 1
        if flow.dissector is not None:
            self.counts.spoken(flow.dissector.protocol).illegible += 1
        if flow.frames - flow.struck_at >= FORGIVEN:
            flow.strikes = 0
        flow.struck_at = flow.frames
        flow.strikes += 1
        if flow.probe is not None and flow.frames < PROOF:
            self.counts.withdrawn += 1
            self.counts.recognised -= 1
            if flow.dissector is not None:
                self.counts.spoken(flow.dissector.protocol).conversations -= 1
            return WITHDRAWN
        return OUT if flow.strikes > MAX_STRIKES else GO_ON

    def failed(self, flow: Flow, protocol: str, error: Exception, data: bytes, start: i64, end: i64) -> None:
        """A dissector raised what it must not: keep a sample, and stop dissecting this conversation."""
        self.counts.dissector_failed += 1
        if len(self.failures) < MAX_FAILURES:
            text = f"{type(error).__name__}: {error}"[:200]
            self.failures.append((protocol, text, data[start : min(end, start + 64)].hex()))
        flow.dissector = None
        flow.probe = None
        drop(flow.forth, self.counts)
        drop(flow.back, self.counts)
