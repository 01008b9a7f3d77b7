"""The command `otsensor`: what it understands, and how it ends.

The rule it lives by: a mistake is answered in one line with what was found and what was expected, never by a trace.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from sensor import build
from sensor.commands import cluster, declared, digest, listing, read, receive, ship
from sensor.commands.exits import EXITS, OK, WRONG
from sensor.config import ConfigError
from sensor.console.tables import legible
from sensor.detect.fault import RuleFaults
from sensor.protocols.discovery import ProtocolFault
from sensor.store.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence


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
    for module in (read, listing, declared, cluster, ship, receive, digest):
        module.add(verbs)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    options = parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except (ConfigError, ProtocolFault, RuleFaults, StoreError) as error:
        tell(str(error))
        return WRONG
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:
        tell(f"{error.filename}: {error.strerror}" if error.filename is not None else str(error))
        return WRONG
    return code


def tell(text: str) -> None:
    """Say what is wrong, line by line; names of files may hold anything."""
    for line in text.splitlines():
        print(legible(line), file=sys.stderr)


def run() -> None:
    """Run one command as a process of its own."""
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # taking a hundred thousand objects apart one by one would serve nobody


if __name__ == "__main__":
    run()
