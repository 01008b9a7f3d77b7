"""`otsensor fields` and `otsensor rules`: the words, and the rules that use them.

The rule it lives by: whoever writes a rule finds here every word it may say, and every fault at once.
"""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from typing import TYPE_CHECKING, Final

from sensor.commands.exits import OK, WRONG
from sensor.commands.listing import FORM, FORMATS, show_rows
from sensor.console import tables, views, words
from sensor.detect.rule import SEVERITY
from sensor.detect.ruleset import RuleSet, default_rules
from sensor.vocabulary import vocabulary

if TYPE_CHECKING:
    import argparse

FIELD_COLUMNS: Final = (
    tables.Column("field", lambda r: r["name"]),
    tables.Column("type", lambda r: r["type"] + ("[]" if r["many"] else "")),
    tables.Column("meaning", lambda r: tables.safe(r["meaning"]), wrap=True, ratio=3),
    tables.Column("specification", lambda r: tables.safe(r["section"]), wrap=True, ratio=1),
    tables.Column("tshark", lambda r: r["tshark"]),
)
RULE_COLUMNS: Final = (
    tables.Column("protocol", lambda r: r["protocol"]),
    tables.Column("level", views.level),
    tables.Column("rule", lambda r: tables.safe(r["title"]), wrap=True, ratio=3),
    tables.Column("ATT&CK", lambda r: " ".join(r["techniques"])),
    tables.Column("file", lambda r: tables.safe(r["file"]), wrap=True, ratio=1),
)


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    fields_ = verbs.add_parser("fields", help="every field a rule or a document may use")
    fields_.add_argument("name", nargs="?", default="", help="a field, or the beginning of one: modbus")
    fields_.add_argument("--format", choices=FORMATS, default="table", help=FORM)
    fields_.set_defaults(run=fields)
    rules_ = verbs.add_parser("rules", help="check or list detection rules")
    rules_.add_argument("what", choices=("check", "list"))
    rules_.add_argument("paths", nargs="*", type=pathlib.Path, help="files or folders (default: the rules shipped)")
    rules_.add_argument("--format", choices=FORMATS, default="table", help=FORM)
    rules_.set_defaults(run=rules)


def fields(options: argparse.Namespace) -> int:
    """Run `otsensor fields`."""
    found = [dataclasses.asdict(field) for field in vocabulary() if field.name.startswith(options.name)]
    if not found:
        near = vocabulary().nearest(options.name)
        print(f"no field begins with {options.name!r}" + (f"; did you mean {near}?" if near else ""), file=sys.stderr)
        return WRONG
    show_rows("Fields", FIELD_COLUMNS, found, options.format)
    return OK


def rules(options: argparse.Namespace) -> int:
    """Run `otsensor rules check|list`; RuleFaults with every fault is raised where rules are wrong."""
    paths = options.paths or [default_rules()]
    missing = [path for path in paths if not path.exists()]
    if missing:
        print("\n".join(f"{path}: no such file or folder" for path in missing), file=sys.stderr)
        return WRONG
    found = RuleSet.load(paths)
    if not found.alerting():
        print(
            f"{', '.join(map(str, paths))}: no rules found; expected files that end in .yml or .yaml", file=sys.stderr
        )
        return WRONG
    if options.what == "check":
        print(f"{words.plural(len(found.alerting()), 'rule')} checked, all well.")
        return OK
    rows = [
        {"protocol": rule.service or "any", "level": rule.level, "title": rule.title, "id": rule.id,
         "techniques": list(rule.techniques), "file": pathlib.Path(rule.path).name, "line": rule.line}
        for rule in sorted(found.alerting(), key=lambda rule: (rule.service, -SEVERITY[rule.level], rule.title))
    ]  # fmt: skip
    show_rows("Rules", RULE_COLUMNS, rows, options.format)
    return OK
