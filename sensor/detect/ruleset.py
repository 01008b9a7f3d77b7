"""All rules together.

The rule it lives by: one fault anywhere and nothing is loaded, but every fault is told; half a rule set would be a
silent one.
"""

import pathlib
from collections.abc import Iterable
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
    """Return every rule file below some paths, in a stable order."""
    found: list[pathlib.Path] = []
    for path in paths:
        inside = sorted(one for one in path.rglob("*") if one.suffix in SUFFIXES) if path.is_dir() else [path]
        found += inside
    return list(dict.fromkeys(found))


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
