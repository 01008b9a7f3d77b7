# ruff: noqa: ARG002  # the contract's parameters, whether or not this protocol needs them
"""Pair the requests and answers of one S7 connection.

The rule it lives by: whoever sends a job or a request is the client of that exchange, but for the two jobs with which
a controller fetches the block it is being programmed with (0x1B, 0x1C): there the client stays the station that
programs, so that a download is one client's work. What the controller sends unasked has its receiver as client.
"""

from mypy_extensions import i64

from sensor.contract import (
    ACCEPTED,
    ALONE,
    COMPLETED,
    NO_ANSWER_DUE,
    ORPHAN,
    PART,
    REFUSED,
    STARTED,
    UNSOLICITED,
    Aim,
    Dissector,
    Exchange,
    Message,
)
from sensor.protocols.s7comm.dissect import read
from sensor.protocols.s7comm.items import read_items
from sensor.protocols.s7comm.outline import Outline
from sensor.protocols.s7comm.pairing import BETWEEN_PIECES, Pending, Waiting
from sensor.protocols.s7comm.weight import answered_by_client, other_shape, request_shape, weighs
from sensor.protocols.s7comm.wire import (
    ACK,
    ACK_DATA,
    JOB,
    NC_PUSH,
    NC_REQUEST,
    NC_RESPONSE,
    PUSH,
    READ_VAR,
    REQUEST,
    RESPONSE,
    UD_METHOD_FOLLOWING,
    USERDATA,
    WRITE_VAR,
)


class S7Dissector(Dissector):
    """One S7comm conversation; its frames are the payloads of the carrier."""

    def __init__(self) -> None:
        super().__init__("s7comm")
        self.outline = Outline()
        self.waiting = Waiting()
        self.paired = False  # both directions were seen since the last gap: an answer without a question is odd

    def frame(self, data: bytes, start: i64, end: i64, direction: i64) -> i64:
        """Return the length of the payload: the carrier has framed it."""
        return end - start

    def glance(self, data: bytes, start: i64, end: i64, direction: i64, time: i64) -> i64:
        """Pair one PDU."""
        outline = self.outline
        outline.take(data, start, end)
        self.exchange = None
        rosctr = outline.rosctr
        if rosctr == JOB:
            return self.ask(data, direction, time)
        if rosctr in (ACK, ACK_DATA):
            return self.answer(data, start, direction, time)
        if rosctr == USERDATA:
            if outline.type in (REQUEST, NC_REQUEST):
                if outline.method == UD_METHOD_FOLLOWING and self.asks_on(direction, time):
                    return PART
                return self.ask(data, direction, time)
            if outline.type in (RESPONSE, NC_RESPONSE):
                return self.answer(data, start, direction, time)
        return self.tell(data, start, direction, time)

    def ask(self, data: bytes, direction: i64, time: i64) -> i64:
        """Begin an exchange."""
        outline = self.outline
        function = outline.function
        client = 1 - direction if outline.rosctr == JOB and answered_by_client(function) else direction
        self.client = client
        exchange = Exchange("s7comm", request_shape(outline, data), client, time)
        exchange.significant = weighs(outline, data)
        self.waiting.add(Pending(exchange, direction, outline.reference, function, outline.count), self.late)
        self.exchange = exchange
        return STARTED

    def asks_on(self, direction: i64, time: i64) -> bool:
        """Tell whether a request asks for the next piece of an answer."""
        outline = self.outline
        pending = self.waiting.continued(direction, outline.reference, outline.function, outline.sequence)
        if pending is None:
            return False
        pending.time = time
        if outline.faults != 0:
            pending.exchange.significant = True
        return True

    def answer(self, data: bytes, start: i64, direction: i64, time: i64) -> i64:
        """End the exchange that this answers, or let it wait for the next piece."""
        outline = self.outline
        pending = self.waiting.answered(direction, outline.reference, outline.function)
        if pending is None:
            return self.orphan(data, start, direction, time)
        self.paired = True
        exchange = pending.exchange
        self.exchange = exchange
        exchange.response_time = time
        if outline.faults != 0:
            exchange.significant = True
        if outline.error != 0:
            exchange.outcome = REFUSED
            exchange.code = outline.error
            exchange.significant = True
        elif outline.refused:
            exchange.outcome = REFUSED
            exchange.code = outline.code
            exchange.significant = True
        elif outline.more:
            pending.reference = BETWEEN_PIECES
            pending.sequence = outline.sequence
            pending.time = time
            self.waiting.add(pending, self.late)
            return PART
        else:
            exchange.outcome = ACCEPTED
        if outline.count != pending.count and outline.error == 0 and outline.function in (READ_VAR, WRITE_VAR):
            exchange.note("response_items_differ")
        return COMPLETED

    def orphan(self, data: bytes, start: i64, direction: i64, time: i64) -> i64:
        """Make an exchange of an answer without its question."""
        outline = self.outline
        client = direction if answered_by_client(outline.function) else 1 - direction
        exchange = Exchange("s7comm", b"o" + other_shape(outline, data, start), client, 0)
        exchange.response_time = time
        exchange.outcome = ORPHAN
        exchange.significant = weighs(outline, data) or outline.error != 0 or outline.refused
        if self.paired:
            exchange.note("response_without_request")
        self.exchange = exchange
        return ALONE

    def tell(self, data: bytes, start: i64, direction: i64, time: i64) -> i64:
        """Make an exchange of what was sent unasked: cyclic data, alarms, a change of mode, or something unknown."""
        outline = self.outline
        shape = other_shape(outline, data, start)
        if direction == self.client and outline.type not in (PUSH, NC_PUSH):
            exchange = Exchange("s7comm", shape, direction, time)
            exchange.outcome = NO_ANSWER_DUE
        else:
            exchange = Exchange("s7comm", shape, 1 - direction, 0)
            exchange.response_time = time
            exchange.outcome = UNSOLICITED
        exchange.significant = weighs(outline, data)
        self.exchange = exchange
        return ALONE

    def dissect(self, data: bytes, start: i64, end: i64, direction: i64, request: bytes) -> Message:
        """Return everything one message says; `request` is the payload of the request it answers."""
        return read(data, start, end, direction, request)

    def aim(self, exchange: Exchange, at: i64) -> Aim | None:
        """Return what a read is about: its shape is the function, the number of items, and the items."""
        asked = exchange.shape
        if len(asked) < at + 2 or asked[at] != READ_VAR:
            return None
        items = read_items(asked, at + 2, len(asked), asked[at + 1])
        return Aim(asked[: at + 1], [target for item in items for target in item.targets])

    def gap(self, direction: i64) -> None:
        """Octets were lost: an answer without its question is no wonder now. What waits may still be answered."""
        self.paired = False

    def expire(self, time: i64) -> None:
        """Give up what waited too long."""
        self.waiting.expire(time, self.late)

    def finish(self) -> None:
        """Give up what still waits."""
        self.waiting.finish(self.late)
