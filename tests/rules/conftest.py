"""Let the tests of this folder use what tests/detect/made.py makes."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "detect"))
