"""Let these tests use the kit of tests/line, and parse the shipped rules once."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[2]))
from tests.line.conftest import rules_once  # noqa: F401  # a fixture for the tests here too
