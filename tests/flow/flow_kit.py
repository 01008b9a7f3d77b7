# ruff: noqa: ARG002  # an interface is kept, whatever its user needs of it
"""A tiny protocol, a sink that writes down what it is given, and a line on which two hosts talk."""

from sensor.contract import (
    ALONE,
    BAD_LENGTH,
    COMPLETED,
    MORE,
    NO,
    NOT_THIS_PROTOCOL,
    ORPHAN,
    PART,
    STARTED,
    UNANSWERED,
    UNSOLICITED,
    YES,
    Dissector,
    Exchange,
    Malformed,
    Message,
    Protocol,
    Sink,
)  # fmt: skip
from sensor.decode import kinds
from sensor.decode.segment import ACK, FIN, PSH, RST, SYN, Segment
from sensor.flow.table import Flows

MS = 1_000_000
SECOND = 1_000 * MS
START = 1_700_000_000 * SECOND
MASK = 0xFFFFFFFF

__all__ = ["ACK", "FIN", "MASK", "MS", "PSH", "RST", "SECOND", "START", "SYN"]


def ask(text, tag=b"Q"):
    """A frame: 0xC0, the length of the whole in two bytes, Q (question), A (answer), U (unasked) or P (part)."""
    text = text if isinstance(text, bytes) else text.encode()
    return b"\xc0" + (4 + len(text)).to_bytes(2, "big") + tag + text


def answer(text):
    return ask(text, b"A")


class Toy(Dissector):
    """Answers come in the order of the questions; an answer of "boom" is a fault of ours, "bad" one of the peer."""

    def __init__(self):
        super().__init__("toy")
        self.pending = []
        self.parts = b""
        self.gaps = []
        self.finished = 0

    def frame(self, data, start, end, direction):
        if data[start] != 0xC0:
            return NOT_THIS_PROTOCOL
        if end - start < 3:
            return 0
        length = int.from_bytes(data[start + 1 : start + 3], "big")
        return length if length >= 4 else BAD_LENGTH

    def glance(self, data, start, end, direction, time):
        tag = data[start + 3 : start + 4]
        text = data[start + 4 : end]
        if text == b"boom":
            raise RuntimeError("boom")
        if text == b"bad":
            raise Malformed("text", 4)
        if tag == b"P":
            self.parts += data[start:end]
            return PART
        if self.parts:
            self.whole = self.parts + data[start:end]
            self.parts = b""
        if tag == b"Q":
            self.client = direction
            exchange = Exchange("toy", text, direction, time)
            exchange.request = data[start:end]
            self.pending.append(exchange)
            if len(self.pending) > 4:
                self.give_up(self.pending.pop(0))
            self.exchange = exchange
            return STARTED
        if tag == b"A" and self.pending:
            self.exchange = self.pending.pop(0)
            self.exchange.response_time = time
            self.exchange.outcome = 1
            return COMPLETED
        self.exchange = Exchange("toy", text, 1 - direction, 0)
        self.exchange.response_time = time
        self.exchange.outcome = ORPHAN if tag == b"A" else UNSOLICITED
        return ALONE

    def dissect(self, data, start, end, direction, request):
        message = Message("toy", direction)
        message.operation = data[start + 3 : end].decode("latin-1")
        message.unit = request[4:].decode("latin-1")
        return message

    def is_early(self, data, start, end, direction):
        return data[start + 3 : start + 4] == b"A" and not self.pending

    def resync(self, data, start, end, direction):
        found = data.find(b"\xc0", start + 1, end)
        return found if found >= 0 else end

    def gap(self, direction):
        self.gaps.append(direction)
        self.parts = b""

    def expire(self, time):
        while self.pending and time - self.pending[0].request_time > 5 * SECOND:
            self.give_up(self.pending.pop(0))

    def finish(self):
        self.finished += 1
        while self.pending:
            self.give_up(self.pending.pop(0))

    def give_up(self, exchange):
        exchange.outcome = UNANSWERED
        self.late.append(exchange)


class ToyProtocol(Protocol):
    def __init__(self, name="toy", ports=(4000,), transports=("tcp", "udp"), magic=0xC0):
        super().__init__(name, transports, ports)
        self.magic = magic
        self.probes = 0

    def probe(self, data, start, end, direction):
        self.probes += 1
        if data[start] != self.magic:
            return NO
        if end - start < 4:
            return MORE
        return YES if data[start + 3 : start + 4] in (b"Q", b"A", b"U", b"P") else NO

    def dissector(self):
        return Toy()


