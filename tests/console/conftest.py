"""Let these tests use the kit of tests/line, and parse the shipped rules once."""

import pathlib
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).parents[2]))
sys.path.append(str(pathlib.Path(__file__).parent))
from tests.line.conftest import rules_once  # noqa: F401  # a fixture for the tests here too


@pytest.fixture(autouse=True)
def as_wide_as_without_a_terminal(monkeypatch):
    """However wide the terminal of whoever runs the tests is."""
    monkeypatch.delenv("COLUMNS", raising=False)
