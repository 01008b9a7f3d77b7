"""Reading a store: rows as dictionaries, while somebody else may be writing.

The rule it lives by: behaviours of several runs are added up as they are read; nothing of a run is lost by adding.
"""

import pathlib
import sqlite3
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, Self

import orjson

from sensor.store import tables
from sensor.store.database import complaint, open_for_reading

KINDS: Final = {
    "assets": (tables.ASSETS, "SELECT * FROM assets ORDER BY rowid"),
    "facts": (tables.FACTS, "SELECT * FROM facts ORDER BY asset, attribute, confidence DESC"),
    "flows": (tables.FLOWS, "SELECT * FROM flows ORDER BY run, first_time, number"),
    "alerts": (tables.ALERTS, "SELECT * FROM alerts ORDER BY severity DESC, first_time, id"),
    "revisions": (tables.REVISIONS, "SELECT * FROM alert_revisions ORDER BY sequence"),
    "evidence": (tables.EVIDENCE, "SELECT * FROM evidence ORDER BY alert, ordinal"),
    "oddities": (tables.ODDITIES, "SELECT * FROM oddities ORDER BY count DESC, kind"),
    "captures": (tables.CAPTURES, "SELECT * FROM captures ORDER BY run, number"),
    "health": (tables.HEALTH, "SELECT * FROM health ORDER BY run, name"),
    "runs": (tables.RUNS, "SELECT * FROM runs ORDER BY run"),
}

SAME: Final = ("id", *(column.split()[0] for column in tables.PLACE), "client", "server", "protocol", "operation",
               "action", "unit")  # fmt: skip


HOW: Final = (("count", "sum"), ("sum", "sum"), ("min", "min"), ("max", "max"), ("buckets", "sum_list"))


def added_up(of: str) -> str:
    """Return the statement that adds up the behaviours of all runs, or of those that `of` (a WHERE) names."""
    columns = [*SAME, "widest(targets) AS targets", "max(ranged) AS ranged", "sum(count) AS count"]
    columns += ["min(first_time) AS first_time", "max(last_time) AS last_time"]
    columns += ["sum_map(outcomes) AS outcomes", "sum_map(codes) AS codes"]
    for name in ("latency", "interval"):
        columns += [f"{how}({name}_{what}) AS {name}_{what}" for what, how in HOW]
    order = "count DESC, client, server, operation, id"
    return f"SELECT {', '.join(columns)} FROM behaviours {of} GROUP BY id ORDER BY {order}"  # noqa: S608  # our own names


