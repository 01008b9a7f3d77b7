"""`health:` is checked like everything else: with the place and the nearest right name."""

import dataclasses
import pathlib

import pytest
import yaml

from sensor.guard.health.settings import KEYS, HealthSettings, health
from sensor.ship.settings import Problems


def checked(text):
    problems = Problems(pathlib.Path("otsensor.yml"))
    return health(yaml.compose(text, Loader=yaml.SafeLoader), problems), problems.found


def test_what_is_not_said_has_its_default():
    found, problems = checked("{}")
    assert (found, problems) == (HealthSettings(), [])
    assert {key: KEYS[key].default for key in KEYS} == dataclasses.asdict(found)


def test_values_are_taken():
    found, problems = checked("listen: 127.0.0.1:9464\nevery: 5m\nkernel_drops: 0.5\none_way: 80\n")
    assert problems == []
    assert (found.listen, found.every, found.kernel_drops, found.one_way) == ("127.0.0.1:9464", 300, 0.5, 80)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("kernel_drop: 1", 1, "kernel_drops"),
        ("every: 1m\none_way: 120", 2, "120 is no percentage"),
        ("cut: some", 1, "cut"),
        ("window: 2s", 1, "less than 10"),
        ("every: soon", 1, "no number"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text, line, says):
    _, problems = checked(text)
    (problem,) = problems
    assert problem.startswith(f"otsensor.yml:{line}: ")
    assert says in problem


def test_every_key_says_what_it_means():
    assert all(len(key.meaning) > 10 for key in KEYS.values())
