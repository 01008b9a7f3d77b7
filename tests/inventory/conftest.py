"""Let these tests use the kits of tests/line and tests/detect."""

import pathlib
import sys

TESTS = pathlib.Path(__file__).parents[1]
sys.path.append(str(TESTS.parent))
sys.path.insert(0, str(TESTS / "detect"))
