"""Can the sensor, once it is another user and confined, still do its work, and nothing more.

The rule it lives by: it is tried in children that are thrown away, as that user, and not worked out from modes.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from sensor.guard import account, places, policy
from sensor.guard.doctor.finding import NOTE, WARNING, WELL, WRONG, Finding
from sensor.guard.protection import ABSENT, OFF, GuardError
from sensor.guard.rehearsal import rehearse

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

    from sensor.guard.account import Account
    from sensor.guard.doctor.want import Want

USER, FILES, CONFINEMENT = "user", "files", "confinement"
MAKE: Final = "useradd --system --no-create-home --shell /usr/sbin/nologin {}"


def examine(want: Want) -> Iterator[Finding]:
    """Look at user, files and confinement."""
    try:
        who = account.find(want.user)
    except GuardError as error:
        yield Finding(WRONG, USER, "user", str(error), "a user of the sensor's own", MAKE.format(want.user))
        return
    yield from whom(want, who)
    yield from files(want, who)
    yield from confinement(want)


def whom(want: Want, who: Account) -> Iterator[Finding]:
    """Say whom it would run as."""
    if os.geteuid() != 0:
        yield Finding(
            NOTE,
            USER,
            "user",
            f"looked at as user {os.geteuid()}, who cannot become {who.name}",
            "root, as the service starts",
        )
    if who.uid == 0:
        yield Finding(WARNING, USER, "user", "is told to stay root", "a user of its own", MAKE.format(account.DEFAULT))
    elif who.name != want.user and not want.user.isdigit():
        yield Finding(
            NOTE,
            USER,
            "user",
            f"there is no user {want.user!r}: {who.name} is taken, whom others may be too",
            "a user of its own",
            MAKE.format(want.user),
        )
    else:
        yield Finding(WELL, USER, "user", f"would run as {who.name} ({who.uid})")


def files(want: Want, who: Account) -> Iterator[Finding]:
    """Try files and folders as that user."""
    written = [path for path in (want.db.parent if want.db is not None else None, want.write) if path is not None]
    for folder in written:
        if not folder.is_dir():
            yield Finding(
                WRONG,
                FILES,
                "folder",
                f"{folder} is not there",
                "a folder of the sensor's own",
                f"install -d -o {who.name} -m 750 {folder}",
            )
        elif not may(who, folder, os.W_OK | os.X_OK):
            yield Finding(
                WRONG,
                FILES,
                "folder",
                f"the user {who.name} cannot write in {folder}",
                "its own folder",
                f"chown {who.name} {folder}",
            )
        else:
            yield from shared(folder)
    if want.db is not None:
        for path in (want.db, *(want.db.with_name(want.db.name + end) for end in ("-wal", "-shm"))):
            if path.exists() and not may(who, path, os.R_OK | os.W_OK):
                found = f"the user {who.name} cannot write {path}"
                yield Finding(WRONG, FILES, "store", found, "its own file", f"chown {who.name} {path}")
    for path in want.reads:
        if path.exists() and not may(who, path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
            yield Finding(
                WARNING,
                FILES,
                "read",
                f"the user {who.name} cannot read {path}: a reload will fail",
                "readable",
                f"chgrp -R {who.gid} {path} && chmod -R g+rX {path}",
            )
    yield from program(who)


def shared(folder: pathlib.Path) -> Iterator[Finding]:
    """Look whether others get at what is kept."""
    mode = folder.stat().st_mode
    if mode & stat.S_IWOTH:
        yield Finding(
            WRONG, FILES, "folder", f"everybody may write in {folder}", "the sensor alone", f"chmod o-w {folder}"
        )
    elif mode & stat.S_IROTH:
        yield Finding(
            NOTE,
            FILES,
            "folder",
            f"everybody may list {folder}, where what was seen is kept",
            "its user and group",
            f"chmod o-rx {folder}",
        )
    else:
        yield Finding(WELL, FILES, "folder", f"{folder} is the sensor's to write in, and not everybody's to read")


def program(who: Account) -> Iterator[Finding]:
    """Look whether the new user can still read the program: Python loads parts of itself when they are first needed."""
    missing = [path for path in places.python() if path.exists() and not may(who, path, os.R_OK)]
    if missing:
        yield Finding(
            WARNING,
            FILES,
            "program",
            f"{who.name} cannot read {missing[0]}: parts of Python that are loaded late are then missing",
            "readable by everybody, as in /opt",
            "install it outside of anybody's home",
        )
    mine = [path for path in places.python() if path.exists() and may(who, path, os.W_OK)]
    if mine and who.uid != 0:
        yield Finding(
            WRONG,
            FILES,
            "program",
            f"{who.name} may change the program itself in {mine[0]}",
            "root's alone",
            f"chown -R root: {mine[0]} && chmod -R go-w {mine[0]}",
        )


def may(who: Account, path: pathlib.Path, how: int) -> bool:
    """Say whether a user may do something with a path: a child becomes that user and asks."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if os.geteuid() == 0 and who.uid != 0:
                account.become(who)
            code = 0 if os.access(path, how) else 1
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def confinement(want: Want) -> Iterator[Finding]:
    """Put everything up in a child, and try to get out."""
    writes = [want.write] if want.write is not None and want.write.is_dir() else []
    store = want.db.parent if want.db is not None and want.db.parent.is_dir() else None
    reads = [path for path in want.reads if path.exists()]
    try:
        made = policy.recorder(
            user=want.user, store=store, writes=writes, reads=reads, interfaces=want.interfaces, sandbox=want.sandbox
        )
        found = rehearse(made)
    except GuardError as error:
        yield Finding(WRONG, CONFINEMENT, "confinement", str(error), "all that this kernel has")
        return
    for one in found:
        level = {OFF: WARNING if "asked" in one.why or "told" in one.why else WRONG, ABSENT: WARNING}.get(
            one.state, WELL
        )
        expected = "" if level == WELL else "on"
        yield Finding(level, CONFINEMENT, one.name, f"{one.name} {one.state}: {one.why}", expected)
