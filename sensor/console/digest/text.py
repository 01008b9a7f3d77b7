"""The digest as plain text, for a terminal and for the text half of a mail.

The rule it lives by: 78 columns, no colours, no tables that a proportional typeface would tear apart.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final

from sensor.console import views
from sensor.console.digest.headline import feed_lines, period, subject, warnings
from sensor.console.words import moment, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sensor.console.digest.gather import Digest, Section

WIDTH: Final = 78


def text(digest: Digest) -> str:
    """Return the whole digest."""
    return "\n".join(lines(digest)) + "\n"


def lines(digest: Digest) -> Iterator[str]:
    """Yield its lines."""
    yield subject(digest)
    yield period(digest)
    for warning in warnings(digest):
        yield from item("! ", warning)
    yield from section("Alerts", digest.alerts, alert)
    yield from section("New assets", digest.assets, asset)
    yield from section("Assets that fell silent", digest.silent, asset)
    yield from section("New behaviours", digest.behaviours, behaviour)
    yield from section("Oddities", digest.oddities, oddity)
    if digest.feeds:
        yield from ("", "Feeds", "-----")
        for line in feed_lines(digest):
            yield from item("  ", line)
    yield ""
    yield f"Made by otsensor at {moment(digest.made)[:16]} UTC."


def section(title: str, found: Section, write: Callable[[Mapping[str, Any]], Iterator[str]]) -> Iterator[str]:
    """Yield one section; nothing where there is nothing."""
    if not found.total:
        return
    head = f"{title} ({found.total:,})"
    yield from ("", head, "-" * len(head))
    for row in found.rows:
        yield from write(row)
    if found.more:
        yield f"  and {found.more:,} more"


def item(mark: str, line: str, deeper: int = 0) -> list[str]:
    """Return a wrapped line whose first one begins with `mark`."""
    return textwrap.wrap(
        plain(line), WIDTH, initial_indent=plain(mark), subsequent_indent=" " * (len(mark) + deeper),
        break_on_hyphens=False,
    )  # fmt: skip


def plain(line: str) -> str:
    """Return text from the wire without anything that is not a letter, a sign or a space."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in line)


def alert(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield an alert, and what is safe to do."""
    yield from item(f"{row['level'].upper():<9} ", row["sentence"])
    times = f"{row['count']:,} times, first" if row["count"] > 1 else "once,"
    told = f"{times} {moment(row['first_time'])[:19]} UTC. {' '.join(row['techniques'])}"
    yield from item(" " * 10, told.strip())
    if row["response"]:
        yield from item(" " * 10 + "> ", " ".join(row["response"].split()))


def asset(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield an asset."""
    who = f"{row['address']} {row['name']}".strip()
    parts = [who, row["role"].replace("_", " "), str(views.make(row)), row["segment"]]
    told = ", ".join(part for part in parts if part)
    yield from item("  ", f"{told}; {moment(row['first_time'])[:16]} to {moment(row['last_time'])[:16]}", 2)


def behaviour(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield a behaviour."""
    unit = f" of unit {row['unit']}" if row["unit"] else ""
    target = f" {views.target(row)}" if row["target"] else ""
    what = f"{row['protocol']} {row['operation'].replace('_', ' ')}{target}{unit}"
    told = f"{row['client']} -> {row['server']}: {what}, {plural(row['count'], 'time')}, {views.outcomes(row)}"
    yield from item("  ", told, 2)


def oddity(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield an oddity."""
    yield from item("  ", f"{row['sender']} -> {row['receiver']}: {row['kind'].replace('_', ' ')}, {row['count']:,}", 2)
