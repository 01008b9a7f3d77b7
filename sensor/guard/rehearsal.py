"""Confinement as it would be put up, in a child that is thrown away, and then tried from inside.

The rule it lives by: a protection counts as on when an attempt against it has failed, and not because it was asked for.
"""

from __future__ import annotations

import mmap
import os
import signal
import socket
from typing import TYPE_CHECKING, Any, Final

import orjson

from sensor.guard import kernel
from sensor.guard.calls import numbers
from sensor.guard.confine import confine
from sensor.guard.protection import OFF, ON, GuardError, Protection

if TYPE_CHECKING:
    from collections.abc import Callable

    from sensor.guard.policy import Policy

SECONDS: Final = 30  # then the child is ended by its own alarm
GET_DUMPABLE: Final = 3
TRACE_ME: Final = 0
EVERYBODYS: Final = "/etc/passwd"  # which any user may read, and no sensor needs
MOST: Final = 1 << 20


def become_root() -> None:
    """Try the way back."""
    os.setresuid(0, 0, 0)


def open_a_socket() -> None:
    """Try to hear more than was given."""
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()


def be_looked_into() -> None:
    """Try to be traced by somebody of the same user."""
    if kernel.prctl(GET_DUMPABLE) == 0:
        raise PermissionError


def run_what_was_written() -> None:
    """Try to make code."""
    mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def read_a_file() -> None:
    """Try to read what was not named."""
    os.close(os.open(EVERYBODYS, os.O_RDONLY))


def signal_outside() -> None:
    """Try to reach the process that started it all."""
    os.kill(1, 0)


def be_traced() -> None:
    """Try a call that any process may make and no sensor needs; a program is kept from running by Landlock as well."""
    kernel.call(numbers(kernel.machine() or "")["ptrace"], TRACE_ME, 0, None, None)


ATTEMPTS: Final[dict[str, Callable[[], None]]] = {
    "user": become_root, "capabilities": open_a_socket, "no dumps": be_looked_into,
    "write xor execute": run_what_was_written, "landlock files": read_a_file, "landlock scopes": signal_outside,
    "seccomp": be_traced,
}  # fmt: skip


def rehearse(policy: Policy) -> list[Protection]:
    """Return what protects, as tried; raise GuardError where the policy cannot be put up."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        perform(policy, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        said = told.read(MOST)
    _, status = os.waitpid(child, 0)
    if not said:
        raise GuardError(f"the confined child ended without a word (status {status})")
    answer: Any = orjson.loads(said)
    if isinstance(answer, str):
        raise GuardError(answer)
    return [Protection(*one) for one in answer]


def perform(policy: Policy, writing: int) -> None:
    """Be confined, try to get out, tell, and end; this never returns."""
    try:
        signal.alarm(SECONDS)
        found = [tried(one) for one in confine(policy)]
        os.write(writing, orjson.dumps([[one.name, one.state, one.why] for one in found]))
    except (GuardError, OSError) as error:
        os.write(writing, orjson.dumps(str(error)))
    finally:
        os._exit(0)


def tried(protection: Protection) -> Protection:
    """Return a protection as an attempt against it, in a child of its own, finds it."""
    attempt = ATTEMPTS.get(protection.name)
    if protection.state != ON or attempt is None:
        return protection
    child = os.fork()
    if child == 0:
        try:
            attempt()
        except BaseException:  # noqa: BLE001  # refused, in whichever way
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status == 0:
        return protection._replace(state=OFF, why=f"put up, and yet this worked: {(attempt.__doc__ or '').strip()}")
    return protection
