"""Listeners of the far side: syslog over UDP, TCP and TLS, and a folder that files arrive in.

The rule it lives by: a listener only reads. What is no document of a feed is counted by why, and one bad sender costs
its own connection.
"""

from __future__ import annotations

import collections
import contextlib
import queue
import socket
import threading
from typing import TYPE_CHECKING, Final

import orjson

from sensor.ship.feed import Carried, NotCarried, taken_up
from sensor.ship.rfc5424 import Deframer, NotSyslog, parse

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

MAX_MESSAGE: Final = 1 << 20  # bytes
RECEIVE_BUFFER: Final = 8 << 20  # bytes asked of the kernel for datagrams; it may give less (net.core.rmem_max)
MAX_WAITING: Final = 10_000  # documents read and not yet kept; beyond it a stream waits, and datagrams in the kernel
MAX_CONNECTIONS: Final = 64
IDLE_SECONDS: Final = 600.0  # a connection without a byte is closed; the sensor makes a new one
HANDSHAKE_SECONDS: Final = 10.0
POLL_SECONDS: Final = 0.25


class Inlet:
    """Where listeners leave what they read."""

    def __init__(self) -> None:
        self.arrived: queue.Queue[Carried] = queue.Queue(MAX_WAITING)
        self.counts: collections.Counter[str] = collections.Counter()
        self.ending = threading.Event()
        self._lock = threading.Lock()

    def message(self, message: bytes) -> None:
        """Take a syslog message."""
        try:
            self.document(parse(message).text)
        except NotSyslog:
            self.count("not_syslog")

    def document(self, text: bytes) -> None:
        """Take a document's JSON."""
        found = self.read(text)
        if found is not None:
            self.arrived.put(found)

    def read(self, text: bytes) -> Carried | None:
        """Return a document; None, and counted, where it is none of a feed."""
        try:
            return taken_up(orjson.loads(text))
        except orjson.JSONDecodeError:
            self.count("not_json")
        except NotCarried:
            self.count("not_of_a_feed")
        return None

    def count(self, name: str, number: int = 1) -> None:
        """Count something."""
        with self._lock:
            self.counts[name] += number

    def drain_counts(self) -> dict[str, int]:
        """Return what was counted since the last time."""
        with self._lock:
            found = dict(self.counts)
            self.counts.clear()
        return found

    def take(self, most: int, seconds: float) -> list[Carried]:
        """Return what has arrived, at most `most`; wait up to `seconds` for the first."""
        found: list[Carried] = []
        with contextlib.suppress(queue.Empty):
            found.append(self.arrived.get(timeout=seconds))
            while len(found) < most:
                found.append(self.arrived.get_nowait())
        return found


class DatagramListener(threading.Thread):
    """Reads syslog datagrams."""

    def __init__(self, inlet: Inlet, host: str, port: int) -> None:
        super().__init__(daemon=True, name="udp")
        self.inlet = inlet
        family, kind, proto, _, where = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE
        )[0]
        self.socket = socket.socket(family, kind, proto)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.socket.settimeout(POLL_SECONDS)
        self.socket.bind(where)
        self.port: int = self.socket.getsockname()[1]

    def run(self) -> None:
        """Read until the end."""
        with self.socket:
            while not self.inlet.ending.is_set():
                with contextlib.suppress(TimeoutError):
                    self.inlet.message(self.socket.recv(65_536))


class StreamListener(threading.Thread):
    """Takes connections, and reads each in a thread of its own."""

    def __init__(self, inlet: Inlet, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(daemon=True, name="tcp")
        self.inlet = inlet
        self.tls = tls
        self.connections: list[threading.Thread] = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.create_server((host, port), family=family)
        self.socket.settimeout(POLL_SECONDS)
        self.port: int = self.socket.getsockname()[1]

    def run(self) -> None:
        """Take connections until the end."""
        with self.socket:
            while not self.inlet.ending.is_set():
                with contextlib.suppress(TimeoutError):
                    self._take(self.socket.accept()[0])
        for one in self.connections:
            one.join(2 * POLL_SECONDS)

    def _take(self, connection: socket.socket) -> None:
        self.connections = [one for one in self.connections if one.is_alive()]
        if len(self.connections) >= MAX_CONNECTIONS:
            self.inlet.count("connections_refused")
            connection.close()
            return
        thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
        self.connections.append(thread)
        thread.start()

    def _serve(self, plain: socket.socket) -> None:
        plain.settimeout(HANDSHAKE_SECONDS)
        try:
            with self.tls.wrap_socket(plain, server_side=True) if self.tls is not None else plain as connection:
                self._read(connection)
        except NotSyslog:
            self.inlet.count("streams_broken")
        except OSError:
            self.inlet.count("connections_failed")
        finally:
            plain.close()

    def _read(self, connection: socket.socket) -> None:
        connection.settimeout(POLL_SECONDS)
        frames = Deframer(MAX_MESSAGE)
        idle = 0.0
        while idle < IDLE_SECONDS and not self.inlet.ending.is_set():
            try:
                data = connection.recv(65_536)
            except TimeoutError:
                idle += POLL_SECONDS
                continue
            if not data:
                return
            idle = 0.0
            self._messages(frames.feed(data))

    def _messages(self, messages: Iterable[bytes]) -> None:
        for message in messages:
            self.inlet.message(message)
