"""The programs that are measured on a span port: how each is started, how it says that it listens, and what it saw.

The rule it lives by: what a program says it saw and lost is taken from the program itself, at its end.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from typing import TYPE_CHECKING, Final

from bench.process import Failed
from bench.programs import SURICATA, installed
from bench.span import SPAN

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE: Final = 60  # s for a program to be ready, and to end
# What Suricata's manual advises for a busy interface: rings of its own, V3, one thread each, one flow one thread.
AF_PACKET: Final = """
af-packet:
  - {interface: span0, threads: THREADS, cluster-id: 77, cluster-type: cluster_flow, defrag: no, use-mmap: yes,
     tpacket-v3: yes, ring-size: 300000, block-size: 1048576, checksum-checks: kernel}
"""
SEEN: Final = re.compile(r"span0: packets: (\d+), drops: (\d+)")


@dataclasses.dataclass(slots=True)
class Running:
    """A program that listens."""

    process: subprocess.Popen[bytes]
    folder: pathlib.Path

    def said(self) -> str:
        """Return what it has printed so far."""
        return (self.folder / "said").read_text(encoding="utf-8", errors="replace")

    def wait_until(self, words: str) -> None:
        """Wait until it has said that it listens."""
        end = time.monotonic() + PATIENCE
        while words not in self.said():
            if self.process.poll() is not None or time.monotonic() > end:
                raise Failed(f"{self.process.args!r} does not listen:\n{self.said()[-2000:]}")
            time.sleep(0.1)

    def end(self) -> None:
        """Tell it to end, and wait for that."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)


class Listener:
    """A way of listening."""

    def __init__(self, name: str, workers: int) -> None:
        self.name = name
        self.workers = workers

    def start(self, inside: Sequence[str], folder: pathlib.Path) -> Running:
        """Start it in the namespace, and return when it listens."""
        raise NotImplementedError

    def seen(self, running: Running) -> tuple[int, int]:
        """Return the packets it saw and those it lost; it has ended."""
        raise NotImplementedError

    @staticmethod
    def run(command: Sequence[str], folder: pathlib.Path) -> Running:
        """Run a command whose words are kept."""
        with (folder / "said").open("wb") as said:
            process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
            )
        return Running(process, folder)


class Otsensor(Listener):
    """`otsensor watch` as installed, with its rules and its database, confined as always."""

    def start(self, inside: Sequence[str], folder: pathlib.Path) -> Running:
        """Start it."""
        folder.chmod(0o755)  # it will be another user
        command = [*inside, *installed("-m", "sensor.cli"), "watch", SPAN, "--db", str(folder / "bench.db")]
        running = self.run([*command, "--workers", str(self.workers)], folder)
        end = time.monotonic() + PATIENCE
        while not listening(running.process.pid, self.workers):
            if running.process.poll() is not None or time.monotonic() > end:
                raise Failed(f"otsensor does not listen:\n{running.said()[-2000:]}")
            time.sleep(0.1)
        time.sleep(1.0)
        return running

    def seen(self, running: Running) -> tuple[int, int]:
        """Ask its database."""
        if running.process.returncode != 0:
            raise Failed(f"otsensor ended with {running.process.returncode}:\n{running.said()[-2000:]}")
        with sqlite3.connect(running.folder / "bench.db") as database:
            counts = dict(database.execute("SELECT name, value FROM health"))
        return counts[f"frames.{SPAN}"], counts[f"kernel_drops.{SPAN}"]


def listening(pid: int, workers: int) -> bool:
    """Tell whether all workers run."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    names = [pathlib.Path(f"/proc/{child}/comm").read_text() for child in children]
    return sum(name.startswith("otsensor-w") for name in names) == workers


class Suricata(Listener):
    """Suricata on `af-packet`, without rules, with its OT parsers, writing alerts and flows."""

    def start(self, inside: Sequence[str], folder: pathlib.Path) -> Running:
        """Start it."""
        settings, rules = folder / "suricata.yaml", folder / "no.rules"
        text = SURICATA.replace("TYPES", "alert, flow").replace("default-log-level: error", "default-log-level: notice")
        text = text.replace("console: {enabled: no}", "console: {enabled: yes}")
        settings.write_text(text + AF_PACKET.replace("THREADS", str(self.workers)))
        rules.touch()
        running = self.run(
            [*inside, "suricata", "-c", str(settings), "-S", str(rules), "--runmode", "workers", f"--af-packet={SPAN}",
             "-l", str(folder)],
            folder,
        )  # fmt: skip
        running.wait_until("Engine started")
        return running

    def seen(self, running: Running) -> tuple[int, int]:
        """Read what it said at its end; it counts what was dropped among the packets."""
        found = SEEN.findall(running.said())
        if not found:
            raise Failed(f"Suricata does not say what it saw:\n{running.said()[-2000:]}")
        packets, drops = (int(number) for number in found[-1])
        return packets - drops, drops


def listeners(workers: Sequence[int]) -> list[Listener]:
    """Return what can be measured here."""
    found: list[Listener] = []
    for many in workers:
        how = f"{many} worker{'s' * (many > 1)}"
        found.append(Otsensor(f"otsensor watch, {how}", many))
        if shutil.which("suricata"):
            found.append(Suricata(f"Suricata af-packet, {how.replace('worker', 'thread')}", many))
    return found
