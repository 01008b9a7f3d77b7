"""`health:` is checked like everything else: with the place and the nearest right name."""

import pytest

from sensor import config
from sensor.config import ConfigError
from sensor.guard.health.settings import HealthSettings
from sensor.guard.health.shares import RATIOS


def loaded(tmp_path, text):
    path = tmp_path / "otsensor.yml"
    path.write_text(f"health:\n{text}\n")
    return config.load(path).health


def test_what_is_not_said_has_its_default(tmp_path):
    assert loaded(tmp_path, "  every: 60s") == HealthSettings()


def test_values_are_taken(tmp_path):
    found = loaded(tmp_path, "  listen: 127.0.0.1:9464\n  every: 5m\n  kernel_drops: 0.5\n  one_way: 80\n  calm: 5")
    assert str(found.listen) == "127.0.0.1:9464"
    assert (found.every, found.kernel_drops, found.one_way, found.calm) == (300, 0.5, 80, 5)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("  kernel_drop: 1", 2, "kernel_drops"),
        ("  every: 1m\n  one_way: 120", 3, "100"),
        ("  cut: some", 2, "cut"),
        ("  window: 2s", 2, "10"),
        ("  every: soon", 2, "every"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path, text, line, says):
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    assert f"otsensor.yml:{line}: " in str(caught.value)
    assert says in str(caught.value)


def test_every_share_has_its_threshold():
    assert all(getattr(HealthSettings(), ratio.kind) >= 0 for ratio in RATIOS)
