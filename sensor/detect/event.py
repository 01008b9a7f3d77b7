"""What rules see: one flat dictionary of field and value, whatever it was made from.

The rule it lives by: source is the client and destination the server of the exchange, whoever opened the connection.
A dictionary is made when a rule has to look, once, and what is not known is not in it.
"""

from ipaddress import IPv4Address, ip_address
from typing import Any, Final, NamedTuple

from sensor.behaviour.finding import Finding
from sensor.contract import OUTCOME_NAMES, REFUSED, Conversation, Endpoint
from sensor.detect.concern import Concern
from sensor.detect.context import ATTRIBUTES, Context
from sensor.flow.neighbours import MOVED

Event = dict[str, Any]

TRANSPORTS: Final = {1: "icmp", 6: "tcp", 17: "udp", 47: "gre", 58: "ipv6-icmp"}
ECS_OUTCOMES: Final = {"accepted": "success", "refused": "failure", "no_answer_due": "unknown"}

# What an event is about; a rule names it as its log source's category, an exchange being the usual one.
EXCHANGE: Final = "exchange"
FLOW: Final = "flow"
ODDITY: Final = "oddity"
ASSET: Final = "asset"
HEALTH: Final = "health"
CATEGORIES: Final = (EXCHANGE, FLOW, ODDITY, ASSET, HEALTH)


class Kind(NamedTuple):
    """What can be known of a sighting without making its event; enough to leave most rules out."""

    category: str
    protocol: str
    operation: str
    action: str
    ranged: bool = False
    news: str = ""
    outcome: str = ""
    late: bool = False
    newcomer: bool = False


# Fields of an event that a kind already holds, with their place in it.
GATES: Final = {
    "ot.operation": 2,
    "ot.action": 3,
    "ot.behaviour.new": 5,
    "ot.outcome": 6,
    "ot.source.late": 7,
    "ot.source.newcomer": 8,
}


class Frame(NamedTuple):
    """Where one frame of the evidence lies."""

    source: int  # index of the file
    number: int  # in its file, from 1
    time: int  # ns


class Sighting:
    """Something rules can look at: what it is, when, where the evidence lies."""

    def __init__(self, kind: Kind, time: int) -> None:
        self.kind = kind
        self.time = time
        self.talk: Conversation | None = None
        self._event: Event | None = None

    @property
    def event(self) -> Event:
        """The dictionary; made once."""
        if self._event is None:
            self._event = filled(self.make())
        return self._event

    def make(self) -> Event:
        """Return the fields; empty ones are left out afterwards."""
        raise NotImplementedError

    def dear(self) -> Event:
        """Return the fields that cost much to find out: for alerts, and for rules that read them."""
        return {}

    def described(self) -> Event:
        """Return all fields."""
        return {**self.event, **filled(self.dear())}

    def frames(self) -> tuple[Frame, ...]:
        """Return the evidence."""
        return ()

    def targets(self) -> list[str]:
        """Return what it was done to; cheap, for it is asked at each match."""
        return []


def kind_of(finding: Finding, standing: int) -> Kind:
    """Return a finding's kind; `standing` is the client's with the server: see acquaintance."""
    behaviour = finding.behaviour
    return Kind(
        EXCHANGE,
        behaviour.protocol,
        behaviour.operation,
        behaviour.action,
        behaviour.ranged,
        finding.news,
        OUTCOME_NAMES[finding.exchange.outcome],
        bool(standing & 1),
        bool(standing & 2),
    )


