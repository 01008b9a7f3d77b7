"""What a few seconds of an interface's frames tell of the mirror behind it.

The rule it lives by: it looks at enough to judge the mirror and no more; each table has a bound, and who is over it is
not counted twice but not at all.
"""

from __future__ import annotations

import collections
import struct
from typing import Final

OUTGOING: Final = 4  # PACKET_OUTGOING: sent by this machine
FOR_US: Final = 0  # PACKET_HOST
TO_OTHERS: Final = 3  # PACKET_OTHERHOST
VLAN_VALID, UNFINISHED = 1 << 4, 1 << 3  # TP_STATUS_
TAGS: Final = (0x8100, 0x88A8, 0x9100)
IPV4, IPV6 = 0x0800, 0x86DD
TCP, UDP = 6, 17
ETHERNET: Final = 14
TAG: Final = 4
WITHIN_SECONDS: Final = 0.1  # a mirror's copy follows at once; a repetition by TCP takes longer and has another id
MAX_CONVERSATIONS: Final = 20_000
MAX_REMEMBERED: Final = 50_000  # packets in which copies are looked for
MAX_SUMS: Final = 5_000  # checksums that are worked out: Python takes its time for each
MAX_VLANS: Final = 64


class Traffic:
    """What was seen on one interface."""

    def __init__(self, mtu: int) -> None:
        self.mtu = mtu
        self.frames = 0
        self.octets = 0
        self.to_others = 0
        self.glued = 0
        self.longest = 0
        self.unfinished = 0
        self.summed = 0
        self.wrong_sums = 0
        self.tcp = 0
        self.copies = 0
        self.sent: collections.Counter[str] = collections.Counter()  # by what this machine has sent
        self.vlans: collections.Counter[str] = collections.Counter()
        self.conversations: dict[tuple[bytes, bytes], list[int]] = {}  # frames one way and the other
        self.remembered: dict[int, float] = {}

    def take(self, frame: bytes, length: int, status: int, tag: int, kind: int, now: float) -> None:
        """Take one frame: `length` on the wire, `tag` as the card took it off, `kind` as the kernel sorted it."""
        if kind == OUTGOING:
            self.sent[described(frame)] += 1
            return
        self.frames += 1
        self.octets += length
        self.to_others += kind == TO_OTHERS
        self.unfinished += bool(status & UNFINISHED)
        at, ethertype, tags = layers(frame)
        if status & VLAN_VALID:
            tags.insert(0, tag & 0xFFF)
        if tags and (len(self.vlans) < MAX_VLANS or named(tags) in self.vlans):
            self.vlans[named(tags)] += 1
        self.longest = max(self.longest, length)
        self.glued += length - at > self.mtu
        if ethertype == IPV4:
            self.take_ipv4(frame, at, status, now)
        elif ethertype == IPV6 and len(frame) >= at + 40:
            (size,) = struct.unpack_from(">H", frame, at + 4)
            self.take_transport(frame, at, (at + 8, at + 24, at + 40), frame[at + 6], at + 40 + size, status, now)

    def take_ipv4(self, frame: bytes, at: int, status: int, now: float) -> None:
        """Take an IPv4 packet; fragments have no whole transport header."""
        if len(frame) < at + 20:
            return
        header = (frame[at] & 0xF) * 4
        total, _, fragment = struct.unpack_from(">HHH", frame, at + 2)
        if fragment & 0x3FFF == 0:
            where = (at + 12, at + 16, at + header)
            self.take_transport(frame, at, where, frame[at + 9], at + total, status, now)

    def take_transport(
        self, frame: bytes, at: int, where: tuple[int, int, int], protocol: int, end: int, status: int, now: float
    ) -> None:
        """Take TCP or UDP; `where` are source, destination and transport header."""
        source, destination, head = where
        if protocol not in (TCP, UDP) or len(frame) < head + 8:
            return
        if self.summed < MAX_SUMS and not status & UNFINISHED and len(frame) >= end > head:
            self.check_sum(
                frame[source:head] if head - source <= 32 else frame[source : source + 8], protocol, frame[head:end]
            )
        if protocol == TCP:
            self.tcp += 1
            self.copies += self.is_copy(frame[at:end], now)
            size = destination - source
            one = frame[source:destination] + frame[head : head + 2]
            other = frame[destination : destination + size] + frame[head + 2 : head + 4]
            self.meet(one, other)

    def check_sum(self, addresses: bytes, protocol: int, segment: bytes) -> None:
        """Work a checksum out; UDP over IPv4 may leave it out."""
        if protocol == UDP and segment[6:8] == b"\0\0":
            return
        self.summed += 1
        data = addresses + struct.pack(">HH", protocol, len(segment)) + segment + bytes(len(segment) & 1)
        self.wrong_sums += int.from_bytes(data, "big") % 0xFFFF != 0

    def is_copy(self, packet: bytes, now: float) -> bool:
        """Say whether the same packet, to the last byte, was here a moment ago."""
        key = hash(packet)
        before = self.remembered.get(key)
        if before is not None and now - before <= WITHIN_SECONDS:
            del self.remembered[key]  # a third one is a copy of a copy, and counted with the next
            return True
        if len(self.remembered) >= MAX_REMEMBERED:
            self.remembered = {one: when for one, when in self.remembered.items() if now - when <= WITHIN_SECONDS}
        if len(self.remembered) < MAX_REMEMBERED:
            self.remembered[key] = now
        return False

    def meet(self, one: bytes, other: bytes) -> None:
        """Count a frame of a conversation in its direction."""
        key = (one, other) if one < other else (other, one)
        counts = self.conversations.get(key)
        if counts is None:
            if len(self.conversations) >= MAX_CONVERSATIONS:
                return
            counts = self.conversations[key] = [0, 0]
        counts[one > other] += 1

    def one_way(self, at_least: int) -> tuple[int, int]:
        """Return how many conversations of some frames show one side only, and how many there are."""
        long = [counts for counts in self.conversations.values() if sum(counts) >= at_least]
        return sum(0 in counts for counts in long), len(long)


def layers(frame: bytes) -> tuple[int, int, list[int]]:
    """Return where the network header begins, the ethertype, and the tags before it."""
    at, tags = ETHERNET, []
    ethertype = int.from_bytes(frame[12:14], "big")
    while ethertype in TAGS and len(frame) >= at + TAG:
        tags.append(int.from_bytes(frame[at : at + 2], "big") & 0xFFF)
        ethertype = int.from_bytes(frame[at + 2 : at + 4], "big")
        at += TAG
    return at, ethertype, tags


def named(tags: list[int]) -> str:
    """Return a VLAN, or a stack of them from the outside in."""
    return ".".join(map(str, tags))


KNOWN: Final = {0x0806: "ARP", IPV4: "IPv4", IPV6: "IPv6", 0x88CC: "LLDP", 0x8808: "pause", 0x8809: "LACP"}


def described(frame: bytes) -> str:
    """Say what a frame is, and to whom."""
    _, ethertype, _ = layers(frame)
    return f"{KNOWN.get(ethertype, f'ethertype {ethertype:04x}')} to {frame[:6].hex(':')}"
