"""The kernel's calls that Python's standard library has no function for.

The rule it lives by: a call does what it was asked to do, or raises OSError with the kernel's own reason.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import threading
from typing import Final

Argument = int | ctypes.Array[ctypes.c_char] | ctypes.Structure | None

# What may be asked of prctl(2).
SET_DUMPABLE: Final = 4
GET_SECCOMP: Final = 21
SET_SECCOMP: Final = 22
BOUNDING_READ: Final = 23
BOUNDING_DROP: Final = 24
SET_SECUREBITS: Final = 28
GET_SECUREBITS: Final = 27
SET_NO_NEW_PRIVS: Final = 38
GET_NO_NEW_PRIVS: Final = 39
AMBIENT: Final = 47
AMBIENT_CLEAR_ALL: Final = 4
SET_MDWE: Final = 65
GET_MDWE: Final = 66

# Only where the numbers are known may a filter speak of them.
MACHINES: Final = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
libc.prctl.restype = ctypes.c_int


def call(number: int, *arguments: Argument) -> int:
    """Make one system call by its number."""
    return checked(libc.syscall(ctypes.c_long(number), *map(word, arguments)))


def prctl(option: int, *arguments: Argument) -> int:
    """Ask something about this process; what is not given is zero, as the kernel wants it."""
    padded = (*arguments, 0, 0, 0, 0)[:4]
    return checked(libc.prctl(ctypes.c_int(option), *map(word, padded)))


def word(argument: Argument) -> ctypes.c_ulong | ctypes.c_void_p:
    """Return an argument as the kernel takes it; Python would cut numbers to 32 bits."""
    if isinstance(argument, int):
        return ctypes.c_ulong(argument & 0xFFFF_FFFF_FFFF_FFFF)
    return ctypes.c_void_p(None if argument is None else ctypes.addressof(argument))


def checked(result: int) -> int:
    """Return a result; raise OSError for a failure."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def machine() -> str | None:
    """Return the architecture whose system calls we know and this process makes; None for any other."""
    if sys.byteorder != "little" or sys.maxsize < 2**32:
        return None
    return MACHINES.get(platform.machine().lower())


def threads() -> int:
    """Return how many threads this process has; a confined parent's child cannot look, and was forked with one."""
    try:
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208  # names only, of a folder that is no path of anybody's
    except OSError:
        return threading.active_count()
