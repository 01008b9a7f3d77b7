"""What `otsensor read` shows while it reads and at its end.

The rule it lives by: whoever asks for silence does not pay for it, so this is imported when there is something to say.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING, Final

import orjson
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from sensor import build
from sensor.console import summary, words
from sensor.console.legible import legible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sensor.reading import Reading

SHOWN: Final = ("assets", "behaviours", "alerts")


@contextlib.contextmanager
def progress() -> Iterator[Callable[[Reading], None] | None]:
    """Show a bar with rate and time left on standard error, when that is a terminal."""
    err = summary.console(to_stderr=True)
    if not err.is_terminal:
        yield None
        return
    columns = (TextColumn("reading"), BarColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, refresh_per_second=5) as bar:
        task = bar.add_task("", total=None, rate="")
        began = time.monotonic()

        def tell(reading: Reading) -> None:
            captures, frames = reading.captures, reading.frames
            rate = frames / max(time.monotonic() - began, 1e-3)
            done = f"{words.plural(frames, 'frame')}, {rate:,.0f}/s"
            bar.update(task, completed=captures.read_bytes, total=int(captures.total_bytes) or None, rate=done)

        yield tell


def everything(reading: Reading) -> bytes:
    """Return all that was found as one JSON document, for machines."""
    found = {
        "otsensor": build.version(),
        "compiled": build.compiled(),
        "captures": reading.rows("captures"),
        "frames_by_kind": reading.frames_by_kind(),
        "skipped": [{"path": one.path, "why": one.why} for one in reading.skipped],
        "counts": reading.counts,
        "oddities": reading.rows("oddities"),
        "concerns": [dataclasses.asdict(one) for one in reading.concerns.values()],
        **{kind: reading.rows(kind) for kind in SHOWN},
    }
    return orjson.dumps(found, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE)


def show(reading: Reading, seconds: float, most: int, *, to_stderr: bool) -> None:
    """Print the summary for people."""
    out = summary.console(to_stderr=to_stderr)
    rows = {kind: reading.rows(kind) for kind in ("captures", *SHOWN)}
    if rows["captures"]:
        out.tell(summary.captures_line(rows["captures"], seconds))
        for line in summary.recorded(rows["captures"]):
            out.tell(line)
    out.print()
    out.print(summary.protocols(rows["behaviours"], reading.frames_by_kind()))
    for kind in SHOWN:
        if rows[kind]:
            out.print()
            out.print(summary.table(kind, rows[kind], most))
    out.print()
    out.print(summary.alert_counts(rows["alerts"], reading.frames))
    if reading.options.db is not None:
        name = reading.options.db
        out.print(summary.kept(name), soft_wrap=True)
        before = reading.read_before()
        if before:
            names = f"{before[0]} was" if len(before) == 1 else f"{len(before):,} of these captures were"
            told = f"{names} read before into {name}: counts add up there"
            out.tell(Text(legible(told), style="dim"))


def tell_troubles(reading: Reading, *, slow: bool) -> None:
    """Say on standard error what could not be read."""
    err = summary.console(to_stderr=True)
    skipped = [str(one) for one in reading.skipped]
    concerns = [one.text for one in reading.concerns.values()]
    for line in summary.troubles(reading.rows("captures"), skipped, reading.recorder.oddities, concerns):
        err.tell(line)
    if reading.stopped:
        err.print("Ended by Ctrl-C: what was read until then is shown and kept.", style="yellow")
    if slow:
        err.print("This installation is not compiled: about twenty times slower. See docs/install.md.", style="dim")
