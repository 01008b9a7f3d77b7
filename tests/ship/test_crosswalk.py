"""Every name of ours in the crosswalk is declared, and so is every protocol's part of it."""

import pathlib
import re

from sensor.vocabulary import vocabulary

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "crosswalk.md"
NAME = re.compile(r"`([@a-z][\w@.]*)`")


def ours():
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    return [name for row in rows for name in NAME.findall(row.split("|")[1])]


def test_every_name_of_ours_is_declared():
    assert [name for name in ours() if name not in vocabulary()] == []


def test_every_protocol_has_its_part():
    named = {name.split(".")[0] for name in ours()}
    assert {"modbus", "dnp3", "s7comm", "cotp", "source", "rule", "device"} <= named
    assert len(ours()) > 100


def test_every_word_of_a_protocol_has_its_place():
    """In a table beside the others' names, or among those without a counterpart; never in both, never one of nobody."""
    alone = NAME.findall(PAGE.read_text(encoding="utf-8").split("## Without a counterpart")[1])
    protocols = ("modbus.", "dnp3.", "s7comm.", "cotp.")
    every = {field.name for field in vocabulary() if field.name.startswith(protocols)}
    missing = every - set(ours()) - set(alone)
    assert not missing, f"say in {PAGE} what others call them, or that nobody does: {sorted(missing)}"
    assert set(alone) & set(ours()) == set()
    assert [name for name in alone if name not in vocabulary() and not name.endswith(("*", "."))] == []


def test_every_table_has_the_columns_it_announces():
    width = 0
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            width = 0
        elif not width:
            width = line.count("|")
        else:
            assert line.count("|") == width, line
