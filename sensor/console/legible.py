"""Text from the wire, or a file's name, as a terminal may be sent it.

The rule it lives by: nothing is imported here, for every command needs it, also those that print nothing.
"""

from __future__ import annotations

from typing import Any


def legible(text: Any) -> str:
    """Return text with what no terminal should be sent replaced."""
    told = str(text)
    if told.isprintable():
        return told
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in told)
