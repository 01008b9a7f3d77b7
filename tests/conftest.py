"""Say which build the tests ran, and where the captures lie."""

import os
import pathlib
import sys

import pytest

from sensor import build

ROOT = pathlib.Path(__file__).parents[1]
sys.path.append(str(ROOT))  # bench and tests by name; last, so that an installed sensor goes before the source tree
SHARED = pathlib.Path(os.environ.get("OTSENSOR_CAPTURES", ROOT.parent / "shared" / "captures"))


def pytest_report_header(config):  # noqa: ARG001
    captures = SHARED if SHARED.is_dir() else "absent: tests that need them are skipped"
    return [build.describe(), f"shared captures: {captures}"]


@pytest.fixture(scope="session")
def pcaps():
    """The captures shipped with the project."""
    return ROOT / "pcaps"


@pytest.fixture(scope="session")
def shared():
    """The folder of shared captures."""
    if not SHARED.is_dir():
        pytest.skip(f"the shared captures are not there ({SHARED}); name their folder in OTSENSOR_CAPTURES")
    return SHARED
