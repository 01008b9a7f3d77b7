"""What each of the sensor's processes may still do once it has what it needs.

The rule it lives by: a policy only takes away. A child's is laid on top of its parent's, so the parent's has to leave
whatever a child is to have.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sensor.guard import mute as mute_
from sensor.guard import places, roles
from sensor.guard.landlock import Reach

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterable

    from sensor.guard.program import Rule


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """What is left to one process."""

    role: str
    user: str | None  # to become; None: whoever it is
    reach: Reach
    rules: tuple[Rule, ...]
    temporary: pathlib.Path | None = None  # where SQLite may put what does not fit into memory
    sandbox: bool = True  # False: user and capabilities are dropped all the same


def recorder(
    *, user: str, store: pathlib.Path | None = None, writes: Iterable[pathlib.Path] = (),
    reads: Iterable[pathlib.Path] = (), mute: Iterable[int] | None = None, interfaces: Iterable[str] = (),
    shipping: Policy | None = None, sandbox: bool = True,
) -> Policy:  # fmt: skip
    """Return the policy of the process that supervises and records: it forks, and opens no socket.

    `store`: the folder of the database. `mute`: descriptors nothing is ever written to, unless told all packet sockets
    that are open now. None of them may be closed: its number, used again, would be mute as well. `shipping`: the policy
    of the shippers it will fork.
    """
    folders = tuple(dict.fromkeys([*([store] if store is not None else []), *writes]))
    system = (*common(), places.own_process(), *places.statistics(interfaces))
    reach = Reach(reads=tuple(reads), writes=folders, system=system, devices=places.devices())
    if shipping is not None:
        reach = joined(reach, shipping.reach)
    rules = tuple(roles.recorder(muted(mute), ships=shipping is not None))
    return Policy("recorder", user, reach, rules, store, sandbox)


def worker(
    *, writes: Iterable[pathlib.Path] = (), mute: Iterable[int] | None = None, interfaces: Iterable[str] = (),
    sandbox: bool = True,
) -> Policy:  # fmt: skip
    """Return the policy of a worker, made in the worker: it reads its rings, hands over, and writes captures."""
    folders = tuple(writes)
    system = (*common(), *places.statistics(interfaces))
    reach = Reach(writes=folders, system=system, devices=places.devices())
    return Policy("worker", None, reach, tuple(roles.worker(muted(mute), writes=bool(folders))), sandbox=sandbox)


def shipper(
    *, user: str | None = None, store: pathlib.Path | None = None, writes: Iterable[pathlib.Path] = (),
    reads: Iterable[pathlib.Path] = (), ports: Iterable[int] | None = None, lookups: bool = True,
    mute: Iterable[int] | None = None, sandbox: bool = True,
) -> Policy:  # fmt: skip
    """Return the policy of the process that ships, made in it: it connects to destinations, and runs threads.

    `ports`: the TCP ports of its destinations, None for any. `lookups`: destinations have names, not only addresses.
    """
    folders = tuple(dict.fromkeys([*([store] if store is not None else []), *writes]))
    trusted = places.existing((*places.CERTIFICATES, *(places.NAMES if lookups else ())))
    reach = Reach(
        reads=tuple(reads), writes=folders, system=(*common(), *trusted), devices=places.devices(),
        connect=None if ports is None else tuple(ports),
    )  # fmt: skip
    return Policy("shipper", user, reach, tuple(roles.shipper(muted(mute))), store, sandbox)


def muted(given: Iterable[int] | None) -> tuple[int, ...]:
    """Return the descriptors that are to be mute."""
    return mute_.listening() if given is None else tuple(given)


def common() -> tuple[pathlib.Path, ...]:
    """Return what every role reads."""
    return (*places.python(), *places.machine())


def joined(one: Reach, other: Reach) -> Reach:
    """Return what is within either reach."""
    ports = None if one.connect is None or other.connect is None else one.connect + other.connect
    return Reach(
        one.reads + other.reads, one.writes + other.writes, one.system + other.system, one.devices, ports, one.bind
    )
