"""Imports never run back along the line, and the core reads no clock and opens no socket."""

import ast
import pathlib

import pytest

PACKAGE = pathlib.Path(__file__).parents[2] / "sensor"
LINE = (
    "contract", "vocabulary", "yamls", "keys", "capture", "decode", "flow", "protocols", "behaviour", "handover",
    "inventory", "detect", "build", "ecs", "alert", "store", "ship", "forensics", "console", "guard",
)  # fmt: skip
FOLDERS = [name for name in LINE if (PACKAGE / name).is_dir()]


def imported(path: pathlib.Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "sensor":
            names |= {f"sensor.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_imports_only_what_stands_before_it_on_the_line(folder):
    allowed = {"sensor", *(f"sensor.{name}" for name in LINE[: LINE.index(folder) + 1])}
    back = {
        (path.name, name)
        for path in (PACKAGE / folder).rglob("*.py")
        for name in imported(path)
        if name.split(".")[0] == "sensor" and ".".join(name.split(".")[:2]) not in allowed
    }
    assert back == set()


def test_a_protocol_imports_nothing_of_the_house_but_the_contract_and_the_words():
    strangers = {
        (str(path.relative_to(PACKAGE)), name)
        for folder in (PACKAGE / "protocols").iterdir()
        if folder.is_dir()
        for path in folder.rglob("*.py")
        for name in imported(path)
        if name.startswith("sensor.")
        and name not in ("sensor.contract", "sensor.vocabulary")
        and not name.startswith(f"sensor.protocols.{folder.name}")
    }
    assert strangers == set()


@pytest.mark.parametrize("folder", ["decode", "flow", "protocols", "behaviour"])
def test_the_line_reads_no_clock_and_no_file(folder):
    forbidden = {"time", "socket", "os", "logging", "subprocess"}
    found = {
        (str(path.relative_to(PACKAGE)), name)
        for path in (PACKAGE / folder).rglob("*.py")
        if path.name != "discovery.py"
        for name in imported(path)
        if name.split(".")[0] in forbidden
    }
    assert found == set()
    assert not [path for path in (PACKAGE / folder).rglob("*.py") if ".now(" in path.read_text()]
