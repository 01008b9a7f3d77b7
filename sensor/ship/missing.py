"""The alert that says what did not come over a one-way line.

The rule it lives by: it is told once it is certain that a number is not just late, again when more is missing, and
closed when all has come after all.
"""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
import time
from typing import TYPE_CHECKING, Final

from sensor.alert.alert import CLOSED, OPEN, Alert
from sensor.alert.document import document
from sensor.detect.rule import Rule
from sensor.ship.documents import Item

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sensor.ship.ledger import Feed

SHOWN: Final = 8  # ranges named in a sentence; `otsensor receive --report` shows all

RULE: Final = Rule(
    id="6d7f4a40-4f5e-4f0d-9a53-5c1b7b1f7a03", name="otsensor-one-way-loss",
    title="Documents are missing on a one-way line", level="medium",
    description="Numbers between documents that came over a one-way line have not come.",
    author="otsensor", version="2026-01-01", license="Apache-2.0", references=(), techniques=(), tactics=(),
    path=pathlib.Path(__file__), line=0, category="health",
    explanation="What the sensor found and sent did not arrive here: datagrams were lost, or a file was not carried "
    "over. An alert may be among it.",
    response="Look into the sensor's own store (otsensor alerts), which has everything. For datagrams lower the rate "
    "or send copies (rate, copies); for files look for the one that was not carried. Nothing in the plant is touched "
    "by this.",
)  # fmt: skip


def alert(feed: Feed) -> Item:
    """Return the alert on a feed as it stands; its number is given by whoever keeps it."""
    missing = feed.missing()
    now = time.time_ns()
    identity = hashed(feed.id)
    rule = told(feed)
    found = Alert(
        identity, rule, (feed.id,), now, now, {}, missing, 0, feed.revision, OPEN if missing else CLOSED, told=missing
    )
    whole = document(found)
    whole["event"]["id"] = hashed(feed.id, str(feed.revision))
    if feed.sensor:
        whole["observer"]["name"] = feed.sensor
    return Item(0, "alert", identity, feed.revision, whole)


def hashed(*parts: str) -> str:
    """Return the id of what is told of a feed (hex, 32 digits)."""
    text = "\x1f".join(("1", RULE.id, *parts))
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


def told(feed: Feed) -> Rule:
    """Return the rule with its sentence filled in."""
    return dataclasses.replace(RULE, sentence=sentence(feed).replace("{", "(").replace("}", ")"))


def sentence(feed: Feed) -> str:
    """Say what is missing."""
    who = f"sensor {feed.sensor}" if feed.sensor else "a sensor without a name"
    missing = feed.missing()
    if not missing:
        return f"All documents of {who} on the one-way line {feed.id} have come"
    return f"{missing:,} documents of {who} on the one-way line {feed.id} are missing: {ranges(feed.holes())}"


def ranges(holes: Sequence[tuple[int, int]], most: int = SHOWN) -> str:
    """Write ranges: "3-5, 9 and 2 more"."""
    parts = [str(first) if first == last else f"{first}-{last}" for first, last in holes[:most]]
    more = f" and {len(holes) - most:,} more" if len(holes) > most else ""
    return ", ".join(parts) + more
