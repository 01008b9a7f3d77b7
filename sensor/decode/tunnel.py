"""Packets inside packets: GRE, ERSPAN, VXLAN, Geneve, IP in IP. The outer path stays in the Segment.

RFC 2784, 2890 and 2637 (GRE), draft-foschiano-erspan-03, RFC 7348 (VXLAN), RFC 8926 (Geneve), RFC 2003, 2473, 4213.
The rule it lives by: what only looks like a tunnel stays what it was, a UDP datagram or another IP protocol.
"""

import ipaddress
from typing import Final

from librt.strings import BytesWriter, write_i64_be
from mypy_extensions import i64

from sensor.decode.ethernet import by_version
from sensor.decode.frame import ETHERNET, IPV4, IPV6, MPLS, PPP, Frame, u16, u32
from sensor.decode.kinds import NESTED_TOO_DEEP, UDP
from sensor.decode.oddities import GRE_UNKNOWN
from sensor.decode.transport import portless

MAX_TUNNELS: Final = 4  # ERSPAN of VXLAN of IP in IP is three
MAX_PATHS: Final = 1_024  # texts kept; spoofed outer addresses must not fill memory

IPIP: Final = 0
GRE: Final = 1
ERSPAN: Final = 2
VXLAN: Final = 3
GENEVE: Final = 4
NAMES: Final = ("ipip", "gre", "erspan", "vxlan", "geneve")

GENEVE_PORT: Final = 6081
VXLAN_PORTS: Final = (4789, 8472)  # IANA's, and the one Linux used before


class Paths:
    """The text of each tunnel's path, made once."""

    def __init__(self) -> None:
        self.texts: dict[bytes, str] = {}

    def enter(self, frame: Frame, tunnel: i64, number: i64, step: i64) -> i64:
        """Note the outer path and go on with `step` inside it; `number` tells tunnels of one path apart."""
        segment = frame.segment
        frame.tunnels += 1
        if frame.tunnels > MAX_TUNNELS:
            return NESTED_TOO_DEEP
        begin = frame.addresses_at
        half = frame.addresses_size // 2
        first = frame.data[begin : begin + half]
        second = frame.data[begin + half : begin + frame.addresses_size]
        if tunnel != ERSPAN and second < first:  # both directions are one path; ERSPAN has one direction only
            first, second = second, first
        out = BytesWriter()
        write_i64_be(out, tunnel << 32 | number)
        write_i64_be(out, segment.vlan)
        key = segment.tunnel + out.getvalue() + first + second
        text = self.texts.get(key)
        if text is None:
            text = describe(segment.tunnel_text, tunnel, number, segment.vlan, first, second)
            if len(self.texts) >= MAX_PATHS:
                self.texts.clear()
            self.texts[key] = text
        segment.tunnel = key
        segment.tunnel_text = text
        segment.vlan = 0
        segment.mac_at = -1
        segment.ethertype = 0
        segment.forget_packet()
        frame.source_at = -1
        return step


def describe(outer: str, tunnel: i64, number: i64, vlan: i64, first: bytes, second: bytes) -> str:
    """Write a path as people do: "vxlan 5000 192.0.2.1<>192.0.2.2"."""
    words = [NAMES[tunnel]]
    if number != 0:
        words.append(str(number))
    words.append(address(first) + (">" if tunnel == ERSPAN else "<>") + address(second))
    if vlan != 0:
        words.append("vlan " + vlan_text(vlan))
    text = " ".join(words)
    return f"{outer}, {text}" if outer else text


def vlan_text(vlan: i64) -> str:
    """Write a stack of tags, outermost first, joined by dots."""
    tags: list[str] = []
    while vlan != 0:
        tags.insert(0, str(vlan & 0xFFF))
        vlan >>= 13
    return ".".join(tags)


def address(raw: bytes) -> str:
    """Write an IP address."""
    return str(ipaddress.ip_address(raw))


