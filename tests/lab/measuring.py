"""What an endurance run measures each second: memory by process, counters from the store, frames at the cable.

The rule it lives by: it looks from outside, at what the kernel and the store show, and never asks the sensor.
"""

import contextlib
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from pcaps.make.network import SPAN

SUMMED = ("frames", "kernel_drops", "lost_with_worker")  # for each interface; here there is one
KEEPER = "shipper"  # the process beside the recorder, which keeps the store within its limits


class Sample(NamedTuple):
    """One second of a run; memory in bytes, each page counted once (proportional set size)."""

    time: float  # s since the start
    recorder: int
    workers: int
    keeper: int
    counts: dict


def children(pid):
    """Return the processes a process has begun."""
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def memory(pid):
    """Return the bytes of a process, those it shares in proportion; 0 when it is gone."""
    with contextlib.suppress(OSError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def name_of(pid):
    """Return the name a process goes by; empty when it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def is_worker(pid):
    """Say whether a process is a capture worker."""
    return name_of(pid).startswith("otsensor-w")


def arrived(namespace):
    """Return how many frames the kernel has got from the cable."""
    shown = subprocess.run(
        ["ip", "netns", "exec", namespace, "cat", "/proc/net/dev"], check=True, capture_output=True, text=True
    ).stdout
    (line,) = (line for line in shown.splitlines() if line.strip().startswith(f"{SPAN}:"))
    return int(line.split(":")[1].split()[1])


class Measuring:
    """Samples one sensor, from its main process on."""

    def __init__(self, pid, db):
        self.pid, self.db = pid, db
        self.began = time.monotonic()
        self.counts = {}
        self.samples = []

    def sample(self):
        """Take one sample; counters that cannot be read now are those read last."""
        below = children(self.pid)
        workers = [pid for pid in below if is_worker(pid)]
        others = [pid for pid in below if pid not in workers]
        self.counts = self.read_counts() or self.counts
        own = sum(memory(pid) for pid in workers), sum(memory(pid) for pid in others)
        self.samples.append(Sample(time.monotonic() - self.began, memory(self.pid), *own, self.counts))

    def read_counts(self):
        """Return the counters of the latest run, by name."""
        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(sqlite3.connect(f"file:{self.db}?mode=ro", uri=True)) as db,
        ):
            return dict(db.execute("SELECT name, value FROM health WHERE run = (SELECT max(run) FROM health)"))
        return {}

    def span(self, name):
        """Return a counter of the one interface."""
        return self.counts.get(f"{name}.{SPAN}", 0)
