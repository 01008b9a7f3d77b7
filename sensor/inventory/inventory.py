"""Who is there: an asset for each endpoint that was seen.

The rule it lives by: an asset comes from traffic alone and is bounded in number; group addresses are nobody. Assets
follow endpoints: two addresses of one network card stay two assets that name the same MAC. When the table is full, who
only passed by makes room, and where those are few, whoever was not heard for longest and does not matter to the plant.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final, TypeAlias

from sensor.contract import ACCEPTED, UNSOLICITED
from sensor.inventory.asset import MAX_BEHAVIOURS, MAX_PORTS, MAX_UNITS, Asset, Fact
from sensor.inventory.conduct import Role, role
from sensor.inventory.oui import vendor

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sensor.behaviour.behaviour import Behaviour
    from sensor.behaviour.finding import Finding
    from sensor.contract import Conversation, Endpoint, Message

MAX_ASSETS: Final = 65_536  # a /16 swept by a scan
Address: TypeAlias = tuple[int, bytes]  # number of the network, address on it
ROUTER_ADDRESSES: Final = 5  # so many IP addresses behind one MAC: it forwards for others
MINUTE: Final = 60_000_000_000  # ns
HOUR: Final = 60 * MINUTE
LEAST_ROOM: Final = MAX_ASSETS // 8  # assets: whoever floods the table with what looks alive has to go on for it
TRANSPORTS: Final = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}


class Inventory:
    """All assets, with what the recorder tells about them."""

    def __init__(self, names: Mapping[str, str], identity_fields: Mapping[str, str]) -> None:
        """`names`: address text to the name people gave; `identity_fields`: vocabulary field to asset attribute."""
        self.names = names
        self.identity_fields = identity_fields
        self.by_address: dict[Address, Asset] = {}
        self.behind: dict[bytes, set[Address]] = {}  # MAC to the IP addresses seen with it
        self.refused = 0
        self.forgotten = 0
        self.cleared_at = -HOUR  # capture time, ns, when room was made last
        self.crowded = False  # half full, or full within the last hour

    @property
    def assets(self) -> Collection[Asset]:
        """Every asset."""
        return self.by_address.values()

    def known(self, endpoint: Endpoint) -> Asset | None:
        """Return the asset of an endpoint, if there is one."""
        return self.by_address.get(address_of(endpoint))

    def asset(self, endpoint: Endpoint, time: int) -> Asset | None:
        """Find or make the asset of an endpoint; None for group addresses and when the table is full."""
        asset = self.known(endpoint)
        if asset is not None:
            asset.meet(endpoint)
            if time > asset.last_time:
                asset.last_time = time
            elif time < asset.first_time:
                asset.first_time = time
            return asset
        if not is_somebody(endpoint.address):
            return None
        if len(self.by_address) >= MAX_ASSETS:
            self.refused += 1
            return None
        asset = Asset(endpoint, time, time, name=self.names.get(endpoint.text, ""))
        self.by_address[address_of(endpoint)] = asset
        return asset

    def make_room(self, time: int) -> list[Asset]:
        """Return who is to be forgotten at a capture time, ns: at most once a minute, for it looks at everybody."""
        since = time - self.cleared_at
        self.crowded = len(self.by_address) > MAX_ASSETS // 2 or 0 <= since < HOUR
        if len(self.by_address) < MAX_ASSETS or 0 <= since < MINUTE:
            return []
        self.cleared_at = time
        passing = [asset for asset in self.assets if asset.passed_by()]
        return passing if len(passing) >= LEAST_ROOM else passing + self.least_heard(LEAST_ROOM - len(passing))

    def least_heard(self, most: int) -> list[Asset]:
        """Return those not heard for longest, of the ones that do not matter to the plant and did not just pass by."""
        others = [asset for asset in self.assets if not (asset.passed_by() or asset.matters())]
        return heapq.nsmallest(most, others, key=lambda asset: asset.last_time)

    def forget(self, asset: Asset) -> None:
        """Take an asset out of the table."""
        address = address_of(asset.endpoint)
        del self.by_address[address]
        for mac in asset.macs:
            self.behind[mac].discard(address)
            if not self.behind[mac]:
                del self.behind[mac]
        self.forgotten += 1

    def rename(self, names: Mapping[str, str]) -> None:
        """Call machines by other names from now on."""
        self.names = names
        for asset in self.assets:
            known = (asset.endpoint.text, *(mac.hex(":") for mac in asset.macs))
            asset.name = next((names[one] for one in known if one in names), "")

    def opened(self, talk: Conversation, time: int) -> None:
        """A conversation began: its opener has sent."""
        opener = self.asset(talk.opener, time)
        if opener is not None:
            opener.heard = True
            self.see_mac(opener)
        self.asset(talk.answerer, time)

    def answered(self, talk: Conversation) -> None:
        """A conversation goes both ways: its answerer has sent."""
        opener, answerer = self.known(talk.opener), self.known(talk.answerer)
        if opener is not None:
            opener.answered = True
        if answerer is not None:
            answerer.answered = answerer.heard = True
            self.see_mac(answerer)

    def closed(self, talk: Conversation, time: int, *, answered: bool) -> None:
        """A conversation ended; `answered`: the answerer took part, by more than a refusal."""
        opener, answerer = self.asset(talk.opener, time), self.asset(talk.answerer, time)
        service = service_of(talk)
        if not answered:
            if opener is not None and is_somebody(talk.answerer.address) and talk.transport in (6, 17):
                opener.sought += 1
            return
        if answerer is not None:
            answerer.heard = True
            self.see_mac(answerer)
            if len(answerer.serves) < MAX_PORTS:
                answerer.serves[service] = None
        if opener is not None and len(opener.uses) < MAX_PORTS:
            opener.uses[service] = None

    def see_mac(self, asset: Asset) -> None:
        """Note the MAC an endpoint sends with, and its vendor."""
        mac = asset.endpoint.mac or (asset.endpoint.address if len(asset.endpoint.address) == 6 else b"")
        if not mac or mac in asset.macs or len(asset.macs) >= MAX_PORTS:
            return
        asset.macs[mac] = None
        asset.name = asset.name or self.names.get(mac.hex(":"), "")
        self.behind.setdefault(mac, set()).add(address_of(asset.endpoint))
        name = vendor(mac)
        if name:
            asset.learn(Fact("vendor", name, "oui", 0.5, asset.last_time, asset.last_time))

    def find(self, finding: Finding) -> list[tuple[Asset, Fact, str]]:
        """Take a finding: conduct, units and identity; return the facts that are new, with the value before."""
        behaviour, time = finding.behaviour, finding.time()
        client, server = self.asset(behaviour.client, time), self.asset(behaviour.server, time)
        if client is not None:
            self.act(client, client.as_client, finding)
        if server is None:
            return []
        self.act(server, server.as_server, finding)
        if finding.exchange.outcome in (ACCEPTED, UNSOLICITED) and behaviour.unit and len(server.units) < MAX_UNITS:
            server.units[behaviour.protocol, behaviour.unit] = None
        if behaviour.action not in ("identify", "diagnose") or finding.response is None:
            return []
        stated = [(server, fact, server.fact(fact.attribute)) for fact in self.stated(finding.response, finding)]
        return [told for told in stated if server.learn(told[1])]

    def remember(self, behaviour: Behaviour) -> None:
        """Take a behaviour of earlier days for judging conduct."""
        client = self.asset(behaviour.client, behaviour.first_time)
        server = self.asset(behaviour.server, behaviour.first_time)
        for conduct in (client.as_client if client else None, server.as_server if server else None):
            if conduct is not None and len(conduct) < MAX_BEHAVIOURS:
                conduct.append(behaviour)

    def act(self, asset: Asset, behaviours: list[Behaviour], finding: Finding) -> None:
        """Keep a new behaviour for judging conduct; commands are kept beyond the first ones."""
        if not (asset.heard and asset.macs) and spoke(asset.endpoint, finding):
            asset.heard = True
            self.see_mac(asset)
        news, count = finding.news, len(behaviours)
        if news and count < 2 * MAX_BEHAVIOURS and (count < MAX_BEHAVIOURS or news in ("client", "operation")):
            behaviours.append(finding.behaviour)

    def stated(self, message: Message, finding: Finding) -> Iterable[Fact]:
        """Return what a device says about itself in a message, by the fields declared as facts."""
        for name, value in message.fields().items():
            attribute = self.identity_fields.get(name)
            if attribute and value not in (None, "", []):
                text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
                time = finding.time()
                yield Fact(attribute, text, message.protocol, 1.0, time, time, message.number, message.source)

    def role(self, endpoint: Endpoint) -> Role:
        """Return an endpoint's role as of now."""
        asset = self.known(endpoint)
        if asset is None:
            return Role("", "not an asset")
        if len(self.behind.get(endpoint.mac, ())) >= ROUTER_ADDRESSES and not asset.as_server and not asset.as_client:
            return Role("host", "seen through a router")
        return role(asset)

    def counts(self) -> dict[str, int]:
        """Return what was counted, by name."""
        return {"assets_refused": self.refused, "assets_forgotten": self.forgotten}

    def shown(self) -> list[Asset]:
        """Return the assets worth a line: all that were heard, without MAC entries that an IP entry covers."""
        covered = {mac for asset in self.assets if len(asset.endpoint.address) != 6 for mac in asset.macs}
        found = [
            asset
            for asset in self.assets
            if asset.heard and not (len(asset.endpoint.address) == 6 and asset.endpoint.address in covered)
        ]
        return sorted(found, key=lambda asset: (len(asset.endpoint.address), asset.endpoint.address))


