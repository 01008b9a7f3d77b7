"""A store whose disk may be full or read-only for a while: it waits, within a bound, and goes on.

The rule it lives by: a sensor that cannot write goes on seeing. What waits longer than there is room for goes, the
routine first and alerts last, and each row is counted by its table.
"""

import contextlib
import sqlite3
from typing import Any, Final

from sensor.store.database import StoreError
from sensor.store.store import Store
from sensor.store.tables import EXPENDABLE

MAX_WAITING: Final = 20_000  # rows: some tens of MB; hours of a plant's news, seconds of a flood
ROOM: Final = 0.8  # of that bound is left after dropping, so that it is not done for each row


class EnduringStore(Store):
    """Writes one watch into a database, over every trouble with the disk."""

    trouble = ""  # why nothing can be written; "": all is well
    failed = 0  # commits
    _due = True

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.database.execute("PRAGMA synchronous = FULL")  # a power failure, too, costs the last second and no more
        self.dropped: dict[str, int] = {}  # rows by table

    def commit(self) -> None:
        """Write everything that waits; where that fails, keep it and try again at the next tick."""
        if self.trouble and not self._due:
            return
        try:
            super().commit()
        except StoreError as error:
            self.fail(error)
            self.make_room()
        else:
            self.trouble = ""
        self._due = False

    def tick(self, time: int) -> None:
        """A second has passed, and capture time is `time`: write what waits, also where the clock was set back."""
        self._due = True
        super().tick(time)
        self.commit()

    def close(self) -> None:
        """Write what waits into the database itself, whoever else has it open, and close it: people copy one file."""
        with contextlib.suppress(sqlite3.Error):
            self.commit()
            self.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        super().close()

    def fail(self, error: StoreError) -> None:
        """Note why the store does not work."""
        self.failed += 1
        self.trouble = f"{error.path}: {error.found}"

    def make_room(self) -> None:
        """Drop rows when too many wait."""
        if self._waiting <= MAX_WAITING:
            return
        surplus = self._waiting - int(MAX_WAITING * ROOM)
        for name in EXPENDABLE:
            rows = self._pending.get(name, [])
            gone = min(len(rows), surplus)
            if gone:
                del rows[:gone]
                self.dropped[name] = self.dropped.get(name, 0) + gone
                self._waiting -= gone
                surplus -= gone

    def _known(self, question: str, identity: str, *more: int) -> str | None:
        try:
            return super()._known(question, identity, *more)
        except StoreError as error:  # what cannot be read is told once more than it need be
            self.fail(error)
            return None

    def _commit_when_full(self) -> None:
        if self.trouble:
            self.make_room()
        else:
            super()._commit_when_full()

    def counts(self) -> dict[str, int]:
        """Return what was counted, by name."""
        dropped = {f"store_dropped_{name}": count for name, count in self.dropped.items()}
        return {**super().counts(), "commits_failed": self.failed, **dropped}
