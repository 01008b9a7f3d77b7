"""How a watch speaks to whoever started it.

The rule it lives by: a line says what happened, to whom it matters; nothing from the wire is printed as it came.
"""

from __future__ import annotations

import sys

from sensor.console.legible import legible


class Voice:
    """Says lines on standard error."""

    def say(self, text: str) -> None:
        """Say a line."""
        print(legible(text), file=sys.stderr, flush=True)
