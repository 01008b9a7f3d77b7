"""Every word is declared once: what a field is called, what it holds, what it means, where it is specified.

The rule it lives by: rules, documents, templates, docs and the comparison with tshark are all made from here.
"""

import dataclasses
import difflib
import functools
import importlib
import importlib.util
from collections.abc import Iterable, Iterator

# Modules of words all protocols share: found by name, not imported, for the vocabulary stands before them on the line.
SHARED = ("sensor.fields", "sensor.flow.fields", "sensor.detect.fields", "sensor.ecs", "sensor.ship.fields")
TYPES = ("keyword", "text", "long", "double", "boolean", "date", "ip")


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One field of an exchange, a message, an asset or an alert.

    `identity` is true when the value is fixed by the behaviour (client, server, protocol, operation, unit, target)
    and the outcome, so that a rule reading only such fields is run once for each behaviour and outcome.
    """

    name: str  # "modbus.function_code"
    type: str  # one of TYPES; arrays are said by `many`
    meaning: str
    section: str = ""  # of the specification
    unit: str = ""  # "ms", "bytes" ...
    tshark: str = ""  # the twin in Wireshark's display filters
    many: bool = False
    identity: bool = False
    values: tuple[str, ...] = ()  # the only values it takes; empty: open
    fact: str = ""  # the attribute of an asset that a device states by it: "vendor", "model", "firmware"


@dataclasses.dataclass(frozen=True, slots=True)
class Anomaly:
    """One kind of oddity a protocol's message or a flow can carry."""

    name: str  # "byte_count_mismatch"
    meaning: str
    section: str = ""


class Vocabulary:
    """All fields and anomalies by name."""

    def __init__(self, fields: Iterable[Field], anomalies: Iterable[Anomaly]) -> None:
        self.fields: dict[str, Field] = {}
        for field in fields:
            if self.fields.setdefault(field.name, field) != field:
                raise ValueError(f"the field {field.name} is declared twice, and differently")
        self.anomalies = {anomaly.name: anomaly for anomaly in anomalies}

    def __contains__(self, name: object) -> bool:
        return name in self.fields

    def __getitem__(self, name: str) -> Field:
        return self.fields[name]

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields.values())

    def __len__(self) -> int:
        return len(self.fields)

    def get(self, name: str) -> Field | None:
        """Return the field of this name, None when it is not declared."""
        return self.fields.get(name)

    def facts(self) -> dict[str, str]:
        """Return the fields by which a device states something about itself, and the attribute it states."""
        return {field.name: field.fact for field in self if field.fact}

    def values(self, field: Field) -> tuple[str, ...]:
        """Return the only values a field takes; empty when it is open."""
        return tuple(self.anomalies) if field.name == "ot.anomalies" else field.values

    def nearest(self, name: str) -> str:
        """Return the declared name most like `name`, "" when none is like it."""
        return nearest(name, self.fields)


def nearest(word: str, words: Iterable[str]) -> str:
    """Return the one of `words` most like `word`: the same last part counts; "" when none is like it."""
    known = list(words)
    found = difflib.get_close_matches(word, known, 1, 0.6)
    if found:
        return found[0]
    last = word.rsplit(".", 1)[-1]
    return next((name for name in known if name.rsplit(".", 1)[-1] == last), "")


def gather(packages: Iterable[str]) -> Vocabulary:
    """Return the common words and those of these protocol packages (dotted names)."""
    modules = [importlib.import_module(name) for name in SHARED]
    anomalies: list[Anomaly] = []
    for package in packages:
        protocols = getattr(importlib.import_module(package), "PROTOCOLS", ())
        anomalies += [not_spoken(protocol.name) for protocol in protocols if protocol.ports]
        if importlib.util.find_spec(f"{package}.fields") is not None:
            modules.append(importlib.import_module(f"{package}.fields"))
    return Vocabulary(
        [field for module in modules for field in getattr(module, "FIELDS", ())],
        [*anomalies, *(anomaly for module in modules for anomaly in getattr(module, "ANOMALIES", ()))],
    )


def not_spoken(protocol: str) -> Anomaly:
    """Declare what a stream says where the protocol registered for its port is not spoken."""
    return Anomaly(f"not_{protocol}", f"What was sent on a port registered for {protocol} is not {protocol}")


@functools.cache
def vocabulary() -> Vocabulary:
    """Return the words of everything shipped with us."""
    discovery = importlib.import_module("sensor.protocols.discovery")
    return gather(package.__name__ for package in discovery.packages())
