"""However a network and a capture treat the segments, the same is said; and whatever comes, the bounds hold."""

import itertools

from flow_kit import ACK, FIN, MASK, SYN, Wire, answer, ask, pair
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.decode import kinds
from sensor.flow import counts

TEXT = st.binary(max_size=30).filter(lambda text: text not in (b"boom", b"bad"))
SEQUENCE = st.sampled_from((0, 1000, MASK, MASK - 20, 0x7FFFFFF0, 0x80000000))
MANY = settings(max_examples=150, deadline=None)


def said(wire):
    return [(exchange.request, last) for exchange, last in wire.sink.exchanges]


def cut(whole, at):
    """Cut bytes at these places; returns (offset, piece)."""
    edges = sorted({0, len(whole), *(place % (len(whole) + 1) for place in at)})
    return [(low, whole[low:high]) for low, high in itertools.pairwise(edges)]


@MANY
@given(
    talk=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=6),
    cuts=st.lists(st.integers(0, 10_000), max_size=30),
    sequence=SEQUENCE,
)
def test_cutting_the_streams_anywhere_changes_nothing(talk, cuts, sequence):
    wire = Wire()
    client, server = pair(wire, sequences=(sequence, sequence))
    for question, reply in talk:
        for _, piece in cut(ask(question), cuts):
            client.send(piece)
        for _, piece in cut(ask(reply, b"A"), cuts):
            server.send(piece)
    assert said(wire) == [(ask(question), ask(reply, b"A")) for question, reply in talk]
    assert wire.sink.oddities == []
    assert wire.counts()["buffered_bytes"] == 0


@MANY
@given(
    texts=st.lists(TEXT, min_size=1, max_size=8),
    cuts=st.lists(st.integers(0, 10_000), max_size=15),
    repeats=st.lists(st.tuples(st.integers(0, 300), st.integers(1, 80)), max_size=10),
    copies=st.sets(st.integers(0, 40)),
    sequence=SEQUENCE,
    shuffle=st.randoms(use_true_random=False),
)
def test_reordering_repeating_and_doubling_change_nothing(texts, cuts, repeats, copies, sequence, shuffle):
    whole = b"".join(ask(text) for text in texts)
    pieces = cut(whole, cuts)
    pieces += [(at % len(whole), whole[at % len(whole) :][:length]) for at, length in repeats]
    shuffle.shuffle(pieces)
    wire = Wire()
    client, _ = pair(wire, sequences=(sequence, 1))
    base = client.sequence
    for number, (offset, piece) in enumerate(pieces):
        client.segment(piece, at=base + offset)
        if number in copies:
            wire.ip_id -= 1
            client.segment(piece, at=base + offset, wait=1000)
    wire.flows.finish()
    assert [request for request, _ in said(wire)] == [ask(text) for text in texts]
    assert wire.sink.oddities == []
    assert wire.counts()["gaps"] == 0
    assert wire.counts()["overlaps_differ"] == 0
    assert wire.counts()["mirror_duplicates"] == len({number for number in copies if number < len(pieces)})
    assert wire.counts()["buffered_bytes"] == 0


@MANY
@given(
    texts=st.lists(TEXT, min_size=1, max_size=30),
    lost=st.sets(st.integers(0, 60)),
    acknowledged=st.booleans(),
    seconds=st.sets(st.integers(0, 60)),
)
def test_lost_segments_cost_their_own_bytes_only(texts, lost, acknowledged, seconds):
    wire = Wire()
    client, server = pair(wire)
    left = []
    for number, text in enumerate(texts):
        if number in lost and number < len(texts) - 1:
            client.skip(len(ask(text)))
        else:
            client.send(ask(text))
            left.append(ask(text))
        if acknowledged:
            server.segment(flags=ACK)
        if number in seconds:
            wire.flows.tick(wire.time + 2_000_000_000)
            wire.time += 2_000_000_000
    wire.flows.finish()
    assert [request for request, _ in said(wire)] == left
    assert wire.counts()["gap_bytes"] == sum(len(ask(text)) for number, text in enumerate(texts[:-1]) if number in lost)


@MANY
@given(
    segments=st.lists(
        st.tuples(
            st.booleans(),
            st.sampled_from((0, 1, 5, 2000, 70_000, 1 << 24, 1 << 30, 1 << 31, MASK)),
            st.sampled_from((0, SYN, ACK, ACK, ACK, FIN | ACK, SYN | ACK, 4, 4 | ACK, 63)),
            st.sampled_from((b"", b"\xc0", b"\xc0\xff\xff", b"garbage", ask("q"), answer("a"), b"\xc0\x00" * 700)),
            st.sampled_from((0, 0, 0, 1, 50_000)),
            st.sampled_from((-20_000_000_000, -1, 0, 1000, 1_000_000, 3_000_000_000, 100_000_000_000)),
            st.sampled_from((kinds.TCP, kinds.TCP, kinds.TCP, kinds.UDP, kinds.ICMP)),
        ),
        max_size=60,
    ),
)
def test_nothing_that_comes_breaks_the_bounds(segments):
    wire = Wire(messages=True)
    ends = ("10.0.0.1", 50000), ("10.0.0.2", 4000)
    for turned, sequence, flags, payload, missing, wait, kind in segments:
        source, destination = ends[::-1] if turned else ends
        wire.put(
            source, destination, payload, kind=kind, sequence=sequence, flags=flags, missing=missing, wait=wait,
            acknowledgement=(sequence + 7) & MASK,
        )  # fmt: skip
        assert 0 <= wire.counts()["buffered_bytes"] <= counts.MAX_BUFFERED
        assert wire.counts()["flows"] == len(wire.sink.flows) - len(wire.sink.ended)
    wire.flows.finish()
    told = wire.counts()
    assert told["flows"] == told["buffered_bytes"] == told["dissector_failed"] == 0
    assert len(wire.sink.flows) == len(wire.sink.ended) == told["flows_opened"]
    seen = sum(flow.packets(0) + flow.packets(1) for flow in wire.sink.flows)
    assert seen + told["mirror_duplicates"] == told["frames"] == len(segments)
