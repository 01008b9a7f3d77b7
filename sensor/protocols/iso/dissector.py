# ruff: noqa: ARG002  # the contract's parameters, whether or not this protocol needs them
"""Frame, reassemble and hand on: the dissector of one ISO transport connection.

The rule it lives by: a data TPDU that is whole is read in place by the inner protocol's dissector; exchanges keep the
packets as they were on the wire. A payload that no inner protocol claims is housekeeping, so MMS and Remote Desktop
pass in peace.
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
    REFUSED,
    STARTED,
    UNANSWERED,
    UNSOLICITED,
    YES,
    Aim,
    Dissector,
    Exchange,
    Message,
    Protocol,
)
from sensor.protocols.iso.dissect import faults, header_end, payloads, read_tpdu, train_faults
from sensor.protocols.iso.message import unit_of
from sensor.protocols.iso.train import Train
from sensor.protocols.iso.wire import (
    CALLED_TSAP,
    CALLING_TSAP,
    CC,
    CLASS,
    CODE,
    CONNECT_PARAMETERS,
    CR,
    DC,
    DR,
    DT,
    DT_NUMBER,
    EOT,
    INDICATOR,
    SHORTEST,
    asks_for_rdp,
    code_of,
    packet_length,
    parameter,
    plausible,
)

MAX_TRIES: Final = 3  # messages of a connection looked at before its payload counts as a stranger's
MAX_SHAPE: Final = 64  # octets of a connection request that tell it from others: two TSAPs of 16 and the size
PATIENCE_NS: Final = 30_000_000_000  # partners give up connecting after 3 to 10 s


class IsoDissector(Dissector):
    """One TCP connection that carries TPKT."""

    def __init__(self, candidates: list[Protocol]) -> None:
        super().__init__("cotp")
        self.candidates = candidates
        self.dissectors: list[Dissector | None] = [None] * len(candidates)
        self.inner: Dissector | None = None
        self.first: i64 = -1  # first octet of the messages that `inner` has claimed
        self.tries: i64 = 0
        self.stranger = False  # what is inside is none of ours, and may stop being TPKT at all
        self.gone = [False, False]  # so it did, in this direction: where a segment ends says nothing from there on
        self.trains = [Train(), Train()]
        self.asked: Exchange | None = None  # a CR without an answer yet
        self.prefix = b""  # both TSAPs: the same request to another slot is another behaviour
        self.unit = ""

    def frame(self, data: bytes, start: i64, end: i64, direction: i64) -> i64:
        """Return the TPKT length. A stranger's octets without TPKT (TLS of Remote Desktop) are let past."""
        if not self.gone[direction]:
            length = packet_length(data, start, end)
            if length >= 0 or not self.stranger:
                return length
            self.gone[direction] = True
        return end - start

    def resync(self, data: bytes, start: i64, end: i64, direction: i64) -> i64:
        """Return where the next plausible packet begins."""
        at = start + 1
        while at < end:
            at = data.find(b"\x03", at, end)
            if at < 0:
                return end
            if plausible(data, at, end) != 0:
                return at
            at += 1
        return end

    def glance(self, data: bytes, start: i64, end: i64, direction: i64, time: i64) -> i64:
        """Hand a whole data TPDU on in place; everything else is rarer."""
        self.exchange = None
        self.whole = b""
        if self.gone[direction]:
            return PART
        if (
            end - start > SHORTEST
            and data[start + INDICATOR] == 2
            and data[start + CODE] == DT
            and data[start + DT_NUMBER] == EOT
            and not self.trains[direction].running()
        ):
            return self.hand_on(data, start + SHORTEST, end, direction, time, b"", False)
        if code_of(data, start) == DT:
            return self.glance_fragment(data, start, end, direction, time)
        return self.glance_link(data, start, end, direction, time)

    def glance_fragment(self, data: bytes, start: i64, end: i64, direction: i64, time: i64) -> i64:
        """Collect fragments until the end mark. An empty data TPDU by itself is a sign of life."""
        found = faults(data, start, end)
        if "tpdu_length_mismatch" in found:
            return self.alone(b"?\xf0", direction, time, data[start:end], True)
        train = self.trains[direction]
        final = data[start + DT_NUMBER] & EOT != 0
        if train.skipping:
            if final:
                train.forget()
            return PART
        at = header_end(data, start)
        if final and at == end and not found and not train.running():
            return LINK
        train.odd = train.odd or len(found) > 0
        if not train.add(data[start:end], data[at:end]):
            train.skipping = not final
            made = self.alone(b"?\xf0", direction, time, data[start:end], True)
            if self.exchange is not None:
                self.exchange.note("fragments_without_end")
            return made
        if not final:
            return PART
        raw, payload, odd = b"".join(train.raw), b"".join(train.payload), train.odd
        train.forget()
        self.whole = raw
        if not payload:
            return self.alone(b"?\xf0", direction, time, raw, True) if odd else LINK
        return self.hand_on(payload, 0, len(payload), direction, time, raw, odd)

    def hand_on(self, data: bytes, start: i64, end: i64, direction: i64, time: i64, raw: bytes, odd: bool) -> i64:
        """Let the inner dissector glance at a message; `raw` is its packets, b"" when it lies in one, in place."""
        inner = self.inner
        if inner is None or data[start] != self.first:
            inner = self.choose(data, start, end, direction)
            if inner is None:
                return self.unclaimed(data, start, direction, time, raw or data[start - SHORTEST : end], odd)
        made = inner.glance(data, start, end, direction, time)
        self.client = inner.client
        if inner.late:
            self.late.extend(inner.late)
            inner.late.clear()
        exchange = inner.exchange
        if exchange is None:
            return made
        if odd:
            exchange.significant = True
        if made in (STARTED, ALONE):
            if self.prefix:
                exchange.shape = self.prefix + exchange.shape
            if exchange.request_time != 0:
                exchange.request = raw or data[start - SHORTEST : end]
        elif made == PART:
            part = raw or data[start - SHORTEST : end]
            if len(exchange.response) + len(part) <= MAX_KEPT:
                exchange.response += part
            return PART
        elif exchange.response:
            self.whole = exchange.response + (raw or data[start - SHORTEST : end])
        self.exchange = exchange
        return made

    def choose(self, data: bytes, start: i64, end: i64, direction: i64) -> Dissector | None:
        """Find the inner protocol that claims a message; None when nobody does."""
        number = self.claimant(data, start, end, direction)
        if number < 0:
            return None
        dissector = self.made(number)
        self.inner = dissector
        self.protocol = dissector.protocol
        self.first = data[start]
        self.stranger = False
        return dissector

    def claimant(self, data: bytes, start: i64, end: i64, direction: i64) -> i64:
        """Return the number of the protocol that claims a message, -1 when none does."""
        if start < end:
            for number in range(len(self.candidates)):
                if self.candidates[number].probe(data, start, end, direction) == YES:
                    return number
        return -1

    def made(self, number: i64) -> Dissector:
        """Return the dissector of an inner protocol, made once for the connection."""
        dissector = self.dissectors[number]
        if dissector is None:
            dissector = self.candidates[number].dissector()
            dissector.client = self.client
            self.dissectors[number] = dissector
        return dissector

    def unclaimed(self, data: bytes, start: i64, direction: i64, time: i64, packets: bytes, odd: bool) -> i64:
        """Judge a message that no inner protocol claims: strange only where another protocol was spoken before."""
        if self.inner is None:
            self.tries += 1
            self.stranger = self.stranger or self.tries >= MAX_TRIES
            return self.alone(b"?\xf0", direction, time, packets, True) if odd else LINK
        made = self.alone(b"?" + data[start : start + 1], direction, time, packets, True)
        if self.exchange is not None:
            self.exchange.note("payload_unknown")
        return made

    def alone(self, shape: bytes, direction: i64, time: i64, packets: bytes, significant: bool) -> i64:
        """Make an exchange of one COTP message without an answer, whichever side sent it."""
        if direction == self.client:
            exchange = Exchange("cotp", self.prefix + shape, direction, time)
            exchange.request = packets[:MAX_KEPT]
            exchange.outcome = NO_ANSWER_DUE
        else:
            exchange = Exchange("cotp", self.prefix + shape, self.client, 0)
            exchange.response_time = time
            exchange.response = packets[:MAX_KEPT]
            exchange.outcome = UNSOLICITED
        exchange.significant = significant
        self.exchange = exchange
        return ALONE

    def glance_link(self, data: bytes, start: i64, end: i64, direction: i64, time: i64) -> i64:
        """Pair connection requests with their confirmation or refusal; tell of everything that is not routine."""
        code = code_of(data, start)
        odd = len(faults(data, start, end)) > 0
        if code == CR:
            return self.connect(data, start, end, direction, time, odd)
        asked = self.asked
        answers = asked is not None and asked.client != direction and not odd
        if code == CC and not odd:
            self.name_partner(data, start, end)
        if asked is not None and answers and code in (CC, DR):
            self.asked = None
            self.exchange = asked
            asked.response_time = time
            asked.outcome = ACCEPTED if code == CC else REFUSED
            if code == DR:
                asked.code = data[start + CLASS]
                asked.significant = True
            return COMPLETED
        if code == DC and not odd:
            return LINK
        if code == CC:
            self.client = 1 - direction
        significant = odd or code not in (CC, DR)
        made = self.alone(data[start + CODE : start + CODE + 1], direction, time, data[start:end], significant)
        if code == CC and self.exchange is not None:
            self.exchange.outcome = ORPHAN
        return made

    def connect(self, data: bytes, start: i64, end: i64, direction: i64, time: i64, odd: bool) -> i64:
        """Begin the exchange of a connection request."""
        if self.asked is not None:
            self.give_up(self.asked)
        self.trains[0].forget()
        self.trains[1].forget()
        self.client = direction
        exchange = Exchange("cotp", b"\xe0" + data[start + CLASS : end][:MAX_SHAPE], direction, time)
        exchange.request = data[start:end]
        exchange.significant = odd
        self.asked = exchange
        self.exchange = exchange
        if not odd:
            if asks_for_rdp(data, start + CONNECT_PARAMETERS, header_end(data, start)):
                self.stranger = True
            self.name_partner(data, start, end)
        return STARTED

    def name_partner(self, data: bytes, start: i64, end: i64) -> None:
        """Keep both TSAPs of a connection request or confirmation."""
        at = start + CONNECT_PARAMETERS
        called = parameter(data, at, end, CALLED_TSAP)
        if called:
            self.unit = unit_of(called)
            self.prefix = b"\xc1" + parameter(data, at, end, CALLING_TSAP)[:16] + b"\xc2" + called[:16]

    def dissect(self, data: bytes, start: i64, end: i64, direction: i64, request: bytes) -> Message:
        """Read the packets of one message; the inner protocol's, when one claims the payload."""
        if end - start < SHORTEST or code_of(data, start) != DT:
            return read_tpdu(data, start, end, direction)
        payload = payloads(data, start, end)
        number = self.claimant(payload, 0, len(payload), direction)
        if number < 0:
            return read_tpdu(data, start, end, direction)
        asked = payloads(request, 0, len(request)) if request else b""
        message = self.made(number).dissect(payload, 0, len(payload), direction, asked)
        message.anomalies.extend(train_faults(data, start, end))
        if not message.unit:
            message.unit = self.unit
        return message

    def aim(self, exchange: Exchange, at: i64) -> Aim | None:
        """Ask the inner protocol; both TSAPs before its shape tell one unit from another."""
        inner = self.inner
        prefix = self.prefix
        if inner is None or inner.protocol != exchange.protocol or exchange.shape[at : at + len(prefix)] != prefix:
            return None
        return inner.aim(exchange, at + len(prefix))

    def gap(self, direction: i64) -> None:
        """Forget the fragments of a direction that has lost octets."""
        self.trains[direction].forget()
        self.gone[direction] = False
        if self.inner is not None:
            self.inner.gap(direction)

    def give_up(self, exchange: Exchange) -> None:
        """End a connection request that got no answer."""
        exchange.outcome = UNANSWERED
        self.late.append(exchange)
        self.asked = None

    def expire(self, time: i64) -> None:
        """Give up what waited too long, here and inside."""
        asked = self.asked
        if asked is not None and time - asked.request_time > PATIENCE_NS:
            self.give_up(asked)
        for inner in self.dissectors:
            if inner is not None:
                inner.expire(time)
                self.late.extend(inner.late)
                inner.late.clear()

    def finish(self) -> None:
        """Give up everything that still waits."""
        if self.asked is not None:
            self.give_up(self.asked)
        for inner in self.dissectors:
            if inner is not None:
                inner.finish()
                self.late.extend(inner.late)
                inner.late.clear()
