"""What each command does, between the options a person gave and the exit code.

The rule it lives by: results go to standard output, progress and troubles to standard error, so that pipes work.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import pathlib
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import orjson
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from sensor import build
from sensor import config as configuration
from sensor.console import lines, summary, tables, views, words
from sensor.detect.ruleset import RuleSet, default_rules
from sensor.reading import Options, Reading
from sensor.store.reader import Reader
from sensor.vocabulary import vocabulary

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rich.console import Console

OK: Final = 0
PARTLY: Final = 1
NOTHING: Final = 3
INTERRUPTED: Final = 130
# Most objects the line makes live long and hold no cycles: collecting seldom saves a tenth of the time.
COLLECT_AFTER: Final = 100_000


@dataclasses.dataclass(frozen=True, slots=True)
class Listing:
    """One kind of rows kept in the store."""

    help: str


LISTINGS: Final = {
    "assets": Listing("who is there, in which role and why"),
    "behaviours": Listing("who does what to whom, how often and how it ends"),
    "alerts": Listing("what is wrong, the most severe first"),
    "flows": Listing("every conversation with its counts and state"),
}

# --- read ---------------------------------------------------------------------------------------------


def read(options: argparse.Namespace) -> int:
    """Run `otsensor read`."""
    gc.set_threshold(COLLECT_AFTER, 50, 100)
    reading = Reading(options.captures, reading_options(options))
    gc.freeze()
    began = time.monotonic()
    with interruptible(reading):
        if options.messages is not None:
            write_messages(reading, options.messages)
        else:
            with progress(quiet=options.quiet or options.json) as tell:
                reading.run(tell)
    seconds = time.monotonic() - began
    if options.json:
        sys.stdout.buffer.write(orjson.dumps(everything(reading), option=orjson.OPT_NON_STR_KEYS) + b"\n")
    elif not options.quiet:
        out = summary.console(to_stderr=str(options.messages) == "-")
        show(out, reading, seconds, options.top)
    tell_troubles(reading)
    reading.close()
    return exit_code(reading)


def reading_options(options: argparse.Namespace) -> Options:
    """Return how to read, from configuration and options; options win."""
    config = configuration.load(options.config) if options.config is not None else configuration.Config()
    given = {name: getattr(options, name) for name in ("site", "segment") if getattr(options, name) is not None}
    return Options(
        config=dataclasses.replace(config, **given),
        rules=tuple(options.rules),
        protocols=tuple(options.protocols),
        db=options.db,
        alerts=options.alerts,
    )


@contextlib.contextmanager
def interruptible(reading: Reading) -> Iterator[None]:
    """Let Ctrl-C end the reading after the present block; a second one ends the program."""

    def stop(_number: int, _frame: object) -> None:
        reading.stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[Reading], None] | None]:
    """Show a bar with rate and time left on standard error, when that is a terminal."""
    err = summary.console(to_stderr=True)
    if quiet or not err.is_terminal:
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


def write_messages(reading: Reading, path: pathlib.Path) -> None:
    """Write every message as a JSON line, to a file or to standard output."""
    with contextlib.ExitStack() as stack:
        out = sys.stdout.buffer if str(path) == "-" else stack.enter_context(path.open("wb"))
        for message in reading:
            out.write(lines.line(message, reading.files))


def everything(reading: Reading) -> dict[str, Any]:
    """Return all that was found, for machines."""
    return {
        "otsensor": build.version(),
        "compiled": build.compiled(),
        "captures": reading.rows("captures"),
        "frames_by_kind": reading.frames_by_kind(),
        "skipped": [{"path": one.path, "why": one.why} for one in reading.skipped],
        "counts": reading.counts,
        "oddities": reading.rows("oddities"),
        **{kind: reading.rows(kind) for kind in LISTINGS if kind != "flows"},
    }


def show(out: Console, reading: Reading, seconds: float, most: int) -> None:
    """Print the summary for people."""
    rows = {kind: reading.rows(kind) for kind in ("captures", "assets", "behaviours", "alerts")}
    if rows["captures"]:
        out.print(summary.captures_line(rows["captures"], seconds), soft_wrap=True)
    out.print()
    out.print(summary.protocols(rows["behaviours"], reading.frames_by_kind()))
    for kind in ("assets", "behaviours", "alerts"):
        if rows[kind]:
            out.print()
            out.print(summary.table(kind, rows[kind], most))
    out.print()
    out.print(summary.alert_counts(rows["alerts"]))
    if reading.options.db is not None:
        name = reading.options.db
        out.print(f"Kept in {name}: look closer with otsensor assets|behaviours|alerts|flows --db {name}", style="dim")


def tell_troubles(reading: Reading) -> None:
    """Say on standard error what could not be read."""
    err = summary.console(to_stderr=True)
    skipped = [str(one) for one in reading.skipped]
    for line in summary.troubles(reading.rows("captures"), skipped, reading.recorder.oddities):
        err.print(line, soft_wrap=True)
    if reading.stopped:
        err.print("Ended by Ctrl-C: what was read until then is shown and kept.", style="yellow")
    if not build.compiled() and reading.frames > COLLECT_AFTER:
        err.print("This installation is not compiled: about twenty times slower. See docs/install.md.", style="dim")


def exit_code(reading: Reading) -> int:
    """Return how it went."""
    if reading.stopped:
        return INTERRUPTED
    if not any(source.frames for source in reading.sources) and (reading.skipped or reading.damaged):
        return NOTHING
    return PARTLY if reading.damaged or any(one.asked for one in reading.skipped) else OK


# --- assets, behaviours, alerts, flows ----------------------------------------------------------------


def listing(options: argparse.Namespace) -> int:
    """Run `otsensor assets|behaviours|alerts|flows`."""
    with Reader(options.db) as reader:
        rows = list(reader.rows(options.kind))
    most = max(options.top, 0)
    if options.format == "table":
        summary.console().print(summary.table(options.kind, rows, most))
    else:
        print_rows(rows[:most] if most else rows, options.format)
    return OK


def print_rows(rows: Sequence[Mapping[str, Any]], form: str) -> None:
    """Print rows as JSON lines or CSV."""
    if form == "json":
        sys.stdout.buffer.write(tables.for_machines(rows))
    else:
        sys.stdout.write(tables.for_spreadsheets(rows))


# --- fields and rules ---------------------------------------------------------------------------------

FIELD_COLUMNS: Final = (
    tables.Column("field", lambda r: r["name"]),
    tables.Column("type", lambda r: r["type"] + ("[]" if r["many"] else "")),
    tables.Column("meaning", lambda r: tables.safe(r["meaning"]), wrap=True, ratio=3),
    tables.Column("specification", lambda r: tables.safe(r["section"]), wrap=True, ratio=1),
    tables.Column("tshark", lambda r: r["tshark"]),
)
RULE_COLUMNS: Final = (
    tables.Column("protocol", lambda r: r["protocol"]),
    tables.Column("level", views.level),
    tables.Column("rule", lambda r: tables.safe(r["title"]), wrap=True, ratio=3),
    tables.Column("ATT&CK", lambda r: " ".join(r["techniques"])),
    tables.Column("file", lambda r: tables.safe(r["file"]), wrap=True, ratio=1),
)


def fields(options: argparse.Namespace) -> int:
    """Run `otsensor fields`."""
    found = [dataclasses.asdict(field) for field in vocabulary() if field.name.startswith(options.name)]
    if not found:
        near = vocabulary().nearest(options.name)
        print(f"no field begins with {options.name!r}" + (f"; did you mean {near}?" if near else ""), file=sys.stderr)
        return 2
    show_rows("Fields", FIELD_COLUMNS, found, options.format)
    return OK


def rules(options: argparse.Namespace) -> int:
    """Run `otsensor rules check|list`; RuleFaults with every fault is raised where rules are wrong."""
    paths = options.paths or [default_rules()]
    missing = [path for path in paths if not path.exists()]
    if missing:
        print("\n".join(f"{path}: no such file or folder" for path in missing), file=sys.stderr)
        return 2
    found = RuleSet.load(paths)
    if options.what == "check":
        print(f"{words.plural(len(found.alerting()), 'rule')} checked, all well.")
        return OK
    rows = [
        {"protocol": rule.service or "any", "level": rule.level, "title": rule.title, "id": rule.id,
         "techniques": list(rule.techniques), "file": pathlib.Path(rule.path).name, "line": rule.line}
        for rule in sorted(found.alerting(), key=lambda rule: (rule.service, -rule.severity, rule.title))
    ]  # fmt: skip
    show_rows("Rules", RULE_COLUMNS, rows, options.format)
    return OK


def show_rows(title: str, columns: Sequence[tables.Column], rows: Sequence[Mapping[str, Any]], form: str) -> None:
    """Print rows in one of three forms."""
    if form == "table":
        summary.console().print(tables.for_people(f"{title} ({len(rows):,})", columns, rows))
    else:
        print_rows(rows, form)
