"""How much the outbox may hold: what goes first when there is too much, and what is said before.

The rule it lives by: what everybody has goes first. What somebody has not got goes only when a limit is reached, after
an alert that it will, with an alert that it does, and each row is counted by its kind. Where nobody is shipped to, the
limits are those of the store's own history, and what goes is counted as expired. The store's own memory (assets,
behaviours, alerts and their evidence) is never dropped here.
"""

from __future__ import annotations

import dataclasses
import math
import time
from typing import TYPE_CHECKING, Final

from sensor.ship import alarm
from sensor.ship.outbox import Outbox, Reading, Writing
from sensor.store import tables

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Mapping

    from sensor.detect.rule import Rule
    from sensor.ship.settings import Limits

HISTORY: Final = {
    "alert": tables.REVISIONS,
    "flow": tables.FLOWS,
    "health": tables.REPORTS,
    "message": tables.MESSAGES,
    "asset": tables.before(tables.ASSETS),
    "behaviour": tables.before(tables.BEHAVIOURS),
}
REWRITTEN: Final = ("asset", "behaviour")  # of these the newest stays in the store
WARN_AT: Final = 0.8  # of a limit
ROOM: Final = 0.95  # of the limit: how far is dropped, so that it is not done for each row
CHUNK: Final = 2_000  # rows of one transaction: whoever writes the store waits for it
MARK_SECONDS: Final = 600  # between notes of which row was the last at what time


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """What there is to decide on."""

    settled: int  # sequence up to which everybody has everything
    last: int  # sequence of the newest row
    aged: int  # sequence up to which rows are too old
    nearly_aged: int
    done_with: str  # how that is counted which nobody needs: pruned, or expired where nobody is shipped to


