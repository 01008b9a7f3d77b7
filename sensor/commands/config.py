"""`otsensor config check|show`: is the configuration right, and what does it come to.

The rule it lives by: it is looked at exactly as the other commands read it, and nothing is changed.
"""

from __future__ import annotations

import pathlib
import sys
from typing import TYPE_CHECKING

import orjson

from sensor.commands.exits import OK, WRONG
from sensor.config import Config, ConfigError, Loaded, read
from sensor.config.advice import FAULT, WARNING, advice
from sensor.config.places import PLACES, found
from sensor.config.written import as_json, as_yaml, rows
from sensor.console.legible import legible
from sensor.console.words import plural

if TYPE_CHECKING:
    import argparse


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    config = verbs.add_parser("config", help="check the configuration, or show what it comes to")
    whats = config.add_subparsers(dest="what", metavar="check|show", required=True)
    checked = whats.add_parser("check", help="say what is wrong with it: everything at once, with file and line")
    checked.add_argument("file", nargs="?", type=pathlib.Path, metavar="FILE", help="otsensor.yml unless told")
    checked.set_defaults(run=check)
    shown = whats.add_parser("show", help="print it with defaults, meanings, and where each value comes from")
    shown.add_argument("--config", type=pathlib.Path, metavar="FILE", help="otsensor.yml unless told")
    shown.add_argument("--format", choices=("yaml", "json"), default="yaml", help="yaml unless told")
    shown.set_defaults(run=show)


def check(options: argparse.Namespace) -> int:
    """Run `otsensor config check`; ConfigError with every fault is raised where there is one."""
    path = options.file or found()
    if path is None:
        raise ConfigError(f"no configuration: neither {' nor '.join(map(str, PLACES))} is there; name a FILE")
    loaded = read(path)
    told = sorted(advice(loaded), key=lambda one: loaded.lines.get(one.key, 0))
    for one in told:
        line = loaded.lines.get(one.key)
        place = f"{path}:{line}" if line is not None else f"{path}"
        print(legible(f"{place}: {one.grade}: {one.key.rpartition('.')[2]}: {one.text}"))
    if any(one.grade == FAULT for one in told):
        return WRONG
    warnings = sum(one.grade == WARNING for one in told)
    behind = f"; {plural(warnings, 'warning')}" if warnings else ""
    print(legible(f"{path}: {plural(len(loaded.lines), 'key')} checked, no faults{behind}."))
    return OK


def show(options: argparse.Namespace) -> int:
    """Run `otsensor config show`."""
    path = options.config or found()
    loaded = read(path) if path is not None else Loaded(None, Config(), {})
    if options.format == "json":
        told = as_json(rows(loaded.config, loaded))
        sys.stdout.buffer.write(orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        return OK
    print(legible(f"# The effective configuration: {path}, and defaults." if path else "# No file: all defaults."))
    for line in as_yaml(rows(loaded.config, loaded)):
        print(legible(line))
    return OK
