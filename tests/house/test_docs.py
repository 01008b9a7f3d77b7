"""Generated pages are fresh, and each command, option and exit code has its line."""

import argparse
import pathlib

import pytest

from sensor import cli, docs
from sensor.commands.exits import EXITS

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize("name", sorted(docs.PAGES))
def test_a_generated_page_is_fresh(name):
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == docs.PAGES[name](), "run `make docs`"


def commands():
    (verbs,) = (action for action in cli.parser()._actions if isinstance(action, argparse._SubParsersAction))
    return verbs.choices


@pytest.mark.parametrize("verb", sorted(commands()))
def test_each_command_and_option_has_its_line_in_the_manual(verb):
    manual = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert f"otsensor {verb}" in manual
    options = {text for action in commands()[verb]._actions for text in action.option_strings if text.startswith("--")}
    assert {text for text in options - {"--help"} if f"`{text}" not in manual} == set()


def test_each_exit_code_is_documented():
    manual = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    codes = [line.split()[0] for line in EXITS.splitlines()[1:]]
    assert codes == ["0", "1", "2", "3", "130"]
    assert all(f"| {code} |" in manual for code in codes)