class Notes(Sink):
    """Writes down everything a stage is given."""

    def __init__(self):
        self.flows = []
        self.ended = []
        self.exchanges = []
        self.messages = []
        self.oddities = []
        self.samples = []
        self.gone = []

    def left(self, endpoint):
        self.gone.append(endpoint)

    def opened(self, talk):
        self.flows.append(talk)

    def closed(self, talk):
        self.ended.append(talk)

    def message(self, talk, message):
        self.messages.append(message)

    def exchange(self, talk, exchange, data, start, end):
        last = data[start:end]
        self.exchanges.append((exchange, last))

    def oddity(self, talk, kind, direction, time, number, sample):
        assert len(sample) <= 32
        self.oddities.append(kind)
        self.samples.append((kind, direction, number, sample))

    def said(self):
        """Return each exchange as "question/answer"."""
        return [f"{ex.request[4:].decode()}/{last[4:].decode()}" for ex, last in self.exchanges]


def address(text):
    return bytes(int(part) for part in text.split("."))


class Wire:
    """What the capture sees: segments between hosts, each with its own clock tick, number and IP identification."""

    def __init__(self, protocols=None, messages=False, places=None, sink=None):
        self.sink = sink or Notes()
        self.protocols = [ToyProtocol()] if protocols is None else protocols
        self.flows = Flows(self.sink, self.protocols, messages, places or {})
        self.time = START
        self.number = 0
        self.ip_id = 100
        self.segment = Segment()
        self.segment.source = 0

    def put(self, source, destination, payload=b"", *, kind=kinds.TCP, **wanted):
        """See one packet from ("10.0.0.1", 4000) to another; `wanted` are attributes of the Segment."""
        self.time += wanted.pop("wait", MS)
        self.number += 1
        self.ip_id += 1
        segment = self.segment
        data = b"head" + payload + b"tail"
        segment.begin(data, wanted.pop("time", self.time), 54 + len(payload))
        segment.forget_packet()
        segment.number = self.number
        segment.kind = kind
        segment.version = 4
        segment.ethertype = 0x0800
        segment.ttl = 64
        segment.protocol = {kinds.TCP: 6, kinds.UDP: 17, kinds.ICMP: 1}.get(kind, 47)
        segment.ip_id = self.ip_id & 0xFFFF
        segment.source_port, segment.destination_port = source[1], destination[1]
        segment.key = (
            address(source[0])
            + address(destination[0])
            + source[1].to_bytes(2, "big")
            + destination[1].to_bytes(2, "big")
        )
        segment.checksum = hash(payload) & 0xFFFF
        segment.start, segment.end = 4, 4 + len(payload)
        for name, value in wanted.items():
            setattr(segment, name, value)
        self.flows.see(segment)

    def counts(self):
        return self.flows.counts()


class Host:
    """One end of a TCP connection that counts its own bytes."""

    def __init__(self, wire, name, port, sequence):
        self.wire, self.end, self.sequence = wire, (name, port), sequence & MASK
        self.peer = None

    def segment(self, payload=b"", flags=ACK | PSH, at=None, **wanted):
        """Send bytes at a sequence without counting them."""
        wanted.setdefault("acknowledgement", self.peer.sequence if flags & ACK else 0)
        at = self.sequence if at is None else at & MASK
        self.wire.put(self.end, self.peer.end, payload, sequence=at, flags=flags, **wanted)

    def send(self, payload=b"", flags=ACK | PSH, **wanted):
        """Send the next bytes; returns where they began."""
        began = self.sequence
        self.segment(payload, flags, **wanted)
        self.skip(len(payload) + (flags & SYN != 0) + (flags & FIN != 0))
        return began

    def skip(self, count):
        """Send bytes that the capture does not see."""
        self.sequence = (self.sequence + count) & MASK


def pair(wire, ports=(50000, 4000), sequences=(1000, 9000), handshake=True, names=("10.0.0.1", "10.0.0.2")):
    """Return client and server, connected."""
    client, server = (Host(wire, names[i], ports[i], sequences[i]) for i in (0, 1))
    client.peer, server.peer = server, client
    if handshake:
        client.send(flags=SYN)
        server.send(flags=SYN | ACK)
        client.send(flags=ACK)
    return client, server
