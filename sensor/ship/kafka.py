"""`type: kafka`: documents as messages of Apache Kafka, by its idempotent producer.

The rule it lives by: the key of a message is its subject (alert, asset, behaviour), so that the revisions of one
stay in order; the document's id travels as a header, by which a consumer knows a repeat.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, ClassVar, Final

import orjson

from sensor.keys.key import Key
from sensor.ship.destination import Destination, Sent, Settings, SettingsError, Unreachable
from sensor.ship.documents import stamped
from sensor.ship.producing import TIMEOUT_SECONDS, Message, Producing
from sensor.ship.settings import secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sensor.ship.documents import Item

TOPIC: Final = "otsensor.{stream}"
NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")  # what Kafka allows
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class Kafka(Destination):
    """Sends documents to Kafka."""

    NEEDS: ClassVar[tuple[str, ...]] = ("confluent_kafka",)
    KEYS: ClassVar[Mapping[str, Key]] = {
        "brokers": Key("host:port of some brokers", "texts", required=True),
        "topic": Key("topic; {stream} stands for alert, asset, behaviour, flow, health or message", default=TOPIC),
        "tls": Key("whether to speak TLS; true as soon as ca is given", "flag", default=False),
        "ca": Key("certificate of the CA that signed the brokers' (default: those of the system)", "file"),
        "certificate": Key("own certificate, where the brokers ask for one", "file"),
        "key": Key("its key", "file"),
        "user": Key("user name, where the brokers ask for one (SASL)"),
        "password_file": Key("file with the password", "file"),
        "password_env": Key("environment variable with the password"),
        "mechanism": Key("how the password is shown", default="SCRAM-SHA-512", choices=MECHANISMS),
        "compression": Key("how batches are packed", default="zstd", choices=("none", "gzip", "lz4", "zstd")),
        "max_bytes": Key("largest message; the topic's max.message.bytes must allow it", "bytes", 1_000_000),
        "timeout": Key("time for a batch to be taken by all in-sync replicas", "seconds", TIMEOUT_SECONDS),
    }

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        topic = settings.values["topic"]
        if not NAME.fullmatch(topic.replace("{stream}", "x")):
            raise SettingsError(f"{settings.where}: topic: {topic!r} is no name of a topic")
        self.options = librdkafka(settings)
        self.sent = 0
        self.producers = 0
        self._producing: Producing | None = None
        self._make()

    def _make(self) -> Producing:
        if self._producing is None:
            try:
                self._producing = Producing(self.options, self.settings.values["timeout"])
            except (ImportError, ValueError) as error:
                raise SettingsError(f"{self.settings.where}: {error}") from None
            self.producers += 1
        return self._producing

    def send(self, items: Sequence[Item]) -> Sent:
        """Send items and wait until all are taken."""
        now = time.time_ns()
        try:
            reasons = self._make().send([self._message(item, now) for item in items])
        except OSError as error:  # a producer that has failed for good says so at each message: make a new one
            self.close()
            raise Unreachable(f"kafka: {error}") from error
        rejected = [(item, reason) for item, reason in zip(items, reasons, strict=False) if reason is not None]
        self.sent += len(reasons) - len(rejected)
        return Sent(len(reasons), rejected)

    def _message(self, item: Item, now_ns: int) -> Message:
        document = stamped(item, now_ns)
        headers: list[tuple[str, str | bytes | None]] = [("event.id", document["event"]["id"])]
        topic = self.settings.values["topic"].replace("{stream}", item.stream)
        return Message(topic, item.id.encode("utf-8", "replace"), orjson.dumps(document), headers)

    def counts(self) -> Mapping[str, int]:
        """Return what was counted, by name."""
        return {"messages_sent": self.sent, "producers": self.producers}

    def close(self) -> None:
        """Let go of the producer."""
        if self._producing is not None:
            self._producing.close()
            self._producing = None


def librdkafka(settings: Settings) -> dict[str, Any]:
    """Return the client's own settings; raise SettingsError."""
    values = settings.values
    safe = values["tls"] or values["ca"] is not None or values["certificate"] is not None
    found: dict[str, Any] = {
        "bootstrap.servers": ",".join(values["brokers"]),
        "client.id": "otsensor",
        "compression.type": values["compression"],
        "message.max.bytes": int(values["max_bytes"]),
        "security.protocol": ("SASL_" if values["user"] else "") + ("SSL" if safe else "PLAINTEXT"),
    }
    for name, ours in (("ssl.ca", "ca"), ("ssl.certificate", "certificate"), ("ssl.key", "key")):
        if values[ours] is not None:
            found[f"{name}.location"] = str(values[ours])
    if values["user"]:
        password = secret(settings, "password")
        if password is None:
            raise SettingsError(f"{settings.where}: user without password_file or password_env")
        found.update(
            {"sasl.mechanism": values["mechanism"], "sasl.username": values["user"], "sasl.password": password}
        )
    return found
