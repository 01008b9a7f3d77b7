"""What neighbours on the line agree on: endpoints, conversations, dissectors, exchanges, sinks.

The rule it lives by: everything here is plain data or an interface. No stage of the line is imported,
nothing does input or output, and nobody reads a clock: time is capture time in integer nanoseconds.

Throughout, ``(data, start, end)`` names the bytes ``data[start:end]`` where they lie; ``data`` is ``bytes``.
``direction`` is 0 from the opener of a conversation to the answerer, 1 the other way.
"""

from typing import Final

from mypy_extensions import i64, mypyc_attr

# --- Verdicts of a probe ------------------------------------------------------------------------------
NO: Final = 0
YES: Final = 1
MORE: Final = 2

# --- Why Dissector.frame() found no frame: negative results -------------------------------------------
NOT_THIS_PROTOCOL: Final = -1  # magic number or protocol identifier is wrong
BAD_LENGTH: Final = -2  # a length field contradicts the specification
BAD_CHECKSUM: Final = -3  # a header checksum is wrong, so its length cannot be trusted
ILLEGIBLE_NAMES: Final = {-1: "not_this_protocol", -2: "bad_length", -3: "bad_checksum"}

# --- What Dissector.glance() made of a frame ----------------------------------------------------------
PART: Final = 0  # a piece of a message that is not complete yet; nothing to count
STARTED: Final = 1  # `dissector.exchange` began with this message
COMPLETED: Final = 2  # `dissector.exchange` ended with this message
ALONE: Final = 3  # `dissector.exchange` is this message alone: unsolicited, orphan, or one that asks no answer
LINK: Final = 4  # a message of the protocol's own housekeeping (acknowledgement, keep-alive): no exchange

# --- How an exchange ended ----------------------------------------------------------------------------
PENDING: Final = 0
ACCEPTED: Final = 1
REFUSED: Final = 2
UNANSWERED: Final = 3  # its time ran out, a later request displaced it, or its flow ended
UNSOLICITED: Final = 4  # sent without being asked for
ORPHAN: Final = 5  # an answer whose question was not seen
NO_ANSWER_DUE: Final = 6  # broadcast, "no acknowledgement" functions
OUTCOME_NAMES: Final = (
    "pending",
    "accepted",
    "refused",
    "unanswered",
    "unsolicited",
    "orphan",
    "no_answer_due",
)

# --- One vocabulary of actions for all protocols ------------------------------------------------------
ACTIONS: Final = frozenset(
    (
        "read",
        "write",
        "operate",
        "select",
        "restart",
        "stop",
        "start",
        "program_download",
        "program_upload",
        "identify",
        "time_set",
        "file",
        "authenticate",
        "subscribe",
        "diagnose",
        "connect",
        "other",
    )
)

MAX_KEPT: Final = 65_536  # bytes of a message an exchange may keep; the longest DNP3 or S7 message is shorter
MAX_NAME: Final = 128  # characters of the name of a protocol, an operation or a unit; those shipped are much shorter


class Malformed(Exception):  # noqa: N818  # the peer's fault, not an error of ours
    """The peer's fault: bytes that the specification does not allow and that cannot be read past.

    For the rare case only; the hot path answers with negative codes. Only the framing loop catches it.
    """

    def __init__(self, what: str, offset: int = 0, needed: int = 0, had: int = 0) -> None:
        super().__init__(what, offset, needed, had)
        self.what = what
        self.offset = offset
        self.needed = needed
        self.had = had

    def __str__(self) -> str:
        """Say what was wrong and where, and what was needed against what was there."""
        return f"{self.what} at offset {self.offset}: needed {self.needed}, had {self.had}"


class Network:
    """The point of observation: site and segment as configured, with the VLAN stack or tunnel path."""

    def __init__(self, number: i64, site: str, segment: str, vlan: str, tunnel: str) -> None:
        self.number = number
        self.site = site
        self.segment = segment
        self.vlan = vlan  # outermost first, joined by dots: "" untagged, "10", "100.10"
        self.tunnel = tunnel  # outer path, "" when none: "gre 192.0.2.1>192.0.2.2"


@mypyc_attr(allow_interpreted_subclasses=True)
class Endpoint:
    """One address on one network; interned, so the same endpoint is the same object."""

    def __init__(self, number: i64, network: Network, address: bytes, text: str) -> None:
        self.number = number  # running number, from 0; never given twice
        self.network = network
        self.address = address  # 4 bytes IPv4, 16 IPv6, 6 MAC
        self.text = text
        self.mac = b""  # last MAC seen with this address, b"" when it is behind a router or unknown
        self.kept = False  # somebody remembers what it does: it outlives its conversations