def address_of(endpoint: Endpoint) -> Address:
    """Return what an endpoint goes by, whichever object stands for it."""
    return endpoint.network.number, endpoint.address


def spoke(endpoint: Endpoint, finding: Finding) -> bool:
    """Say whether an end of an exchange has sent one of its messages."""
    exchange, talk = finding.exchange, finding.talk
    asked = exchange.request_time != 0 and endpoint is talk.sender(exchange.client)
    return asked or (exchange.response_time != 0 and endpoint is talk.sender(1 - exchange.client))


def is_somebody(address: bytes) -> bool:
    """Say whether an address can be one machine's: not a group, broadcast or unspecified one."""
    if not any(address):
        return False
    if len(address) == 4:
        return address[0] < 224 and address[3] != 255
    if len(address) == 16:
        return address[0] != 0xFF
    return not address[0] & 0x01


def service_of(talk: Conversation) -> str:
    """Name what a conversation used: "modbus/502", "tcp/80", "arp"."""
    if talk.dissector is not None:
        return f"{talk.dissector.protocol}/{talk.answerer_port}"
    transport = TRANSPORTS.get(talk.transport, f"ip-{talk.transport}")
    if talk.transport in (6, 17):
        return f"{transport}/{talk.answerer_port}"
    return transport if talk.transport else f"0x{talk.ethertype:04x}"
