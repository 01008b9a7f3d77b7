"""`destinations:` and `outbox:` of the configuration, checked against what each kind of destination declares.

The rule it lives by: every fault is told with file, line and the nearest right name; a secret never stands in the
configuration, only the name of a file or of an environment variable that holds it.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from typing import TYPE_CHECKING, Any, Final

import yaml

from sensor.keys.key import Key, key
from sensor.keys.problems import kind_of, nearest, quoted
from sensor.keys.reading import SECRETS, checked
from sensor.ship import kinds
from sensor.ship.destination import LEVELS, MESSAGE, STREAMS, Destination, Filter, Settings, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sensor.keys.problems import Problems

MAX_DESTINATIONS: Final = 64  # each is a thread with a batch in memory

COMMON: Final = {
    "type": Key("what kind of destination", required=True),
    "name": Key("its name, under which the store keeps how far it has got (default: its type)"),
    "kinds": Key(
        "which documents it gets: alert, asset, behaviour, flow, health; message only where it is named",
        "texts",
        choices=(*STREAMS, MESSAGE),
    ),
    "levels": Key("alerts of these levels only", "texts", choices=LEVELS),
    "sites": Key("what was seen at these sites only", "texts"),
    "segments": Key("what was seen in these segments only", "texts"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """How much the outbox may hold."""

    max_size: float = key(  # bytes
        "size of the store beyond which its oldest rows are dropped, shipped ones first", "bytes", 10**10
    )
    max_age: float = key(  # s
        "age beyond which rows that wait to be shipped are dropped", "seconds", 90 * 86_400.0
    )
    max_messages: float = key(  # bytes
        "documents of single messages a day (kind `message`) beyond which they are only counted", "bytes", 2 * 10**8,
        least=1,
    )  # fmt: skip


def destinations(node: yaml.Node, problems: Problems) -> tuple[Settings, ...]:
    """Return the checked entries of `destinations:`; what is wrong goes to `problems`."""
    if not isinstance(node, yaml.SequenceNode):
        problems.add(node, f"destinations is a list: each entry begins with '- type: ...', found {kind_of(node)}")
        return ()
    if len(node.value) > MAX_DESTINATIONS:
        problems.add(node, f"{len(node.value):,} destinations, expected at most {MAX_DESTINATIONS}")
        return ()
    found: dict[str, Settings] = {}
    for number, entry in enumerate(node.value):
        settings = destination(entry, problems, f"destinations.{number}.")
        if settings is None:
            continue
        if settings.name in found:
            problems.add(entry, f"a second destination named {settings.name!r}: give each a name: of its own")
        found[settings.name] = settings
    return tuple(found.values())


def destination(node: yaml.Node, problems: Problems, at: str) -> Settings | None:
    """Return one checked entry."""
    if not isinstance(node, yaml.MappingNode):
        problems.add(node, f"a destination is 'key: value' lines, the first of them type: ..., found {kind_of(node)}")
        return None
    name = next((value for word, value in node.value if word.value == "type"), None)
    if not isinstance(name, yaml.ScalarNode):
        problems.add(name or node, f"a destination needs a type: one of {', '.join(kinds.KINDS)}")
        return None
    if name.value not in kinds.KINDS:
        problems.add(name, f"unknown type {quoted(name.value)}; did you mean {nearest(name.value, kinds.KINDS)}?")
        return None
    made: type[Destination] = kinds.kind(name.value)
    values = checked(node, {**COMMON, **made.KEYS}, problems, at)
    for wrong, why in between(values):
        problems.at(problems.lines[at + wrong], why)
    allowed = Filter(
        kinds=frozenset(values["kinds"] or made.KINDS),
        **{key: frozenset(values[key] or ()) for key in ("levels", "sites", "segments")},
    )
    own = {key: values[key] for key in made.KEYS}
    where = f"{problems.path}:{node.start_mark.line + 1}"
    return Settings(values["name"] or name.value, name.value, own, allowed, problems.path.parent, where)


def between(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Say what is wrong between the keys of a destination: which one, and why."""
    given = {name for name, value in values.items() if value is not None}
    for name in SECRETS:
        if {f"{name}_file", f"{name}_env"} <= given:
            yield f"{name}_env", f"{name}_file and {name}_env are both given; keep one"
    password = {"password_file", "password_env"} & given
    if {"api_key_file", "api_key_env"} & given and ("user" in given or password):
        yield "user" if "user" in given else min(password), "an API key and a user are both given; keep one"
    elif "user" in given and not password:
        yield "user", "user needs password_file or password_env"
    elif password and "user" not in given:
        yield min(password), f"{min(password)} needs user"
    if {"ca", "fingerprint"} <= given:
        yield "fingerprint", "ca and fingerprint are both given; keep one"


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


def variables(destinations: Iterable[Settings]) -> list[str]:
    """Return the environment variables that hold secrets of destinations."""
    given = (value for one in destinations for name, value in one.values.items() if name.endswith("_env"))
    return [value for value in given if value is not None]
