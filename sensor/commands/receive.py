"""`otsensor receive`: the far side of one-way lines.

The rule it lives by: what came is kept before it is shipped on, and what did not come is said.
"""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from sensor import config as configuration
from sensor.commands.exits import OK, PARTLY, WRONG
from sensor.commands.listing import FORMATS, show_rows
from sensor.config import ConfigError
from sensor.console import tables, words
from sensor.ship import tls
from sensor.ship.ledger import Ledger
from sensor.ship.listen import DatagramListener, Inlet, StreamListener
from sensor.ship.missing import ranges
from sensor.ship.receive import Receiver
from sensor.store.database import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sensor.config import Config

PATIENCE_SECONDS: Final = 30.0  # `--once`: for a destination that takes nothing
COLUMNS: Final = (
    tables.Column("sensor", lambda r: tables.safe(r["sensor"])),
    tables.Column("feed", lambda r: r["feed"]),
    tables.Column("came", lambda r: f"{r['taken']:,}", right=True),
    tables.Column("repeats", lambda r: f"{r['repeats']:,}", right=True),
    tables.Column("last came (UTC)", lambda r: words.moment(r["time"])),
    tables.Column("missing", lambda r: f"{r['missing']:,}", right=True),
    tables.Column("which", lambda r: ranges(r["ranges"]), wrap=True, ratio=1),
)


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `otsensor receive`."""
    receive = verbs.add_parser("receive", help="take what sensors send over one-way lines, and ship it on")
    receive.add_argument(
        "--ledger", type=pathlib.Path, required=True, metavar="FILE", help="keep what came in this SQLite file"
    )
    receive.add_argument("--config", type=pathlib.Path, metavar="FILE", help="names the destinations to ship to (YAML)")
    for name, what in (("udp", "UDP"), ("tcp", "TCP"), ("tls", "TLS")):
        receive.add_argument(
            f"--{name}", type=address, action="append", default=[], metavar="[HOST:]PORT",
            help=f"take syslog over {what} here (may be repeated)",
        )  # fmt: skip
    receive.add_argument("--certificate", type=pathlib.Path, metavar="FILE", help="own certificate for --tls (PEM)")
    receive.add_argument("--key", type=pathlib.Path, metavar="FILE", help="its key")
    receive.add_argument("--ca", type=pathlib.Path, metavar="FILE", help="CA of the sensors' certificates: ask for one")
    receive.add_argument(
        "--folder", type=pathlib.Path, action="append", default=[], metavar="DIR",
        help="take files of JSON lines that arrive here (may be repeated)",
    )  # fmt: skip
    receive.add_argument("--once", action="store_true", help="take what is in the folders, ship it on, and end")
    receive.add_argument("--report", action="store_true", help="show what came and what is missing, and end")
    receive.add_argument("--format", choices=FORMATS, default="table", help="form of the report")
    receive.set_defaults(run=run)


def address(text: str) -> tuple[str, int]:
    """Return host and port of "port", "host:port" or "[v6]:port"."""
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no PORT or HOST:PORT")
    return host.strip("[]"), int(port)


def run(options: argparse.Namespace) -> int:
    """Run `otsensor receive`."""
    if options.report:
        return report(options)
    config = configuration.load(options.config) if options.config is not None else configuration.Config()
    check(options, config)
    inlet = Inlet()
    receiver = Receiver(options.ledger, inlet, options.folder, config.destinations, config.outbox.max_size, say)
    try:
        with told_to_end() as ending:
            for listener in listeners(options, inlet):
                listener.start()
            receiver.start()
            return once(receiver, ending) if options.once else serve(receiver, ending)
    finally:
        receiver.stop()


def check(options: argparse.Namespace, config: Config) -> None:
    """Raise ConfigError where the options do not go together."""
    if not config.destinations:
        where = options.config if options.config is not None else "no --config given"
        raise ConfigError(f"{where}: names no destinations to ship on to")
    missing = [folder for folder in options.folder if not folder.is_dir()]
    if missing:
        raise ConfigError("\n".join(f"{folder}: no such folder" for folder in missing))
    ports = [*options.udp, *options.tcp, *options.tls]
    if not ports and not options.folder:
        raise ConfigError("name where documents come from: --udp, --tcp, --tls or --folder")
    if options.once and ports:
        raise ConfigError("--once reads folders and ends; with --udp, --tcp or --tls there is no end")
    if options.tls and not (options.certificate and options.key):
        raise ConfigError("--tls needs --certificate and --key")


def listeners(options: argparse.Namespace, inlet: Inlet) -> Iterator[DatagramListener | StreamListener]:
    """Yield the listeners, bound to their ports; raise ConfigError."""
    try:
        for host, port in options.udp:
            yield DatagramListener(inlet, host, port)
        for host, port in options.tcp:
            yield StreamListener(inlet, host, port)
        for host, port in options.tls:
            yield StreamListener(inlet, host, port, tls.server_context(options.certificate, options.key, options.ca))
    except OSError as error:
        raise ConfigError(f"cannot listen: {error.strerror or error}") from None


def serve(receiver: Receiver, ending: threading.Event) -> int:
    """Receive until told to end; what came is kept, and goes on with the next start."""
    while not ending.is_set() and not receiver.broken:
        receiver.step()
    receiver.finish(0.0, lambda: False)
    return WRONG if receiver.broken else OK


def once(receiver: Receiver, ending: threading.Event) -> int:
    """Take what is in the folders, ship it on and end."""
    receiver.read_folders()
    shipped = receiver.finish(PATIENCE_SECONDS, lambda: not ending.is_set() and not receiver.broken)
    if receiver.broken:
        return WRONG
    if not shipped:
        say("not all is shipped on; it is kept, and goes on with the next start")
    return OK if shipped and not any(feed.missing() for feed in receiver.ledger.feeds.values()) else PARTLY


@contextlib.contextmanager
def told_to_end() -> Iterator[threading.Event]:
    """Give an event that SIGTERM and Ctrl-C set."""
    ending = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda _number, _frame: ending.set()) for number in numbers]
    try:
        yield ending
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def report(options: argparse.Namespace) -> int:
    """Show what came on each feed and what is missing."""
    if not options.ledger.is_file():
        raise StoreError(options.ledger, "is not there", "a ledger made by otsensor receive")
    ledger = Ledger(options.ledger)
    try:
        rows: list[dict[str, Any]] = [
            {"sensor": feed.sensor, "feed": feed.id, "taken": feed.taken, "repeats": feed.repeats, "time": feed.time,
             "missing": feed.missing(), "ranges": feed.holes()}
            for feed in ledger.feeds.values()
        ]  # fmt: skip
        show_rows("Feeds", COLUMNS, rows, options.format)
        if options.format == "table":
            for name, count in ledger.counts().items():
                print(f"{name} {count:,}")
    finally:
        ledger.close()
    return PARTLY if any(row["missing"] for row in rows) else OK


def say(text: str) -> None:
    """Say one line on standard error."""
    print(tables.safe(text), file=sys.stderr, flush=True)
