"""MITRE ATT&CK for ICS: the techniques and tactics a rule may name.

The rule it lives by: an id is that of v18.1, which rule collections and SIEMs know; where v19 gave it a successor,
an alert carries both, so that a search for either finds it.
"""

import dataclasses
import functools
import pathlib
from typing import Final

TABLE: Final = pathlib.Path(__file__).with_name("attack_ics.tsv")
FRAMEWORK: Final = "MITRE ATT&CK for ICS"
SITE: Final = "https://attack.mitre.org"

TACTICS: Final = {
    "initial-access": ("TA0108", "Initial Access"),
    "execution": ("TA0104", "Execution"),
    "persistence": ("TA0110", "Persistence"),
    "privilege-escalation": ("TA0111", "Privilege Escalation"),
    "evasion": ("TA0103", "Evasion"),
    "discovery": ("TA0102", "Discovery"),
    "lateral-movement": ("TA0109", "Lateral Movement"),
    "collection": ("TA0100", "Collection"),
    "command-and-control": ("TA0101", "Command and Control"),
    "inhibit-response-function": ("TA0107", "Inhibit Response Function"),
    "impair-process-control": ("TA0106", "Impair Process Control"),
    "impact": ("TA0105", "Impact"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Technique:
    """One technique or sub-technique."""

    id: str  # "T0855", "T1692.001"
    name: str
    tactics: tuple[str, ...]  # short names: "impair-process-control"
    successor: str  # id in v19, "" where none is known

    @property
    def reference(self) -> str:
        """Where to read more."""
        return f"{SITE}/techniques/{self.id.replace('.', '/')}/"


def tactic_reference(short: str) -> str:
    """Return where to read more about a tactic."""
    return f"{SITE}/tactics/{TACTICS[short][0]}/"


@functools.cache
def techniques() -> dict[str, Technique]:
    """Return every technique by its id."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()[1:]
    found = {}
    for line in lines:
        number, name, tactics, _since, successor = line.split("\t")
        found[number] = Technique(number, name, tuple(t.strip() for t in tactics.split(";") if t.strip()), successor)
    return found


def with_successors(ids: tuple[str, ...]) -> tuple[Technique, ...]:
    """Return the techniques of these ids, each followed by its successor."""
    table = techniques()
    named = [name for number in ids for name in (number, table[number].successor) if name]
    return tuple(table[name] for name in dict.fromkeys(named) if name in table)
