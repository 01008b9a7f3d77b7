"""`destinations:` and `outbox:` of the configuration, checked against what each kind of destination declares.

The rule it lives by: every fault is told with file, line and the nearest right name; a secret never stands in the
configuration, only the name of a file or of an environment variable that holds it.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import pathlib
import re
from typing import TYPE_CHECKING, Any, Final

import yaml

from sensor.ship import kinds
from sensor.ship.destination import LEVELS, STREAMS, Destination, Filter, Key, Settings, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
BYTES: Final = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
FLAGS: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
SECRETS: Final = ("password", "api_key", "token", "secret")

COMMON: Final = {
    "type": Key("what kind of destination", required=True),
    "name": Key("its name, under which the store keeps how far it has got (default: its type)"),
    "kinds": Key("which documents it gets: alert, asset, behaviour, flow, health", "texts", choices=STREAMS),
    "levels": Key("alerts of these levels only", "texts", choices=LEVELS),
    "sites": Key("what was seen at these sites only", "texts"),
    "segments": Key("what was seen in these segments only", "texts"),
}
OUTBOX: Final = {
    "max_size": Key("size of the store beyond which its oldest rows are dropped, shipped ones first", "bytes", 10**10),
    "max_age": Key("age beyond which rows that wait to be shipped are dropped", "seconds", 90 * 86_400),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """How much the outbox may hold."""

    max_size: float = OUTBOX["max_size"].default  # bytes
    max_age: float = OUTBOX["max_age"].default  # s


class Problems:
    """Collects what is wrong in one file."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.found: list[str] = []

    def add(self, node: yaml.Node, text: str) -> None:
        """Add one, with the place."""
        self.found.append(f"{self.path}:{node.start_mark.line + 1}: {text}")


def destinations(node: yaml.Node, problems: Problems) -> tuple[Settings, ...]:
    """Return the checked entries of `destinations:`; what is wrong goes to `problems`."""
    if not isinstance(node, yaml.SequenceNode):
        problems.add(node, "destinations is a list: each entry begins with '- type: ...'")
        return ()
    found: dict[str, Settings] = {}
    for entry in node.value:
        settings = destination(entry, problems)
        if settings is None:
            continue
        if settings.name in found:
            problems.add(entry, f"a second destination named {settings.name!r}: give each a name: of its own")
        found[settings.name] = settings
    return tuple(found.values())


def destination(node: yaml.Node, problems: Problems) -> Settings | None:
    """Return one checked entry."""
    given = mapping(node, problems)
    name = given.get("type")
    if name is None or not isinstance(name, yaml.ScalarNode):
        problems.add(node, f"a destination needs a type: one of {', '.join(kinds.KINDS)}")
        return None
    if name.value not in kinds.KINDS:
        problems.add(name, f"unknown type {name.value!r}; did you mean {nearest(name.value, kinds.KINDS)}?")
        return None
    made: type[Destination] = kinds.kind(name.value)
    values = checked(node, {**COMMON, **made.KEYS}, problems)
    allowed = Filter(
        kinds=frozenset(values["kinds"] or made.KINDS),
        **{key: frozenset(values[key] or ()) for key in ("levels", "sites", "segments")},
    )
    own = {key: values[key] for key in made.KEYS}
    where = f"{problems.path}:{node.start_mark.line + 1}"
    return Settings(values["name"] or name.value, name.value, own, allowed, problems.path.parent, where)


def limits(node: yaml.Node, problems: Problems) -> Limits:
    """Return the checked `outbox:`."""
    return Limits(**checked(node, OUTBOX, problems))


# --- Keys and values ----------------------------------------------------------------------------------


def checked(node: yaml.Node, keys: Mapping[str, Key], problems: Problems) -> dict[str, Any]:
    """Return the value of every declared key."""
    given = mapping(node, problems)
    for name, value in given.items():
        if name not in keys:
            problems.add(value, unknown(name, keys))
    for name, key in keys.items():
        if key.required and name not in given:
            problems.add(node, f"{name} is missing: {key.meaning}")
    found = {}
    for name, key in keys.items():
        found[name] = key.default
        if name in given:
            try:
                found[name] = converted(key, given[name], problems.path.parent)
            except ValueError as error:
                problems.add(given[name], f"{name}: {error}")
    return found


