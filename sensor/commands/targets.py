"""Where a reading writes to, looked at before anything is opened.

The rule it lives by: evidence is never written over, under whatever name it is given.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from sensor.capture.files import Captures
from sensor.config import ConfigError

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterable, Mapping

STANDARD = "-"  # input or output


def check(captures: Iterable[str], targets: Mapping[str, pathlib.Path | None]) -> None:
    """Raise ConfigError where an option (its name: its file) would write over a capture, or cannot be written."""
    taken = {identity(path): "is a capture to be read" for path in captures if path != STANDARD}
    for option, path in targets.items():
        if path is None or str(path) == STANDARD:
            continue
        if path.is_dir():
            raise ConfigError(f"{path}: is a directory; expected a file")
        if not path.parent.is_dir():
            raise ConfigError(f"{path}: the directory it should be in is not there")
        found = identity(path)
        if found is None:
            continue
        if found in taken:
            raise ConfigError(f"{option} {path}: {taken[found]}; expected another file")
        if Captures([path]).sources:
            raise ConfigError(f"{option} {path}: is a capture; expected a new file, or one made by {option}")
        taken[found] = f"is written by {option} already"


def identity(path: str | pathlib.Path) -> tuple[int, int] | None:
    """Return device and inode of a regular file, None for what is none."""
    try:
        status = os.stat(path)  # noqa: PTH116  # a path as the user gave it
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None
