"""Let the tests of this folder import their kit by name."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
