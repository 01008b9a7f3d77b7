"""`otsensor ship`: what the store holds, to wherever the configuration says.

The rule it lives by: it can be stopped or killed at any moment and started again; nothing is lost by it and nothing
arrives twice. Changes of state are said on standard error, one line each.
"""

from __future__ import annotations

import os
import pathlib
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

from sensor import config as configuration
from sensor.commands.exits import OK, PARTLY, WRONG
from sensor.commands.listing import FORMATS, show_rows
from sensor.config import ConfigError
from sensor.console import tables
from sensor.ship.orders import Orders
from sensor.ship.outbox import Outbox
from sensor.ship.shipper import Shipper

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from sensor.config import Config

PATIENCE_SECONDS: Final = 10.0  # people wait for it at the end of a reading; nothing is lost by giving up
STANDARD_INPUT: Final = 0
NICENESS: Final = 10  # beside a reading, which comes first

STATUS_COLUMNS: Final = (
    tables.Column("destination", lambda r: tables.safe(r["destination"])),
    tables.Column("shipped", lambda r: f"{r['shipped']:,}", right=True),
    tables.Column("rejected", lambda r: f"{r['rejected']:,}", right=True),
    tables.Column("waiting", lambda r: f"{r['waiting']:,}", right=True),
)
REJECTED_COLUMNS: Final = (
    tables.Column("destination", lambda r: tables.safe(r["destination"])),
    tables.Column("sequence", lambda r: str(r["sequence"]), right=True),
    tables.Column("stream", lambda r: r["stream"]),
    tables.Column("id", lambda r: tables.safe(r["id"])),
    tables.Column("reason", lambda r: tables.safe(r["reason"]), wrap=True, ratio=3),
)


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    ship = verbs.add_parser("ship", help="ship what was found to Elasticsearch and other destinations")
    ship.add_argument("--db", type=pathlib.Path, metavar="FILE", help="the SQLite file of `read --db`, or db: of FILE")
    ship.add_argument("--config", type=pathlib.Path, metavar="FILE", help="names the destinations (YAML)")
    ship.add_argument("--once", action="store_true", help="ship what is there, and end")
    ship.add_argument(
        "--until-eof", action="store_true", help="go on until standard input ends, ship the rest, and end"
    )
    ship.add_argument(
        "--patience", type=float, default=PATIENCE_SECONDS, metavar="SECONDS",
        help="at the end, give a destination up that takes nothing for so long (default %(default)g)",
    )  # fmt: skip
    ship.add_argument("--status", action="store_true", help="say how far each destination has got, and end")
    ship.add_argument("--rejected", action="store_true", help="list the documents that were refused, and why, and end")
    ship.add_argument("--forget", metavar="NAME", help="forget a destination that is no longer used, and end")
    ship.add_argument("--format", choices=FORMATS, default="table", help="of --status and --rejected")
    ship.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run it."""
    config = configuration.load(options.config) if options.config is not None else configuration.Config()
    options.db = options.db or config.db
    if options.db is None:
        raise ConfigError("no store: give --db FILE, or --config FILE with db:")
    if options.forget is not None:
        return forget(options.db, options.forget)
    if options.status or options.rejected:
        return show(options, config)
    if not config.destinations:
        where = options.config if options.config is not None else "no --config given"
        raise ConfigError(f"{where}: names no destinations")
    Outbox(options.db).close()  # raises StoreError where it cannot be used
    shipper = Shipper(options.db, config.destinations, config.outbox, config.observer, say)
    return ship(shipper, options)


def ship(shipper: Shipper, options: argparse.Namespace) -> int:
    """Ship until told to end, or until everything is shipped; return the exit code."""
    orders = Orders(STANDARD_INPUT if options.until_eof else None, ending=options.once)
    orders.stop_on(signal.SIGTERM, signal.SIGINT)
    if options.until_eof:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the reader, whose end we see
        os.nice(NICENESS)
    whole = shipper.serve(orders, options.patience)
    orders.close()
    if shipper.broken:
        return WRONG
    if orders.ending and not whole:
        for lane in shipper.lanes:
            if not lane.drained:
                why = lane.reason or f"took nothing for {options.patience:g} s"
                say(f"{lane.settings.name}: {why}; not all is shipped; it is kept, and goes on with otsensor ship")
    return OK if whole or not orders.ending else PARTLY


def say(text: str) -> None:
    """Say one line on standard error."""
    print(tables.safe(text), file=sys.stderr, flush=True)


# --- What was shipped ---------------------------------------------------------------------------------


def show(options: argparse.Namespace, config: Config) -> int:
    """Show how far each destination has got, or what was refused."""
    outbox = Outbox(options.db)
    try:
        if options.rejected:
            rows = outbox.rejected()
            show_rows("Refused documents", REJECTED_COLUMNS, rows, options.format)
        else:
            show_rows("Destinations", STATUS_COLUMNS, list(status(outbox, config)), options.format)
            if options.format == "table":
                for name, count in outbox.counts().items():
                    print(f"{name} {count:,}")
    finally:
        outbox.close()
    return OK


def status(outbox: Outbox, config: Config) -> Iterator[dict[str, Any]]:
    """Return how far each known destination has got."""
    filters = {one.name: one.filter for one in config.destinations}
    for name, cursor in outbox.cursors().items():
        yield {
            "destination": name, "shipped": cursor.shipped, "rejected": cursor.rejected,
            "waiting": outbox.waiting(name, filters.get(name)), "sequence": cursor.sequence, "time": cursor.time,
        }  # fmt: skip


def forget(path: pathlib.Path, name: str) -> int:
    """Forget a destination."""
    outbox = Outbox(path)
    try:
        if outbox.forget(name):
            return OK
        known = ", ".join(outbox.cursors()) or "none"
        print(f"{path}: no destination {name!r}; known: {known}", file=sys.stderr)
        return WRONG
    finally:
        outbox.close()
