"""Where the configuration is looked for when a person names no file.

The rule it lives by: only commands that ask about the configuration look; those that work are told which one.
"""

from __future__ import annotations

import pathlib
from typing import Final

PLACES: Final = (pathlib.Path("otsensor.yml"), pathlib.Path("/etc/otsensor/otsensor.yml"))


def found() -> pathlib.Path | None:
    """Return the first file that is there."""
    return next((path for path in PLACES if path.is_file()), None)
