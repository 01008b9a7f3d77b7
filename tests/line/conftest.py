"""Let these tests import one another by name, wherever the sensor itself is imported from."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[2]))
