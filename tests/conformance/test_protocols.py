"""What is demanded of every protocol that is found, with no test written for it.

The rule it lives by: `discovery` says what there is, the captures say what it must bear. Whoever adds a folder to
`sensor/protocols/` and a capture to `pcaps/` has added all these tests.
"""

import functools
import gzip
import json
import os
import pathlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.console.lines import line
from sensor.contract import ALONE, COMPLETED, LINK, PART, STARTED, Malformed, Message
from sensor.protocols import discovery
from sensor.vocabulary import vocabulary
from tests.conformance import survey, taps, truth
from tests.line import line_kit

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
WRITE = os.environ.get("OTSENSOR_GOLDEN") == "write"
UNSEEN = GOLDEN / "fields-not-yet-seen.txt"
PROTOCOLS = {protocol.name: protocol for protocol in discovery.find()}
EXAMPLES = 2000 if os.environ.get("OTSENSOR_FUZZ") else 100
LEAST_SHARE = 0.99  # of tshark's messages
SMALL = [name for name in line_kit.OWN if (line_kit.PCAPS / name).stat().st_size < 100_000]

each_protocol = pytest.mark.parametrize("name", sorted(PROTOCOLS))
each_capture = pytest.mark.parametrize("path", line_kit.EVERY, ids=lambda path: path.name)
each_own = pytest.mark.parametrize("path", line_kit.EVERY[: len(line_kit.OWN)], ids=lambda path: path.name)
needs_shared = pytest.mark.skipif(not line_kit.STRANGERS, reason=line_kit.ABSENT)


@functools.cache
def spoken():
    """Every protocol's conversations in our own captures, those inside a carrier too."""
    return taps.conversations([line_kit.PCAPS / name for name in line_kit.OWN])


# --- Every capture ------------------------------------------------------------------------------------


@each_capture
def test_a_capture_is_read_to_its_end_and_every_frame_is_of_some_kind(path):
    found = survey.of(path)
    assert found.by_kind == found.by_source == found.frames
    assert found.counts["dissector_failed"] == 0, found.failures
    assert found.counts["buffered_bytes"] == found.counts["flows"] == 0  # all ended


@each_capture
def test_every_word_of_a_message_is_declared_with_its_type(path):
    assert survey.of(path).wrong_words == []


@each_capture
def test_every_anomaly_is_declared(path):
    assert survey.of(path).anomalies - vocabulary().anomalies.keys() == set()


@each_capture
def test_what_a_glance_calls_insignificant_has_no_anomaly(path):
    assert survey.of(path).broken_contract == []


@each_protocol
def test_a_protocol_has_a_capture_of_ours(name):
    assert spoken()[name], f"no capture in pcaps/ holds {name}"


@needs_shared
def test_every_declared_field_is_seen_or_in_the_golden_list():
    """The list of fields that no capture shows can only become shorter."""
    folders = {name.split(".", 1)[0] for path in line_kit.EVERY for name in survey.of(path).fields}
    declared = {field.name for field in vocabulary() if field.name.split(".", 1)[0] in folders}
    unseen = declared.difference(*(survey.of(path).fields for path in line_kit.EVERY))
    known = set(UNSEEN.read_text().split())
    if WRITE:
        UNSEEN.write_text("".join(f"{name}\n" for name in sorted(known & unseen)))
        known &= unseen
    assert unseen - known == set(), "declared, and in no capture: make one that shows it"
    assert known - unseen == set(), f"seen now: take them out of {UNSEEN.name}"


@needs_shared
@pytest.mark.parametrize("name", truth.PROTOCOLS)
def test_tshark_agrees(name):
    results = [survey.of(truth.FILES / capture).against_tshark for capture in line_kit.STRANGERS]
    wanted = sum(result.wanted.get(name, 0) for result in results)
    matched = sum(result.matched.get(name, 0) for result in results)
    missing = {result.capture: result.missing[name][:2] for result in results if name in result.missing}
    assert wanted > 1000
    assert matched >= LEAST_SHARE * wanted, missing


# --- Golden files -------------------------------------------------------------------------------------


def told(messages, files=()):
    """Messages as they are written by --messages, without the folder the capture lies in."""
    return [line(message, files or ["capture"]).decode().rstrip("\n") for message in messages]


