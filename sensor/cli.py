"""The command `otsensor`: what it understands, and how it ends.

The rule it lives by: a mistake is answered in one line with what was found and what was expected, never by a trace.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from typing import TYPE_CHECKING, Final

from sensor import build
from sensor.commands.exits import EXITS, OK, WRONG
from sensor.config import ConfigError
from sensor.console.legible import legible
from sensor.detect.fault import RuleFaults
from sensor.protocols.discovery import ProtocolFault
from sensor.store.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence


# Each command, and the module of `sensor.commands` that has it: only that of the command given is imported.
VERBS: Final = {
    "read": "read", "assets": "listing", "behaviours": "listing", "alerts": "listing", "flows": "listing",
    "fields": "declared", "rules": "declared", "setup": "cluster", "doctor": "doctor", "ship": "ship",
    "receive": "receive", "digest": "digest", "watch": "watch", "config": "config",
    "install-service": "service",
}  # fmt: skip
# Most objects a command makes live long and hold no cycles: collecting seldom saves a tenth of the time.
COLLECT_AFTER: Final = (100_000, 50, 100)


def parser(verb: str = "") -> argparse.ArgumentParser:
    """Return the parser of the command line; of one command where its name is given."""
    top = argparse.ArgumentParser(
        prog="otsensor",
        description="A passive security sensor for industrial networks: who is there, who does what, what is wrong.",
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=build.describe())
    verbs = top.add_subparsers(dest="verb", metavar="COMMAND", required=True)
    for name in [VERBS[verb]] if verb in VERBS else dict.fromkeys(VERBS.values()):
        importlib.import_module(f"sensor.commands.{name}").add(verbs)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    options = parser(given[0] if given else "").parse_args(given)
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
    gc.set_threshold(*COLLECT_AFTER)
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # taking a hundred thousand objects apart one by one would serve nobody


if __name__ == "__main__":
    run()
