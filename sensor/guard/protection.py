"""What one protection is, and what became of it.

The rule it lives by: what the kernel lacks is said and the sensor goes on; what fails although it should work is
raised, and the sensor does not start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ON: Final = "on"
OFF: Final = "off"  # somebody asked for it, or has not the right to switch it on
ABSENT: Final = "absent"  # the kernel, or this machine's architecture, has it not


class Protection(NamedTuple):
    """One protection as it stands."""

    name: str
    state: str  # ON, OFF or ABSENT
    why: str  # what it holds off, or why it is not on


class GuardError(Exception):
    """A protection could not be put up although it should have been: the text says which, and why."""


def lacking(protections: Iterable[Protection]) -> Iterator[str]:
    """Say aloud, a line each, what does not protect."""
    for one in protections:
        if one.state != ON:
            yield f"protection {one.state}: {one.name}: {one.why}"
