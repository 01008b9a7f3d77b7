"""Rule files as documents that remember on which line each key stands.

The rule it lives by: a rule file comes from anybody, so what it multiplies to is bounded before anything uses it.
"""

import dataclasses
import pathlib
from typing import Any, Final

import yaml

from sensor.detect.fault import RuleFault
from sensor.yamls import LOADER, Unfit, text_of, too_deep

MAX_NODES: Final = 20_000  # of one document, aliases followed: stops a file that multiplies itself


@dataclasses.dataclass(slots=True)
class Document:
    """One YAML document: what it holds, and where each key stands."""

    path: pathlib.Path
    line: int
    data: dict[str, Any]
    lines: dict[tuple[str, ...], int]

    def line_of(self, *keys: str) -> int:
        """Return the line of a key, or of the nearest one above it that exists."""
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return self.lines.get(keys, self.line)

    def fault(self, keys: tuple[str, ...], what: str, found: str = "", expected: str = "") -> RuleFault:
        """Make a fault that points at a key."""
        return RuleFault(self.path, self.line_of(*keys), what, found, expected)


def read(path: pathlib.Path, faults: list[RuleFault]) -> list[Document]:
    """Return the documents of one file; what cannot be read is added to `faults`."""
    try:
        return documents(path, text_of(path), faults)
    except Unfit as error:
        faults.append(RuleFault(path, 1, error.what, error.found, error.expected))
    except OSError as error:
        faults.append(RuleFault(path, 1, "cannot be read", error.strerror or str(error)))
    except UnicodeDecodeError as error:
        faults.append(RuleFault(path, 1, "not a text", f"byte {error.start}", "UTF-8"))
    return []


def documents(path: pathlib.Path, text: str, faults: list[RuleFault]) -> list[Document]:
    """Return the documents of a text; bad YAML is added to `faults` with its line."""
    found = []
    try:
        if too_deep(text):
            faults.append(RuleFault(path, 1, "nested too deep", "", "a Sigma rule"))
            return []
        loader = LOADER(text)
        while loader.check_node():
            node = loader.get_node()
            assert node is not None  # check_node() said so
            walk = Walk(path, faults)
            walk.node(node, ())
            data = loader.construct_document(node) if walk.sound else None
            if isinstance(data, dict):
                found.append(Document(path, node.start_mark.line + 1, data, walk.lines))
            elif data is not None:
                kind = type(data).__name__
                faults.append(RuleFault(path, node.start_mark.line + 1, "not a rule", kind, "keys and values"))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        faults.append(RuleFault(path, mark.line + 1 if mark else 1, "bad YAML", error.problem or str(error.context)))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        faults.append(RuleFault(path, line, "bad YAML", f"character {error.character!r}", "a printable one"))
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that no calendar has
        faults.append(RuleFault(path, 1, "bad YAML", str(error).splitlines()[0]))
    return found


class Walk:
    """One walk over a document's nodes, noting the line of each key."""

    def __init__(self, path: pathlib.Path, faults: list[RuleFault]) -> None:
        self.path = path
        self.faults = faults
        self.lines: dict[tuple[str, ...], int] = {}
        self.nodes = 0
        self.sound = True

    def node(self, node: yaml.Node, keys: tuple[str, ...]) -> None:
        """Note the lines below one node; a list's items stand under the list's own keys."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            if self.sound:
                self.refuse(node, "too large", f"more than {MAX_NODES} values")
            return
        if isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self.node(item, keys)
        elif isinstance(node, yaml.MappingNode):
            self.mapping(node, keys)

    def mapping(self, node: yaml.MappingNode, keys: tuple[str, ...]) -> None:
        """Note the lines of one mapping; a key said twice would silently hide the first."""
        seen = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.refuse(key, "a key that is not a name", "", "a name")
                continue
            if key.value in seen:
                self.refuse(key, "said twice", key.value, "each key once")
            seen.add(key.value)
            self.lines.setdefault((*keys, key.value), key.start_mark.line + 1)
            self.node(value, (*keys, key.value))

    def refuse(self, node: yaml.Node, what: str, found: str, expected: str = "") -> None:
        """Add a fault; the document is not used."""
        self.sound = False
        self.faults.append(RuleFault(self.path, node.start_mark.line + 1, what, found, expected))
