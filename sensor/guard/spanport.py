"""May the sensor listen on these interfaces: nothing of this machine may answer there.

The rule it lives by: nothing is changed by us. What is wrong is refused, with the command that mends it.
"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Final, NamedTuple

from sensor.guard import netlink

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NO_ARP: Final = 0x80  # IFF_NOARP
LOOPBACK: Final = 0x8  # IFF_LOOPBACK
ROUTES: Final = pathlib.Path("/proc/net/route")
ROUTES_IPV6: Final = pathlib.Path("/proc/net/ipv6_route")
REACHED: Final = "this machine is reached that way: name the span port instead"
TOLD: Final = 4  # addresses told of one interface


class Refusal(NamedTuple):
    """Why an interface is not listened on."""

    interface: str
    found: str
    expected: str
    mend: str  # the command that mends it

    def __str__(self) -> str:
        """Say it in one line."""
        return f"interface {self.interface}: {self.found}; expected {self.expected}: {self.mend}"


def check(names: Iterable[str]) -> list[Refusal]:
    """Return why the sensor would not be receive-only on some interfaces; what is not there is no matter of ours."""
    links, addresses = netlink.links(), netlink.addresses()
    present = [links[name] for name in names if name in links]
    return [one for link in present for one in refusals(link, addresses.get(link.index, []))]


def refusals(link: netlink.Link, addresses: list[str]) -> Iterator[Refusal]:
    """Return what would answer on one interface. Nobody is told to cut off the way by which he came."""
    reached = link.name in default_ways()
    if addresses:
        more = f" and {len(addresses) - TOLD} more" if len(addresses) > TOLD else ""
        yield Refusal(
            link.name,
            f"has the address {', '.join(addresses[:TOLD])}{more}",
            "none on a span port",
            REACHED if reached else without(link.name, addresses),
        )
    if not link.flags & (NO_ARP | LOOPBACK):
        yield Refusal(
            link.name, "answers ARP, also for this machine's other addresses", "ARP switched off",
            REACHED if reached else f"ip link set {link.name} arp off",
        )  # fmt: skip


def without(name: str, addresses: list[str]) -> str:
    """Return the commands that take the addresses away, and keep new ones from coming."""
    commands = [f"ip address flush dev {name}"]
    if any(":" in one for one in addresses):
        commands.append(f"sysctl -w net/ipv6/conf/{name}/disable_ipv6=1")
    return " && ".join(commands)


def default_ways() -> set[str]:
    """Return the interfaces of default routes."""
    found = set()
    for path, name, network in ((ROUTES, 0, (1, 7)), (ROUTES_IPV6, 9, (0, 1))):
        try:
            lines = path.read_text(encoding="ascii", errors="replace").splitlines()
        except OSError:  # a kernel without IPv6
            continue
        fields = (line.split() for line in lines)
        found |= {one[name] for one in fields if len(one) > 9 and all(set(one[at]) == {"0"} for at in network)}
    return found - {"lo"}
