"""What is declared of the attacks (attacks.yml): who does what, which commands go over the wire, which alerts follow.

The rule it lives by: the declaration is data, so that it can be read beside the sensor's output without reading code.
"""

import importlib
import itertools
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import yaml

from pcaps.make.plant import address

FILE = Path(__file__).with_name("attacks.yml")
MODULES = {"attack": "tests.lab.attack", "intruder": "pcaps.make.intruder", "engineer": "pcaps.make.engineer"}


class Command(NamedTuple):
    """Something said on the wire, in the words of a behaviour; `server` is its address."""

    server: str
    protocol: str
    operation: str
    unit: str
    target: str
    outcome: str


class Attack(NamedTuple):
    """One attack, or one piece of work that looks like one."""

    name: str
    by: str
    deed: str
    commands: Counter
    alerts: Counter  # rules, with how many alerts of each
    seen_at: dict  # rule: the host whose traffic shows what the attack has done
    rest: float  # s until everything has shown
    short: bool  # is it part of the short form

    def act(self):
        """Return the function that does it."""
        module, _, name = self.deed.partition(".")
        return getattr(importlib.import_module(MODULES[module]), name)


def attacks():
    """Return all attacks, in the order of the file."""
    told = yaml.safe_load(FILE.read_text())
    return [_attack(name, one) for name, one in told["attacks"].items()]


def _attack(name, one):
    known = {"by", "deed", "commands", "alerts", "seen at", "rest", "short"}
    assert set(one) <= known, f"{FILE.name}: {name}: {set(one) - known} is none of {known}"
    return Attack(
        name,
        one.get("by", "laptop"),
        one["deed"],
        sum((_commands(line) for line in _flat(one.get("commands", []))), Counter()),
        Counter(one.get("alerts", [])),
        one.get("seen at", {}),
        one.get("rest", 2.0),
        one.get("short", False),
    )


def _flat(lines):
    """Commands may be given in groups, so that a group can have a name in YAML and be used again."""
    return itertools.chain.from_iterable(line if isinstance(line[0], list) else [line] for line in lines)


def _commands(line):
    """Return what one line says: server, protocol, operation, unit (or several), target, outcome, how often."""
    server, protocol, operation, units, target, outcome, *often = line
    return Counter(
        {
            Command(address(server), protocol, operation, str(unit), str(target), outcome): often[0] if often else 1
            for unit in (units if isinstance(units, list) else [units])
        }
    )