@pytest.mark.parametrize("name", SMALL)
def test_golden_messages(name):
    path = GOLDEN / f"{name}.jsonl.gz"
    found = told(line_kit.messages(line_kit.PCAPS / name), [name])
    if WRITE:
        path.write_bytes(gzip.compress("".join(f"{text}\n" for text in found).encode(), 9, mtime=0))
    known = gzip.decompress(path.read_bytes()).decode().splitlines()
    for number, (now, before) in enumerate(zip(found, known, strict=False), 1):
        assert json.loads(now) == json.loads(before), f"message {number} of {path.name}; `make golden` writes it anew"
    assert len(found) == len(known)


def test_golden_files_are_of_captures_that_exist():
    assert {path.name for path in GOLDEN.glob("*.jsonl.gz")} == {f"{name}.jsonl.gz" for name in SMALL}


# --- Garbage ------------------------------------------------------------------------------------------


def mutated(chance, frame):
    """A frame with a few bytes changed, taken out, put in, or cut off."""
    data = bytearray(frame)
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(5):
            case 0:
                data[at:] = b""
            case 1:
                data[at:at] = chance.randbytes(chance.randrange(1, 6))
            case 2:
                del data[at : at + chance.randrange(1, 6)]
            case _:
                data[at : at + 1] = bytes((chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256))),))
    return bytes(data)


def bear(dissector, data, direction, time, request):
    """Give bytes to every method, whole frames and others; only Malformed may come out."""
    padded = b"\xaa" * 3 + data + b"\xbb" * 3  # nothing outside start and end may be looked at
    start, end = 3, 3 + len(data)
    length = 0
    try:
        length = dissector.frame(padded, start, end, direction)
        assert type(length) is int
        if 0 < length <= len(data):
            made = dissector.glance(padded, start, start + length, direction, time)
            assert made in (PART, STARTED, COMPLETED, ALONE, LINK)
            dissector.whole = b""
    except Malformed:
        pass
    at = dissector.resync(padded, start, end, direction)
    assert start < at <= end or start == end
    for stop in {end, start + length} if 0 < length <= len(data) else {end}:
        try:
            message = dissector.dissect(padded, start, stop, direction, request)
        except Malformed:
            continue
        assert isinstance(message, Message)
        assert [wrong for name, value in message.fields().items() if (wrong := survey.wrong(name, value))] == []
        assert set(message.anomalies) <= vocabulary().anomalies.keys()
        assert max(map(len, map(str, message.targets)), default=0) < 1000


@each_protocol
@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.lists(st.binary(min_size=1, max_size=300), max_size=8), seed=st.integers(0, 1 << 32))
def test_garbage_never_escapes(name, data, seed):
    dissector = PROTOCOLS[name].dissector()
    chance = random.Random(seed)
    for number, piece in enumerate(data):
        PROTOCOLS[name].probe(piece, 0, len(piece), number & 1)
        bear(dissector, piece, chance.randrange(2), number * 1_000_000, chance.choice(data))
        if chance.random() < 0.2:
            dissector.gap(chance.randrange(2))
        dissector.expire(number * 1_000_000_000)
    dissector.finish()


