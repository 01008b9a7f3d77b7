"""Send a capture's frames out of an interface, at a given rate or as fast as the kernel takes them.

Run as `python -P bench/sender.py CAPTURE INTERFACE RATE FIRST`: says "ready", and when a line comes sends the FIRST
frames slowly, for the plant to be known; says "warm", and when another line comes sends the rest at RATE, and prints
what that was as JSON. The frames are laid out once for `sendmmsg`, so that no Python runs per frame: of what a frame
costs here, nearly all is the kernel's.

The rule it lives by: what it says it has sent was taken by the kernel, and it says how long that took and what it cost.
"""

from __future__ import annotations

import array
import ctypes
import json
import os
import socket
import struct
import sys
import time
from typing import Final

PACKET_QDISC_BYPASS: Final = 20
SOL_PACKET: Final = 263
MOST: Final = 1024  # messages sendmmsg takes at once (UIO_MAXIOV)
FINEST: Final = 0.000_5  # s between two calls; below, waiting is less exact than the sleep
MESSAGE: Final = 64  # bytes of struct mmsghdr
VECTOR: Final = 16  # of struct iovec
SLOWLY: Final = 50_000  # frames a second, which any program takes while it learns


class Frames:
    """A capture's frames, ready to be sent."""

    def __init__(self, path: str) -> None:
        with open(path, "rb") as file:  # noqa: PTH123
            self.data = bytearray(file.read())
        self.held = (ctypes.c_ubyte * len(self.data)).from_buffer(self.data)
        start = ctypes.addressof(self.held)
        vectors = array.array("Q")
        at, size = 24, len(self.data)
        while at < size:
            captured = struct.unpack_from("=I", self.data, at + 8)[0]
            vectors.append(start + at + 16)
            vectors.append(captured)
            at += 16 + captured
        self.count = len(vectors) // 2
        self.vectors = vectors
        first = vectors.buffer_info()[0]
        # name, its length, the vectors, their number, control, its length, flags; then what was sent
        self.messages = array.array("Q", bytes(MESSAGE * self.count))
        self.messages[2::8] = array.array("Q", range(first, first + VECTOR * self.count, VECTOR))
        self.messages[3::8] = array.array("Q", [1]) * self.count
        self.address = self.messages.buffer_info()[0]


def send(frames: Frames, interface: str, rate: float, first: int, last: int) -> dict[str, float]:
    """Send the frames from `first` up to `last`, `rate` of them a second, 0: as fast as it goes."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.sendmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
        sock.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
        sock.bind((interface, 0))
        handle, sent = sock.fileno(), 0
        used, began = time.process_time(), time.monotonic()
        total = last - first
        while sent < total:
            due = min(int((time.monotonic() - began + FINEST) * rate), total) if rate else total
            if due <= sent:
                time.sleep(FINEST)
                continue
            at = frames.address + (first + sent) * MESSAGE
            done = libc.sendmmsg(handle, at, min(MOST, due - sent), 0)
            if done < 0:
                error = ctypes.get_errno()
                raise OSError(error, os.strerror(error), interface)
            sent += done
        seconds = time.monotonic() - began
        return {"frames": sent, "seconds": seconds, "cpu": time.process_time() - used}


def main() -> None:
    """Send, and print what was done."""
    path, interface, rate, first = sys.argv[1:]
    frames = Frames(path)
    print("ready", flush=True)
    sys.stdin.readline()
    send(frames, interface, SLOWLY, 0, int(first))
    print("warm", flush=True)
    sys.stdin.readline()
    print(json.dumps(send(frames, interface, float(rate), int(first), frames.count)), flush=True)


if __name__ == "__main__":
    main()
