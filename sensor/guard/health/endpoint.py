"""A door for Prometheus: GET /metrics and GET /healthz on one address, within the one loop of the recorder.

The rule it lives by: nobody who knocks can make the sensor wait, remember much, or do anything but show its counters.
A connection has one request of one small head, a few seconds, and is closed after the answer; when too many are open,
the oldest makes room. An address that stands for all of this machine's, the span port's network among them, is refused
unless that is asked for.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import selectors
import socket
import time
from typing import TYPE_CHECKING, Final

from sensor.guard.health.prometheus import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable

    from sensor.keys.key import Address

MAX_CONNECTIONS: Final = 16  # a scraper has one, a curious colleague another
MAX_ACCEPTED: Final = 8  # at one turn of the loop: a flood of knocks must not keep frames waiting
MAX_HEAD: Final = 4_096  # bytes of a request; a scraper's are about 300
MAX_SECONDS: Final = 5.0  # that a connection may last
FRESH_SECONDS: Final = 1.0  # that a page is shown again: asking often costs no more than asking once a second
BACKLOG: Final = 16
PLAIN: Final = "text/plain; charset=utf-8"
END_OF_HEAD: Final = b"\r\n\r\n"

# What a page is made from: its status, content type and text
Page = tuple[str, str, bytes]


class ListenError(Exception):
    """The endpoint cannot listen where it should: place, what was found, what is expected."""

    def __init__(self, place: object, found: str, expected: str) -> None:
        super().__init__(place, found, expected)
        self.place = place
        self.found = found
        self.expected = expected

    def __str__(self) -> str:
        return f"health: listen: {self.place}: {self.found}; expected {self.expected}"


def open_listener(address: Address, *, anywhere: bool) -> socket.socket:
    """Listen on an address; raise ListenError. `anywhere`: it may be one for all addresses of this machine."""
    where = ipaddress.ip_address(address.host)
    if where.is_unspecified and not anywhere:
        found = "answers on every address of this machine"
        raise ListenError(address, found, "the one of the management network, or listen_anywhere: true")
    if where.is_multicast:
        raise ListenError(address, "is a group", "an address of this machine")
    family = socket.AF_INET6 if where.version == 6 else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.host, address.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ListenError(address, str(error.strerror), "a free port on an address of this machine") from None
    return listener


class Connection:
    """Somebody who asks."""

    def __init__(self, channel: socket.socket, now: float) -> None:
        self.channel = channel
        self.until = now + MAX_SECONDS
        self.head = b""
        self.answer = b""  # what of it is still to be sent


class Endpoint:
    """Answers on one listening socket, by callbacks of a selector: each key's data is called without arguments."""

    def __init__(self, listener: socket.socket, metrics: Callable[[], bytes], troubles: Callable[[], str]) -> None:
        """`metrics` makes the page; `troubles` says why the sensor is blind, "" when it is not."""
        self.listener = listener
        self.metrics = metrics
        self.troubles = troubles
        self.selector: selectors.BaseSelector | None = None
        self.connections: dict[int, Connection] = {}  # by descriptor, the oldest first
        self.page = b""
        self.made_at = float("-inf")
        self.is_shut = False
        self.answered = 0
        self.refused = 0  # requests that were none, or none of ours
        self.dropped = 0  # connections closed before an answer was due or taken

    def register(self, selector: selectors.BaseSelector) -> None:
        """Take part in a loop."""
        self.selector = selector
        selector.register(self.listener, selectors.EVENT_READ, self.accept)

    def counts(self) -> dict[str, int]:
        """Return what was counted, by name."""
        return {
            "scrapes_answered": self.answered,
            "scrapes_refused": self.refused,
            "scrapes_dropped": self.dropped,
        }

    def look(self, now: float | None = None) -> None:
        """Close connections that have had their time; to be called each second or so."""
        now = time.monotonic() if now is None else now
        for number, one in list(self.connections.items()):
            if now >= one.until:
                self.drop(number)
        if self.is_shut and self.selector is not None:
            self.is_shut = False
            self.selector.register(self.listener, selectors.EVENT_READ, self.accept)

    def shut(self) -> None:
        """Answer nobody until the next look."""
        if self.selector is not None:
            self.is_shut = True
            self.selector.unregister(self.listener)

    def close(self) -> None:
        """Close everything."""
        for number in list(self.connections):
            self.end(number)
        if self.selector is not None and not self.is_shut:
            self.selector.unregister(self.listener)
        self.listener.close()

    # --- Callbacks ------------------------------------------------------------------------------------

    def accept(self) -> None:
        """Take whoever knocks."""
        for _ in range(MAX_ACCEPTED):
            try:
                channel, _ = self.listener.accept()
            except BlockingIOError:
                return
            except OSError:  # no descriptor is left: a door that stays open would wake the loop again and again
                self.shut()
                return
            if self.selector is None:
                channel.close()
                return
            channel.setblocking(False)
            if len(self.connections) >= MAX_CONNECTIONS:
                self.drop(next(iter(self.connections)))
            number = channel.fileno()
            self.connections[number] = Connection(channel, time.monotonic())
            self.selector.register(channel, selectors.EVENT_READ, functools.partial(self.read, number))

    def read(self, number: int) -> None:
        """Take a part of a request."""
        one = self.connections.get(number)
        if one is None:  # it made room for somebody else in the same turn of the loop
            return
        try:
            data = one.channel.recv(MAX_HEAD)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.drop(number)
            return
        one.head += data
        if END_OF_HEAD in one.head:
            self.reply(number, one, self.respond(one.head))
        elif len(one.head) > MAX_HEAD:
            self.refused += 1
            self.reply(number, one, said("431 Request Header Fields Too Large"))

    def reply(self, number: int, one: Connection, page: Page) -> None:
        """Begin to answer."""
        status, kind, text = page
        body = b"" if one.head.startswith(b"HEAD ") else text
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n"
        one.answer = head.encode() + body
        if self.selector is not None:
            self.selector.modify(one.channel, selectors.EVENT_WRITE, functools.partial(self.write, number))
        self.write(number)

    def write(self, number: int) -> None:
        """Send as much of the answer as goes."""
        one = self.connections.get(number)
        if one is None:
            return
        try:
            one.answer = one.answer[one.channel.send(one.answer) :]
        except BlockingIOError:
            return
        except OSError:
            self.drop(number)
            return
        if not one.answer:
            self.answered += 1
            with contextlib.suppress(OSError):
                one.channel.shutdown(socket.SHUT_WR)
            self.end(number)

    # --- What they do ---------------------------------------------------------------------------------

    def respond(self, head: bytes) -> Page:
        """Answer a request."""
        words = head.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            self.refused += 1
            return said("400 Bad Request")
        method, target, _ = words
        path = target.split(b"?", 1)[0]
        if path not in (b"/metrics", b"/healthz"):
            self.refused += 1
            return said("404 Not Found")
        if method not in (b"GET", b"HEAD"):
            self.refused += 1
            return said("405 Method Not Allowed")
        if path == b"/metrics":
            return "200 OK", CONTENT_TYPE, self.fresh()
        troubles = self.troubles()
        return said("503 Service Unavailable", troubles) if troubles else said("200 OK", "ok")

    def fresh(self) -> bytes:
        """Return the page, made anew when it is older than a second."""
        now = time.monotonic()
        if now - self.made_at >= FRESH_SECONDS:
            self.page = self.metrics()
            self.made_at = now
        return self.page

    def drop(self, number: int) -> None:
        """Close a connection that was not answered."""
        self.dropped += 1
        self.end(number)

    def end(self, number: int) -> None:
        """Close a connection."""
        one = self.connections.pop(number)
        if self.selector is not None:
            self.selector.unregister(one.channel)
        one.channel.close()


def said(status: str, text: str = "") -> Page:
    """Return a short page."""
    return status, PLAIN, f"{text or status[4:].lower()}\n".encode("utf-8", "replace")
