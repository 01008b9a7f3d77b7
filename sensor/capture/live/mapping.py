# mypyc: off: runs once for each ring
"""A ring in this process's memory.

Python's own `mmap` keeps a copy of the descriptor, and copying a socket that listens on a plant is what a confined
process may not do.
The rule it lives by: only the memory is taken.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from typing import Final

LIBC: Final = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
LIBC.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
FAILED: Final = ctypes.c_void_p(-1).value


class Mapping:
    """Some bytes shared with the kernel."""

    def __init__(self, descriptor: int, size: int) -> None:
        protection = mmap.PROT_READ | mmap.PROT_WRITE
        address = LIBC.mmap(None, size, protection, mmap.MAP_SHARED, descriptor, 0)
        if address == FAILED:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        self.address = address
        self.size = size
        self.bytes = memoryview((ctypes.c_ubyte * size).from_address(address)).cast("B")

    def close(self) -> None:
        """Give the memory back; nothing may look at it afterwards."""
        self.bytes.release()
        if self.size:
            LIBC.munmap(self.address, self.size)
            self.size = 0
