"""One shipper for each store, and one watch: two would send the same documents, or count the same behaviours.

The rule it lives by: the claim ends with the process, in whichever way that ends.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Final, NamedTuple

from sensor.store.database import StoreError

if TYPE_CHECKING:
    import io
    import pathlib


class Role(NamedTuple):
    """What a store has one of."""

    name: str
    found: str


SHIPPER: Final = Role("shipper", "is being shipped")
WATCH: Final = Role("watch", "is being watched into")


def claim(path: pathlib.Path, role: Role = SHIPPER) -> io.TextIOWrapper:
    """Claim a store for as long as the file returned is open; raise StoreError when somebody else has."""
    beside = path.with_name(f"{path.name}-{role.name}")  # never the store itself: closing it would end SQLite's locks
    try:
        held = beside.open("a+", encoding="ascii", errors="replace")
    except OSError as error:
        raise StoreError(beside, error.strerror or str(error), "a file that can be written") from None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.seek(0)
        who = held.read(20).strip() or "unknown"
        held.close()
        raise StoreError(path, f"{role.found} by process {who}", f"one {role.name} for each store") from None
    held.truncate(0)
    held.write(f"{os.getpid()}\n")
    held.flush()
    return held
