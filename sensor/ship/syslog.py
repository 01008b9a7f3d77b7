"""`type: syslog`: documents as messages of RFC 5424, over UDP (RFC 5426), TCP (RFC 6587) or TLS (RFC 5425).

The rule it lives by: a receiver can tell sensor, kind, id and place in the line from the structured data alone, also
where the text is CEF. What does not fit into a datagram is rejected with its size, never cut.
"""

from __future__ import annotations

import re
import socket
import time
from typing import TYPE_CHECKING, Any, ClassVar, Final

import orjson

from sensor.keys.key import Key
from sensor.ship import cef, rfc5424, tls
from sensor.ship.channel import MAX_DATAGRAM, Channel, Datagrams, Stream
from sensor.ship.destination import Destination, Sent, Settings, SettingsError, Unreachable
from sensor.ship.ends import End
from sensor.ship.feed import carried

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sensor.ship.documents import Item

LOCAL0: Final = 16  # facility
PORTS: Final = {"udp": 514, "tcp": 601, "tls": 6514}  # RFC 5426, RFC 3195's registration, RFC 5425
SEVERITIES: Final = ((99, 2), (73, 3), (47, 4), (21, 5))  # critical, error, warning, notice
INFORMATIONAL: Final = 6


class Syslog(Destination):
    """Sends documents to a syslog receiver."""

    KEYS: ClassVar[Mapping[str, Key]] = {
        "address": Key("host or host:port of the receiver; [2001:db8::1]:514 for IPv6", required=True),
        "transport": Key("udp, tcp or tls", default="udp", choices=("udp", "tcp", "tls")),
        "format": Key("json: the whole document; cef: ArcSight's Common Event Format", default="json",
                      choices=("json", "cef")),
        "framing": Key("on tcp and tls: octets (counted) or lines", default="octets", choices=("octets", "lines")),
        "ca": Key("certificate of the CA that signed the receiver's (default: those of the system)", "file"),
        "certificate": Key("own certificate, where the receiver asks for one", "file"),
        "key": Key("its key, where it is in a file of its own", "file"),
        "hostname": Key("HOSTNAME of the messages (default: the sensor's name, else the machine's)"),
        "facility": Key("facility, 0 to 23", "number", LOCAL0),
        "max_bytes": Key("largest message over udp; what does not fit is rejected", "bytes", MAX_DATAGRAM),
        "rate": Key("most datagrams a second over udp, since receivers lose bursts; 0: no bound", "number", 2_000),
        "copies": Key("how often each datagram is sent; the far side drops repeats", "number", 1),
    }  # fmt: skip

    @classmethod
    def ends(cls, settings: Settings) -> Sequence[End | None]:
        """Return the receiver."""
        transport = settings.values["transport"]
        try:
            host, port = address(settings.values["address"], PORTS[transport], settings.where)
        except SettingsError:  # told when it is made
            return [None]
        return [End(host, None if transport == "udp" else port)]

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        values = settings.values
        self.host, self.port = address(values["address"], PORTS[values["transport"]], settings.where)
        if not 0 <= values["facility"] <= 23:
            raise SettingsError(f"{settings.where}: facility: {values['facility']} is not within 0 to 23")
        try:
            self.tls = (
                tls.context(values["ca"], values["certificate"], values["key"])
                if values["transport"] == "tls"
                else None
            )
        except OSError as error:
            raise SettingsError(f"{settings.where}: ca, certificate or key: {error.strerror or error}") from None
        self.sent = 0
        self.connections = 0
        self._channel: Channel | None = None

    def send(self, items: Sequence[Item]) -> Sent:
        """Send items; the whole batch counts, or none of it."""
        try:
            channel = self._open()
            messages, rejected = self._messages(items, channel.max_bytes)
            channel.send(messages)
        except OSError as error:
            self.close()
            raise Unreachable(f"{self.host} port {self.port}: {error.strerror or error}") from error
        self.sent += len(messages)
        return Sent(len(items), rejected)

    def _messages(self, items: Sequence[Item], most: int) -> tuple[list[bytes], list[tuple[Item, str]]]:
        messages, rejected = [], []
        documents = carried(items, self.feed, self.after, time.time_ns())
        for item, document in zip(items, documents, strict=True):
            message = self._message(item, document)
            if len(message) > most:
                rejected.append((item, f"a message of {len(message):,} bytes; at most {most:,} go at once"))
            else:
                messages.append(message)
        return messages, rejected

    def _message(self, item: Item, document: Mapping[str, Any]) -> bytes:
        values = self.settings.values
        host = values["hostname"] or cef.value(document, "observer.name") or socket.gethostname()
        structure = {
            "feed": self.feed,
            "sequence": str(item.sequence),
            "after": cef.value(document, "ot.feed.after"),
            "id": cef.value(document, "event.id"),
        }
        text = orjson.dumps(document) if values["format"] == "json" else cef.line(document).encode()
        priority = int(values["facility"]) * 8 + severity(document)
        return rfc5424.compose(priority, cef.value(document, "@timestamp"), host, item.stream, structure, text)

    def _open(self) -> Channel:
        if self._channel is None:
            values = self.settings.values
            if values["transport"] == "udp":
                most = min(int(values["max_bytes"]), MAX_DATAGRAM)
                self._channel = Datagrams(self.host, self.port, values["rate"], int(values["copies"]), most)
            else:
                self._channel = Stream(self.host, self.port, self.tls, lines=values["framing"] == "lines")
            self.connections += 1
        return self._channel

    def counts(self) -> Mapping[str, int]:
        """Return what was counted, by name."""
        return {"messages_sent": self.sent, "connections": self.connections}

    def close(self) -> None:
        """Close the connection."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None


def address(text: str, default: int, where: str) -> tuple[str, int]:
    """Return host and port of "host", "host:port", "[v6]" or "[v6]:port"; raise SettingsError."""
    found = re.fullmatch(r"(?:\[([^\]]+)\]|([^:\[\]\s]+))(?::(\d{1,5}))?", text.strip())
    if found is None or int(found[3] or default) > 65_535:
        raise SettingsError(f"{where}: address: {text!r} is no host or host:port; IPv6 stands in brackets")
    return found[1] or found[2], int(found[3] or default)


def severity(document: Mapping[str, Any]) -> int:
    """Return syslog's severity, from 2 critical to 6 informational."""
    found = cef.dig(document, "event.severity")
    ours = found if isinstance(found, int) else 0
    return next((theirs for least, theirs in SEVERITIES if ours >= least), INFORMATIONAL)
