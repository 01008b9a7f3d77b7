"""All that waits because it came early, and who has waited too long.

The rule it lives by: in the order in which they came they are due, so only the first has to be looked at.
"""

from collections import deque
from typing import Final

from mypy_extensions import i64

from sensor.decode.segment import Segment
from sensor.flow.clock import DISORDER, Clock
from sensor.flow.counts import PRESSURE, Counts
from sensor.flow.early import HOLD_BACK, MAX_ALL_EARLY, MAX_EARLY, Early, Waiting
from sensor.flow.flow import Flow, Half
from sensor.flow.held import HELD_COST

NEVER: Final = (1 << 62) - 1


class HoldBack:
    """The early segments of one worker."""

    def __init__(self, clock: Clock, counts: Counts) -> None:
        self.clock = clock
        self.counts = counts
        self.queue: deque[tuple[Flow, Early]] = deque()  # by time of arrival; those gone are passed over
        self.number: i64 = 0  # of those not gone

    def begin(self, flow: Flow, half: Half, segment: Segment) -> bool:
        """Let a segment wait for the other side; false where something waits already, or waiting was in vain."""
        if flow.waiting is not None or half.in_vain == flow.peer(half).packets:
            return False
        waiting = Waiting(half.direction)
        if not self.keep(flow, waiting, segment):
            return False
        flow.waiting = waiting
        return True

    def keep(self, flow: Flow, waiting: Waiting, segment: Segment) -> bool:
        """Let a segment wait, or stand behind one that does; false where there is no room."""
        if len(waiting.segments) >= MAX_EARLY or self.number >= MAX_ALL_EARLY or self.counts.buffered_bytes > PRESSURE:
            return False
        early = Early(segment.copy(), self.clock.time + HOLD_BACK)
        self.counts.held_back += 1
        self.counts.buffered_bytes += size(early)
        waiting.segments.append(early)
        if len(self.queue) >= 2 * MAX_ALL_EARLY:  # time stands still
            self.queue = deque([one for one in self.queue if not one[1].gone])
        self.queue.append((flow, early))
        self.number += 1
        self.clock.alarm_at = min(self.clock.alarm_at, early.until)
        return True

    def let_go(self, early: Early) -> None:
        """Note that a segment waits no more."""
        early.gone = True
        self.number -= 1
        self.counts.buffered_bytes -= size(early)

    def due(self, time: i64) -> Flow | None:
        """Return a flow in which something has waited too long at `time`, or whose clock was set back; else None."""
        while self.queue:
            flow, early = self.queue[0]
            if not early.gone:
                late = time - early.until
                return flow if late >= 0 or late < -DISORDER else None
            self.queue.popleft()
        return None

    def next_due(self) -> i64:
        """Return when the first of those that wait is due."""
        return self.queue[0][1].until if self.queue else NEVER


def size(early: Early) -> i64:
    """Return the bytes it takes."""
    return HELD_COST + i64(len(early.segment.data))