class ExchangeSighting(Sighting):
    """A new behaviour or a significant exchange."""

    def __init__(self, finding: Finding, context: Context, kind: Kind, *, dear: bool) -> None:
        """`dear`: a rule reads what costs much, so that the event must have it from the first."""
        super().__init__(kind, finding.time())
        self.finding = finding
        self.talk: Conversation = finding.talk
        self.context = context
        self.asks_dear = dear

    def make(self) -> Event:
        """Return the fields of both halves and of what is known around them."""
        finding, behaviour, exchange = self.finding, self.finding.behaviour, self.finding.exchange
        outcome, latency = OUTCOME_NAMES[exchange.outcome], int(exchange.latency())
        talk, client = finding.talk, exchange.client
        event: Event = {
            "@timestamp": self.time,
            "event.kind": "event",
            "event.dataset": "otsensor.behaviour" if finding.news else "otsensor.exchange",
            "event.action": behaviour.action,
            "event.outcome": ECS_OUTCOMES.get(outcome, "unknown"),
            "source.port": talk.opener_port if client == 0 else talk.answerer_port,
            "destination.port": talk.answerer_port if client == 0 else talk.opener_port,
            "ot.action": behaviour.action,
            "ot.operation": behaviour.operation,
            "ot.unit": behaviour.unit,
            "ot.outcome": outcome,
            "ot.refusal_code": exchange.code if exchange.outcome == REFUSED else None,
            "ot.latency_ms": latency / 1e6 if latency >= 0 else None,
            "ot.anomalies": finding.anomalies(),
            "ot.behaviour.new": finding.news,
            "ot.behaviour.count": behaviour.count,
            "ot.behaviour.ranged": behaviour.ranged,
            "ot.source.late": self.kind.late,
            "ot.source.newcomer": self.kind.newcomer,
        }
        event.update(between(talk, behaviour.client, behaviour.server, behaviour.protocol))
        event.update(self.said())
        if self.asks_dear:
            event.update(self.dear())
        return event

    def dear(self) -> Event:
        """Return the behaviour's id, and what is known of the machines at both ends."""
        behaviour = self.finding.behaviour
        return {
            "ot.behaviour.id": behaviour.identity(),
            **asset("source", behaviour.client, self.context),
            **asset("destination", behaviour.server, self.context),
        }

    def said(self) -> Event:
        """Return the targets and the protocol's own fields; what both halves say differently becomes a list."""
        request, response = self.finding.request, self.finding.response
        first = request if request is not None else response
        targets = first.targets if first is not None and first.targets else self.finding.behaviour.targets
        event: Event = {
            "ot.target": [str(target) for target in targets],
            "ot.range.space": [target.space for target in targets if target.space],
            "ot.range.first": [target.first for target in targets if target.first >= 0],
            "ot.range.last": [target.last for target in targets if target.last >= 0],
        }
        for message in (request, response):
            for name, value in message.fields().items() if message is not None else ():
                known = event.get(name)
                event[name] = value if known is None or known == value else listed(known) + listed(value)
        return event

    def targets(self) -> list[str]:
        """Return the targets of the behaviour."""
        return [str(target) for target in self.finding.behaviour.targets]

    def frames(self) -> tuple[Frame, ...]:
        """Return the frames of the request and of the response."""
        exchange = self.finding.exchange
        found = []
        if exchange.request_number:
            found.append(Frame(exchange.request_source, exchange.request_number, exchange.request_time))
        if exchange.response_number:
            found.append(Frame(exchange.response_source, exchange.response_number, exchange.response_time))
        return tuple(found)


class FlowSighting(Sighting):
    """A conversation that began."""

    def __init__(self, talk: Conversation, time: int, frame: Frame | None) -> None:
        super().__init__(Kind(FLOW, "", "", ""), time)
        self.talk: Conversation = talk
        self.frame = frame

    def make(self) -> Event:
        """Return who opened it to whom; source is the opener."""
        talk = self.talk
        return {
            "@timestamp": self.time,
            "event.kind": "event",
            "event.dataset": "otsensor.flow",
            "source.port": talk.opener_port,
            "destination.port": talk.answerer_port,
            **between(talk, talk.opener, talk.answerer, ""),
        }

    def frames(self) -> tuple[Frame, ...]:
        """Return the first frame, where it is known."""
        return (self.frame,) if self.frame is not None else ()


class OdditySighting(Sighting):
    """Something wrong with a stream or a packet."""

    def __init__(self, talk: Conversation, kind: str, direction: int, frame: Frame, sample: bytes) -> None:
        protocol = talk.dissector.protocol if talk.dissector is not None else ""
        super().__init__(Kind(ODDITY, protocol, kind, ""), frame.time)
        self.talk: Conversation = talk
        self.direction = direction
        self.frame = frame
        self.sample = sample

    def make(self) -> Event:
        """Return what was odd, between whom; source is who sent it."""
        talk, sender, receiver = self.talk, self.talk.sender(self.direction), self.talk.sender(1 - self.direction)
        ports = (talk.opener_port, talk.answerer_port)
        return {
            "@timestamp": self.time,
            "event.kind": "event",
            "event.dataset": "otsensor.oddity",
            "source.port": ports[self.direction],
            "destination.port": ports[1 - self.direction],
            "ot.oddity.kind": self.kind.operation,
            "ot.oddity.sample": self.sample.hex(),
            "ot.anomalies": [self.kind.operation],
            **between(talk, sender, receiver, self.kind.protocol),
            **self.claimed(),
        }

    def claimed(self) -> Event:
        """Return, of an address that moved, the address and the MAC it was at."""
        if self.kind.operation != MOVED:
            return {}
        return {"ot.target": self.targets(), "ot.asset.previous": self.sample[4:10].hex(":")}

    def targets(self) -> list[str]:
        """Return the address that moved."""
        return [str(IPv4Address(self.sample[:4]))] if self.kind.operation == MOVED else []

    def frames(self) -> tuple[Frame, ...]:
        """Return the frame it was found in."""
        return (self.frame,)


