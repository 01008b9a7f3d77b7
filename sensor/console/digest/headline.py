"""The digest in one line and in one paragraph.

The rule it lives by: whoever reads nothing but the subject knows whether to read on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensor.console.words import duration, moment, plural

if TYPE_CHECKING:
    from sensor.console.digest.gather import Digest


def subject(digest: Digest) -> str:
    """Return the subject of a mail: "north-works: 2 critical, 1 high; 3 new assets"."""
    where = ", ".join(digest.sites[:3]) or "otsensor"
    parts = [f"{count:,} {level}" for level, count in worst_first(digest)[:2]] or ["no alerts"]
    told = [", ".join(parts)]
    if digest.assets.total:
        told.append(plural(digest.assets.total, "new asset"))
    if digest.quiet:
        told.insert(0, "SENSOR QUIET")
    return "".join(letter if letter.isprintable() else " " for letter in f"{where}: {'; '.join(told)}")


def worst_first(digest: Digest) -> list[tuple[str, int]]:
    """Return the alerts' levels and counts, the worst first."""
    order = ("critical", "high", "medium", "low", "informational")
    return [(level, digest.levels[level]) for level in order if level in digest.levels]


def period(digest: Digest) -> str:
    """Return the time the digest is about."""
    return f"{moment(digest.since)[:16]} to {moment(digest.until)[:16]} UTC"


def warnings(digest: Digest) -> list[str]:
    """Return what must not be overlooked about the sensor itself."""
    told = []
    if digest.quiet:
        told.append(
            f"Nothing was recorded for {duration(digest.age)}: is the sensor running, is the mirror port alive?"
        )
    if digest.packets_dropped:
        told.append(f"{digest.packets_dropped:,} packets were dropped before the sensor saw them.")
    told += [f"{row['path']} was not read to its end: {row['damage']}" for row in digest.damaged.rows]
    told += [f"{meaning}: {count:,}." for meaning, count in digest.losses.items()]
    for feed in digest.feeds:
        if feed["rejected"]:
            told.append(
                f"{feed['rejected']:,} documents were rejected by {feed['name']}; they are kept, with the reason."
            )
    return told


def feed_lines(digest: Digest) -> list[str]:
    """Return a line for each destination."""
    return [
        f"{feed['name']}: {feed['shipped']:,} documents shipped, "
        + (f"{feed['behind']:,} wait" if feed["behind"] else "none waits")
        for feed in digest.feeds
    ]
