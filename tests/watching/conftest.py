"""The kits of the tests beside these."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[1] / "line"))
