"""The glance side of DNP3: requests and responses of each link pair, what they mean for one another.

The rule it lives by: a response belongs to the request with its application sequence number of the same master and
outstation addresses; select and operate are judged only where nothing can have been missed in between.
"""

from typing import Final

from mypy_extensions import i64

from sensor.contract import (
    ACCEPTED,
    ALONE,
    COMPLETED,
    LINK,
    MAX_KEPT,
    NO_ANSWER_DUE,
    ORPHAN,
    PART,
    PENDING,
    REFUSED,
    STARTED,
    UNANSWERED,
    UNSOLICITED,
    Dissector,
    Exchange,
)
from sensor.protocols.dnp3.objects import Headers
from sensor.protocols.dnp3.problems import (
    AUTHENTICATE_RESPONSE,
    CONFIRM,
    KNOWN_FUNCTION,
    RESPONSE,
    UNSOLICITED_RESPONSE,
    request_problems,
    response_problems,
)
from sensor.protocols.dnp3.shape import groups_of, selection_of, shape_of
from sensor.protocols.dnp3.wire import (
    APP_FINAL,
    APP_FIRST,
    APP_SEQUENCE,
    CONTROL,
    DESTINATION,
    DIR,
    FUNCTION,
    PRM,
    word,
)

MAX_PAIRS: Final = 128  # outstations behind one connection; a data concentrator has some dozens
ANSWER_TIME: Final = 60_000_000_000  # ns; outstations behind slow radio answer within tens of seconds
SELECT_TIME: Final = 60_000_000_000  # ns; outstations stay armed for 10 s as a rule, and hardly any for a minute
AUTHENTICATION: Final = 16  # where an authentication request waits, beside the sixteen sequence numbers

WRONG_LINK: Final = b"\xff"  # where a shape has its function: there is none
SEGMENT: Final = b"\xfe"
SELF: Final = b"\xfc\xff"  # the self-address, as in a header
IIN_CODE: Final = 0x700  # where a refusal code has IIN2's error bits: status | bits << 8 | file status << 16
READ: Final = 1
SELECT: Final = 3
OPERATE: Final = 4
AUTHENTICATE: Final = 32
FIRST_BROADCAST: Final = 0xFFFD
# Functions that ask for no answer: 6, 8, 10, 12, 33
NO_ANSWER: Final = bytes([code in (6, 8, 10, 12, 33) for code in range(256)])
# Objects whose reading is more than polling: device attributes, files, authentication
NOTABLE_GROUP: Final = bytes([group in (0, 70, 120) for group in range(256)])
# Indications whose setting is looked at: local control, trouble, restart and all of IIN2
NOTABLE_IIN: Final = 0xFFE0
RESTART_IIN: Final = 0x0080


class Pair:
    """What is remembered of one master and one outstation."""

    def __init__(self, key: bytes) -> None:
        self.key = key  # outstation's and master's address as in the request's header
        self.waiting: list[Exchange | None] = [None] * 17  # by application sequence number
        self.era: i64 = -1  # the dissector's when the last request was seen; -1: none was
        self.sequence: i64 = -1  # of the last request
        self.last: Exchange | None = None
        self.last_body = b""  # of the last request: function and objects; b"" for a read
        self.selected = b""  # the controls that the last request selected
        self.select_time: i64 = 0
        self.heard = False  # the outstation's indications are known
        self.iin: i64 = 0
        self.answered: i64 = -1  # sequence number of the last answer
        self.answer = b""  # its frames
        self.repeats_due: i64 = 0  # answers that repeated requests may still bring
        # A response of several fragments
        self.answering: Exchange | None = None
        self.slot: i64 = 0  # where its request waits
        self.next: i64 = 0  # sequence number of the next fragment
        self.fragments: list[bytes] = []
        self.size: i64 = 0
        self.code: i64 = 0

    def is_repeat(self, exchange: Exchange, sequence: i64, body: bytes) -> bool:
        """Return whether a request says what the last one said, under the same sequence number."""
        if sequence != self.sequence or self.last is None:
            return False
        return self.last.shape == exchange.shape and self.last_body == body

    def begin(self, exchange: Exchange, slot: i64) -> None:
        """Begin a response of several fragments."""
        self.answering = exchange
        self.slot = slot
        self.fragments = []
        self.size = 0
        self.code = 0


