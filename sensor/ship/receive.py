"""The far side of one-way lines: what listeners and folders bring is kept, shipped on, and held against its numbers.

The rule it lives by: kept first, shipped then. What is missing is told when it has had time to come.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import TYPE_CHECKING, Final

from sensor.ship.folder import Folder
from sensor.ship.lane import Lane
from sensor.ship.ledger import Ledger
from sensor.ship.missing import alert, sentence
from sensor.store.database import StoreError

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Sequence

    from sensor.ship.destination import Settings
    from sensor.ship.feed import Carried
    from sensor.ship.ledger import Feed
    from sensor.ship.listen import Inlet

BATCH: Final = 1_000  # documents of one transaction
TAKE_SECONDS: Final = 0.25
FOLDER_SECONDS: Final = 1.0  # between looks at a folder
KEEP_SECONDS: Final = 60.0  # between looks at the ledger's size
GRACE_SECONDS: Final = 60.0  # a number may be late by this; files are late by more, and then close the alert again


class Onward(Lane):
    """A lane that ships from a ledger instead of a store."""

    def opened(self) -> Ledger:
        """Open the ledger and say that we are there."""
        ledger = Ledger(self.path)
        try:
            ledger.register(self.settings.name)
            self._cursor = ledger.cursor(self.settings.name)
        except StoreError:
            ledger.close()
            raise
        return ledger


class Receiver:
    """Takes what comes, ships it on, tells what is missing. One thread calls `step` until the end."""

    def __init__(
        self,
        path: pathlib.Path,
        inlet: Inlet,
        folders: Sequence[pathlib.Path],
        destinations: Sequence[Settings],
        max_bytes: float,
        tell: Callable[[str], None],
        grace: float = GRACE_SECONDS,
    ) -> None:
        """`max_bytes`: what the ledger may hold of what waits; `tell`: where changes of state are said."""
        self.inlet = inlet
        self.ledger = Ledger(path)
        for settings in destinations:  # before the first document comes: what waits for them is not removed
            self.ledger.register(settings.name)
        self.folders = [Folder(folder, inlet, self.ledger) for folder in folders]
        self.lanes = [Onward(path, settings, {}, tell) for settings in destinations]
        self.threads = [threading.Thread(target=lane.run, daemon=True) for lane in self.lanes]
        self.max_bytes = max_bytes
        self.grace = grace
        self.tell = tell
        self._held: list[Carried] = []  # taken from the inlet and not kept yet
        self._tops: dict[str, int] = {}  # highest number of each feed, one grace ago
        self._looked = self._kept = self._weighed = time.monotonic()

    def start(self) -> None:
        """Start shipping on."""
        for thread in self.threads:
            thread.start()

    @property
    def broken(self) -> bool:
        """A destination cannot work as it is configured; it has said why."""
        return any(lane.broken for lane in self.lanes)

    def step(self) -> None:
        """Take what has come, and do what is due."""
        now = time.monotonic()
        try:
            self.take(TAKE_SECONDS)
            if self.folders and now - self._looked >= FOLDER_SECONDS:
                self._looked = now
                self.read_folders()
            if now - self._weighed >= self.grace:
                self._weighed = now
                self.weigh()
            if now - self._kept >= KEEP_SECONDS:
                self._kept = now
                self.keep()
        except (StoreError, OSError) as error:
            self.tell(f"{error}; trying again")
            time.sleep(FOLDER_SECONDS)

    def take(self, seconds: float) -> None:
        """Keep what listeners have read."""
        self._held = self._held or self.inlet.take(BATCH, seconds)
        if self._held:
            self.ledger.take(self._held)
            self._held = []

    def read_folders(self) -> int:
        """Read what is new in the folders; return how many documents."""
        return sum(folder.read() for folder in self.folders)

    def keep(self) -> None:
        """Keep the ledger within its size, and write what was counted."""
        for name, number in self.inlet.drain_counts().items():
            self.ledger.count(name, number)
        if dropped := self.ledger.keep(self.max_bytes):
            self.tell(f"ledger: {dropped:,} documents were dropped for room before they were shipped")
        self.ledger.put([], {})

    def weigh(self) -> None:
        """Tell what is missing and has had time to come."""
        for feed in list(self.ledger.feeds.values()):
            top = feed.covered.ranges[-1][1] if feed.covered.ranges else 0
            ripe = sum(last - first + 1 for first, last in feed.holes() if last <= self._tops.get(feed.id, 0))
            self._tops[feed.id] = top
            if (ripe and feed.missing() != feed.told) or (feed.told and not feed.missing()):
                self.report(feed)

    def report(self, feed: Feed) -> None:
        """Tell what is missing of one feed, by an alert of its own."""
        told = dataclasses.replace(feed, told=feed.missing(), revision=feed.revision + 1)
        self.ledger.put([alert(told)], {feed.id: told})
        feed.told, feed.revision = told.told, told.revision
        self.tell(sentence(feed))

    def finish(self, patience: float, go_on: Callable[[], bool]) -> bool:
        """Take what is left, tell all that is missing, wait for the lanes; return whether everything is shipped on."""
        while self._held or not self.inlet.arrived.empty():
            self.take(0.0)
        self.keep()
        for feed in list(self.ledger.feeds.values()):
            if feed.missing() != feed.told:
                self.report(feed)
        for lane in self.lanes:
            lane.look()
        began = time.monotonic()
        while go_on() and not all(lane.drained for lane in self.lanes):
            if all(time.monotonic() - max(lane.moved, began) > patience for lane in self.lanes if not lane.drained):
                return False
            time.sleep(0.02)
        return all(lane.drained for lane in self.lanes)

    def stop(self) -> None:
        """End listeners and lanes."""
        self.inlet.ending.set()
        for lane in self.lanes:
            lane.stop()
        for thread in self.threads:
            if thread.is_alive():
                thread.join(10)
        self.ledger.close()
