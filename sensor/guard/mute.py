"""The sockets that listen on a plant, found so that they can be kept from ever speaking.

The rule it lives by: nobody has to remember them. Each packet socket that is open when a process is confined is muted,
whoever opened it.
"""

from __future__ import annotations

import ctypes
import os
import resource
from typing import TYPE_CHECKING, Final

from sensor.guard import kernel

if TYPE_CHECKING:
    from collections.abc import Iterable

SOL_SOCKET, SO_DOMAIN = 1, 39
AF_PACKET: Final = 17
MOST: Final = 65_536  # numbers tried where they cannot be listed


def listening() -> tuple[int, ...]:
    """Return the descriptors of this process's packet sockets."""
    return tuple(number for number in numbers() if family(number) == AF_PACKET)


def put_aside(keep: Iterable[int]) -> list[int]:
    """Let the packet sockets go that are not kept, and hold their numbers; return these.

    A filter put up by the parent knows sockets by their numbers: what would be opened next under one of them could not
    be written to.
    """
    others = sorted(set(listening()) - set(keep))
    if others:
        nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        for number in others:
            os.dup2(nothing, number, inheritable=False)
        os.close(nothing)
    return others


def numbers() -> Iterable[int]:
    """Return the descriptors there may be; a confined parent's child cannot list them."""
    try:
        return sorted(map(int, os.listdir("/proc/self/fd")))  # noqa: PTH208  # names only
    except OSError:
        return range(min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], MOST))


def family(number: int) -> int | None:
    """Return the family of a descriptor's socket; None for what is none."""
    found, size = ctypes.c_int(), ctypes.c_uint(4)
    arguments = (ctypes.c_int(number), SOL_SOCKET, SO_DOMAIN, ctypes.byref(found), ctypes.byref(size))
    return None if kernel.libc.getsockopt(*arguments) < 0 else found.value
