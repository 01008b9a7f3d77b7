"""The right half of the line: inventory, detection, alerts and the store, fed by what the left half has found.

The rule it lives by: one recorder writes the database; it sees only what is new, significant or odd, so it may be
plain Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from sensor.behaviour.finding import Finding, Findings
from sensor.detect.event import Frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sensor.alert.alert import Alert
    from sensor.alert.book import AlertBook
    from sensor.alert.lines import AlertLines
    from sensor.behaviour.behaviour import Behaviour
    from sensor.capture.source import Source
    from sensor.contract import Conversation, Message
    from sensor.detect.concern import Concern
    from sensor.detect.detector import Detector, Match
    from sensor.flow.flow import Flow
    from sensor.inventory.asset import Asset
    from sensor.inventory.inventory import Inventory
    from sensor.store.store import Store

TCP: Final = 6  # IP protocol number
MAX_RAISED: Final = 100_000  # alerts kept at hand for the summary; all are in the store


class Recorder(Findings):
    """Takes findings in capture order and hands each to inventory, detection, alerts and store."""

    most_raised = MAX_RAISED

    def __init__(
        self, inventory: Inventory, detector: Detector, book: AlertBook, store: Store, lines: AlertLines | None
    ) -> None:
        super().__init__()
        self.inventory = inventory
        self.detector = detector
        self.book = book
        self.store = store
        self.lines = lines
        self.raised: dict[str, Alert] = {}
        self.messages: list[Message] = []  # waiting for whoever asked for every message
        self.oddities: dict[str, int] = {}
        self.concerns: dict[tuple[object, ...], Concern] = {}  # that stand; bounded by whoever judges

    # --- What the line tells --------------------------------------------------------------------------

    def finding(self, finding: Finding) -> None:
        """Take a new behaviour or a significant exchange."""
        for asset, fact, previous in self.inventory.find(finding):
            frame = Frame(fact.capture, fact.number, fact.first_time)
            self.alert(self.detector.asset(asset.endpoint, fact.attribute, fact.value, previous, frame))
        self.alert(self.detector.see(finding))
        if self.store.messages is not None:
            self.store.message(self.detector.sighting(finding))

    def opened(self, talk: Conversation) -> None:
        """Take the beginning of a conversation."""
        flow = cast("Flow", talk)
        self.inventory.opened(talk, flow.first_time)
        if self.detector.watches_flows:
            frame = Frame(flow.first_source, flow.first_number, flow.first_time)
            self.alert(self.detector.flow(talk, flow.first_time, frame))

    def answered(self, talk: Conversation) -> None:
        """Take the first answer in a conversation, which may go on for months."""
        self.inventory.answered(talk)

    def closed(self, talk: Conversation) -> None:
        """Take the end of a conversation."""
        flow = cast("Flow", talk)
        refused = flow.transport == TCP and flow.back.payload_bytes == 0 and flow.back.start < 0  # by a reset
        self.inventory.closed(talk, flow.last_time, answered=flow.back.packets > 0 and not refused)
        self.store.flow(flow)

    def message(self, talk: Conversation, message: Message) -> None:
        """Take a message somebody asked for."""
        message.talk = talk
        self.messages.append(message)

    def oddity(self, talk: Conversation, kind: str, direction: int, time: int, number: int, sample: bytes) -> None:
        """Take what was wrong with a stream."""
        self.oddities[kind] = self.oddities.get(kind, 0) + 1
        self.store.oddity(talk, kind, direction, time, number, sample)
        source = cast("Flow", talk).last_source
        self.alert(self.detector.oddity(talk, kind, direction, time, number, sample, source))

    def health(self, concern: Concern) -> None:
        """Take a concern about what the sensor itself sees; one that is over closes its alerts."""
        self.concerns.pop(concern.identity, None)
        if not concern.over:
            self.concerns[concern.identity] = concern
        matches = self.detector.health(concern)
        if concern.over:
            self.tell(self.book.over(matches))
        else:
            self.alert(matches)

    # --- What becomes of it ---------------------------------------------------------------------------

    def alert(self, matches: list[Match]) -> None:
        """Make alerts of what matched, or let open ones grow."""
        if matches:
            self.tell(self.book.take(matches))

    def tell(self, alerts: list[Alert]) -> None:
        """Write new revisions of alerts."""
        for alert in alerts:
            if len(self.raised) < self.most_raised:
                self.raised[alert.id] = alert
            self.store.alert(alert)
        if self.lines is not None and alerts:
            self.lines.write(alerts)

    def take_messages(self) -> list[Message]:
        """Return the messages that wait, and forget them."""
        taken, self.messages = self.messages, []
        return taken

    def tick(self, time: int) -> None:
        """Capture time has gone on to `time` (ns)."""
        self.tell(self.book.quiet(time))
        for asset in self.inventory.make_room(time):
            self.forget(asset)
        self.store.tick(time)

    def forget(self, asset: Asset) -> None:
        """Let an asset make room for others; what was written of it stays."""
        if asset.heard:
            self.store.asset(asset, self.inventory.role(asset.endpoint))
        self.inventory.forget(asset)

    def finish(self, behaviours: Iterable[Behaviour], sources: Iterable[Source], counts: Mapping[str, int]) -> None:
        """There is no more to come: write what is only known at the end. `counts`: the line's counters."""
        self.tell(self.book.finish())
        for source in sources:
            self.store.capture(source)
        for asset in self.inventory.shown():
            self.store.asset(asset, self.inventory.role(asset.endpoint), tell=True)
        for behaviour in behaviours:
            self.store.behaviour(behaviour, tell=True)
        self.store.health({**counts, **self.counts()}, self.concerns.values())
        self.store.commit()
        if self.lines is not None:
            self.lines.close()

    def counts(self) -> dict[str, int]:
        """Return what was counted, by name."""
        told = self.store.messages.counts() if self.store.messages is not None else {}
        return {**self.detector.counts(), **self.book.counts(), **self.inventory.counts(), **told}
