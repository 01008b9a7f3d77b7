"""The store as an outbox: what was found, in order of its sequence, and how far each destination has got.

The rule it lives by: a cursor moves only past what is settled: acknowledged by the far side, or kept as a dead letter
with the reason. It lies in the same file as the rows, so that a power failure can never take rows and leave the cursor.
"""

from __future__ import annotations

import dataclasses
import heapq
import operator
import sqlite3
import time
from typing import TYPE_CHECKING, Any, Final

import orjson

from sensor.ship import documents
from sensor.store import tables
from sensor.store.database import StoreError, complaint, open_for_writing

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator, Mapping, Sequence

    from sensor.ship.destination import Filter
    from sensor.ship.documents import Item
    from sensor.store.tables import Table

MAX_REJECTED: Final = 10_000  # dead letters of one destination; a wrong mapping refuses everything
EVERY: Final = -1  # no bound, as SQLite says it
SCANNED: Final = 20  # rows looked at for each item asked for, where a filter leaves most of them out

SOURCES: Final = (
    ("alert", tables.REVISIONS),
    ("asset", tables.ASSETS),
    ("asset", tables.before(tables.ASSETS)),
    ("behaviour", tables.BEHAVIOURS),
    ("behaviour", tables.before(tables.BEHAVIOURS)),
    ("flow", tables.FLOWS),
    ("health", tables.REPORTS),
    ("message", tables.MESSAGES),
)
NAMES: Final = {table.name: table.names for _, table in SOURCES}


@dataclasses.dataclass(slots=True)
class Batch:
    """Items in order, and the sequence up to which everything that passes the filter is among them."""

    through: int
    items: list[Item] = dataclasses.field(default_factory=list)
    unreadable: list[tuple[Item, str]] = dataclasses.field(default_factory=list)  # rows no document can be made of
    more: bool = False  # there is more behind it


@dataclasses.dataclass(frozen=True, slots=True)
class Cursor:
    """How far a destination has got."""

    sequence: int = 0  # everything up to it is settled
    last: int = 0  # the item settled last; those between the two did not pass the filter
    shipped: int = 0
    rejected: int = 0
    time: int = 0  # ns, wall clock, when it moved last


