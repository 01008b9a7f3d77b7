"""A configuration file: read within bounds, checked key by key.

The rule it lives by: whatever the file holds, what comes out is a Config or a ConfigError with every fault.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import yaml

from sensor.config.settings import Config
from sensor.keys.problems import NULL, Problems
from sensor.keys.reading import section
from sensor.yamls import LOADER, Unfit, aside, text_of, too_deep

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Mapping


class ConfigError(Exception):
    """The configuration is wrong; the text has one line for each fault."""


@dataclasses.dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration, and the line each given key stands in: {"watch.workers": 12}."""

    path: pathlib.Path | None
    config: Config
    lines: Mapping[str, int]


def load(path: pathlib.Path) -> Config:
    """Read a configuration file; raise ConfigError with all its faults."""
    return read(path).config


def read(path: pathlib.Path) -> Loaded:
    """Read a configuration file with the place of each key; raise ConfigError with all its faults."""
    problems = Problems(path)
    root = composed(path, problems)
    config = section(Config, root, problems) if root is not None else Config()
    if problems.found:
        raise ConfigError(problems.told())
    return Loaded(path, config, problems.lines)


def composed(path: pathlib.Path, problems: Problems) -> yaml.Node | None:
    """Return the nodes of a file, None where it is empty.

    Nodes, not values: YAML takes some MAC addresses for numbers to the base of sixty.
    """
    try:
        text = text_of(path)
        if too_deep(text):
            raise ConfigError(f"{path}: nested too deep")
        for line, what in aside(text):
            problems.at(line, what)
        if problems.found:  # an alias is a value many times over: nothing is looked at before it is gone
            raise ConfigError(problems.told())
        root = yaml.compose(text, Loader=LOADER)
    except Unfit as error:
        raise ConfigError(f"{path}: {error}") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{path}:{mark.line + 1}" if mark is not None else f"{path}"
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise ConfigError(f"{place}: is not YAML: {said}") from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        said = " ".join(str(error).split())
        raise ConfigError(f"{path}: is not YAML: {said}") from None
    return None if root is None or root.tag == NULL else root
