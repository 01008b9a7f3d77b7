"""Write the generated pages of docs/: every key of the configuration, every field, every anomaly, every rule.

The rule it lives by: a page made from declarations is never edited; a test fails when it is stale.
"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

from sensor.config import page as configuration
from sensor.detect.fields import CONCERNS
from sensor.detect.ruleset import RuleSet, default_rules
from sensor.ship.fields import HEALTH, WATCHING
from sensor.vocabulary import vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sensor.detect.rule import Rule
    from sensor.vocabulary import Field

DOCS = pathlib.Path(__file__).parents[1] / "docs"
MADE = "<!-- Made by `make docs` from the declarations in the code. Edit those. -->\n"
HEALTH_INTRODUCTION = """What is counted, and what of it is a concern. A counter `frames` is `ot.health.frames` in
documents, `frames` in the store's table `health`, and `otsensor_frames_total` for Prometheus (a gauge, such as the
flows in the table, has no `_total`). What is counted for each interface is `kernel_drops.span0` in the store, a sum in
documents, and `otsensor_interface_kernel_drops_total{interface="span0"}`. Packets with an odd header are counted under
the oddity's name: [fields](fields.md). How a concern begins and ends: [on the span port](live.md#when-it-is-blind).
"""
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
    fires = ", ".join(rule.fires_on) or "nothing that is read: it is judged live only"
    captures = f"Fires on: {fires}. Stays silent on: {', '.join(rule.silent_on)}.\n"
    return (
        f"\n## {rule.title}\n\n{rule.description.strip()}\n\n**For the OT engineer.** {rule.explanation.strip()}\n\n"
        f"**Safe response.** {rule.response.strip()}\n\n{captures}"
    )


def table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def health_page() -> str:
    """Return docs/health.md."""
    rules = [rule for rule in RuleSet.load((default_rules(),)).alerting() if rule.category == "health"]
    concerns = [
        (f"`{kind}`", meaning, *next((r.title, r.level) for r in rules if r.test({"ot.health.kind": kind})))
        for kind, meaning in CONCERNS.items()
    ]
    counters = [(f"`{name}`", meaning) for name, meaning in HEALTH.items()]
    watching = [(f"`{name}`", meaning) for name, meaning in WATCHING.items()]
    return "\n".join(
        [
            MADE,
            "# The sensor's own health\n",
            HEALTH_INTRODUCTION,
            "\n## Concerns\n",
            table(("`ot.health.kind`", "meaning", "rule", "level"), concerns),
            "\n## Counters\n",
            table(("counter", "meaning"), counters),
            "\n## Counters of a watch\n",
            table(("counter", "meaning"), watching),
        ]
    )


PAGES = {
    "configuration.md": configuration_page, "fields.md": fields_page, "health.md": health_page, "rules.md": rules_page,
}  # fmt: skip


def main() -> None:
    """Write every page."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
        print(DOCS / name)


if __name__ == "__main__":
    main()
