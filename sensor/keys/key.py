"""One key of the configuration, and sections of them.

The rule it lives by: a key is declared once, where its value is kept. What is checked, shown and documented is read
from that declaration.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    import yaml

    from sensor.keys.problems import Problems


class Address(NamedTuple):
    """An IP address and a port to listen on; never a name, for the sensor looks nothing up."""

    host: str
    port: int

    def __str__(self) -> str:
        """Write it as it stands in the configuration."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """One key in the configuration.

    `kind`: text, texts (one or a list), file (a path, seen from the configuration's folder), files, number, whole,
    flag, seconds ("90s", "5m", "2h", "30d"), nanoseconds ("2ms"), bytes ("64 MB"), address ("127.0.0.1:9464"), names (a
    mapping of names to names), machines (the same from addresses), section (keys of its own) or list (of sections).
    """

    meaning: str
    kind: str = "text"
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    example: Any = None  # as it stands in the file; None: the default
    private: bool = False  # an address whose path may hold a token: only its host is ever shown
    written: bool = False  # a file that is written; all others are read
    section: type | None = None  # a dataclass of keys
    optional: bool = False  # a section that is None where it is not given
    read: Callable[[yaml.Node, Problems], Any] | None = None  # for what has rules of its own


def key(meaning: str, kind: str = "text", default: Any = None, **more: Any) -> Any:
    """Declare a key as the field of a frozen dataclass; its default is the field's."""
    found = Key(meaning, kind, default, **more)
    about = {"key": found}
    if kind in ("names", "machines"):
        return dataclasses.field(default_factory=dict, metadata=about)
    if found.section is not None and not found.optional:
        return dataclasses.field(default_factory=found.section, metadata=about)
    return dataclasses.field(default=default, metadata=about)


def declared(section: type) -> dict[str, Key]:
    """Return the keys of a dataclass, in their order."""
    return {one.name: one.metadata["key"] for one in dataclasses.fields(section) if "key" in one.metadata}
