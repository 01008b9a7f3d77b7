"""What a watch is made of, built in the only order that works: what needs privileges, what needs files, then the rest.

The rule it lives by: everything that can be wrong with what people have written is told before anything is opened.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sensor import build
from sensor.alert.book import AlertBook
from sensor.alert.lines import AlertLines
from sensor.capture.source import Source
from sensor.detect.context import InventoryContext
from sensor.detect.detector import Detector
from sensor.detect.ruleset import RuleSet, default_rules
from sensor.handover.mirror import Mirror
from sensor.handover.registry import Registry
from sensor.inventory.inventory import Inventory
from sensor.protocols import discovery
from sensor.store.enduring import EnduringStore
from sensor.watching.recall import recall
from sensor.watching.recorder import WatchRecorder

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable

    from sensor.config import Config
    from sensor.contract import Protocol
    from sensor.vocabulary import Vocabulary


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """What the command line and the configuration ask for, checked."""

    config: Config
    interfaces: tuple[str, ...]
    db: pathlib.Path
    config_file: pathlib.Path | None = None
    alerts: pathlib.Path | None = None  # ECS JSON lines
    again: Callable[[], Config] | None = None  # reads the configuration anew, with what the command line asks for


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """What is read from files before anything is opened: protocols, their words, rules."""

    protocols: list[Protocol]
    words: Vocabulary
    rules: RuleSet

    @classmethod
    def load(cls, config: Config) -> Known:
        """Read what a configuration names; raises ProtocolFault and RuleFaults."""
        protocols = discovery.find(config.protocols)
        words = discovery.words(config.protocols)
        return cls(protocols, words, load_rules(config, words))


def load_rules(config: Config, words: Vocabulary) -> RuleSet:
    """Return the rules a configuration names, or the ones shipped."""
    return RuleSet.load(config.rules or (default_rules(),), words)


class Recording:
    """The right half of the line: from workers' records to rows."""

    def __init__(self, asked: Asked, known: Known) -> None:
        """Open the store; raises StoreError, and OSError for the file of alerts."""
        self.asked = asked
        self.known = known
        config = asked.config
        self.inventory = Inventory(config.assets, known.words.facts())
        self.detector = Detector(known.rules, InventoryContext(self.inventory))
        self.store = EnduringStore(asked.db, build.version(), messages=config.messages_a_day)
        self.store.observer = config.observer
        self.recorder = WatchRecorder(self.inventory, self.detector, AlertBook(), self.store, None)
        self.registry = Registry(self.recorder)
        self.store.files = self.registry.names
        if asked.alerts is not None:
            self.recorder.lines = AlertLines(asked.alerts, self.registry.names, config.observer)
        self.habits = ""  # what was usual on the span before
        self.recalled = recall(self)
        self.sources = [live_source(number, name) for number, name in enumerate(asked.interfaces)]

    def mirror(self) -> Mirror:
        """Return what a worker's records are played on."""
        return Mirror(self.registry, self.recorder, self.known.protocols)

    def adopt(self, rules: RuleSet, config: Config) -> None:
        """Go by other rules, and by other names of machines."""
        self.detector.adopt(rules, self.registry.behaviours)
        self.inventory.rename(config.assets)


def live_source(number: int, name: str) -> Source:
    """Return what is known of an interface, as of a file."""
    source = Source(number, name, 0)
    source.format = "live"
    return source
