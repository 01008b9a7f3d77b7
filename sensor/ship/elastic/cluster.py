"""A cluster that is asked one thing at a time, by setup and doctor.

The rule it lives by: an answer is an answer, whatever its status; only no answer at all is an error, and it says why in
words a person can act on.
"""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import urllib.parse
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sensor.ship.destination import Unreachable
from sensor.ship.elastic import client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from sensor.ship.destination import Settings

STRANGE: Final = "the server's certificate is signed by nobody we trust: name its authority as ca, or its fingerprint"
# The beginning of what a connection fails with, and what it means.
MEANINGS: Final = (
    ("Fingerprints did not match", "the server has another certificate than the fingerprint in the configuration"),
    ("self-signed certificate", STRANGE),
    ("self signed certificate", STRANGE),
    ("unable to get local issuer", STRANGE),
    ("certificate signature failure", "the server's certificate is not signed by the authority in ca"),
    ("Hostname mismatch", "the certificate is for another name than the one in hosts"),
    ("IP address mismatch", "the certificate is for another address than the one in hosts"),
    ("certificate has expired", "the server's certificate has expired, or the clock here is wrong"),
    ("not yet valid", "the server's certificate is not yet valid, or the clock here is wrong"),
    ("WRONG_VERSION_NUMBER", "the server does not speak TLS there: write http://, or ask for its https port"),
    ("record layer failure", "the server does not speak TLS there: write http://, or ask for its https port"),
    ("Name or service not known", "nobody knows a host of this name"),
    ("Temporary failure in name resolution", "no name server answers"),
    ("Connection refused", "nobody listens there"),
    ("No route to host", "there is no way to this host"),
    ("Network is unreachable", "there is no way to this network"),
    ("timed out", "no answer within the time given"),
    ("no whole answer", "no whole answer within the time given"),
    ("Remote end closed", "the server closed the connection: https where http was written?"),
    ("Connection reset", "the connection was cut off"),
    ("not Elasticsearch", "what answers there is not Elasticsearch: a proxy, or another product"),
)  # fmt: skip
LACKING: Final = (405, 410, 501)  # what a server answers to a path it has not, besides 400 "no handler found"
PROBE_SECONDS: Final = 5.0


class Answer(NamedTuple):
    """What the server said."""

    status: int
    body: Any

    @property
    def well(self) -> bool:
        """Say whether it was done."""
        return 200 <= self.status < 300

    @property
    def lacking(self) -> bool:
        """Say whether the server has no such thing to ask for, rather than refusing or failing."""
        return self.status in LACKING or "no handler found" in self.reason

    @property
    def reason(self) -> str:
        """Return why it was not done."""
        error = self.body.get("error") if isinstance(self.body, dict) else None
        if not isinstance(error, dict):
            return str(error or f"status {self.status}")[:300]
        return str(error.get("reason") or error.get("type") or f"status {self.status}")[:300]


class Cluster:
    """A cluster as one destination reaches it. Raises SettingsError when it is made, Unreachable when it is asked."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.client = client.client(settings)

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """Ask, and return the answer, whatever its status."""
        headers = {"accept": "application/json"} | ({"content-type": "application/json"} if body is not None else {})
        try:
            found = self.client.perform_request(method, f"/{path}", headers=headers, body=body)
        except Exception as error:
            status = getattr(error, "status_code", None)
            if status is None:
                raise Unreachable(meaning(error)) from error
            return Answer(status, getattr(error, "body", None))
        return Answer(found.meta.status, found.body if not isinstance(found.body, bool) else {})

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def meaning(error: BaseException) -> str:
    """Return what a failed connection means; what we do not know is said in the client's own words."""
    text = " / ".join(dict.fromkeys(said(error)))
    return next((told for sign, told in MEANINGS if sign in text), f"{type(error).__name__}: {text[:200]}")


def said(error: BaseException | None) -> Iterator[str]:
    """Return what an error and those that led to it say; the client keeps the reason to itself."""
    if error is not None:
        yield str(error)
        for earlier in getattr(error, "errors", ()):
            yield from said(earlier)
        yield from said(error.__cause__ or error.__context__)


def certificate(host: str) -> str:
    """Return the SHA-256 of the certificate a server shows, unchecked, for people to compare; "" when it shows none."""
    parts = urllib.parse.urlsplit(host)
    if parts.scheme != "https" or not parts.hostname:
        return ""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((parts.hostname, parts.port or 9200), PROBE_SECONDS) as bare,
            context.wrap_socket(bare, server_hostname=parts.hostname) as shown,
        ):
            found = shown.getpeercert(binary_form=True)
    except OSError:
        return ""
    return ":".join(re.findall("..", hashlib.sha256(found).hexdigest().upper())) if found else ""
