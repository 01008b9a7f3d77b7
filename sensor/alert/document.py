"""An alert as the document a SIEM takes: Elastic Common Schema 9.4.0, and our fields beside it.

The rule it lives by: a document stands for itself: who, whom, what, why, on which evidence, what to do. Every field in
it is in the vocabulary.
"""

import datetime as dt
import functools
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sensor import ecs
from sensor.alert.alert import Alert
from sensor.detect import attack
from sensor.detect.attack import Technique
from sensor.detect.event import HEALTH, listed

VENDOR: Final = "otsensor"
RULESET: Final = "otsensor"
SINGLE: Final = frozenset(field.name for field in ecs.FIELDS if not field.many)


def document(
    alert: Alert, files: Sequence[str] = (), observer: Mapping[str, str] | None = None, sequence: int = 0
) -> dict[str, Any]:
    """Return one revision of an alert as nested ECS fields.

    `files`: name of each capture file by index; `observer`: observer.* fields; `sequence`: the sensor's running number.
    """
    who = {"observer.type": "sensor", "observer.vendor": VENDOR, "observer.product": VENDOR, **(observer or {})}
    flat = {
        **single(alert.fields),
        **about_event(alert, sequence),
        "event.id": document_id(who, "alert", alert.id, alert.version),
        **about_rule(alert),
        **about_threat(alert),
        **about_evidence(alert, files),
        "related.ip": together(alert.fields, "source.ip", "destination.ip"),
        "related.hosts": together(alert.fields, "ot.source.asset.name", "ot.destination.asset.name"),
        **who,
    }
    return nested({name: value for name, value in flat.items() if value not in (None, "", [])})


def single(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with one value where ECS knows but one; what a correlation counted is told beside them."""
    lists = {name: value for name, value in fields.items() if name in SINGLE and isinstance(value, list)}
    if not lists:
        return dict(fields)
    told = {name: value for name, value in fields.items() if name not in lists}
    told["ot.alert.counted.field"] = list(lists)
    told["ot.alert.counted.values"] = [str(one) for value in lists.values() for one in value]
    return told


def about_event(alert: Alert, sequence: int) -> dict[str, Any]:
    """Return the event itself, and the alert's own count and state."""
    sentence = alert.sentence
    return {
        "@timestamp": instant(alert.last_time),
        "ecs.version": ecs.VERSION,
        "message": sentence,
        "event.kind": "alert",
        "event.category": ["network"] if alert.rule.category == HEALTH else ["intrusion_detection", "network"],
        "event.type": ["info"],
        "event.dataset": "otsensor.alert",
        "event.module": "otsensor",
        "event.provider": "sigma",
        "event.sequence": sequence or None,
        "event.code": alert.rule.name,
        "event.severity": alert.severity,
        "event.risk_score": float(alert.severity),
        "event.reason": sentence,
        "event.created": instant(alert.last_time),
        "event.start": instant(alert.first_time),
        "event.end": instant(alert.last_time),
        "event.duration": alert.last_time - alert.first_time,
        "ot.alert.id": alert.id,
        "ot.alert.count": alert.count,
        "ot.alert.values": alert.values or None,
        "ot.alert.state": alert.state,
        "ot.alert.revision": alert.revision,
        "ot.alert.explanation": alert.rule.explanation,
        "ot.alert.response": alert.rule.response,
    }


def about_rule(alert: Alert) -> dict[str, Any]:
    """Return the rule."""
    rule = alert.rule
    return {
        "rule.id": rule.name,
        "rule.uuid": rule.id,
        "rule.name": rule.title,
        "rule.description": rule.description,
        "rule.category": rule.service or rule.category,
        "rule.ruleset": RULESET,
        "rule.version": rule.version,
        "rule.reference": rule.references[0] if rule.references else "",
        "rule.author": [rule.author] if rule.author else [],
        "rule.license": rule.license,
        "tags": [rule.level],
    }


def about_threat(alert: Alert) -> dict[str, Any]:
    """Return techniques and tactics; a v18 technique is followed by its successor, so that both can be searched for."""
    found = attack.with_successors(alert.rule.techniques)
    whole = [parent(one) for one in found]
    parts = [one for one in found if "." in one.id]
    techniques = {one.id: one for one in whole}.values()
    tactics = alert.rule.tactics
    return {
        "threat.framework": attack.FRAMEWORK if techniques else "",
        "threat.tactic.id": [attack.TACTICS[short][0] for short in tactics],
        "threat.tactic.name": [attack.TACTICS[short][1] for short in tactics],
        "threat.tactic.reference": [attack.tactic_reference(short) for short in tactics],
        "threat.technique.id": [one.id for one in techniques],
        "threat.technique.name": [one.name for one in techniques],
        "threat.technique.reference": [one.reference for one in techniques],
        "threat.technique.subtechnique.id": [one.id for one in parts],
        "threat.technique.subtechnique.name": [one.name for one in parts],
        "threat.technique.subtechnique.reference": [one.reference for one in parts],
    }


def parent(technique: Technique) -> Technique:
    """Return the technique a sub-technique belongs to; a technique itself."""
    return attack.techniques().get(technique.id.split(".")[0], technique)


def about_evidence(alert: Alert, files: Sequence[str]) -> dict[str, Any]:
    """Return where the frames lie."""
    frames = alert.frames
    return {
        "ot.evidence.file": [files[frame.source] if frame.source < len(files) else "" for frame in frames],
        "ot.evidence.frame": [frame.number for frame in frames],
        "ot.evidence.time": [instant(frame.time) for frame in frames],
        "ot.evidence.dropped": alert.frames_dropped or None,
    }


def together(fields: Mapping[str, Any], *names: str) -> list[str]:
    """Return the values of some fields, each once."""
    found = [value for name in names for value in listed(fields.get(name, []))]
    return list(dict.fromkeys(found))


def instant(ns: int) -> str:
    """Write nanoseconds since 1970 as ISO 8601 in UTC, with nanoseconds."""
    seconds, rest = divmod(ns, 1_000_000_000)
    try:
        whole = dt.datetime.fromtimestamp(seconds, dt.UTC)
    except (ValueError, OverflowError, OSError):  # a capture may say any time
        whole = dt.datetime.fromtimestamp(0, dt.UTC)
        rest = 0
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def document_id(observer: Mapping[str, str], stream: str, identity: str, revision: int) -> str:
    """Return the id of a document of the history: who saw it, what it is about, which revision (hex, 32 digits)."""
    return digest(observer.get("observer.name", ""), stream, identity, revision)


def digest(*parts: Any) -> str:
    """Return a hash of some values, version 1 (hex, 32 digits)."""
    text = "\x1f".join(("1", *map(str, parts)))
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


@functools.lru_cache(maxsize=4096)  # more names than all protocols have together
def path_of(name: str) -> tuple[list[str], str]:
    """Return the objects a field lies in, and its own name there."""
    *path, last = name.split(".")
    return path, last


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Turn dotted names into objects within objects."""
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        path, last = path_of(name)
        place = tree
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return tree