class Retention:
    """Keeps one outbox within its limits; to be called every minute or so."""

    def __init__(self, path: pathlib.Path, limits: Limits, observer: Mapping[str, str]) -> None:
        self.path = path
        self.limits = limits
        self.observer = observer
        self._until = math.inf  # monotonic seconds

    def keep(self, seconds: float = math.inf) -> dict[str, int]:
        """Drop what must be dropped; return how many rows, by name. Raises StoreError.

        `seconds`: after which it ends, for whoever has other things to do; the next time goes on with it.
        """
        self._until = time.monotonic() + seconds
        outbox = Outbox(self.path, self.observer)
        try:
            return self._keep(outbox, time.time_ns())
        finally:
            outbox.close()

    def _keep(self, outbox: Outbox, now: int) -> dict[str, int]:
        state = self.look(outbox, now)
        dropped: dict[str, int] = {}
        for stream in REWRITTEN:  # nobody needs them any more
            self.drop(outbox, {stream}, state.settled, dropped, state.done_with)
        self.drop(outbox, set(HISTORY), min(state.aged, state.settled), dropped, state.done_with)
        self.shrink(outbox, state.settled, dropped, state.done_with)
        self.warn(outbox, state, now)
        if state.aged > state.settled:
            self.say(alarm.DROPPING, f"they have waited longer than {self.limits.max_age / 86_400:g} days", state, now)
            self.drop(outbox, set(HISTORY), state.aged, dropped, "dropped")
        if self.size(outbox) > self.limits.max_size and state.last > state.settled:
            self.say(alarm.DROPPING, f"the store is larger than {self.limits.max_size / 1e9:g} GB", state, now)
            self.shrink(outbox, state.last, dropped, "dropped")
        return dropped

    # --- Looking --------------------------------------------------------------------------------------

    def look(self, outbox: Outbox, now: int) -> State:
        """Return how things stand; notes the time of the newest row now and then."""
        cursors = [one.sequence for one in outbox.cursors().values()]
        with Writing(outbox):
            execute = outbox.database.execute
            (last,) = execute(
                "SELECT coalesce(max(CAST(value AS INT)), 0) FROM meta WHERE name = 'sequence'"
            ).fetchone()
            (marked,) = execute("SELECT coalesce(max(time), 0) FROM outbox_marks").fetchone()
            if now - marked >= MARK_SECONDS * 1_000_000_000:
                execute(tables.MARKS.insert(), (last, now))
            oldest = now - int(self.limits.max_age * 1e9)
            aged, nearly = (
                execute("SELECT coalesce(max(sequence), 0) FROM outbox_marks WHERE time <= ?", (at,)).fetchone()[0]
                for at in (oldest, oldest + int(self.limits.max_age * 1e9 * (1 - WARN_AT)))
            )
            execute("DELETE FROM outbox_marks WHERE sequence < ?", (aged,))
        if not cursors:
            return State(last, last, aged, nearly, "expired")
        return State(min(cursors), last, aged, nearly, "pruned")

    def size(self, outbox: Outbox) -> int:
        """Return the bytes in use; freed pages are used again."""
        pages, free, each = (
            outbox.database.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * each)

    # --- Telling --------------------------------------------------------------------------------------

    def warn(self, outbox: Outbox, state: State, now: int) -> None:
        """Say that something will be dropped, before it is: nothing is left that everybody has."""
        if not self.any(outbox, "> ?", state.settled):
            return
        share = self.size(outbox) / self.limits.max_size
        if share > WARN_AT and not self.any(outbox, "<= ?", state.settled):
            self.say(alarm.FILLING, f"the store has reached {share:.0%} of its limit", state, now)
        if state.nearly_aged > state.settled:
            self.say(alarm.FILLING, "the oldest have waited for most of the time they may", state, now)

    def any(self, outbox: Outbox, which: str, sequence: int) -> bool:
        """Say whether there are rows of the history with such a sequence."""
        with Reading(outbox):
            return any(
                outbox.database.execute(
                    f"SELECT 1 FROM {table.name} WHERE sequence {which} LIMIT 1",  # noqa: S608  # our own names
                    (sequence,),
                ).fetchone()
                for table in HISTORY.values()
            )

    def say(self, which: Rule, why: str, state: State, now: int) -> None:
        """Raise an alarm; one for each row that the slowest destination is stuck at."""
        number = state.last - state.settled
        what = "will be dropped" if which is alarm.FILLING else "are dropped now, the oldest first"
        sentence = f"{number:,} documents wait to be shipped and {what}: {why}"
        alarm.raise_alarm(self.path, which, sentence, (str(state.settled), which.name), now, self.observer)

    # --- Dropping -------------------------------------------------------------------------------------

    def drop(self, outbox: Outbox, streams: set[str], upto: int, dropped: dict[str, int], how: str) -> None:
        """Drop all rows of some streams up to a sequence."""
        while upto > 0 and self.in_time and self.drop_some(outbox, streams, upto, dropped, how):
            pass

    def shrink(self, outbox: Outbox, upto: int, dropped: dict[str, int], how: str) -> None:
        """Drop the oldest rows up to a sequence until the store is within its size."""
        if self.size(outbox) <= self.limits.max_size:
            return
        while self.in_time and self.size(outbox) > self.limits.max_size * ROOM:
            if not self.drop_some(outbox, set(HISTORY), upto, dropped, how):
                break

    @property
    def in_time(self) -> bool:
        """Say whether there is time left."""
        return time.monotonic() < self._until

    def drop_some(self, outbox: Outbox, streams: set[str], upto: int, dropped: dict[str, int], how: str) -> int:
        """Drop the oldest rows of some streams, a chunk of them; return how many."""
        found = 0
        with Writing(outbox):
            execute = outbox.database.execute
            for stream, table in HISTORY.items():
                if stream not in streams:
                    continue
                oldest = f"SELECT sequence FROM {table.name} WHERE sequence <= ? ORDER BY sequence LIMIT ?"  # noqa: S608
                statement = f"DELETE FROM {table.name} WHERE sequence IN ({oldest})"  # noqa: S608  # our own names
                count = execute(statement, (upto, CHUNK)).rowcount
                if count:
                    name = f"outbox_{how}_{stream}"
                    execute(tables.OUTBOX_COUNTS.insert(), (name, count))
                    dropped[name] = dropped.get(name, 0) + count
                    found += count
        return found
