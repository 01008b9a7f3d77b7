"""Listening between the line and its protocols: what each dissector is given, and what it makes of it.

A tap stands in a protocol's place and hands everything on; so every protocol that is found is held to the contract,
those inside a carrier too, with no test written for it.
"""

from __future__ import annotations

import collections
from typing import NamedTuple

from sensor.contract import COMPLETED, LINK, MAX_KEPT, PART, STARTED, Carrier, Dissector, Malformed, Protocol
from sensor.protocols import discovery
from tests.line import line_kit

MAX_LATE = 4096  # exchanges a dissector may hand over at once: its own cap on what waits is far below


class Said(NamedTuple):
    """One frame as a dissector was given it."""

    direction: int
    frame: bytes
    time: int


class Log:
    """What the taps of one reading have heard."""

    def __init__(self):
        self.talks: dict[str, list[list[Said]]] = {}  # protocol -> the frames of each conversation
        self.anomalies: set[str] = set()
        self.wrong: list[str] = []  # how the contract was broken
        self.families: dict[tuple[str, bytes], tuple[str, str, str]] = {}  # protocol, family -> what it must stand for

    def broke(self, protocol, what, data):
        if len(self.wrong) < 20:
            self.wrong.append(f"{protocol}: {what}: {data[:300].hex()}")


class TapDissector(Dissector):
    """Hands on to a real dissector and looks at what it answers."""

    def __init__(self, name, real, log):
        super().__init__(real.protocol)
        self.name, self.real, self.log = name, real, log
        self.said = []
        log.talks.setdefault(name, []).append(self.said)
        self.take()

    def take(self):
        real = self.real
        self.protocol, self.client = real.protocol, real.client
        self.exchange, self.whole = real.exchange, real.whole
        real.whole = b""
        if real.late:
            if len(real.late) > MAX_LATE:
                self.log.broke(self.name, f"{len(real.late)} exchanges ended at once", b"")
            for exchange in real.late:
                self.look(exchange, b"")
            self.late.extend(real.late)
            real.late = []

    def look(self, exchange, data):
        self.log.anomalies.update(exchange.anomalies or ())
        if exchange.anomalies and not exchange.significant:
            self.log.broke(self.name, f"{exchange.anomalies} in an exchange that is not significant", data)
        if max(len(exchange.request), len(exchange.response)) > MAX_KEPT:
            self.log.broke(self.name, "more kept than MAX_KEPT", exchange.request)

    def frame(self, data, start, end, direction):
        length = self.real.frame(data, start, end, direction)
        self.take()
        return length

    def is_early(self, data, start, end, direction):
        return self.real.is_early(data, start, end, direction)

    def glance(self, data, start, end, direction, time):
        self.said.append(Said(direction, data[start:end], time))
        self.real.client = self.client  # a carrier may set it
        made = self.real.glance(data, start, end, direction, time)
        self.take()
        if made in (PART, LINK):
            return made
        exchange = self.exchange
        if exchange is None:
            self.log.broke(self.name, f"a glance of {made} without an exchange", data[start:end])
            return made
        self.look(exchange, data[start:end])
        if made == STARTED and exchange.client != direction and exchange.request_time == 0:
            self.log.broke(self.name, "an exchange that begins without a request", data[start:end])
        whole = self.whole or data[start:end]
        request = exchange.request if made == COMPLETED else b""
        try:
            message = self.real.dissect(whole, 0, len(whole), direction, request)
        except Malformed:
            if not exchange.significant:
                self.log.broke(self.name, "malformed in an exchange that is not significant", whole)
            return made
        if message.anomalies and not exchange.significant:
            self.log.broke(self.name, f"a glance has overlooked {message.anomalies}", request + b" " + whole)
        if made == STARTED and not exchange.significant:
            self.compare(exchange, message)
        return made

    def compare(self, exchange, message):
        """Look whether what the shape says of a request is what the request says."""
        aim = self.real.aim(exchange, 0)
        if aim is None:
            return
        said, read = [str(target) for target in aim.targets], [str(target) for target in message.targets]
        if said != read:
            self.log.broke(self.name, f"aims at {said}, and reads {read}", exchange.shape)
        about = (message.operation, message.action, message.unit)
        if self.log.families.setdefault((self.name, aim.family), about) != about:
            self.log.broke(self.name, f"the family of {about} is another's", exchange.shape)

    def aim(self, exchange, at):
        return self.real.aim(exchange, at)

    def dissect(self, data, start, end, direction, request):
        return self.real.dissect(data, start, end, direction, request)

    def resync(self, data, start, end, direction):
        return self.real.resync(data, start, end, direction)

    def gap(self, direction):
        self.real.gap(direction)
        self.take()

    def expire(self, time):
        self.real.expire(time)
        self.take()

    def finish(self):
        self.real.finish()
        self.take()


class Tap(Protocol):
    """Stands in a protocol's place."""

    def __init__(self, real, log):
        super().__init__(real.name, real.transports, real.ports)
        self.real, self.log = real, log

    def probe(self, data, start, end, direction):
        return self.real.probe(data, start, end, direction)

    def dissector(self):
        return TapDissector(self.name, self.real.dissector(), self.log)


def tapped(log, deep):
    """Every protocol that is found, listened to; `deep`: those inside carriers, else the carriers themselves."""
    found = discovery.find()
    carriers = [protocol for protocol in found if isinstance(protocol, Carrier)]
    if not deep:
        return [Tap(protocol, log) for protocol in found]
    taps = {protocol.name: Tap(protocol, log) for protocol in found if protocol not in carriers}
    for carrier in carriers:
        carrier.inner = [taps.get(inner.name, inner) for inner in carrier.inner]
    return [*carriers, *taps.values()]


def listen(path, deep=False):
    """Read a capture with taps; return what they heard, and the reading."""
    log = Log()
    reading = line_kit.reading(path)
    reading.protocols = tapped(log, deep)
    return log, reading


def conversations(paths):
    """Return protocol -> its conversations with at least one frame, over some captures."""
    found = collections.defaultdict(list)
    for path in paths:
        for deep in (False, True):
            log, reading = listen(path, deep)
            reading.run().close()
            for name, talks in log.talks.items():
                if deep or name not in found:
                    found[name] += [talk for talk in talks if talk]
    return found
