"""What the people of the plant tell the sensor: where it stands, and what they call their machines.

The rule it lives by: every key is checked, and a wrong one is answered with its place and the nearest right name.
"""

from __future__ import annotations

import dataclasses
import difflib
import ipaddress
import platform
from typing import TYPE_CHECKING, Any

import yaml

from sensor import build
from sensor.ship import settings
from sensor.ship.settings import Limits, Problems
from sensor.yamls import Unfit, text_of, too_deep

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

    from sensor.ship.destination import Settings

KEYS = {
    "sensor": "name of this sensor, part of every document's id (default: the machine's)",
    "site": "name of the site, part of every asset's key",
    "segment": "name of the network segment, part of every asset's key",
    "interfaces": "capture interface or file name to segment, where one sensor sees several",
    "assets": "address to the name people use for the machine",
    "destinations": "where documents are shipped to",
    "outbox": "how much waits for destinations that do not answer",
}
FOR_SHIPPING = ("destinations", "outbox")


class ConfigError(Exception):
    """The configuration is wrong; the text has one line for each fault."""


@dataclasses.dataclass(frozen=True, slots=True)
class Config:
    """A checked configuration."""

    sensor: str = ""
    site: str = ""
    segment: str = ""
    interfaces: dict[str, str] = dataclasses.field(default_factory=dict)
    assets: dict[str, str] = dataclasses.field(default_factory=dict)
    destinations: tuple[Settings, ...] = ()
    outbox: Limits = dataclasses.field(default_factory=Limits)

    @property
    def observer(self) -> dict[str, str]:
        """Who observes, as every document says it."""
        name = self.sensor or platform.node() or "otsensor"
        return {"observer.name": name, "observer.version": build.version()}

    def place(self, *names: str) -> tuple[str, str]:
        """Return site and segment of a frame source known by any of `names`."""
        for name in names:
            if name in self.interfaces:
                return self.site, self.interfaces[name]
        return self.site, self.segment


def load(path: pathlib.Path) -> Config:
    """Read a configuration file; raise ConfigError with all its faults."""
    try:
        text = text_of(path)
        if too_deep(text):
            raise ConfigError(f"{path}: nested too deep")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except Unfit as error:
        raise ConfigError(f"{path}: {error}") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not YAML: {error}") from None
    if root is None:
        return Config()
    problems = Problems(path)
    problems.found += check(root, str(path))
    shipping = for_shipping(root, problems)
    if problems.found:
        raise ConfigError("\n".join(problems.found))
    # From the nodes, not from loaded values: YAML takes some MAC addresses for numbers to the base of sixty.
    plain = {key.value: normal(key.value, value) for key, value in root.value if key.value not in FOR_SHIPPING}
    return Config(**plain, **shipping)


def for_shipping(root: yaml.Node, problems: Problems) -> dict[str, Any]:
    """Return what stands under `destinations` and `outbox`; their keys are declared by those who use them."""
    read = {"destinations": settings.destinations, "outbox": settings.limits}
    found = root.value if isinstance(root, yaml.MappingNode) else []
    return {key.value: read[key.value](value, problems) for key, value in found if key.value in read}


def check(root: yaml.Node, path: str) -> Iterator[str]:
    """Say what is wrong, each with file and line."""
    if not isinstance(root, yaml.MappingNode):
        yield f"{place(path, root)}: expected keys with values, found {kind(root)}"
        return
    for key, value in root.value:
        if key.value not in KEYS:
            near = difflib.get_close_matches(str(key.value), KEYS, 1) or ["one of " + ", ".join(KEYS)]
            yield f"{place(path, key)}: unknown key {key.value!r}; did you mean {near[0]}?"
        elif key.value in ("interfaces", "assets"):
            yield from check_names(key.value, value, path)
        elif key.value not in FOR_SHIPPING and not isinstance(value, yaml.ScalarNode):
            yield f"{place(path, value)}: {key.value} is a name, found {kind(value)}"


def check_names(key: str, value: yaml.Node, path: str) -> Iterator[str]:
    """Check a mapping of names to names; those of assets must be addresses."""
    if not isinstance(value, yaml.MappingNode):
        yield f"{place(path, value)}: {key} is a list of 'name: value' lines, found {kind(value)}"
        return
    for name, text in value.value:
        if not isinstance(text, yaml.ScalarNode):
            yield f"{place(path, text)}: {key}.{name.value} is a name, found {kind(text)}"
        if key == "assets" and not is_address(str(name.value)):
            yield f"{place(path, name)}: {name.value!r} is not an IP or MAC address"


def kind(node: yaml.Node) -> str:
    """Name what a node is."""
    return {"MappingNode": "a mapping", "SequenceNode": "a list"}.get(type(node).__name__, "a plain value")


def place(path: str, node: yaml.Node) -> str:
    """Write where a node stands."""
    return f"{path}:{node.start_mark.line + 1}"


def is_address(text: str) -> bool:
    """Say whether a text is an IP address or a MAC like 00:1b:1b:00:00:01."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        parts = text.split(":")
        return len(parts) == 6 and all(
            len(part) == 2 and set(part.lower()) <= set("0123456789abcdef") for part in parts
        )
    return True


def normal(key: str, value: yaml.Node) -> Any:
    """Return a value as the sensor compares it: names as text, addresses in lower case."""
    if isinstance(value, yaml.MappingNode):
        return {name.value.lower() if key == "assets" else name.value: text.value for name, text in value.value}
    return value.value
