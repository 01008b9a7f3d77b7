"""Secrets in the environment, erased once whoever needs them has a memory of its own.

The rule it lives by: what is forked later finds them nowhere, neither where the kernel put them nor where Python did.
"""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

HEAD: Final = bytes.__basicsize__ - 1  # of a bytes object, before what it holds


def erase(names: Iterable[str]) -> None:
    """Overwrite the values of environment variables and unset them; those that are not set are passed over."""
    libc = ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_void_p
    for name in {*names} & {*os.environ}:
        held = os.environb[name.encode()]
        if len(held) > 1:  # Python has one object for all that are equal and shorter
            ctypes.memset(libc.getenv(name.encode()), 0, len(held))
            ctypes.memset(id(held) + HEAD, 0, len(held))
        del os.environ[name]
