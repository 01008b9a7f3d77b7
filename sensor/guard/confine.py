"""Confine this process: user, capabilities, memory, files, network, system calls, in the only order that works.

The rule it lives by: call it once sockets and files are open and before there is a second thread. Afterwards there is
no way back, for us as little as for anybody who got in.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sqlite3
import sys
from typing import TYPE_CHECKING, Final

from sensor.guard import account, capabilities, kernel, landlock, seccomp
from sensor.guard.protection import GuardError, Protection

if TYPE_CHECKING:
    import pathlib

    from sensor.guard.policy import Policy

SANDBOX: Final = ("write xor execute", "landlock files", "landlock network", "landlock scopes", "seccomp")
# Python loads these when it first needs them, which may be when the new user cannot reach them any more.
LATE: Final = ("encodings.idna", "encodings.latin_1", "encodings.ascii", "stringprep", "traceback", "linecache")
for late in LATE:
    importlib.import_module(late)


def confine(policy: Policy) -> list[Protection]:
    """Confine this process for good and say what protects it now; raise GuardError where what should work does not."""
    if kernel.threads() > 1:
        raise GuardError(f"{policy.role}: {kernel.threads()} threads run already; all but one would stay unconfined")
    try:
        found = privileges(policy)
        if not policy.sandbox:
            return [*found, *map(capabilities.asked_off, SANDBOX)]
        settle(policy.temporary)
        found.append(capabilities.no_written_code())
        found += landlock.restrict(policy.reach)
        found.append(seccomp.install(policy.rules, policy.role))
    except OSError as error:
        raise GuardError(f"{policy.role}: {error.strerror}") from error
    return found


def privileges(policy: Policy) -> list[Protection]:
    """Give up user and capabilities; a child whose parent has done so makes sure of it."""
    found: list[Protection] = []
    capabilities.lower()
    if policy.user is not None:
        found += account.become(account.find(policy.user))
    found.append(capabilities.drop())
    found.append(capabilities.no_new_privileges())
    found.append(capabilities.no_dumps())
    return found


def settle(temporary: pathlib.Path | None) -> None:
    """Keep libraries from trying what will be refused: compiled Python files, SQLite's files elsewhere."""
    sys.dont_write_bytecode = True
    if temporary is None:
        return
    os.environ["SQLITE_TMPDIR"] = str(temporary)
    quoted = str(temporary).replace("'", "''")
    # It holds for the whole process; a folder that only root writes is refused, and then there are no such files.
    with contextlib.closing(sqlite3.connect(":memory:")) as any_database, contextlib.suppress(sqlite3.OperationalError):
        any_database.execute(f"PRAGMA temp_store_directory = '{quoted}'")
