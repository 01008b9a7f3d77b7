"""Which cluster a command means: from the options and the configuration.

The rule it lives by: nothing is sent before it is known to whom.
"""

from __future__ import annotations

import pathlib
import re
from typing import TYPE_CHECKING, Final

from sensor import config as configuration
from sensor.config import ConfigError
from sensor.ship.destination import Settings, SettingsError

if TYPE_CHECKING:
    import argparse

    from sensor.ship.elastic.cluster import Cluster

NAMESPACE: Final = re.compile(r"[a-z0-9_]{1,100}")  # of a data stream; a hyphen would part it


def place(command: argparse.ArgumentParser) -> None:
    """Add the options that say which cluster."""
    command.add_argument("--config", type=pathlib.Path, metavar="FILE", help="names the destination (YAML)")
    command.add_argument("--destination", metavar="NAME", help="which one, where the configuration names several")
    command.add_argument("--namespace", metavar="NAME", help="of the data streams, instead of the configuration's")


def opened(settings: Settings) -> Cluster:
    """Return the cluster; nothing is sent yet. Raises ConfigError."""
    from sensor.ship.elastic.cluster import Cluster  # noqa: PLC0415  # who asks about interfaces needs no client

    try:
        return Cluster(settings)
    except SettingsError as error:
        raise ConfigError(str(error)) from None


def chosen(options: argparse.Namespace) -> Settings:
    """Return the destination that is meant; raise ConfigError."""
    if options.config is None:
        raise ConfigError("name the cluster: --config FILE with a destination of type elasticsearch")
    found = {one.name: one for one in configuration.load(options.config).destinations if one.type == "elasticsearch"}
    if options.destination is not None and options.destination not in found:
        raise ConfigError(f"{options.config}: no such destination {options.destination!r}; known: {', '.join(found)}")
    if not found:
        raise ConfigError(f"{options.config}: names no destination of type elasticsearch")
    if options.destination is None and len(found) > 1:
        raise ConfigError(f"{options.config}: names several clusters; choose by --destination: {', '.join(found)}")
    return found[options.destination or next(iter(found))]


def checked(namespace: str) -> str:
    """Return a namespace; raise ConfigError for what cannot be one."""
    if not NAMESPACE.fullmatch(namespace):
        raise ConfigError(f"{namespace!r} is no namespace: small letters, digits and _ only")
    return namespace
