"""Whatever a file holds, what comes out is a Config or a ConfigError."""

import os
import pathlib
import tempfile

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sensor.config import Config, ConfigError, WatchSettings, WriteSettings, load
from sensor.keys.key import declared

MANY = 20_000 if os.environ.get("OTSENSOR_FUZZ") else 200
SCALARS = st.one_of(
    st.sampled_from(
        ["", "~", "null", "yes", "no", "on", "1", "0", "-1", "010", "0x1F", "1e999", ".nan", ".inf", "-.inf", "64 MB",
         "2ms", "1h", "9" * 30, "9" * 30 + " TB", "12:30:00", "2026-01-01", "[]", "{}", "'", '"', "[a, b]", "{a: b}",
         "*a", "&a b", "!!binary aGk=", "!x y", "<<", "=", "|", ">", "127.0.0.1:9464", "::1", "'[::1]:1'", "?", "- x",
         "a: b", "%", "\t"]
    ),
    st.text(max_size=20),
)  # fmt: skip
WORDS = st.one_of(
    st.sampled_from(
        [*declared(Config), *declared(WatchSettings), *declared(WriteSettings), "type", "hosts", "10.0.0.1"]
    ),
    SCALARS,
)


def outcome(data):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "otsensor.yml")
        path.write_bytes(data)
        said = ""
        try:
            found = load(path)
        except ConfigError as error:
            said = str(error)
        else:
            assert isinstance(found, Config)
            str(found).encode()
        assert len(said) < 60_000
        assert not said or said.startswith(str(path))


@settings(max_examples=MANY, deadline=None)
@given(st.binary(max_size=200))
@example(b"\xff\xfe")
@example(b'"\\UFFFFFFFF"')
@example(b"%YAML 9.99999999999999999999\n--- a")
@example(b"? ? ? a")
def test_garbage_gives_a_configuration_or_a_complaint_property(data):
    outcome(data)


@settings(max_examples=MANY, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), WORDS, SCALARS), max_size=12))
def test_lines_that_look_like_keys_give_a_configuration_or_a_complaint_property(lines):
    text = "".join(f"{'  ' * depth}{word}: {value}\n" for depth, word, value in lines)
    outcome(text.encode("utf-8", "surrogatepass"))


TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=12,
)


def drawn(tree):
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{word}: {drawn(value)}" for word, value in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(map(drawn, tree)) + "]"
    return tree if tree.isalnum() else repr(tree)


@settings(max_examples=MANY, deadline=None)
@given(st.dictionaries(st.sampled_from(list(declared(Config))), TREES, max_size=4))
def test_wrong_types_anywhere_give_a_configuration_or_a_complaint_property(tree):
    outcome(drawn(tree).encode("utf-8", "surrogatepass"))
