"""`type: webhook`: documents in signed POST requests, for SOAR platforms and whatever else takes JSON over HTTPS.

The rule it lives by: the signature is that of Standard Webhooks, so that receivers have a library for it; the id of a
request is the same when it is sent again. One document that the far side refuses never holds up the rest.
"""

from __future__ import annotations

import http.client
import time
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import urlsplit

import orjson

from sensor.keys.key import Key
from sensor.ship import tls
from sensor.ship.destination import Destination, Sent, Settings, SettingsError, Unreachable
from sensor.ship.documents import stamped
from sensor.ship.ends import End, of_url
from sensor.ship.feed import feed_id
from sensor.ship.post import TIMEOUT_SECONDS, Answer, Poster
from sensor.ship.settings import secret
from sensor.ship.signature import secret_bytes, sign

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sensor.ship.documents import Item

BUSY: Final = frozenset((408, 425, 429, 503))  # comes right by waiting
REFUSED: Final = frozenset((400, 409, 413, 415, 422))  # what was sent is wrong; all else is a matter of the set-up
TOLD: Final = 200  # letters of an answer that are kept as a reason
DOCUMENTS: Final = 100  # in one request


class Webhook(Destination):
    """Posts documents to a URL."""

    KEYS: ClassVar[Mapping[str, Key]] = {
        "url": Key("where to: https://...", required=True, private=True),
        "secret_file": Key("file with the secret of the signature: whsec_ and base64, or any text", "file"),
        "secret_env": Key("environment variable with it"),
        "ca": Key("certificate of the CA that signed the receiver's (default: those of the system)", "file"),
        "certificate": Key("own certificate, where the receiver asks for one", "file"),
        "key": Key("its key, where it is in a file of its own", "file"),
        "proxy": Key("HTTP proxy, http://host:port"),
        "documents": Key("most documents in one request", "number", DOCUMENTS),
        "timeout": Key("time for one request and its answer", "seconds", TIMEOUT_SECONDS),
    }
    KINDS: ClassVar[frozenset[str]] = frozenset(("alert",))

    @classmethod
    def ends(cls, settings: Settings) -> Sequence[End | None]:
        """Return the proxy, or else the receiver."""
        return [of_url(settings.values["proxy"] or settings.values["url"])]

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        values = settings.values
        found = secret(settings, "secret")
        if found is None:
            raise SettingsError(f"{settings.where}: a webhook is signed: secret_file or secret_env is missing")
        parts = urlsplit(values["url"])
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise SettingsError(f"{settings.where}: url: expected https://host/path without a user in it")
        if values["documents"] < 1:
            raise SettingsError(f"{settings.where}: documents: at least 1")
        try:
            self.secret = secret_bytes(found)
            safe = tls.context(values["ca"], values["certificate"], values["key"]) if parts.scheme == "https" else None
        except ValueError as error:
            raise SettingsError(f"{settings.where}: secret: {error}") from None
        except OSError as error:
            raise SettingsError(f"{settings.where}: ca, certificate or key: {error.strerror or error}") from None
        self.poster = Poster(values["url"], safe, values["proxy"] or "", values["timeout"])
        self.where = f"{parts.scheme}://{parts.hostname}"  # for complaints; a path may hold a token
        self.requests = 0
        self.refused_requests = 0

    def send(self, items: Sequence[Item]) -> Sent:
        """Send items in requests of at most `documents`."""
        most = int(self.settings.values["documents"])
        rejected: list[tuple[Item, str]] = []
        for start in range(0, len(items), most):
            refused: list[tuple[Item, str]] = []
            try:
                wait = self._take(items[start : start + most], refused)
            except Unreachable:
                if start == 0:
                    raise
                return Sent(start, rejected)
            if wait is not None:
                return Sent(start, rejected, wait)
            rejected += refused
        return Sent(len(items), rejected)

    def _take(self, items: Sequence[Item], rejected: list[tuple[Item, str]]) -> float | None:
        """Send one request; halve one that is refused until the culprit stands alone. Return how long to wait."""
        answer = self._post(items)
        if 200 <= answer.status < 300:
            return None
        if answer.status in BUSY:
            return answer.retry_after if answer.retry_after is not None else 0.0
        if answer.status not in REFUSED:
            raise Unreachable(f"{self.where} answers {answer.status}", answer.retry_after)
        self.refused_requests += 1
        if len(items) == 1:
            rejected.append((items[0], f"{answer.status}: {answer.text[:TOLD]}".strip()))
            return None
        half = len(items) // 2
        wait = self._take(items[:half], rejected)
        return wait if wait is not None else self._take(items[half:], rejected)

    def _post(self, items: Sequence[Item]) -> Answer:
        now = time.time_ns()
        ids = [item.document["event"]["id"] for item in items]
        body = orjson.dumps({"type": "otsensor.documents", "data": [stamped(item, now) for item in items]})
        identity, seconds = f"msg_{feed_id(' '.join(ids), self.name)}", now // 1_000_000_000
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "otsensor",
            "webhook-id": identity,
            "webhook-timestamp": str(seconds),
            "webhook-signature": sign(self.secret, identity, seconds, body),
        }
        self.requests += 1
        try:
            return self.poster.post(body, headers)
        except (OSError, http.client.HTTPException) as error:
            told = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise Unreachable(f"{self.where}: {told}") from error

    def counts(self) -> Mapping[str, int]:
        """Return what was counted, by name."""
        return {"requests": self.requests, "requests_refused": self.refused_requests}

    def close(self) -> None:
        """Close the connection."""
        self.poster.close()
