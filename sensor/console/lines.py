"""A message as one JSON line.

The rule it lives by: names are the vocabulary's, so that a message, a rule and a document say the same word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sensor.contract import Message, Network

TRANSPORTS: Final = {6: "tcp", 17: "udp"}
NEWLINE: Final = orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS


def placed(network: Network) -> dict[str, str]:
    """Return the point of observation, as far as there is anything to say."""
    found = {"site": network.site, "segment": network.segment, "vlan": network.vlan, "tunnel": network.tunnel}
    return {f"ot.{name}": value for name, value in found.items() if value}


def line(message: Message, files: Sequence[str]) -> bytes:
    """Return a message as JSON with a line feed; source is its sender."""
    talk = message.talk
    if talk is None:
        raise ValueError("the message was not placed in a conversation")
    forth = message.direction == 0
    said: dict[str, object] = {
        "time_ns": message.time,
        "file": files[message.source] if message.source < len(files) else "",
        "frame": message.number,
        "source.address": (talk.opener if forth else talk.answerer).text,
        "source.port": talk.opener_port if forth else talk.answerer_port,
        "destination.address": (talk.answerer if forth else talk.opener).text,
        "destination.port": talk.answerer_port if forth else talk.opener_port,
        "network.transport": TRANSPORTS.get(talk.transport, ""),
        "network.protocol": message.protocol,
        **placed(talk.opener.network),
        "ot.message": message.kind,
        "ot.operation": message.operation,
        "ot.action": message.action,
        "ot.unit": message.unit,
        "ot.target": [str(target) for target in message.targets],
    }
    if message.anomalies:
        said["ot.anomalies"] = message.anomalies
    said.update(message.fields())
    return orjson.dumps(said, option=NEWLINE)
