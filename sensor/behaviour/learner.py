"""Count every exchange, and pass on only what is new or significant.

The rule it lives by: a repeat costs one look-up and a few additions. A *shape* (the request's own identity bytes) is
the key in memory; the identity behind it is worked out once, when the shape is first seen. Sixteen targets of one
operation are kept exactly; from the seventeenth on there is one range that widens, and counts stay exact. Every table
has a bound: what no longer fits is counted by name, and known traffic keeps flowing. Where there is a range, and the
dissector can say what a plain request is about without reading it (`aim`), nothing is decoded to see that it holds it.
"""

from typing import Final

from mypy_extensions import i64

from sensor.behaviour.behaviour import Behaviour
from sensor.behaviour.finding import (
    NEW_CLIENT,
    NEW_OPERATION,
    NEW_RANGE,
    NEW_TARGET,
    WIDENED,
    Finding,
    Findings,
    decode_request,
    decode_response,
)
from sensor.contract import MAX_NAME, Aim, Conversation, Endpoint, Exchange, Message, Sink, Target

MAX_EXACT: Final = 16  # targets of one operation; people configure fewer polls than this for one unit
MAX_TARGETS: Final = 128  # of one message: the longest PDU of S7 has 80; a message of 64 KiB could name twelve thousand
MAX_SPACE: Final = 320  # characters of a space: the name of a DNP3 file is whole, an S7 one of escapes is not
MAX_SPACES: Final = 32  # address spaces in one range; a controller has few data blocks that one client reads
MAX_SHAPES: Final = 512  # known shapes of one pair: twice the polls of a busy master; a miss costs decoding the request
MAX_SHAPE_BYTES: Final = 33_554_432  # of all pairs' shapes; a plant's take about one MiB
SHAPE_OVERHEAD: Final = 100  # bytes a shape takes beside its own
MAX_AIMED: Final = 128  # of those, of requests that are seen through without decoding: the rest is cheap to see anyway
MAX_FAMILIES: Final = 256  # of one pair: reads of many units; forgotten together, found again one by one
MAX_SAMPLE: Final = 32  # bytes shown of what cannot be read
MAX_PAIRS: Final = 65_536  # a plant has hundreds; a flood of forged addresses ends here
MAX_OPERATIONS: Final = 131_072  # of all pairs
MAX_BEHAVIOURS: Final = 131_072  # about 60 MB


class Operation:
    """All targets of one operation on one unit, between one client and one server."""

    def __init__(self) -> None:
        self.exact: dict[str, Behaviour] = {}
        self.ranged: Behaviour | None = None


class Pair:
    """What one client does to one server."""

    def __init__(self, client: Endpoint, server: Endpoint, kept: bool) -> None:
        self.client = client
        self.server = server
        self.kept = kept  # in the table; one that is not keeps nothing that has to be counted
        self.protocols: set[str] = set()
        self.shapes: dict[bytes, Behaviour] = {}
        self.shape_bytes: i64 = 0
        self.operations: dict[str, Operation] = {}
        self.ranges: dict[bytes, Behaviour] = {}  # the ranges of those that are known by a family


class Page:
    """A conversation's two pairs, by the direction that is the client's, and what it will say next.

    A master's polls go round in a circle: what followed the last one is looked at before all others.
    """

    def __init__(self, forward: Pair, backward: Pair) -> None:
        self.expected: Behaviour | None = None
        self.client: i64 = 0  # the direction in which it is expected
        self.last: Behaviour | None = None
        self.forward = forward
        self.backward = backward

    def known(self, exchange: Exchange) -> Behaviour | None:
        """Return the behaviour of a shape seen before."""
        expected = self.expected
        if (
            expected is not None
            and expected.shape == exchange.shape
            and exchange.client == self.client
            and expected.protocol == exchange.protocol
        ):
            behaviour = expected
        else:
            pair = self.forward if exchange.client == 0 else self.backward
            found = pair.shapes.get(exchange.shape)
            if found is None or found.protocol != exchange.protocol:
                return None
            behaviour = found
            behaviour.shape = exchange.shape
            if self.last is not None and self.client == exchange.client:
                self.last.following = behaviour
            self.client = exchange.client
        self.last = behaviour
        self.expected = behaviour.following
        return behaviour


