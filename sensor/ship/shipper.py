"""All destinations of a store at once, each in its own lane, so that a slow one holds up nobody.

The rule it lives by: shipping runs beside reading, in a process of its own; whatever becomes of it, reading goes on.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from sensor.ship.claim import claim
from sensor.ship.lane import Lane
from sensor.ship.retention import Retention
from sensor.store.database import StoreError

if TYPE_CHECKING:
    import io
    import pathlib
    from collections.abc import Callable, Mapping, Sequence

    from sensor.ship.destination import Settings
    from sensor.ship.orders import Orders
    from sensor.ship.settings import Limits

TICK_SECONDS: Final = 1.0
KEEP_SECONDS: Final = 60.0  # between looks at the size of the outbox
END_SECONDS: Final = 10.0  # for lanes to end after the request in progress


class Shipper:
    """Ships one store to its destinations."""

    def __init__(
        self,
        path: pathlib.Path,
        destinations: Sequence[Settings],
        limits: Limits,
        observer: Mapping[str, str],
        tell: Callable[[str], None],
    ) -> None:
        self.lanes = [Lane(path, settings, observer, tell) for settings in destinations]
        self.retention = Retention(path, limits, observer)
        self.tell = tell
        self.dropped: dict[str, int] = {}
        self.path = path
        self._claim: io.TextIOWrapper | None = None
        self._threads: list[threading.Thread] = []
        self._kept = 0.0

    def start(self) -> None:
        """Start all lanes; raise StoreError when somebody else ships this store."""
        self._claim = claim(self.path)
        for lane in self.lanes:
            thread = threading.Thread(target=lane.run, name=f"ship {lane.settings.name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def serve(
        self, orders: Orders, patience: float, told: Callable[[], None] = lambda: None, *, strict: bool = True
    ) -> bool:
        """Ship until ordered to end; return whether all is shipped that was there then.

        `patience`: seconds after which a destination that takes nothing is given up at the end; `told` is called about
        once a second; `strict`: end as soon as a destination cannot work as it is configured, instead of going on with
        the others. Raises StoreError when somebody else ships this store.
        """
        self.start()
        try:
            while not (orders.ending or orders.stopping or (strict and self.broken)):
                self.tick()
                told()
                orders.wait(TICK_SECONDS)
            return orders.ending and self.drain(patience, lambda: not (orders.stopping or (strict and self.broken)))
        finally:
            self.stop()
            self.tick()
            told()

    @property
    def broken(self) -> bool:
        """A destination cannot work as it is configured."""
        return any(lane.broken for lane in self.lanes)

    def tick(self) -> None:
        """Keep the outbox within its limits; to be called about once a second."""
        if time.monotonic() - self._kept < KEEP_SECONDS and self._kept:
            return
        self._kept = time.monotonic()
        try:
            found = self.retention.keep()
        except StoreError as error:  # it comes again in a minute
            self.tell(f"outbox: {error}")
            return
        for name, count in found.items():
            self.dropped[name] = self.dropped.get(name, 0) + count
            if name.startswith("outbox_dropped"):
                self.tell(f"outbox: {name} {count:,}")

    def drain(self, patience: float, go_on: Callable[[], bool]) -> bool:
        """Wait until everything that is in the outbox by now is shipped; return whether it is.

        Gives up on a lane that has settled nothing for `patience` seconds, and at once when `go_on` says no.
        """
        began = time.monotonic()
        for lane in self.lanes:
            lane.look()
        while go_on():
            left = [lane for lane in self.lanes if not (lane.drained or lane.broken)]
            if not left:
                return not self.broken
            if all(time.monotonic() - max(lane.moved, began) > patience for lane in left):
                return False
            time.sleep(0.05)
        return False

    def stop(self) -> None:
        """Stop all lanes."""
        for lane in self.lanes:
            lane.stop()
        for thread in self._threads:
            thread.join(END_SECONDS)
        if self._claim is not None:
            self._claim.close()
