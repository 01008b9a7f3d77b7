"""`python -m bench live`: how many packets a second a span port can bring before the first is lost.

A sender puts a capture into one end of a veth pair in a namespace of its own; the programs listen at the other end, in
turn. On such a pair what a frame costs in the kernel until it lies in the ring is the sender's time, as it would be an
interrupt's.

The rule it lives by: a rate counts only if nothing was lost, everything that was sent was seen, and nothing was left
waiting in the ring: a large ring hides for seconds that a program is too slow.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Final

from rich.console import Console

from bench import captures, report
from bench.listeners import Listener, listeners
from bench.process import Failed
from bench.programs import ROOT, installed
from bench.span import FAR, SPAN, cpu_seconds, is_running, span_port

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS: Final = (*captures.KINDS, "minimum")
STEPS: Final = 5  # halvings of the span between a rate that was held and one that was not
BEHIND: Final = 0.25  # s after the last frame in which the program's last work must be done
SLICE: Final = 0.05
WIDTH: Final = 170  # a table that does not wrap can stand in a document
LEARNT: Final = 200_000  # frames after which the plant is known: what is measured is what goes on for months


@dataclasses.dataclass(frozen=True, slots=True)
class Trial:
    """One capture sent to one program."""

    sent: int
    rate: float  # packets a second the sender reached
    seen: int
    dropped: int
    behind: float  # s the program worked on after the last frame
    cpu: float  # s of the program, from the first frame on
    sender_cpu: float  # s, the kernel's way into the ring included

    @property
    def held(self) -> bool:
        """Nothing was lost, and nothing waited."""
        return self.dropped == 0 and self.seen >= self.sent and self.behind <= BEHIND


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench live", description=__doc__)
    parser.add_argument("--packets", type=int, default=1_200_000, metavar="N", help="packets of each capture")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], metavar="N", help="how many workers")
    parser.add_argument("--capture", nargs="+", choices=KINDS, default=("steady", "minimum"), metavar="KIND",
                        help=", ".join(KINDS))  # fmt: skip
    parser.add_argument("--rate", type=float, metavar="N", help="try this rate only")
    parser.add_argument("--steps", type=int, default=STEPS, metavar="N", help="how finely to search (default 5)")
    return parser.parse_args(arguments)


def attempt(listener: Listener, capture: pathlib.Path, rate: float, inside: Sequence[str]) -> Trial:
    """Send a capture once, its last part at a rate or (0) as fast as it goes."""
    sending = [*installed(str(ROOT / "bench" / "sender.py")), str(capture), FAR, str(rate), str(LEARNT)]
    with tempfile.TemporaryDirectory(prefix="otsensor-bench-") as name:
        sender = subprocess.Popen([*inside, *sending], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        with sender, contextlib.ExitStack() as whatever_happens:
            whatever_happens.callback(sender.kill)
            asked(sender, "ready\n", tell=False)
            running = listener.start(inside, pathlib.Path(name))
            whatever_happens.callback(running.process.kill)
            asked(sender, "warm\n")
            _, before = settled(running.process.pid)
            told = json.loads(asked(sender))
            behind, used = settled(running.process.pid)
            running.end()
        seen, dropped = listener.seen(running)
    frames = int(told["frames"])
    return Trial(
        frames, frames / told["seconds"], seen - LEARNT, dropped, behind, used - before, told["cpu"]
    )  # fmt: skip


def asked(sender: subprocess.Popen[str], answer: str = "", *, tell: bool = True) -> str:
    """Tell the sender to go on, and return its answer; raises Failed where it is another one."""
    if sender.stdin is None or sender.stdout is None:
        raise Failed("the sender cannot be talked to")
    if tell:
        sender.stdin.write("\n")
        sender.stdin.flush()
    line = sender.stdout.readline()
    if not line or (answer and line != answer):
        raise Failed(f"the sender says {line!r}, {answer!r} was expected")
    return line


def settled(pid: int) -> tuple[float, float]:
    """Wait until a program has nothing left to do; return how long it worked on, and its CPU seconds by then."""
    began = at = time.monotonic()
    used = cpu_seconds(pid)
    while time.monotonic() - at < 4 * SLICE:
        time.sleep(SLICE)
        before, used = used, cpu_seconds(pid)
        if used - before > SLICE / 2 or is_running(pid):  # busy for more than half of the time, or kept from it
            at = time.monotonic()
    return at - began, used


def highest(listener: Listener, capture: pathlib.Path, inside: Sequence[str], steps: int) -> tuple[Trial, Trial | None]:
    """Return the trial as fast as the sender goes, and the fastest that was held; None: not one was."""
    first = attempt(listener, capture, 0, inside)
    if first.held:
        return first, first
    low, high = 0.0, first.rate
    best: Trial | None = None
    for _ in range(steps):
        trial = attempt(listener, capture, (low + high) / 2, inside)
        tell(f"{listener.name}: {trial}")
        if trial.held:
            low, best = trial.rate, trial
        else:
            high = min(high, trial.rate)
    return first, best


def tell(what: str) -> None:
    """Say on standard error what is going on."""
    print(what, file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Measure and print everything asked for; return the exit code."""
    wanted = options(arguments)
    out = Console(width=WIDTH)
    try:
        with span_port() as inside:
            out.print(report.heading(f"live on {SPAN}", 1), highlight=False)
            for kind in wanted.capture:
                capture = captures.ready(kind, wanted.packets)
                rows = []
                for listener in listeners(wanted.workers):
                    tell(f"{kind}: {listener.name}")
                    if wanted.rate is not None:
                        first = attempt(listener, capture, wanted.rate, inside)
                        rows.append((listener.name, first, first if first.held else None))
                    else:
                        rows.append((listener.name, *highest(listener, capture, inside, wanted.steps)))
                out.print(report.live(kind, wanted.packets - LEARNT, rows))
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0
