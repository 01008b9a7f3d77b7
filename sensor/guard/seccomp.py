"""seccomp: which system calls there are for this process from now on.

The rule it lives by: the filter is our own program, checked by the kernel; none of it depends on a library being there.
"""

from __future__ import annotations

import ctypes
import errno
from typing import TYPE_CHECKING, Final

from sensor.guard import kernel
from sensor.guard.program import assemble
from sensor.guard.protection import ABSENT, ON, GuardError, Protection

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sensor.guard.program import Rule

NAME: Final = "seccomp"
MODE_FILTER: Final = 2
SECCOMP_SET_MODE_FILTER: Final = 1
SPECULATE: Final = 4  # SPEC_ALLOW: our own code is not slowed down as somebody else's would have to be
CALL: Final = {"x86_64": 317, "aarch64": 277}


class Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def available() -> bool:
    """Say whether the kernel takes filters: one at address zero is refused as a bad address, not as a bad wish."""
    try:
        kernel.prctl(kernel.SET_SECCOMP, MODE_FILTER, None)
    except OSError as error:
        return error.errno == errno.EFAULT
    return False


def install(rules: Iterable[Rule], role: str) -> Protection:
    """Put a filter on this process and its children, on top of those that are there; raise GuardError."""
    machine = kernel.machine()
    if machine is None:
        return Protection(NAME, ABSENT, "calls are filtered on x86_64 and aarch64 only")
    if not available():
        return Protection(NAME, ABSENT, "this kernel has no seccomp filters (CONFIG_SECCOMP_FILTER)")
    code = assemble(rules, machine)
    put = ctypes.create_string_buffer(code, len(code))
    program = Program(len(code) // 8, ctypes.addressof(put))
    try:
        try:
            kernel.call(CALL[machine], SECCOMP_SET_MODE_FILTER, SPECULATE, program)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOSYS):
                raise
            kernel.prctl(kernel.SET_SECCOMP, MODE_FILTER, program)  # an older kernel, which knows no flags
        if kernel.prctl(kernel.GET_SECCOMP) != MODE_FILTER:
            raise GuardError("seccomp: the kernel took the filter and does not use it")
    except OSError as error:
        raise GuardError(f"seccomp: {error.strerror}") from None
    return Protection(NAME, ON, f"only the calls a {role} needs; the rest is refused, or ends the process")
