"""Is an interface a good span port: there, up, silent, unglued, and losing nothing.

The rule it lives by: the kernel's lists are read; nothing is set and nothing is sent.
"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Final

from sensor.guard import netlink, spanport
from sensor.guard.doctor.finding import NOTE, WARNING, WELL, WRONG, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sensor.guard.doctor.want import Want

IPV6: Final = pathlib.Path("/proc/sys/net/ipv6/conf")
NETWORK_MANAGER: Final = pathlib.Path("/run/NetworkManager")
UP: Final = 0x1  # IFF_UP
LOOPBACK: Final = 0x8  # IFF_LOOPBACK
ETHERNET: Final = (1, 772)  # ARPHRD_: Ethernet, and the loopback that frames like it
ORDINARY_MTU: Final = 1500
LOSSES: Final = {
    "rx_missed_errors": "the card had no room left: its ring was full",
    "rx_fifo_errors": "the card was overrun",
    "rx_over_errors": "the card was overrun",
    "rx_crc_errors": "frames arrived broken: cable, transceiver or a port that does not match",
    "rx_frame_errors": "frames arrived broken: cable, transceiver or a port that does not match",
    "rx_length_errors": "frames were longer or shorter than the card takes: see the MTU",
    "rx_dropped": "the kernel had no room or no use for them",
}


def examine(name: str, want: Want) -> Iterator[Finding]:
    """Look at one interface; end early where it is not there."""
    link = netlink.links().get(name)
    if link is None:
        yield Finding(WRONG, name, "exists", "there is no such interface", f"one of {', '.join(netlink.links())}")
        return
    yield from is_up(link)
    yield from is_silent(link, want)
    yield from belongs_to_nobody(link)
    yield from hears_everything(link, want)
    yield from takes_long_frames(link)
    yield from has_lost(link)


def is_up(link: netlink.Link) -> Iterator[Finding]:
    """Look at kind, state and carrier."""
    if link.frames not in ETHERNET:
        yield Finding(WRONG, link.name, "kind", f"frames of kind {link.frames}", "Ethernet")
    if not link.flags & UP:
        yield Finding(WRONG, link.name, "up", "is down", "up", f"ip link set {link.name} up")
    elif not link.carrier:
        yield Finding(WRONG, link.name, "up", "has no carrier", "a link", "see to cable, transceiver and mirror port")
    else:
        yield Finding(WELL, link.name, "up", "is up")


def is_silent(link: netlink.Link, want: Want) -> Iterator[Finding]:
    """Look for what would answer on it: addresses, ARP, IPv6, and other programs that may bring them back."""
    refusals = list(spanport.refusals(link, netlink.addresses().get(link.index, [])))
    level = WARNING if want.allow_addresses else WRONG
    for one in refusals:
        yield Finding(level, link.name, "silent", one.found, one.expected, one.mend)
    if not refusals:
        yield Finding(WELL, link.name, "silent", "has no address and answers no ARP")
    if read_number(IPV6 / link.name / "disable_ipv6") == 0 and not link.flags & LOOPBACK:
        mend = f"sysctl -w net/ipv6/conf/{link.name}/disable_ipv6=1"
        yield Finding(
            WARNING,
            link.name,
            "ipv6",
            "IPv6 is on: it may give itself an address, and sends to find routers",
            "off",
            mend,
        )
    if NETWORK_MANAGER.exists() and not link.flags & LOOPBACK:
        yield Finding(
            NOTE,
            link.name,
            "managed",
            "NetworkManager runs here and may give it an address",
            "left alone",
            f"nmcli device set {link.name} managed no",
        )


def belongs_to_nobody(link: netlink.Link) -> Iterator[Finding]:
    """Look whether what arrives is passed on."""
    if link.master:
        names = {one.index: one for one in netlink.links().values()}
        above = names.get(link.master)
        told = f"{above.name} ({above.kind})" if above is not None else "another interface"
        yield Finding(
            WRONG,
            link.name,
            "alone",
            f"is part of {told}, which may send out what arrives here",
            "nothing above it",
            f"ip link set {link.name} nomaster",
        )


def hears_everything(link: netlink.Link, want: Want) -> Iterator[Finding]:
    """Look at promiscuity, which the sensor switches on for as long as it listens."""
    if link.promiscuity:
        yield Finding(WELL, link.name, "promiscuous", "takes frames that are meant for others")
    elif want.promiscuous:
        yield Finding(
            WELL, link.name, "promiscuous", "is not promiscuous now; otsensor watch makes it so while it listens"
        )
    else:
        yield Finding(
            WARNING,
            link.name,
            "promiscuous",
            "takes frames for this machine only",
            "promiscuous",
            f"ip link set {link.name} promisc on, or promiscuous: true",
        )


def takes_long_frames(link: netlink.Link) -> Iterator[Finding]:
    """Look at the MTU: many cards drop what is longer before anybody can count it."""
    name, mtu = link.name, link.mtu
    if mtu < ORDINARY_MTU:
        yield Finding(
            WRONG, name, "mtu", f"MTU {mtu}", f"{ORDINARY_MTU} or more", f"ip link set {name} mtu {ORDINARY_MTU}"
        )
    elif mtu == ORDINARY_MTU:
        yield Finding(
            NOTE,
            name,
            "mtu",
            f"MTU {mtu}: many cards drop longer frames unseen",
            "more where the plant uses jumbo frames or several tags",
            f"ip link set {name} mtu 9000",
        )
    else:
        yield Finding(WELL, name, "mtu", f"MTU {mtu}")


def has_lost(link: netlink.Link) -> Iterator[Finding]:
    """Look at what was lost since the interface is there."""
    name, counted = link.name, link.counters
    lost = {key: counted[key] for key in LOSSES if counted.get(key)}
    for key, count in lost.items():
        share = count / max(1, counted.get("rx_packets", 0) + count)
        level = WARNING if share > 1e-4 else NOTE
        yield Finding(level, name, key, f"{key} {count:,} since it was made, {share:.2%} of all: {LOSSES[key]}")
    if not lost:
        yield Finding(
            WELL, name, "lost", f"nothing lost of {counted.get('rx_packets', 0):,} frames, as the kernel counts"
        )
    sent = counted.get("tx_packets", 0)
    if sent:
        yield Finding(
            NOTE,
            name,
            "sent",
            f"{sent:,} frames have left it since it was made",
            "none from a span port",
            f"listen for what it is: tcpdump -Q out -i {name}",
        )


def read_number(path: pathlib.Path) -> int | None:
    """Return a number that stands in a file."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
