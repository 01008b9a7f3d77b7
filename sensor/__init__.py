"""otsensor: a passive security sensor for industrial networks.

As a library: ``sensor.read(path)`` gives a `Reading`; iterate over it for decoded messages, or ask it for `assets`,
`behaviours` and `alerts`. See docs/library.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sensor.reading import Options, Reading, read

__all__ = ["Options", "Reading", "read"]


def __getattr__(name: str) -> object:
    """Import the library's door when it is used: importing one folder must not load the whole house."""
    if name in __all__:
        from sensor import reading  # noqa: PLC0415

        return getattr(reading, name)
    raise AttributeError(f"module 'sensor' has no attribute {name!r}")
