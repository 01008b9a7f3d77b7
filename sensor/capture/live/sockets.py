# mypyc: off: runs once at start
"""Opening the sockets of a live capture: the part that needs privileges.

CAP_NET_RAW for the sockets, CAP_NET_ADMIN for hardware times. A socket begins with the protocol 0, so that it hears
nothing; the filter is attached before it is bound and locked before it is read.
The rule it lives by: what was asked for is given or refused with the reason; what is given instead is said aloud.
"""

from __future__ import annotations

import contextlib
import ctypes
import difflib
import fcntl
import socket
import struct
from typing import TYPE_CHECKING, Final

from sensor.capture.live import fanout, interface, kernel
from sensor.capture.live.binding import LEAST_BLOCKS, bind, give
from sensor.capture.live.bpf import hand_over
from sensor.capture.live.errors import LiveError
from sensor.capture.live.filter import compiled
from sensor.capture.live.span import BLOCK_SIZE, Fanout, RingSettings, SpanSocket

if TYPE_CHECKING:
    from collections.abc import Sequence

RETURNS: Final = 8  # how often an interface may come back under a fanout, for which each time needs a socket of its own
SNAP_LENGTHS: Final = range(64, 196_609)  # below, no header is whole; above, no ring block holds the frame
SMALLEST_RING: Final = LEAST_BLOCKS * BLOCK_SIZE
LARGEST_RING: Final = 4 << 30  # more is a mistake in the unit
MAX_WORKERS: Final = 64  # far more than cores that a span port can fill


def open_sockets(interfaces: Sequence[str], workers: int, settings: RingSettings) -> list[list[SpanSocket]]:
    """Return for each worker its socket of each interface, heard from now on; raises LiveError."""
    check(interfaces, workers, settings)
    with contextlib.ExitStack() as unless_all_is_well:
        interfaces_by_name = []
        for name in interfaces:
            spans = []
            for worker in range(workers):
                spans.append(open_one(name, worker, workers, settings))
                unless_all_is_well.callback(spans[-1].close)
            begin(spans, settings)
            interfaces_by_name.append(spans)
        unless_all_is_well.pop_all()
    return [list(sockets) for sockets in zip(*interfaces_by_name, strict=True)]


def remarks(opened: list[list[SpanSocket]]) -> list[str]:
    """Return what is other than asked for, each once."""
    return list(dict.fromkeys(remark for worker in opened for span in worker for remark in span.remarks))


def check(interfaces: Sequence[str], workers: int, settings: RingSettings) -> None:
    """Raise LiveError for what cannot be."""
    if not interfaces:
        raise LiveError("watch", "no interface", "at least one")
    for name in interfaces:
        if not name or len(name.encode()) > interface.MAX_NAME or list(interfaces).count(name) > 1:
            raise LiveError(f"interface {name!r}", "named twice" if name else "no name", "each interface once")
    if not 1 <= workers <= MAX_WORKERS:
        raise LiveError("workers", str(workers), f"1 to {MAX_WORKERS}")
    if settings.snap_length not in SNAP_LENGTHS:
        expected = f"{SNAP_LENGTHS.start} to {SNAP_LENGTHS.stop - 1} bytes"
        raise LiveError("snap_length", str(settings.snap_length), expected)
    if settings.ring_size and not SMALLEST_RING <= settings.ring_size <= LARGEST_RING:
        expected = f"{SMALLEST_RING >> 20} MB to {LARGEST_RING >> 20} MB, or 0 for a plain socket"
        raise LiveError("ring_size", f"{settings.ring_size} bytes", expected)


def open_one(name: str, worker: int, workers: int, settings: RingSettings) -> SpanSocket:
    """Open one interface for one worker: filtered, and not bound yet."""
    with contextlib.ExitStack() as unless_all_is_well:
        sockets = [unless_all_is_well.enter_context(new_socket(name)) for _ in range(1 + RETURNS * (workers > 1))]
        link_type = look(sockets[0], name)
        program = compiled(settings.filter, link_type, settings.snap_length)
        for sock in sockets:
            hand_over(sock, socket.SOL_SOCKET, kernel.SO_ATTACH_FILTER, program)
            sock.setsockopt(kernel.SOL_PACKET, kernel.PACKET_IGNORE_OUTGOING, 1)
            sock.setsockopt(kernel.SOL_PACKET, kernel.PACKET_VERSION, kernel.TPACKET_V3)
        span = SpanSocket(name, worker, link_type, settings, sockets)
        if settings.hardware_times:
            take_hardware_times(span)
        unless_all_is_well.pop_all()
    return span


