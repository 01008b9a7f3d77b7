"""The Modbus dissector: frames, the glance that nearly every message gets, and the whole reading of a few.

Messaging on TCP/IP V1.0b; Application Protocol V1.1b3. The rule it lives by: a plain read that is answered as it
should be costs two slices and no dictionary; all else may cost more.
"""

from typing import Final

from librt.strings import read_i16_be
from mypy_extensions import i64

from sensor.contract import (
    ACCEPTED,
    ALONE,
    BAD_CHECKSUM,
    BAD_LENGTH,
    COMPLETED,
    NOT_THIS_PROTOCOL,
    REFUSED,
    STARTED,
    Aim,
    Exchange,
    Malformed,
    Message,
)
from sensor.protocols.modbus.boundary import may_begin_rtu, may_begin_tcp
from sensor.protocols.modbus.checks import ADDRESSES
from sensor.protocols.modbus.dissect import read_request, read_response
from sensor.protocols.modbus.message import ModbusMessage, span
from sensor.protocols.modbus.names import SPACES
from sensor.protocols.modbus.pairing import UMAS_POLLS, Pairing, shape
from sensor.protocols.modbus.points import MAX_READ_BITS, MAX_READ_WORDS
from sensor.protocols.modbus.wire import (
    EITHER,
    LENGTH_AT,
    LONGEST,
    LONGEST_TOLERATED,
    PROTOCOL_AT,
    REQUEST,
    SHORTEST,
    UNIT_AT,
    is_whole,
    part,
    rtu_length,
    side,
    word,
)

FIRM: Final = 8  # pieces of evidence for who is the client that one message cannot outweigh
ACKNOWLEDGE: Final = 5  # the exception that says "accepted, it takes time" (chapter 7)
UMAS_REFUSED: Final = 0xFD


