"""The wires a syslog message goes out on: UDP, TCP, TLS over TCP.

The rule it lives by: a message counts when the other machine has it, as far as that can be known. On a stream that is
when its kernel has acknowledged the last byte; a datagram is never acknowledged.
"""

import contextlib
import fcntl
import select
import socket
import ssl
import struct
import time
from collections.abc import Iterable
from typing import Final, Protocol

from sensor.ship.rfc5424 import counted

TIMEOUT_SECONDS: Final = 10.0  # to connect, to write, and for the other side's kernel to have it all
SIOCOUTQ: Final = 0x5411  # Linux: bytes of a TCP socket that the other side has not acknowledged
MAX_DATAGRAM: Final = 65_507  # bytes; IPv6 carries 20 more
POLL_SECONDS: Final = 0.002
SEND_BUFFER: Final = 1 << 20


class Channel(Protocol):
    """Somewhere messages can be sent; raises OSError."""

    max_bytes: int  # of one message

    def send(self, messages: Iterable[bytes]) -> None:
        """Send messages and wait until the other machine has them."""

    def close(self) -> None:
        """Let go of the connection."""


class Datagrams:
    """UDP, one message each (RFC 5426), at most `rate` a second; each `copies` times."""

    def __init__(self, host: str, port: int, rate: float = 0, copies: int = 1, max_bytes: int = MAX_DATAGRAM) -> None:
        self.max_bytes = max_bytes
        self.rate = rate
        self.copies = copies
        self._due = 0.0
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        self.address = address
        self._socket = socket.socket(family, kind, proto)
        self._socket.settimeout(TIMEOUT_SECONDS)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)

    def send(self, messages: Iterable[bytes]) -> None:
        """Send messages; nothing comes back."""
        # Not connected: behind a diode an ICMP "port unreachable" would be an error of the next message.
        whole = list(messages)
        for _ in range(self.copies):
            for message in whole:
                self._wait()
                self._socket.sendto(message, self.address)

    def _wait(self) -> None:
        if self.rate <= 0:
            return
        now = time.monotonic()
        self._due = max(self._due, now - 1.0 / self.rate) + 1.0 / self.rate
        if self._due > now:
            time.sleep(self._due - now)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class Stream:
    """TCP, each message counted (RFC 6587, 3.4.1) or ended by a line feed (3.4.2); with TLS as RFC 5425 has it."""

    max_bytes = 1 << 20

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None, *, lines: bool = False) -> None:
        self.lines = lines
        plain = socket.create_connection((host, port), TIMEOUT_SECONDS)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(TIMEOUT_SECONDS * 1000))
        try:
            self._socket = tls.wrap_socket(plain, server_hostname=host) if tls is not None else plain
        except OSError:
            plain.close()
            raise

    def send(self, messages: Iterable[bytes]) -> None:
        """Send messages and wait until the other side's kernel has the last byte."""
        self._still_there()
        frame = ended if self.lines else counted
        self._socket.sendall(b"".join(map(frame, messages)))
        self._drain()
        self._still_there()

    def _still_there(self) -> None:
        """Raise where the other side has hung up: what is written after that is lost without an error."""
        readable, _, _ = select.select([self._socket], [], [], 0)
        if not readable:
            return
        self._socket.setblocking(False)
        try:
            with contextlib.suppress(ssl.SSLWantReadError, BlockingIOError):
                while said := self._socket.recv(4096):
                    del said  # a syslog server says nothing; TLS session tickets come and go unseen
                raise ConnectionResetError("the other side has closed the connection")
        finally:
            self._socket.settimeout(TIMEOUT_SECONDS)

    def _drain(self) -> None:
        end = time.monotonic() + TIMEOUT_SECONDS
        while unacknowledged(self._socket):
            if time.monotonic() > end:
                raise TimeoutError("the other side does not acknowledge what was sent")
            time.sleep(POLL_SECONDS)

    def close(self) -> None:
        """Close the connection, TLS first."""
        with contextlib.suppress(OSError):
            if isinstance(self._socket, ssl.SSLSocket):
                self._socket.settimeout(1)
                self._socket.unwrap()
        self._socket.close()


def ended(message: bytes) -> bytes:
    """Return a message as a line."""
    return message.replace(b"\n", b" ") + b"\n"


def unacknowledged(connection: socket.socket) -> int:
    """Return how many bytes of a TCP connection the other side's kernel has not acknowledged."""
    (count,) = struct.unpack("i", fcntl.ioctl(connection.fileno(), SIOCOUTQ, b"\0\0\0\0"))
    return int(count)
