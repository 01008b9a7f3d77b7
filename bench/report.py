"""The benchmark's tables. They are Markdown, so that what a terminal shows can stand in a document."""

from __future__ import annotations

import os
import pathlib
import platform
import statistics
import time
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.live import Trial
    from bench.process import Cost
    from bench.programs import Program


def heading(build: str, rounds: int) -> str:
    """Return what the numbers belong to: when, which build, which machine, and how busy it is."""
    load = ", ".join(f"{number:.1f}" for number in os.getloadavg())
    return (
        f"{time.strftime('%Y-%m-%d %H:%M')}, {build}\n"
        f"{processor()}, {os.cpu_count()} cores; load {load}; median of {rounds} (least-most)"
    )


def processor() -> str:
    """Return the processor's name."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def whole(
    kind: str, packets: int, programs: Sequence[Program], read: Sequence[int], costs: Sequence[Sequence[Cost]]
) -> Table:
    """Return the table of whole programs; `read`: packets each program read."""
    table = Table(title=f"{kind}: {packets:,} packets", box=box.MARKDOWN, title_justify="left")
    table.add_column("program")
    for name in ("packets", "thousand packets per CPU second", "memory, MB", "otsensor is faster by"):
        table.add_column(name, justify="right")
    for program, many, taken in zip(programs, read, costs, strict=True):
        rates = [many / cost.seconds / 1e3 for cost in taken]
        memory = statistics.median(cost.memory for cost in taken) / 1e6
        table.add_row(
            program.name, f"{many:,}", spread(rates, ",.0f"), f"{memory:,.0f}", ratio(program, programs, costs)
        )
    return table


def ratio(program: Program, programs: Sequence[Program], costs: Sequence[Sequence[Cost]]) -> str:
    """Return how many times more CPU time a peer took than otsensor in the same round."""
    if program.part != "suricata" or programs[0].part != "compiled":
        return ""
    theirs = costs[list(programs).index(program)]
    return spread([other.seconds / ours.seconds for ours, other in zip(costs[0], theirs, strict=True)], ".2f")


def spread(numbers: Sequence[float], form: str) -> str:
    """Write median, least and most."""
    return f"{statistics.median(numbers):{form}} ({min(numbers):{form}}-{max(numbers):{form}})"


def parts(kind: str, packets: int, least: Mapping[str, float]) -> Table:
    """Return the table of the line's folders; `least`: CPU seconds with everything up to each of them."""
    table = Table(
        title=f"{kind}: where the time goes (least of all rounds, without the start)",
        box=box.MARKDOWN,
        title_justify="left",
    )
    table.add_column("folder")
    for name in ("ns a packet", "share", "up to here, thousand packets per CPU second"):
        table.add_column(name, justify="right")
    before, last = 0.0, list(least.values())[-1]
    for stage, seconds in least.items():
        own = seconds - before
        table.add_row(stage, f"{own / packets * 1e9:,.0f}", f"{own / last:.0%}", f"{packets / seconds / 1e3:,.0f}")
        before = seconds
    return table


def live(kind: str, packets: int, rows: Sequence[tuple[str, Trial, Trial | None]]) -> Table:
    """Return the table of programs on a span port: of each the trial at full speed, and the fastest without loss."""
    table = Table(title=f"{kind}: {packets:,} packets", box=box.MARKDOWN, title_justify="left")
    table.add_column("program")
    for name in (
        "thousand packets/s without loss", "CPU s of program, sender", "at full speed: thousand packets/s", "lost",
        "thousand packets per CPU second",
    ):  # fmt: skip
        table.add_column(name, justify="right")
    for name, full, best in rows:
        limit = " (the sender's limit)" if best is full else ""
        table.add_row(
            name,
            f"{best.rate / 1e3:,.0f}{limit}" if best is not None else "none",
            f"{best.cpu:.2f}, {best.sender_cpu:.2f}" if best is not None else "",
            f"{full.rate / 1e3:,.0f}",
            f"{1 - full.seen / full.sent:.1%}",
            f"{full.seen / full.cpu / 1e3:,.0f}",
        )
    return table
