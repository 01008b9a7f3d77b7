"""Where on this machine the sensor must still read once it is confined.

The rule it lives by: folders of programs and libraries only, read-only; nothing of anybody's home, no secrets.
"""

from __future__ import annotations

import pathlib
import sys
import sysconfig
from typing import TYPE_CHECKING, Final

import sensor

if TYPE_CHECKING:
    from collections.abc import Iterable

PACKAGE: Final = pathlib.Path(sensor.__file__).resolve().parent
LIBRARIES: Final = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")
TIME_ZONES: Final = ("/usr/share/zoneinfo", "/etc/localtime")
DEVICES: Final = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
INTERFACES: Final = pathlib.Path("/sys/class/net")
CERTIFICATES: Final = (
    "/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/crypto-policies", "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates", "/usr/share/pki", "/usr/share/crypto-policies",
)  # fmt: skip
# Names are looked up by way of files that others replace while we run, so their folder has to be within reach.
NAMES: Final = ("/etc", "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager")
SITE: Final = ("site-packages", "dist-packages")


def python() -> list[pathlib.Path]:
    """Return Python's own library, what is installed into it, and this package."""
    known = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    below = tuple({sys.prefix, sys.base_prefix, sys.exec_prefix})
    known |= {one for one in sys.path if one.startswith(below) or one.endswith(SITE)}
    return [PACKAGE, *(pathlib.Path(one) for one in sorted(known - {"", *below}))]


def existing(names: Iterable[str]) -> list[pathlib.Path]:
    """Return those that this machine has."""
    return [path for path in map(pathlib.Path, names) if path.exists()]


def machine() -> list[pathlib.Path]:
    """Return what the C library and Python read of any machine."""
    return existing((*LIBRARIES, *TIME_ZONES))


def devices() -> tuple[pathlib.Path, ...]:
    """Return the devices that are read and written."""
    return tuple(existing(DEVICES))


def own_process() -> pathlib.Path:
    """Return where this process reads how it is."""
    return pathlib.Path("/proc/self").resolve()


def statistics(interfaces: Iterable[str]) -> list[pathlib.Path]:
    """Return where interfaces are counted; the folder above, for one that is taken out and put back."""
    above = {(INTERFACES / name).resolve().parent for name in interfaces if (INTERFACES / name).exists()}
    return [INTERFACES, *sorted(above)]
