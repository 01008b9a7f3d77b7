"""The files of a watch, given to the user it becomes, while there is still the right to do so.

The rule it lives by: only the sensor's own files change hands, and of folders only those it has made.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from sensor.guard import account
from sensor.guard.protection import GuardError
from sensor.store.database import open_for_writing

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterable

    from sensor.guard.account import Account

# Beside the database itself: SQLite's log and index, and the claims of whoever ships it and watches into it
SUFFIXES: Final = ("", "-wal", "-shm", "-shipper", "-watch")
PRIVATE: Final = 0o640  # what is found about a plant is not everybody's


def to_become(name: str, folder: pathlib.Path) -> Account:
    """Return the user to become; where the default one is missing, whoever owns the store's folder, but root."""
    found = account.find(name)
    if name == account.DEFAULT and found.name == account.NOBODY:
        owner = folder.stat().st_uid
        return account.numbered(owner) if owner else found
    return found


def give_store(db: pathlib.Path, owner: Account) -> None:
    """Make a store where there is none, and give its files to its user; raises GuardError, StoreError and OSError."""
    files = [db.with_name(db.name + suffix) for suffix in SUFFIXES]
    for path in files:
        if os.path.lexists(path):
            refuse(path, path.lstat(), owner)  # before SQLite, which as root would write to whatever lies there
    open_for_writing(db).close()
    give(files, owner)


def give(paths: Iterable[pathlib.Path], owner: Account) -> None:
    """Give files to a user, empty ones where there are none: who may not write the folder finds them there.

    Raises GuardError for what may be somebody else's: another name of a file elsewhere, or no file at all.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe is not waited with
    for path in paths:
        handle = os.open(path, flags, PRIVATE)
        try:
            refuse(path, os.fstat(handle), owner)
            os.fchown(handle, owner.uid, owner.gid)
        finally:
            os.close(handle)


def refuse(path: pathlib.Path, status: os.stat_result, owner: Account) -> None:
    """Raise GuardError for what may not change hands."""
    if not_to_give := unfit(status, owner):
        raise GuardError(f"user: {path}: {not_to_give}; it is not given to {owner.name}")


def unfit(status: os.stat_result, owner: Account) -> str:
    """Say why a file may not change hands; "": it may, as what is its user's already does not.

    Of root's files no other name is taken, not even where it stays root: it might be any file of the system.
    """
    if not stat.S_ISREG(status.st_mode):
        return "is no regular file; expected one, or none yet"
    if status.st_nlink > 1 and status.st_uid not in {owner.uid} - {0}:
        return f"has {status.st_nlink} names (hard links), and may be somebody else's file; expected one name"
    return ""


def give_folder(folder: pathlib.Path, owner: Account) -> None:
    """Make a folder for a user, where there is none; raises GuardError for what is no folder."""
    if folder.is_dir():
        return
    handle = made(folder, owner)
    try:
        os.fchown(handle, owner.uid, owner.gid)
    finally:
        os.close(handle)


def made(folder: pathlib.Path, owner: Account) -> int:
    """Make a folder and open it: whoever may write beside it could put a link in its place before it is given."""
    try:
        folder.mkdir(mode=0o750)
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except (FileExistsError, NotADirectoryError):
        raise GuardError(f"user: {folder}: is no folder of its own; it is not given to {owner.name}") from None
