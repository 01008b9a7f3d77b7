"""Frames from a plain packet socket, one by one, where rings are refused.

What was read is laid out like a ring block, so that all that follows has one form to know.
The rule it lives by: no frame waits for another; whatever is there is one block.
"""

import socket
import struct
from typing import Final

from mypy_extensions import i64

from sensor.capture.live.kernel import (
    BLOCK_HEADER,
    FRAME_HEADER,
    PACKET_AUXDATA,
    SO_TIMESTAMPNS,
    SOL_PACKET,
)
from sensor.capture.live.ring import Port
from sensor.capture.live.span import BLOCK_SIZE

MAX_FRAMES: Final = 512  # in one block: some milliseconds of work, so that a flood does not delay the rest
ROOM: Final = 20  # bytes between header and frame, a tag may be put there; a multiple of four
ANCILLARY: Final = socket.CMSG_SPACE(20) + socket.CMSG_SPACE(16)


class Plain(Port):
    """A socket that is read frame by frame."""

    def __init__(self, sock: socket.socket, snap_length: i64) -> None:
        super().__init__(sock)
        self.snap_length = snap_length
        self.left: i64 = -1  # frames that may still be given; -1: no limit

    def ready(self) -> bool:
        """Tell whether a frame waits."""
        try:
            return len(self.sock.recv(1, socket.MSG_PEEK)) > 0
        except OSError:
            return False

    def take(self) -> bytes:
        """Return what is there, at most MAX_FRAMES."""
        pieces: list[bytes] = []
        size: i64 = 0
        while len(pieces) < MAX_FRAMES and size < BLOCK_SIZE and self.left != 0:
            try:
                frame, ancillary, _, _ = self.sock.recvmsg(self.snap_length, ANCILLARY)
            except OSError:  # nothing there, or the interface is down: `Tap` looks after it
                break
            piece = laid_out(frame, ancillary)
            pieces.append(piece)
            size += len(piece)
            if self.left > 0:
                self.left -= 1
        if not pieces:
            return b""
        header = struct.pack("=IIIIIIQ16x", 1, BLOCK_HEADER, 1, len(pieces), BLOCK_HEADER, BLOCK_HEADER + size, 0)
        return header + b"".join(pieces)

    def mark(self) -> None:
        """Give no more than a socket's buffer can hold."""
        self.left = MAX_FRAMES

    def unread(self) -> i64:
        """Count what waits, by taking it out."""
        frames: i64 = 0
        while self.ready() and frames < MAX_FRAMES:
            self.sock.recv(1)
            frames += 1
        return frames


def laid_out(frame: bytes, ancillary: list[tuple[int, int, bytes]]) -> bytes:
    """Return a frame behind a struct tpacket3_hdr."""
    seconds = nanoseconds = status = tci = tpid = 0
    original = len(frame)
    for level, kind, value in ancillary:
        if level == SOL_PACKET and kind == PACKET_AUXDATA and len(value) >= 20:
            status, original, _, _, _, tci, tpid = struct.unpack_from("=IIIHHHH", value)
        elif level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS and len(value) >= 16:
            seconds, nanoseconds = struct.unpack_from("@ll", value)
    padding = -len(frame) & 7
    mac = FRAME_HEADER + ROOM
    step = mac + len(frame) + padding
    head = struct.pack("=IIIIII", step, seconds & 0xFFFF_FFFF, nanoseconds, len(frame), original, status)
    tail = struct.pack("=HHIIHH8x", mac, 0, 0, tci, tpid, 0)
    return head + tail + bytes(ROOM) + frame + bytes(padding)
