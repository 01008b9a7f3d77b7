"""Batches cross a pair of sockets whole and in order, however they are cut, and nobody waits."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.handover.records import MAX_BATCH, Unfit
from sensor.watching import channel


@settings(deadline=None)
@given(st.lists(st.binary(max_size=5000), max_size=50))
def test_batches_arrive_whole_and_in_order(batches):
    ours, theirs = channel.pair()
    outgoing, inbox = channel.Outgoing(theirs), channel.Inbox(ours)
    got = []
    for batch in batches:
        outgoing.send(batch)
        got += inbox.read()
    while outgoing.waiting():
        outgoing.drain()
        got += inbox.read()
    assert [*got, *inbox.read()] == batches
    ours.close()
    theirs.close()


def test_a_recorder_that_takes_nothing_holds_nobody_up_and_what_waits_is_known():
    ours, theirs = channel.pair()
    outgoing = channel.Outgoing(theirs)
    began = time.monotonic()
    for _ in range(64):
        outgoing.send(bytes(1_000_000))
    assert time.monotonic() - began < 5
    assert 50_000_000 < outgoing.waiting() <= 64_000_256
    got = 0
    inbox = channel.Inbox(ours)
    while outgoing.waiting():
        got += sum(map(len, inbox.read()))
        outgoing.drain()
    got += sum(map(len, inbox.read()))
    assert got == 64_000_000
    ours.close()
    theirs.close()


def test_one_worker_cannot_keep_the_recorder_for_itself():
    ours, theirs = channel.pair()
    outgoing, inbox = channel.Outgoing(theirs), channel.Inbox(ours)
    for _ in range(40):
        outgoing.send(bytes(100_000))
    taken = 0
    for data in inbox.read():
        taken += len(data)
        outgoing.drain()  # there is always more
    assert 0 < taken <= channel.TURN + channel.PIECE
    ours.close()
    theirs.close()


def test_the_other_sides_end_is_noticed_on_both_sides():
    ours, theirs = channel.pair()
    channel.Outgoing(theirs).send(b"last words")
    theirs.close()
    inbox = channel.Inbox(ours)
    got = []
    with pytest.raises(channel.Over):
        got.extend(inbox.read())
    assert got == [b"last words"]
    ours.close()
    ours, theirs = channel.pair()
    ours.close()
    with pytest.raises(channel.Over):
        channel.Outgoing(theirs).send(b"to nobody")
    theirs.close()


def test_a_length_no_batch_has_is_not_waited_for():
    ours, theirs = channel.pair()
    theirs.send(channel.LENGTH.pack(MAX_BATCH + 1))
    with pytest.raises(Unfit, match="67108865 bytes"):
        list(channel.Inbox(ours).read())
    ours.close()
    theirs.close()