class Target:
    """What a request is about: a space of addresses and the inclusive range in it.

    Modbus: ("holding_register", 100, 139). S7: ("DB1.DBB", 0, 19), ("MB", 4, 4). DNP3: ("g12", 3, 3).
    A space that ends in X counts bits, 8 to the byte, as IEC 61131-3 has it: ("DB1.DBX", 34, 34) is DB1.DBX4.2.
    A target without numbers has first = last = -1: ("g60v2", -1, -1), ("SZL 0x0011", -1, -1), ("", -1, -1).
    """

    def __init__(self, space: str, first: i64, last: i64) -> None:
        self.space = space
        self.first = first
        self.last = last

    def __str__(self) -> str:
        """Write it as people do: "holding_register 100-139"."""
        if self.first < 0:
            return self.space
        if self.space.endswith("X"):
            text = f"{self.space}{self.first >> 3}.{self.first & 7}"
            return text if self.first == self.last else f"{text}-{self.last >> 3}.{self.last & 7}"
        if self.first == self.last:
            return f"{self.space} {self.first}"
        return f"{self.space} {self.first}-{self.last}"


class Aim:
    """What a request is about, as its shape says it: enough to see whether a range already holds it."""

    def __init__(self, family: bytes, targets: list[Target]) -> None:
        self.family = family  # the same for every request of this operation to this unit, and for no other
        self.targets = targets  # what `dissect` would say they are


@mypyc_attr(allow_interpreted_subclasses=True)
class Message:
    """One whole message of a protocol; subclasses add the protocol's fields as attributes.

    `time`, `number` and `source` (capture time, frame number in its file, index of the file) are set by the framing
    loop; a dissector sets the rest.
    """

    def __init__(self, protocol: str, direction: i64) -> None:
        self.protocol = protocol
        self.direction = direction
        self.kind = "request"  # request, response, unsolicited, confirm, link, connect ...
        self.operation = ""  # the protocol's own function, in its own words: "read_holding_registers"
        self.action = "other"  # one of ACTIONS
        self.unit = ""  # whom inside the server: Modbus unit, DNP3 outstation address, S7 rack/slot
        self.targets: list[Target] = []
        self.anomalies: list[str] = []  # kinds declared in the protocol's fields.py ANOMALIES
        self.time: i64 = 0
        self.number: i64 = 0
        self.source: i64 = 0
        self.talk: Conversation | None = None  # the conversation it was said in

    @property
    def sender(self) -> "Endpoint | None":
        """Who said it; None before the framing loop has placed it."""
        return self.talk.sender(self.direction) if self.talk is not None else None

    @property
    def receiver(self) -> "Endpoint | None":
        """Whom it was said to."""
        return self.talk.sender(1 - self.direction) if self.talk is not None else None

    def fields(self) -> dict[str, object]:
        """Return the protocol's own fields under their vocabulary names; absent ones are left out."""
        return {}


class Exchange:
    """Request and response as one: what travels on once it is answered, refused or given up.

    Made cheaply by `Dissector.glance`; the bytes it keeps are whole wire frames, fit for `Dissector.dissect`.
    """

    def __init__(self, protocol: str, shape: bytes, client: i64, time: i64) -> None:
        self.protocol = protocol
        self.shape = shape  # the request's own identity fields; never stored
        self.client = client  # direction of the messages that come from the client
        self.request_time = time  # 0 when there was no request
        self.response_time: i64 = 0  # 0 when there was no response
        self.request = b""  # wire bytes, at most MAX_KEPT
        self.response = b""  # filled for new, significant and odd exchanges only
        self.outcome: i64 = PENDING
        self.code: i64 = 0  # the protocol's own refusal code when outcome is REFUSED
        self.retries: i64 = 0  # how often the same request was said again before its answer, or which saying this is
        self.significant = False  # a command, identity, refusal, or anything odd: looked at each time
        self.anomalies: list[str] | None = None  # oddities of pairing, beyond those of the messages
        # Set by the framing loop: where the evidence lies.
        self.request_number: i64 = 0  # frame number in its file, from 1; 0: none
        self.response_number: i64 = 0
        self.request_source: i64 = 0  # index of the file
        self.response_source: i64 = 0

    def latency(self) -> i64:
        """Return nanoseconds from request to response, -1 where it is not known.

        That is where one of them is missing, and where the response was captured first: the clocks of a tap's two
        ports differ by more than the device takes.
        """
        if self.request_time == 0 or self.response_time < self.request_time:
            return -1
        return self.response_time - self.request_time

    def note(self, anomaly: str) -> None:
        """Add an anomaly, which makes the exchange significant."""
        if self.anomalies is None:
            self.anomalies = []
        if anomaly not in self.anomalies:
            self.anomalies.append(anomaly)
        self.significant = True


