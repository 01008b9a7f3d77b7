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
    NO,
    PART,
    STARTED,
    Dissector,
    Exchange,
    Malformed,
    Protocol,
    Sink,
)
from sensor.flow.counts import PRESSURE, Counts
from sensor.flow.faults import BUFFER_FULL, GAVE_UP, GO_ON, OUT, TRUNCATED, Faults
from sensor.flow.flow import Flow, Half
from sensor.flow.partial import MAX_BUFFER, drop, keep, take

STALE: Final = 10_000_000_000  # ns a split frame may wait when memory is short
BAD_LENGTH: Final = "bad_length"
UNREADABLE: Final = "not_this_protocol"


class Framing:
    """Reads the conversations of one worker whose protocol is known."""

    def __init__(self, sink: Sink, messages: bool, counts: Counts) -> None:
        self.sink = sink
        self.messages = messages
        self.counts = counts
        self.faults = Faults(sink, counts)
        # Where the bytes at hand were seen
        self.time: i64 = 0
        self.number: i64 = 0
        self.source: i64 = 0

    # --- The loop -----------------------------------------------------------------------------------------

    def stream(self, flow: Flow, half: Half, dissector: Dissector, data: bytes, start: i64, end: i64) -> None:
        """Read what waits together with the next bytes; keep what is left of a split frame."""
        while half.waiting > 0:
            if start >= end:
                return
            needed = half.needed
            stop = min(end, start + needed - half.waiting) if needed > half.waiting else end
            if not keep(half, data, start, stop, self.counts):
                self.no_room(flow, half, dissector, data, start, end)
                return
            start = stop
            if half.waiting < needed:
                return
            whole = take(half, self.counts)
            self.span(flow, half, dissector, whole, 0, len(whole))
            if flow.dissector is not dissector:
                return
        if start < end:
            self.span(flow, half, dissector, data, start, end)

    def span(self, flow: Flow, half: Half, dissector: Dissector, data: bytes, start: i64, end: i64) -> None:
        """Read the frames of one piece of a stream, and keep the part of one at its end."""
        at = self.frames(flow, half, dissector, data, start, end)
        if at < end and not keep(half, data, at, end, self.counts):
            self.no_room(flow, half, dissector, data, at, end)

    def datagram(
        self, flow: Flow, half: Half, dissector: Dissector, data: bytes, start: i64, end: i64, missing: i64
    ) -> None:
        """Read the frames of one datagram, which must end with the last of them.

        `missing` bytes behind it were cut by the snap length.
        """
        at = self.frames(flow, half, dissector, data, start, end)
        if at >= end:
            return
        half.needed = 0
        self.counts.truncated_datagrams += 1
        if missing == 0:
            self.illegible(flow, half, TRUNCATED, data, at, end)

    def frames(self, flow: Flow, half: Half, dissector: Dissector, data: bytes, start: i64, end: i64) -> i64:
        """Read all whole frames; return where the split one at the end begins, `end` when there is none."""
        direction = half.direction
        while start < end:
            length: i64 = 0
            result: i64 = -1
            malformed = False
            try:
                length = dissector.frame(data, start, end, direction)
                if 0 < length <= end - start:
                    result = dissector.glance(data, start, start + length, direction, self.time)
            except Malformed:
                malformed = True
            except Exception as error:  # noqa: BLE001  # our own fault, whatever it is
                self.faults.failed(flow, dissector.protocol, error, data, start, end)
                return end
            if result >= 0:
                flow.frames += 1
                self.counts.messages += 1
                half.lost = False
                if result != PART or dissector.late:
                    self.give(flow, half, dissector, result, data, start, start + length)
                start += length
            elif malformed and 0 < length <= end - start:
                self.illegible(flow, half, UNREADABLE, data, start, end)
                start += length
            elif not malformed and 0 <= length <= MAX_BUFFER:
                half.needed = length
                return start
            else:
                why = UNREADABLE if malformed else BAD_LENGTH if length > 0 else reason(length)
                self.illegible(flow, half, why, data, start, end)
                start = self.plausible(flow, half, dissector, data, start, end)
            if flow.dissector is not dissector:
                return end
        half.needed = 0
        return end

    # --- What is handed on --------------------------------------------------------------------------------

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
        if result == LINK:
            if self.messages:
                self.give_message(flow, half, dissector, b"", data, start, end)
            return
        exchange = dissector.exchange
        if exchange is None:
            error = ValueError(f"a glance of {result} without an exchange")
            self.faults.failed(flow, dissector.protocol, error, data, start, end)
            return
        if result == STARTED or (result != COMPLETED and half.direction == exchange.client):
            exchange.request_number = self.number
            exchange.request_source = self.source
        else:
            exchange.response_number = self.number
            exchange.response_source = self.source
        if self.messages:
            self.give_message(flow, half, dissector, exchange.request if result == COMPLETED else b"", data, start, end)
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
            self.faults.failed(flow, dissector.protocol, error, data, start, end)
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

    # --- What happens beside the bytes --------------------------------------------------------------------

    def is_early(self, flow: Flow, dissector: Dissector, data: bytes, start: i64, end: i64, direction: i64) -> bool:
        """Ask a dissector whether a datagram answers a question that has not come."""
        try:
            return dissector.is_early(data, start, end, direction)
        except Exception as error:  # noqa: BLE001
            self.faults.failed(flow, dissector.protocol, error, data, start, end)
            return False

    def gap(self, flow: Flow, half: Half, time: i64, number: i64) -> None:
        """Bytes of this direction were lost: what spans frames there is let go."""
        if half.waiting > 0:
            self.counts.partials_lost += 1
            drop(half, self.counts)
        if flow.dissector is not None:
            self.faults.gap(flow, half, time, number)
            self.forget(flow, half, flow.dissector)

    def expire(self, flow: Flow, time: i64) -> None:
        """Capture time went on to `time`."""
        dissector = flow.dissector
        if dissector is None:
            return
        try:
            dissector.expire(time)
        except Exception as error:  # noqa: BLE001
            self.faults.failed(flow, dissector.protocol, error, b"", 0, 0)
        if dissector.late:
            self.give_late(flow, dissector)
        if self.counts.buffered_bytes > PRESSURE and time - flow.last_time > STALE:
            for half in (flow.forth, flow.back):
                if half.waiting > 0:
                    self.counts.partials_stale += 1
                    drop(half, self.counts)
                    half.lost = True

    def finish(self, flow: Flow) -> None:
        """The conversation ended, or is no longer read: what waits is given up."""
        for half in (flow.forth, flow.back):
            if half.waiting > 0:
                self.counts.partials_unfinished += 1
                drop(half, self.counts)
        dissector = flow.dissector
        if dissector is None:
            return
        try:
            dissector.finish()
        except Exception as error:  # noqa: BLE001
            self.faults.failed(flow, dissector.protocol, error, b"", 0, 0)
        if dissector.late:
            self.give_late(flow, dissector)

    # --- What goes wrong ----------------------------------------------------------------------------------

    def illegible(self, flow: Flow, half: Half, why: str, data: bytes, start: i64, end: i64) -> None:
        """Tell that no frame can be read at `start`, and see what comes of it."""
        verdict = self.faults.strike(flow)
        if verdict == GO_ON:
            if not half.lost:
                self.faults.tell(flow, why, half.direction, self.time, self.number, data, start, end)
            return
        if verdict == OUT:
            self.counts.gave_up += 1
            if flow.dissector is not None:
                flow.unread = flow.dissector.protocol
                self.counts.spoken(flow.unread).gave_up += 1
            self.faults.tell(flow, GAVE_UP, half.direction, self.time, self.number, data, start, end)
            flow.probe = None
        self.finish(flow)
        flow.dissector = None

    def plausible(self, flow: Flow, half: Half, dissector: Dissector, data: bytes, start: i64, end: i64) -> i64:
        """Return where the next plausible frame begins, `end` when there is none."""
        if flow.dissector is not dissector:
            return end
        at = end
        try:
            at = dissector.resync(data, start, end, half.direction)
        except Malformed:
            at = end
        except Exception as error:  # noqa: BLE001
            self.faults.failed(flow, dissector.protocol, error, data, start, end)
        if at <= start or at > end:
            at = end
        self.counts.skipped_bytes += at - start
        self.counts.spoken(dissector.protocol).skipped_bytes += at - start
        return at

    def no_room(self, flow: Flow, half: Half, dissector: Dissector, data: bytes, start: i64, end: i64) -> None:
        """A split frame is longer than what may wait: its bytes are lost."""
        self.faults.tell(flow, BUFFER_FULL, half.direction, self.time, self.number, data, start, end)
        self.forget(flow, half, dissector)

    def forget(self, flow: Flow, half: Half, dissector: Dissector) -> None:
        """Let the dissector forget what spans frames of this direction."""
        half.lost = True
        try:
            dissector.gap(half.direction)
        except Exception as error:  # noqa: BLE001
            self.faults.failed(flow, dissector.protocol, error, b"", 0, 0)

    def verdict(self, flow: Flow, protocol: Protocol, data: bytes, start: i64, end: i64, direction: i64) -> i64:
        """Ask a protocol whether these bytes are its own; what it cannot read is not."""
        try:
            return protocol.probe(data, start, end, direction)
        except Malformed:
            return NO
        except Exception as error:  # noqa: BLE001
            self.faults.failed(flow, protocol.name, error, data, start, end)
            return NO


def reason(code: i64) -> str:
    """Return the name of a negative result of `Dissector.frame`."""
    return ILLEGIBLE_NAMES.get(code, UNREADABLE)
