"""Segments of flows in which something waits: what has come, what goes on, what is given up.

The rule it lives by: what waits goes on when what it answers was read, when the other side shows that this was lost,
or when its time is up; then everything is as it would be without waiting.
"""

from mypy_extensions import i64

from sensor.decode.kinds import TCP
from sensor.decode.segment import Segment
from sensor.flow.early import Waiting
from sensor.flow.flow import Flow, Half
from sensor.flow.held import MASK
from sensor.flow.holdback import HoldBack
from sensor.flow.recognition import Recognition
from sensor.flow.tcp import BEFORE, Order


class Arrivals:
    """Hands on the segments of one worker's flows around what waits in them."""

    def __init__(self, holdback: HoldBack, order: Order, recognition: Recognition) -> None:
        self.holdback = holdback
        self.order = order
        self.recognition = recognition

    def arrive(self, flow: Flow, half: Half, waiting: Waiting, segment: Segment) -> None:
        """Take one segment of a flow in which something waits."""
        if half.direction == waiting.direction:
            if not self.holdback.keep(flow, waiting, segment):
                self.give_up(flow)
                self.hand_on(flow, half, segment)
            return
        if segment.kind == TCP:
            self.settle(flow, waiting, segment.sequence)
        self.hand_on(flow, half, segment)
        if flow.waiting is waiting:
            self.settle(flow, waiting, -1)

    def settle(self, flow: Flow, waiting: Waiting, sequence: i64) -> None:
        """Hand on what need not wait any more; what answers bytes before `sequence` answers something lost."""
        half = flow.half(waiting.direction)
        while waiting.segments:
            early = waiting.segments[0]
            segment = early.segment
            overtaken = sequence >= 0 and (sequence - segment.acknowledgement) & MASK < BEFORE
            if not overtaken and self.is_early(flow, half, segment):
                return
            waiting.segments.pop(0)
            self.holdback.let_go(early)
            self.hand_on(flow, half, segment)
        flow.waiting = None

    def release(self, flow: Flow) -> None:
        """Hand on everything that waits in a flow."""
        waiting = flow.waiting
        if waiting is None:
            return
        half = flow.half(waiting.direction)
        while waiting.segments:
            early = waiting.segments.pop(0)
            self.holdback.let_go(early)
            self.hand_on(flow, half, early.segment)
        flow.waiting = None

    def give_up(self, flow: Flow) -> None:
        """Hand on what has waited in vain."""
        waiting = flow.waiting
        if waiting is None:
            return
        half = flow.half(waiting.direction)
        half.in_vain = flow.peer(half).packets
        self.holdback.counts.held_back_in_vain += len(waiting.segments)
        self.release(flow)

    def is_early(self, flow: Flow, half: Half, segment: Segment) -> bool:
        """Say whether what a segment answers has still not come."""
        if segment.kind == TCP:
            return self.order.is_early(flow.peer(half), segment)
        return self.recognition.is_early(flow, half, segment)

    def hand_on(self, flow: Flow, half: Half, segment: Segment) -> None:
        """Do with a segment what is done where nothing waits."""
        if segment.kind == TCP:
            self.order.arrive(flow, half, segment)
        else:
            self.recognition.datagram(flow, half, segment)