class Learner(Sink):
    """The behaviour stage: takes exchanges, keeps behaviours, hands findings on."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.pairs: dict[int, Pair] = {}
        self.behaviours: list[Behaviour] = []
        self.exchanges: i64 = 0
        self.shape_bytes: i64 = 0
        self.operations: i64 = 0
        self.undissected: i64 = 0  # exchanges of which no message could be read
        self.pairs_refused: i64 = 0
        self.operations_refused: i64 = 0
        self.behaviours_refused: i64 = 0

    def exchange(self, talk: Conversation, exchange: Exchange, data: bytes, start: i64, end: i64) -> None:
        """Count one exchange; hand it on when it is new or significant."""
        self.exchanges += 1
        page = talk.account
        if not isinstance(page, Page):
            page = self.open_page(talk)
        behaviour = page.known(exchange)
        if behaviour is None:
            self.learn(talk, page.forward if exchange.client == 0 else page.backward, exchange, data, start, end)
            return
        behaviour.count_in(exchange)
        if exchange.significant:
            keep_answer(exchange, data, start, end)
            self.findings.finding(Finding(talk, exchange, behaviour, ""))

    def open_page(self, talk: Conversation) -> Page:
        """Find or make both pairs of a conversation."""
        page = Page(self.pair(talk.opener, talk.answerer), self.pair(talk.answerer, talk.opener))
        talk.account = page
        return page

    def pair(self, client: Endpoint, server: Endpoint) -> Pair:
        """Return the pair of a client and a server; a fresh unkept one when the table is full."""
        key: int = (client.number << 32) | server.number
        pair = self.pairs.get(key)
        if pair is None:
            pair = Pair(client, server, len(self.pairs) < MAX_PAIRS)
            if pair.kept:
                self.pairs[key] = pair
                client.kept = server.kept = True
            else:
                self.pairs_refused += 1
        return pair

    def learn(self, talk: Conversation, pair: Pair, exchange: Exchange, data: bytes, start: i64, end: i64) -> None:
        """Find the behaviour of a shape not seen before, and hand on what is new about it."""
        aim = aim_of(talk, exchange)
        if aim is not None:
            ranged = pair.ranges.get(aim.family)
            if ranged is not None and ranged.protocol == exchange.protocol:
                self.extend(talk, pair, exchange, ranged, aim, data, start, end)
                return
        if not exchange.request:
            keep_answer(exchange, data, start, end)
        message = first_message(talk, exchange)
        if message is None:
            self.tell_undissected(talk, exchange)
            return
        behaviour, news = self.place(pair, exchange, message)
        self.remember(pair, exchange.shape, behaviour)
        if aim is not None and behaviour.ranged:
            if len(pair.ranges) >= MAX_FAMILIES:
                pair.ranges.clear()
            pair.ranges[aim.family] = behaviour
        behaviour.count_in(exchange)
        if news or exchange.significant:
            keep_answer(exchange, data, start, end)
            finding = Finding(talk, exchange, behaviour, news)
            finding.keep(message)
            self.findings.finding(finding)

    def extend(
        self,
        talk: Conversation,
        pair: Pair,
        exchange: Exchange,
        ranged: Behaviour,
        aim: Aim,
        data: bytes,
        start: i64,
        end: i64,
    ) -> None:
        """Count a plain request whose operation has a range; tell when that had to grow."""
        if len(pair.shapes) < MAX_AIMED:
            self.remember(pair, exchange.shape, ranged)
        ranged.count_in(exchange)
        if widen(ranged.targets, aim.targets):
            keep_answer(exchange, data, start, end)
            self.findings.finding(Finding(talk, exchange, ranged, WIDENED))

    def place(self, pair: Pair, exchange: Exchange, message: Message) -> tuple[Behaviour, str]:
        """Return the behaviour of a message, found or made, and what is new about it.

        What finds no more room is not told as new, for it would be new each time; a new client always is.
        """
        news = NEW_TARGET
        name = f"{exchange.protocol} {message.operation} {message.unit}"
        operation = pair.operations.get(name)
        if operation is None:
            news = NEW_OPERATION if exchange.protocol in pair.protocols else NEW_CLIENT
            pair.protocols.add(exchange.protocol)
            operation = self.begin_operation(pair, name)
            if operation is None:
                self.behaviours_refused += 1
                return make(pair, exchange, message, False), news if news == NEW_CLIENT else ""
        targets = kept(message.targets)
        ranged = operation.ranged
        if ranged is not None:
            return ranged, WIDENED if widen(ranged.targets, targets) else ""
        text = ", ".join([str(target) for target in targets])
        behaviour = operation.exact.get(text)
        if behaviour is not None:
            return behaviour, ""  # another shape of the same identity
        behaviour = make(pair, exchange, message, len(operation.exact) >= MAX_EXACT)
        if len(self.behaviours) >= MAX_BEHAVIOURS:
            self.behaviours_refused += 1
            return behaviour, news if news != NEW_TARGET else ""
        self.behaviours.append(behaviour)
        if not behaviour.ranged:
            operation.exact[text] = behaviour
            return behaviour, news
        operation.ranged = behaviour
        for other in operation.exact.values():
            widen(behaviour.targets, other.targets)
        return behaviour, NEW_RANGE

    def begin_operation(self, pair: Pair, name: str) -> Operation | None:
        """Make room for the targets of an operation not seen before; None where there is none."""
        if not pair.kept or self.operations >= MAX_OPERATIONS:
            self.operations_refused += 1
            return None
        operation = Operation()
        pair.operations[name] = operation
        self.operations += 1
        return operation

    def remember(self, pair: Pair, shape: bytes, behaviour: Behaviour) -> None:
        """Know a shape again; where there is no more room, the pair's others are forgotten."""
        size = i64(len(shape)) + SHAPE_OVERHEAD
        if len(pair.shapes) >= MAX_SHAPES or self.shape_bytes + size > MAX_SHAPE_BYTES:
            self.shape_bytes -= pair.shape_bytes
            pair.shape_bytes = 0
            pair.shapes.clear()
        if pair.kept and self.shape_bytes + size <= MAX_SHAPE_BYTES:
            pair.shapes[shape] = behaviour
            pair.shape_bytes += size
            self.shape_bytes += size

    def tell_undissected(self, talk: Conversation, exchange: Exchange) -> None:
        """Count an exchange of which no message could be read, and say what it looked like."""
        self.undissected += 1
        asked = exchange.request != b""
        sample = exchange.request if asked else exchange.response
        if sample and exchange.anomalies is not None:
            direction = exchange.client if asked else 1 - exchange.client
            number = exchange.request_number if asked else exchange.response_number
            time = exchange.request_time if asked else exchange.response_time
            self.findings.oddity(talk, exchange.anomalies[-1], direction, time, number, sample[:MAX_SAMPLE])

    def counts(self) -> dict[str, int]:
        """Return what was counted, by name."""
        return {
            "exchanges": self.exchanges,
            "behaviours": len(self.behaviours),
            "pairs": len(self.pairs),
            "undissected": self.undissected,
            "pairs_refused": self.pairs_refused,
            "operations_refused": self.operations_refused,
            "behaviours_refused": self.behaviours_refused,
        }

    def opened(self, talk: Conversation) -> None:
        """Hand on that a conversation began."""
        self.findings.opened(talk)

    def answered(self, talk: Conversation) -> None:
        """Hand on that a conversation was answered."""
        self.findings.answered(talk)

    def closed(self, talk: Conversation) -> None:
        """Hand on that a conversation ended."""
        self.findings.closed(talk)

    def left(self, endpoint: Endpoint) -> None:
        """Hand on that an endpoint is forgotten."""
        self.findings.left(endpoint)

    def message(self, talk: Conversation, message: Message) -> None:
        """Hand on a message somebody asked for."""
        self.findings.message(talk, message)

    def oddity(self, talk: Conversation, kind: str, direction: i64, time: i64, number: i64, sample: bytes) -> None:
        """Hand on what was wrong with a stream."""
        self.findings.oddity(talk, kind, direction, time, number, sample)


