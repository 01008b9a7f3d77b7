"""DNP3's responses at a glance: whom they answer, what they refuse, and which indications they set.

The rule it lives by: a response is complete with its last fragment; an indication matters when it is set newly.
"""

from typing import Final

from mypy_extensions import i64

from sensor.contract import (
    ACCEPTED,
    ALONE,
    COMPLETED,
    LINK,
    MAX_KEPT,
    ORPHAN,
    PART,
    PENDING,
    REFUSED,
    UNSOLICITED,
    Exchange,
)
from sensor.protocols.dnp3.asking import MAX_COMPARED, Asking
from sensor.protocols.dnp3.objects import Headers
from sensor.protocols.dnp3.pairing import AUTHENTICATION, MAX_WAITING, SEGMENT, Pair
from sensor.protocols.dnp3.problems import (
    AUTHENTICATE_RESPONSE,
    KNOWN_FUNCTION,
    RESPONSE,
    UNSOLICITED_RESPONSE,
    carries_user_data,
    response_problems,
)
from sensor.protocols.dnp3.shape import groups_of
from sensor.protocols.dnp3.wire import (
    APP_FINAL,
    APP_FIRST,
    APP_SEQUENCE,
    CONTROL,
    DESTINATION,
    FIRST,
    HEADER,
    word,
)

SELF: Final = b"\xfc\xff"  # the self-address, as in a header
IIN_CODE: Final = 0x700  # where a refusal code has IIN2's error bits: status | bits << 8 | file status << 16
# Indications whose setting is looked at: local control, trouble, restart and all of IIN2
NOTABLE_IIN: Final = 0xFFE0
RESTART_IIN: Final = 0x0080


class Answering(Asking):
    """The outstation's half of the exchanges."""

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

    def is_early(self, data: bytes, start: i64, end: i64, direction: i64) -> bool:  # noqa: ARG002 - the contract's
        """Return whether this begins a solicited response that no request waits for."""
        at = start + HEADER + 1  # behind the transport octet
        if at + 2 > end or not carries_user_data(i64(data[start + CONTROL])) or data[at + 1] != RESPONSE:
            return False
        control = i64(data[at])
        if data[at - 1] & FIRST == 0 or control & APP_FIRST == 0:
            return False
        pair = self.responses.get(data[start + DESTINATION : start + DESTINATION + 4])
        if pair is not None and pair.waiting[control & APP_SEQUENCE] is not None:
            return False
        found = self.requests.get(SELF + data[start + DESTINATION : start + DESTINATION + 2])
        return found is None or found.waiting[control & APP_SEQUENCE] is None

    def take(self, pair: Pair, slot: i64) -> Exchange | None:
        """Return the request that waits in `slot` and waits no longer; the self-address stands for any outstation."""
        exchange = self.release(pair, slot)
        if exchange is None:
            found = self.requests.get(SELF + pair.key[2:4])
            if found is not None:
                exchange = self.release(found, slot)
        return exchange

    def keep_answer(self, pair: Pair, exchange: Exchange, sequence: i64, frames: bytes) -> None:
        """Keep of an answer what a second one is judged by."""
        if exchange.outcome == ORPHAN and sequence == pair.answered:
            exchange.note("answered_differently")
        pair.answered = sequence
        pair.answer = frames[:MAX_COMPARED]
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
        if data[start : min(end, start + MAX_COMPARED)] == pair.answer:
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
            self.begin(pair, exchange, sequence)
        elif exchange is None:  # its beginning was not seen
            exchange = self.unasked(text, at, stop, data, start, direction)
            self.begin(pair, exchange, sequence)
            control |= APP_FINAL
        elif pair.next >= 0 and sequence != pair.next:
            exchange.note("fragment_sequence_break")
            control |= APP_FINAL
        if exchange.outcome == ORPHAN:
            exchange.response_time = time
        self.judge_indications(pair, exchange, word(text, at + 2))
        if odd != 0:
            exchange.significant = True
        pair.code |= code if pair.code & ~IIN_CODE == 0 else code & IIN_CODE
        pair.next = (sequence + 1) & APP_SEQUENCE
        if pair.size + end - start > MAX_KEPT or self.kept + end - start > MAX_WAITING:
            exchange.note("response_too_long")
        else:
            pair.fragments.append(data[start:end])
            pair.size += end - start
            self.kept += end - start
        if control & APP_FINAL == 0:
            return PART
        self.whole = b"".join(pair.fragments)
        pair.answering = None
        self.let_go(pair)
        if pair.waiting[pair.slot] is exchange:
            self.release(pair, pair.slot)
        self.keep_answer(pair, exchange, sequence, self.whole)
        self.close(exchange, time, odd, pair.code)
        return ALONE if exchange.outcome == ORPHAN else COMPLETED

    def begin(self, pair: Pair, exchange: Exchange, slot: i64) -> None:
        """Begin a response of several fragments."""
        self.abandon_answer(pair)
        pair.answering = exchange
        pair.slot = slot
        pair.code = 0


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
