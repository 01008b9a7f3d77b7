"""One POST to one address over HTTP or HTTPS, on a connection that is kept.

The rule it lives by: an answer has a deadline and a size. A server that dribbles, redirects or talks without end is a
server that did not answer.
"""

import contextlib
import http.client
import socket
import ssl
import threading
import urllib.parse
from collections.abc import Mapping
from typing import Final, NamedTuple

TIMEOUT_SECONDS: Final = 30.0  # from the connection to the end of the answer
MAX_ANSWER: Final = 1 << 16  # bytes read of an answer; its status is what counts


class Answer(NamedTuple):
    """What the server said."""

    status: int
    retry_after: float | None  # s
    text: str  # the beginning of its body


class Poster:
    """Posts to one URL; raises OSError or http.client.HTTPException."""

    def __init__(self, url: str, tls: ssl.SSLContext | None, proxy: str = "", timeout: float = TIMEOUT_SECONDS) -> None:
        """`url`: http:// or https://; `proxy`: an HTTP proxy's URL, through which TLS is tunnelled."""
        self.parts = urllib.parse.urlsplit(url)
        self.proxy = urllib.parse.urlsplit(proxy) if proxy else None
        self.tls = tls
        self.timeout = timeout
        self.path = urllib.parse.urlunsplit(("", "", self.parts.path or "/", self.parts.query, ""))
        self._connection: http.client.HTTPConnection | None = None

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a body, return the answer."""
        reused = self._connection is not None
        try:
            return self._post(body, headers)
        except (ConnectionError, http.client.RemoteDisconnected):
            if not reused:  # a kept connection may have been closed while it was idle; a new one tells the truth
                raise
            return self._post(body, headers)

    def _post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        if self._connection is None:
            self._connection = self._connect()
        connection = self._connection
        passed = threading.Event()
        watch = threading.Timer(self.timeout, cut, (connection, passed))
        watch.daemon = True
        watch.start()
        try:
            target = self.parts.geturl() if self.proxy is not None and self.tls is None else self.path
            connection.request("POST", target, body, dict(headers))
            answer = connection.getresponse()
            text = answer.read(MAX_ANSWER).decode("utf-8", "replace")
            whole = answer.isclosed()
            found = Answer(answer.status, seconds(answer.getheader("Retry-After")), text)
        except BaseException:
            self.close()
            raise
        finally:
            watch.cancel()
        if passed.is_set():  # what was cut off reads like the end of a head
            self.close()
            raise TimeoutError(f"no whole answer within {self.timeout:g} s")
        if not whole:
            self.close()
        return found

    def _connect(self) -> http.client.HTTPConnection:
        end = self.proxy or self.parts
        host, port = end.hostname or "", end.port
        if self.tls is None:
            return http.client.HTTPConnection(host, port, timeout=self.timeout)
        made = http.client.HTTPSConnection(host, port, timeout=self.timeout, context=self.tls)
        if self.proxy is not None:
            made.set_tunnel(self.parts.hostname or "", self.parts.port or 443)
        return made

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def cut(connection: http.client.HTTPConnection, passed: threading.Event) -> None:
    """End a connection whose deadline has passed, whatever is being read from it."""
    passed.set()
    found: socket.socket | None = connection.sock
    if found is not None:
        with contextlib.suppress(OSError):
            found.shutdown(socket.SHUT_RDWR)


def seconds(text: str | None) -> float | None:
    """Return a Retry-After in seconds; dates and other texts are not followed."""
    return min(float(text), 3600.0) if text is not None and text.isascii() and text.isdigit() else None
