"""What is usual outlives a restart: a machine, a network or traffic that is gone after it is missed."""

import pytest
from health_kit import HOME, HOUR, MINUTE, SECOND, Span, kinds
from hypothesis import given
from hypothesis import strategies as st

from sensor.guard.health import habits

PUMP, VALVE = (HOME, "10.0.0.5"), (HOME, "10.0.0.6")


def before(talkers=(PUMP, VALVE), windows=90):
    """A span that was watched for one and a half hours."""
    span = Span(known_after=HOUR // SECOND)
    span.run(windows, talkers)
    return span


def after(span):
    """The same span, watched anew."""
    again = Span(known_after=HOUR // SECOND)
    assert habits.recall(again.quality, habits.told(span.quality, "span0"), "span0")
    return again


def test_who_is_silent_after_a_restart_is_missed():
    again = after(before())
    again.run(2, [VALVE])
    assert again.told == []
    again.run(4, [VALVE])
    assert {(one.kind, one.where) for one in again.told} == {("talker_silent", "10.0.0.5")}


def test_who_is_heard_again_is_not_missed():
    again = after(before())
    again.run(30, [PUMP, VALVE])
    assert again.told == []


def test_a_silence_goes_on_over_a_restart():
    span = before()
    span.run(2, [VALVE])  # for two minutes: not yet a concern
    again = after(span)
    again.run(2, [VALVE])
    assert {(one.kind, one.where) for one in again.told} == {("talker_silent", "10.0.0.5")}


def test_traffic_that_is_less_after_a_restart_has_fallen():
    again = after(before())
    again.run(3, [PUMP, VALVE], frames=1)
    assert ("traffic_fallen", False) in kinds(again.told)


def test_another_span_has_other_habits():
    again = Span()
    assert not habits.recall(again.quality, habits.told(before().quality, "span0 of north"), "span0 of south")
    assert again.quality.talkers.known == {}


def test_who_was_not_regular_yet_is_not_kept():
    again = after(before(windows=20))
    again.run(20, [VALVE])
    assert again.told == []


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"networks": [[1]], "talkers": [], "windows": []}',
                                  '{"span": "span0", "networks": [], "talkers": [], "windows": [-1]}',
                                  "[" * 100_000])  # fmt: skip
def test_what_is_no_note_of_habits_changes_nothing(text):
    span = Span()
    assert not habits.recall(span.quality, text, "span0")
    assert (span.quality.networks.known, span.quality.talkers.known) == ({}, {})


@given(st.lists(st.integers(0, 2**62 - 1), max_size=60), st.integers(0, 10 * MINUTE), st.integers(0, 2**62 - 1))
def test_whatever_a_note_says_it_comes_back_as_it_was(windows, silent, heard):
    span, again = Span(), Span()
    span.quality.sound = silent
    span.quality.usual.windows.extend(windows)
    span.quality.talkers.known[PUMP] = habits.rhythm(habits.Habit(*PUMP, heard, 0, 7 * SECOND, 5 * SECOND))
    note = habits.told(span.quality, "span0")
    assert habits.recall(again.quality, note, "span0")
    assert habits.told(again.quality, "span0") == note
