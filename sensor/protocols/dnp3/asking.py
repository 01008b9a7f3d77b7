"""DNP3's requests at a glance: their shape, what they are judged by, and select before operate.

The rule it lives by: select and operate are judged only where nothing can have been missed in between.
"""

from typing import Final

from mypy_extensions import i64

from sensor.contract import ALONE, LINK, NO_ANSWER_DUE, STARTED, Exchange
from sensor.protocols.dnp3.pairing import AUTHENTICATION, MAX_WAITING, Pair, Pairing
from sensor.protocols.dnp3.problems import CONFIRM, KNOWN_FUNCTION, request_problems
from sensor.protocols.dnp3.shape import selection_of, shape_of
from sensor.protocols.dnp3.wire import APP_SEQUENCE, CONTROL, DESTINATION, word

MAX_COMPARED: Final = 2_400  # octets of a request or answer that are kept to know its repeat; a full fragment's frames
SELECT_TIME: Final = 60_000_000_000  # ns; outstations stay armed for 10 s as a rule, and hardly any for a minute

READ: Final = 1
SELECT: Final = 3
OPERATE: Final = 4
AUTHENTICATE: Final = 32
FIRST_BROADCAST: Final = 0xFFFD
# Functions that ask for no answer: 6, 8, 10, 12, 33
NO_ANSWER: Final = bytes([code in (6, 8, 10, 12, 33) for code in range(256)])
# Objects whose reading is more than polling: device attributes, files, authentication
NOTABLE_GROUP: Final = bytes([group in (0, 70, 120) for group in range(256)])


class Asking(Pairing):
    """The master's half of the exchanges."""

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
        self.give_up(pair, slot)
        if self.kept + len(exchange.request) > MAX_WAITING:
            self.abandon_all()
            exchange.note("pending_overflow")
        if self.pending == 0:
            self.oldest = time
        self.pending += 1
        self.kept += len(exchange.request)
        pair.waiting[slot] = exchange
        if not authenticates:
            self.remember(pair, exchange, sequence, body, time)
        return STARTED

    def remember(self, pair: Pair, exchange: Exchange, sequence: i64, body: bytes, time: i64) -> None:
        """Keep of a request what the next one is judged by."""
        if exchange.retries == 0:
            if len(body) > 0 and body[0] == SELECT:
                pair.selected = selection_of(self.headers, body, SELECT)[:MAX_COMPARED]
                pair.select_time = time
            else:
                if len(body) > 0 and body[0] == OPERATE and pair.era == self.era:
                    self.judge_operate(pair, exchange, sequence, body, time)
                pair.selected = b""
        pair.era = self.era
        pair.sequence = sequence
        pair.last = None
        pair.last_body = b""
        if len(body) <= MAX_COMPARED:
            pair.last = exchange
            pair.last_body = body

    def judge_operate(self, pair: Pair, exchange: Exchange, sequence: i64, body: bytes, time: i64) -> None:
        """Compare an operate with the select before it (clause 4.4.4: next sequence number, same objects)."""
        if not pair.selected:
            exchange.note("operate_without_select")
        elif (
            sequence != (pair.sequence + 1) & APP_SEQUENCE
            or selection_of(self.headers, body, OPERATE)[:MAX_COMPARED] != pair.selected
        ):
            exchange.note("select_mismatch")
        elif time - pair.select_time > SELECT_TIME:
            exchange.note("select_expired")