def new_socket(name: str) -> socket.socket:
    """Open a packet socket that hears nothing yet."""
    try:
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    except PermissionError:
        raise LiveError(f"interface {name}", "not allowed to listen", "to run as root or with CAP_NET_RAW") from None
    except OSError as error:
        raise LiveError(f"interface {name}", f"no packet socket: {error.strerror}", "a kernel with AF_PACKET") from None


def look(sock: socket.socket, name: str) -> int:
    """Return an interface's LINKTYPE_; raise LiveError where it is not there or not of a kind we read."""
    if not interface.index_of(sock, name):
        there = [known for _, known in socket.if_nameindex()]
        near = difflib.get_close_matches(name, there, 1) or ["one of " + ", ".join(there)]
        raise LiveError(f"interface {name!r}", "not there", f"an interface of this machine; did you mean {near[0]}?")
    link_type = interface.link_type_of(sock, name)
    if link_type < 0:
        raise LiveError(f"interface {name}", "frames of a link we do not read", "Ethernet")
    return link_type


def begin(spans: list[SpanSocket], settings: RingSettings) -> None:
    """Bind one interface's sockets of all workers, deal its frames out to them, and give each its ring."""
    name = spans[0].name
    shared = Fanout(0, fanout.program()) if len(spans) > 1 else None
    try:
        if shared is not None:
            shared.first_id = unused_group(name)
        for span in spans:
            span.fanout = shared
            bind_or_fall_back(span)
    except OSError as error:
        raise LiveError(f"interface {name}", str(error.strerror), "an interface that can be listened to") from None
    for span in spans:
        give(span, 0, settings.ring_size // BLOCK_SIZE)


def bind_or_fall_back(span: SpanSocket) -> None:
    """Bind a socket; where the kernel refuses our fanout program, with the kernel's own flow hash."""
    try:
        bind(span, 0)
    except OSError:
        if span.fanout is None or not span.fanout.program or span.worker > 0:
            raise
        span.fanout.program = b""
        bind(span, 0)
        span.remarks.append(
            f"{span.name}: the kernel refuses a fanout by pairs of hosts; connections are dealt out by its flow hash"
        )


def unused_group(name: str) -> int:
    """Return the number of a fanout group that nobody uses: the kernel finds it for a socket that is not kept."""
    with new_socket(name) as sock:
        sock.setsockopt(kernel.SOL_PACKET, kernel.PACKET_IGNORE_OUTGOING, 1)
        sock.bind((name, kernel.ETH_P_ALL))
        wish = kernel.PACKET_FANOUT_HASH | kernel.PACKET_FANOUT_FLAG_UNIQUEID
        sock.setsockopt(kernel.SOL_PACKET, kernel.PACKET_FANOUT, struct.pack("=I", wish << 16))
        return sock.getsockopt(kernel.SOL_PACKET, kernel.PACKET_FANOUT) & 0xFFFF


def take_hardware_times(span: SpanSocket) -> None:
    """Let the interface time the frames; where it cannot, the kernel does, and that is said."""
    wish = ctypes.create_string_buffer(struct.pack("=iii", 0, kernel.HWTSTAMP_TX_OFF, kernel.HWTSTAMP_FILTER_ALL))
    request = span.name.encode().ljust(16, b"\0") + struct.pack("@P", ctypes.addressof(wish)) + bytes(16)
    try:
        fcntl.ioctl(span.sockets[0].fileno(), kernel.SIOCSHWTSTAMP, request)
        for sock in span.sockets:
            sock.setsockopt(kernel.SOL_PACKET, kernel.PACKET_TIMESTAMP, kernel.SOF_TIMESTAMPING_RAW_HARDWARE)
        span.hardware = True
    except OSError as error:
        span.remarks.append(f"{span.name}: no hardware times ({error.strerror}); the kernel's are used instead")
