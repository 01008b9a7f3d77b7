"""Landlock: which files, TCP ports, sockets and processes are within reach; landlock(7).

The rule it lives by: all that this kernel can deny is denied, and only what is named is given back; what an older
kernel cannot deny is said.
"""

from __future__ import annotations

import ctypes
import dataclasses
import errno
import os
import stat
from typing import TYPE_CHECKING, Final

from sensor.guard import kernel
from sensor.guard.protection import ABSENT, ON, GuardError, Protection

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterable

CREATE: Final = 444  # the same numbers on every architecture
ADD: Final = 445
RESTRICT: Final = 446
TELL_VERSION: Final = 1
BENEATH: Final = 1
PORT: Final = 2

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
REFER, TRUNCATE = 1 << 13, 1 << 14
BIND_TCP, CONNECT_TCP = 1 << 0, 1 << 1
ABSTRACT_SOCKETS, SIGNALS = 1 << 0, 1 << 1

# From which version of the interface on the kernel can deny how many of the rights to files, and what else.
FILE_RIGHTS: Final = ((5, 16), (3, 15), (2, 14), (1, 13))
NETWORK_FROM: Final = 4
SCOPES_FROM: Final = 6

READ: Final = READ_FILE | READ_DIR
WRITE: Final = READ | WRITE_FILE | TRUNCATE | REMOVE_FILE | REMOVE_DIR | MAKE_REG | MAKE_DIR | REFER
TOO_OLD: Final = "needs Linux {}; this kernel's Landlock is version {}"
OF_FILES: Final = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE  # what makes sense for a file itself


class Ruleset(ctypes.Structure):
    """What is denied unless a rule allows it."""

    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class Beneath(ctypes.Structure):
    """What is allowed at and below a path."""

    _pack_ = 1
    _layout_ = "ms"  # asked for beside _pack_ by newer Pythons; packed, it is the same
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


class Port(ctypes.Structure):
    """What is allowed with a TCP port."""

    _fields_ = (("allowed", ctypes.c_uint64), ("port", ctypes.c_uint64))


@dataclasses.dataclass(frozen=True, slots=True)
class Reach:
    """What stays within reach. A path that does not exist is an error in `reads` and `writes`, and not in `system`."""

    reads: tuple[pathlib.Path, ...] = ()
    writes: tuple[pathlib.Path, ...] = ()
    system: tuple[pathlib.Path, ...] = ()  # read where it exists
    devices: tuple[pathlib.Path, ...] = ()  # read and written where they exist
    connect: tuple[int, ...] | None = ()  # TCP ports; None: any
    bind: tuple[int, ...] = ()


def version() -> int:
    """Return the version of the kernel's interface; 0 where it has none, or it is switched off."""
    try:
        return kernel.call(CREATE, None, 0, TELL_VERSION)
    except OSError as error:
        if error.errno in (errno.ENOSYS, errno.EOPNOTSUPP):
            return 0
        raise


def restrict(reach: Reach) -> list[Protection]:
    """Restrict this thread and its children for good; raise GuardError where that fails."""
    known = version()
    if known == 0:
        why = "this kernel has no Landlock (Linux 5.13, CONFIG_SECURITY_LANDLOCK, lsm=landlock)"
        return [Protection(name, ABSENT, why) for name in ("landlock files", "landlock network", "landlock scopes")]
    denied = denials(known, reach)
    try:
        held = kernel.call(CREATE, denied, size(known), 0)
        try:
            for path, allowed in paths(reach):
                allow_path(held, path, allowed & denied.files)
            for number, allowed in ports(reach, denied.network):
                kernel.call(ADD, held, PORT, Port(allowed, number), 0)
            kernel.call(RESTRICT, held, 0)
        finally:
            os.close(held)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise GuardError(f"landlock: {where}{error.strerror}") from None
    return told(known, reach)


def denials(known: int, reach: Reach) -> Ruleset:
    """Return all that this kernel can deny."""
    files = next((1 << count) - 1 for since, count in FILE_RIGHTS if known >= since)
    network = 0
    if known >= NETWORK_FROM:
        network = BIND_TCP | (CONNECT_TCP if reach.connect is not None else 0)
    return Ruleset(files, network, ABSTRACT_SOCKETS | SIGNALS if known >= SCOPES_FROM else 0)


def size(known: int) -> int:
    """Return how much of the ruleset an older kernel understands."""
    return 24 if known >= SCOPES_FROM else 16 if known >= NETWORK_FROM else 8


def paths(reach: Reach) -> Iterable[tuple[pathlib.Path, int]]:
    """Return each path with what is allowed there."""
    yield from ((path, READ) for path in reach.reads)
    yield from ((path, WRITE) for path in reach.writes)
    yield from ((path, READ) for path in reach.system if os.path.lexists(path))
    yield from ((path, READ_FILE | WRITE_FILE) for path in reach.devices if os.path.lexists(path))


def allow_path(held: int, path: pathlib.Path, allowed: int) -> None:
    """Allow something at and below a path."""
    opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(opened).st_mode):
            allowed &= OF_FILES
        kernel.call(ADD, held, BENEATH, Beneath(allowed, opened), 0)
    finally:
        os.close(opened)


def ports(reach: Reach, denied: int) -> Iterable[tuple[int, int]]:
    """Return each TCP port with what is allowed with it; nothing where this kernel denies nothing."""
    for right, given in ((BIND_TCP, reach.bind), (CONNECT_TCP, reach.connect)):
        if denied & right:
            yield from ((number, right) for number in given or ())


def told(known: int, reach: Reach) -> list[Protection]:
    """Say what is denied now."""
    writes = ", ".join(map(str, reach.writes)) or "nowhere"
    found = [Protection("landlock files", ON, f"writes: {writes}; reads: what was named; runs: nothing")]
    if known < NETWORK_FROM:
        found.append(Protection("landlock network", ABSENT, TOO_OLD.format("6.7", known)))
    else:
        tcp = f"TCP connect to {spoken(reach.connect)}, bind to {spoken(reach.bind)}"
        found.append(Protection("landlock network", ON, tcp))
    if known < SCOPES_FROM:
        found.append(Protection("landlock scopes", ABSENT, TOO_OLD.format("6.12", known)))
    else:
        found.append(Protection("landlock scopes", ON, "no signals and no abstract sockets to processes outside"))
    return found


def spoken(given: tuple[int, ...] | None) -> str:
    """Return ports in words."""
    return "any port" if given is None else ", ".join(map(str, given)) or "no port"
