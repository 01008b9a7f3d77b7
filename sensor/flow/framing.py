"""From bytes to messages: the only loop over a stream, for datagrams too, and the only `except Malformed`.

The rule it lives by: whole frames are read where they lie, only a split one is copied; nothing a peer sends, and
nothing a dissector does, stops more than its own conversation.

Illegible bytes are told with the reason, then the dissector says where the next plausible frame begins. After a
gap the same happens in silence, since losing bytes is the capture's fault. After `MAX_STRIKES` illegible places
without `FORGIVEN` good frames in between, the conversation is no longer dissected (`gave_up`).
"""

from typing import Final

from mypy_extensions import i64

from sensor.contract import (
    COMPLETED,
    ILLEGIBLE_NAMES,
    LINK,
    MORE,
    NO,
    PART,
    STARTED,
    Dissector,
    Exchange,
    Malformed,
    Sink,
)
from sensor.flow.counts import PRESSURE, Counts
from sensor.flow.flow import Flow, Half
from sensor.flow.partial import MAX_BUFFER, drop, keep, take
from sensor.flow.probing import MAX_PROBED, PROOF, Probe
from sensor.flow.telling import BUFFER_FULL, GAP, GAVE_UP, SAMPLE, TRUNCATED, Oddities
from sensor.flow.watch import Watch

MAX_STRIKES: Final = 64  # a bad line gives a few; a stream of something else soon as many
FORGIVEN: Final = 100  # good frames after which earlier strikes no longer count
STALE: Final = 10_000_000_000  # ns a split frame may wait when memory is short
MAX_FAILURES: Final = 16  # samples of our own faults: enough to find them

BAD_LENGTH: Final = "bad_length"
UNREADABLE: Final = "not_this_protocol"

# What asking the candidates may give beside the index of one
REFUSE: Final = -1
WAIT: Final = -2


