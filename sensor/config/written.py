"""The configuration as text: the effective one with where each value comes from, and a complete example.

The rule it lives by: what is written can be read again and gives the same; a secret is never written, wherever a person
has put it.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import textwrap
from typing import TYPE_CHECKING, Any, Final

import yaml

from sensor.config.settings import Config
from sensor.keys.key import Key, declared
from sensor.keys.values import written
from sensor.ship import kinds
from sensor.ship.settings import COMMON

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sensor.config.file import Loaded
    from sensor.ship.destination import Settings

WIDTH: Final = 112  # characters of a line of comment
HIDDEN: Final = "…"
LOGIN: Final = re.compile(r"(?<=://)[^/@\s]*@")  # https://user:password@host
BEHIND_HOST: Final = re.compile(r"(?<=[^/:]/).+", re.DOTALL)


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One key as it is written; a section has no value, what stands below it has."""

    path: tuple[str, ...]
    key: Key
    value: Any = None  # text, a list of texts, a mapping of texts; None: not given
    origin: str = ""
    is_section: bool = False


def rows(section: Any, loaded: Loaded, above: tuple[str, ...] = ()) -> Iterator[Row]:
    """Return what stands in a section, and where it comes from."""
    for name, key in declared(type(section)).items():
        path, value = (*above, name), getattr(section, name)
        if key.section is not None and value is not None:
            yield Row(path, key, is_section=True)
            yield from rows(value, loaded, path)
        elif key.kind == "list" and value:
            yield Row(path, key, is_section=True)
            for number, entry in enumerate(value):
                yield from destination_rows(entry, loaded, (*path, str(number)))
        else:
            yield Row(path, key, raw(key, value), origin(path, loaded))


def destination_rows(entry: Settings, loaded: Loaded, above: tuple[str, ...]) -> Iterator[Row]:
    """Return the keys of a destination, its type first."""
    allowed = entry.filter
    values: dict[str, Any] = {"type": entry.type, "name": entry.name, "kinds": tuple(sorted(allowed.kinds))}
    values |= {name: tuple(sorted(getattr(allowed, name))) for name in ("levels", "sites", "segments")}
    for name, key in {**COMMON, **kinds.kind(entry.type).KEYS}.items():
        path = (*above, name)
        yield Row(path, key, raw(key, {**entry.values, **values}[name]), origin(path, loaded))


def origin(path: tuple[str, ...], loaded: Loaded) -> str:
    """Say where a value comes from: "otsensor.yml:12" or "default"."""
    line = loaded.lines.get(".".join(path))
    return "default" if line is None or loaded.path is None else f"{loaded.path.name}:{line}"


def raw(key: Key, value: Any) -> Any:
    """Return a value as it stands in the file: text, a list or a mapping of texts; None where there is none."""
    if value is None or value == "":
        return None
    if isinstance(value, dict):
        return dict(value)
    if isinstance(value, list | tuple) and not hasattr(value, "port"):
        return [shown(key, one) for one in value]
    return shown(key, value)


def shown(key: Key, value: Any) -> str:
    """Return one value's text without any password or token in it; paths from the root."""
    if isinstance(value, pathlib.Path):
        return str(value.absolute())
    text = LOGIN.sub(f"{HIDDEN}@", written(key, value))
    return BEHIND_HOST.sub(HIDDEN, text, count=1) if key.private else text


# --- YAML and JSON ------------------------------------------------------------------------------------


def as_yaml(found: Iterable[Row]) -> Iterator[str]:
    """Return the lines of a file: above each key its meaning, behind it where its value comes from."""
    for row in found:
        indent = "  " * (len(row.path) - 1)
        begins_entry = row.path[-1] == "type" and row.path[-2].isdigit()
        start = f"{indent[:-2]}- " if begins_entry else indent
        comment = f"{indent[:-2] if begins_entry else indent}# "
        if len(row.path) == 1:
            yield ""
        yield from textwrap.wrap(row.key.meaning, WIDTH, initial_indent=comment, subsequent_indent=comment)
        yield from value_lines(row, start, indent)


def value_lines(row: Row, start: str, indent: str) -> Iterator[str]:
    """Return the lines of a key and its value."""
    name, behind = row.path[-1], f"  # {row.origin}" if row.origin else ""
    if row.is_section:
        yield f"{indent}{name}:"
    elif row.value is None:
        yield f"{indent}# {name}: (not given)"
    elif isinstance(row.value, dict) and row.value:
        yield f"{start}{name}:{behind}"
        yield from (f"{indent}  {scalar(word)}: {scalar(told)}" for word, told in row.value.items())
    else:
        yield f"{start}{name}: {inline(row.value)}{behind}"


def inline(value: Any) -> str:
    """Write a value into one line."""
    if isinstance(value, list):
        return "[" + ", ".join(scalar(one, inside=True) for one in value) + "]"
    return "{}" if isinstance(value, dict) else scalar(value)


def scalar(text: str, *, inside: bool = False) -> str:
    """Write a text as YAML, quoted where anything could take it for something else."""
    plain = re.fullmatch(r"\d{1,18}|\d[\d.]* ?[a-zA-Z]{1,3}|true|false|\d+(\.\d+){3}:\d+", text) is not None
    if plain:
        return text
    made: str = yaml.safe_dump([text] if inside else text, default_flow_style=True, allow_unicode=True, width=10**6)
    made = made.removesuffix("\n").removesuffix("\n...")
    return made[1:-1] if inside else made


def as_json(found: Iterable[Row]) -> dict[str, Any]:
    """Return value, origin and meaning by the key's whole name: "watch.workers"."""
    return {
        ".".join(row.path): {"value": typed(row), "from": row.origin, "meaning": row.key.meaning}
        for row in found
        if not row.is_section
    }


def typed(row: Row) -> Any:
    """Return a value as JSON has it: numbers and flags as what they are, measures with their unit."""
    return yaml.safe_load(row.value) if row.value and row.key.kind in ("flag", "whole", "number") else row.value


# --- The example --------------------------------------------------------------------------------------


def example() -> str:
    """Return a complete configuration, made from what the declarations give as examples."""
    return "\n".join(as_yaml(example_rows(Config))).strip() + "\n"


def example_rows(section: type, above: tuple[str, ...] = ()) -> Iterator[Row]:
    """Return every key of a section with its example, or its default."""
    for name, key in declared(section).items():
        path = (*above, name)
        if key.section is not None:
            yield Row(path, key, is_section=True)
            yield from example_rows(key.section, path)
        elif key.kind == "list":
            yield Row(path, key, is_section=True)
            for number, given in enumerate(key.example):
                keys: Mapping[str, Key] = {**COMMON, **kinds.kind(given["type"]).KEYS}
                yield from (Row((*path, str(number), word), keys[word], value) for word, value in given.items())
        else:
            yield Row(path, key, key.example if key.example is not None else raw(key, key.default))
