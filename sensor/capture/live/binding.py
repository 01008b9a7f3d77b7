# mypyc: off: runs seldom
"""Binding a socket to its interface: at start by the parent, and by a worker when an interface has come back.

The rule it lives by: nothing here needs privileges, and nothing reaches a reader before filter and fanout stand.
"""

import errno
import socket
import struct
from typing import Final

from sensor.capture.live import fanout, interface
from sensor.capture.live.kernel import (
    ETH_P_ALL,
    PACKET_ADD_MEMBERSHIP,
    PACKET_AUXDATA,
    PACKET_MR_PROMISC,
    PACKET_RX_RING,
    SO_LOCK_FILTER,
    SO_TIMESTAMPNS,
    SOL_PACKET,
)
from sensor.capture.live.span import BLOCK_SIZE, RETIRE_MS, SpanSocket

LEAST_BLOCKS: Final = 8  # 2 MiB; where not even that is to be had, a plain socket is no worse
FRAME_SIZE: Final = 2048  # tp_frame_size: of no meaning in a V3 ring, but it must divide the blocks
PLAIN_BUFFER: Final = 64 << 20  # bytes, where no ring was asked for
MAX_PLAIN_BUFFER: Final = 0x3FFF_FFFF  # the kernel doubles it, in 31 bits


def bind(span: SpanSocket, generation: int) -> None:
    """Begin to hear the interface; raises OSError."""
    sock = span.sockets[generation]
    sock.bind((span.name, ETH_P_ALL))
    if span.settings.promiscuous:
        index = interface.index_of(sock, span.name)
        sock.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, struct.pack("=iHH8x", index, PACKET_MR_PROMISC, 0))
    if span.fanout is not None:
        fanout.join(sock, span.fanout, generation)
    sock.setsockopt(socket.SOL_SOCKET, SO_LOCK_FILTER, 1)


def give(span: SpanSocket, generation: int, wanted: int) -> None:
    """Give a bound socket its ring of `wanted` blocks, or make it a plain one, and say what is other than wished."""
    sock = span.sockets[generation]
    size = wanted * BLOCK_SIZE >> 20
    span.ring_blocks = make_ring(sock, wanted)
    if span.ring_blocks == 0:
        make_plain(sock, wanted * BLOCK_SIZE or PLAIN_BUFFER)
        if wanted:
            span.remarks.append(
                f"{span.name}: the kernel refuses a ring of {size} MB; frames are read one by one from a plain socket, "
                "which is many times slower"
            )
    elif span.ring_blocks < wanted:
        got = span.ring_blocks * BLOCK_SIZE >> 20
        span.remarks.append(f"{span.name}: there is no memory for a ring of {size} MB; it has {got} MB")


def make_ring(sock: socket.socket, blocks: int) -> int:
    """Give a socket its ring, smaller where memory is short; return its number of blocks, 0 where it is refused."""
    while blocks >= LEAST_BLOCKS:
        frames = blocks * (BLOCK_SIZE // FRAME_SIZE)
        request = struct.pack("=7I", BLOCK_SIZE, blocks, FRAME_SIZE, frames, RETIRE_MS, 0, 0)
        try:
            sock.setsockopt(SOL_PACKET, PACKET_RX_RING, request)
        except OSError as error:
            if error.errno == errno.EBUSY:
                return blocks  # by a worker that died right afterwards
            if error.errno != errno.ENOMEM:
                return 0
            blocks //= 2
        else:
            return blocks
    return 0


def make_plain(sock: socket.socket, size: int) -> None:
    """Prepare a socket that is read frame by frame."""
    sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, min(size, MAX_PLAIN_BUFFER))
    sock.setblocking(False)
