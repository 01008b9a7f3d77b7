"""What is new in a store since a moment: alerts, assets, behaviours, oddities, health.

The rule it lives by: what is left out is counted, and a sensor that has gone quiet is news too.
"""

from __future__ import annotations

import dataclasses
import heapq
import time
from typing import TYPE_CHECKING, Any, Final

import orjson

from sensor.console.words import NS
from sensor.detect.rule import SEVERITY
from sensor.ship.fields import HEALTH

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from sensor.store.reader import Reader

Rows = list[dict[str, Any]]

MOST: Final = 50  # rows of a section: a digest is read in five minutes
# Actions that change the process or the controller are listed first, then what is no part of the daily round.
COMMANDS: Final = frozenset(("write", "operate", "select", "stop", "start", "restart", "program_download", "time_set"))
DAILY: Final = frozenset(("read", "connect", "subscribe", "other"))
TIMED: Final = ("behaviours", "flows", "alerts", "assets", "captures")

# Counters that say something was lost, refused or given up; `HEALTH` says what each means.
LOSSES: Final = (
    "gaps", "dissector_failed", "gave_up", "illegible", "truncated_datagrams", "flows_evicted", "behaviours_refused",
    "pairs_refused", "assets_refused", "endpoints_overflowed", "networks_overflowed", "acquaintances_refused",
    "correlation_groups_evicted", "alerts_closed_for_room", "oddities_hushed", "time_backwards",
)  # fmt: skip


@dataclasses.dataclass(slots=True)
class Section:
    """Some rows, and how many there are in truth."""

    rows: Rows
    total: int

    @property
    def more(self) -> int:
        """How many are not among the rows."""
        return self.total - len(self.rows)


@dataclasses.dataclass(slots=True)
class Digest:
    """What is new; times in ns since 1970."""

    since: int
    until: int  # the newest record, or now where records claim a later time
    made: int
    live: bool  # from an interface or a pipe, not from capture files, which may be of any age
    sites: list[str]
    levels: dict[str, int]  # alerts by level
    alerts: Section
    assets: Section
    silent: Section
    behaviours: Section
    oddities: Section
    damaged: Section
    losses: dict[str, int]  # meaning -> how often
    packets_dropped: int
    feeds: Rows

    @property
    def age(self) -> int:
        """How long before the making the newest record is, ns."""
        return self.made - self.until

    @property
    def quiet(self) -> bool:
        """Nothing was recorded for more than a day: the sensor or its mirror port may be dead."""
        return self.live and self.age > 86_400 * NS


def newest(database: sqlite3.Connection, now: int) -> int:
    """Return the time of the newest record, not after `now`; 0 in an empty store."""
    found = 0
    for table in TIMED:
        (last,) = database.execute(f"SELECT max(last_time) FROM {table} WHERE last_time <= ?", (now,)).fetchone()  # noqa: S608
        found = max(found, last or 0)
    return found


def gather(reader: Reader, since: int, now: int | None = None, most: int = MOST) -> Digest:
    """Return what is new since `since`: ns since 1970, or, negative, so long before the newest record."""
    made = time.time_ns() if now is None else now
    until = newest(reader.database, made) or made
    since = until + since if since < 0 else since
    alerts = [row for row in reader.rows("alerts") if row["last_time"] >= since]
    captures = [row for row in reader.rows("captures") if (row["last_time"] or 0) >= since or row["damage"]]
    assets = list(reader.rows("assets"))
    period = max(until - since, 0)
    return Digest(
        since=since,
        until=until,
        made=made,
        live=any(row["format"] == "live" or row["path"] == "-" for row in reader.rows("captures")),
        sites=sorted({row["site"] for row in assets if row["site"]}),
        levels={level: n for level in SEVERITY if (n := sum(row["level"] == level for row in alerts))},
        alerts=first(alerts, most),
        assets=first([row for row in assets if row["first_time"] >= since], most),
        silent=first([row for row in assets if since - period <= row["last_time"] < since], most),
        behaviours=new_behaviours(reader, since, most),
        oddities=first([row for row in reader.rows("oddities") if row["last_time"] >= since], most),
        damaged=first([row for row in captures if row["damage"]], most),
        losses=losses(reader.database, since),
        packets_dropped=sum(row["drops"] for row in captures),
        feeds=feeds(reader.database),
    )


def first(rows: Rows, most: int) -> Section:
    """Return the first of some rows."""
    return Section(rows[:most], len(rows))


def new_behaviours(reader: Reader, since: int, most: int) -> Section:
    """Return behaviours never seen before `since`, commands first, then the most frequent."""
    total = 0

    def new() -> Iterable[dict[str, Any]]:
        nonlocal total
        for row in reader.behaviours():
            if row["first_time"] >= since:
                total += 1
                yield row

    rows = heapq.nlargest(
        most, new(), key=lambda row: (row["action"] in COMMANDS, row["action"] not in DAILY, row["count"])
    )
    return Section(rows, total)


def losses(database: sqlite3.Connection, since: int) -> dict[str, int]:
    """Return what was lost since, by its meaning: what each run's counters grew by."""
    grown: dict[str, int] = {}
    for run in [
        row[0] for row in database.execute("SELECT DISTINCT run FROM health_reports WHERE time >= ?", (since,))
    ]:
        before, after = report(database, run, "<", since), report(database, run, ">=", since)
        for name in LOSSES:
            more = after.get(name, 0) - before.get(name, 0)
            if more > 0:
                grown[HEALTH[name]] = grown.get(HEALTH[name], 0) + more
    return grown


def report(database: sqlite3.Connection, run: int, side: str, since: int) -> dict[str, int]:
    """Return a run's last counters before or after a moment."""
    question = f"SELECT counts FROM health_reports WHERE run = ? AND time {side} ? ORDER BY sequence DESC LIMIT 1"  # noqa: S608
    found = database.execute(question, (run, since)).fetchone()
    counts: dict[str, int] = orjson.loads(found[0]) if found else {}
    return counts


def feeds(database: sqlite3.Connection) -> Rows:
    """Return each destination with how far it is behind."""
    last = database.execute("SELECT value FROM meta WHERE name = 'sequence'").fetchone()
    newest_number = int(last[0]) if last else 0
    return [
        {
            "name": row[0],
            "behind": max(newest_number - row[1], 0),
            "shipped": row[2],
            "rejected": row[3],
            "time": row[4],
        }
        for row in database.execute("SELECT destination, sequence, shipped, rejected, time FROM cursors ORDER BY 1")
    ]
