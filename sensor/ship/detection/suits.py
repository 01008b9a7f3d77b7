"""Which of our rules Elastic can run on what is shipped to it, and why not the others.

The rule it lives by: a rule is offered only where every word it reads is in the documents it would look at; the rest
is said to be the sensor's own, each with its reason.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from sigma.collection import SigmaCollection
from sigma.correlations import SigmaCorrelationCondition, SigmaCorrelationRule, SigmaCorrelationType
from sigma.rule import SigmaRule

from sensor.detect.condition import reads
from sensor.detect.event import EXCHANGE, FLOW
from sensor.detect.ruleset import RuleSet, default_rules
from sensor.ship import documents
from sensor.ship.destination import MESSAGE
from sensor.ship.elastic.templates import component_of
from sensor.ship.schema import flattened
from sensor.vocabulary import vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sensor.detect.rule import Rule

LUCENE: Final = "lucene"
ESQL: Final = "esql"
SENSOR: Final = "sensor"

STREAMS_OF: Final = {EXCHANGE: ("behaviour", MESSAGE), FLOW: ("flow",)}  # where what such a rule looks at is shipped
SEEN: Final = ("event", "network", "protocols")  # components whose fields a finding has
SEEN_TOO: Final = frozenset(("ot.behaviour.id", "ot.behaviour.count", "ot.behaviour.ranged", "ot.behaviour.new"))

# What no document says that could be searched for afterwards, and why.
UNKNOWN: Final = {
    "ot.source.newcomer": "who is a regular client is judged by the sensor as it happens, from all it has heard",
    "ot.source.late": "who came late is judged by the sensor as it happens, from when it heard of both",
    "ot.behaviour.new": "what is new is known only at the moment it is seen; a behaviour's document is its sum",
    "ot.outcome": "a behaviour counts its answers in sum; which question got which is the sensor's",
    "ot.refusal_code": "a behaviour lists its codes in sum; which question got which is the sensor's",
    "ot.anomalies": "oddities of single messages are in `message` documents only",
    "ot.health.kind": "what the sensor sees and keeps is judged by the sensor as it goes on; health has only counters",
    "ot.oddity.kind": "oddities of streams are not shipped but as alerts",
}
SINGLE: Final = "a field of single messages, which are in `message` documents only"
LISTS: Final = "it compares lists, which ES|QL's comparisons never match"
UNORDERED: Final = "an order of events cannot be said in ES|QL's aggregations, and in EQL it comes out wrong"


@dataclasses.dataclass(frozen=True, slots=True)
class Suit:
    """What becomes of one rule of ours."""

    rule: Rule
    how: str  # LUCENE, ESQL or SENSOR
    stream: str = ""  # whose documents it looks at
    unseen: tuple[str, ...] = ()  # fields no document has, which make it the sensor's own, or in part
    why: str = ""  # it is the sensor's own, beside these
    collection: SigmaCollection = dataclasses.field(default_factory=lambda: SigmaCollection([]))


def suits() -> list[Suit]:
    """Return every rule shipped that alerts, by protocol and title, with what becomes of it."""
    rules = RuleSet.load((default_rules(),))
    return [suit(rule) for rule in sorted(rules.alerting(), key=lambda rule: (rule.service, rule.title))]


def suit(rule: Rule) -> Suit:
    """Judge one rule."""
    whole = SigmaCollection.from_yaml(rule.path.read_text(encoding="utf-8"))
    one = next(one for one in whole.rules if str(one.id) == rule.id)
    return single(rule, one) if isinstance(one, SigmaRule) else correlated(rule, one, whole)


def single(rule: Rule, one: SigmaRule) -> Suit:
    """Judge a rule about single events."""
    streams, read = streams_of(one), set(fields(one))
    for stream in streams:
        if read <= carried(stream):
            return Suit(rule, LUCENE, stream, collection=SigmaCollection([one]))
    for stream in streams:
        part = visible(one, carried(stream))
        if part is not None:
            unknown = tuple(sorted(read - carried(stream)))
            return Suit(rule, LUCENE, stream, unknown, collection=SigmaCollection([part]))
    return Suit(rule, SENSOR, unseen=tuple(sorted(read - carried(streams[-1] if streams else ""))))


def correlated(rule: Rule, one: SigmaCorrelationRule, whole: SigmaCollection) -> Suit:
    """Judge a correlation by the rules that feed it and by what it counts."""
    condition = one.condition
    if one.type is SigmaCorrelationType.TEMPORAL_ORDERED or not isinstance(condition, SigmaCorrelationCondition):
        return Suit(rule, SENSOR, why=UNORDERED)
    fed = [source for source in whole.rules if isinstance(source, SigmaRule)]
    (streams,) = {streams_of(source) for source in fed}
    counted = [condition.fieldref] if isinstance(condition.fieldref, str) else list(condition.fieldref or ())
    needed = {*(name for source in fed for name in fields(source)), *(one.group_by or ()), *counted}
    if one.type is SigmaCorrelationType.EVENT_COUNT:
        streams = tuple(stream for stream in streams if stream != "behaviour")  # one document stands for many events
    stream = next((stream for stream in streams if needed <= carried(stream)), "")
    if not stream:
        unknown = needed - carried(streams[-1]) if streams else needed & UNKNOWN.keys()
        return Suit(rule, SENSOR, unseen=tuple(sorted(unknown)))
    if any(vocabulary()[name].many for name in needed):
        return Suit(rule, SENSOR, why=LISTS)
    return Suit(rule, ESQL, stream, collection=whole)


def streams_of(rule: SigmaRule) -> tuple[str, ...]:
    """Return the streams whose documents tell of what a rule looks at, the one that is always shipped first."""
    return STREAMS_OF.get(rule.logsource.category or EXCHANGE, ())


def visible(rule: SigmaRule, known: frozenset[str]) -> SigmaRule | None:
    """Return a rule with those of its alternatives that read known fields only; None for none, or all."""
    (condition,) = rule.detection.condition
    names = condition.split(" or ")
    seen = [name for name in names if name in rule.detection.detections and alternative(rule, name) <= known]
    if not seen or len(seen) == len(names):
        return None
    return narrowed(rule, " or ".join(seen))


def alternative(rule: SigmaRule, name: str) -> set[str]:
    """Return the fields one selection reads."""
    return set(fields(narrowed(rule, name)))


def narrowed(rule: SigmaRule, condition: str) -> SigmaRule:
    """Return a rule with another condition over the same selections."""
    data = rule.to_dict()
    data["detection"]["condition"] = condition
    return SigmaRule.from_dict(data)


def fields(rule: SigmaRule) -> Iterator[str]:
    """Return the fields a Sigma rule reads."""
    for condition in rule.detection.parsed_condition:
        yield from reads(condition.parsed)


def reason(name: str) -> str:
    """Say why a field cannot be searched for."""
    return UNKNOWN.get(name, SINGLE)


def carried(stream: str) -> frozenset[str]:
    """Return the fields that documents of a stream have, by making one that has everything."""
    if not stream:
        return frozenset()
    if stream == MESSAGE:
        return frozenset(name for name in vocabulary().fields if component_of(name) in SEEN) | SEEN_TOO
    made = documents.item(stream, FULL | {"sequence": 1}, {})
    return frozenset(name for name, _ in flattened(made.document)) & frozenset(vocabulary().fields)


FULL: Final = {
    **dict.fromkeys(
        ("site", "segment", "tunnel", "protocol", "operation", "action", "unit", "target", "state", "ending", "id"), "x"
    ),
    "vlan": "1.2",
    **dict.fromkeys(("client", "opener"), "192.0.2.1"),
    **dict.fromkeys(("server", "answerer"), "192.0.2.2"),
    "targets": [("x", 1, 2)],
    "codes": {"1": 1},
    "outcomes": {"accepted": 1, "refused": 1, "unanswered": 1},
    "transport": 6,
    **dict.fromkeys(
        ("ranged", "count", "first_time", "last_time", "opener_port", "answerer_port", "ethertype", "packets",
         "packets_back", "bytes", "bytes_back", "payload_bytes", "payload_bytes_back", "retransmissions", "gaps",
         "gap_bytes", "out_of_order", "duplicates", "first_frame", "revision"), 1
    ),
    **{f"{name}_{what}": 1 for name in ("latency", "interval") for what in ("count", "sum", "min", "max")},
}  # fmt: skip
