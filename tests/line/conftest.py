"""Let these tests import their kit by name, wherever the sensor is imported from; parse the shipped rules once."""

import gc
import pathlib
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).parents[2]))


@pytest.fixture(autouse=True)
def rules_once():
    """Commands run in this process do not parse the shipped rules again, and leave the collector as it was."""
    from tests.line import line_kit  # noqa: PLC0415  # found by the line above

    thresholds = gc.get_threshold()
    with line_kit.shipped_rules_once():
        yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()
