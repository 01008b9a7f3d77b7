"""`make bench`: what reading the two captures costs, whole and stage by stage, and beside Suricata where it is there.

The rule it lives by: programs that are compared run in turn, round after round, so that whatever else the machine does
falls on all of them; what is told is the median, with the least and the most beside it.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

from rich.console import Console

from bench import captures, live, report
from bench.process import Cost, Failed, run
from bench.programs import ROOT, Program, installed, programs

if TYPE_CHECKING:
    from collections.abc import Sequence

PARTS = ("compiled", "messages", "suricata", "pure", "stages")
WIDTH = 120  # a table that does not wrap can stand in a document
ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": ""}  # parsing the sources at every start is not what is measured
SHORT = 10  # the uncompiled source tree reads a capture so many times shorter


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="how often each program runs (default 5)")
    parser.add_argument("--packets", type=int, default=1_000_000, metavar="N", help="packets of each capture")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--capture", nargs="+", choices=captures.KINDS, default=captures.KINDS, metavar="KIND",
                        help=", ".join(captures.KINDS))  # fmt: skip
    return parser.parse_args(arguments)


def measure(program: Program, capture: pathlib.Path) -> Cost:
    """Run one program once, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="otsensor-bench-") as name:
        folder = pathlib.Path(name)
        return run(program.command(capture, folder), ROOT if program.at_home else folder, ENVIRONMENT)


def in_turn(asked: Sequence[Program], long: pathlib.Path, short: pathlib.Path, rounds: int) -> list[list[Cost]]:
    """Run all programs in turn, several rounds, with the captures in the page cache."""
    costs: list[list[Cost]] = [[] for _ in asked]
    for capture in (long, short):
        warm(capture)
    for number in range(rounds):
        for program, taken in zip(asked, costs, strict=True):
            tell(f"{long.stem}, round {number + 1} of {rounds}: {program.name}")
            taken.append(measure(program, short if program.slow else long))
    return costs


def warm(capture: pathlib.Path) -> None:
    """Bring a file into the page cache, a piece at a time: a child's peak memory begins with what we hold."""
    with capture.open("rb") as file:
        while file.read(1 << 20):
            pass


def stages(capture: pathlib.Path, rounds: int) -> dict[str, list[float]]:
    """Return the CPU seconds of the line cut after each stage."""
    tell(f"{capture.stem}: stage by stage")
    command = [*installed(str(ROOT / "bench" / "stages.py")), str(capture), str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(done.stderr)
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


def tell(what: str) -> None:
    """Say on standard error what is going on."""
    print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True) if sys.stderr.isatty() else None


def build() -> str:
    """Return what is installed for this Python; raises Failed where nothing is."""
    script = "from sensor import build; print(build.describe())"
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(installed("-c", script), capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode:
        raise Failed(f"otsensor is not installed for {sys.executable}: run `make bench`")
    return done.stdout.strip()


def bench(asked: argparse.Namespace, out: Console) -> None:
    """Measure and print everything asked for."""
    out.print(report.heading(build(), asked.rounds), highlight=False)
    chosen = [program for program in programs() if program.part in asked.only]
    for kind in asked.capture:
        long = captures.ready(kind, asked.packets)
        short = captures.ready(kind, max(asked.packets // SHORT, 1))
        if chosen:
            costs = in_turn(chosen, long, short, asked.rounds)
            packets = [asked.packets // SHORT if program.slow else asked.packets for program in chosen]
            tell("")
            out.print(report.whole(kind, asked.packets, chosen, packets, costs))
        if "stages" in asked.only:
            taken = stages(long, asked.rounds)
            tell("")
            # The least of all rounds: between medians the machine's other work would look like a stage's own.
            out.print(report.parts(kind, asked.packets, {stage: min(seconds) for stage, seconds in taken.items()}))


def main() -> int:
    """Run the benchmark; return its exit code."""
    if sys.argv[1:2] == ["live"]:
        return live.main(sys.argv[2:])
    try:
        bench(options(), Console(width=WIDTH))
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
