"""Captures read from end to end: the whole line in one process, for the command line and for other programs.

The rule it lives by: what is asked for is what is paid for. Messages are decoded one by one only for whoever iterates.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import TYPE_CHECKING, Any, Final

from sensor.alert.book import AlertBook
from sensor.alert.lines import AlertLines
from sensor.capture.files import Captures, Skipped
from sensor.config import Config
from sensor.detect.context import InventoryContext
from sensor.detect.detector import Detector
from sensor.detect.ruleset import RuleSet, default_rules
from sensor.guard.health.span import TABLES_AFTER, SpanQuality
from sensor.inventory.inventory import Inventory
from sensor.pipeline import Line
from sensor.protocols import discovery
from sensor.recorder import Recorder
from sensor.store.reader import Reader
from sensor.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sensor.alert.alert import Alert
    from sensor.behaviour.behaviour import Behaviour
    from sensor.capture.block import Block
    from sensor.capture.source import Source
    from sensor.contract import Message
    from sensor.detect.concern import Concern
    from sensor.inventory.asset import Asset
    from sensor.inventory.conduct import Role

JUDGED_EVERY: Final = 100_000  # frames: judging looks at every flow, which must not cost more than reading does

Paths = "str | pathlib.Path | Sequence[str | pathlib.Path]"


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """How captures are read."""

    config: Config = dataclasses.field(default_factory=Config)
    rules: tuple[pathlib.Path, ...] = ()  # files or folders; empty: the ones shipped
    protocols: tuple[pathlib.Path, ...] = ()  # folders with protocols of one's own
    db: pathlib.Path | None = None  # None: kept in memory and gone afterwards
    alerts: pathlib.Path | None = None  # ECS JSON lines


class Reading:
    """One or several captures, read in time order.

    Iterate over it for the decoded messages, or ask for `assets`, `behaviours` or `alerts`: whichever comes first reads
    the captures. Raises RuleFaults and StoreError when it is made, and nothing for what is wrong with a capture: see
    `sources` (`Source.damage`) and `skipped`.
    """

    def __init__(
        self, paths: str | pathlib.Path | Sequence[str | pathlib.Path], options: Options | None = None
    ) -> None:
        self.options = options or Options()
        self.captures = Captures([paths] if isinstance(paths, str | pathlib.Path) else list(paths))
        self.protocols = discovery.find(self.options.protocols)
        words = discovery.words(self.options.protocols)
        self.rules = RuleSet.load(self.options.rules or (default_rules(),), words)
        self.inventory = Inventory(self.options.config.assets, words.facts())
        self.store = Store(self.options.db, messages=self.options.config.messages_a_day)
        self.files: list[str] = []
        lines = AlertLines(self.options.alerts, self.files) if self.options.alerts is not None else None
        self.recorder = Recorder(
            self.inventory, Detector(self.rules, InventoryContext(self.inventory)), AlertBook(), self.store, lines
        )
        self.quality = SpanQuality(self.options.config.health, live=False)
        self.concerns: dict[tuple[object, ...], Concern] = {}  # every one there was, as it was told last
        self.line: Line | None = None
        self.stopped = False  # someone asked to end early
        self.done = False

    # --- Reading --------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Message]:
        """Read, yielding every decoded message; once."""
        if self.line is not None:
            raise RuntimeError("these captures were read already; make a new Reading to read them again")
        for _ in self._blocks(messages=True):
            yield from self.recorder.take_messages()
        yield from self.recorder.take_messages()

    def run(self, progress: Callable[[Reading], None] | None = None) -> Reading:
        """Read to the end without yielding messages; `progress` is called after each block."""
        if self.line is None:
            for _ in self._blocks(messages=False):
                if progress is not None:
                    progress(self)
        return self

    def stop(self) -> None:
        """End after the present block, or where a pipe has nothing to say; what was read is kept."""
        self.stopped = True
        self.captures.stop()

    def _blocks(self, *, messages: bool) -> Iterator[None]:
        places: dict[tuple[int, int], tuple[str, str]] = {}  # (file, interface) -> site and segment
        line = self.line = Line(self.recorder, self.protocols, messages, places)
        self.files.extend(source.path for source in self.captures.sources)
        self.store.files = self.files
        judged = 0
        for block in self.captures.blocks():
            self._place(block, places)
            line.run(block)
            self.recorder.tick(line.time)
            if line.frames - judged >= JUDGED_EVERY:
                judged = line.frames
                self._judge(line, last=False)
            yield
            if self.stopped:
                break
        self._judge(line, last=True)
        line.finish()
        counts = {**line.counts(), **self.quality.counts()}
        self.recorder.finish(line.learner.behaviours, self.captures.sources, counts)
        self.done = True
        yield

    def _judge(self, line: Line, *, last: bool) -> None:
        """Judge how well the captures show what happened; `last`: nothing follows."""
        if not line.frames:
            return
        self.quality.begin(min(one.first_time for one in self.captures.sources if one.frames))
        self.quality.hear(line.pulse())
        sources = self.captures.sources
        lost = {f"kernel_drops.{pathlib.Path(one.path).name}": int(one.drops) for one in sources if one.drops}
        full = {name: count for name, count in self.recorder.counts().items() if name in TABLES_AFTER}
        for concern in self.quality.judge(line.time, lost, full=full, last=last):
            self.concerns[concern.identity] = concern
            self.recorder.health(concern)

    def _place(self, block: Block, places: dict[tuple[int, int], tuple[str, str]]) -> None:
        """Say where the interfaces of a block look: known by the file's path, its name, or the interface's name."""
        for number, interface in enumerate(block.interfaces):
            if (block.source, number) not in places:
                path = self.files[block.source]
                names = (path, pathlib.Path(path).name, interface.name)
                places[block.source, number] = self.options.config.place(*names)

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    @property
    def frames(self) -> int:
        """How many frames were read so far."""
        return self.line.frames if self.line is not None else 0

    @property
    def damaged(self) -> bool:
        """Some file could not be read to its end."""
        return any(source.damage for source in self.captures.sources)

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """Return what this run has found, of one kind: assets, behaviours, alerts, flows, oddities, captures ..."""
        store = self.run().store
        found = list(self._reader().rows(kind, None if kind == "alerts" else store.run))
        if kind == "assets":
            heard = {asset.identity(): asset for asset in self.assets}
            return [
                {**row, "first_time": heard[row["id"]].first_time, "last_time": heard[row["id"]].last_time}
                for row in found
                if row["id"] in heard
            ]
        if kind == "alerts":  # a row keeps the run that saw most of it
            raised = self.recorder.raised
            return [{**row, **as_raised(raised[row["id"]])} for row in found if row["id"] in raised]
        return found

    def read_before(self) -> list[str]:
        """Return the captures that an earlier run has read into this database: the same file, or the same content."""
        reader = self._reader()
        known = [row for row in reader.rows("captures") if row["run"] != self.store.run and row["frames"]]
        paths = {row["path"] for row in known} - {"-"}
        contents = {content(row) for row in known}
        return [row["path"] for row in self.rows("captures") if row["path"] in paths or content(row) in contents]

    def _reader(self) -> Reader:
        store = self.store
        return Reader(store.path or pathlib.Path("temporary store"), store.database)

    def frames_by_kind(self) -> dict[str, int]:
        """Return the frames of all files by kind; they add up to the frames read."""
        counts: dict[str, int] = {}
        if self.line is not None:
            for source in self.captures.sources:
                for kind, count in self.line.frames_by_kind(source.number).items():
                    counts[kind] = counts.get(kind, 0) + count
        return counts

    # --- What was found -------------------------------------------------------------------------------

    @property
    def sources(self) -> list[Source]:
        """The files with their formats, frames, times and damage."""
        return self.run().captures.sources

    @property
    def skipped(self) -> list[Skipped]:
        """The paths that gave no frames, and why."""
        return self.captures.skipped

    @property
    def assets(self) -> list[Asset]:
        """Every machine that was heard, with its role and the reason for it."""
        return self.run().inventory.shown()

    def role(self, asset: Asset) -> Role:
        """Return what an asset is, judged by what it does, and the reason."""
        return self.inventory.role(asset.endpoint)

    @property
    def behaviours(self) -> list[Behaviour]:
        """Who does what to whom, the most frequent first."""
        found = self.run().line
        return sorted(found.learner.behaviours, key=lambda b: -b.count) if found is not None else []

    @property
    def alerts(self) -> list[Alert]:
        """The alerts, the most severe first, then in time."""
        return sorted(self.run().recorder.raised.values(), key=lambda a: (-a.severity, a.first_time))

    @property
    def counts(self) -> dict[str, int]:
        """Every counter of the line by name: nothing is dropped without one."""
        line = self.run().line
        counted = {**self.recorder.counts(), **self.quality.counts()}
        return {**(line.counts() if line is not None else {}), **counted}


def as_raised(alert: Alert) -> dict[str, Any]:
    """Return what of an alert differs from run to run."""
    names = ("state", "revision", "count", "first_time", "last_time", "sentence")
    return {name: getattr(alert, name) for name in names}


def content(row: dict[str, Any]) -> tuple[int, ...]:
    """Return what tells a capture from others, whatever it is called and however it is packed."""
    return tuple(row[name] for name in ("frames", "bytes", "first_time", "last_time"))


def read(
    paths: str | pathlib.Path | Sequence[str | pathlib.Path],
    *,
    rules: Sequence[str | pathlib.Path] = (),
    db: str | pathlib.Path | None = None,
    config: Config | None = None,
) -> Reading:
    """Return a Reading of one capture, several, or a folder of them."""
    options = Options(
        config=config or Config(),
        rules=tuple(pathlib.Path(rule) for rule in rules),
        db=pathlib.Path(db) if db is not None else None,
    )
    return Reading(paths, options)
