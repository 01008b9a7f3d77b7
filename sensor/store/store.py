"""The writer of the store: takes what the line has found, and writes it in batches.

The rule it lives by: one transaction for each batch. Every row that is shipped carries a sequence number that only
grows, also over restarts and with two writers, and none is left out, so that a shipper can say how far it has got and
whoever listens behind it what is missing.
"""

import pathlib
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

from sensor.alert.alert import Alert
from sensor.behaviour.behaviour import Behaviour
from sensor.capture.source import Source
from sensor.contract import Conversation
from sensor.detect.concern import Concern
from sensor.detect.event import ExchangeSighting
from sensor.flow.clock import DISORDER
from sensor.flow.flow import Flow
from sensor.inventory.asset import Asset
from sensor.store import rows, tables
from sensor.store.cadence import DAY, Cadence
from sensor.store.database import StoreError, complaint, open_for_writing
from sensor.store.messages import Messages
from sensor.store.rows import UNTOLD
from sensor.store.tables import Table

__all__ = ["Store", "StoreError"]

BATCH_ROWS: Final = 5_000
BATCH_NS: Final = 1_000_000_000  # of capture time, for whoever reads the file while it grows


class Store:
    """Writes one run into a database."""

    def __init__(
        self, path: pathlib.Path | None = None, version: str = "", *, joins: bool = False, messages: float = 0
    ) -> None:
        """`path` None: a temporary database; `version`: the sensor's; `joins`: somebody else writes it as well.

        `messages`: bytes a day of documents of single findings, 0: none are wanted. Raises StoreError.
        """
        self.path = path
        self.database = open_for_writing(path)
        self.files: Sequence[str] = ()  # names of the capture files by index
        self.observer: Mapping[str, str] = {}
        self.rows_written = 0
        self.commits = 0
        self.batches_mended = 0
        self._pending: dict[str, list[tuple[Any, ...]]] = {}
        self._waiting = 0
        self._oddities: dict[tuple[str, ...], list[Any]] = {}
        self._shipped_waiting: set[str] = set()  # ids of assets and alerts that wait
        self._committed_at = 0
        self._time = 0
        self._behaviours = Cadence()
        self._assets = Cadence(DAY)
        self.messages = Messages(messages) if messages else None
        with self._told():
            if not joins:
                self._tell_what_was_left()
            self.sequence = self._written = self._last()
            self.run = self.database.execute("INSERT INTO runs (version) VALUES (?)", (version,)).lastrowid or 0

    # --- What is written ------------------------------------------------------------------------------

    def capture(self, source: Source) -> None:
        """Write what was read from one file."""
        self._put("captures", rows.capture(source, self.run))
        self._commit_when_full()

    def asset(self, asset: Asset, role: tuple[str, str], *, tell: bool = False) -> None:
        """Write an asset as it is now, with its role and the reason for it, and its facts.

        It is told when it is new, has changed, or once a day when it was heard; with `tell`, a change at once.
        """
        identity = asset.identity()
        known = self._known("SELECT digest FROM assets WHERE id = ?", identity)
        row = rows.asset(asset, identity, self.sequence + 1, role)
        if self._asset_is_told(identity, row[-1], known, asset.last_time, tell=tell):
            self._next()
            self._put("assets", row)
        elif row[-1] == known:
            self._put("assets_seen", (asset.first_time, asset.last_time, identity))
        else:
            self._put("assets", (identity, UNTOLD, *row[2:]))
        for fact in asset.facts.values():
            self._put("facts", rows.fact(fact, identity, self._file(fact.capture)))
        self._commit_when_full()

    def forget(self, asset: Asset) -> None:
        """Delete an asset with its facts, unless somebody has yet to ship it."""
        identity = asset.identity()
        self._assets.forget(identity)
        for statement in ("assets_gone", "facts_gone"):
            self._put(statement, (identity,))
        self._commit_when_full()

    def _asset_is_told(self, identity: str, digest: str, known: str | None, heard: int, *, tell: bool) -> bool:
        """Say whether an asset is told now."""
        cadence, meaning = self._assets, hash(digest)
        if digest == known and identity not in cadence.told:  # an earlier run has told it
            cadence.tell(identity, meaning, heard, self._time)
            return False
        if tell:
            return digest != known or identity in cadence.waiting
        return not cadence.same(identity, meaning, heard) and cadence.due(identity, meaning, heard, self._time)

    def behaviour(self, behaviour: Behaviour, *, tell: bool = False) -> None:
        """Write a behaviour as it is now; within a run it replaces what was written of it before.

        It may be written as often as one likes: it is told when its time has come, or now, with `tell`.
        """
        identity, meaning, count = behaviour.identity(), rows.meaning(behaviour), behaviour.count
        if self._behaviours.same(identity, meaning, count):
            return
        if tell or self._behaviours.due(identity, meaning, count, self._time):
            self._behaviours.waiting.pop(identity, None)
            self._put("behaviours", rows.behaviour(behaviour, identity, self.run, self._next()))
        else:
            self._put("behaviours", rows.behaviour(behaviour, identity, self.run, UNTOLD))
        self._commit_when_full()

    def flow(self, flow: Flow) -> None:
        """Write a conversation that has ended."""
        self._put("flows", rows.flow(flow, self.run, self._next()))
        self._commit_when_full()

    def alert(self, alert: Alert) -> None:
        """Write an alert's present revision; one that was told before, word for word, is not told again."""
        told = "SELECT document FROM alert_revisions WHERE alert = ? AND version = ? ORDER BY sequence DESC LIMIT 1"
        known = self._known(told, alert.id, alert.version)
        revision = rows.revision(alert, self.run, self.sequence + 1, self.files, self.observer)
        if revision[-1] != known:
            self._next()
            self._put("alert_revisions", revision)
        self._put("alerts", rows.alert(alert, self.run))
        for ordinal, frame in enumerate(alert.frames):
            self._put("evidence", (alert.id, ordinal, self._file(frame.source), frame.number, frame.time))
        self._commit_when_full()

    def message(self, sighting: ExchangeSighting) -> None:
        """Write a finding for those who want each of them, unless it is one too many."""
        taken = self.messages.take(sighting, self.files) if self.messages is not None else None
        if taken is None:
            return
        identity, document = taken
        network = sighting.finding.behaviour.client.network
        place = rows.place(network)[:2]
        self._put("messages", (self._next(), self.run, identity, sighting.time, *place, document))
        self._commit_when_full()

    def oddity(self, talk: Conversation, kind: str, direction: int, time: int, number: int, sample: bytes) -> None:
        """Count something wrong with a stream or packet; equal ones of a batch are one row."""
        key = rows.oddity_key(talk, kind, direction)
        known = self._oddities.get(key)
        if known is None:
            self._oddities[key] = [1, time, time, number, sample.hex()]
            self._waiting += 1
            self._commit_when_full()
        else:
            known[0] += 1
            known[1], known[2] = min(known[1], time), max(known[2], time)

    def health(
        self, counts: Mapping[str, int], concerns: Iterable[Concern] = (), interfaces: Mapping[str, str] | None = None
    ) -> None:
        """Write counters, the concerns that stand and the interfaces' states; counters replace those of this run."""
        for name, value in counts.items():
            self._put("health", (self.run, name, int(value)))
        report = rows.report(self._next(), self.run, self._time, counts, concerns, interfaces or {})
        self._put("health_reports", report)
        self._commit_when_full()

    def note(self, name: str, text: str) -> None:
        """Write a note to whoever opens the store next; it replaces the one of that name, also one that waits."""
        waiting = self._pending.get("meta", [])
        kept = [note for note in waiting if note[0] != name]
        self._pending["meta"] = [*kept, (name, text)]
        self._waiting += 1 + len(kept) - len(waiting)

    # --- Batches --------------------------------------------------------------------------------------

    def tick(self, time: int) -> None:
        """Capture time has gone on: write what has waited for a second."""
        # Earlier by a little is disorder; by more, the clock was set: one time that leapt ahead must not stay.
        self._time = max(self._time, time) if self._time - time <= DISORDER else time
        if abs(time - self._committed_at) >= BATCH_NS:
            self._committed_at = time
            self._tell_what_is_ripe()
            self.commit()

    def _tell_what_is_ripe(self) -> None:
        for identity in self._behaviours.ripe(self._time):
            self._put("behaviours_told", (self._next(), identity, self.run))
        for identity in self._assets.ripe(self._time):
            self._put("assets_told", (self._next(), identity))

    def _tell_what_was_left(self) -> None:
        """Tell what an earlier run has written and not told, for it ended before its time."""
        left = [
            (statement, row)
            for statement, question in LEFT.items()
            for row in self.database.execute(question, (UNTOLD,)).fetchall()
        ]
        if not left:
            return
        self.database.execute("BEGIN IMMEDIATE")
        sequence = self._last()
        for statement, row in left:
            sequence += 1
            self.database.execute(STATEMENTS[statement], (sequence, *row))
        self.database.execute(STATEMENTS["meta"], ("sequence", str(sequence)))
        self.database.execute("COMMIT")

    def commit(self) -> None:
        """Write everything that waits."""
        if not self._waiting:
            return
        batch = dict(self._pending)
        batch["oddities"] = [(self.run, *key, *counted) for key, counted in self._oddities.items()]
        with self._told():
            try:
                self._write(batch)
            except (UnicodeEncodeError, OverflowError):  # a text or a number from the wire that no database takes
                self.database.rollback()
                self._write({name: [rows.mended(row) for row in waiting] for name, waiting in batch.items()})
                self.batches_mended += 1
        self.rows_written += self._waiting
        self.commits += 1
        self._pending.clear()
        self._oddities.clear()
        self._shipped_waiting.clear()
        self._waiting = 0

    def _write(self, batch: dict[str, list[tuple[Any, ...]]]) -> None:
        self.database.execute("BEGIN IMMEDIATE")
        ahead = self._last() - self._written
        if ahead:  # somebody else has written since: our numbers follow theirs
            batch = {name: rows.renumbered(name, waiting, ahead) for name, waiting in batch.items()}
        batch["meta"] = [*batch.get("meta", ()), ("sequence", str(self.sequence + ahead))]
        for name, waiting in batch.items():
            self.database.executemany(STATEMENTS[name], waiting)
        self.database.execute("COMMIT")
        self.sequence += ahead
        self._written = self.sequence

    def close(self) -> None:
        """Write what waits and close the file."""
        try:
            self.commit()
        finally:
            self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _put(self, statement: str, row: tuple[Any, ...]) -> None:
        waiting = self._pending.get(statement)
        if waiting is None:
            self._pending[statement] = [row]
        else:
            waiting.append(row)
        self._waiting += 1

    def _commit_when_full(self) -> None:
        if self._waiting >= BATCH_ROWS:
            self.commit()

    def _known(self, question: str, identity: str, *more: int) -> str | None:
        """Return what is known of an asset or an alert; what waits is written first where it is of the same one."""
        if identity in self._shipped_waiting:
            self.commit()
        self._shipped_waiting.add(identity)
        with self._told():
            found = self.database.execute(question, (identity, *more)).fetchone()
        return found[0] if found else None

    def _next(self) -> int:
        self.sequence += 1
        return self.sequence

    def _last(self) -> int:
        """Return the last number that was given."""
        last = self.database.execute("SELECT value FROM meta WHERE name = 'sequence'").fetchone()
        return int(last[0]) if last else 0

    def _file(self, number: int) -> str:
        return self.files[number] if 0 <= number < len(self.files) else ""

    def _told(self) -> "Told":
        return Told(self)

    def counts(self) -> dict[str, int]:
        """Return what was counted, by name."""
        return {
            "rows_written": self.rows_written,
            "commits": self.commits,
            "batches_mended": self.batches_mended,
        }