@mypyc_attr(allow_interpreted_subclasses=True)
class Dissector:
    """One per conversation: bytes in, values out; keeps only what must span frames.

    Invariant held by a test: when `dissect` would find an anomaly in a message, `glance` has marked its
    exchange significant. So a message that is not dissected has none.
    """

    def __init__(self, protocol: str) -> None:
        self.protocol = protocol
        self.client: i64 = 0  # direction of the client's messages; may change as evidence comes
        self.exchange: Exchange | None = None  # what the last glance started, completed or found alone
        self.whole = b""  # wire frames of a message spread over several; b"": the frame given is the message
        self.late: list[Exchange] = []  # ended without an answer; the framing loop takes and clears them

    def frame(self, data: bytes, start: i64, end: i64, direction: i64) -> i64:
        """Return the length of the first frame; 0: more bytes needed to tell; negative: why it is illegible.

        The length may reach beyond `end`: the framing loop waits for the rest.
        """
        raise NotImplementedError

    def glance(self, data: bytes, start: i64, end: i64, direction: i64, time: i64) -> i64:
        """Pair one whole frame and give it its shape; return PART, STARTED, COMPLETED, ALONE or LINK."""
        raise NotImplementedError

    def dissect(self, data: bytes, start: i64, end: i64, direction: i64, request: bytes) -> Message:
        """Return everything one message says. A pure function of its arguments.

        `data[start:end]` is one frame, or all frames of one message (`whole`); `request` is the wire bytes of
        the request it answers, b"" when none is known.
        """
        raise NotImplementedError

    def aim(self, exchange: Exchange, at: i64) -> Aim | None:  # noqa: ARG002  # an interface
        """Return what an insignificant request is about, from its shape alone; None where it must be dissected.

        `shape[at:]` is this dissector's part of it; a carrier's stands before.
        """
        return None

    def resync(self, data: bytes, start: i64, end: i64, direction: i64) -> i64:  # noqa: ARG002  # an interface
        """Return the offset after `start` where the next plausible frame begins, `end` when there is none."""
        return end

    def is_early(self, data: bytes, start: i64, end: i64, direction: i64) -> bool:  # noqa: ARG002  # an interface
        """Tell whether this datagram answers a question that has not come: then it is held back a moment.

        Asked before `frame` and `glance`, and it changes nothing. Streams need no such question: TCP acknowledges.
        """
        return False

    def gap(self, direction: i64) -> None:
        """Bytes of this direction were lost: forget what spans frames there."""

    def expire(self, time: i64) -> None:
        """Capture time is `time`: move requests that waited too long to `late` as UNANSWERED."""

    def finish(self) -> None:
        """The conversation ended: move every pending request to `late` as UNANSWERED."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Protocol:
    """What a protocol's folder offers: how to recognise it, and a dissector for each conversation."""

    def __init__(self, name: str, transports: tuple[str, ...], ports: tuple[int, ...]) -> None:
        self.name = name
        self.transports = transports  # of "tcp", "udp", or a carrier's name ("iso")
        self.ports = ports  # registered ports: tried first there, never trusted alone

    def probe(self, data: bytes, start: i64, end: i64, direction: i64) -> i64:
        """Return YES, NO or MORE from the structure of the first bytes of one direction."""
        raise NotImplementedError

    def dissector(self) -> Dissector:
        """Return a fresh dissector for one conversation."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class Carrier(Protocol):
    """A protocol that frames for others and probes what is inside, as TPKT and COTP do for S7comm.

    Its dissector's frames hold those of the inner protocols: their dissectors are given the payload, joined where it
    was fragmented. An inner glance that returns PART with `exchange` set says: this belongs to that one's response.
    """

    def __init__(self, name: str, transports: tuple[str, ...], ports: tuple[int, ...]) -> None:
        super().__init__(name, transports, ports)
        self.inner: list[Protocol] = []  # filled by the discovery: those that name this one in `transports`


class Conversation:
    """Both ends of a flow as the stages after it see them. `flow.Flow` adds what is counted."""

    def __init__(self, number: i64, opener: Endpoint, answerer: Endpoint) -> None:
        self.number = number
        self.opener = opener  # sender in direction 0
        self.answerer = answerer
        self.transport: i64 = 0  # IP protocol number: 6 TCP, 17 UDP; 0 none (non-IP frames)
        self.opener_port: i64 = 0
        self.answerer_port: i64 = 0
        self.ethertype: i64 = 0
        self.dissector: Dissector | None = None
        self.account: object | None = None  # where the behaviour stage keeps its page on this conversation

    def sender(self, direction: i64) -> Endpoint:
        """Return who sends in `direction`."""
        return self.opener if direction == 0 else self.answerer


@mypyc_attr(allow_interpreted_subclasses=True)
class Sink:
    """What a stage gives to the next. A stage overrides what it takes and hands on."""

    def opened(self, talk: Conversation) -> None:
        """A conversation began."""

    def answered(self, talk: Conversation) -> None:
        """Who did not open it has sent its first frame, and that is no refusal."""

    def closed(self, talk: Conversation) -> None:
        """A conversation ended: closed, idle, evicted or the capture is over."""

    def left(self, endpoint: Endpoint) -> None:
        """An endpoint that took part in nothing any more made room; its address, heard again, is another object."""

    def message(self, talk: Conversation, message: Message) -> None:
        """One message, given only when someone asked for every message."""

    def exchange(self, talk: Conversation, exchange: Exchange, data: bytes, start: i64, end: i64) -> None:
        """One finished exchange; `data[start:end]` is its last message (empty: it ended without one)."""

    def oddity(self, talk: Conversation, kind: str, direction: i64, time: i64, number: i64, sample: bytes) -> None:
        """Something wrong with a stream or packet: illegible bytes, a gap, a cap reached. `sample` <= 32 bytes."""