class Outbox:
    """Reads one store for one destination or several; raises StoreError."""

    def __init__(self, path: pathlib.Path, observer: Mapping[str, str] | None = None) -> None:
        """`observer`: observer.* fields of every document."""
        if not path.is_file():
            raise StoreError(path, "is not there", "a store made by --db")
        self.path = path
        self.observer = observer or {}
        self.database = open_for_writing(path)

    # --- Reading --------------------------------------------------------------------------------------

    def read(self, after: int, limit: int, allowed: Filter) -> Batch:
        """Return up to `limit` items behind a sequence number that pass a filter."""
        batch, seen = Batch(after), 0
        with Reading(self):  # one moment for all tables: what is written meanwhile is seen whole next time
            sources = (self._rows(*source, after) for source in SOURCES if source[0] in allowed.kinds)
            for sequence, stream, table, row in heapq.merge(*sources, key=operator.itemgetter(0)):
                if len(batch.items) >= limit or seen >= SCANNED * limit:
                    batch.more = True
                    return batch
                batch.through, seen = sequence, seen + 1
                whole = dict(zip(NAMES[table.name], row, strict=True))
                if allowed.takes(whole):
                    self._take(batch, sequence, stream, table, whole)
            batch.through = max(batch.through, self._last())
        return batch

    def _take(self, batch: Batch, sequence: int, stream: str, table: Table, row: dict[str, Any]) -> None:
        try:
            for name in table.json:
                row[name] = orjson.loads(row[name]) if row[name] is not None else None
            batch.items.append(documents.item(stream, row, self.observer))
        except Exception as error:  # noqa: BLE001  # whatever it is, one row must not stop the rest
            why = f"no document can be made of it: {type(error).__name__}: {error}"
            subject = str(row.get("alert") or row.get("id") or "")
            batch.unreadable.append((documents.Item(sequence, stream, subject, 0, {}), why))

    def _rows(self, stream: str, table: Table, after: int) -> Iterator[tuple[int, str, Table, tuple[Any, ...]]]:
        names = ", ".join(NAMES[table.name])
        statement = f"SELECT {names} FROM {table.name} WHERE sequence > ? ORDER BY sequence"  # noqa: S608  # our names
        at = table.numbered
        for row in self.database.execute(statement, (after,)):
            yield row[at], stream, table, row

    def last(self) -> int:
        """Return the sequence of the newest row."""
        with Reading(self):
            return self._last()

    def _last(self) -> int:
        found = self.database.execute("SELECT value FROM meta WHERE name = 'sequence'").fetchone()
        return int(found[0]) if found else 0

    def identity(self) -> str:
        """Return the store's own id, made with it."""
        with Reading(self):
            return str(self.database.execute("SELECT value FROM meta WHERE name = 'store'").fetchone()[0])

    def waiting(self, destination: str, allowed: Filter | None = None, most: int = EVERY) -> int:
        """Return how many rows (of the filter's kinds) are behind a destination's cursor; `most`: of a table."""
        after = self.cursor(destination).sequence
        with Reading(self):
            statements = (
                f"SELECT count(*) FROM (SELECT 1 FROM {table.name} WHERE sequence > ? LIMIT ?)"  # noqa: S608  # our own names
                for stream, table in SOURCES
                if allowed is None or stream in allowed.kinds
            )
            return sum(self.database.execute(statement, (after, most)).fetchone()[0] for statement in statements)

    # --- Cursors --------------------------------------------------------------------------------------

    def register(self, destination: str) -> None:
        """Make a destination known: from now on what it has not got is kept."""
        with Writing(self):
            self.database.execute("INSERT OR IGNORE INTO cursors VALUES (?, 0, 0, 0, 0, 0)", (destination,))

    def forget(self, destination: str) -> bool:
        """Forget a destination, its cursor and its dead letters; return whether it was known."""
        with Writing(self):
            self.database.execute("DELETE FROM rejected WHERE destination = ?", (destination,))
            return self.database.execute("DELETE FROM cursors WHERE destination = ?", (destination,)).rowcount > 0

    def cursor(self, destination: str) -> Cursor:
        """Return how far a destination has got."""
        return self.cursors().get(destination, Cursor())

    def cursors(self) -> dict[str, Cursor]:
        """Return how far each destination has got."""
        with Reading(self):
            rows = self.database.execute("SELECT destination, sequence, last, shipped, rejected, time FROM cursors")
            return {row[0]: Cursor(*row[1:]) for row in rows}

    def advance(
        self, destination: str, through: int, settled: Sequence[Item] = (), rejected: Sequence[tuple[Item, str]] = ()
    ) -> None:
        """Move a cursor past settled items, and keep the rejected ones among them; all of it or nothing."""
        now = time.time_ns()
        last = settled[-1].sequence if settled else 0
        letters = [(destination, item.sequence, item.stream, item.id, item.revision, reason, now,
                    orjson.dumps(item.document).decode()) for item, reason in rejected]  # fmt: skip
        with Writing(self):
            self.database.execute(
                "UPDATE cursors SET sequence = max(sequence, ?), last = max(last, ?), shipped = shipped + ?, "
                "rejected = rejected + ?, time = ? WHERE destination = ?",
                (through, last, len(settled) - len(rejected), len(rejected), now, destination),
            )
            if letters:
                self._keep(destination, letters)

    def _keep(self, destination: str, letters: list[tuple[Any, ...]]) -> None:
        self.database.executemany(tables.REJECTED.insert(), letters)
        dropped = self.database.execute(
            "DELETE FROM rejected WHERE destination = ? AND sequence <= (SELECT sequence FROM rejected "
            "WHERE destination = ? ORDER BY sequence DESC LIMIT 1 OFFSET ?)",
            (destination, destination, MAX_REJECTED),
        ).rowcount
        if dropped:
            self._count("rejected_dropped", dropped)

    def rejected(self, destination: str | None = None) -> list[dict[str, Any]]:
        """Return the dead letters, in order."""
        names = tables.REJECTED.names
        where = "" if destination is None else "WHERE destination = ?"
        statement = f"SELECT {', '.join(names)} FROM rejected {where} ORDER BY destination, sequence"  # noqa: S608
        with Reading(self):
            rows = self.database.execute(statement, () if destination is None else (destination,))
            return [{**dict(zip(names, row, strict=True)), "document": orjson.loads(row[-1])} for row in rows]

    # --- Counters -------------------------------------------------------------------------------------

    def _count(self, name: str, number: int) -> None:
        self.database.execute(tables.OUTBOX_COUNTS.insert(), (name, number))

    def counts(self) -> dict[str, int]:
        """Return what was dropped, by name."""
        with Reading(self):
            return dict(self.database.execute("SELECT name, value FROM outbox_counts ORDER BY name").fetchall())

    def close(self) -> None:
        """Close the file."""
        self.database.close()


class Reading:
    """One moment of the store, for several statements."""

    begin = "BEGIN"

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox

    def __enter__(self) -> None:
        try:
            self.outbox.database.execute(self.begin)
        except sqlite3.Error as error:
            raise complaint(self.outbox.path, error) from error

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        database = self.outbox.database
        if error is None:
            try:
                database.execute("COMMIT")
            except sqlite3.Error as refused:
                error = refused
        if error is not None and database.in_transaction:
            database.rollback()
        if isinstance(error, sqlite3.Error):
            raise complaint(self.outbox.path, error) from error


class Writing(Reading):
    """A change that is made whole or not at all."""

    begin = "BEGIN IMMEDIATE"
