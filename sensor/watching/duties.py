"""What is due while a watch goes on: each second, each minute, at a reload, at the end.

The rule it lives by: none of it can end the watch. What goes wrong is said where people look, and tried again.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from sensor.config import ConfigError
from sensor.detect.fault import RuleFaults
from sensor.detect.fields import BLINDING
from sensor.guard.health import habits
from sensor.guard.health.endpoint import Endpoint
from sensor.guard.health.prometheus import exposition
from sensor.guard.health.span import TABLES_AFTER, SpanQuality
from sensor.store.database import StoreError
from sensor.watching.parts import load_rules
from sensor.watching.recall import HABITS
from sensor.watching.showing import LOSSES

if TYPE_CHECKING:
    import selectors
    import socket

    from sensor.config import Config
    from sensor.guard.notify import Notify
    from sensor.ship.beside import Beside
    from sensor.watching.crew import Crew
    from sensor.watching.parts import Recording
    from sensor.watching.showing import Showing

NS: Final = 1_000_000_000
JUDGED_NS: Final = 2 * NS  # between two looks at whether the sensor sees
HABITS_NS: Final = 600 * NS  # between two notes of what is usual: some ten kB each
SAID_NS: Final = 60 * NS  # between two sayings of a fault that comes each second
# What a running watch cannot change: sockets are open and rings are mapped, and what would open others is given up
AT_START: Final = ("sensor", "site", "segment", "interfaces", "destinations", "outbox", "watch", "db", "protocols")


class Duties:
    """Keeps the recorder, the store and whoever looks on up to date."""

    def __init__(
        self, recording: Recording, showing: Showing, beside: Beside | None, notify: Notify,
        listener: socket.socket | None = None,
    ) -> None:  # fmt: skip
        """`listener`: where Prometheus may ask, if anywhere."""
        self.recording = recording
        self.notify = notify
        self.showing = showing
        self.beside = beside
        self.config = recording.asked.config
        self.health_at = 0
        self.judged_at = 0
        self.quality = SpanQuality(self.config.health)
        habits.recall(self.quality, recording.habits, self.span())
        self.habits_at = 0
        self.counted: dict[str, int] = {}  # a second ago
        self.endpoint = Endpoint(listener, self.metrics, self.blindness) if listener is not None else None
        self.failed = 0
        self.failed_at = -SAID_NS  # capture time
        self.reloads = 0
        self.reloads_refused = 0
        self.time = 0  # capture time up to which all workers have told everything, ns

    # --- As it goes on --------------------------------------------------------------------------------

    def begin(self, selector: selectors.BaseSelector) -> None:
        """The workers run."""
        if self.endpoint is not None:
            self.endpoint.register(selector)
        self.showing.begin(self.recording)
        self.notify.ready(f"watching {', '.join(self.recording.asked.interfaces)}")
        if self.recording.recalled:
            self.say(f"remembered from the store: {self.recording.recalled:,} behaviours")

    def second(self, crew: Crew) -> None:
        """A second has passed: do what is due, each part whatever becomes of the others."""
        self.time = crew.time or self.time
        for part in (self.write, self.judge, self.report, self.note_habits, self.show):
            try:
                part(crew)
            except Exception as error:  # noqa: BLE001  # whatever it is, the watch goes on
                self.fail(part.__name__, error)

    def fail(self, part: str, error: Exception) -> None:
        """Count what went wrong and say it, once a minute."""
        self.failed += 1
        if self.time - self.failed_at >= SAID_NS or self.time < self.failed_at:
            self.failed_at = self.time
            self.say(f"a fault of ours ({part}), tried again each second: {type(error).__name__}: {error}", "error")

    def write(self, crew: Crew) -> None:
        """Write what is new, and now and then what has been counted on."""
        recorder = self.recording.recorder
        recorder.tick(self.time)
        self.measure(crew)
        recorder.routine(self.time, self.recording.registry.behaviours, self.recording.sources)

    def report(self, crew: Crew) -> None:
        """Keep a health report now and then."""
        if abs(self.time - self.health_at) >= self.config.health.every * NS:
            self.health_at = self.time
            recorder, store = self.recording.recorder, self.recording.store
            store.health(self.counts(crew), recorder.concerns.values(), self.showing.states)

    def note_habits(self, _crew: Crew) -> None:
        """Note now and then what is usual on the span: the next watch is to miss who falls silent in between."""
        if abs(self.time - self.habits_at) >= HABITS_NS:
            self.habits_at = self.time
            self.recording.store.note(HABITS, habits.told(self.quality, self.span()))

    def span(self) -> str:
        """Return what has other habits once it is changed: what is listened to, how it is called and judged."""
        asked, config = self.recording.asked, self.config
        places = [(name, *config.place(name)) for name in asked.interfaces]
        return repr((places, config.watch.filter, config.health.window))

    def show(self, crew: Crew) -> None:
        """Show how it goes, to whoever looks or asks."""
        self.counted = self.counts(crew)
        self.showing.second(crew, self.counted, self.beside)
        if self.endpoint is not None:
            self.endpoint.look()
        self.notify.status(self.showing.scene.trouble or f"{self.showing.scene.rates[-1]:,.0f} frames/s")

    def metrics(self) -> bytes:
        """Return the page that Prometheus reads."""
        observer = self.config.observer
        info = {"name": observer["observer.name"], "version": observer["observer.version"], "site": self.config.site}
        concerns = self.recording.recorder.concerns.values()
        return exposition(self.counted, self.showing.states, concerns, self.time, info)

    def blindness(self) -> str:
        """Return what blinds the sensor, a line each; "" where nothing does."""
        concerns = self.recording.recorder.concerns.values()
        return "\n".join(one.text for one in concerns if one.kind in BLINDING)

    def judge(self, crew: Crew) -> None:
        """See whether the sensor sees what it should; it looks each few seconds, and at once where it cannot see."""
        for worker, pulse in crew.qualities():
            self.quality.hear(pulse, worker)
        if abs(self.time - self.judged_at) < JUDGED_NS:
            return
        self.judged_at = self.time
        counts = self.counts(crew)
        lost = {name: count for name, count in counts.items() if name.startswith(LOSSES)}
        full = {name: counts.get(name, 0) for name in TABLES_AFTER}
        trouble, states = self.recording.store.trouble, self.showing.states
        shipper = self.beside.trouble if self.beside is not None else ""
        for concern in self.quality.judge(self.time, lost, states, crew.restarts(), trouble, shipper, full):
            self.recording.recorder.health(concern)

    def measure(self, crew: Crew) -> None:
        """Note with each interface what was seen on it."""
        taps = crew.taps()
        for source in self.recording.sources:
            source.frames = taps.get(f"frames.{source.path}", 0)
            source.drops = taps.get(f"kernel_drops.{source.path}", 0)
            source.first_time = source.first_time or self.time
            source.last_time = self.time

    def counts(self, crew: Crew) -> dict[str, int]:
        """Return every counter of the sensor by name: nothing is dropped without one."""
        recording = self.recording
        scraped = self.endpoint.counts() if self.endpoint is not None else {}
        own = {"reloads": self.reloads, "reloads_refused": self.reloads_refused, "duties_failed": self.failed}
        own |= {**self.quality.counts(), **scraped}
        counted = (crew.counts(), crew.taps(), recording.recorder.counts(), recording.registry.counts())
        shipped = self.beside.counts if self.beside is not None else {}
        return {
            **{name: count for one in counted for name, count in one.items()},
            **recording.store.counts(),
            **own,
            **shipped,
        }

    # --- Now and then ---------------------------------------------------------------------------------

    def reload(self) -> None:
        """Go by the configuration and the rules as they are in the files now; where they are wrong, by those before."""
        self.notify.reloading()
        self.take_anew()
        self.notify.ready()

    def take_anew(self) -> None:
        """Read configuration and rules; take them where nothing is wrong."""
        asked, known = self.recording.asked, self.recording.known
        try:
            config = asked.again() if asked.again is not None else self.config
            rules = load_rules(config, known.words)
        except (ConfigError, RuleFaults, OSError) as error:
            self.reloads_refused += 1
            self.say(f"not reloaded, the old rules and configuration stay: {error}", "error")
            return
        self.recording.adopt(rules, config)
        self.quality.adopt(config.health)
        self.showing.names = config.assets
        self.reloads += 1
        self.say(f"reloaded: {len(rules)} rules")
        for name in changed(self.config, config):
            self.say(f"{name}: has changed, and takes effect at the next start")
        self.config = dataclasses.replace(config, **{name: getattr(self.config, name) for name in AT_START})

    def end(self, crew: Crew) -> None:
        """The workers have ended: write everything."""
        recording = self.recording
        self.measure(crew)
        self.showing.second(crew, self.counts(crew), self.beside)
        try:
            recording.store.note(HABITS, habits.told(self.quality, self.span()))
            counts, states = self.counts(crew), self.showing.states
            recording.recorder.end(recording.registry.behaviours, recording.sources, counts, states)
            recording.store.close()
        except StoreError as error:
            self.say(f"not everything could be written: {error}", "error")
        if self.endpoint is not None:
            self.endpoint.close()
        self.showing.end()

    def say(self, text: str, level: str = "info") -> None:
        """Say a line."""
        self.showing.say(text, level)


def changed(before: Config, now: Config) -> list[str]:
    """Return the keys that differ and that only a start reads."""
    listens = ["health.listen"] if before.health.listen != now.health.listen else []
    return [name for name in AT_START if getattr(before, name) != getattr(now, name)] + listens
