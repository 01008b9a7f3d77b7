"""Every word is declared once, and a wrong one is answered with the nearest right one."""

import pytest

from sensor.contract import ACTIONS, OUTCOME_NAMES
from sensor.protocols import discovery
from sensor.vocabulary import TYPES, Field, Vocabulary, gather, nearest, vocabulary


def test_all_protocols_speak_without_contradiction():
    words = vocabulary()
    assert {"modbus", "dnp3", "s7comm"} <= {name.split(".")[0] for name in words.fields}
    assert len(words) > 200
    assert all(field.type in TYPES and field.meaning for field in words)


def test_two_meanings_of_one_word_are_refused():
    with pytest.raises(ValueError, match=r"a\.b is declared twice"):
        Vocabulary([Field("a.b", "long", "one"), Field("a.b", "keyword", "other")], [])


def test_actions_and_outcomes_are_those_of_the_contract():
    words = gather([])
    assert set(words.values(words["ot.action"])) == set(ACTIONS)
    assert words.values(words["ot.outcome"]) == OUTCOME_NAMES


def test_anomalies_of_every_protocol_can_be_said():
    words = vocabulary()
    for package in discovery.packages():
        declared = {anomaly.name for anomaly in gather([package.__name__]).anomalies.values()}
        assert declared <= set(words.values(words["ot.anomalies"]))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("ot.acton", "ot.action"),
        ("modbus.functon_code", "modbus.function_code"),
        ("conn_state", ""),
        ("src.ip", "source.ip"),
    ],
)
def test_the_nearest_word(word, expected):
    assert vocabulary().nearest(word) == expected


def test_the_nearest_of_nothing():
    assert nearest("x", []) == ""
