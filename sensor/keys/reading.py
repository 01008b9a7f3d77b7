"""A mapping of the configuration, read by what a section of keys declares.

The rule it lives by: a fault in one key hides none in another; what could not be read keeps its default until all
faults are told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from sensor.keys.key import Key, declared
from sensor.keys.problems import NULL, kind_of, nearest, quoted
from sensor.keys.values import as_machine, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sensor.keys.problems import Problems

SECRETS: Final = ("password", "api_key", "token", "secret")
MAX_ENTRIES: Final = 65_536  # of a list or of names: an IPv4 /16; more is a mistake
NAME: Final = Key("a name")


def section(made: type, node: yaml.Node, problems: Problems, at: str = "") -> Any:
    """Return a section's dataclass; `at` is where it stands: "watch."."""
    before = len(problems.found)
    values = checked(node, declared(made), problems, at)
    if len(problems.found) > before:
        return made()
    found = made(**values)
    for name, text in getattr(found, "faults", tuple)():  # what is wrong between keys
        problems.at(problems.lines.get(at + name, node.start_mark.line + 1), f"{at}{name}: {text}")
    return found


def checked(node: yaml.Node, keys: Mapping[str, Key], problems: Problems, at: str = "") -> dict[str, Any]:
    """Return the value of every declared key."""
    given = {}
    for name, (word, value) in mapping(node, problems).items():
        if name in keys:
            given[name] = value
            problems.lines[at + name] = word.start_mark.line + 1
        elif not problems.full:
            problems.add(word, unknown(name, keys))
        else:
            problems.add(word, "")
    for name, key in keys.items():
        if key.required and name not in given:
            problems.add(node, f"{name} is missing: {key.meaning}")
    return {
        name: value_of(key, given[name], problems, at + name) if name in given else default(key)
        for name, key in keys.items()
    }


def default(key: Key) -> Any:
    """Return what a key is where it is not given."""
    if key.kind in ("names", "machines"):
        return {}
    return key.section() if key.section is not None and not key.optional else key.default


def unknown(name: str, keys: Mapping[str, Key]) -> str:
    """Say what is wrong with a key nobody declared."""
    if name in SECRETS:
        others = " or ".join(key for key in keys if key.startswith(f"{name}_")) or "a file"
        return f"{name} is a secret and does not stand here: name {others} instead"
    for above, key in keys.items():
        if key.section is not None and name in declared(key.section):
            return f"unknown key {name!r}; it stands under {above}"
    return f"unknown key {quoted(name)}; did you mean {nearest(name, keys)}?"


def mapping(node: yaml.Node, problems: Problems) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Return the keys of a mapping with their nodes and values."""
    if not isinstance(node, yaml.MappingNode):
        problems.add(node, f"expected 'key: value' lines, found {kind_of(node)}")
        return {}
    found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    for word, value in node.value:
        if not isinstance(word, yaml.ScalarNode):
            problems.add(word, f"expected a name before the colon, found {kind_of(word)}")
        elif word.value in found:
            first = found[word.value][0].start_mark.line + 1
            problems.add(word, f"{quoted(word.value)} is given twice, first in line {first}")
        else:
            found[word.value] = word, value
    return found


def value_of(key: Key, node: yaml.Node, problems: Problems, at: str) -> Any:
    """Return the value of one key; its default where something is wrong with it."""
    if node.tag == NULL:
        problems.add(node, f"{at} is empty; give it a value, or leave the key out")
    elif key.read is not None:
        return key.read(node, problems)
    elif key.section is not None:
        return section(key.section, node, problems, f"{at}.")
    elif key.kind in ("names", "machines"):
        return dict(names(key, node, problems, at))
    else:
        try:
            return value(key, node, problems)
        except ValueError as error:
            problems.add(node, f"{at.rpartition('.')[2]}: {error}")
    return default(key)


def value(key: Key, node: yaml.Node, problems: Problems) -> Any:
    """Return a plain value, or a tuple of them; raise ValueError."""
    folder = problems.path.parent
    if key.kind in ("texts", "files"):
        return tuple(plain(key, text, folder) for text in texts(node))
    if not isinstance(node, yaml.ScalarNode):
        raise ValueError(f"expected one plain value, found {kind_of(node)}")  # noqa: TRY004  # the person's fault, not the program's
    return plain(key, str(node.value).strip(), folder)


def texts(node: yaml.Node) -> Iterator[str]:
    """Return the texts of one value or a list."""
    entries = node.value if isinstance(node, yaml.SequenceNode) else [node]
    if len(entries) > MAX_ENTRIES:
        raise ValueError(f"{len(entries):,} entries, expected at most {MAX_ENTRIES:,}")
    for one in entries:
        if not isinstance(one, yaml.ScalarNode) or one.tag == NULL:
            raise ValueError(f"expected a list of plain values, found {kind_of(one)} in it")
        yield str(one.value).strip()


def names(key: Key, node: yaml.Node, problems: Problems, at: str) -> Iterator[tuple[str, str]]:
    """Return the entries of a mapping of names to names; those of machines are addresses."""
    if isinstance(node, yaml.MappingNode) and len(node.value) > MAX_ENTRIES:
        problems.add(node, f"{at}: {len(node.value):,} entries, expected at most {MAX_ENTRIES:,}")
        return
    there: dict[str, int] = {}
    for word, (place, told) in mapping(node, problems).items():
        try:
            name = as_machine(word) if key.kind == "machines" else plain(NAME, word, problems.path)
        except ValueError as error:
            problems.add(place, f"{at}: {error}")
            continue
        if name in there:
            problems.add(place, f"{at}: {quoted(word)} is given twice, first in line {there[name]}")
        there[name] = place.start_mark.line + 1
        try:
            yield name, value(NAME, told, problems) if told.tag != NULL else plain(NAME, "", problems.path)
        except ValueError as error:
            problems.add(told, f"{at}.{word}: {error}")