class ModbusDissector(Pairing):
    """One conversation, framed by MBAP headers or as RTU.

    `dissect` is pure but for one thing: without its request, a message from `client` is taken for a request, once it
    is known who that is or where the structure fits both sides.
    """

    def __init__(self, is_rtu: bool = False) -> None:
        super().__init__(is_rtu)
        self.lean: i64 = 0  # how sure it is that `client` is the client
        self.lost: i64 = 0  # a bit for each direction in which the next frame must prove itself

    def frame(self, data: bytes, start: i64, end: i64, direction: i64) -> i64:
        """Return the length of the ADU at `start`, from its MBAP length field or where the CRC fits."""
        if self.is_rtu:
            return self._rtu_frame(data, start, end, direction)
        if end - start <= UNIT_AT + 1:
            return 0
        length = word(data, start + LENGTH_AT)
        if read_i16_be(data, start + PROTOCOL_AT) == 0 and SHORTEST <= length <= LONGEST and self.lost == 0:
            return UNIT_AT + length
        return self._doubtful_frame(data, start, end, length, direction)

    def _rtu_frame(self, data: bytes, start: i64, end: i64, direction: i64) -> i64:
        """Return where the CRC fits; after lost bytes only a function whose length is known is believed."""
        if self.lost >> direction & 1 == 1 and not may_begin_rtu(data, start, end):
            return BAD_CHECKSUM
        length = rtu_length(data, start, end)
        if length > 0:
            self.lost &= ~(1 << direction)
        return length if length >= 0 else BAD_CHECKSUM

    def _doubtful_frame(self, data: bytes, start: i64, end: i64, length: i64, direction: i64) -> i64:
        """Judge an ADU with a foreign protocol identifier or odd length, and any that follows lost bytes."""
        whole = UNIT_AT + length
        if length < SHORTEST or length > LONGEST_TOLERATED:
            return BAD_LENGTH
        if self.lost >> direction & 1 == 1:
            if not may_begin_tcp(data, start, end):
                return NOT_THIS_PROTOCOL
        elif word(data, start + PROTOCOL_AT) == 0:
            return whole
        elif length > LONGEST:
            return NOT_THIS_PROTOCOL
        if start + whole > end:
            return 0
        if not is_whole(data, start + UNIT_AT + 1, start + whole):
            return NOT_THIS_PROTOCOL
        self.lost &= ~(1 << direction)
        return whole

    def glance(self, data: bytes, start: i64, end: i64, direction: i64, time: i64) -> i64:
        """Pair one ADU; what is not a plain read, or not quite right, goes the long way."""
        at = start + self.lead + 1
        stop = end - self.tail
        if stop <= at:
            raise Malformed("an ADU without a function code", start, at + 1 - start, stop - start)
        function: i64 = data[at]
        if 1 <= function <= 4:
            if direction == self.client:
                if stop - at == 5:
                    return self._plain_question(data, start, end, direction, time)
            elif self.first is not None and self._is_plain_answer(self.first.request, data, start, at, stop):
                first = self.first
                self.first = self.others.pop(0) if self.others else None
                first.outcome = ACCEPTED
                self.remember(first, data[start:end], time)
                return COMPLETED
        if self._is_question(data, start, at, stop, direction):
            return self._question(data, start, end, direction, time)
        return self._answer(data, start, end, direction, time)

    def _plain_question(self, data: bytes, start: i64, end: i64, direction: i64, time: i64) -> i64:
        at = start + self.lead + 1
        exchange = Exchange("modbus", data[at - 1 : at + 5], direction, time)
        exchange.request = data[start:end]
        function: i64 = data[at]
        quantity = word(data, at + 3)
        most: i64 = MAX_READ_BITS if function <= 2 else MAX_READ_WORDS
        is_header_odd = self.lead != 0 and read_i16_be(data, start + PROTOCOL_AT) != 0
        if is_header_odd or quantity == 0 or quantity > most or word(data, at + 1) + quantity > ADDRESSES:
            exchange.significant = True
        if self.lean < FIRM and (function > 2 or data[at + 1] != 3):  # as an answer, 3 would be its byte count
            self.lean += 1
        self.ask(exchange, time)
        return STARTED

    def _is_plain_answer(self, asked: bytes, data: bytes, start: i64, at: i64, stop: i64) -> bool:
        """Tell whether this is just what the oldest waiting question, a plain read, asks for."""
        lead = self.lead
        if read_i16_be(data, at - 1) != read_i16_be(asked, lead) or read_i16_be(data, start) != read_i16_be(asked, 0):
            return False
        if i64(len(asked)) != lead + 6 + self.tail:
            return False
        quantity = word(asked, lead + 4)
        count = (quantity + 7) >> 3 if data[at] <= 2 else 2 * quantity
        if stop - at != 2 + count or i64(data[at + 1]) != count:
            return False
        return lead == 0 or read_i16_be(data, start + PROTOCOL_AT) == 0

    def _is_question(self, data: bytes, start: i64, at: i64, stop: i64, direction: i64) -> bool:
        """Learn from the structure who is the client, and tell whether this is a request."""
        seen = side(data, at, stop)
        if seen == EITHER:
            return direction == self.client
        if (seen == REQUEST) == (direction == self.client):
            self.lean = min(self.lean + 1, FIRM)
        elif seen == REQUEST and self.match(data, start, at, stop) >= 0:
            return False  # what answers a waiting request is an answer, if a malformed one
        else:
            self.lean -= 1
        if self.lean < 0:
            self.client = 1 - self.client
            self.lean = 0
        return self._is_request(seen, direction)

    def _is_request(self, seen: i64, direction: i64) -> bool:
        """Tell by structure, then by sender; what a known client sends is a request, if a malformed one."""
        if seen == EITHER or self.lean > 0:
            return seen == REQUEST or direction == self.client
        return seen == REQUEST

    def _question(self, data: bytes, start: i64, end: i64, direction: i64, time: i64) -> i64:
        at = start + self.lead + 1
        stop = end - self.tail
        exchange = Exchange("modbus", shape(data, at, stop), direction, time)
        exchange.request = data[start:end]
        is_poll = data[at] == 90 and stop - at >= 3 and data[at + 2] in UMAS_POLLS
        exchange.significant = not is_poll or self._is_header_odd(data, start, end, at)
        if direction != self.client:
            exchange.note("role_reversed")
        self.ask(exchange, time)
        return STARTED

    def _answer(self, data: bytes, start: i64, end: i64, direction: i64, time: i64) -> i64:
        at = start + self.lead + 1
        stop = end - self.tail
        number = self.match(data, start, at, stop)
        if number < 0 and self.is_answered_astray(data, at, stop, time):
            number = 0
        if number < 0:
            self._unasked(data, start, end, direction, time)
            return ALONE
        exchange = self.settle(number, data, start, end, time)
        self._judge(exchange, data, at, stop)
        if self._is_header_odd(data, start, end, at) or not self._is_as_asked(exchange.request, data, at, stop):
            exchange.significant = True
        if exchange.request[self.lead] != data[at - 1]:
            exchange.note("unit_mismatch")
        elif self.transaction(exchange.request, 0) != self.transaction(data, start):
            exchange.note("transaction_mismatch")
        if self.is_rtu and data[start] == 0:
            exchange.note("broadcast_answered")
        return COMPLETED

    def _unasked(self, data: bytes, start: i64, end: i64, direction: i64, time: i64) -> None:
        at = start + self.lead + 1
        stop = end - self.tail
        exchange = self.orphan(data, start, end, direction, time)
        if data[at] >= 0x80 and at + 1 < stop:
            exchange.code = data[at + 1]
        if not self._is_plain_values(data, at, stop) or self._is_header_odd(data, start, end, at):
            exchange.significant = True

    def _judge(self, exchange: Exchange, data: bytes, at: i64, stop: i64) -> None:
        """Set the outcome: refused by an exception or by UMAS's own status, else accepted."""
        exchange.outcome = ACCEPTED
        if data[at] >= 0x80:
            exchange.significant = True
            exchange.code = data[at + 1] if at + 1 < stop else 0
            if exchange.code != ACKNOWLEDGE:
                exchange.outcome = REFUSED
        elif data[at] == 90 and at + 2 < stop and data[at + 2] == UMAS_REFUSED:
            exchange.significant = True
            exchange.outcome = REFUSED
            exchange.code = UMAS_REFUSED

    def _is_header_odd(self, data: bytes, start: i64, end: i64, at: i64) -> bool:
        if self.is_rtu:
            return False
        return word(data, start + PROTOCOL_AT) != 0 or (end - start > UNIT_AT + LONGEST and data[at] != 90)

    def _is_as_asked(self, asked: bytes, data: bytes, at: i64, stop: i64) -> bool:
        """Tell whether an answer to an insignificant question has nothing that `dissect` would note."""
        if data[at] == 90:
            return stop - at >= 3
        return self.fits(asked, data, at, stop)

    def _is_plain_values(self, data: bytes, at: i64, stop: i64) -> bool:
        """Tell whether this is the answer to a plain read, consistent in itself."""
        function: i64 = data[at]
        if not 1 <= function <= 4 or stop - at < 3:
            return False
        count: i64 = data[at + 1]
        return stop - at == 2 + count and (function <= 2 or count % 2 == 0)

    def dissect(self, data: bytes, start: i64, end: i64, direction: i64, request: bytes) -> Message:
        """Return one ADU as a ModbusMessage."""
        at = start + self.lead + 1
        stop = end - self.tail
        if stop <= at:
            raise Malformed("an ADU without a function code", start, at + 1 - start, stop - start)
        seen = side(data, at, stop)
        is_request = request == b"" and self._is_request(seen, direction)
        message = ModbusMessage(direction, is_request)
        message.unit_id = data[at - 1]
        message.unit = str(message.unit_id)
        if self.is_rtu:
            message.framing = "rtu"
        else:
            self._read_header(message, data, start, end, at)
        if is_request:
            read_request(message, data, at, stop)
        else:
            read_response(message, data, at, stop, part(request, self.lead + 1, i64(len(request)) - self.tail))
        return message

    def aim(self, exchange: Exchange, at: i64) -> Aim | None:
        """Return what a plain read is about: its shape is unit, function, address and quantity."""
        asked = exchange.shape
        if len(asked) != at + 6 or not 1 <= asked[at + 1] <= 4:
            return None
        return Aim(asked[: at + 2], [span(SPACES[asked[at + 1]], word(asked, at + 2), word(asked, at + 4))])

    def _read_header(self, message: ModbusMessage, data: bytes, start: i64, end: i64, at: i64) -> None:
        message.transaction_id = word(data, start)
        message.protocol_id = word(data, start + PROTOCOL_AT)
        message.length = word(data, start + LENGTH_AT)
        if message.protocol_id != 0:
            message.note("bad_protocol_id")
        if end - start > UNIT_AT + LONGEST and data[at] != 90:
            message.note("length_out_of_range")

    def resync(self, data: bytes, start: i64, end: i64, direction: i64) -> i64:
        """Return where the next ADU of a public function may begin; it must then prove itself whole."""
        self.lost |= i64(1) << direction
        for here in range(start + 1, end):
            if self._may_begin(data, here, end):
                return here
        return end

    def gap(self, direction: i64) -> None:
        """Bytes were lost: the next frame of this direction must prove itself."""
        self.doubt()
        self.lost |= i64(1) << direction

    def _may_begin(self, data: bytes, here: i64, end: i64) -> bool:
        if self.is_rtu:
            return may_begin_rtu(data, here, end)
        return may_begin_tcp(data, here, end)
