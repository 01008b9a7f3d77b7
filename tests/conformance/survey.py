"""Every capture is read once, and what the tests want to know of the reading is written down.

The rule it lives by: whatever is demanded of each capture is gathered here in passing; a capture is never read twice.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
from typing import TYPE_CHECKING

from sensor.vocabulary import vocabulary
from tests.conformance import compare, taps, truth

if TYPE_CHECKING:
    import pathlib

TYPES = {
    "keyword": lambda v: type(v) is str,
    "text": lambda v: type(v) is str,
    "long": lambda v: type(v) is int,
    "double": lambda v: type(v) in (int, float),
    "boolean": lambda v: type(v) is bool,
    "date": lambda v: type(v) is str,
    "ip": lambda v: type(v) is str,
}
MAX_WRONG = 20  # of one capture: more say nothing new
MAX_FRAMES = 40  # kept of one conversation of each protocol


@dataclasses.dataclass
class Found:
    """What one capture has shown."""

    path: pathlib.Path
    frames: int = 0
    by_kind: int = 0
    by_source: int = 0
    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    failures: list[tuple[str, str, str]] = dataclasses.field(default_factory=list)
    fields: set[str] = dataclasses.field(default_factory=set)
    protocols: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    anomalies: set[str] = dataclasses.field(default_factory=set)
    wrong_words: list[str] = dataclasses.field(default_factory=list)
    broken_contract: list[str] = dataclasses.field(default_factory=list)
    against_tshark: compare.Result | None = None
    talks: dict[str, list[taps.Said]] = dataclasses.field(default_factory=dict)  # protocol -> the beginning of one


def wrong(name, value):
    """Say what is wrong with a field's value; "" when it is as declared."""
    field = vocabulary().get(name)
    if field is None:
        return f"{name} is not declared"
    if isinstance(value, list) != field.many:
        return f"{name} is {'many' if field.many else 'one'}, and {value!r}"
    for one in value if field.many else [value]:
        if not TYPES[field.type](one):
            return f"{name} is {field.type}, and {one!r}"
        if field.values and one not in field.values:
            return f"{name} is one of {field.values}, and {one!r}"
    return ""


@functools.cache
def of(path: pathlib.Path) -> Found:
    """Read one capture, with all rules and every message."""
    found = Found(path)
    log, reading = taps.listen(path)
    keys: dict[str, collections.Counter[truth.Key]] = {name: collections.Counter() for name in truth.PROTOCOLS}
    for message in reading:
        found.protocols[message.protocol] += 1
        found.anomalies.update(message.anomalies)
        said = message.fields()
        found.fields |= said.keys()
        found.wrong_words += filter(None, (wrong(name, value) for name, value in said.items()))
        del found.wrong_words[MAX_WRONG:]
        key = truth.ours(message)
        if key is not None:
            keys[key[0]][key[1]] += 1
    line = reading.line
    found.frames, found.counts, found.failures = reading.frames, reading.counts, line.flows.framing.faults.failures
    found.by_kind = sum(reading.frames_by_kind().values())
    found.by_source = sum(source.frames for source in reading.sources)
    found.anomalies |= log.anomalies | reading.recorder.oddities.keys()
    found.broken_contract = log.wrong
    found.talks = {name: max(talks, key=variety)[:MAX_FRAMES] for name, talks in log.talks.items() if any(talks)}
    found.against_tshark = judged(path, keys, reading)
    reading.close()
    return found


def variety(talk):
    """How many different frames the beginning of a conversation has."""
    return len({said.frame for said in talk[:MAX_FRAMES]})


def judged(path, keys, reading):
    """Compare with tshark, by the same rules as `make conformance`."""
    result = compare.Result(path.name)
    doubled = reading.counts.get("mirror_duplicates", 0) > 0
    for name in truth.PROTOCOLS:
        wanted = truth.expected(path.name, name) if path.parent == truth.FILES else None
        if wanted:
            compare.judge(result, name, wanted, keys[name], doubled=doubled)
    return result
