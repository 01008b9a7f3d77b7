"""One thing the doctor found.

The rule it lives by: what was seen, what is expected, and the command that mends it; a check that cannot be made is
said too, and the others go on.
"""

from __future__ import annotations

from typing import Final, NamedTuple

WELL: Final = "well"
NOTE: Final = "note"
WARNING: Final = "warning"
WRONG: Final = "WRONG"


class Finding(NamedTuple):
    """One finding."""

    level: str  # WELL, NOTE, WARNING or WRONG
    about: str  # an interface, or what else of the machine
    check: str  # a short name, the same in each release, for scripts
    found: str
    expected: str = ""
    mend: str = ""  # a command, or what to do where none mends it

    @property
    def line(self) -> str:
        """Return what was found, in one line."""
        return f"{self.about}: {self.found}" if self.about else self.found

    @property
    def advice(self) -> str:
        """Return what is expected and what mends it, in one line."""
        wanted = f"expected {self.expected}" if self.expected else ""
        return ": ".join(part for part in (wanted, self.mend) if part)
