"""Compare one capture's messages with tshark's, and account for every difference.

What tshark reports and we do not is either explained, by a rule below that looks at the capture itself, or missing.
"""

from __future__ import annotations

import collections
import dataclasses
import time
from typing import TYPE_CHECKING

import sensor
from tests.conformance import truth

if TYPE_CHECKING:
    import pathlib


@dataclasses.dataclass
class Result:
    """One capture: how many of tshark's messages are ours, and the rest."""

    capture: str
    frames: int = 0
    seconds: float = 0.0
    damage: str = ""
    messages: dict[str, int] = dataclasses.field(default_factory=dict)
    anomalies: dict[str, int] = dataclasses.field(default_factory=dict)
    wanted: dict[str, int] = dataclasses.field(default_factory=dict)
    matched: dict[str, int] = dataclasses.field(default_factory=dict)
    missing: dict[str, list[truth.Key]] = dataclasses.field(default_factory=dict)
    copies: int = 0  # messages tshark dissects again in frames doubled by the mirror


def compare(path: pathlib.Path) -> Result:
    """Read one capture and compare it."""
    result = Result(path.name)
    found: dict[str, collections.Counter[truth.Key]] = {name: collections.Counter() for name in truth.PROTOCOLS}
    messages: collections.Counter[str] = collections.Counter()
    anomalies: collections.Counter[str] = collections.Counter()
    began = time.process_time()
    reading = sensor.read(path)
    for message in reading:
        messages[message.protocol] += 1
        anomalies.update(message.anomalies)
        key = truth.ours(message)
        if key is not None:
            found[key[0]][key[1]] += 1
    anomalies.update(reading.recorder.oddities)
    result.seconds = time.process_time() - began
    result.frames, result.messages, result.anomalies = reading.frames, dict(messages), dict(anomalies)
    result.damage = "; ".join(source.damage for source in reading.sources if source.damage)
    doubled = reading.counts.get("mirror_duplicates", 0) > 0
    reading.close()
    for name in truth.PROTOCOLS:
        wanted = truth.expected(path.name, name)
        if wanted:
            judge(result, name, wanted, found[name], doubled=doubled)
    return result


def judge(
    result: Result,
    name: str,
    wanted: collections.Counter[truth.Key],
    found: collections.Counter[truth.Key],
    *,
    doubled: bool,
) -> None:
    """Count matches; a message we have in a frame just before is the mirror's copy, where the capture has copies."""
    result.wanted[name] = sum(wanted.values())
    result.matched[name] = sum((wanted & found).values())
    for key in sorted((wanted - found).elements(), key=str):
        if doubled and any((key[0] - back, *key[1:]) in found for back in range(1, 9)):
            result.copies += 1
            result.wanted[name] -= 1
        else:
            result.missing.setdefault(name, []).append(key)
