"""The recorder of a watch: what is new is written within a second, what has merely been counted on each minute.

The rule it lives by: a power failure costs the last second of what happened, and of routine at most a minute's counts.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Final

from sensor.inventory.inventory import address_of
from sensor.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from sensor.alert.alert import Alert
    from sensor.behaviour.behaviour import Behaviour
    from sensor.behaviour.finding import Finding
    from sensor.capture.source import Source
    from sensor.contract import Conversation, Endpoint
    from sensor.inventory.asset import Asset
    from sensor.inventory.inventory import Address

SECOND: Final = 1_000_000_000
MAC: Final = 6  # bytes of an address
LAST_SECONDS: Final = 0.5  # for what has merely been counted on, at the end: it has to come within two seconds
ROUTINE_NS: Final = 60 * SECOND  # between two writings of what has only been counted on


class Onlooker:
    """Is told what happens as it happens; whoever shows it overrides what it wants to know."""

    def news(self, finding: Finding) -> None:
        """Take a new behaviour."""

    def alert(self, alert: Alert) -> None:
        """Take a new revision of an alert."""

    def asset(self, asset: Asset) -> None:
        """Take an asset heard for the first time."""


class WatchRecorder(Recorder):
    """Takes findings as they come, for months."""

    most_raised = 0  # the store has them

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.fresh: dict[Behaviour, None] = {}  # to be written at the next tick
        self.ends: dict[Endpoint, None] = {}
        self.known: set[Address] = set()  # that an asset was shown for
        self.written: dict[Behaviour, int] = {}  # count of each behaviour when it was written last
        self.routine_at = 0
        self.lines_failed = 0
        self.onlooker = Onlooker()

    def finding(self, finding: Finding) -> None:
        """Take a new behaviour or a significant exchange."""
        super().finding(finding)
        if finding.news:
            self.fresh[finding.behaviour] = None
            self.ends[finding.behaviour.client] = self.ends[finding.behaviour.server] = None
            self.onlooker.news(finding)

    def opened(self, talk: Conversation) -> None:
        """Take the beginning of a conversation."""
        for end in (talk.opener, talk.answerer):
            if self.inventory.known(end) is None:
                self.ends[end] = None
        super().opened(talk)

    def answered(self, talk: Conversation) -> None:
        """Take the first answer in a conversation."""
        self.ends[talk.answerer] = None
        super().answered(talk)

    def forget(self, asset: Asset) -> None:
        """Let an asset make room for others, in the store as well: a flood must not fill the disk."""
        self.known.discard(address_of(asset.endpoint))
        self.store.forget(asset)
        self.inventory.forget(asset)

    def written_off(self, asset: Asset) -> bool:
        """Say whether an asset is not worth a row: in a flood of forged addresses, whoever only passes by."""
        return self.inventory.crowded and asset.passed_by()

    def tell(self, alerts: list[Alert]) -> None:
        """Write new revisions of alerts."""
        try:
            super().tell(alerts)
        except OSError:  # of the file of alerts; the store has them
            self.lines_failed += 1
        for alert in alerts:
            self.onlooker.alert(alert)

    def tick(self, now: int) -> None:
        """Capture time has gone on to `now`, ns: write what is new."""
        for behaviour in self.fresh:
            self.write(behaviour)
        for end in self.ends:
            asset = self.inventory.known(end)
            # A MAC by itself may be that of an address heard in a moment: those wait for the routine.
            if asset is not None and asset.heard and len(end.address) != MAC and not self.written_off(asset):
                self.show(asset)
                self.store.asset(asset, self.inventory.role(end))
        self.fresh.clear()
        self.ends.clear()
        super().tick(now)

    def routine(self, now: int, behaviours: Iterable[Behaviour], sources: Iterable[Source]) -> bool:
        """Write what has been counted on, when a minute has passed; return whether it has."""
        begun, since = self.routine_at, now - self.routine_at
        if 0 <= since < ROUTINE_NS:
            return False
        self.routine_at = now
        if not begun:
            return False
        for behaviour in self.counted_on(behaviours):
            self.write(behaviour)
        for asset in self.shown():
            self.show(asset)
            self.store.asset(asset, self.inventory.role(asset.endpoint))
        for source in sources:
            self.store.capture(source)
        return True

    def shown(self) -> list[Asset]:
        """Return the assets worth a line, and a row."""
        return [asset for asset in self.inventory.shown() if not self.written_off(asset)]

    def counted_on(self, behaviours: Iterable[Behaviour]) -> Iterator[Behaviour]:
        """Yield the behaviours whose count is not what was written; 0: known from before, and not seen since."""
        return (one for one in behaviours if one.count and one.count != self.written.get(one))

    def write_last(self, behaviours: Iterable[Behaviour]) -> dict[str, int]:
        """Write what has been counted on, as long as there is time; return how many stay as they were a minute ago."""
        until = time.monotonic() + LAST_SECONDS
        left = {"behaviours_left_at_end": 0, "assets_left_at_end": 0}
        for behaviour in self.counted_on(behaviours):
            if time.monotonic() < until:
                self.write(behaviour, tell=True)
            else:
                left["behaviours_left_at_end"] += 1
        for asset in self.shown():
            if time.monotonic() < until:
                self.store.asset(asset, self.inventory.role(asset.endpoint), tell=True)
            else:
                left["assets_left_at_end"] += 1
        return left

    def show(self, asset: Asset) -> None:
        """Tell whoever looks on of an asset, once."""
        if address_of(asset.endpoint) not in self.known:
            self.known.add(address_of(asset.endpoint))
            self.onlooker.asset(asset)

    def write(self, behaviour: Behaviour, *, tell: bool = False) -> None:
        """Write one behaviour as it is now."""
        self.written[behaviour] = behaviour.count
        self.store.behaviour(behaviour, tell=tell)

    def counts(self) -> dict[str, int]:
        """Return what was counted, by name."""
        return {**super().counts(), "alert_lines_failed": self.lines_failed}

    def end(
        self, behaviours: Iterable[Behaviour], sources: Iterable[Source], counts: Mapping[str, int],
        interfaces: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """The watch is over: write what is only known now, and what has waited; `interfaces`: their states."""
        self.tell(self.book.finish())
        counts = {**counts, **self.write_last(behaviours)}
        for source in sources:
            self.store.capture(source)
        self.store.health({**counts, **self.counts()}, self.concerns.values(), interfaces)
        self.store.commit()
        if self.lines is not None:
            with contextlib.suppress(OSError):
                self.lines.close()