class Reader:
    """Reads a store; raises StoreError when there is none."""

    def __init__(self, path: pathlib.Path, database: sqlite3.Connection | None = None) -> None:
        """`database`: a store that is open already, such as a temporary one, which no path leads to."""
        self.path = path
        self.database = database or open_for_reading(path)
        self.database.row_factory = sqlite3.Row
        for name, aggregate in (("widest", Widest), ("sum_map", SumMap), ("sum_list", SumList)):
            self.database.create_aggregate(name, 1, aggregate)  # type: ignore[arg-type]

    def rows(self, kind: str, run: int | None = None) -> Iterator[dict[str, Any]]:
        """Return the rows of one kind: "behaviours" or one of KINDS; those of one run where the kind has runs."""
        if kind == "behaviours":
            yield from self.behaviours(run)
            return
        table, statement = KINDS[kind]
        if run is not None and "run" in table.names:
            statement = statement.replace(" ORDER BY", f" WHERE run = {int(run)} ORDER BY")
        for row in self._select(statement, table.json):
            if kind == "flows":
                row["one_way"] = bool(row["one_way"])
            elif kind == "alerts":
                row["evidence"] = self._evidence(row["id"])
            yield row

    def behaviours(self, run: int | None = None) -> Iterator[dict[str, Any]]:
        """Return each behaviour, the most frequent first; without `run`, the statistics of all runs added up."""
        statement = added_up(f"WHERE run = {int(run)}" if run is not None else "")
        for row in self._select(statement, tables.BEHAVIOURS.json):
            row["ranged"] = bool(row["ranged"])
            row["target"] = ", ".join(target_text(*target) for target in row["targets"])
            for name in ("latency", "interval"):
                count = row[f"{name}_count"]
                row[f"{name}_mean"] = row[f"{name}_sum"] // count if count else None
            yield row

    def note(self, name: str) -> str:
        """Return a note, "" where there is none."""
        found = self.database.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return str(found[0]) if found else ""

    def newest(self) -> int:
        """Return when a behaviour was seen last, ns; 0 where there is none."""
        return int(self.database.execute("SELECT coalesce(max(last_time), 0) FROM behaviours").fetchone()[0])

    def known(self, since: int, most: int) -> Iterator[dict[str, Any]]:
        """Return behaviours seen since a time, ns, the newest first; of a range each run's own.

        Only what they are and how often they were seen: adding up all statistics takes ten times as long.
        """
        names = ", ".join((*SAME[1:], "targets", "ranged", "outcomes"))
        seen = "sum(count) AS count, min(first_time) AS first_time, max(last_time) AS last_time"
        grouped = f"SELECT {names}, {seen} FROM behaviours WHERE last_time >= {int(since)} GROUP BY id, ranged * run"  # noqa: S608
        yield from self._select(
            f"{grouped} ORDER BY last_time DESC LIMIT {int(most)}", frozenset({"targets", "outcomes"})
        )

    def _evidence(self, alert: str) -> list[dict[str, Any]]:
        """Return the frames an alert rests on: file, number in it, time."""
        kept = "SELECT file, frame, time FROM evidence WHERE alert = ? ORDER BY ordinal"
        return [dict(row) for row in self.database.execute(kept, (alert,))]

    def _select(self, statement: str, as_json: frozenset[str]) -> Iterator[dict[str, Any]]:
        try:
            for row in self.database.execute(statement):
                found = dict(row)
                for name in as_json & found.keys():
                    found[name] = orjson.loads(found[name]) if found[name] is not None else None
                yield found
        except sqlite3.Error as error:
            raise complaint(self.path, error) from error

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def target_text(space: str, first: int, last: int) -> str:
    """Write a target as people do: "holding_register 100-139"."""
    if first < 0:
        return space
    return f"{space} {first}" if first == last else f"{space} {first}-{last}"


class SumMap:
    """Adds up maps of counts."""

    def __init__(self) -> None:
        self.found: dict[str, int] = {}

    def step(self, text: str) -> None:
        """Take one."""
        for name, count in orjson.loads(text).items():
            self.found[name] = self.found.get(name, 0) + count

    def finalize(self) -> str:
        """Return the sum."""
        return orjson.dumps(self.found).decode()


class SumList:
    """Adds up histograms; None where there is none."""

    def __init__(self) -> None:
        self.found: list[int] = []

    def step(self, text: str | None) -> None:
        """Take one."""
        counts = orjson.loads(text) if text is not None else []
        longer = max(len(counts), len(self.found))
        padded = [[*one, *[0] * (longer - len(one))] for one in (counts, self.found)]
        self.found = [left + right for left, right in zip(*padded, strict=True)]

    def finalize(self) -> str | None:
        """Return the sum."""
        return orjson.dumps(self.found).decode() if self.found else None


class Widest:
    """Joins ranges of targets, space by space; targets that are the same in every run stay as they are."""

    def __init__(self) -> None:
        self.texts: dict[str, None] = {}

    def step(self, text: str) -> None:
        """Take the targets of one run."""
        self.texts[text] = None

    def finalize(self) -> str:
        """Return the joined targets."""
        if len(self.texts) == 1:
            return next(iter(self.texts))
        found: dict[str, list[int]] = {}
        for space, first, last in (target for text in self.texts for target in orjson.loads(text)):
            known = found.setdefault(space, [first, last])
            known[0], known[1] = min(known[0], first), max(known[1], last)
        return orjson.dumps([[space, *ends] for space, ends in found.items()]).decode()