def gre(frame: Frame, paths: Paths) -> i64:
    """RFC 2784 and 2890: which optional words are there is said by flags; version 1 is PPTP's (RFC 2637)."""
    lack = frame.lacks(4)
    if lack != 0:
        return lack
    data = frame.data
    at = frame.at
    flags = u16(data, at)
    inner = u16(data, at + 2)
    version = flags & 7
    size: i64 = 4
    if flags & 0x8000 != 0:
        size += 4
    key_at = at + size
    if flags & 0x2000 != 0:
        size += 4
    if flags & 0x1000 != 0:
        size += 4
    if version == 1 and flags & 0x0080 != 0:
        size += 4
    lack = frame.lacks(size)
    if lack != 0:
        return lack
    if version > 1 or flags & 0x4000 != 0 or not is_carried(inner, version):
        frame.note(GRE_UNKNOWN)
        return portless(frame)
    key: i64 = 0
    if flags & 0x2000 != 0 and version == 0:  # PPTP's key differs by direction
        key = u32(data, key_at)
    frame.at = at + size
    if inner in (0x88BE, 0x22EB):
        frame.edge = frame.wire  # the mirror may have cut the frame inside
    if inner == 0x88BE and flags & 0x1000 == 0:
        return paths.enter(frame, ERSPAN, 0, ETHERNET)  # type I has no header of its own
    if inner in (0x88BE, 0x22EB):
        return erspan(frame, paths, at)
    return paths.enter(frame, GRE, key, inside_gre(inner))


def is_carried(inner: i64, version: i64) -> bool:
    """Say whether a GRE payload is decoded."""
    if version == 1:
        return inner == 0x880B
    return inner in (0x0800, 0x86DD, 0x6558, 0x88BE, 0x22EB, 0x8847, 0x8848, 0x880B)


def inside_gre(inner: i64) -> i64:
    """Return the step for a protocol that GRE carries."""
    if inner == 0x0800:
        return IPV4
    if inner == 0x86DD:
        return IPV6
    if inner == 0x6558:
        return ETHERNET
    return PPP if inner == 0x880B else MPLS


def erspan(frame: Frame, paths: Paths, gre_at: i64) -> i64:
    """Types II and III: version, VLAN, session; type III may carry IP, and a subheader of the platform."""
    lack = frame.lacks(8)
    if lack != 0:
        return lack
    data = frame.data
    at = frame.at
    version = i64(data[at]) >> 4
    vlan = u16(data, at) & 0x0FFF
    session = u16(data, at + 2) & 0x03FF
    stripped = i64(data[at + 2]) >> 3 & 3 == 2  # the mirrored frame had a tag that is only told of here
    carried: i64 = 0
    frame.at = at + 8
    if version == 2:
        lack = frame.lacks(4)
        if lack != 0:
            return lack
        last = u16(data, at + 10)
        carried = last >> 10 & 31
        frame.at = at + (20 if last & 1 != 0 else 12)
    if version not in (1, 2) or carried not in (0, 2):
        frame.note(GRE_UNKNOWN)
        frame.at = gre_at
        return portless(frame)
    step = paths.enter(frame, ERSPAN, session, by_version(frame) if carried == 2 else ETHERNET)
    if stripped:
        frame.segment.vlan = 0x1000 | vlan
    return step


def udp_tunnel(frame: Frame, paths: Paths) -> i64:
    """Go inside a UDP datagram whose port and header both say tunnel; else it is just UDP."""
    port = frame.segment.destination_port
    if port in VXLAN_PORTS:
        return vxlan(frame, paths)
    if port == GENEVE_PORT:
        return geneve(frame, paths)
    return UDP


def vxlan(frame: Frame, paths: Paths) -> i64:
    """RFC 7348: the I flag, and nothing else but what the group policy extension (flag G) uses."""
    if not frame.has(22):
        return UDP
    data = frame.data
    at = frame.at
    flags = u32(data, at)
    plain = flags == 0x08000000
    policy = flags & 0xFFB70000 == 0x88000000
    if not (plain or policy) or data[at + 7] != 0:
        return UDP
    number = u32(data, at + 4) >> 8
    frame.at = at + 8
    return paths.enter(frame, VXLAN, number, ETHERNET)


def geneve(frame: Frame, paths: Paths) -> i64:
    """RFC 8926: version 0, options that fit, reserved bits 0, and a known protocol inside."""
    if not frame.has(8):
        return UDP
    data = frame.data
    at = frame.at
    size = 8 + (i64(data[at]) & 0x3F) * 4
    inner = u16(data, at + 2)
    wrong = data[at] >> 6 != 0 or data[at + 1] & 0x3F != 0 or data[at + 7] != 0 or not frame.has(size)
    if wrong or inner not in (0x6558, 0x0800, 0x86DD):
        return UDP
    number = u32(data, at + 4) >> 8
    frame.at = at + size
    return paths.enter(frame, GENEVE, number, inside_gre(inner))
