"""What a document may say: the Elastic Common Schema's field list and our own vocabulary, with their types.

The rule it lives by: a name under a field set of ECS is ECS's or wrong; everything else is in the vocabulary or wrong.
"""

import dataclasses
import functools
import gzip
import ipaddress
import json
import math
import pathlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from sensor.vocabulary import Vocabulary, vocabulary

LIST: Final = pathlib.Path(__file__).with_name("ecs.json.gz")
# Types of ECS that not every server has, and the nearest that all have.
NEAREST: Final = {
    "match_only_text": "text",
    "wildcard": "keyword",
    "constant_keyword": "keyword",
    "scaled_float": "double",
}
# A controller's own clock says no time zone.
DATE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z?")
MAC: Final = re.compile(r"[A-F0-9]{2}(-[A-F0-9]{2}){5,}")
MAX_LONG: Final = (1 << 63) - 1


@dataclasses.dataclass(frozen=True, slots=True)
class Schema:
    """ECS of one release."""

    version: str
    fields: Mapping[str, str]  # type by name; "[]" behind it: always a list
    values: Mapping[str, list[str]]  # the only values of a field
    types: Mapping[str, list[str]]  # event types that each event category expects

    def sets(self) -> frozenset[str]:
        """Return the names of ECS's field sets: event, source ..."""
        return frozenset(name.split(".", 1)[0] for name in self.fields)


@functools.cache
def schema() -> Schema:
    """Return the release of ECS that our documents follow."""
    return Schema(**json.loads(gzip.decompress(LIST.read_bytes())))


def type_of(name: str, words: Vocabulary | None = None) -> str:
    """Return the type a field has in Elasticsearch, "" for a name that nobody declares."""
    known = schema().fields.get(name, "").removesuffix("[]")
    if known:
        return NEAREST.get(known, known)
    field = (words or vocabulary()).get(name)
    return field.type if field is not None else ""


def flattened(document: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Return each dotted name of a nested document with its value."""
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def faults(document: Mapping[str, Any]) -> list[str]:
    """Return everything in a document that ECS or the vocabulary does not allow, one line each."""
    flat = dict(flattened(document))
    found = [text for name, value in flat.items() for text in field_faults(name, value)]
    found += [f"{name} is required" for name in ("@timestamp", "ecs.version") if name not in flat]
    expected = {kind for category in flat.get("event.category", ()) for kind in schema().types.get(category, ())}
    odd = [kind for kind in flat.get("event.type", ()) if kind not in expected]
    return found + [f"event.type {kind!r} is not expected in {flat.get('event.category')}" for kind in odd]


def field_faults(name: str, value: Any) -> Iterator[str]:
    """Return what is wrong with one field."""
    ecs, kind = schema(), type_of(name)
    if not kind:
        yield f"{name} is declared nowhere"
        return
    if name in ecs.fields and isinstance(value, list) != ecs.fields[name].endswith("[]"):
        yield f"{name} is {'one value' if isinstance(value, list) else 'a list'} in ECS, found {value!r}"
    allowed = ecs.values.get(name) or vocabulary_values(name)
    for one in value if isinstance(value, list) else [value]:
        if not FITS[kind](one):
            yield f"{name} is {kind}, found {one!r}"
        elif allowed and one not in allowed:
            yield f"{name} is one of {', '.join(allowed)}, found {one!r}"
        elif name.endswith(".mac") and not MAC.fullmatch(one):
            yield f"{name} is written in capitals with dashes, found {one!r}"


def vocabulary_values(name: str) -> tuple[str, ...]:
    """Return the only values our own vocabulary allows; empty: any."""
    field = vocabulary().get(name)
    return field.values if field is not None else ()


def is_text(value: Any) -> bool:
    """Say whether a value is text that UTF-8 can say."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def is_whole(value: Any) -> bool:
    """Say whether a value is an integer of 64 bits."""
    return isinstance(value, int) and not isinstance(value, bool) and -MAX_LONG - 1 <= value <= MAX_LONG


def is_number(value: Any) -> bool:
    """Say whether a value is a number that JSON can say."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_address(value: Any) -> bool:
    """Say whether a value is an IP address."""
    try:
        ipaddress.ip_address(value if isinstance(value, str) else "")
    except ValueError:
        return False
    return True


FITS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "keyword": is_text,
    "text": is_text,
    "flattened": lambda value: isinstance(value, Mapping),
    "long": is_whole,
    "integer": is_whole,
    "float": is_number,
    "double": is_number,
    "boolean": lambda value: isinstance(value, bool),
    "date": lambda value: isinstance(value, str) and DATE.fullmatch(value) is not None,
    "ip": is_address,
}
