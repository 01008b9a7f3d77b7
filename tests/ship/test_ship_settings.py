"""Destinations are checked key by key; secrets never stand in the configuration."""

import pathlib

import pytest

from sensor.config import ConfigError, load
from sensor.ship import kinds
from sensor.ship.destination import STREAMS, Filter, SettingsError
from sensor.ship.settings import COMMON, Limits, secret


@pytest.fixture
def write(tmp_path):
    def written(text):
        path = tmp_path / "otsensor.yml"
        path.write_text(text)
        return path

    return written


WHOLE = """
site: north
destinations:
  - type: elasticsearch
    hosts: [https://a:9200, "https://[::1]:9200"]
    api_key_file: es.key
    ca: /etc/ca.pem
    kinds: [alert, asset]
    levels: [high, critical]
    segments: cell-1
  - type: elasticsearch
    name: far
    hosts: https://b:9200
    user: otsensor
    password_env: ES_PASSWORD
    timeout: 2m
outbox:
  max_size: 2 GB
  max_age: 30d
"""


def test_a_whole_configuration(write, tmp_path):
    config = load(write(WHOLE))
    near, far = config.destinations
    assert (near.name, far.name) == ("elasticsearch", "far")
    assert near.values["hosts"] == ("https://a:9200", "https://[::1]:9200")
    assert near.values["api_key_file"] == tmp_path / "es.key"
    assert near.filter == Filter(
        frozenset({"alert", "asset"}), frozenset({"high", "critical"}), segments=frozenset({"cell-1"})
    )
    assert far.filter.kinds == frozenset(STREAMS)
    assert (far.values["timeout"], far.values["namespace"]) == (120.0, "default")
    assert config.outbox == Limits(2e9, 30 * 86_400)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("destinations: 3", 1, "destinations is a list"),
        ("destinations:\n  - hosts: x", 2, "needs a type: one of elasticsearch"),
        ("destinations:\n  - type: elastisearch", 2, "did you mean elasticsearch?"),
        ("destinations:\n  - type: elasticsearch", 2, "hosts is missing"),
        ("destinations:\n  - type: elasticsearch\n    hosts: https://a\n    hots: x", 4, "did you mean hosts?"),
        ("destinations:\n  - type: elasticsearch\n    hosts: https://a\n    api_key: x", 4, "api_key_file or api_key_env"),  # noqa: E501
        ("destinations:\n  - type: elasticsearch\n    hosts: https://a\n    password: x", 4, "does not stand here"),
        ("destinations:\n  - type: elasticsearch\n    hosts: https://a\n    kinds: [alarm]", 4, "'alarm' is none of"),
        ("destinations:\n  - type: elasticsearch\n    hosts: https://a\n    levels: [a: b]", 4, "plain values"),
        ("destinations:\n  - type: elasticsearch\n    hosts: https://a\n    timeout: soon", 4, "no number with one of s,"),  # noqa: E501
        ("destinations:\n  - {type: elasticsearch, hosts: a}\n  - {type: elasticsearch, hosts: b}", 3, "a second"),
        ("outbox:\n  max_size: many", 2, "no number with one of b, kb"),
        ("outbox: big", 1, "key: value"),
        ("destination:\n  - type: x", 1, "did you mean destinations?"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_line(write, text, line, said):
    path = write(text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert f"{path}:{line}: " in str(caught.value)
    assert said in str(caught.value)


def test_a_secret_comes_from_a_file_or_the_environment(write, tmp_path, monkeypatch):
    near, far = load(write(WHOLE)).destinations
    with pytest.raises(SettingsError, match=r"es\.key: No such file"):
        secret(near, "api_key")
    (tmp_path / "es.key").write_text(" \n")
    with pytest.raises(SettingsError, match="is empty"):
        secret(near, "api_key")
    (tmp_path / "es.key").write_text("abc\n")
    assert secret(near, "api_key") == "abc"
    assert secret(near, "password") is None
    with pytest.raises(SettingsError, match="ES_PASSWORD is not set"):
        secret(far, "password")
    monkeypatch.setenv("ES_PASSWORD", "xyz")
    assert secret(far, "password") == "xyz"


def test_what_a_filter_lets_through():
    rows = [{"level": "low", "site": "a", "segment": "x"}, {"site": "b", "segment": "x"}, {}]
    assert [Filter().takes(row) for row in rows] == [True, True, True]
    assert [Filter(levels=frozenset({"high"})).takes(row) for row in rows] == [False, True, True]
    assert [Filter(sites=frozenset({"a"})).takes(row) for row in rows] == [True, False, True]
    assert [Filter(segments=frozenset({"y"})).takes(row) for row in rows] == [False, False, True]


@pytest.mark.parametrize("name", sorted(kinds.KINDS))
def test_each_key_has_its_line_in_the_manual(name):
    manual = (pathlib.Path(__file__).parents[2] / "docs" / "shipping.md").read_text(encoding="utf-8")
    keys = {**COMMON, **kinds.kind(name).KEYS}
    assert {key for key in keys if f"`{key}`" not in manual} == set()
    assert f"`{name}`" in manual
