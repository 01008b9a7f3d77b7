"""A rule ready to run: the test, and everything an alert says about why it matters.

The rule it lives by: a rule that would alert explains itself to the OT engineer and says what is safe to do.
"""

import dataclasses
import pathlib
import re
from typing import Any, Final

from sensor.detect.condition import Test
from sensor.detect.event import EXCHANGE, Kind

# Level to severity and risk score, as Elastic's own detection rules have them.
SEVERITY: Final = {"informational": 5, "low": 21, "medium": 47, "high": 73, "critical": 99}

DEFAULT_GROUP: Final = ("source.address", "destination.address", "ot.unit", "ot.operation")
# Part of every key: one address in two segments, VLANs or tunnels is two machines.
PLACE: Final = ("ot.site", "ot.segment", "ot.vlan", "ot.tunnel")
SLOT: Final = re.compile(r"\{([^{}]*)\}")

# Short words a sentence may use besides any field's full name.
WORDS: Final = {
    "source": ("ot.source.asset.name", "source.address"),
    "destination": ("ot.destination.asset.name", "destination.address"),
    "target": ("ot.target",),
    "unit": ("ot.unit",),
    "operation": ("ot.operation",),
    "outcome": ("ot.outcome",),
    "protocol": ("network.protocol",),
    "count": ("ot.alert.count",),
    "values": ("ot.alert.values",),
}
# Outcomes as a sentence says them.
OUTCOMES: Final = {
    "pending": "not answered yet",
    "accepted": "accepted",
    "refused": "refused",
    "unanswered": "unanswered",
    "unsolicited": "unasked",
    "orphan": "answered, the question not seen",
    "no_answer_due": "no answer is due",
}
VARYING: Final = ("ot.target", "ot.range.")  # what differs between the exchanges of a ranged behaviour
MAX_LISTED: Final = 4  # values of one list a sentence names; the rest is counted


@dataclasses.dataclass(slots=True)
class Rule:
    """One rule; `test` looks at an event."""

    id: str
    name: str
    title: str
    level: str
    description: str
    author: str
    version: str  # date of the last change
    license: str
    references: tuple[str, ...]
    techniques: tuple[str, ...]  # ATT&CK ids: "T0855"
    tactics: tuple[str, ...]  # short names: "impair-process-control"
    path: pathlib.Path
    line: int
    # For people
    explanation: str = ""
    response: str = ""
    sentence: str = ""
    fires_on: tuple[str, ...] = ()
    silent_on: tuple[str, ...] = ()
    group_by: tuple[str, ...] = DEFAULT_GROUP
    # For the detector
    category: str = EXCHANGE
    service: str = ""  # protocol; "" any
    test: Test = lambda _event: False
    gates: tuple[
        tuple[int, frozenset[str]], ...
    ] = ()  # place in `Kind`, and the only values (lower case) it holds with
    odd: bool = False  # cannot hold without an anomaly
    reads: frozenset[str] = frozenset()
    identity: bool = False  # decided once for each behaviour and outcome
    steady: bool = False  # that also where the behaviour is a range, whose targets differ
    alerts: bool = True  # false: only feeds correlations

    def concerns(self, kind: Kind) -> bool:
        """Say whether the rule can hold for such a sighting at all."""
        return (
            self.category == kind.category
            and (not self.service or self.service == kind.protocol)
            and all(str(kind[place]).lower() in values for place, values in self.gates)
        )


def key_of(event: dict[str, Any], fields: tuple[str, ...]) -> tuple[str, ...]:
    """Return the values of some fields and the network as a key; lists are joined."""
    return tuple([text_of(event.get(field)) for field in (*fields, *PLACE)])


def text_of(value: Any) -> str:
    """Write a field's value as people do."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def slots(sentence: str) -> list[str]:
    """Return the names a sentence's template asks for."""
    return SLOT.findall(sentence)


def render(sentence: str, event: dict[str, Any]) -> str:
    """Fill a sentence's template from an event; what is not known is said to be so."""

    def fill(slot: re.Match[str]) -> str:
        name = slot.group(1)
        for field in WORDS.get(name, (name,)):
            value = event.get(field)
            if value not in (None, "", []):
                return OUTCOMES.get(value, value) if field == "ot.outcome" else short(value)
        return f"an unknown {name}"

    return SLOT.sub(fill, sentence)


def short(value: Any) -> str:
    """Write a value, naming only the first of many."""
    if isinstance(value, list | tuple) and len(value) > MAX_LISTED:
        return f"{text_of(value[:MAX_LISTED])} and {len(value) - MAX_LISTED} more"
    return text_of(value)
