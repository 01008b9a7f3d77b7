"""`otsensor read`: captures in, everything found out.

The rule it lives by: whatever goes wrong with one capture, what was read is shown, kept and told in the exit code.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import gc
import io
import pathlib
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from sensor import build
from sensor import config as configuration
from sensor.commands import targets
from sensor.commands.beside import Beside
from sensor.commands.exits import EXITS, INTERRUPTED, NOTHING, OK, PARTLY
from sensor.config import ConfigError
from sensor.console import lines
from sensor.detect.ruleset import files as rule_files
from sensor.flow.neighbours import CONDUCT
from sensor.reading import Options, Reading

if TYPE_CHECKING:
    from collections.abc import Iterator

MANY: Final = 100_000  # frames: some seconds, uncompiled


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `otsensor read`."""
    read = verbs.add_parser(
        "read", help="read captures and show what is in them", epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    read.add_argument(
        "captures", nargs="+", metavar="CAPTURE", help="a capture file, a folder of them, or - for standard input"
    )
    read.add_argument("--db", type=pathlib.Path, metavar="FILE", help="keep what was found in this SQLite file")
    read.add_argument(
        "--alerts", type=pathlib.Path, metavar="FILE", help="append alerts to this file as ECS JSON lines"
    )
    read.add_argument(
        "--messages",
        type=pathlib.Path,
        metavar="FILE",
        help="write every message as a JSON line (- for standard output)",
    )
    read.add_argument("--json", action="store_true", help="print everything found as one JSON document")
    read.add_argument("--quiet", action="store_true", help="print nothing but what is wrong")
    read.add_argument(
        "--rules",
        type=pathlib.Path,
        action="append",
        default=[],
        metavar="PATH",
        help="rules instead of the ones shipped (may be repeated)",
    )
    read.add_argument(
        "--protocols",
        type=pathlib.Path,
        action="append",
        default=[],
        metavar="DIR",
        help="a folder with protocols of your own (may be repeated)",
    )
    read.add_argument("--config", type=pathlib.Path, metavar="FILE", help="site, segments and names of machines (YAML)")
    read.add_argument(
        "--ship", action="store_true", help="ship to the configuration's destinations while reading (needs --db)"
    )
    read.add_argument("--site", metavar="NAME", help="name of the site")
    read.add_argument("--segment", metavar="NAME", help="name of the network segment")
    read.add_argument("--top", type=int, default=12, metavar="N", help="lines shown of each table (default 12; 0: all)")
    read.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run `otsensor read`."""
    settings = reading_options(options)
    if options.ship:
        check_shipping(options, settings)
    written = {"--alerts": options.alerts, "--messages": options.messages, "--db": settings.db}
    targets.check(options.captures, written)
    if options.json and str(options.messages) == targets.STANDARD:
        raise ConfigError("--json and --messages - both want standard output; give --messages a file")
    for path in settings.rules:
        if path.is_dir() and not rule_files([path]):
            raise ConfigError(f"{path}: no rules found; expected files that end in .yml or .yaml")
    reading = Reading(options.captures, settings)
    beside = Beside(settings.db, options.config) if options.ship and settings.db is not None else None
    gc.freeze()
    began = time.monotonic()
    with interruptible(reading):
        if options.messages is not None:
            write_messages(reading, options.messages)
        elif options.quiet or options.json:
            reading.run()
        else:
            run_with_progress(reading)
    tell(options, reading, time.monotonic() - began)
    reading.close()
    shipped = beside.finish() if beside is not None else OK
    return exit_code(reading) or (PARTLY if shipped else OK)


def check_shipping(options: argparse.Namespace, settings: Options) -> None:
    """Raise ConfigError where `--ship` lacks what it needs."""
    if settings.db is None:
        raise ConfigError("--ship needs --db FILE: what is not shipped yet is kept there")
    if not settings.config.destinations:
        raise ConfigError(f"--ship: {options.config or 'no --config given: it'} names no destinations")


def reading_options(options: argparse.Namespace) -> Options:
    """Return how to read, from configuration and options; options win."""
    config = configuration.load(options.config) if options.config is not None else configuration.Config()
    given = {name: getattr(options, name) for name in ("site", "segment") if getattr(options, name) is not None}
    return Options(
        config=dataclasses.replace(config, **given),
        rules=tuple(options.rules) or config.rules,
        protocols=tuple(options.protocols) or config.protocols,
        db=options.db or config.db,
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


def run_with_progress(reading: Reading) -> None:
    """Read, with a bar for whoever waits."""
    from sensor.commands import shown  # noqa: PLC0415  as in `tell`

    with shown.progress() as told:
        reading.run(told)


def tell(options: argparse.Namespace, reading: Reading, seconds: float) -> None:
    """Say what was found, as far as it was asked for, and in any case what is wrong."""
    slow = not build.compiled() and reading.frames > MANY
    odd = reading.recorder.oddities.keys() - CONDUCT
    wrong = reading.damaged or reading.skipped or odd or reading.concerns or reading.stopped or slow
    if options.quiet and not options.json and not wrong:
        return
    from sensor.commands import shown  # noqa: PLC0415  who asks for silence need not pay for the means of speech

    if options.json:
        sys.stdout.buffer.write(shown.everything(reading))
    elif not options.quiet:
        shown.show(reading, seconds, options.top, to_stderr=str(options.messages) == "-")
    shown.tell_troubles(reading, slow=slow)


class Named(io.FileIO):
    """A file whose name is told when it cannot be written, as on a full disk."""

    def write(self, data: Any) -> int:
        """Write as much as goes."""
        try:
            return super().write(data)
        except OSError as error:
            raise OSError(error.errno, error.strerror, self.name) from error


def write_messages(reading: Reading, path: pathlib.Path) -> None:
    """Write every message as a JSON line, to a file or to standard output."""
    with contextlib.ExitStack() as stack:
        out = (
            sys.stdout.buffer
            if str(path) == targets.STANDARD
            else stack.enter_context(io.BufferedWriter(Named(path, "wb")))
        )
        for message in reading:
            out.write(lines.line(message, reading.files))


def exit_code(reading: Reading) -> int:
    """Return how it went."""
    if reading.stopped:
        return INTERRUPTED
    if not any(source.frames for source in reading.sources) and (reading.skipped or reading.damaged):
        return NOTHING
    return PARTLY if reading.damaged or any(one.asked for one in reading.skipped) else OK
