"""One TPACKET_V3 ring, read block by block.

The rule it lives by: a block is copied once and given back to the kernel at once, so that the ring's whole size is
there for what comes next; a reader that takes over begins at the oldest block that was not given back.
"""

import socket
import struct

from mypy_extensions import i64

from sensor.capture.live.kernel import (
    BLOCK_FRAMES,
    BLOCK_HEADER,
    BLOCK_LENGTH,
    BLOCK_SEQUENCE,
    BLOCK_STATUS,
    PACKET_STATISTICS,
    SOL_PACKET,
    TP_STATUS_USER,
)
from sensor.capture.live.mapping import Mapping
from sensor.capture.live.span import BLOCK_SIZE


class Port:
    """Where the frames of one socket come from."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def take(self) -> bytes:
        """Return the next frames as a ring block, b"" where there are none."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Tell whether `take` would give something."""
        raise NotImplementedError

    def mark(self) -> None:
        """Give no more than what was received up to now."""
        raise NotImplementedError

    def unread(self) -> i64:
        """Return the frames that wait."""
        raise NotImplementedError

    def losses(self) -> tuple[int, int]:
        """Return the kernel's drops and freezes since the last call."""
        found = self.sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 12)
        _, drops, freezes = struct.unpack("=III", found.ljust(12, b"\0"))
        return drops, freezes

    def close(self) -> None:
        """Let the memory go."""


class Ring(Port):
    """The ring of one socket, mapped into this process."""

    def __init__(self, sock: socket.socket, blocks: i64) -> None:
        super().__init__(sock)
        self.blocks = blocks
        self.mapping = self.mapped()
        self.memory: memoryview = self.mapping.bytes
        self.at = self.oldest()
        self.last: i64 = -1  # the highest sequence number that is given; -1: no limit

    def mapped(self) -> Mapping:
        """Map the ring: the kernel takes no other size than the ring's, which may be smaller than was wished."""
        while True:
            try:
                return Mapping(self.sock.fileno(), self.blocks * BLOCK_SIZE)
            except OSError:
                if self.blocks <= 1:
                    raise
                self.blocks //= 2

    def oldest(self) -> i64:
        """Return the block to begin with: of those that belong to us the oldest, else the one the kernel fills."""
        found: i64 = 0
        lowest: i64 = -1
        newest: i64 = -1
        filling: i64 = 0
        for block in range(self.blocks):
            sequence = self.sequence(block)
            if self.field(block, BLOCK_STATUS) & TP_STATUS_USER and (lowest < 0 or sequence < lowest):
                lowest, found = sequence, block
            if sequence > newest:
                newest, filling = sequence, block
        return found if lowest >= 0 else filling

    def field(self, block: i64, offset: i64) -> i64:
        """Read 32 bits of a block's header."""
        value: int = struct.unpack_from("=I", self.memory, block * BLOCK_SIZE + offset)[0]
        return value

    def sequence(self, block: i64) -> i64:
        """Return a block's sequence number; the kernel counts the blocks it fills from 1."""
        value: int = struct.unpack_from("=q", self.memory, block * BLOCK_SIZE + BLOCK_SEQUENCE)[0]
        return value

    def ready(self) -> bool:
        """Tell whether the kernel has given us the next block."""
        if self.field(self.at, BLOCK_STATUS) & TP_STATUS_USER == 0:
            return False
        return self.last < 0 or self.sequence(self.at) <= self.last

    def take(self) -> bytes:
        """Copy the next block and give it back."""
        if not self.ready():
            return b""
        start = self.at * BLOCK_SIZE
        length = min(max(self.field(self.at, BLOCK_LENGTH), BLOCK_HEADER), BLOCK_SIZE)
        data = self.memory[start : start + length].tobytes()
        struct.pack_into("=I", self.memory, start + BLOCK_STATUS, 0)
        self.at = self.at + 1 if self.at + 1 < self.blocks else 0
        return data

    def mark(self) -> None:
        """Give no more than up to the block that the kernel fills now."""
        self.last = max([int(self.sequence(block)) for block in range(self.blocks)])

    def unread(self) -> i64:
        """Return the frames in blocks that were given to us and not read."""
        frames: i64 = 0
        for block in range(self.blocks):
            if self.field(block, BLOCK_STATUS) & TP_STATUS_USER:
                frames += self.field(block, BLOCK_FRAMES)
        return frames

    def close(self) -> None:
        """Unmap the ring; the socket and the kernel's side of it stay."""
        self.mapping.close()
