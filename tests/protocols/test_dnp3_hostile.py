"""DNP3 under hostile bytes: nothing raises, nothing grows, nothing odd passes as routine; cuts change nothing."""

import random

import pytest
from dnp3_kit import (
    CLASS_POLL,
    COMPLETED,
    FROM_OUTSTATION,
    LINK,
    MASTER,
    OUTSTATION,
    PART,
    SECOND,
    STARTED,
    Line,
    crob,
    frame,
    invariant,
    objects,
    request,
    response,
    segments,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sensor.contract import MAX_KEPT, UNANSWERED, Malformed
from sensor.protocols.dnp3.dissector import Dnp3Dissector
from sensor.protocols.dnp3.objects import LENGTHS, Headers
from sensor.protocols.dnp3.pairing import MAX_PAIRS, MAX_WAITING
from sensor.protocols.dnp3.shape import groups_of, shape_of
from sensor.protocols.dnp3.transport import MAX_PARTIALS

octets = st.integers(0, 255)
groups = st.one_of(st.sampled_from([*LENGTHS, 0, 110, 112, 113]), octets)
qualifiers = st.one_of(st.sampled_from([0, 1, 2, 6, 7, 8, 9, 0x17, 0x28, 0x39, 0x5B]), octets)
header = st.builds(
    lambda group, variation, qualifier, rest: bytes([group, variation, qualifier]) + rest,
    groups,
    st.one_of(st.integers(0, 9), octets),
    qualifiers,
    st.binary(max_size=24),
)
functions = st.one_of(st.sampled_from([0, 1, 2, 3, 4, 5, 6, 25, 32, 129, 130, 131]), octets)
user = st.one_of(
    st.binary(max_size=250),
    st.builds(
        lambda transport, control, function, indications, headers: (
            bytes([transport, control, function]) + (indications if function > 127 else b"") + b"".join(headers)
        )[:250],
        st.one_of(st.just(0xC0), octets),
        st.one_of(st.integers(0xC0, 0xC3), octets),
        functions,
        st.binary(min_size=2, max_size=2),
        st.lists(header, max_size=6),
    ),
)
links = st.one_of(st.sampled_from([0xC4, 0x44]), octets)
addresses = st.sampled_from([MASTER, OUTSTATION, 11, 0xFFFC, 0xFFFF])
frames = st.builds(frame, user, links, addresses, addresses)
spoiled = st.builds(  # a frame one of whose blocks is wrong
    lambda text, place, bit: (
        text if len(text) == 10 else text[: 10 + place % (len(text) - 10)]
        + bytes([text[10 + place % (len(text) - 10)] ^ 1 << bit]) + text[11 + place % (len(text) - 10) :]
    ),
    frames, st.integers(0, 10_000), st.integers(0, 7),
)  # fmt: skip


@given(st.lists(st.one_of(frames, spoiled), max_size=12), st.lists(st.sampled_from(["", "gap", "expire"]), max_size=12))
@settings(max_examples=400, deadline=None)
def test_what_is_odd_is_never_routine(texts, events):
    line = Line()
    for number, text in enumerate(texts):
        if number < len(events) and events[number] == "gap":
            line.dissector.gap(number % 2)
        elif number < len(events) and events[number] == "expire":
            line.time += 70 * SECOND
            line.dissector.expire(line.time)
        result = line(text)
        assert (line.exchange is None) == (result in (PART, LINK))
        if result == LINK:
            message = line.dissector.dissect(text, 0, len(text), line.log[-1][0], b"")
            assert not message.anomalies or message.kind == "request"  # a repeat of one that waits
    line.dissector.finish()
    invariant(line)
    late = line.late()
    begun = [id(exchange) for _, result, exchange, _ in line.log if result == STARTED]
    ended = [id(exchange) for _, result, exchange, _ in line.log if result == COMPLETED]
    assert sorted(begun) == sorted(ended + [id(exchange) for exchange in late if exchange.outcome == UNANSWERED])
    for exchange in [entry[2] for entry in line.log if entry[2]] + late:
        for wire, direction in ((exchange.request, exchange.client), (exchange.response, 1 - exchange.client)):
            if wire:
                message = line.dissector.dissect(wire, 0, len(wire), direction, b"")
                assert isinstance(message.fields(), dict)
                assert not message.anomalies or exchange.significant
    assert line.dissector.pending == line.dissector.kept == 0


@given(st.one_of(frames, spoiled), st.one_of(frames, spoiled))
@settings(max_examples=200, deadline=None)
def test_one_shape_one_identity(one, two):
    told = []
    for text in (one, two):
        line = Line()
        if line(text) not in (PART, LINK):
            message = line.dissector.dissect(text, 0, len(text), line.log[-1][0], b"")
            told.append((line.exchange.shape, message.operation, message.unit, list(map(str, message.targets))))
    if len(told) == 2 and told[0][0] == told[1][0]:
        assert told[0] == told[1]


@given(st.binary(min_size=1, max_size=64))
@settings(max_examples=300, deadline=None)
@example(b"\x05\x64\x05\xc0\x01")
def test_garbage_never_escapes(data):
    dissector = Dnp3Dissector()
    length = dissector.frame(data, 0, len(data), 0)
    assert length <= 0 or 10 <= length <= 292
    at = dissector.resync(data, 0, len(data), 0)
    assert 0 < at <= len(data)
    if length <= 0 or length > len(data):
        with pytest.raises(Malformed):
            dissector.dissect(data, 0, len(data), 0, b"")


@given(st.lists(header, max_size=8).map(b"".join), functions)
@settings(max_examples=300, deadline=None)
def test_the_walk_stays_within_its_bytes(text, function):
    headers = Headers()
    headers.start(text, 0, len(text), function)
    at = 0
    while headers.next():
        assert at == headers.head < headers.body <= len(text)
        assert headers.body <= headers.at <= len(text)
        at = headers.at
    assert at == headers.at or headers.problems
    assert len(shape_of(headers, text, 0, len(text), function)) <= len(text)
    groups_of(headers, text, 0, len(text))


LONG = b"\xc4\x81\0\0" + objects(30, 2, 0, bytes([0, 199])) + bytes([1, 9, 0]) * 200
TALK = [
    (0, frame(control=0xC9)),
    (1, frame(control=0x0B, destination=MASTER, source=OUTSTATION)),
    (0, request(1, CLASS_POLL, sequence=4)),
    *[(1, part) for part in segments(LONG, **FROM_OUTSTATION)],
    (0, request(3, crob(), sequence=5)),
    (1, response(crob(), sequence=5)),
    (0, request(4, crob(), sequence=6)),
    (1, response(crob(), sequence=6)),
    (1, response(objects(2, 1, 0x17, bytes([1, 5, 0x81])), function=130, control=0xF0)),
    (0, request(0, control=0xD0)),
]


def read(pieces):
    """Read pieces of both directions as a framing loop does; return what came out."""
    dissector = Dnp3Dissector()
    rest = [b"", b""]
    told = []
    time = 1
    for direction, piece in pieces:
        data = rest[direction] + piece
        start = 0
        while start < len(data):
            length = dissector.frame(data, start, len(data), direction)
            if length == 0 or length > len(data) - start:
                break
            if length < 0:
                told.append((direction, "illegible"))
                start = dissector.resync(data, start, len(data), direction)
                continue
            result = dissector.glance(data, start, start + length, direction, time)
            exchange = dissector.exchange
            whole = dissector.whole or data[start : start + length]
            told.append((direction, result, exchange and (exchange.shape, exchange.outcome, exchange.significant)))
            if result != PART:
                message = dissector.dissect(whole, 0, len(whole), direction, b"")
                told.append((message.operation, message.anomalies, str(message.fields())))
            start += length
        rest[direction] = data[start:]
    dissector.finish()
    return told, dissector


WHOLE = read(TALK)[0]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_cutting_anywhere_changes_nothing(data):
    pieces = []
    for direction, text in TALK:
        cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
        pieces += [(direction, text[a:b]) for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert read(pieces)[0] == WHOLE


def test_octet_by_octet():
    assert read([(direction, text[at : at + 1]) for direction, text in TALK for at in range(len(text))])[0] == WHOLE


def test_all_at_once():
    both = [(side, b"".join(text for direction, text in TALK if direction == side)) for side in (0, 1)]
    told = read(both)[0]
    assert sorted(str(entry[1:]) for entry in told if len(entry) == 3 and entry[1] in (PART, LINK)) == sorted(
        str(entry[1:]) for entry in WHOLE if len(entry) == 3 and entry[1] in (PART, LINK)
    )


def test_after_garbage_the_next_good_header_is_found():
    good = request(1, CLASS_POLL)
    for garbage in (b"\x05", b"\x05\x64", b"\x05\x64" * 9, good[:9] + b"\0", bytes(40), b"\x05\x05\x64\x64" * 5):
        told = read([(0, garbage + good)])[0]
        assert [entry[1] for entry in told if entry[1] != "illegible"][-2:] == [1, []]


def test_a_flip_anywhere_is_borne():
    dice = random.Random(3)
    for _ in range(300):
        stream = [(direction, bytearray(text)) for direction, text in TALK * 2]
        for _ in range(dice.randrange(1, 4)):
            _, text = dice.choice(stream)
            text[dice.randrange(len(text))] ^= 1 << dice.randrange(8)
        told, dissector = read([(side, bytes(piece)) for side, piece in stream])
        assert dissector.pending == 0
        assert len(told) > len(WHOLE)  # of two rounds, more than one is still read


def test_nothing_grows():
    dice = random.Random(4)
    line = Line()
    for number in range(6_000):
        kind = dice.randrange(4)
        address = dice.randrange(0xFFF0)
        if kind == 0:
            line(request(dice.choice((1, 3, 5)), crob(), sequence=number % 16, destination=address))
        elif kind == 1:
            line(response(transport=0x40, source=address))
        elif kind == 2:
            line(response(sequence=number % 16, control=0x80, source=address))
        else:
            line(frame(bytes([0x40]) + bytes(200), source=address))
        line.late()
        line.log.clear()
        dissector = line.dissector
        assert len(dissector.requests) == len(dissector.responses) <= MAX_PAIRS
        assert all(len(side) <= MAX_PARTIALS for side in dissector.transport.partials)
        assert dissector.transport.size <= MAX_KEPT
        assert dissector.pending <= 17 * MAX_PAIRS
        assert dissector.kept <= MAX_WAITING
    assert dissector.transport.held == sum(map(len, dissector.transport.partials))
