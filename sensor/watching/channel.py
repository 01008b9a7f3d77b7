"""Batches from a worker to the recorder, over a pair of sockets: each with its length before it.

The rule it lives by: neither side waits for the other. What the recorder has not taken yet lies with the worker, who
knows how much that is; what arrives is read in turns, so that one worker cannot keep the recorder from the others.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from sensor.handover.records import MAX_BATCH, Unfit

if TYPE_CHECKING:
    from collections.abc import Iterator

LENGTH: Final = struct.Struct("<I")
PIECE: Final = 262_144  # bytes of one read
TURN: Final = 2_097_152  # bytes taken from one worker before the others have their turn
BUFFER: Final = 1_048_576  # bytes the kernel keeps between the two, beside what lies with the worker


class Over(Exception):  # noqa: N818  # the end of a worker is a fact, not an error
    """The other side has closed."""


def pair() -> tuple[socket.socket, socket.socket]:
    """Return both ends: the recorder's, the worker's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    for end in (ours, theirs):
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    return ours, theirs


class Outgoing:
    """The worker's end."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.queue: deque[memoryview] = deque()
        self.bytes = 0

    def waiting(self) -> int:
        """Return how many bytes have not left yet."""
        return self.bytes

    def send(self, data: bytes) -> None:
        """Take a batch, and send what goes without waiting. Raises Over."""
        for part in (LENGTH.pack(len(data)), data):
            self.queue.append(memoryview(part))
            self.bytes += len(part)
        self.drain()

    def drain(self) -> bool:
        """Send what goes without waiting; return whether nothing is left. Raises Over."""
        while self.queue:
            part = self.queue[0]
            try:
                sent = self.channel.send(part)
            except BlockingIOError:
                return False
            except OSError as error:
                raise Over from error
            self.bytes -= sent
            if sent < len(part):
                self.queue[0] = part[sent:]
            else:
                self.queue.popleft()
        return True

    def finish(self, seconds: float) -> None:
        """Send everything, for at most so long. Raises Over."""
        until = time.monotonic() + seconds
        while not self.drain() and time.monotonic() < until:
            select.select([], [self.channel], [], 0.05)


class Inbox:
    """The recorder's end."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.data = bytearray()

    def read(self) -> Iterator[bytes]:
        """Yield the whole batches that are there; raises Over at the end, Unfit for a length that no batch has."""
        taken = 0
        while taken < TURN:
            try:
                piece = self.channel.recv(PIECE)
            except BlockingIOError:
                break
            except OSError as error:
                raise Over from error
            if not piece:
                raise Over
            taken += len(piece)
            self.data += piece
            yield from self.whole()

    def whole(self) -> Iterator[bytes]:
        """Yield the batches that are all there."""
        at = 0
        while len(self.data) - at >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self.data, at)
            if length > MAX_BATCH:
                raise Unfit(f"a batch of {length} bytes")
            end = at + LENGTH.size + length
            if len(self.data) < end:
                break
            yield bytes(self.data[at + LENGTH.size : end])
            at = end
        del self.data[:at]
