"""From what the recorder knows to what people see: the scene is filled once a second, and news as it comes.

The rule it lives by: filling costs next to nothing. What takes a pass over everything is done now and then.
"""

from __future__ import annotations

import collections
import time
from typing import TYPE_CHECKING, Final

from sensor.console.live import rows
from sensor.console.live.scene import MAX_NEWEST, ConcernRow, OutboxRow, Scene, WorkerRow
from sensor.detect.fields import BLINDING
from sensor.watching.recorder import Onlooker

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator, Mapping

    from sensor.alert.alert import Alert
    from sensor.behaviour.finding import Finding
    from sensor.console.live.face import Face
    from sensor.console.live.scene import InterfaceRow
    from sensor.detect.concern import Concern
    from sensor.inventory.asset import Asset
    from sensor.ship.beside import Beside
    from sensor.watching.crew import Crew
    from sensor.watching.parts import Asked, Recording

NS: Final = 1_000_000_000
PASS_EVERY: Final = 5.0  # s, between two passes over all behaviours, and over the newest machines
# Counters of what is gone for good, by the beginning of their names
LOSSES: Final = (
    "kernel_drops.", "lost_with_worker.", "unread_at_stop.", "damaged_ring_blocks.", "write_lost", "flows_untold",
    "findings_untold", "oddities_untold", "store_dropped_", "outbox_dropped_",
)  # fmt: skip
KERNEL: Final = "kernel_drops."


class Showing(Onlooker):
    """Keeps a scene, and tells a face."""

    def __init__(self, face: Face, asked: Asked) -> None:
        config = asked.config
        self.face = face
        self.names = config.assets
        self.states = dict.fromkeys(asked.interfaces, "up")  # as told last; nobody has yet
        self.scene = Scene(
            time=time.time_ns(), started=time.time_ns(), sensor=config.observer["observer.name"],
            place=" ".join(filter(None, (config.site, config.segment))), version=config.observer["observer.version"],
            settings=settings_in_words(asked), store=str(asked.db),
            interfaces=rows.interface_rows({}, dict.fromkeys(asked.interfaces, "up")),
        )  # fmt: skip
        self.recording: Recording | None = None
        self.newest: collections.deque[Asset] = collections.deque(maxlen=MAX_NEWEST)  # as in the scene
        self.filled_at = 0.0
        self.passed_at = 0.0
        self.spent: dict[int, int] = {}  # pid -> CPU time when it was last looked at, ns

    # --- What happens ---------------------------------------------------------------------------------

    def alert(self, alert: Alert) -> None:
        """Show a new revision of an alert."""
        row = rows.alert_row(alert)
        self.scene.take_alert(row)
        self.face.alert(row)

    def asset(self, asset: Asset) -> None:
        """Show a machine that was heard for the first time."""
        if self.recording is not None:
            row = rows.asset_row(asset, self.recording.inventory.role(asset.endpoint))
            self.newest.appendleft(asset)
            self.scene.take_asset(row)
            self.face.asset(row)

    def news(self, finding: Finding) -> None:
        """Show a new behaviour."""
        row = rows.behaviour_row(finding, self.names)
        self.scene.take_behaviour(row)
        self.face.behaviour(row)

    def say(self, text: str, level: str = "info") -> None:
        """Say a line."""
        self.face.say(text, level)

    # --- How it is ------------------------------------------------------------------------------------

    def begin(self, recording: Recording) -> None:
        """The watch begins."""
        self.recording = recording
        recording.recorder.onlooker = self
        self.scene.asset_count = len(recording.recorder.known)
        self.face.begin(self.scene)

    def second(self, crew: Crew, counts: Mapping[str, int], beside: Beside | None) -> None:
        """Fill the scene, and show it."""
        now, scene, recording = time.monotonic(), self.scene, self.recording
        if recording is None:
            return
        seconds, self.filled_at = now - self.filled_at if self.filled_at else 1.0, now
        scene.time = time.time_ns()
        self.states |= crew.states()
        scene.take_interfaces(list(interfaces(self.states, counts)), seconds)
        scene.take_losses({name: count for name, count in counts.items() if name.startswith(LOSSES)})
        scene.workers = list(self.workers(crew, seconds))
        scene.concerns = [concern_row(one) for one in recording.recorder.concerns.values()]
        scene.store_trouble = recording.store.trouble
        scene.store_bytes = size_of(recording.asked.db)
        scene.outbox = list(outbox(beside)) if beside is not None else []
        if now - self.passed_at >= PASS_EVERY:
            taken, self.passed_at = now - self.passed_at if self.passed_at else seconds, now
            scene.take_protocols(rows.protocol_rows(one for one in recording.registry.behaviours if one.count), taken)
            # what a machine is shows as it goes on: the newest are looked at again
            known = (rows.asset_row(asset, recording.inventory.role(asset.endpoint)) for asset in self.newest)
            scene.assets = collections.deque(known, maxlen=MAX_NEWEST)
        self.face.second(scene)

    def workers(self, crew: Crew, seconds: float) -> Iterator[WorkerRow]:
        """Yield the workers with their share of a core."""
        spent = {}
        for member in crew.members:
            used = member.mirror.counts.get("cpu_ns", 0) if member.mirror is not None else 0
            share = max(0, used - self.spent.get(member.pid, used)) / NS / max(seconds, 1e-3)
            spent[member.pid] = used
            alive = member.pid != 0 or crew.ending
            yield WorkerRow(member.number, member.pid, alive, min(share, 1.0), member.restarts)
        self.spent = spent

    def end(self) -> None:
        """The watch is over."""
        self.face.end(self.scene)


def interfaces(states: Mapping[str, str], counts: Mapping[str, int]) -> Iterator[InterfaceRow]:
    """Yield the interfaces with what was seen and lost on each."""
    for row in rows.interface_rows(counts, states):
        lost = (n for name, n in counts.items() if name.startswith(LOSSES) and name.endswith(f".{row.name}"))
        row.own_drops = sum(lost) - row.kernel_drops
        yield row


def concern_row(concern: Concern) -> ConcernRow:
    """Return a concern as it is shown."""
    return ConcernRow(concern.text, concern.since, concern.kind, grave=concern.kind in BLINDING)


def outbox(beside: Beside) -> Iterator[OutboxRow]:
    """Yield how far each destination has got."""
    for lag in beside.lags.values():
        behind = (time.time_ns() - lag.moved) / NS if lag.waiting and lag.moved else 0.0
        yield OutboxRow(lag.destination, lag.waiting, behind, lag.reason)


def size_of(db: pathlib.Path) -> int:
    """Return the bytes a store takes, its log included."""
    found = 0
    for path in (db, db.with_name(f"{db.name}-wal")):
        try:
            found += path.stat().st_size
        except OSError:
            continue
    return found


def settings_in_words(asked: Asked) -> list[str]:
    """Return what a watch was started with, in words."""
    watch = asked.config.watch
    found = [f"{watch.workers} worker{'s' if watch.workers > 1 else ''}"]
    found += [f"filter: {watch.filter}"] if watch.filter else []
    found += ["not promiscuous"] if not watch.promiscuous else []
    found += [f"keeping frames in {watch.write.folder}"] if watch.write is not None else []
    found += ["NO SANDBOX"] if not watch.sandbox else []
    return found
