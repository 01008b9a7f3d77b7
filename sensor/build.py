"""What this installation is: its version, and whether its hot folders are compiled.

The rule it lives by: whoever reads a number must be able to see which build made it.
"""

from __future__ import annotations

import platform
from typing import Final

from sensor import contract

__all__ = ["VERSION", "compiled", "describe", "version"]

VERSION: Final = "0.1.0"  # pyproject.toml takes it from here: asking what is installed takes longer than many a command


def compiled() -> bool:
    """Say whether the hot folders run as machine code."""
    return not str(contract.__file__).endswith(".py")


def version() -> str:
    """Return the version."""
    return VERSION


def describe() -> str:
    """Return the line `otsensor --version` prints."""
    how = "compiled" if compiled() else "UNCOMPILED, about twenty times slower; see docs/install.md"
    return f"otsensor {version()} ({how}, Python {platform.python_version()})"
