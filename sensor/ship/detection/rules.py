"""Rules as Elastic Security imports them, one JSON object a line.

The rule it lives by: each is written here word by word. The export of rule converters leaves no overlap between two
runs, calls the framework by another name, and pairs tactics with techniques by their place in a list.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

import yaml

from sensor.detect import attack
from sensor.detect.rule import SEVERITY
from sensor.ship.detection.queries import index_of, query
from sensor.ship.detection.suits import ESQL, SENSOR, Suit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sensor.detect.rule import Rule

SPACE: Final = uuid.UUID("6f0c4b0e-6f1f-5b0e-9d0b-3c1d6e2a7f10")  # of our rules' ids
LEVELS: Final = ("low", "medium", "high", "critical")
INTERVAL: Final = "5m"
LOOK_BACK: Final = "now-11m"  # two runs and a minute: what one misses the next finds; Elastic drops what it has seen
MAX_SIGNALS: Final = 1000  # of one run; Kibana's own bound
INTAKE: Final = "event.kind: alert and event.module: otsensor and ot.alert.revision: 1"
APPROXIMATE: Final = (
    "Approximate: it counts documents in windows that do not overlap, where the sensor counts events in a window that "
    "slides."
)

Object = dict[str, Any]


def rules(suits: Iterable[Suit]) -> list[Object]:
    """Return all rules: first the one that takes our alerts in, then those Elastic can run itself."""
    return [intake(), *(elastic(suit) for suit in suits if suit.how != SENSOR)]


def common(name: str, number: str) -> Object:
    """Return what all rules have."""
    return {
        "author": ["otsensor"],
        "description": name,
        "enabled": False,
        "exceptions_list": [],
        "from": LOOK_BACK,
        "immutable": False,
        "interval": INTERVAL,
        "license": "Apache-2.0",
        "max_signals": MAX_SIGNALS,
        "name": name,
        "rule_id": str(uuid.uuid5(SPACE, number)),
        # Time of arrival: what a sensor held back for a day is looked at when it comes.
        "timestamp_override": "event.ingested",
        "to": "now",
        "version": 1,
    }


def intake() -> Object:
    """Return the rule that makes one Elastic alert of each alert of the sensor, with its name and severity."""
    number = [{"field": "event.severity", "operator": "equals", "value": str(SEVERITY[level]), "severity": level}
              for level in LEVELS]  # fmt: skip
    return common("OT sensor alerts", "intake") | {
        "description": (
            "Takes in what otsensor has found. Each alert is taken in once, at its first revision; how it grew is in "
            "the dashboards. What it means for the process and what is safe to do is in ot.alert.explanation and "
            "ot.alert.response."
        ),
        "enabled": True,
        "false_positives": [],
        "index": [index_of("alert")],
        "investigation_fields": {
            "field_names": [
                "event.reason",
                "ot.alert.explanation",
                "ot.alert.response",
                "ot.operation",
                "ot.unit",
                "ot.target",
                "ot.outcome",
                "ot.evidence.file",
                "ot.evidence.frame",
            ]
        },
        "language": "kuery",
        "query": INTAKE,
        "references": [],
        "risk_score": 47,
        "risk_score_mapping": [{"field": "event.risk_score", "operator": "equals", "value": ""}],
        "rule_name_override": "rule.name",
        "severity": "medium",
        "severity_mapping": number,
        "tags": ["OT", "otsensor"],
        "threat": [],
        "type": "query",
    }


def elastic(suit: Suit) -> Object:
    """Return one of our rules as Elastic runs it on shipped documents."""
    rule = suit.rule
    approximate = suit.how == ESQL
    tags = ["OT", "otsensor", f"Data: {suit.stream}", *(["Approximate"] if approximate or suit.unseen else [])]
    about = " ".join(rule.description.split())
    part = f"Only in part: documents have no {' and no '.join(suit.unseen)}." if suit.unseen else ""
    found = common(f"{rule.title} (in {suit.stream} documents)", rule.id) | {
        "description": f"{about} {APPROXIMATE if approximate else part}".strip(),
        "false_positives": falses(rule),
        "language": suit.how,
        "note": note(rule),
        "query": query(suit),
        "references": list(rule.references),
        "risk_score": SEVERITY[rule.level],
        "severity": rule.level if rule.level in LEVELS else "low",
        "tags": tags,
        "threat": threat(rule),
        "type": "esql" if approximate else "query",
    }
    return found if approximate else found | {"index": [index_of(suit.stream)]}


def falses(rule: Rule) -> list[str]:
    """Return what else it may be, as the rule's file says."""
    documents = yaml.safe_load_all(rule.path.read_text(encoding="utf-8"))
    return next((list(one.get("falsepositives", ())) for one in documents if str(one.get("id")) == rule.id), [])


def note(rule: Rule) -> str:
    """Return the guide shown with the rule's alerts."""
    meaning, response = (" ".join(text.split()) for text in (rule.explanation, rule.response))
    return f"## What it means for the process\n\n{meaning}\n\n## What is safe to do\n\n{response}\n"


def threat(rule: Rule) -> list[Object]:
    """Return each tactic of a rule with those of its techniques that serve it, by ATT&CK's own table."""
    named = [attack.techniques()[number] for number in rule.techniques]
    found = []
    for short in rule.tactics:
        number, name = attack.TACTICS[short]
        serving = [one for one in named if short in one.tactics]
        found.append(
            {
                "framework": attack.FRAMEWORK,
                "tactic": {"id": number, "name": name, "reference": attack.tactic_reference(short)},
                "technique": [{"id": one.id, "name": one.name, "reference": one.reference} for one in serving],
            }
        )
    return found
