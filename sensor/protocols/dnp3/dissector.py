"""One DNP3 conversation: frames in, exchanges and messages out (IEEE 1815-2012).

The rule it lives by: a frame is a link frame; a message is all the frames of one fragment, or of all fragments of one
response. Block CRCs are checked at glance, so that no wrong block passes unseen.
"""

from mypy_extensions import i64

from sensor.contract import LINK, PART, Message
from sensor.protocols.dnp3.answering import Answering
from sensor.protocols.dnp3.dissect import dissect
from sensor.protocols.dnp3.pairing import SEGMENT, WRONG_LINK
from sensor.protocols.dnp3.problems import BAD_BLOCK, carries_user_data, link_problems, problem_names
from sensor.protocols.dnp3.transport import BREAK, HELD, TOO_LONG, Partial, Transport
from sensor.protocols.dnp3.wire import (
    BLOCK,
    CONTROL,
    DIR,
    FINAL,
    FIRST,
    HEADER,
    LENGTH,
    blocks_are_good,
    frame_length,
    next_frame,
    user_data,
)


class Dnp3Dissector(Answering):
    """The dissector of one conversation."""

    def __init__(self) -> None:
        super().__init__()
        self.transport = Transport()

    def frame(self, data: bytes, start: i64, end: i64, direction: i64) -> i64:  # noqa: ARG002 - the contract's
        """Return the length of the first link frame; 0: more bytes needed to tell; negative: why it is illegible."""
        return frame_length(data, start, end)

    def resync(self, data: bytes, start: i64, end: i64, direction: i64) -> i64:  # noqa: ARG002 - the contract's
        """Return where the next 0x05 0x64 with a good header CRC begins, or may begin at the very end."""
        return next_frame(data, start, end)

    def glance(self, data: bytes, start: i64, end: i64, direction: i64, time: i64) -> i64:
        """Pair one link frame and give it its shape."""
        self.exchange = None
        self.whole = b""
        control = i64(data[start + CONTROL])
        odd = link_problems(control, i64(data[start + LENGTH]))
        if odd != 0:
            return self.alone(WRONG_LINK, data, start, end, direction, time, problem_names(odd)[0])
        if not carries_user_data(control):
            self.client = direction if control & DIR else 1 - direction
            return LINK
        if not blocks_are_good(data, start, end):
            odd |= BAD_BLOCK
        transport = self.transport
        if transport.held != 0 or i64(data[start + HEADER]) & (FIRST | FINAL) != FIRST | FINAL:
            return self.segment(data, start, end, direction, time, odd)
        if transport.blind[direction]:
            transport.blind[direction] = False
        if end - start <= HEADER + BLOCK + 2:
            return self.application(data, start + HEADER + 1, end - 2, data, start, end, direction, time, odd)
        text = user_data(data, start, end)
        return self.application(text, 1, len(text), data, start, end, direction, time, odd)

    def segment(self, data: bytes, start: i64, end: i64, direction: i64, time: i64, odd: i64) -> i64:
        """Take a frame that is a part of a fragment, or interrupts one."""
        transport = self.transport
        result = transport.take(data, start, end, direction, time, odd)
        if transport.unfinished is not None:
            self.leave(transport.unfinished, direction)
        if result == HELD:
            return PART
        wire = transport.wire
        self.whole = wire
        if result == BREAK:
            return self.alone(SEGMENT, wire, 0, len(wire), direction, time, "transport_sequence_break")
        if result == TOO_LONG:
            return self.alone(SEGMENT, wire, 0, len(wire), direction, time, "fragment_too_long")
        text = transport.payload
        return self.application(text, 0, len(text), wire, 0, len(wire), direction, time, transport.odd)

    def application(
        self, text: bytes, at: i64, stop: i64, data: bytes, start: i64, end: i64, direction: i64, time: i64, odd: i64
    ) -> i64:
        """Take one application fragment text[at:stop] that came in the frames data[start:end]."""
        if stop - at < 2:
            return self.alone(SEGMENT, data, start, end, direction, time, "application_header_truncated")
        if text[at + 1] >= 128:
            return self.response(text, at, stop, data, start, end, direction, time, odd)
        return self.request(text, at, stop, data, start, end, direction, time, odd)

    def leave(self, partial: Partial, direction: i64) -> None:
        """Send a fragment on that was never finished."""
        wire = b"".join(partial.frames)
        self.alone(SEGMENT, wire, 0, len(wire), direction, partial.time, "unfinished_fragment")
        if self.exchange is not None:
            self.late.append(self.exchange)
        self.exchange = None

    def dissect(self, data: bytes, start: i64, end: i64, direction: i64, request: bytes) -> Message:  # noqa: ARG002 - DNP3 says all in one message
        """Return everything the frames of one message say."""
        return dissect(data, start, end, direction)

    def gap(self, direction: i64) -> None:
        """Forget unfinished fragments of this direction, and what a select would be judged by."""
        super().gap(direction)
        self.transport.gap(direction)

    def finish(self) -> None:
        """Send on what waits for an answer, and what was never finished."""
        super().finish()
        for direction in range(2):
            for partial in self.transport.leftovers(direction):
                self.leave(partial, direction)
