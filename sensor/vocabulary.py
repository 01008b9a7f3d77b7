"""Every word is declared once: what a field is called, what it holds, what it means, where it is specified.

The rule it lives by: rules, documents, templates, docs and the comparison with tshark are all made from here.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
from collections.abc import Iterable, Iterator, Mapping

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


@dataclasses.dataclass(frozen=True, slots=True)
class Anomaly:
    """One kind of oddity a protocol's message or a flow can carry."""

    name: str  # "byte_count_mismatch"
    meaning: str
    section: str = ""