class Framing:
    """Reads the conversations of one worker."""

    def __init__(self, sink: Sink, messages: bool, counts: Counts, watch: Watch) -> None:
        self.sink = sink
        self.watch = watch
        self.messages = messages
        self.counts = counts
        self.oddities = Oddities(sink, counts)
        self.failures: list[tuple[str, str, str]] = []  # protocol, exception, first 64 bytes in hex
        # Where the bytes at hand were seen
        self.time: i64 = 0
        self.number: i64 = 0
        self.source: i64 = 0

    # --- What comes in ----------------------------------------------------------------------------------

    def feed(
        self, flow: Flow, half: Half, data: bytes, start: i64, end: i64, time: i64, number: i64, source: i64
    ) -> None:
        """Read the next bytes of a stream."""
        self.time = time
        self.number = number
        self.source = source
        dissector = flow.dissector
        if dissector is None:
            self.search(flow, half, data, start, end, False)
        else:
            self.stream(flow, half, dissector, data, start, end)

    def datagram(
        self,
        flow: Flow,
        half: Half,
        data: bytes,
        start: i64,
        end: i64,
        missing: i64,
        time: i64,
        number: i64,
        source: i64,
    ) -> None:
        """Read one datagram; `missing` bytes behind it were cut by the snap length."""
        self.time = time
        self.number = number
        self.source = source
        if flow.dissector is None:
            self.search(flow, half, data, start, end, True)
        else:
            self.packet(flow, half, flow.dissector, data, start, end, missing)

    def gap(self, flow: Flow, half: Half, time: i64, number: i64) -> None:
        """Bytes of this direction were lost: what spans frames there is let go."""
        if half.waiting > 0:
            self.counts.partials_lost += 1
            drop(half, self.counts)
        if flow.dissector is not None:
            self.oddities.tell(flow, GAP, half.direction, time, number, b"", 0, 0)
            self.forget(flow, half, flow.dissector)

    def expire(self, flow: Flow, time: i64) -> None:
        """Capture time went on to `time`."""
        dissector = flow.dissector
        if dissector is None:
            return
        try:
            dissector.expire(time)
        except Exception as error:  # noqa: BLE001
            self.failed(flow, error, b"", 0, 0)
            return
        if dissector.late:
            self.give_late(flow, dissector)
        if self.counts.buffered_bytes > PRESSURE and time - flow.last_time > STALE:
            for half in (flow.forth, flow.back):
                if half.waiting > 0:
                    self.counts.partials_stale += 1
                    drop(half, self.counts)
                    half.lost = True

    def finish(self, flow: Flow) -> None:
        """The flow ended: what waits is given up."""
        for half in (flow.forth, flow.back):
            if half.waiting > 0:
                self.counts.partials_unfinished += 1
                drop(half, self.counts)
        flow.probe = None
        dissector = flow.dissector
        if dissector is None:
            return
        try:
            dissector.finish()
        except Exception as error:  # noqa: BLE001
            self.failed(flow, error, b"", 0, 0)
        if dissector.late:
            self.give_late(flow, dissector)

    # --- The loop -----------------------------------------------------------------------------------------

    def stream(self, flow: Flow, half: Half, dissector: Dissector, data: bytes, start: i64, end: i64) -> None:
        """Read what waits together with the next bytes; keep what is left of a split frame."""
        counts = self.counts
        while half.waiting > 0:
            if start >= end:
                return
            stop = end
            if half.needed > half.waiting:
                stop = min(end, start + half.needed - half.waiting)
            needed = half.needed
            if not keep(half, data, start, stop, counts):
                self.no_room(flow, half, data, start, end)
                return
            start = stop
            if half.waiting < needed:
                return
            whole = take(half, counts)
            at = self.frames(flow, half, dissector, whole, 0, len(whole))
            if flow.dissector is not dissector:
                return
            if at < len(whole):
                self.wait(flow, half, whole, at, len(whole))
        if start < end:
            at = self.frames(flow, half, dissector, data, start, end)
            if at < end and flow.dissector is dissector:
                self.wait(flow, half, data, at, end)

    def packet(
        self, flow: Flow, half: Half, dissector: Dissector, data: bytes, start: i64, end: i64, missing: i64
    ) -> None:
        """Read the frames of one datagram, which must end with the last of them."""
        at = self.frames(flow, half, dissector, data, start, end)
        if at >= end or flow.dissector is not dissector:
            return
        half.needed = 0
        self.counts.truncated_datagrams += 1
        if missing == 0 and self.struck(flow):
            self.oddities.tell(flow, TRUNCATED, half.direction, self.time, self.number, data, at, end)

    def frames(self, flow: Flow, half: Half, dissector: Dissector, data: bytes, start: i64, end: i64) -> i64:
        """Read all whole frames; return where the split one at the end begins, `end` when there is none."""
        direction = half.direction
        while start < end:
            length: i64 = 0
            result: i64 = -1
            wrong = ""
            try:
                length = dissector.frame(data, start, end, direction)
                if 0 < length <= end - start:
                    result = dissector.glance(data, start, start + length, direction, self.time)
            except Malformed as fault:
                wrong = fault.what
            except Exception as error:  # noqa: BLE001
                self.failed(flow, error, data, start, end)
                return end
            if result >= 0:
                flow.frames += 1
                half.lost = False
                if result != PART or dissector.late:
                    self.give(flow, half, dissector, result, data, start, start + length)
                    if flow.dissector is not dissector:
                        return end
                start += length
            elif wrong != "" and 0 < length <= end - start:
                self.illegible(flow, half, UNREADABLE, data, start, end)
                start += length
            elif wrong == "" and 0 <= length <= MAX_BUFFER:
                half.needed = length
                return start
            else:
                why = UNREADABLE if wrong != "" else BAD_LENGTH if length > 0 else reason(length)
                self.illegible(flow, half, why, data, start, end)
                if flow.dissector is dissector:
                    start = self.plausible(flow, half, dissector, data, start, end)
            if flow.dissector is not dissector:
                return end
        half.needed = 0
        return end

    def give(
        self, flow: Flow, half: Half, dissector: Dissector, result: i64, data: bytes, start: i64, end: i64
    ) -> None:
        """Hand on what a glance made of a frame."""
        if dissector.late:
            self.give_late(flow, dissector)
        if result == PART:
            return
        if dissector.whole:
            data = dissector.whole
            dissector.whole = b""
            start = 0
            end = len(data)
        exchange = dissector.exchange
        if result == LINK:
            if self.messages:
                self.give_message(flow, half, dissector, b"", data, start, end)
            return
        if exchange is None:
            self.failed(flow, ValueError(f"a glance of {result} without an exchange"), data, start, end)
            return
        asks = result == STARTED or (result != COMPLETED and half.direction == exchange.client)
        if asks:
            exchange.request_number = self.number
            exchange.request_source = self.source
        else:
            exchange.response_number = self.number
            exchange.response_source = self.source
        if self.messages:
            request = exchange.request if result == COMPLETED else b""
            self.give_message(flow, half, dissector, request, data, start, end)
        if result != STARTED:
            self.counts.exchanges += 1
            self.sink.exchange(flow, exchange, data, start, end)

    def give_message(
        self, flow: Flow, half: Half, dissector: Dissector, request: bytes, data: bytes, start: i64, end: i64
    ) -> None:
        """Dissect a message and hand it on, because somebody asked for all of them."""
        try:
            message = dissector.dissect(data, start, end, half.direction, request)
        except Malformed:
            self.illegible(flow, half, UNREADABLE, data, start, end)
            return
        except Exception as error:  # noqa: BLE001
            self.failed(flow, error, data, start, end)
            return
        message.time = self.time
        message.number = self.number
        message.source = self.source
        message.talk = flow
        self.sink.message(flow, message)

    def give_late(self, flow: Flow, dissector: Dissector) -> None:
        """Hand on the exchanges that ended without an answer."""
        late: list[Exchange] = dissector.late
        dissector.late = []
        for exchange in late:
            self.counts.exchanges += 1
            self.sink.exchange(flow, exchange, b"", 0, 0)

    def wait(self, flow: Flow, half: Half, data: bytes, start: i64, end: i64) -> None:
        """Keep the part of a frame that is there."""
        if not keep(half, data, start, end, self.counts):
            self.no_room(flow, half, data, start, end)

    # --- What goes wrong ----------------------------------------------------------------------------------

    def illegible(self, flow: Flow, half: Half, why: str, data: bytes, start: i64, end: i64) -> None:
        """Tell that no frame can be read at `start`."""
        silent = half.lost
        if self.struck(flow) and not silent:
            self.oddities.tell(flow, why, half.direction, self.time, self.number, data, start, end)

    def struck(self, flow: Flow) -> bool:
        """Count a strike; false when the conversation is not of this protocol, or no longer read."""
        self.counts.illegible += 1
        if flow.frames - flow.struck_at >= FORGIVEN:
            flow.strikes = 0
        flow.struck_at = flow.frames
        flow.strikes += 1
        probe = flow.probe
        if probe is not None and flow.frames < PROOF:
            self.counts.withdrawn += 1
            self.counts.recognised -= 1
            flow.dissector = None
            drop(flow.forth, self.counts)
            drop(flow.back, self.counts)
            probe.tries -= 1
            return False
        if flow.strikes > MAX_STRIKES:
            self.give_up(flow)
            return False
        return True

    def plausible(self, flow: Flow, half: Half, dissector: Dissector, data: bytes, start: i64, end: i64) -> i64:
        """Return where the next plausible frame begins, `end` when there is none."""
        try:
            at = dissector.resync(data, start, end, half.direction)
        except Malformed:
            at = end
        except Exception as error:  # noqa: BLE001
            self.failed(flow, error, data, start, end)
            at = end
        if at <= start or at > end:
            at = end
        self.counts.skipped_bytes += at - start
        return at

    def no_room(self, flow: Flow, half: Half, data: bytes, start: i64, end: i64) -> None:
        """A split frame is longer than what may wait: its bytes are lost."""
        self.oddities.tell(flow, BUFFER_FULL, half.direction, self.time, self.number, data, start, end)
        if flow.dissector is not None:
            self.forget(flow, half, flow.dissector)

    def forget(self, flow: Flow, half: Half, dissector: Dissector) -> None:
        """Let the dissector forget what spans frames of this direction."""
        half.lost = True
        try:
            dissector.gap(half.direction)
        except Exception as error:  # noqa: BLE001
            self.failed(flow, error, b"", 0, 0)

    def give_up(self, flow: Flow) -> None:
        """Too much is illegible: from here on the conversation is only counted."""
        dissector = flow.dissector
        self.counts.gave_up += 1
        self.oddities.tell(flow, GAVE_UP, 0, self.time, self.number, b"", 0, 0)
        self.finish(flow)
        if flow.dissector is dissector:
            flow.dissector = None

    def failed(self, flow: Flow, error: Exception, data: bytes, start: i64, end: i64) -> None:
        """A dissector raised what it must not: our own fault. Keep a sample, and stop dissecting this conversation."""
        self.counts.dissector_failed += 1
        protocol = flow.dissector.protocol if flow.dissector is not None else ""
        if len(self.failures) < MAX_FAILURES:
            text = f"{type(error).__name__}: {error}"
            self.failures.append((protocol, text, data[start : min(end, start + 64)].hex()))
        flow.dissector = None
        flow.probe = None
        drop(flow.forth, self.counts)
        drop(flow.back, self.counts)

    # --- Which protocol it is -----------------------------------------------------------------------------

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
        verdict = self.ask(flow, probe, half.direction, data, start, end)
        if verdict >= 0:
            self.recognise(flow, half, probe, verdict, data, start, end, whole)
        elif verdict == WAIT and not whole and not probe.exhausted and end - start <= MAX_PROBED:
            half.kept_time = self.time
            half.kept_number = self.number
            half.kept_source = self.source
            keep(half, data, start, end, self.counts)
        elif flow.probe is probe and not probe.exhausted:
            self.refused(flow, half, probe, data, start, end)

    def ask(self, flow: Flow, probe: Probe, direction: i64, data: bytes, start: i64, end: i64) -> i64:
        """Return which candidate takes the conversation, REFUSE when none does, WAIT when one needs more."""
        for index in range(probe.asked()):
            protocol = probe.candidates[index]
            verdict: i64 = NO
            if protocol is not probe.withdrawn:
                try:
                    verdict = protocol.probe(data, start, end, direction)
                except Malformed:
                    verdict = NO
                except Exception as error:  # noqa: BLE001
                    self.failed(flow, error, data, start, end)
                    return REFUSE
            if verdict == MORE:
                return WAIT
            if verdict != NO:
                return index
        return REFUSE

    def recognise(
        self, flow: Flow, half: Half, probe: Probe, index: i64, data: bytes, start: i64, end: i64, whole: bool
    ) -> None:
        """Give the conversation its dissector, and read what has waited for it, in the order it came."""
        try:
            dissector = probe.candidates[index].dissector()
        except Exception as error:  # noqa: BLE001
            self.failed(flow, error, data, start, end)
            return
        self.counts.recognised += 1
        flow.dissector = dissector
        flow.frames = flow.strikes = flow.struck_at = 0
        flow.probe = None if index < probe.registered else probe
        probe.withdrawn = probe.candidates[index]
        self.watch.add(flow)
        if whole:
            self.packet(flow, half, dissector, data, start, end, 0)
            return
        other = flow.peer(half)
        if other.waiting > 0:
            time, number, source = self.time, self.number, self.source
            self.time, self.number, self.source = other.kept_time, other.kept_number, other.kept_source
            waited = take(other, self.counts)
            self.stream(flow, other, dissector, waited, 0, len(waited))
            self.time, self.number, self.source = time, number, source
        if flow.dissector is dissector:
            self.stream(flow, half, dissector, data, start, end)

    def refused(self, flow: Flow, half: Half, probe: Probe, data: bytes, start: i64, end: i64) -> None:
        """All said NO to a payload: one try less."""
        if not probe.sample:
            probe.sample = data[start : min(end, start + SAMPLE)]
        probe.tries -= 1
        if probe.tries > 0:
            return
        self.counts.unrecognised += 1
        probe.exhausted = True
        if probe.registered == 0:
            flow.probe = None
            return
        kind = f"not_{probe.candidates[0].name}"
        sample = probe.sample
        self.oddities.tell(flow, kind, half.direction, self.time, self.number, sample, 0, len(sample))


def reason(code: i64) -> str:
    """Return the name of a negative result of `Dissector.frame`."""
    return ILLEGIBLE_NAMES.get(code, UNREADABLE)