def unknown(name: str, keys: Mapping[str, Key]) -> str:
    """Say what is wrong with a key nobody declared."""
    if name in SECRETS:
        others = " or ".join(key for key in keys if key.startswith(f"{name}_")) or "a file"
        return f"{name} is a secret and does not stand here: name {others} instead"
    return f"unknown key {name!r}; did you mean {nearest(name, keys)}?"


def nearest(word: str, known: Mapping[str, object]) -> str:
    """Return the nearest of the known words, or all of them."""
    return (difflib.get_close_matches(word, known, 1) or ["one of " + ", ".join(known)])[0]


def mapping(node: yaml.Node, problems: Problems) -> dict[str, yaml.Node]:
    """Return the keys of a mapping with their nodes; the last one of a name counts."""
    if not isinstance(node, yaml.MappingNode):
        problems.add(node, "expected 'key: value' lines")
        return {}
    return {str(key.value): value for key, value in node.value}


def converted(key: Key, node: yaml.Node, folder: pathlib.Path) -> Any:
    """Return a node's value as its key says; raise ValueError."""
    if key.kind == "texts":
        found = tuple(texts(node))
        for text in found:
            if key.choices and text not in key.choices:
                raise ValueError(f"{text!r} is none of {', '.join(key.choices)}")
        return found
    if not isinstance(node, yaml.ScalarNode):
        raise ValueError("expected one plain value")  # noqa: TRY004  # the person's fault, not the program's
    text = str(node.value).strip()
    if key.choices and text not in key.choices:
        raise ValueError(f"{text!r} is none of {', '.join(key.choices)}")
    return plain(key.kind, text, folder)


def texts(node: yaml.Node) -> Iterator[str]:
    """Return the texts of one value or a list."""
    for one in node.value if isinstance(node, yaml.SequenceNode) else [node]:
        if not isinstance(one, yaml.ScalarNode):
            raise ValueError("expected a list of plain values")  # noqa: TRY004
        yield str(one.value)


def plain(kind: str, text: str, folder: pathlib.Path) -> Any:
    """Return a plain value of one kind."""
    if kind == "file":
        return folder / pathlib.Path(text).expanduser()
    if kind == "number":
        return int(text) if text.isdigit() else float(text)
    if kind == "flag":
        if text.lower() not in FLAGS:
            raise ValueError(f"{text!r} is neither true nor false")
        return FLAGS[text.lower()]
    if kind in ("seconds", "bytes"):
        return measured(text, SECONDS if kind == "seconds" else BYTES)
    if not text:
        raise ValueError("is empty")
    return text


def measured(text: str, units: Mapping[str, int]) -> float:
    """Return "5m" or "64 MB" in seconds or bytes."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)", text)
    if found is None or found[2].lower() not in units:
        raise ValueError(f"{text!r} is no number with one of {', '.join(unit for unit in units if unit)}")
    return float(found[1]) * units[found[2].lower()]


def secret(settings: Settings, name: str) -> str | None:
    """Return a secret from `<name>_file` or the variable `<name>_env`; None when neither is given."""
    path, variable = settings.values.get(f"{name}_file"), settings.values.get(f"{name}_env")
    if path is not None and variable is not None:
        raise SettingsError(f"{settings.where}: {name}_file and {name}_env are both given; keep one")
    if path is not None:
        try:
            found = pathlib.Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "is not text"
            raise SettingsError(f"{settings.where}: {name}_file {path}: {why}") from None
        if not found:
            raise SettingsError(f"{settings.where}: {name}_file {path}: is empty")
        return found
    if variable is not None:
        found = os.environ.get(variable, "").strip()
        if not found:
            raise SettingsError(f"{settings.where}: the environment variable {variable} is not set")
        return found
    return None
