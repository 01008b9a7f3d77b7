"""Which response answers which request, and by what shape a request is known again.

Messaging on TCP/IP V1.0b, 3.1.3 and 4.3. The rule it lives by: requests wait in the order they came; an answer takes
the first that has its transaction, unit and function and that it fits, for some clients never change the transaction
identifier.
"""

from typing import Final

from librt.strings import read_i16_be
from mypy_extensions import i64

from sensor.contract import NO_ANSWER_DUE, ORPHAN, UNANSWERED, Dissector, Exchange
from sensor.protocols.modbus.wire import EITHER, LENGTH_AT, REQUEST, UNIT_AT, part, side, word, word_or_absent

MAX_PENDING: Final = (
    32  # a client may have 16 transactions open (Messaging 4.3.2); twice that for those that do not count
)
ANSWER_TIMEOUT: Final = 10_000_000_000  # ns; gateways wait for their serial line some seconds at most
NOT_DUE: Final = 1_000_000_000  # ns; an answer that the specification does not want, and a device gives, comes sooner
GIVEN_UP: Final = 1_000_000_000  # ns; the shortest time-out clients use: who asks the same key again has given up
LATE_ANSWER: Final = 60_000_000_000  # ns; so long after one went unanswered, an answer may just be late

# UMAS functions that stations repeat for ever and that change nothing: status, keep alive, reading, monitoring
UMAS_POLLS: Final = frozenset((0x04, 0x12, 0x22, 0x24, 0x50))


def shape(data: bytes, at: i64, end: i64) -> bytes:
    """Return what makes the request whose function code is at `at` the same as another: never values or sequence."""
    function: i64 = data[at]
    if function == 21:
        return _file_shape(data, at, end)
    size: i64 = 1
    if function in (15, 16) or 1 <= function <= 4:
        size = 5  # address, quantity
    elif function in (5, 6, 22, 24, 8):
        size = 3  # address, or sub-function
    elif function == 23:
        size = 9
    elif function == 43:
        size = 4 if at + 1 < end and data[at + 1] == 14 else 2  # interface; for identification code and object
    elif function == 20:
        size = end - at
    elif function == 90:
        return data[at - 1 : at + 1] + part(data, at + 2, min(at + 3, end))  # without the reservation key
    return data[at - 1 : min(at + size, end)]


def _file_shape(data: bytes, at: i64, end: i64) -> bytes:
    """Return unit, function and the groups' headers without their values."""
    parts = [data[at - 1 : at + 1]]
    here = at + 2
    while here + 7 <= end:
        parts.append(data[here : here + 7])
        here += 7 + 2 * word(data, here + 5)
    return b"".join(parts)


def expected_count(asked: bytes, at: i64, end: i64) -> i64:
    """Return the byte count that a plain read asks for, -1 when the request does not say."""
    quantity = word_or_absent(asked, at + 3, end)
    if quantity < 0:
        return -1
    return (quantity + 7) >> 3 if asked[at] <= 2 else 2 * quantity


