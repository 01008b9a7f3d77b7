"""The way to one destination: read a batch, send it, move the cursor, wait when it must be.

The rule it lives by: nothing that a destination does or says stops the lane for good, and nothing but an
acknowledgement moves the cursor. What it cannot send it keeps trying, less and less often; what is refused becomes a
dead letter; what is our own fault costs one document.
"""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING, Final

from sensor.ship import kinds
from sensor.ship.destination import SettingsError, Unreachable
from sensor.ship.feed import feed_id
from sensor.ship.outbox import Cursor, Outbox
from sensor.store.database import StoreError

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Mapping

    from sensor.ship.destination import Destination, Settings
    from sensor.ship.documents import Item
    from sensor.ship.outbox import Batch

    Rejected = tuple[Item, str]

BATCH_ITEMS: Final = 1_000
INTERVAL_SECONDS: Final = 1.0  # between looks at an outbox that was empty: what comes meanwhile is one batch
FIRST_WAIT: Final = 1.0  # s, doubled with each failure
LONGEST_WAIT: Final = 60.0


class Lane:
    """Ships to one destination, in its own thread, until told to stop."""

    def __init__(
        self,
        path: pathlib.Path,
        settings: Settings,
        observer: Mapping[str, str],
        tell: Callable[[str], None],
        make: Callable[[Settings], Destination] = kinds.make,
    ) -> None:
        """`tell`: where changes of state are said, one line each."""
        self.path = path
        self.settings = settings
        self.observer = observer
        self.make = make
        self.wake = threading.Event()
        self.stopping = False
        self.reason = ""  # why nothing can be sent at present; "": it can
        self.broken = ""  # why it cannot work as it is configured
        self.asked = self.done = 0  # see `look`
        self.moved = time.monotonic()  # when something was settled last
        self.faults = 0
        self._tell = tell
        self._failures = 0
        self._limit = BATCH_ITEMS
        self._cursor = Cursor()

    # --- The thread -----------------------------------------------------------------------------------

    def run(self) -> None:
        """Ship until told to stop."""
        outbox, destination = None, None
        try:
            while not self.stopping:
                try:
                    outbox = outbox or self.opened()
                    destination = destination or self.made(outbox)
                    wait = self.step(outbox, destination)
                except (Unreachable, StoreError) as error:
                    wait = self.failed(str(error), getattr(error, "retry_after", None))
                except SettingsError as error:  # waiting would not help
                    self.broken = str(error)
                    self._tell(self.broken)
                    return
                except Exception as error:  # noqa: BLE001  # our own fault; the other lanes go on
                    self.faults += 1
                    wait = self.failed(f"a fault of ours: {type(error).__name__}: {error}", None)
                self.pause(wait)
        finally:
            for one in (destination, outbox):
                if one is not None:
                    one.close()

    def pause(self, seconds: float) -> None:
        """Wait, unless somebody wants something."""
        if not self.stopping and self.wake.wait(seconds):
            self.wake.clear()

    def stop(self) -> None:
        """End after the request in progress."""
        self.stopping = True
        self.wake.set()

    def look(self) -> None:
        """Look at the outbox now; `drained` says when all that is in it by now is shipped."""
        self.asked += 1
        self.wake.set()

    @property
    def drained(self) -> bool:
        """Everything is shipped that was in the outbox when it was asked to look."""
        return self.done == self.asked

    def opened(self) -> Outbox:
        """Open the outbox and say that we are there."""
        outbox = Outbox(self.path, self.observer)
        try:
            outbox.register(self.settings.name)
            self._cursor = outbox.cursor(self.settings.name)
        except StoreError:
            outbox.close()
            raise
        return outbox

    def made(self, outbox: Outbox) -> Destination:
        """Make the destination."""
        destination = self.make(self.settings)
        destination.feed = feed_id(outbox.identity(), self.settings.name)
        return destination

    def step(self, outbox: Outbox, destination: Destination) -> float:
        """Ship one batch; return how long to wait before the next (s)."""
        asked = self.asked
        batch = outbox.read(self._cursor.sequence, self._limit, self.settings.filter)
        if not batch.items:
            if batch.through > self._cursor.sequence:
                self.advance(outbox, batch, 0, [])
            if batch.more:
                return 0.0
            self.done = asked
            destination.idle()
            return INTERVAL_SECONDS
        destination.after = self._cursor.last
        try:
            sent = destination.send(batch.items)
        except Unreachable:
            raise
        except Exception as error:  # noqa: BLE001  # our own fault; the other destinations must not suffer
            return self.fault(outbox, batch, error)
        self.advance(outbox, batch, sent.acknowledged, list(sent.rejected))
        if sent.retry_after is not None:
            return self.failed("it has no room at present", sent.retry_after) if sent.retry_after else 0.0
        self.reached()
        self._limit = BATCH_ITEMS
        return 0.0

    def advance(self, outbox: Outbox, batch: Batch, settled: int, rejected: list[Rejected]) -> None:
        """Move the cursor; a full disk is waited for, since what was acknowledged must not be sent again."""
        done = batch.items[:settled]
        through = batch.through if settled == len(batch.items) else done[-1].sequence if done else self._cursor.sequence
        broken = [one for one in batch.unreadable if one[0].sequence <= through]
        whole = sorted([*done, *(item for item, _ in broken)])
        if through == self._cursor.sequence:
            return
        while not self.stopping:
            try:
                outbox.advance(self.settings.name, through, whole, [*rejected, *broken])
                break
            except StoreError as error:
                self.pause(self.failed(str(error), None))
        else:
            return
        self.moved = time.monotonic()
        last = whole[-1].sequence if whole else self._cursor.last
        self._cursor = Cursor(max(through, self._cursor.sequence), max(last, self._cursor.last))
        for item, reason in [*rejected, *broken]:
            self._tell(f"{self.settings.name}: rejected {item.stream} {item.id}: {reason}")

    # --- What goes wrong ------------------------------------------------------------------------------

    def failed(self, reason: str, retry_after: float | None) -> float:
        """Note a failure; return how long to wait (s)."""
        if reason != self.reason:
            self._tell(f"{self.settings.name}: {reason}; trying again")
            self.reason = reason
        wait = min(FIRST_WAIT * float(1 << self._failures), LONGEST_WAIT)
        self._failures = min(self._failures + 1, 16)
        # Many sensors find the same cluster down: they shall not come back all at once.
        return max(wait * random.uniform(0.5, 1.0), min(retry_after or 0.0, LONGEST_WAIT))  # noqa: S311

    def reached(self) -> None:
        """Note that it works."""
        if self.reason:
            self._tell(f"{self.settings.name}: shipping again")
        self.reason, self._failures = "", 0

    def fault(self, outbox: Outbox, batch: Batch, error: Exception) -> float:
        """Find the document that we cannot send, and put it aside."""
        self.faults += 1
        if len(batch.items) > 1:
            self._limit = 1
            return 0.0
        self.advance(outbox, batch, 1, [(batch.items[0], f"a fault of ours: {type(error).__name__}: {error}")])
        return 0.0
