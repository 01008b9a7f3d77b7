"""One shipper for each store, and one watch: two would send the same documents, or count the same behaviours.

The rule it lives by: the claim ends with the process, in whichever way that ends.
"""

from __future__ import annotations

import fcntl
import os
import stat
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
OWN: Final = "a file of its own that can be written"


def claim(path: pathlib.Path, role: Role = SHIPPER) -> io.TextIOWrapper:
    """Claim a store for as long as the file returned is open; raise StoreError when somebody else has."""
    beside = path.with_name(f"{path.name}-{role.name}")  # never the store itself: closing it would end SQLite's locks
    held = opened(beside, own(path))
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


def own(store: pathlib.Path) -> set[int]:
    """Return whose files may have other names, as in a copy by links; never root's, which may be any of the system."""
    try:
        owner = store.lstat().st_uid
    except OSError:  # none yet
        owner = 0
    return {owner, os.geteuid()} - {0}


def opened(path: pathlib.Path, trusted: set[int]) -> io.TextIOWrapper:
    """Open the file of a claim; raise StoreError for a link: what it is to would be truncated, by root even."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        raise StoreError(path, error.strerror or str(error), OWN) from None
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or (status.st_nlink > 1 and status.st_uid not in trusted):
        os.close(handle)
        raise StoreError(path, "is no regular file, or has other names (hard links)", OWN)
    return os.fdopen(handle, "a+", encoding="ascii", errors="replace")
