"""Capabilities and the other ways back to power, given up for good; capabilities(7), prctl(2).

The rule it lives by: what was given up is looked at afterwards. A kernel that says yes is not taken at its word.
"""

from __future__ import annotations

import ctypes
import resource
from typing import Final

from sensor.guard import kernel
from sensor.guard.protection import ABSENT, OFF, ON, GuardError, Protection

VERSION: Final = 0x20080522  # _LINUX_CAPABILITY_VERSION_3: two words for each set
SETPCAP: Final = 8
WORDS: Final = 64  # capabilities that two words of 32 bits can hold
# NOROOT, NO_SETUID_FIXUP, NO_CAP_AMBIENT_RAISE, each with its lock, and the lock alone of KEEP_CAPS.
SECUREBITS: Final = 0b1110_1111
EXEC_GAIN: Final = 1  # PR_MDWE_REFUSE_EXEC_GAIN


class Header(ctypes.Structure):
    """Whose capabilities; pid 0 is this thread."""

    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class Sets(ctypes.Structure):
    """Effective, permitted and inheritable: the low words, then the high ones."""

    _fields_ = (("words", ctypes.c_uint32 * 6),)


def held() -> dict[str, int]:
    """Return the three sets of this thread as bits."""
    header, sets = Header(VERSION, 0), Sets()
    kernel.checked(kernel.libc.capget(ctypes.byref(header), ctypes.byref(sets)))
    names = ("effective", "permitted", "inheritable")
    return {name: sets.words[number] | sets.words[number + 3] << 32 for number, name in enumerate(names)}


def bounding() -> set[int]:
    """Return the numbers in the bounding set."""
    found = set()
    for number in range(WORDS):
        try:
            if kernel.prctl(kernel.BOUNDING_READ, number):
                found.add(number)
        except OSError:  # one more than this kernel knows
            break
    return found


def lower() -> None:
    """Give up what can only be given up while capabilities are still there: bounding set, ambient set, root's ways."""
    kernel.prctl(kernel.AMBIENT, kernel.AMBIENT_CLEAR_ALL)
    if held()["effective"] >> SETPCAP & 1:
        for number in bounding():
            kernel.prctl(kernel.BOUNDING_DROP, number)
        kernel.prctl(kernel.SET_SECUREBITS, SECUREBITS)


def drop() -> Protection:
    """Give up all capabilities, after `lower` and the change of user; raise GuardError where some stay."""
    header, sets = Header(VERSION, 0), Sets()
    kernel.checked(kernel.libc.capset(ctypes.byref(header), ctypes.byref(sets)))
    left = {name for name, bits in held().items() if bits}
    if left:
        raise GuardError(f"capabilities: {', '.join(sorted(left))} still hold some after all were dropped")
    why = "effective, permitted, inheritable and ambient are empty"
    if bounding():
        why += "; the bounding set is not: whoever started the sensor left it no right to empty it"
    else:
        why += ", so is the bounding set"
    locked = kernel.prctl(kernel.GET_SECUREBITS) == SECUREBITS
    return Protection("capabilities", ON, f"{why}; securebits are locked" if locked else why)


def no_new_privileges() -> Protection:
    """Let no program that is run gain anything by its set-uid bit or its file capabilities."""
    kernel.prctl(kernel.SET_NO_NEW_PRIVS, 1)
    if kernel.prctl(kernel.GET_NO_NEW_PRIVS) != 1:
        raise GuardError("no new privileges: the kernel took it and does not hold it")
    return Protection("no new privileges", ON, "set-uid programs and file capabilities give nothing")


def no_dumps() -> Protection:
    """Let nobody of the same user look into this process, and write no core with what came from the wire."""
    kernel.prctl(kernel.SET_DUMPABLE, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return Protection("no dumps", ON, "not dumpable, no core files, not to be traced by its own user")


def no_written_code() -> Protection:
    """Let memory that was written to never be run (Memory-Deny-Write-Execute)."""
    try:
        if kernel.prctl(kernel.GET_MDWE) & EXEC_GAIN == 0:
            kernel.prctl(kernel.SET_MDWE, EXEC_GAIN)
    except OSError:
        return Protection("write xor execute", ABSENT, "needs Linux 6.3, on this architecture")
    return Protection("write xor execute", ON, "memory that was written to is never run")


def asked_off(name: str) -> Protection:
    """Return a protection that somebody asked to leave off."""
    return Protection(name, OFF, "asked for: sandbox is off")