class Told:
    """Turns SQLite's errors into StoreError, and gives up the batch that failed."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, sqlite3.Error):
            if self.store.database.in_transaction:
                self.store.database.rollback()
            raise complaint(self.store.path or "temporary store", error) from error


SHIPPED: Final = "(SELECT coalesce(min(sequence), 1 << 62) FROM cursors)"  # the sequence up to which everybody has all


def statements(declared: Iterable[Table]) -> dict[str, str]:
    """Return the writing statement of each table, and of parts of rows."""
    parts = {
        "assets_seen": "UPDATE assets SET first_time = min(first_time, ?), last_time = max(last_time, ?) WHERE id = ?",
        "assets_told": "UPDATE assets SET sequence = ? WHERE id = ?",
        "assets_gone": f"DELETE FROM assets WHERE id = ? AND sequence <= {SHIPPED}",  # noqa: S608  # our own words
        "facts_gone": "DELETE FROM facts WHERE asset = ?1 AND NOT EXISTS (SELECT 1 FROM assets WHERE id = ?1)",
        "behaviours_told": "UPDATE behaviours SET sequence = ? WHERE id = ? AND run = ?",
    }
    return {table.name: table.insert() for table in declared} | parts


STATEMENTS: Final = statements(tables.TABLES)
LEFT: Final = {
    "assets_told": "SELECT id FROM assets WHERE sequence = ?",
    "behaviours_told": "SELECT id, run FROM behaviours WHERE sequence = ?",
}
