"""What an asset is, judged by what it does.

The rule it lives by: a role is a conclusion, so it is never without its reason. The first line of the table that
fits decides; lines are ordered from what a machine cannot do by accident to what any machine does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sensor.behaviour.behaviour import Behaviour
    from sensor.inventory.asset import Asset

PROGRAMMING: Final = frozenset(("program_download", "program_upload"))
ENGINEERING: Final = PROGRAMMING | {"start", "stop"}  # said of an engineering station; a stop alone makes none
COMMANDS: Final = frozenset(("write", "operate", "select"))
ROUTINE_POLLS: Final = 3  # the same read three times is a poll, not a look around
OWN_UNITS: Final = frozenset(("0", "255"))  # the server itself, not a device behind it (Modbus TCP guide 4.4.2)
SEARCHING: Final = 10  # this many unanswered openings are a search


class Role(NamedTuple):
    """A role and why it is believed."""

    name: str  # controller, outstation, gateway, engineering_station, master, client, scanner, server, unheard, host
    reason: str


def role(asset: Asset) -> Role:
    """Return the asset's role by its conduct."""
    served = [b for b in asset.as_server if answers(b)]
    used = asset.as_client
    if served:
        return serving(served, used)
    if used:
        return using(asset, used)
    if asset.sought >= SEARCHING:
        return Role("scanner", f"opened {asset.sought} conversations that nobody answered")
    if asset.serves:
        return Role("server", f"answers on {listed(asset.serves)}")
    if not asset.heard:
        return Role("unheard", "was spoken to and never seen to answer")
    return Role("host", "seen, in no role that this sensor knows")


def serving(served: list[Behaviour], used: list[Behaviour]) -> Role:
    """Judge an asset that answers in an OT protocol."""
    clients = len({b.client.number for b in served})
    count = sum(answers(b) for b in served)
    words = f"answered {count} {protocols(served)} requests of {clients} client{'s' if clients > 1 else ''}"
    polls = [b for b in used if polled(b)]
    if polls:
        return Role("gateway", f"{words}, and itself polls {servers(polls)}")
    units = {b.unit for b in served if b.protocol == "modbus" and polled(b) and b.accepted} - OWN_UNITS
    if len(units) > 1:
        return Role("gateway", f"{words}, as {len(units)} units")
    name = "outstation" if all(b.protocol == "dnp3" for b in served) else "controller"
    return Role(name, words)


def using(asset: Asset, used: list[Behaviour]) -> Role:
    """Judge an asset that asks in an OT protocol."""
    if asset.sought >= SEARCHING:
        return Role("scanner", f"opened {asset.sought} conversations that nobody answered, and spoke {protocols(used)}")
    if any(b.action in PROGRAMMING for b in used):
        deeds = [b for b in used if b.action in ENGINEERING]
        words = ", ".join(sorted({b.action.replace("_", " ") for b in deeds}))
        return Role("engineering_station", f"{words} on {servers(deeds)}")
    polls = [b for b in used if polled(b)]
    if polls:
        commands = [b for b in used if b.action in COMMANDS]
        words = f"polls {servers(polls)} by {protocols(polls)}"
        return Role("master", f"{words} and commands {servers(commands)}" if commands else words)
    return Role("client", f"asked {servers(used)} by {protocols(used)}, without polling")


def answers(behaviour: Behaviour) -> int:
    """Return how often the server said anything."""
    outcomes = behaviour.outcomes()
    return sum(outcomes.get(name, 0) for name in ("accepted", "refused", "unsolicited", "orphan"))


def polled(behaviour: Behaviour) -> bool:
    """Say whether this is a poll: the same read, again and again."""
    return behaviour.action == "read" and behaviour.count >= ROUTINE_POLLS


def servers(behaviours: Iterable[Behaviour]) -> str:
    """Name the servers, or count them when they are many."""
    return listed(dict.fromkeys(b.server.text for b in behaviours))


def protocols(behaviours: Iterable[Behaviour]) -> str:
    """Name the protocols."""
    return "/".join(sorted({b.protocol for b in behaviours}))


def listed(names: dict[str, None]) -> str:
    """Write up to two names, or the first and how many more there are."""
    some = list(names)
    return " and ".join(some) if len(some) <= 2 else f"{some[0]} and {len(some) - 1} more"
