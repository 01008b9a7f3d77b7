"""Finding a conversation's protocol, then having it read: where the bytes of streams and datagrams come in.

The rule it lives by is written in `probing`: the port says who is asked first, never what is true.
"""

from typing import Final

from mypy_extensions import i64

from sensor.contract import MORE, NO
from sensor.decode.segment import Segment
from sensor.flow.counts import Counts
from sensor.flow.faults import SAMPLE
from sensor.flow.flow import MID_STREAM, Flow, Half
from sensor.flow.framing import Framing
from sensor.flow.holdback import HoldBack
from sensor.flow.partial import keep, take
from sensor.flow.probing import MAX_PROBED, Probe
from sensor.flow.watch import Watch

# What asking the candidates may give beside the index of one
REFUSE: Final = -1
WAIT: Final = -2


class Recognition:
    """Hands the bytes of one worker's conversations to their dissectors, found where there is none yet."""

    def __init__(self, framing: Framing, holdback: HoldBack, counts: Counts, watch: Watch) -> None:
        self.framing = framing
        self.holdback = holdback
        self.counts = counts
        self.watch = watch

    def feed(
        self, flow: Flow, half: Half, data: bytes, start: i64, end: i64, time: i64, number: i64, source: i64
    ) -> None:
        """Read the next bytes of a stream."""
        framing = self.framing
        framing.time = time
        framing.number = number
        framing.source = source
        dissector = flow.dissector
        if dissector is not None:
            framing.stream(flow, half, dissector, data, start, end)
        else:
            self.search(flow, half, data, start, end, False)

    def datagram(self, flow: Flow, half: Half, segment: Segment) -> None:
        """Read one datagram, unless it waits for its question."""
        framing = self.framing
        framing.time = segment.time
        framing.number = segment.number
        framing.source = segment.source
        missing = segment.missing
        if flow.dissector is None:
            missing = 0
            self.search(flow, half, segment.data, segment.start, segment.end, True)
        dissector = flow.dissector
        if dissector is None or (self.is_early(flow, half, segment) and self.holdback.begin(flow, half, segment)):
            return
        framing.datagram(flow, half, dissector, segment.data, segment.start, segment.end, missing)

    def is_early(self, flow: Flow, half: Half, segment: Segment) -> bool:
        """Say whether a datagram answers a question that has not come."""
        dissector = flow.dissector
        if dissector is None or segment.start >= segment.end:
            return False
        return self.framing.is_early(flow, dissector, segment.data, segment.start, segment.end, half.direction)

    def finish(self, flow: Flow) -> None:
        """The flow ended: what waits in it is given up."""
        if flow.dissector is None and flow.state != MID_STREAM:
            self.never_fitted(flow)  # in mid-stream, the few payloads seen may have been the inside of a message
        flow.probe = None
        self.framing.finish(flow)

    def search(self, flow: Flow, half: Half, data: bytes, start: i64, end: i64, whole: bool) -> None:
        """Show a payload to the candidates; `whole`: a datagram, behind which nothing follows."""
        probe = flow.probe
        if probe is None or start >= end:
            return
        if half.waiting > 0:
            if not keep(half, data, start, end, self.counts):
                return
            data = take(half, self.counts)
            start = 0
            end = len(data)
        answer = self.ask(flow, probe, half.direction, data, start, end)
        if answer >= 0:
            self.recognise(flow, half, probe, answer, data, start, end, whole)
        elif answer == WAIT and not whole and not probe.exhausted and end - start <= MAX_PROBED:
            half.kept_time = self.framing.time
            half.kept_number = self.framing.number
            half.kept_source = self.framing.source
            keep(half, data, start, end, self.counts)
        elif flow.probe is probe and not probe.exhausted:
            self.refused(flow, probe, data, start, end)

    def ask(self, flow: Flow, probe: Probe, direction: i64, data: bytes, start: i64, end: i64) -> i64:
        """Return which candidate takes the conversation, REFUSE when none does, WAIT when one needs more."""
        for index in range(probe.asked()):
            protocol = probe.candidates[index]
            if protocol is probe.taken:
                continue
            verdict = self.framing.verdict(flow, protocol, data, start, end, direction)
            if verdict == MORE:
                return WAIT
            if verdict != NO:
                return index
            if flow.probe is None:
                break
        return REFUSE

    def recognise(
        self, flow: Flow, half: Half, probe: Probe, index: i64, data: bytes, start: i64, end: i64, whole: bool
    ) -> None:
        """Give the conversation its dissector, and read what has waited for it, in the order it came.

        A `whole` datagram, for which none can have waited, is left to the caller.
        """
        framing = self.framing
        protocol = probe.candidates[index]
        try:
            dissector = protocol.dissector()
        except Exception as error:  # noqa: BLE001  # our own fault, whatever it is
            framing.faults.failed(flow, protocol.name, error, data, start, end)
            return
        self.counts.recognised += 1
        self.counts.spoken(dissector.protocol).conversations += 1
        flow.dissector = dissector
        flow.carried_by = protocol.name
        flow.unread = ""
        flow.frames = flow.strikes = flow.struck_at = 0
        if index < probe.registered:
            flow.probe = None
        else:
            probe.taken = protocol
            probe.tries -= 1
        self.watch.add(flow)
        if whole:
            return
        other = flow.peer(half)
        if other.waiting > 0:
            time, number, source = framing.time, framing.number, framing.source
            waited = take(other, self.counts)
            self.feed(flow, other, waited, 0, len(waited), other.kept_time, other.kept_number, other.kept_source)
            framing.time, framing.number, framing.source = time, number, source
        if flow.dissector is dissector:
            framing.stream(flow, half, dissector, data, start, end)

    def refused(self, flow: Flow, probe: Probe, data: bytes, start: i64, end: i64) -> None:
        """All said NO to a payload: one try less."""
        if not probe.sample:
            probe.sample = data[start : min(end, start + SAMPLE)]
        probe.tries -= 1
        if probe.tries <= 0:
            self.never_fitted(flow)
            if probe.registered == 0:
                flow.probe = None

    def never_fitted(self, flow: Flow) -> None:
        """Nobody recognised what was sent: on a registered port that is odd."""
        probe = flow.probe
        if probe is None or probe.exhausted or not probe.sample:
            return
        self.counts.unrecognised += 1
        probe.exhausted = True
        if probe.registered > 0:
            kind = f"not_{probe.candidates[0].name}"
            flow.unread = probe.candidates[0].name
            self.counts.spoken(flow.unread).unrecognised += 1
            self.framing.faults.tell(
                flow, kind, 0, flow.last_time, flow.last_number, probe.sample, 0, len(probe.sample)
            )
