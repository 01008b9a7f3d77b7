"""Who waits for whom in a DNP3 conversation: link pairs, their waiting requests, and how long they wait.

The rule it lives by: a response belongs to the request with its application sequence number of the same master and
outstation addresses; every exchange that began ends once.
"""

from typing import Final

from mypy_extensions import i64

from sensor.contract import ALONE, NO_ANSWER_DUE, ORPHAN, UNANSWERED, Dissector, Exchange
from sensor.protocols.dnp3.objects import Headers
from sensor.protocols.dnp3.wire import CONTROL, DESTINATION, DIR, FUNCTION, PRM

MAX_PAIRS: Final = 128  # outstations behind one connection; a data concentrator has some dozens
MAX_WAITING: Final = 262_144  # octets of requests and fragments of one conversation that wait; a poll has 24
ANSWER_TIME: Final = 60_000_000_000  # ns; outstations behind slow radio answer within tens of seconds
AUTHENTICATION: Final = 16  # where an authentication request waits, beside the sixteen sequence numbers

# What stands in a shape where others have their function: there is none
WRONG_LINK: Final = b"\xff"
SEGMENT: Final = b"\xfe"


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


class Pairing(Dissector):
    """Exchanges of one conversation."""

    def __init__(self) -> None:
        super().__init__("dnp3")
        self.requests: dict[bytes, Pair] = {}  # by the addresses as a request's header has them
        self.responses: dict[bytes, Pair] = {}  # as a response's header has them
        self.headers = Headers()
        self.era: i64 = 0  # counts gaps
        self.pending: i64 = 0
        self.kept: i64 = 0  # octets of what waits
        self.oldest: i64 = 0  # no pending request is older
        self.crowded = False

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
        exchange = self.release(pair, slot)
        if exchange is not None:
            exchange.outcome = UNANSWERED
            self.late.append(exchange)

    def abandon(self, pair: Pair) -> None:
        """Send all requests of a pair on unanswered, and an answer as far as it came."""
        for slot in range(17):
            self.give_up(pair, slot)
        self.abandon_answer(pair)

    def release(self, pair: Pair, slot: i64) -> Exchange | None:
        """Let the request in `slot` wait no longer; return it."""
        exchange = pair.waiting[slot]
        if exchange is None:
            return None
        pair.waiting[slot] = None
        self.pending -= 1
        self.kept -= len(exchange.request)
        if pair.answering is exchange:
            pair.answering = None
            self.let_go(pair)
        return exchange

    def let_go(self, pair: Pair) -> None:
        """Keep the fragments of a response no longer."""
        self.kept -= pair.size
        pair.fragments = []
        pair.size = 0

    def abandon_answer(self, pair: Pair) -> None:
        """Give up a response whose last fragment has not come; one that answers nothing seen is sent on as it is."""
        exchange = pair.answering
        pair.answering = None
        if exchange is not None and exchange.outcome == ORPHAN:
            exchange.response = b"".join(pair.fragments)
            exchange.significant = True
            self.late.append(exchange)
        self.let_go(pair)

    def gap(self, direction: i64) -> None:  # noqa: ARG002 - the contract's
        """Judge no operate by a select that may have been missed, no fragment by one before it."""
        self.era += 1
        for pair in self.requests.values():
            self.let_go(pair)
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

    def abandon_all(self) -> None:
        """Send everything that waits on, unanswered."""
        for pair in self.requests.values():
            self.abandon(pair)

    def finish(self) -> None:
        """Send every waiting request on unanswered."""
        self.abandon_all()