@each_protocol
@settings(max_examples=EXAMPLES, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_garbage_made_of_real_messages_never_escapes(name, seed):
    chance = random.Random(seed)
    talk = chance.choice(spoken()[name])
    dissector = PROTOCOLS[name].dissector()
    begin = chance.randrange(len(talk))
    before = b""
    for direction, frame, time in talk[begin : begin + 12]:
        data = mutated(chance, frame) if chance.random() < 0.5 else frame
        if data:
            PROTOCOLS[name].probe(data, 0, len(data), direction)
            bear(dissector, data, direction, time, chance.choice((b"", before, mutated(chance, frame))))
        before = frame
    dissector.finish()


# --- Cutting ------------------------------------------------------------------------------------------


def runs(talk):
    """What is said in one go, direction by direction."""
    said = []
    for direction, frame, _ in talk:
        if said and said[-1][0] == direction:
            said[-1][1].append(frame)
        else:
            said.append((direction, [frame]))
    return said


def retold(path, talk, port, cuts):
    """Say a conversation again in a fresh TCP connection, cut by `cuts(frames)`; return what the line has read."""
    wire = line_kit.Talk(server=("10.0.0.2", port))
    for direction, frames in runs(talk):
        wire.say(direction, b"".join(frames), cuts(frames))
    line_kit.pcap(path, wire.close(), step=1000)
    reading = line_kit.reading(path)
    found = [json.loads(text) for text in told(reading)]
    for message in found:
        del message["time_ns"], message["frame"]
    counts = reading.counts
    reading.close()
    assert counts["dissector_failed"] == counts["gaps"] == 0
    return found


def at_frames(frames):
    """Cut where frames end, as most devices do."""
    ends, at = [], 0
    for frame in frames:
        at += len(frame)
        ends.append(at)
    return ends


def port_of(name):
    ports = PROTOCOLS[name].ports
    return ports[0] if ports else 4001


@each_capture
def test_cutting_a_stream_anywhere_changes_nothing(path, tmp_path):
    talks = {name: talk for name, talk in survey.of(path).talks.items() if "tcp" in PROTOCOLS[name].transports}
    chance = random.Random(path.name)
    for name, talk in talks.items():
        step = 1 if sum(len(said.frame) for said in talk) < 1500 else 97
        ways = [
            lambda _: (),  # everything at once
            lambda frames: chance.choices(range(1, 1 + sum(map(len, frames))), k=2 * len(frames)),
            lambda frames, step=step: range(1, sum(map(len, frames)), step),
        ]
        whole = retold(tmp_path / "whole.pcap", talk, port_of(name), at_frames)
        for cuts in ways:
            assert retold(tmp_path / "cut.pcap", talk, port_of(name), cuts) == whole


@each_protocol
def test_cutting_at_each_single_byte_changes_nothing(name, tmp_path):
    if "tcp" not in PROTOCOLS[name].transports:
        pytest.skip("it is carried inside another protocol, which is cut")
    talk = max(spoken()[name], key=survey.variety)[:12]
    whole = retold(tmp_path / "whole.pcap", talk, port_of(name), at_frames)
    assert whole
    longest = max(sum(map(len, frames)) for _, frames in runs(talk))
    for cut in range(1, min(longest, 80)):
        assert retold(tmp_path / "cut.pcap", talk, port_of(name), lambda _, cut=cut: (cut,)) == whole, cut


# --- Damage on the way --------------------------------------------------------------------------------


def damaged(frames, chance):
    """Frames as a bad mirror gives them: some lost, doubled, turned over, cut off, with flipped bits."""
    made = []
    for time, frame in frames:
        data = bytearray(frame)
        at = len(made)
        match chance.randrange(24):
            case 0:
                continue
            case 1:
                made.append((time, frame))
            case 2 | 3 | 4 if len(data) > 55:  # behind the headers
                for _ in range(chance.randrange(1, 4)):
                    data[chance.randrange(54, len(data))] ^= 1 << chance.randrange(8)
            case 5:
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            case 6:
                del data[chance.randrange(len(data)) :]
            case 7:
                at = max(0, at - 1)
        made.insert(at, (time, bytes(data)))
    return made


@each_own
def test_gaps_and_byte_flips_stay_within_bounds(path, tmp_path):
    frames = line_kit.frames_of(path)
    for seed in range(40 if os.environ.get("OTSENSOR_FUZZ") else 2):
        hurt = line_kit.pcap(tmp_path / "hurt.pcap", damaged(frames, random.Random(f"{path.name} {seed}")))
        for deep in (False, True):
            log, reading = taps.listen(hurt, deep)
            said = [pair for message in reading for pair in message.fields().items()]
            counts, failures = reading.counts, reading.line.flows.framing.faults.failures
            assert (counts["dissector_failed"], log.wrong) == (0, []), (seed, failures)
            assert counts["buffered_bytes"] == 0
            assert sum(reading.frames_by_kind().values()) == reading.frames
            assert [wrong for name, value in said if (wrong := survey.wrong(name, value))] == []
            assert log.anomalies | reading.recorder.oddities.keys() <= vocabulary().anomalies.keys()
            reading.close()
