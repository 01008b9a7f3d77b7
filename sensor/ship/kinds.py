"""The kinds of destinations, by the word that stands in `type:`.

The rule it lives by: what is not used is not imported.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sensor.ship.destination import Destination, Settings

KINDS: Final = {  # type: "module:class"
    "elasticsearch": "sensor.ship.elastic.bulk:Elasticsearch",
    "lines": "sensor.ship.lines:Lines",
    "syslog": "sensor.ship.syslog:Syslog",
    "webhook": "sensor.ship.webhook:Webhook",
    "kafka": "sensor.ship.kafka:Kafka",
    "stdout": "sensor.ship.stdout:Stdout",
}


def kind(name: str) -> type[Destination]:
    """Return the class of a kind."""
    module, _, found = KINDS[name].partition(":")
    made: type[Destination] = getattr(importlib.import_module(module), found)
    return made


def make(settings: Settings) -> Destination:
    """Return a destination, ready to send."""
    return kind(settings.type)(settings)
