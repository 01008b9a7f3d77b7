"""Whom the sensor runs as once it has what it needs.

The rule it lives by: it never stays root unless somebody wrote down that it shall.
"""

from __future__ import annotations

import os
import pwd
from typing import Final, NamedTuple

from sensor.guard.protection import OFF, ON, GuardError, Protection

DEFAULT: Final = "otsensor"
NOBODY: Final = "nobody"
NOBODY_NUMBER: Final = 65_534  # of user and group, where not even that name is known


class Account(NamedTuple):
    """A user to become."""

    name: str
    uid: int
    gid: int


def find(name: str) -> Account:
    """Return the user of a name or number; raise GuardError. The default one may be missing: then it is nobody."""
    if name.isdigit():
        return numbered(int(name))
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        if name == DEFAULT:
            return nobody()
        raise GuardError(f"user: there is no {name!r} here; make it, or name another by user:") from None
    return Account(found.pw_name, found.pw_uid, found.pw_gid)


def numbered(uid: int) -> Account:
    """Return a user by number, with its own group where the number has a name, else the group of the same number."""
    try:
        found = pwd.getpwuid(uid)
    except KeyError:
        return Account(str(uid), uid, uid)
    return Account(found.pw_name, found.pw_uid, found.pw_gid)


def nobody() -> Account:
    """Return the user that owns nothing."""
    try:
        found = pwd.getpwnam(NOBODY)
    except KeyError:
        return Account(NOBODY, NOBODY_NUMBER, NOBODY_NUMBER)
    return Account(found.pw_name, found.pw_uid, found.pw_gid)


def become(account: Account) -> list[Protection]:
    """Become a user, with its own group and no other; raise GuardError where root cannot."""
    if os.getuid() != 0 and os.geteuid() != 0:
        return [stay()]
    if account.uid == 0:
        return [Protection("user", OFF, "told to stay root")]
    try:
        os.setgroups([])
        os.setresgid(account.gid, account.gid, account.gid)
        os.setresuid(account.uid, account.uid, account.uid)
    except OSError as error:
        raise GuardError(f"user: cannot become {account.name} ({account.uid}): {error.strerror}") from None
    if os.getresuid() != (account.uid,) * 3 or os.getresgid() != (account.gid,) * 3 or os.getgroups():
        raise GuardError(f"user: became {os.getresuid()} with groups {os.getgroups()}, not {account.name} alone")
    return [Protection("user", ON, f"{account.name} ({account.uid}), no other groups")]


def stay() -> Protection:
    """Say who we are, started as an ordinary user, who cannot become another and need not."""
    groups = sorted(set(os.getgroups()) - {os.getgid()})
    others = f", in groups {', '.join(map(str, groups))} too" if groups else ", no other groups"
    return Protection("user", ON, f"user {os.getuid()}, as it was started{others}")