class Pairing(Dissector):
    """The memory of one conversation: who waits for an answer, and what was answered last."""

    def __init__(self, is_rtu: bool) -> None:
        super().__init__("modbus")
        self.is_rtu = is_rtu
        self.lead: i64 = 0 if is_rtu else UNIT_AT  # bytes before the unit
        self.tail: i64 = 2 if is_rtu else 0  # bytes behind the PDU
        self.first: Exchange | None = None  # the oldest request that waits; most clients have one
        self.others: list[Exchange] = []  # those after it, in order
        self.pairs: i64 = 0  # answered since the start or the last gap: evidence that both sides are seen
        self.ids_change = False  # whether the client changes its transaction identifier
        self.answered: Exchange | None = None  # the last one answered, and its answer
        self.answer = b""
        self.unanswered_time: i64 = 0

    def ask(self, exchange: Exchange, time: i64) -> None:
        """Let a request wait for its answer."""
        self.exchange = exchange
        if self.first is not None:
            self._give_up_same(exchange, time)
        if self.first is None:
            self.first = exchange
            return
        if len(self.others) + 1 >= MAX_PENDING:
            if self.pairs > 0:
                self.first.note("pending_overflow")
            self._end(self._take(0), time)
        self.others.append(exchange)

    def match(self, data: bytes, start: i64, at: i64, end: i64) -> i64:
        """Return the number of the waiting request this response answers, -1 when there is none.

        First choice is one with the same key that it fits, then one with the same key, then one whose transaction
        is the same but whose unit is not.
        """
        transaction = self.transaction(data, start)
        same_key: i64 = -1
        same_transaction: i64 = -1
        for number in range(i64(len(self.others)) + 1):
            waiting = self.waiting(number)
            if waiting is None:
                return -1
            asked = waiting.request
            if asked[self.lead + 1] != data[at] & 0x7F or self.transaction(asked, 0) != transaction:
                continue
            if asked[self.lead] != data[at - 1]:
                if same_transaction < 0 and transaction != 0:
                    same_transaction = number
            elif self.fits(asked, data, at, end):
                return number
            elif same_key < 0:
                same_key = number
        return same_key if same_key >= 0 else same_transaction

    def is_early(self, data: bytes, start: i64, end: i64, direction: i64) -> bool:
        """Tell whether this is by structure, or coming from the server, a response that no request waits for."""
        at = start + self.lead + 1
        if at >= end:
            return False
        stop = end - self.tail if self.is_rtu else min(end, start + UNIT_AT + word(data, start + LENGTH_AT))
        if stop <= at:
            return False
        seen = side(data, at, stop)
        if seen == REQUEST or (seen == EITHER and direction == self.client):
            return False
        return self.match(data, start, at, stop) < 0

    def is_answered_astray(self, data: bytes, at: i64, end: i64, time: i64) -> bool:
        """Tell whether a response without a partner must be meant for the only request that waits.

        Some servers count transactions for themselves. A late answer to an earlier request must be out of the question.
        """
        first = self.first
        if first is None or self.others or self.pairs == 0 or time - self.unanswered_time <= LATE_ANSWER:
            return False
        asked = first.request
        if asked[self.lead] != data[at - 1] or asked[self.lead + 1] != data[at] & 0x7F:
            return False
        return self.fits(asked, data, at, end)

    def fits(self, asked: bytes, data: bytes, at: i64, end: i64) -> bool:
        """Tell whether a response of the right function also has what the request makes it have."""
        function: i64 = data[at]
        asked_at = self.lead + 1
        asked_end = i64(len(asked)) - self.tail
        if function >= 0x80:
            return True
        if 1 <= function <= 4:
            count = expected_count(asked, asked_at, asked_end)
            return count >= 0 and end - at == 2 + count and data[at + 1] == count
        if function in (5, 6, 15, 16):
            return data[at : min(at + 5, end)] == asked[asked_at : min(asked_at + 5, asked_end)]
        if function == 8:
            return word_or_absent(data, at + 1, end) == word_or_absent(asked, asked_at + 1, asked_end)
        return True

    def transaction(self, data: bytes, start: i64) -> i64:
        """Return the transaction identifier of an ADU, always 0 for RTU frames, which have none."""
        return 0 if self.is_rtu else word(data, start)

    def waiting(self, number: i64) -> Exchange | None:
        """Return a waiting request by its number in order, 0 the oldest."""
        return self.first if number == 0 else self.others[number - 1]

    def settle(self, number: i64, data: bytes, start: i64, end: i64, time: i64) -> Exchange:
        """Take the request that was answered; those with the same key before it were passed over for good."""
        exchange = self._take(number)
        while number > 0:
            number -= 1
            passed = self.waiting(number)
            if passed is not None and self._same_key(passed.request, exchange.request):
                self._end(self._take(number), time)
        self.remember(exchange, data[start:end], time)
        return exchange

    def remember(self, exchange: Exchange, answer: bytes, time: i64) -> None:
        """Keep the last pair, to know a second answer to it."""
        last = self.answered
        if last is not None and not self.ids_change:
            self.ids_change = self.transaction(last.request, 0) != self.transaction(exchange.request, 0)
        exchange.response_time = time
        self.exchange = exchange
        self.answered = exchange
        self.answer = answer
        self.pairs += 1

    def orphan(self, data: bytes, start: i64, end: i64, direction: i64, time: i64) -> Exchange:
        """Return an exchange for an answer that no request waits for, with what is odd about it."""
        at = start + self.lead + 1
        last = self.answered
        if last is not None and self.ids_change and self._answers(data, start, at, last.request):
            exchange = Exchange("modbus", last.shape, 1 - direction, 0)
            exchange.request = last.request
            same = self.answer == data[start:end]
            exchange.note("answered_twice" if same else "answered_differently")
        else:
            exchange = Exchange("modbus", bytes((data[at - 1], data[at] | 0x80, data[at] >> 7)), 1 - direction, 0)
            # Before so many pairs, answers to requests from before the start or a gap may still come.
            if self.pairs >= MAX_PENDING and time - self.unanswered_time > LATE_ANSWER:
                exchange.note("answer_without_question")
        exchange.outcome = ORPHAN
        exchange.response_time = time
        self.exchange = exchange
        return exchange

    def doubt(self) -> None:
        """Requests or answers were lost: what comes next proves nothing about what was asked."""
        self.pairs = 0
        self.answered = None

    def expire(self, time: i64) -> None:
        """Give up requests that waited longer than any server takes; soon, where the specification wants no answer."""
        first = self.first
        while first is not None:
            waited = time - first.request_time
            if waited <= ANSWER_TIMEOUT and (waited <= NOT_DUE or self.is_answer_due(first)):
                return
            self._end(self._take(0), time)
            first = self.first

    def finish(self) -> None:
        """Give up all that wait; that the capture or the connection ended is nothing odd about them."""
        while self.first is not None:
            waiting = self._take(0)
            waiting.outcome = UNANSWERED if self.is_answer_due(waiting) else NO_ANSWER_DUE
            self.late.append(waiting)

    def is_answer_due(self, exchange: Exchange) -> bool:
        """Tell whether the specification wants an answer: not for a serial broadcast, nor for Force Listen Only."""
        asked, at = exchange.request, self.lead + 1
        if self.is_rtu and asked[self.lead] == 0:
            return False
        return asked[at] != 8 or word_or_absent(asked, at + 1, i64(len(asked)) - self.tail) != 4

    def _take(self, number: i64) -> Exchange:
        if number > 0:
            return self.others.pop(number - 1)
        first = self.first
        assert first is not None
        self.first = self.others.pop(0) if self.others else None
        return first

    def _end(self, exchange: Exchange, time: i64) -> None:
        """Let an exchange go without an answer; odd only where answers are seen at all."""
        if self.is_answer_due(exchange):
            exchange.outcome = UNANSWERED
            self.unanswered_time = time
            if self.pairs > 0:
                exchange.significant = True
        else:
            exchange.outcome = NO_ANSWER_DUE
        self.late.append(exchange)

    def _give_up_same(self, exchange: Exchange, time: i64) -> None:
        number = i64(len(self.others))
        while number >= 0:
            waiting = self.waiting(number)
            if (
                waiting is not None
                and time - waiting.request_time > GIVEN_UP
                and self._same_key(waiting.request, exchange.request)
            ):
                self._end(self._take(number), time)
            number -= 1

    def _same_key(self, one: bytes, other: bytes) -> bool:
        """Compare transaction, unit and function; the first two bytes of an RTU frame are unit and function."""
        at = self.lead
        return read_i16_be(one, 0) == read_i16_be(other, 0) and read_i16_be(one, at) == read_i16_be(other, at)

    def _answers(self, data: bytes, start: i64, at: i64, asked: bytes) -> bool:
        return (
            self.transaction(asked, 0) == self.transaction(data, start)
            and asked[self.lead] == data[at - 1]
            and asked[self.lead + 1] == data[at] & 0x7F
        )
