"""What a live view shows, filled by the watch once a second.

The rule it lives by: plain values in bounded collections, so that filling costs next to nothing and months of watching
cost no more than a minute. Texts may hold anything; whoever shows them makes them legible.
"""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING, Final

from sensor.detect.rule import SEVERITY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SECONDS_KEPT: Final = 120  # of rates: what one line of a wide terminal holds
LOSING_SECONDS: Final = 60  # a loss older than this is history, not something going on
MAX_ALERTS: Final = 200  # more than any terminal has lines; the least grave and oldest go
MAX_NEWEST: Final = 60  # behaviours and assets, likewise
MAX_SAID: Final = 20
MAX_LOSSES: Final = 200  # names of counters; the sensor has about fifty
DAY_NS: Final = 86_400 * 1_000_000_000
UNSHIPPED: Final = "shipper_ended"  # a grave concern with which all is seen and kept


@dataclasses.dataclass(slots=True)
class InterfaceRow:
    """One interface that is listened to; counts since the start."""

    name: str
    state: str = "up"  # "up", "down", "gone"
    frames: int = 0
    bytes: int = 0
    kernel_drops: int = 0
    own_drops: int = 0
    rate: float = 0.0  # frames/s and
    byte_rate: float = 0.0  # bytes/s, both set by `Scene.take_interfaces`


@dataclasses.dataclass(frozen=True, slots=True)
class WorkerRow:
    """One capture worker."""

    number: int
    pid: int
    alive: bool = True
    share: float = 0.0  # of one core, 0 to 1
    restarts: int = 0


@dataclasses.dataclass(slots=True)
class ProtocolRow:
    """One protocol; counts since the start."""

    name: str
    exchanges: int = 0
    behaviours: int = 0
    refused: int = 0  # or unanswered
    rate: float = 0.0  # exchanges/s, set by `Scene.take_protocols`


@dataclasses.dataclass(frozen=True, slots=True)
class BehaviourRow:
    """Who has begun to do what to whom."""

    time: int  # ns
    client: str
    server: str
    protocol: str
    words: str  # "write single register, holding register 100, unit 3"
    outcome: str = ""
    action: str = ""
    news: str = ""  # what is new about it; "" when it is only significant


