"""What is wrong with a rule: where, what was found, what was expected.

The rule it lives by: all faults of all files are told at once, each with its line and the nearest right name.
"""

import dataclasses
import pathlib


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class RuleFault:
    """One fault of one rule file."""

    path: pathlib.Path
    line: int  # from 1
    what: str  # "unknown field"
    found: str = ""
    expected: str = ""

    def __str__(self) -> str:
        found = f" {self.found!r}" if self.found else ""
        expected = f"; expected {self.expected}" if self.expected else ""
        return f"{self.path}:{self.line}: {self.what}{found}{expected}"


class RuleFaults(Exception):  # noqa: N818  # it is what it is called: the faults
    """Rules were refused; holds every fault that was found."""

    def __init__(self, faults: list[RuleFault]) -> None:
        super().__init__(faults)
        self.faults = sorted(faults)

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)
