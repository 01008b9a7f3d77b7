"""What is right as a configuration and may still not be what is meant: files that are not there, secrets anybody reads.

The rule it lives by: it looks at this machine and changes nothing; a configuration may be checked on another machine
than it is for, so what is only not there is no fault.
"""

from __future__ import annotations

import ipaddress
import os
import pathlib
import pwd
import stat
from typing import TYPE_CHECKING, Final, NamedTuple

from sensor.capture.live import filter as filters
from sensor.capture.live.errors import LiveError
from sensor.keys.problems import meant, quoted
from sensor.keys.reading import SECRETS
from sensor.ship import kinds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sensor.config.file import Loaded
    from sensor.ship.destination import Settings

FAULT: Final = "fault"  # it cannot be used so
WARNING: Final = "warning"
NOTE: Final = "note"
ETHERNET: Final = 1  # its LINKTYPE_ number
INTERFACES: Final = pathlib.Path("/sys/class/net")
WHOLE_FRAME: Final = 1_518  # bytes: Ethernet's largest without jumbo frames, one VLAN tag included


class Advice(NamedTuple):
    """One piece of advice, about one key."""

    key: str  # "watch.write.folder"
    grade: str
    text: str


def advice(loaded: Loaded) -> Iterator[Advice]:
    """Look at what the configuration names."""
    yield from of_files(loaded)
    yield from of_watching(loaded)
    yield from of_filter(loaded)
    yield from of_health(loaded)
    for number, one in enumerate(loaded.config.destinations):
        yield from of_destination(one, f"destinations.{number}.")


def of_files(loaded: Loaded) -> Iterator[Advice]:
    """Say which files are not there."""
    config = loaded.config
    for key, paths in (("rules", config.rules), ("protocols", config.protocols)):
        yield from (Advice(key, WARNING, f"{path}: no such file or folder") for path in paths if not there(path))
    if config.db is not None and not there(config.db.parent):
        yield Advice("db", WARNING, f"{config.db.parent}: the folder the store should be in is not there")
    if config.db is None and config.destinations:
        yield Advice("destinations", NOTE, "without db: nothing is shipped unless the command line gives --db")


def there(path: pathlib.Path) -> bool:
    """Say whether a path can be seen from here, which it also cannot when it is too long or not for us."""
    return os.path.exists(path)  # noqa: PTH110  # pathlib's raises what this one answers with no


def of_watching(loaded: Loaded) -> Iterator[Advice]:
    """Say what is odd about how it listens."""
    watch = loaded.config.watch
    here = sorted(path.name for path in INTERFACES.iterdir()) if INTERFACES.is_dir() else []
    for name in watch.interfaces:
        if here and name not in here:
            yield Advice("watch.interfaces", NOTE, f"{quoted(name)} is not on this machine now{meant(name, here)}")
    if watch.snap_length < WHOLE_FRAME:
        yield Advice("watch.snap_length", WARNING, f"frames longer than {watch.snap_length} bytes are cut: "
                     "what stands behind is not read")  # fmt: skip
    if not watch.sandbox:
        yield Advice("watch.sandbox", WARNING, "without seccomp and Landlock a fault in a parser is worth more")
    if watch.user == "root":
        yield Advice("watch.user", WARNING, "root stays root: name a user of the sensor's own")
    elif not known(watch.user):
        yield Advice("watch.user", NOTE, f"no user {quoted(watch.user)} on this machine; nobody is taken instead")
    if watch.allow_addresses:
        yield Advice("watch.allow_addresses", WARNING, "an interface with an address answers: the span port is seen")
    yield from of_memory(loaded)
    if watch.write is not None and not there(watch.write.folder):
        yield Advice("watch.write.folder", WARNING, f"{watch.write.folder}: no such folder")


def of_filter(loaded: Loaded) -> Iterator[Advice]:
    """Say what is wrong with the filter, as far as it can be told here."""
    watch = loaded.config.watch
    try:
        filters.loaded()
    except LiveError as error:
        if watch.filter:
            yield Advice("watch.filter", NOTE, f"cannot be checked here: {error.found}; {error.expected}")
        return
    try:
        filters.compiled(watch.filter, ETHERNET, watch.snap_length)
    except LiveError as error:
        yield Advice("watch.filter", FAULT, f"{error.found}; expected {error.expected}")


def of_memory(loaded: Loaded) -> Iterator[Advice]:
    """Say when the rings would take more than half of the machine's memory."""
    watch, memory = loaded.config.watch, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    rings = watch.ring_size * watch.workers * max(1, len(watch.interfaces))
    if rings > memory // 2:
        yield Advice("watch.ring_size", WARNING, f"the rings together take {rings / 1e9:.1f} GB of this machine's "
                     f"{memory / 1e9:.1f} GB of memory")  # fmt: skip


def known(user: str) -> bool:
    """Say whether this machine has a user."""
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def of_health(loaded: Loaded) -> Iterator[Advice]:
    """Say when everybody may ask how the sensor is."""
    listen = loaded.config.health.listen
    if listen is not None and ipaddress.ip_address(listen.host).is_unspecified:
        refused = "" if loaded.config.health.listen_anywhere else ", and is refused unless listen_anywhere is true"
        yield Advice("health.listen", WARNING, f"{listen} answers on every address of this machine{refused}; "
                     "name the one of the management network")  # fmt: skip


def of_destination(settings: Settings, at: str) -> Iterator[Advice]:
    """Say what a destination names that is not there, or that too many may read."""
    for name, key in kinds.kind(settings.type).KEYS.items():
        value = settings.values.get(name)
        if value is None:
            continue
        if key.kind == "file" and name != "path":
            yield from of_secret(at + name, value, secret=name.removesuffix("_file") in SECRETS or name == "key")
        elif name.endswith("_env") and not os.environ.get(value):
            yield Advice(at + name, NOTE, f"the environment variable {quoted(value)} is not set here")
    path = settings.values.get("path")
    if isinstance(path, pathlib.Path) and not there(path.parent):
        yield Advice(f"{at}path", WARNING, f"{path.parent}: no such folder")


def of_secret(key: str, path: pathlib.Path, *, secret: bool) -> Iterator[Advice]:
    """Say that a file is not there, or that others than its owner may use a secret in it."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        yield Advice(key, WARNING, f"{path}: {error.strerror}")
        return
    if not stat.S_ISREG(mode):
        yield Advice(key, WARNING, f"{path}: is no regular file")
    elif secret and mode & stat.S_IRWXO:
        yield Advice(key, WARNING, f"{path}: everybody on this machine may read or change it: chmod o= {path}")
    elif secret and path.stat().st_size == 0:
        yield Advice(key, WARNING, f"{path}: is empty")
