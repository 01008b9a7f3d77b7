"""Where the time goes: the line cut after each of its folders, in one process; the differences are the folders'.

Run by `python -P bench/stages.py CAPTURE ROUNDS`, so it imports nothing of the benchmark. It prints CPU seconds as
JSON: {"capture": [0.05, ...], "decode": [...], ...}, each including the folders before it.

The rule it lives by: everything before the cut is the real thing, everything behind it does nothing.
"""

from __future__ import annotations

import gc
import json
import pathlib
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

from sensor.alert.book import AlertBook
from sensor.behaviour.finding import Findings
from sensor.capture.files import Captures
from sensor.cli import COLLECT_AFTER
from sensor.contract import Sink
from sensor.detect.context import InventoryContext
from sensor.detect.detector import Detector
from sensor.detect.ruleset import RuleSet, default_rules
from sensor.flow.table import Flows
from sensor.inventory.inventory import Inventory
from sensor.pipeline import Line
from sensor.protocols import discovery
from sensor.recorder import Recorder
from sensor.store.store import Store
from sensor.vocabulary import vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STAGES = ("capture", "decode", "flow", "protocols", "behaviour", "inventory", "detect", "alert", "store")
NO_FLOWS = 1 << 30  # more than any kind of frame


class Nothing:
    """Stands behind the cut: whatever it is asked, it has nothing to say."""

    watches_flows = False
    messages = None

    def __getattr__(self, _name: str) -> Callable[..., Mapping[str, Any]]:
        """Return a method that returns nothing."""
        return nothing


def nothing(*_arguments: Any, **_named: Any) -> Mapping[str, Any]:
    """Say nothing, in a way that can be unpacked and iterated over."""
    return {}


def line(stage: str, findings: Findings) -> Line:
    """Return the left half of the line, cut after a stage."""
    protocols = discovery.find(()) if STAGES.index(stage) >= STAGES.index("protocols") else []
    made = Line(findings, protocols, False, {})
    if stage == "decode":
        made.flowing = NO_FLOWS
    elif stage == "protocols":
        made.flows = Flows(Sink(), protocols, False, {})
    return made


def recorder(stage: str, folder: str) -> Recorder:
    """Return the right half of the line, cut after a stage."""
    reached = STAGES.index(stage)
    inventory: Any = Inventory({}, vocabulary().facts())
    detector: Any = Nothing()
    if reached >= STAGES.index("detect"):
        detector = Detector(RuleSet.load((default_rules(),)), InventoryContext(inventory))
    book: Any = AlertBook() if reached >= STAGES.index("alert") else Nothing()
    store: Any = Store(pathlib.Path(folder, "bench.db")) if reached >= STAGES.index("store") else Nothing()
    return Recorder(inventory, detector, book, store, None)


def measure(path: str, stage: str) -> float:
    """Return the CPU seconds of reading a capture with the line cut after a stage; making ready is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        right = recorder(stage, folder) if STAGES.index(stage) > STAGES.index("behaviour") else None
        left = line(stage, right if right is not None else Findings())
        captures = Captures([path])
        gc.collect()
        gc.freeze()
        began = time.process_time()
        if stage == "capture":
            for _ in captures.blocks():
                pass
        else:
            for block in captures.blocks():
                left.run(block)
                if right is not None:
                    right.tick(left.time)
            left.finish()
            if right is not None:
                right.finish(left.learner.behaviours, captures.sources, left.counts())
        seconds = time.process_time() - began
        if right is not None:
            right.store.close()
        return seconds


def main() -> None:
    """Measure every cut in turn, several times."""
    path, rounds = sys.argv[1], int(sys.argv[2])
    gc.set_threshold(*COLLECT_AFTER)
    taken: dict[str, list[float]] = {stage: [] for stage in STAGES}
    for _ in range(rounds):
        for stage in STAGES:
            taken[stage].append(measure(path, stage))
    json.dump(taken, sys.stdout)


if __name__ == "__main__":
    main()
