"""The command `otsensor`: what it understands, and how it ends.

The rule it lives by: a mistake is answered in one line with what was found and what was expected, never by a trace.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
from typing import TYPE_CHECKING

from sensor import build, commands
from sensor.config import ConfigError
from sensor.detect.fault import RuleFaults
from sensor.store.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

EXITS = """exit codes:
  0    everything was read
  1    something could not be read, or was damaged: the summary says what; what was found is shown
  2    a wrong option, configuration, rule or database: nothing was done
  3    nothing could be read at all
  130  ended by Ctrl-C: what was read until then is shown and kept
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(
        prog="otsensor",
        description="A passive security sensor for industrial networks: who is there, who does what, what is wrong.",
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=build.describe())
    verbs = top.add_subparsers(dest="verb", metavar="COMMAND", required=True)
    add_read(verbs)
    for kind, what in commands.LISTINGS.items():
        add_listing(verbs, kind, what.help)
    fields = verbs.add_parser("fields", help="every field a rule or a document may use")
    fields.add_argument("name", nargs="?", default="", help="a field, or the beginning of one: modbus")
    fields.add_argument("--format", choices=("table", "json", "csv"), default="table")
    fields.set_defaults(run=commands.fields)
    rules = verbs.add_parser("rules", help="check or list detection rules")
    rules.add_argument("what", choices=("check", "list"))
    rules.add_argument("paths", nargs="*", type=pathlib.Path, help="files or folders (default: the rules shipped)")
    rules.add_argument("--format", choices=("table", "json", "csv"), default="table")
    rules.set_defaults(run=commands.rules)
    return top


def add_read(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
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
    read.add_argument("--site", metavar="NAME", help="name of the site")
    read.add_argument("--segment", metavar="NAME", help="name of the network segment")
    read.add_argument("--top", type=int, default=12, metavar="N", help="lines shown of each table (default 12; 0: all)")
    read.set_defaults(run=commands.read)


def add_listing(verbs: argparse._SubParsersAction[argparse.ArgumentParser], kind: str, what: str) -> None:
    """Add one of `otsensor assets|behaviours|alerts|flows`."""
    listing = verbs.add_parser(kind, help=what)
    listing.add_argument(
        "--db", type=pathlib.Path, required=True, metavar="FILE", help="the SQLite file that `read --db` kept"
    )
    listing.add_argument("--format", choices=("table", "json", "csv"), default="table")
    listing.add_argument("--top", type=int, default=0, metavar="N", help="only the first N lines")
    listing.set_defaults(run=commands.listing, kind=kind)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    options = parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except (ConfigError, RuleFaults, StoreError) as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


if __name__ == "__main__":
    sys.exit(main())
