"""A configuration file, written for a test."""

import pytest


@pytest.fixture
def write(tmp_path):
    def written(text):
        path = tmp_path / "otsensor.yml"
        path.write_text(text, encoding="utf-8")
        return path

    return written
