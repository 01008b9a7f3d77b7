"""All rules together.

The rule it lives by: one fault anywhere and nothing is loaded, but every fault is told; half a rule set would be a
silent one.
"""

import os
import pathlib
from collections.abc import Iterable, Iterator
from typing import Final

from sensor.detect.correlation import Correlation
from sensor.detect.fault import RuleFaults
from sensor.detect.loader import Loader
from sensor.detect.rule import Rule
from sensor.detect.source import read
from sensor.vocabulary import Vocabulary, vocabulary

SUFFIXES: Final = (".yml", ".yaml")


def default_rules() -> pathlib.Path:
    """Return the folder of the rules shipped with us, in a checkout or installed."""
    package = pathlib.Path(__file__).parents[1]
    return next(path for path in (package / "rules", package.parent / "rules") if path.is_dir())


def files(paths: Iterable[pathlib.Path]) -> list[pathlib.Path]:
    """Return every rule file below some paths, in a stable order; raise OSError for a folder that cannot be read."""
    found: list[pathlib.Path] = []
    for path in paths:
        found += sorted(below(path)) if path.is_dir() else [path]
    return list(dict.fromkeys(found))


def below(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Return the rule files of a folder. A search by pattern would take what it may not read for empty."""
    for place, _, names in os.walk(folder, onerror=refuse):
        yield from (path for path in map(pathlib.Path(place).joinpath, names) if path.suffix in SUFFIXES)


def refuse(error: OSError) -> None:
    """Raise what a search would pass over: no rules is not the same as rules that cannot be read."""
    raise error


class RuleSet:
    """Rules and correlations, ready for a detector."""

    def __init__(self, rules: list[Rule], correlations: list[Correlation]) -> None:
        self.rules = rules
        self.correlations = correlations

    @classmethod
    def load(cls, paths: Iterable[pathlib.Path], words: Vocabulary | None = None) -> "RuleSet":
        """Read rule files and folders; raise RuleFaults with everything that is wrong in any of them."""
        loader = Loader(words or vocabulary())
        found = files(paths)
        for path in found:
            loader.take(read(path, loader.faults))
        rules, correlations = loader.finish()
        if loader.faults:
            raise RuleFaults(loader.faults)
        return cls(rules, correlations)

    def alerting(self) -> list[Rule]:
        """Return every rule and correlation that may alert."""
        return [rule for rule in self.rules if rule.alerts] + [one.rule for one in self.correlations]

    def __len__(self) -> int:
        return len(self.rules) + len(self.correlations)
