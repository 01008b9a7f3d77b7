"""Plain values of a configuration, from their text as it was written.

The rule it lives by: the text is read by what the key declares, never by what YAML takes it for: to YAML 1.1 `no` is
false, `010` is eight and `12:34:56` a number to the base of sixty. What could mean two things is refused.
"""

from __future__ import annotations

import decimal
import ipaddress
import pathlib
import re
from typing import TYPE_CHECKING, Any, Final

from sensor.keys.key import Address
from sensor.keys.problems import meant, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sensor.keys.key import Key

MAX_TEXT: Final = 4_096  # characters: Linux takes no longer path, and nobody reads a longer name
MAX_NUMBER: Final = 2.0**53  # what a float still holds exactly; JSON readers take no more
FLAGS: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
NANOSECONDS: Final = {
    "s": 10**9, "m": 60 * 10**9, "min": 60 * 10**9, "h": 3_600 * 10**9, "d": 86_400 * 10**9, "w": 7 * 86_400 * 10**9,
    "ms": 10**6, "us": 10**3, "µs": 10**3, "ns": 1,
}  # fmt: skip
BYTES: Final = {
    "": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30,
    "tib": 2**40,
}  # fmt: skip
SIZES: Final = {
    "TB": 10**12, "GB": 10**9, "MB": 10**6, "GiB": 2**30, "MiB": 2**20, "kB": 10**3, "KiB": 2**10,
}  # fmt: skip
MEASURED: Final = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)\s*([a-zA-Zµ]*)", re.ASCII)
WHOLE: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})")
NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,9})?")


def plain(key: Key, text: str, folder: pathlib.Path) -> Any:
    """Return a value as its key declares it; raise ValueError with what was found and what is expected."""
    if not text:
        raise ValueError("is empty; give it a value, or leave the key out")
    if len(text) > MAX_TEXT:
        raise ValueError(f"is {len(text):,} characters long, expected at most {MAX_TEXT:,}")
    if not text.isprintable():
        raise ValueError(f"{quoted(text)} holds characters that cannot be printed")
    if key.choices and text not in key.choices:
        raise ValueError(f"{quoted(text)} is none of {', '.join(key.choices)}{meant(text, key.choices)}")
    return READERS.get(key.kind, as_text)(key, text, folder)


def as_text(_key: Key, text: str, _folder: pathlib.Path) -> str:
    """Return a name as it is."""
    return text


def as_path(_key: Key, text: str, folder: pathlib.Path) -> pathlib.Path:
    """Return a path, seen from the configuration's folder."""
    try:
        return folder / pathlib.Path(text).expanduser()
    except RuntimeError:  # a user nobody knows
        raise ValueError(f"{quoted(text)} begins in the folder of a user who is not known here") from None


def as_flag(_key: Key, text: str, _folder: pathlib.Path) -> bool:
    """Return true or false."""
    if text.lower() not in FLAGS:
        raise ValueError(f"{quoted(text)} is neither true nor false")
    return FLAGS[text.lower()]


def as_whole(key: Key, text: str, _folder: pathlib.Path) -> int:
    """Return a whole number."""
    if not WHOLE.fullmatch(text):
        raise ValueError(f"{quoted(text)} is no whole number{leading(text)}")
    return int(within(key, int(text), text))


def as_number(key: Key, text: str, _folder: pathlib.Path) -> float:
    """Return a number, whole where it was written so."""
    if not NUMBER.fullmatch(text):
        raise ValueError(f"{quoted(text)} is no number{leading(text)}")
    return within(key, int(text) if WHOLE.fullmatch(text) else float(text), text)


def leading(text: str) -> str:
    """Say what is wrong with a number that YAML would take for octal."""
    return ": write it without leading zeros" if re.fullmatch(r"-?0[0-9_o]+", text) else ""


