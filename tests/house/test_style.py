"""The house's numbers and names: short files and functions, a docstring in each, no drawers for odds and ends."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
MODULES = sorted((ROOT / "sensor").rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 500, 60
DRAWERS = {"util", "utils", "manager", "helper", "helpers", "base", "common", "misc"}
ELSEWHERE = re.compile(r"(?<![\w.])/(work|tmp)/|\b(TODO|FIXME|XXX)\b")

each_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))


@each_module
def test_a_module_is_short_and_says_what_it_is(path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert text.count("\n") <= LONGEST_FILE
    assert ast.get_docstring(tree), "what it is, which specification, the rule it lives by"
    assert path.stem not in DRAWERS


@each_module
def test_a_function_fits_a_screen(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < LONGEST_FUNCTION, node.name


@each_module
def test_nothing_names_a_workplace_or_a_thing_left_undone(path):
    assert ELSEWHERE.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("folder", ["capture", "decode", "flow", "protocols", "behaviour", "inventory", "alert"])
def test_a_cap_on_what_the_wire_brings_says_its_reason(folder):
    for path in sorted((ROOT / "sensor" / folder).rglob("*.py")):
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            if re.match(r"MAX_\w+(: Final)? = ", line):
                near = lines[number - 1 : number + 2] if line.endswith("(") else lines[number - 1 : number + 1]
                beside = near[0].startswith("MAX_")  # told with the one before
                assert beside or any("#" in one for one in near), f"{path.name}: {line}"