class AssetSighting(Sighting):
    """An asset that is new, or an attribute of it that is new or has changed."""

    def __init__(self, endpoint: Endpoint, attribute: str, value: str, previous: str, frame: Frame) -> None:
        super().__init__(Kind(ASSET, "", attribute, ""), frame.time)
        self.endpoint = endpoint
        self.value = value
        self.previous = previous
        self.frame = frame

    def make(self) -> Event:
        """Return what is new about the asset; it stands as the destination, for it is whom it is about."""
        return {
            "@timestamp": self.time,
            "event.kind": "asset",
            "event.dataset": "otsensor.asset",
            "ot.asset.new": not self.kind.operation,
            "ot.asset.attribute": self.kind.operation,
            "ot.asset.value": self.value,
            "ot.asset.previous": self.previous,
            **address("destination", self.endpoint),
            **place(self.endpoint),
        }

    def frames(self) -> tuple[Frame, ...]:
        """Return the frame that showed it."""
        return (self.frame,)


class HealthSighting(Sighting):
    """A concern about what the sensor itself sees or keeps."""

    def __init__(self, concern: Concern) -> None:
        super().__init__(Kind(HEALTH, "", concern.kind, ""), concern.time)
        self.concern = concern

    def make(self) -> Event:
        """Return the concern; a machine that it is about stands as the destination."""
        concern = self.concern
        ip = is_ip(concern.address)
        return {
            "@timestamp": self.time,
            "event.kind": "event",
            "event.dataset": "otsensor.health",
            "ot.health.kind": concern.kind,
            "ot.health.where": concern.where,
            "ot.health.found": concern.found,
            "ot.health.expected": concern.expected,
            "ot.health.since": concern.began,
            "ot.health.over": concern.over,
            "destination.address": concern.address,
            "destination.ip": concern.address if ip else None,
            "destination.mac": None if ip else concern.address.replace(":", "-").upper(),
            **location(*concern.place),
        }


def between(talk: Conversation, client: Endpoint, server: Endpoint, protocol: str) -> Event:
    """Return who is at both ends, over what, seen where."""
    return {
        **address("source", client),
        **address("destination", server),
        "network.transport": TRANSPORTS.get(talk.transport, f"ip-{talk.transport}" if talk.transport else None),
        "network.type": {4: "ipv4", 16: "ipv6"}.get(len(client.address)),
        "network.protocol": protocol,
        **place(client),
    }


def address(end: str, endpoint: Endpoint) -> Event:
    """Return an endpoint's addresses."""
    mac = endpoint.mac or (endpoint.address if len(endpoint.address) == 6 else b"")
    return {
        f"{end}.address": endpoint.text,
        f"{end}.ip": endpoint.text if len(endpoint.address) in (4, 16) else None,
        f"{end}.mac": mac.hex("-").upper(),
    }


def place(endpoint: Endpoint) -> Event:
    """Return the point of observation."""
    network = endpoint.network
    return location(network.site, network.segment, network.vlan, network.tunnel)


def location(site: str, segment: str, vlan: str, tunnel: str) -> Event:
    """Return a point of observation."""
    outer, _, inner = vlan.partition(".")
    return {
        "ot.site": site,
        "ot.segment": segment,
        "ot.vlan": vlan,
        "ot.tunnel": tunnel,
        "network.vlan.id": outer,
        "network.inner.vlan.id": inner,
    }


def is_ip(text: str) -> bool:
    """Say whether an address is one of IP."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def asset(end: str, endpoint: Endpoint, context: Context) -> Event:
    """Return what is known of the machine behind an endpoint."""
    return {f"ot.{end}.asset.{attribute}": context.about(endpoint, attribute) for attribute in ATTRIBUTES}


def is_dear(field: str) -> bool:
    """Say whether a field costs much to find out."""
    return field == "ot.behaviour.id" or field.startswith(("ot.source.asset.", "ot.destination.asset."))


def filled(event: Event) -> Event:
    """Return the fields that are known."""
    return {name: value for name, value in event.items() if value is not None and value not in ("", [])}


def listed(value: Any) -> list[Any]:
    """Return a value as a list."""
    return list(value) if isinstance(value, list | tuple) else [value]
