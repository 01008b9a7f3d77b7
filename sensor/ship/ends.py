"""Whom destinations connect to, so that a shipper can be kept from everybody else.

The rule it lives by: where a destination's far side names others, or an address cannot be read, nothing is promised.
"""

from __future__ import annotations

import ipaddress
import urllib.parse
from typing import TYPE_CHECKING, Final, NamedTuple

from sensor.ship import kinds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sensor.ship.destination import Settings

NAMES: Final = 53  # answers too long for a datagram come by TCP
HTTP: Final = {"http": 80, "https": 443}


class End(NamedTuple):
    """One far end."""

    host: str
    port: int | None  # of TCP; None: only datagrams go there


class Reached(NamedTuple):
    """All far ends together."""

    ports: tuple[int, ...] | None  # of TCP; None: any
    lookups: bool  # some have names, and not only addresses


def of_url(url: str, default: int | None = None) -> End | None:
    """Return the far end of a URL; None for what cannot be read."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port or default or HTTP.get(parts.scheme)
    except ValueError:
        return None
    return End(parts.hostname, port) if parts.hostname and port else None


def reached(destinations: Iterable[Settings]) -> Reached:
    """Return what all destinations together have to reach."""
    found: list[End] = []
    for settings in destinations:
        ends: Sequence[End | None] | None = kinds.kind(settings.type).ends(settings)
        if ends is None or None in ends:
            return Reached(None, lookups=True)
        found += [one for one in ends if one is not None]
    lookups = any(not is_address(one.host) for one in found)
    ports = {one.port for one in found if one.port is not None} | ({NAMES} if lookups else set())
    return Reached(tuple(sorted(ports)), lookups)


def is_address(host: str) -> bool:
    """Say whether a host is given by its address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