def as_nanoseconds(key: Key, text: str, _folder: pathlib.Path) -> int:
    """Return "2ms" in whole nanoseconds."""
    return int(within(key, 0 if text == "0" else measured(text, NANOSECONDS), text))


def as_seconds(key: Key, text: str, _folder: pathlib.Path) -> float:
    """Return "5m" in seconds."""
    return float(within(key, 0.0 if text == "0" else measured(text, NANOSECONDS) / 10**9, text))


def as_bytes(key: Key, text: str, _folder: pathlib.Path) -> int:
    """Return "64 MB" in bytes."""
    return int(within(key, measured(text, BYTES), text))


def measured(text: str, units: Mapping[str, int]) -> int:
    """Return a number with a unit as a count of the smallest one."""
    found = MEASURED.fullmatch(text)
    if found is None or found[2].lower() not in units:
        raise ValueError(f"{quoted(text)} is no number with one of {', '.join(unit for unit in units if unit)}")
    return int(decimal.Decimal(found[1]) * units[found[2].lower()])


def within(key: Key, value: float, text: str) -> float:
    """Return a value that is within its key's range."""
    least, most = key.least if key.least is not None else 0, key.most if key.most is not None else MAX_NUMBER
    if value < least:
        raise ValueError(f"{quoted(text)} is less than {written(key, least)}")
    if value > most:
        raise ValueError(f"{quoted(text)} is more than {written(key, most)}")
    return value


def as_address(_key: Key, text: str, _folder: pathlib.Path) -> Address:
    """Return "127.0.0.1:9464", "[::1]:9464", or a port on this machine alone."""
    host, _, port = text.rpartition(":")
    try:
        address = ipaddress.ip_address(host.strip("[]") if host.startswith("[") == (":" in host) else "")
    except ValueError:
        if host:
            raise ValueError(f"{quoted(text)} is no IP address and port, as 127.0.0.1:9464 or '[::1]:9464'") from None
        address = ipaddress.IPv4Address("127.0.0.1")
    if not re.fullmatch(r"[1-9][0-9]{0,4}", port) or int(port) > 65_535:
        raise ValueError(f"{quoted(text)} has no port from 1 to 65535, as in 127.0.0.1:9464")
    return Address(str(address), int(port))


def as_machine(text: str) -> str:
    """Return an IP or MAC address as the sensor writes it; raise ValueError."""
    lower = text.lower()
    if re.fullmatch(r"[0-9a-f]{2}([:-][0-9a-f]{2}){5}", lower):
        if "-" not in lower:
            return lower
        raise ValueError(f"{quoted(text)} is not an IP or MAC address; did you mean {lower.replace('-', ':')}?")
    try:
        return str(ipaddress.ip_address(lower))
    except ValueError:
        raise ValueError(f"{quoted(text)} is not an IP or MAC address") from None


READERS: Final = {
    "file": as_path, "files": as_path, "flag": as_flag, "whole": as_whole, "number": as_number, "seconds": as_seconds,
    "nanoseconds": as_nanoseconds, "bytes": as_bytes, "address": as_address,
}  # fmt: skip


# --- Back to text -------------------------------------------------------------------------------------


def written(key: Key, value: Any) -> str:
    """Write a plain value as it could stand in the file: 64000000 bytes as "64 MB"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if key.kind == "bytes":
        return in_units(int(value), SIZES, " ") or f"{int(value)} B"
    if key.kind in ("seconds", "nanoseconds"):
        count = round(value * 10**9) if key.kind == "seconds" else int(value)
        units = {name: NANOSECONDS[name] for name in ("d", "h", "m", "s", "ms", "us", "ns")}
        return in_units(count, units, "") or "0s"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def in_units(count: int, units: Mapping[str, int], gap: str) -> str:
    """Write a count in the largest unit that leaves a whole number; a time of 90 days is not 2160h."""
    for unit, size in units.items():
        if count and count % size == 0:
            return f"{count // size}{gap}{unit}"
    return ""
