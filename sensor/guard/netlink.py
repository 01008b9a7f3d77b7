"""Interfaces and their addresses as the kernel lists them; rtnetlink(7).

The rule it lives by: it only asks for lists, which anybody may, and never for a change.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import socket
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

NEW_LINK, GET_LINK, NEW_ADDRESS, GET_ADDRESS = 16, 18, 20, 22  # RTM_…
REQUEST_LIST: Final = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
FAILED, DONE = 2, 3  # NLMSG_…
HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
ATTRIBUTE: Final = struct.Struct("=HH")
KIND_OF_ATTRIBUTE: Final = 0x3FFF  # the rest are flags
MOST: Final = 1 << 20  # bytes of one answer
# struct rtnl_link_stats64, in its order.
COUNTERS: Final = (
    "rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "rx_errors", "tx_errors", "rx_dropped", "tx_dropped",
    "multicast", "collisions", "rx_length_errors", "rx_over_errors", "rx_crc_errors", "rx_frame_errors",
    "rx_fifo_errors", "rx_missed_errors",
)  # fmt: skip

IFLA_NAME, IFLA_MTU, IFLA_MASTER, IFLA_LINKINFO, IFLA_STATISTICS, IFLA_PROMISCUITY, IFLA_CARRIER = (
    3,
    4,
    10,
    18,
    23,
    30,
    33,
)
IFLA_INFO_KIND: Final = 1
IFA_ADDRESS, IFA_LOCAL = 1, 2


@dataclasses.dataclass(frozen=True, slots=True)
class Link:
    """One interface."""

    index: int
    name: str
    flags: int
    master: int  # the index of the bridge or bond it belongs to, 0 for none
    kind: str  # veth, bridge, vlan …; empty for a card
    promiscuity: int  # how many want all frames
    frames: int  # of which kind, ARPHRD_…
    mtu: int
    carrier: bool
    counters: dict[str, int]


def links() -> dict[str, Link]:
    """Return all interfaces by name."""
    found = (link(body) for kind, body in listed(GET_LINK, struct.pack("=BxHiII", 0, 0, 0, 0, 0)) if kind == NEW_LINK)
    return {one.name: one for one in found}


def link(body: bytes) -> Link:
    """Return one interface."""
    frames, index, flags = struct.unpack_from("=HiI", body, 2)
    given = attributes(body[16:])
    inner = attributes(given.get(IFLA_LINKINFO, b""))
    return Link(
        index, text(given.get(IFLA_NAME, b"")), flags, number(given.get(IFLA_MASTER, b"")),
        text(inner.get(IFLA_INFO_KIND, b"")), number(given.get(IFLA_PROMISCUITY, b"")),
        frames, number(given.get(IFLA_MTU, b"")), given.get(IFLA_CARRIER, b"\0") != b"\0",
        counters(given.get(IFLA_STATISTICS, b"")),
    )  # fmt: skip


def counters(raw: bytes) -> dict[str, int]:
    """Return what the kernel counts of an interface."""
    size = min(len(raw) // 8, len(COUNTERS))
    return dict(zip(COUNTERS, struct.unpack_from(f"={size}Q", raw), strict=False))


def addresses() -> dict[int, list[str]]:
    """Return all addresses, with their prefix, by the interface's index."""
    found: dict[int, list[str]] = {}
    for kind, body in listed(GET_ADDRESS, struct.pack("=BxxxI", 0, 0)):
        given = attributes(body[8:])
        raw = given.get(IFA_LOCAL) or given.get(IFA_ADDRESS)
        if kind == NEW_ADDRESS and raw is not None and len(raw) in (4, 16):
            (index,) = struct.unpack_from("=I", body, 4)
            found.setdefault(index, []).append(f"{ipaddress.ip_address(raw)}/{body[1]}")
    return found


def listed(what: int, body: bytes) -> Iterator[tuple[int, bytes]]:
    """Ask for a list; return the kind and body of each entry. Raises OSError."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as kernel:
        kernel.bind((0, 0))
        kernel.send(HEADER.pack(HEADER.size + len(body), what, REQUEST_LIST, 1, 0) + body)
        while True:
            answer = kernel.recv(MOST)
            at = 0
            while at + HEADER.size <= len(answer):
                length, kind, *_ = HEADER.unpack_from(answer, at)
                entry = answer[at + HEADER.size : at + length]
                if kind == DONE:
                    return
                if kind == FAILED:
                    code = -struct.unpack_from("=i", entry)[0]
                    raise OSError(code, "the kernel lists no interfaces")
                yield kind, entry
                at += aligned(max(length, HEADER.size))


def attributes(data: bytes) -> dict[int, bytes]:
    """Return attributes by their kind."""
    found, at = {}, 0
    while at + ATTRIBUTE.size <= len(data):
        length, kind = ATTRIBUTE.unpack_from(data, at)
        found[kind & KIND_OF_ATTRIBUTE] = data[at + ATTRIBUTE.size : at + length]
        at += aligned(max(length, ATTRIBUTE.size))
    return found


def aligned(length: int) -> int:
    """Return where the next one begins."""
    return length + 3 & ~3


def text(raw: bytes) -> str:
    """Return a name."""
    return raw.rstrip(b"\0").decode(errors="replace")


def number(raw: bytes) -> int:
    """Return a number; 0 for one that is not there."""
    return int.from_bytes(raw[:4], "little" if struct.pack("=H", 1)[0] else "big")
