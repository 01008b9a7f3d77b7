"""Where a frame belongs: the network it was seen on, that network's flows and endpoints.

The rule it lives by: the same address on another site, segment, VLAN or tunnel is another endpoint. When the table of
endpoints is full, those that only passed by make room; what finds none shares one entry and is counted.
"""

import ipaddress
from typing import Final

from mypy_extensions import i64

from sensor.contract import Endpoint, Network
from sensor.decode.kinds import TCP, UDP
from sensor.decode.segment import Segment
from sensor.flow.counts import Counts
from sensor.flow.flow import Half

MAX_ENDPOINTS: Final = 196_608  # of one worker: three for each flow there may be; a large plant has some thousands
PAYING: Final = 16_384  # flows that must end before all endpoints are looked at again: some microseconds for each
MAX_NETWORKS: Final = 4_096  # every VLAN of one trunk
MAX_PLACES: Final = 65_536  # files and interfaces remembered; forgotten together, found again one by one

# What senders begin with: such a packet has crossed no router, so its MAC is the sender's own
FRESH_TTLS: Final = frozenset((30, 32, 60, 64, 100, 128, 200, 255))


class Lane:
    """One network with its flows: each direction of each flow under its own key."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.tcp: dict[bytes, Half] = {}
        self.udp: dict[bytes, Half] = {}
        self.other: dict[bytes, Half] = {}  # other IP: with the protocol's byte behind the key; frames: as it is
        self.endpoints: dict[bytes, Endpoint] = {}
        self.overflow: Endpoint | None = None
        self.frames: i64 = 0
        self.last_time: i64 = 0  # capture time, ns, of its latest frame
        self.talks: i64 = 0  # as in Spoken, of TCP whatever it carries
        self.one_way: i64 = 0
        self.fallen: i64 = 0  # of these, the ones whose other side was heard before: it may have failed itself

    def table(self, kind: i64) -> dict[bytes, Half]:
        """Return where flows of this kind (of decode.kinds) are found."""
        return self.tcp if kind == TCP else self.udp if kind == UDP else self.other


class Place:
    """One site and segment, and the networks seen there."""

    def __init__(self, site: str, segment: str) -> None:
        self.site = site
        self.segment = segment
        self.untagged: Lane | None = None
        self.tagged: dict[int, Lane] = {}
        self.tunnelled: dict[tuple[int, bytes], Lane] = {}


class Lanes:
    """All networks of one worker, and the numbers that networks and endpoints go by."""

    def __init__(self, places: dict[tuple[int, int], tuple[str, str]], counts: Counts) -> None:
        self.configured = places  # (source, interface) -> site and segment
        self.counts = counts
        self.by_name: dict[tuple[str, str], Place] = {}
        self.by_interface: dict[tuple[int, int], Place] = {}
        self.overflow: Lane | None = None
        self.every: list[Lane] = []  # by the number of their network
        self.next_endpoint: i64 = 0
        self.cleared_at: i64 = -PAYING  # flows ended when room was made last
        # The last one, since the next frame mostly comes from there too
        self.place = Place("", "")
        self.source: i64 = -1
        self.interface: i64 = -1

    def find(self, segment: Segment) -> Lane:
        """Return the lane of a frame."""
        if segment.source != self.source or segment.interface != self.interface:
            self.source = segment.source
            self.interface = segment.interface
            self.place = self.place_of(segment.source, segment.interface)
        place = self.place
        if segment.tunnel:
            lane = place.tunnelled.get((segment.vlan, segment.tunnel))
        elif segment.vlan != 0:
            lane = place.tagged.get(segment.vlan)
        else:
            lane = place.untagged
        return lane if lane is not None else self.add(place, segment)

    def place_of(self, source: i64, interface: i64) -> Place:
        """Return the site and segment an interface looks at."""
        place = self.by_interface.get((source, interface))
        if place is not None:
            return place
        name = self.configured.get((source, interface), ("", ""))
        place = self.by_name.setdefault(name, Place(*name))
        if len(self.by_interface) >= MAX_PLACES:
            self.by_interface.clear()
        self.by_interface[(source, interface)] = place
        return place

    def add(self, place: Place, segment: Segment) -> Lane:
        """Open the lane of a network that was not seen before."""
        if self.counts.networks >= MAX_NETWORKS:
            self.counts.networks_overflowed += 1
            if self.overflow is None:
                self.overflow = Lane(Network(self.counts.networks, "", "", "overflow", ""))
                self.every.append(self.overflow)
            return self.overflow
        vlan = segment.vlan
        lane = Lane(Network(self.counts.networks, place.site, place.segment, vlan_text(vlan), segment.tunnel_text))
        self.counts.networks += 1
        self.every.append(lane)
        if segment.tunnel:
            place.tunnelled[(vlan, segment.tunnel)] = lane
        elif vlan != 0:
            place.tagged[vlan] = lane
        else:
            place.untagged = lane
        return lane

    def endpoint(self, lane: Lane, address: bytes) -> Endpoint:
        """Return the endpoint of this address, always the same object."""
        endpoint = lane.endpoints.get(address)
        if endpoint is not None:
            return endpoint
        if self.counts.endpoints >= MAX_ENDPOINTS:
            self.counts.endpoints_overflowed += 1
            if lane.overflow is None:
                lane.overflow = self.make(lane.network, b"", "overflow")
            return lane.overflow
        endpoint = self.make(lane.network, address, address_text(address))
        self.counts.endpoints += 1
        lane.endpoints[address] = endpoint
        return endpoint

    def make(self, network: Network, address: bytes, text: str) -> Endpoint:
        """Return a fresh endpoint."""
        number = self.next_endpoint
        self.next_endpoint += 1
        return Endpoint(number, network, address, text)

    def is_crowded(self) -> bool:
        """Say whether two more endpoints find no room, and enough flows have ended to pay for looking at all."""
        full = self.counts.endpoints + 2 > MAX_ENDPOINTS
        return full and self.counts.flows_closed - self.cleared_at >= PAYING

    def make_room(self) -> list[Endpoint]:
        """Forget the endpoints that have no open flow and that nobody keeps; return them."""
        self.cleared_at = self.counts.flows_closed
        busy = self.busy()
        gone: list[Endpoint] = []
        for lane in self.every:
            endpoints = lane.endpoints
            left = [one for one in endpoints.values() if not one.kept and one.number not in busy]
            for endpoint in left:
                del endpoints[endpoint.address]
            gone.extend(left)
        self.counts.endpoints -= len(gone)
        self.counts.endpoints_forgotten += len(gone)
        return gone

    def busy(self) -> set[int]:
        """Return the numbers of the endpoints with an open flow."""
        numbers: set[int] = set()
        for lane in self.every:
            for table in (lane.tcp, lane.udp, lane.other):
                for half in table.values():
                    numbers.add(half.flow.opener.number)
                    numbers.add(half.flow.answerer.number)
        return numbers


def learn_mac(endpoint: Endpoint, segment: Segment) -> None:
    """Take the sender's MAC when the packet crossed no router; RFC 791 and 8200 leave the first TTL to the sender."""
    at = segment.mac_at
    if at < 0 or not endpoint.address:
        return
    if segment.version != 0 and segment.ttl not in FRESH_TTLS:
        return
    mac = segment.frame[at + 6 : at + 12]
    if len(mac) == 6 and mac[0] & 1 == 0 and mac != b"\0\0\0\0\0\0":
        endpoint.mac = mac


def vlan_text(vlan: i64) -> str:
    """Write a stack of tags outermost first: "100.10"; a priority tag is VLAN 0."""
    tags: list[str] = []
    while vlan != 0:
        tags.insert(0, str(vlan & 0xFFF))
        vlan = vlan >> 13 & 0xFFFFFFFFFFFF
    return ".".join(tags)


def address_text(address: bytes) -> str:
    """Write an address as people do."""
    if len(address) == 6:
        return address.hex(":")
    if len(address) in (4, 16):
        return str(ipaddress.ip_address(address))
    return address.hex()
