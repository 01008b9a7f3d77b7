"""Write the generated pages of docs/: every key of the configuration, every field, every anomaly, every rule.

The rule it lives by: a page made from declarations is never edited; a test fails when it is stale.
"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

from sensor.config import page as configuration
from sensor.detect.ruleset import RuleSet, default_rules
from sensor.vocabulary import vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sensor.detect.rule import Rule
    from sensor.vocabulary import Field

DOCS = pathlib.Path(__file__).parents[1] / "docs"
MADE = "<!-- Made by `make docs` from the declarations in the code. Edit those. -->\n"
INTRODUCTION = """What rules may say and documents hold. *tshark* is the twin in Wireshark's display filters. Fields
marked *id* are fixed by the behaviour and the outcome: a rule that reads only those is decided once for each behaviour.
"""


def fields_page() -> str:
    """Return docs/fields.md."""
    words = vocabulary()
    groups: dict[str, list[Field]] = {}
    for field in words:
        groups.setdefault(field.name.split(".", maxsplit=1)[0], []).append(field)
    parts = [
        MADE,
        "# Fields\n",
        INTRODUCTION,
    ]
    for group in sorted(groups):
        rows = [field_row(field) for field in groups[group]]
        parts += [f"\n## {group}\n", table(("field", "type", "", "meaning", "specification", "tshark"), rows)]
    rows = [(f"`{a.name}`", a.meaning, a.section) for a in sorted(words.anomalies.values(), key=lambda a: a.name)]
    parts += [
        "\n## Anomalies\n",
        "What `ot.anomalies` can hold.\n",
        table(("anomaly", "meaning", "specification"), rows),
    ]
    return "\n".join(parts)


def field_row(field: Field) -> tuple[str, ...]:
    """Return a field's line."""
    kind = field.type + ("[]" if field.many else "")
    twin = f"`{field.tshark}`" if field.tshark else ""
    return (f"`{field.name}`", kind, "id" if field.identity else "", field.meaning + unit(field), field.section, twin)


def unit(field: Field) -> str:
    """Return a field's unit in brackets."""
    return f" ({field.unit})" if field.unit else ""


def configuration_page() -> str:
    """Return docs/configuration.md."""
    return f"{MADE}\n{configuration.page()}"


def rules_page() -> str:
    """Return docs/rules.md."""
    rules = sorted(RuleSet.load((default_rules(),)).alerting(), key=lambda rule: (rule.service, rule.title))
    rows = [(rule.service or "any", rule.level, rule.title, " ".join(rule.techniques)) for rule in rules]
    parts = [MADE, "# Rules shipped\n", table(("protocol", "level", "rule", "ATT&CK for ICS"), rows)]
    parts += [rule_section(rule) for rule in rules]
    return "\n".join(parts)


def rule_section(rule: Rule) -> str:
    """Return one rule's section."""
    captures = f"Fires on: {', '.join(rule.fires_on)}. Stays silent on: {', '.join(rule.silent_on)}.\n"
    return (
        f"\n## {rule.title}\n\n{rule.description.strip()}\n\n**For the OT engineer.** {rule.explanation.strip()}\n\n"
        f"**Safe response.** {rule.response.strip()}\n\n{captures}"
    )


def table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


PAGES = {"configuration.md": configuration_page, "fields.md": fields_page, "rules.md": rules_page}


def main() -> None:
    """Write every page."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
        print(DOCS / name)


if __name__ == "__main__":
    main()
