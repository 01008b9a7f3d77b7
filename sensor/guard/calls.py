"""System calls by number, in groups by what they are for (`calls.tsv`).

The rule it lives by: a group names every form of the same call that glibc and musl may choose (stat, newfstatat, statx;
poll, ppoll; fork, clone), so that a policy which speaks of a group has no side door.
"""

from __future__ import annotations

import csv
import functools
import pathlib
from typing import Final

TABLE: Final = pathlib.Path(__file__).with_name("calls.tsv")
MISSING: Final = "-"  # on this architecture: there is a newer form only


@functools.cache
def rows() -> tuple[dict[str, str], ...]:
    """Return the table."""
    with TABLE.open(encoding="ascii", newline="") as lines:
        return tuple(csv.DictReader(lines, delimiter="\t"))


def group(*names: str) -> list[str]:
    """Return the calls of some groups; raise KeyError for a group that is none."""
    known = {row["group"] for row in rows()}
    for name in names:
        if name not in known:
            raise KeyError(name)
    return [row["name"] for row in rows() if row["group"] in names]


@functools.cache
def numbers(machine: str) -> dict[str, int]:
    """Return the number of each call on one architecture; those it has not are left out."""
    return {row["name"]: int(row[machine]) for row in rows() if row[machine] != MISSING}
