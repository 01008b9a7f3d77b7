"""Syslog messages: what is composed is read back, and no bytes from the wire escape as anything but NotSyslog."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.ship.rfc5424 import Deframer, NotSyslog, compose, counted, parse, timestamp, word

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)


def test_a_message_is_as_the_standard_writes_it():
    made = compose(133, "2026-11-23T13:28:43.257522191Z", "north 1", "alert", {"id": 'a"b]c\\d'}, b'{"a":1}')
    assert made == (
        b'<133>1 2026-11-23T13:28:43.257522Z north_1 otsensor - alert [otsensor@32473 id="a\\"b\\]c\\\\d"] {"a":1}'
    )


@given(host=st.text(max_size=300), kind=st.text(max_size=60), identity=TEXTS, other=TEXTS, text=st.binary(max_size=80))
def test_what_is_composed_is_read_back(host, kind, identity, other, text):
    made = parse(compose(131, "2026-11-23T13:28:43Z", host, kind, {"id": identity, "after": other}, text))
    assert made.structure == {"id": identity, "after": other}
    assert made.text == text
    assert (made.priority, made.application) == (131, "otsensor")
    assert made.host == word(host, 255)
    assert made.kind == word(kind, 32)


@given(data=st.binary(max_size=200))
def test_garbage_is_no_syslog(data):
    for message in (data, b"<133>1 - - - - - " + data, b'<133>1 - - - - - [otsensor@32473 a="' + data):
        try:
            parse(message)
        except NotSyslog:
            continue


@pytest.mark.parametrize(
    "message",
    [b"", b"<999>1 - - - - - -", b"<34>Oct 11 22:14:15 old style", b"<1>1 - - - - - [", b"<1>1 - - - - - [a b]",
     b'<1>1 - - - - - [a b="c]', b"<1>1 - - - - - x", b'<1>1 - - - - - [a b="c"'],
)  # fmt: skip
def test_what_is_no_message_is_refused(message):
    with pytest.raises(NotSyslog):
        parse(message)


def test_elements_of_others_are_passed_over():
    made = parse(b'<1>1 - - - - - [meta sequenceId="4"][otsensor@32473 id="5"][x] hello')
    assert (made.structure, made.text) == ({"id": "5"}, b"hello")


@pytest.mark.parametrize(
    ("given_", "written"),
    [("2026-11-23T13:28:43.2575221Z", "2026-11-23T13:28:43.257522Z"), ("2026-11-23T13:28:43Z", "2026-11-23T13:28:43Z"),
     ("yesterday", "-"), ("", "-")],
)  # fmt: skip
def test_times_have_six_digits_at_most(given_, written):
    assert timestamp(given_) == written


MESSAGES = st.lists(st.binary(min_size=1, max_size=40).filter(lambda m: b"\n" not in m), max_size=6)


@given(messages=MESSAGES, lines=st.booleans(), cuts=st.lists(st.integers(0, 300), max_size=8))
def test_cutting_a_stream_anywhere_changes_nothing(messages, lines, cuts):
    if lines:
        messages = [b"<" + message for message in messages]
    stream = b"".join(message + b"\n" if lines else counted(message) for message in messages)
    frames, found = Deframer(1000), []
    ends = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    for start, end in itertools.pairwise(ends):
        found += frames.feed(stream[start:end])
    assert found == messages
    assert not frames.kept


@pytest.mark.parametrize("stream", [b"1001 x", b"99999999999 x", b"12x34 ", b"<" + b"x" * 1001])
def test_a_frame_beyond_the_bound_ends_the_stream(stream):
    with pytest.raises(NotSyslog):
        list(Deframer(1000).feed(stream))


def test_bytes_that_dribble_in_are_looked_at_once():
    frames = Deframer(1 << 20)
    for _ in range(100_000):
        assert list(frames.feed(b"<")) == []
    assert frames.searched == len(frames.kept) == 100_000