class Pairing(Dissector):
    """Exchanges of one conversation."""

    def __init__(self) -> None:
        super().__init__("dnp3")
        self.requests: dict[bytes, Pair] = {}  # by the addresses as a request's header has them
        self.responses: dict[bytes, Pair] = {}  # as a response's header has them
        self.headers = Headers()
        self.era: i64 = 0  # counts gaps
        self.pending: i64 = 0
        self.oldest: i64 = 0  # no pending request is older
        self.crowded = False

    # --- Requests ------------------------------------------------------------------------------------

    def application(
        self, text: bytes, at: i64, stop: i64, data: bytes, start: i64, end: i64, direction: i64, time: i64, odd: i64
    ) -> i64:
        """Take one application fragment text[at:stop] that came in the frames data[start:end]."""
        if stop - at < 2:
            return self.alone(SEGMENT, data, start, end, direction, time, "application_header_truncated")
        if text[at + 1] >= 128:
            return self.response(text, at, stop, data, start, end, direction, time, odd)
        return self.request(text, at, stop, data, start, end, direction, time, odd)

    def request(
        self, text: bytes, at: i64, stop: i64, data: bytes, start: i64, end: i64, direction: i64, time: i64, odd: i64
    ) -> i64:
        """Take a request or a confirmation."""
        control = i64(text[at])
        function = i64(text[at + 1])
        self.client = direction
        significant = function != READ
        headers = self.headers
        odd |= request_problems(i64(data[start + CONTROL]), control, function)
        if KNOWN_FUNCTION[function]:
            headers.start(text, at + 2, stop, function)
            while headers.next():
                if NOTABLE_GROUP[headers.group]:
                    significant = True
            odd |= headers.problems
        if function == CONFIRM and odd == 0:
            return LINK
        key = data[start + DESTINATION : start + DESTINATION + 4]
        if not KNOWN_FUNCTION[function]:
            shape = key + text[at + 1 : at + 2]
        elif headers.any_data:
            shape = key + text[at + 1 : at + 2] + shape_of(headers, text, at + 2, stop, function)
        else:
            shape = key + text[at + 1 : stop]
        exchange = Exchange("dnp3", shape, direction, time)
        exchange.request = data[start:end]
        exchange.significant = significant or odd != 0
        self.exchange = exchange
        pair = self.pair(key, exchange)
        # What a repeat must repeat beyond the shape
        body = b"" if function == READ and not headers.any_data else text[at + 1 : stop]
        if NO_ANSWER[function] or function == CONFIRM or word(data, start + DESTINATION) >= FIRST_BROADCAST:
            exchange.outcome = NO_ANSWER_DUE
            if function != CONFIRM:
                self.remember(pair, exchange, control & APP_SEQUENCE, body, time)
            return ALONE
        return self.wait(pair, exchange, control & APP_SEQUENCE, body, time)

    def wait(self, pair: Pair, exchange: Exchange, sequence: i64, body: bytes, time: i64) -> i64:
        """Let a request wait for its answer, unless it only repeats the one that waits."""
        authenticates = len(body) > 0 and body[0] == AUTHENTICATE
        slot = AUTHENTICATION if authenticates else sequence
        waiting = pair.waiting[slot]
        last = pair.last
        if last is not None and pair.is_repeat(exchange, sequence, body):
            exchange.retries = last.retries + 1
            if waiting is last:  # one command, said again: its first saying waits on
                last.retries += 1
                last.significant = last.significant or exchange.significant
                self.exchange = None
                return LINK
        if waiting is not None:
            self.give_up(pair, slot)
        if self.pending == 0:
            self.oldest = time
        self.pending += 1
        pair.waiting[slot] = exchange
        if not authenticates:
            self.remember(pair, exchange, sequence, body, time)
        return STARTED

    def remember(self, pair: Pair, exchange: Exchange, sequence: i64, body: bytes, time: i64) -> None:
        """Keep of a request what the next one is judged by."""
        if exchange.retries == 0:
            if len(body) > 0 and body[0] == SELECT:
                pair.selected = selection_of(self.headers, body, SELECT)
                pair.select_time = time
            else:
                if len(body) > 0 and body[0] == OPERATE and pair.era == self.era:
                    self.judge_operate(pair, exchange, sequence, body, time)
                pair.selected = b""
        pair.era = self.era
        pair.sequence = sequence
        pair.last = exchange
        pair.last_body = body

    def judge_operate(self, pair: Pair, exchange: Exchange, sequence: i64, body: bytes, time: i64) -> None:
        """Compare an operate with the select before it (clause 4.4.4: next sequence number, same objects)."""
        if not pair.selected:
            exchange.note("operate_without_select")
        elif (
            sequence != (pair.sequence + 1) & APP_SEQUENCE or selection_of(self.headers, body, OPERATE) != pair.selected
        ):
            exchange.note("select_mismatch")
        elif time - pair.select_time > SELECT_TIME:
            exchange.note("select_expired")

    # --- Responses -----------------------------------------------------------------------------------

    def response(
        self, text: bytes, at: i64, stop: i64, data: bytes, start: i64, end: i64, direction: i64, time: i64, odd: i64
    ) -> i64:
        """Take a response, solicited or not."""
        if stop - at < 4:
            return self.alone(SEGMENT, data, start, end, direction, time, "application_header_truncated")
        self.client = 1 - direction
        control = i64(text[at])
        function = i64(text[at + 1])
        iin = word(text, at + 2)
        odd |= response_problems(i64(data[start + CONTROL]), control, function, iin)
        code = (iin >> 8 & 7) << 8
        headers = self.headers
        if KNOWN_FUNCTION[function]:
            headers.start(text, at + 4, stop, function)
            while headers.next():
                group = headers.group
                if group in (12, 41, 70) and code & ~IIN_CODE == 0:
                    code |= refusal(headers)
            odd |= headers.problems
        key = data[start + DESTINATION : start + DESTINATION + 4]
        pair = self.responses.get(key)
        if pair is None:
            pair = self.pair(key[2:4] + key[0:2], None)
        sequence = control & APP_SEQUENCE
        if function == RESPONSE:
            if control & (APP_FIRST | APP_FINAL) != APP_FIRST | APP_FINAL:
                return self.fragment(pair, text, at, stop, data, start, end, direction, time, odd, code)
            exchange = self.take(pair, sequence)
        elif function == AUTHENTICATE_RESPONSE:
            exchange = self.take(pair, AUTHENTICATION)
        else:
            exchange = None
        done: i64 = COMPLETED
        if exchange is None:
            if function == RESPONSE and odd == 0 and self.repeats(pair, sequence, data, start, end):
                return LINK
            exchange = self.unasked(text, at, stop, data, start, direction)
            done = ALONE
        if function == RESPONSE:
            self.keep_answer(pair, exchange, sequence, data[start:end])
        self.judge_indications(pair, exchange, iin)
        self.close(exchange, time, odd, code)
        return done

    def take(self, pair: Pair, slot: i64) -> Exchange | None:
        """Return the request that waits in `slot` and waits no longer; the self-address stands for any outstation."""
        exchange = pair.waiting[slot]
        if exchange is None:
            found = self.requests.get(SELF + pair.key[2:4])
            if found is None:
                return None
            pair = found
            exchange = pair.waiting[slot]
        if exchange is not None:
            pair.waiting[slot] = None
            self.pending -= 1
        return exchange

    def keep_answer(self, pair: Pair, exchange: Exchange, sequence: i64, frames: bytes) -> None:
        """Keep of an answer what a second one is judged by."""
        if exchange.outcome == ORPHAN and sequence == pair.answered:
            exchange.note("answered_differently")
        pair.answered = sequence
        pair.answer = frames
        pair.repeats_due = exchange.retries

    def close(self, exchange: Exchange, time: i64, odd: i64, code: i64) -> None:
        """Close an exchange with its answer."""
        exchange.response_time = time
        if exchange.outcome == PENDING:
            exchange.outcome = REFUSED if code else ACCEPTED
            exchange.code = code
        if odd != 0 or exchange.outcome in (REFUSED, ORPHAN):
            exchange.significant = True
        self.exchange = exchange

    def unasked(self, text: bytes, at: i64, stop: i64, data: bytes, start: i64, direction: i64) -> Exchange:
        """Make the exchange of a response that answers nothing seen."""
        function = i64(text[at + 1])
        shape = data[start + DESTINATION : start + DESTINATION + 4] + text[at + 1 : at + 2]
        if KNOWN_FUNCTION[function]:
            shape += groups_of(self.headers, text, at + 4, stop)
        exchange = Exchange("dnp3", shape, 1 - direction, 0)
        if function == UNSOLICITED_RESPONSE:
            exchange.outcome = UNSOLICITED
        elif function == AUTHENTICATE_RESPONSE:  # a challenge: asked for by nobody, the answer is still to come
            exchange.outcome = UNSOLICITED
            exchange.significant = True
        else:
            exchange.outcome = ORPHAN
        return exchange

    def judge_indications(self, pair: Pair, exchange: Exchange, iin: i64) -> None:
        """Mark an exchange whose answer sets an indication that was not set before."""
        fresh = iin & ~pair.iin & NOTABLE_IIN
        if fresh:
            exchange.significant = True
            if fresh & RESTART_IIN and pair.heard:
                exchange.note("device_restarted")
        pair.iin = iin
        pair.heard = True

    def repeats(self, pair: Pair, sequence: i64, data: bytes, start: i64, end: i64) -> bool:
        """Return whether an answer without a question is one that came already, or answers a repeated request."""
        if sequence != pair.answered:
            return False
        if data[start:end] == pair.answer:
            return True
        if pair.repeats_due == 0:
            return False
        pair.repeats_due -= 1
        return True

    def fragment(
        self, pair: Pair, text: bytes, at: i64, stop: i64, data: bytes, start: i64, end: i64, direction: i64, time: i64,
        odd: i64, code: i64,
    ) -> i64:  # fmt: skip
        """Take one fragment of a response that has several; the exchange is completed by the last."""
        control = i64(text[at])
        sequence = control & APP_SEQUENCE
        exchange = pair.answering
        if control & APP_FIRST:
            exchange = pair.waiting[sequence]
            if exchange is None:
                exchange = self.unasked(text, at, stop, data, start, direction)
            pair.begin(exchange, sequence)
        elif exchange is None:  # its beginning was not seen
            exchange = self.unasked(text, at, stop, data, start, direction)
            pair.begin(exchange, sequence)
            control |= APP_FINAL
        elif pair.next >= 0 and sequence != pair.next:
            exchange.note("fragment_sequence_break")
            control |= APP_FINAL
        self.judge_indications(pair, exchange, word(text, at + 2))
        if odd != 0:
            exchange.significant = True
        pair.code |= code if pair.code & ~IIN_CODE == 0 else code & IIN_CODE
        pair.next = (sequence + 1) & APP_SEQUENCE
        if pair.size + end - start > MAX_KEPT:
            exchange.note("response_too_long")
        else:
            pair.fragments.append(data[start:end])
            pair.size += end - start
        if control & APP_FINAL == 0:
            return PART
        self.whole = b"".join(pair.fragments)
        pair.fragments = []
        pair.answering = None
        if pair.waiting[pair.slot] is exchange:
            pair.waiting[pair.slot] = None
            self.pending -= 1
        self.keep_answer(pair, exchange, sequence, self.whole)
        self.close(exchange, time, odd, pair.code)
        return ALONE if exchange.outcome == ORPHAN else COMPLETED

    # --- The rest ------------------------------------------------------------------------------------

    def alone(self, what: bytes, data: bytes, start: i64, end: i64, direction: i64, time: i64, anomaly: str) -> i64:
        """Take frames that make no message; `what`: WRONG_LINK, or SEGMENT for an empty or a broken fragment."""
        asks = data[start + CONTROL] & DIR != 0
        self.client = direction if asks else 1 - direction
        mask: i64 = DIR | PRM | FUNCTION if what == WRONG_LINK else DIR
        shape = data[start + DESTINATION : start + DESTINATION + 4] + what + bytes([data[start + CONTROL] & mask])
        exchange = Exchange("dnp3", shape, self.client, time if asks else 0)
        if asks:
            exchange.request = data[start:end]
            exchange.outcome = NO_ANSWER_DUE
        else:
            exchange.response_time = time
            exchange.response = data[start:end]
            exchange.outcome = ORPHAN
        exchange.note(anomaly)
        self.exchange = exchange
        return ALONE

    def pair(self, key: bytes, exchange: Exchange | None) -> Pair:
        """Return the pair of a request's addresses; the oldest makes room where there are too many."""
        pair = self.requests.get(key)
        if pair is not None:
            return pair
        if len(self.requests) >= MAX_PAIRS:
            oldest = self.requests[next(iter(self.requests))]
            self.abandon(oldest)
            del self.requests[oldest.key]
            del self.responses[oldest.key[2:4] + oldest.key[0:2]]
            if exchange is not None and not self.crowded:
                self.crowded = True
                exchange.note("too_many_outstations")
        pair = Pair(key)
        self.requests[key] = pair
        self.responses[key[2:4] + key[0:2]] = pair
        return pair

    def give_up(self, pair: Pair, slot: i64) -> None:
        """Send a request on unanswered."""
        exchange = pair.waiting[slot]
        if exchange is None:
            return
        pair.waiting[slot] = None
        self.pending -= 1
        if pair.answering is exchange:
            pair.answering = None
            pair.fragments = []
        exchange.outcome = UNANSWERED
        self.late.append(exchange)

    def abandon(self, pair: Pair) -> None:
        """Send all requests of a pair on unanswered."""
        for slot in range(17):
            self.give_up(pair, slot)

    def gap(self, direction: i64) -> None:  # noqa: ARG002 - the contract's
        """Judge no operate by a select that may have been missed, no fragment by one before it."""
        self.era += 1
        for pair in self.requests.values():
            pair.fragments = []
            pair.size = 0
            pair.next = -1

    def expire(self, time: i64) -> None:
        """Send requests on that waited longer than ANSWER_TIME."""
        if self.pending == 0 or time - self.oldest <= ANSWER_TIME:
            return
        oldest = time
        for pair in self.requests.values():
            for slot in range(17):
                exchange = pair.waiting[slot]
                if exchange is None:
                    continue
                if time - exchange.request_time > ANSWER_TIME:
                    self.give_up(pair, slot)
                else:
                    oldest = min(oldest, exchange.request_time)
        self.oldest = oldest

    def finish(self) -> None:
        """Send every waiting request on unanswered."""
        for pair in self.requests.values():
            self.abandon(pair)


def refusal(headers: Headers) -> i64:
    """Return the first status other than success in the controls or files of a response's header."""
    if not headers.whole or headers.count <= 0:
        return 0
    data = headers.data
    if headers.group == 70:
        offset: i64 = 12 if headers.variation == 4 else 8 if headers.variation == 6 else -1
        if headers.qualifier != 0x5B or offset < 0 or word(data, headers.body) <= offset:
            return 0
        return i64(data[headers.body + 2 + offset]) << 16
    if headers.size <= 0:
        return 0
    step = headers.prefix + headers.size
    at = headers.body + step - 1
    while at < headers.at:
        if data[at] & 0x7F:
            return i64(data[at] & 0x7F)
        at += step
    return 0
