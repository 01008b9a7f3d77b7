"""A watch as lines of text, for journals, files and collectors.

The rule it lives by: one line for each thing that happened, with its time and how grave it is; routine is told once a
minute in one line; what comes in floods is told with its count.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import IO, TYPE_CHECKING, Any, Final

import orjson

from sensor.console.legible import legible
from sensor.console.live.face import Face
from sensor.console.live.patient import Patient
from sensor.console.words import duration, plural, size

if TYPE_CHECKING:
    from collections.abc import Callable

    from sensor.console.live.scene import AlertRow, AssetRow, BehaviourRow, ConcernRow, Scene

STATUS_SECONDS: Final = 60
NS: Final = 1_000_000_000
MAX_ASSETS: Final = 20  # told one by one in a minute: a scan that shows thousands is told by their number
LAST_SECONDS: Final = 0.5  # a slow reader may have to take its last lines
LEVEL_WIDTH: Final = 13  # "informational"


class LogLines(Face):
    """Writes what happens as lines; `clock` gives ns since 1970."""

    def __init__(
        self, stream: IO[str], *, as_json: bool = False, behaviours: bool = False,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:  # fmt: skip
        self.stream = Patient(stream)
        self.untold = 0  # lines nobody took
        self.as_json = as_json
        self.behaviours = behaviours  # asked for
        self.clock = clock
        self.status_at = 0
        self.status_frames = 0
        self.assets_told = 0
        self.assets_untold = 0
        self.concerns: dict[tuple[str, int], ConcernRow] = {}
        self.losses: dict[str, int] = {}  # as told last
        self.losses_at = 0
        self.states: dict[str, str] = {}
        self.restarts: dict[int, tuple[bool, int]] = {}
        self.troubles: dict[str, str] = {}  # of store and outbox

    # --- What happened --------------------------------------------------------------------------------

    def begin(self, scene: Scene) -> None:
        """Tell settings and protections."""
        names = [row.name for row in scene.interfaces]
        told = "; ".join([f"watching {', '.join(names) or 'nothing'}", *scene.settings])
        known = {"version": scene.version, "sensor": scene.sensor, "settings": list(scene.settings)}
        self.line("info", "start", told, interfaces=names, **known)
        for name, state, why in scene.protections:
            level = "info" if state == "on" else "warning"
            self.line(level, "protection", f"{name} is {state}{f': {why}' if why else ''}", name=name, state=state)
        self.states = {row.name: row.state for row in scene.interfaces}
        self.restarts = {row.number: (row.alive, row.restarts) for row in scene.workers}
        self.status_at, self.status_frames = self.clock(), sum(row.frames for row in scene.interfaces)

    def alert(self, row: AlertRow) -> None:
        """Tell an alert, again at each revision."""
        times = f" ({plural(row.count, 'time')})" if row.count > 1 else ""
        closed = "closed: " if row.state == "closed" else ""
        self.line(row.level, "alert", f"{closed}{row.sentence}{times} [{row.rule}]", id=row.id, count=row.count,
                  rule=row.rule, state=row.state, revision=row.revision, sentence=row.sentence)  # fmt: skip

    def asset(self, row: AssetRow) -> None:
        """Tell a machine that was heard for the first time."""
        if self.assets_told >= MAX_ASSETS:
            self.assets_untold += 1
            return
        self.assets_told += 1
        known = ", ".join(one for one in (row.name, row.role, row.vendor) if one)
        self.line("info", "asset", f"new: {row.address}{f', {known}' if known else ''}", address=row.address,
                  name=row.name, role=row.role, vendor=row.vendor)  # fmt: skip

    def behaviour(self, row: BehaviourRow) -> None:
        """Tell a new behaviour, where that was asked for."""
        if self.behaviours:
            outcome = f": {row.outcome}" if row.outcome else ""
            self.line("info", "behaviour", f"{row.client} to {row.server}: {row.protocol} {row.words}{outcome}",
                      client=row.client, server=row.server, protocol=row.protocol, outcome=row.outcome)  # fmt: skip

    def say(self, text: str, level: str = "info") -> None:
        """Tell what the watch has to say, line by line."""
        for one in text.splitlines():
            self.line(level, "watch", one)

    # --- What has changed -----------------------------------------------------------------------------

    def second(self, scene: Scene) -> None:
        """Tell what differs from a second ago, and each minute how it goes."""
        self.tell_interfaces(scene)
        self.tell_workers(scene)
        self.tell_concerns(scene)
        self.tell_troubles(scene)
        now = self.clock()
        self.tell_losses(scene, now)
        if now - self.status_at >= STATUS_SECONDS * NS:
            self.tell_status(scene, now)

    def tell_interfaces(self, scene: Scene) -> None:
        """Tell an interface that came or went."""
        for row in scene.interfaces:
            if self.states.get(row.name, row.state) != row.state:
                level = "info" if row.state == "up" else "warning"
                self.line(level, "interface", f"{row.name} is {row.state}", interface=row.name, state=row.state)
        self.states = {row.name: row.state for row in scene.interfaces}

    def tell_workers(self, scene: Scene) -> None:
        """Tell a worker that died or was started again."""
        for row in scene.workers:
            alive, restarts = self.restarts.get(row.number, (row.alive, row.restarts))
            if alive and not row.alive:
                self.line("error", "worker", f"worker {row.number} has died", worker=row.number)
            if row.restarts > restarts:
                text = f"worker {row.number} was started again, process {row.pid}; {plural(row.restarts, 'restart')}"
                self.line("warning", "worker", text, worker=row.number, pid=row.pid, restarts=row.restarts)
            self.restarts[row.number] = row.alive, row.restarts

    def tell_concerns(self, scene: Scene) -> None:
        """Tell what begins to blind the sensor, and what ends."""
        now = {(row.kind or row.text, row.since): row for row in scene.concerns}
        for key, row in now.items():
            if key not in self.concerns:
                self.line("error" if row.grave else "warning", "concern", f"begins: {row.text}", kind=row.kind)
        for key, row in self.concerns.items():
            if key not in now:
                self.line("info", "concern", f"over: {row.text}", kind=row.kind)
        self.concerns = now

    def tell_losses(self, scene: Scene, now: int) -> None:
        """Tell what was dropped: the first of its name at once, more once a minute."""
        fresh = [name for name in scene.losses if name not in self.losses]
        if not fresh and now - self.losses_at < STATUS_SECONDS * NS:
            return
        grown = {name: count - self.losses.get(name, 0) for name, count in scene.losses.items()}
        grown = {name: count for name, count in grown.items() if count > 0}
        if grown:
            told = ", ".join(f"{name} {count:,}" for name, count in grown.items())
            self.line("warning", "dropped", f"{told} since told last", dropped=grown, total=dict(scene.losses))
            self.losses_at = now
        self.losses = dict(scene.losses)

    def tell_troubles(self, scene: Scene) -> None:
        """Tell when the store cannot be written or a destination is not reached, and when it can be again."""
        found = {"store": scene.store_trouble} if scene.store_trouble else {}
        found |= {row.destination: row.trouble for row in scene.outbox if row.trouble}
        for name, trouble in found.items():
            if name not in self.troubles:
                self.line("error" if name == "store" else "warning", "trouble", f"{name}: {trouble}", part=name)
        for name in self.troubles:
            if name not in found:
                self.line("info", "trouble", f"{name}: well again", part=name)
        self.troubles = found

    def tell_status(self, scene: Scene, now: int) -> None:
        """Tell how it goes, in one line."""
        frames = sum(row.frames for row in scene.interfaces)
        rate = max(0, frames - self.status_frames) / max((now - self.status_at) / NS, 1e-3)
        if self.assets_untold:
            self.line("info", "asset", f"and {self.assets_untold:,} more new ones", count=self.assets_untold)
        self.assets_told = self.assets_untold = 0
        if self.stream.dropped > self.untold:
            self.line("warning", "log", f"{self.stream.dropped - self.untold:,} lines were taken by nobody")
            self.untold = self.stream.dropped
        waiting = sum(row.waiting for row in scene.outbox)
        self.line(
            "info", "status",
            f"{rate:,.0f} frames/s, {plural(frames, 'frame')} in {duration(scene.time - scene.started)}, "
            f"{sum(scene.losses.values()):,} lost; {plural(scene.asset_count, 'asset')}, "
            f"{plural(sum(scene.alert_counts.values()), 'alert')}; store {size(scene.store_bytes)}"
            + (f", {waiting:,} waiting to be shipped" if scene.outbox else ""),
            frames=frames, rate=round(rate, 1), losses=dict(scene.losses), assets=scene.asset_count,
            alerts=dict(scene.alert_counts), store_bytes=scene.store_bytes, waiting=waiting,
            protocols={row.name: row.exchanges for row in scene.protocols},
        )  # fmt: skip
        self.status_at, self.status_frames = now, frames

    def end(self, scene: Scene) -> None:
        """Tell how it went."""
        self.tell_status(scene, self.clock())
        self.line("info", "end", "ended")
        self.stream.finish(LAST_SECONDS)
        self.stream.close()

    # --- Lines ----------------------------------------------------------------------------------------

    def line(self, level: str, event: str, message: str, **more: Any) -> None:
        """Write one line; a reader that has gone away ends nothing."""
        at = instant(self.clock())
        if self.as_json:
            said = {"time": at, "level": level, "event": event, "message": message, **more}
            text = orjson.dumps(cleaned(said)).decode()
        else:
            text = f"{at} {level:<{LEVEL_WIDTH}} {event}: {legible(message)}"
        self.stream.write(f"{text}\n")
        self.stream.flush()


def instant(ns: int) -> str:
    """Write a time in ISO 8601, UTC, to the millisecond."""
    at = dt.datetime.fromtimestamp(ns // NS, dt.UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ns % NS // 1_000_000:03d}Z"


def cleaned(value: Any) -> Any:
    """Return a value as JSON takes it: broken letters replaced, names as text."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {cleaned(str(name)): cleaned(one) for name, one in value.items()}
    return [cleaned(one) for one in value] if isinstance(value, list | tuple) else value
