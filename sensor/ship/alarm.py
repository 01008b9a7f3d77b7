"""Alerts about the feed itself: they are told before anything that waits to be shipped is dropped.

The rule it lives by: the same trouble is one alert; a sensor that cannot ship says so where people look.
"""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
from typing import TYPE_CHECKING, Final

from sensor.alert.alert import Alert
from sensor.detect.rule import Rule
from sensor.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

RESPONSE: Final = (
    "Find out why the destination does not take documents (otsensor ship --db FILE --config FILE --status; "
    "otsensor doctor elasticsearch), or give the outbox more room (outbox: max_size, max_age). Nothing in the plant "
    "is touched by this."
)
EXPLANATION: Final = (
    "The sensor goes on watching. What it finds is kept in its own database until the SOC's system has taken it; there "
    "is a limit to that, so that a full disk does not blind the sensor."
)


def rule(name: str, number: str, title: str, level: str, description: str) -> Rule:
    """Return the rule of one alarm."""
    return Rule(
        id=number, name=name, title=title, level=level, description=description, author="otsensor",
        version="2026-01-01", license="Apache-2.0", references=(), techniques=(), tactics=(),
        path=pathlib.Path(__file__), line=0, explanation=EXPLANATION, response=RESPONSE,
        category="health",
    )  # fmt: skip


FILLING: Final = rule(
    "otsensor-outbox-filling", "6d7f4a40-4f5e-4f0d-9a53-5c1b7b1f7a01", "What waits to be shipped nears its limit",
    "high", "The outbox is four fifths full, or what waits in it is four fifths as old as it may become.",
)  # fmt: skip
DROPPING: Final = rule(
    "otsensor-outbox-dropping", "6d7f4a40-4f5e-4f0d-9a53-5c1b7b1f7a02", "What waited to be shipped is dropped",
    "critical", "The outbox has reached its limit: its oldest rows are dropped, each kind is counted.",
)  # fmt: skip


def raise_alarm(path: pathlib.Path, which: Rule, sentence: str, key: tuple[str, ...], now: int,
                observer: Mapping[str, str]) -> bool:  # fmt: skip
    """Write an alert, unless it was raised before for the same `key`; return whether it is new."""
    identity = hashlib.blake2b("\x1f".join(("1", which.id, *key)).encode(), digest_size=16).hexdigest()
    with Store(path, joins=True) as store:
        if store.database.execute("SELECT 1 FROM alerts WHERE id = ?", (identity,)).fetchone():
            return False
        store.observer = observer
        # The sentence is one already; its braces are no slots.
        told = dataclasses.replace(which, sentence=sentence.replace("{", "(").replace("}", ")"))
        store.alert(Alert(identity, told, key, now, now, {}, count=1, revision=1, told=1))
    return True
