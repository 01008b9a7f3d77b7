"""What this installation is: its version, and whether its hot folders are compiled.

The rule it lives by: whoever reads a number must be able to see which build made it.
"""

from __future__ import annotations

import importlib.metadata
import platform

from sensor import contract

__all__ = ["compiled", "describe", "version"]


def compiled() -> bool:
    """Say whether the hot folders run as machine code."""
    return not str(contract.__file__).endswith(".py")


def version() -> str:
    """Return the version installed, or that this is a source tree."""
    try:
        return importlib.metadata.version("otsensor")
    except importlib.metadata.PackageNotFoundError:
        return "0+source"


def describe() -> str:
    """Return the line `otsensor --version` prints."""
    how = "compiled" if compiled() else "UNCOMPILED, about twenty times slower; see docs/install.md"
    return f"otsensor {version()} ({how}, Python {platform.python_version()})"
