"""`otsensor assets|behaviours|alerts|flows`: what the store has kept.

The rule it lives by: the same rows for people, machines and spreadsheets.
"""

from __future__ import annotations

import pathlib
import sys
from typing import TYPE_CHECKING, Final

from sensor.commands.exits import OK
from sensor.console import summary, tables
from sensor.store.reader import Reader

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence
    from typing import Any

KINDS: Final = {
    "assets": "who is there, in which role and why",
    "behaviours": "who does what to whom, how often and how it ends",
    "alerts": "what is wrong, the most severe first",
    "flows": "every conversation with its counts and state",
}
FORMATS: Final = ("table", "json", "csv")
FORM: Final = "a table for people (default), JSON lines, or CSV"


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    for kind, what in KINDS.items():
        listing = verbs.add_parser(kind, help=what)
        listing.add_argument(
            "--db", type=pathlib.Path, required=True, metavar="FILE", help="the SQLite file of `read --db`"
        )
        listing.add_argument("--format", choices=FORMATS, default="table", help=FORM)
        listing.add_argument("--top", type=int, default=0, metavar="N", help="only the first N lines")
        listing.set_defaults(run=run, kind=kind)


def run(options: argparse.Namespace) -> int:
    """Run one of them."""
    with Reader(options.db) as reader:
        rows = list(reader.rows(options.kind))
    most = max(options.top, 0)
    if options.format == "table":
        summary.console().print(summary.table(options.kind, rows, most) if rows else f"No {options.kind}.")
    else:
        print_rows(rows[:most] if most else rows, options.format)
    return OK


def print_rows(rows: Sequence[Mapping[str, Any]], form: str) -> None:
    """Print rows as JSON lines or CSV."""
    if form == "json":
        sys.stdout.buffer.write(tables.for_machines(rows))
    else:
        sys.stdout.write(tables.for_spreadsheets(rows))


def show_rows(title: str, columns: Sequence[tables.Column], rows: Sequence[Mapping[str, Any]], form: str) -> None:
    """Print rows in one of three forms."""
    if form == "table":
        summary.console().print(tables.for_people(f"{title} ({len(rows):,})", columns, rows))
    else:
        print_rows(rows, form)
