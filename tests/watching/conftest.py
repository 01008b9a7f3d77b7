"""The kits of the tests beside these, and the span port they listen on."""

import pathlib
import sys

import pytest

from tests.watching import span_kit

sys.path.append(str(pathlib.Path(__file__).parents[1] / "line"))


@pytest.fixture
def span():
    made = span_kit.Span()
    yield made
    made.close()