def aim_of(talk: Conversation, exchange: Exchange) -> Aim | None:
    """Return what a plain request is about without decoding it, None where that cannot be told."""
    if exchange.significant or not exchange.request or talk.dissector is None:
        return None
    try:
        return talk.dissector.aim(exchange, 0)
    except Exception:  # noqa: BLE001  # a fault of ours: decoding says what it is
        return None


def keep_answer(exchange: Exchange, data: bytes, start: i64, end: i64) -> None:
    """Copy the last message of an exchange, which lies in a block that will not stay."""
    if end > start and exchange.response_time != 0:
        exchange.response = data[start:end]


def make(pair: Pair, exchange: Exchange, message: Message, ranged: bool) -> Behaviour:
    """Make the behaviour of a message."""
    return Behaviour(
        pair.client,
        pair.server,
        exchange.protocol,
        message.operation[:MAX_NAME],
        message.action[:MAX_NAME],
        message.unit[:MAX_NAME],
        kept(message.targets),
        ranged,
    )


def kept(targets: list[Target]) -> list[Target]:
    """Return what a behaviour keeps of the targets of a message, whose number and length the wire decides."""
    return [Target(target.space[:MAX_SPACE], target.first, target.last) for target in targets[:MAX_TARGETS]]


def first_message(talk: Conversation, exchange: Exchange) -> Message | None:
    """Decode the message that says what an exchange is about: the request, or what came without one."""
    if exchange.request:
        return decode_request(talk, exchange)
    return decode_response(talk, exchange) if exchange.response else None


def widen(ranges: list[Target], targets: list[Target]) -> bool:
    """Widen `ranges` until they cover `targets`; return whether they grew."""
    grew = False
    for target in targets:
        space = target.space if len(target.space) <= MAX_SPACE else target.space[:MAX_SPACE]
        found: Target | None = None
        for known in ranges:
            if known.space == space:
                found = known
                break
        if found is None:
            if len(ranges) < MAX_SPACES:
                ranges.append(Target(space, target.first, target.last))
                grew = True
        else:
            if target.first < found.first:
                found.first = target.first
                grew = True
            if target.last > found.last:
                found.last = target.last
                grew = True
    return grew