@dataclasses.dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert as of its latest revision."""

    id: str
    time: int  # of the latest sight, ns
    level: str
    sentence: str
    count: int = 1
    rule: str = ""
    revision: int = 1
    state: str = "open"

    @property
    def severity(self) -> int:
        """The graver, the larger."""
        return SEVERITY.get(self.level, 0)


@dataclasses.dataclass(frozen=True, slots=True)
class AssetRow:
    """One machine."""

    time: int  # first heard, ns
    address: str
    name: str = ""
    role: str = ""
    vendor: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class ConcernRow:
    """What blinds the sensor, or may."""

    text: str
    since: int = 0  # ns
    kind: str = ""
    grave: bool = True  # False: it sees, but less well


@dataclasses.dataclass(frozen=True, slots=True)
class OutboxRow:
    """One destination, and how far it is behind."""

    destination: str
    waiting: int = 0
    lag_seconds: float = 0.0  # since the oldest that waits was written
    trouble: str = ""


@dataclasses.dataclass(slots=True)
class Scene:
    """Everything a view knows, as of `time`."""

    time: int = 0  # ns since 1970, UTC
    started: int = 0
    sensor: str = ""  # its name, with
    place: str = ""  # site and segment
    version: str = ""
    settings: Sequence[str] = ()  # what it was started with, in words: "2 workers", "filter: not port 22"
    interfaces: list[InterfaceRow] = dataclasses.field(default_factory=list)
    workers: Sequence[WorkerRow] = ()
    protocols: list[ProtocolRow] = dataclasses.field(default_factory=list)
    behaviours: collections.deque[BehaviourRow] = dataclasses.field(
        default_factory=lambda: collections.deque(maxlen=MAX_NEWEST)
    )
    behaviour_count: int = 0
    alerts: dict[str, AlertRow] = dataclasses.field(default_factory=dict)
    alert_counts: dict[str, int] = dataclasses.field(default_factory=dict)  # by level, since the start
    assets: collections.deque[AssetRow] = dataclasses.field(
        default_factory=lambda: collections.deque(maxlen=MAX_NEWEST)
    )
    asset_count: int = 0
    concerns: Sequence[ConcernRow] = ()
    losses: Mapping[str, int] = dataclasses.field(default_factory=dict)  # what was dropped, by name, since the start
    losing: Mapping[str, int] = dataclasses.field(default_factory=dict)  # of that, in the last minute
    outbox: Sequence[OutboxRow] = ()
    store: str = ""  # where it lies
    store_bytes: int = 0
    store_trouble: str = ""
    protections: Sequence[tuple[str, str, str]] = ()  # name, "on|off|absent", why
    said: collections.deque[tuple[int, str]] = dataclasses.field(
        default_factory=lambda: collections.deque(maxlen=MAX_SAID)
    )
    rates: collections.deque[float] = dataclasses.field(
        default_factory=lambda: collections.deque([0.0] * SECONDS_KEPT, maxlen=SECONDS_KEPT)
    )
    dropping: collections.deque[bool] = dataclasses.field(
        default_factory=lambda: collections.deque([False] * SECONDS_KEPT, maxlen=SECONDS_KEPT)
    )
    before: dict[str, tuple[int, int]] = dataclasses.field(default_factory=dict)  # counts of a second ago
    lost: collections.deque[Mapping[str, int]] = dataclasses.field(
        default_factory=lambda: collections.deque(maxlen=LOSING_SECONDS)
    )

    # --- What was counted -----------------------------------------------------------------------------

    def take_interfaces(self, rows: Sequence[InterfaceRow], seconds: float = 1.0) -> None:
        """Take the interfaces with their counts; rates come from those of the last time, `seconds` ago."""
        dropped = False
        for row in rows:
            frames, count = self.before.get(f"frames {row.name}", (row.frames, row.bytes))
            drops, own = self.before.get(f"drops {row.name}", (row.kernel_drops, row.own_drops))
            row.rate = max(0, row.frames - frames) / max(seconds, 1e-3)
            row.byte_rate = max(0, row.bytes - count) / max(seconds, 1e-3)
            dropped = dropped or row.kernel_drops > drops or row.own_drops > own
            self.before[f"frames {row.name}"] = row.frames, row.bytes
            self.before[f"drops {row.name}"] = row.kernel_drops, row.own_drops
        self.interfaces = list(rows)
        self.rates.append(sum(row.rate for row in rows))
        self.dropping.append(dropped)

    def take_protocols(self, rows: Iterable[ProtocolRow], seconds: float = 1.0) -> None:
        """Take the protocols with their counts, the busiest first."""
        self.protocols = sorted(rows, key=lambda row: -row.exchanges)
        for row in self.protocols:
            known, _ = self.before.get(f"exchanges {row.name}", (row.exchanges, 0))
            row.rate = max(0, row.exchanges - known) / max(seconds, 1e-3)
            self.before[f"exchanges {row.name}"] = row.exchanges, 0

    def take_losses(self, counts: Mapping[str, int]) -> None:
        """Take what was dropped, by name, since the start: called once a second."""
        found = {name: count for name, count in counts.items() if count > 0}
        self.losses = dict(sorted(found.items(), key=lambda entry: -entry[1])[:MAX_LOSSES])
        oldest = self.lost[0] if self.lost else self.losses
        grown = {name: count - oldest.get(name, 0) for name, count in self.losses.items()}
        self.losing = {name: count for name, count in grown.items() if count > 0}
        self.lost.append(self.losses)

    # --- What happened --------------------------------------------------------------------------------

    def take_alert(self, row: AlertRow) -> None:
        """Take a new revision of an alert."""
        if row.revision <= 1 and row.id not in self.alerts:
            self.alert_counts[row.level] = self.alert_counts.get(row.level, 0) + 1
        self.alerts[row.id] = row
        if len(self.alerts) > MAX_ALERTS:
            del self.alerts[min(self.alerts.values(), key=self.rank).id]

    def rank(self, row: AlertRow) -> tuple[bool, int, int]:
        """Return how much an alert matters now: the gravest first, then the newest; a day later it is history."""
        return self.time - row.time < DAY_NS, row.severity, row.time

    def foremost(self) -> list[AlertRow]:
        """Return the alerts, those that matter most first."""
        return sorted(self.alerts.values(), key=self.rank, reverse=True)

    def take_behaviour(self, row: BehaviourRow) -> None:
        """Take a new behaviour, or a significant exchange."""
        self.behaviours.appendleft(row)
        self.behaviour_count += bool(row.news)

    def take_asset(self, row: AssetRow) -> None:
        """Take a machine that was heard for the first time."""
        self.assets.appendleft(row)
        self.asset_count += 1

    def say(self, time: int, text: str) -> None:
        """Take what the watch has to say: a reload, a worker that was restarted."""
        self.said.appendleft((time, text))

    # --- How it is ------------------------------------------------------------------------------------

    @property
    def trouble(self) -> str:
        """What is wrong with the sensor itself, in a word or two; "" when nothing is."""
        grave = {row.kind for row in self.concerns if row.grave}
        if grave - {UNSHIPPED}:
            return "BLIND"
        if self.losing:
            return "LOSING FRAMES"
        if self.store_trouble:
            return "NOT RECORDING"
        if grave:
            return "SHIPPER DOWN"
        if any(not row.alive for row in self.workers):
            return "WORKER DOWN"
        if self.concerns:
            return "SEES LESS"
        return ""
