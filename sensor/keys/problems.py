"""What is wrong in one configuration file, and where each of its keys stands.

The rule it lives by: every fault is told at once, with file and line, what was found and what is expected; a file of
nothing but faults is told in bounded length.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

import yaml

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterable

MAX_FAULTS: Final = 50  # nobody mends more at a time, and looking for near names costs time
MAX_QUOTED: Final = 60  # characters of a value that are repeated
NULL: Final = "tag:yaml.org,2002:null"  # `key:`, `key: ~` and `key: null`


class Problems:
    """Collects what is wrong in one file."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.found: list[str] = []
        self.untold = 0  # faults beyond MAX_FAULTS
        self.lines: dict[str, int] = {}  # "watch.workers" -> line

    @property
    def full(self) -> bool:
        """So much is wrong already that more is only counted."""
        return len(self.found) >= MAX_FAULTS

    def add(self, node: yaml.Node, text: str) -> None:
        """Add one, with the place."""
        self.at(node.start_mark.line + 1, text)

    def at(self, line: int, text: str) -> None:
        """Add one about a line."""
        if self.full:
            self.untold += 1
        else:
            self.found.append(f"{self.path}:{line}: {text}")

    def told(self) -> str:
        """Return all of them, a line each."""
        return "\n".join([*self.found, *([f"{self.path}: and {self.untold:,} more faults"] if self.untold else [])])


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the nearest of the known words, or all of them."""
    names = list(known)
    return (difflib.get_close_matches(word[:MAX_QUOTED], names, 1) or ["one of " + ", ".join(names)])[0]


def meant(text: str, known: Iterable[str]) -> str:
    """Return the question whether the nearest one was meant, where there is a near one."""
    near = difflib.get_close_matches(text[:MAX_QUOTED], list(known), 1)
    return f"; did you mean {near[0]}?" if near else ""


def quoted(text: str) -> str:
    """Return a value as it is repeated in a complaint: short, and with control characters escaped."""
    return repr(text if len(text) <= MAX_QUOTED else text[: MAX_QUOTED - 3] + "...")


def kind_of(node: yaml.Node) -> str:
    """Name what a node is: "a mapping", "'soon'", "nothing"."""
    if node.tag == NULL:
        return "nothing"
    if isinstance(node, yaml.ScalarNode):
        return quoted(str(node.value))
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"
