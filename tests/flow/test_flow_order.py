"""TCP order: what is lost, repeated, early, doubled or absurd, and what comes of it."""

import pytest
from flow_kit import ACK, FIN, MASK, MS, PSH, RST, SECOND, SYN, Wire, answer, ask, pair


def talk(client, server, number):
    client.send(ask(f"q{number}"))
    server.send(answer(f"a{number}"))


def test_a_retransmission_says_nothing_new():
    wire = Wire()
    client, server = pair(wire)
    began = client.send(ask("q"))
    client.segment(ask("q"), at=began, wait=300 * MS)
    server.send(answer("a"))
    assert wire.sink.said() == ["q/a"]
    assert wire.counts()["retransmissions"] == 1
    assert wire.counts()["retransmitted_bytes"] == 5
    assert wire.counts()["mirror_duplicates"] == 0


def test_a_retransmission_with_more_behind_it_gives_only_the_new_bytes():
    wire = Wire()
    client, _ = pair(wire)
    began = client.send(ask("one") + ask("two")[:3])
    client.segment(ask("one") + ask("two") + ask("three"), at=began, wait=300 * MS)
    wire.flows.finish()
    assert wire.sink.said() == ["one/", "two/", "three/"]
    assert wire.sink.oddities == []


def test_other_bytes_in_a_retransmission_are_told_and_the_first_count():
    wire = Wire()
    client, _ = pair(wire)
    began = client.send(ask("good")[:6])
    client.segment(b"\xc0\x00\x08QEVIL", at=began, wait=300 * MS)
    wire.flows.finish()
    assert wire.sink.said() == ["goIL/"]
    assert wire.sink.oddities == ["overlap_differs"]
    assert wire.sink.flows[0].forth.overlaps_differ == 1


def test_segments_out_of_order_are_put_in_order():
    wire = Wire()
    client, _ = pair(wire)
    whole = ask("first") + ask("second") + ask("third")
    base = client.sequence
    for at, to in ((19, 28), (9, 19), (20, 25), (0, 9)):
        client.segment(whole[at:to], at=base + at)
    wire.flows.finish()
    assert wire.sink.said() == ["first/", "second/", "third/"]
    assert wire.sink.flows[0].forth.out_of_order == 3
    assert wire.counts()["gaps"] == 0
    assert wire.counts()["buffered_bytes"] == 0


def test_held_bytes_that_differ_are_told_and_the_first_count():
    wire = Wire()
    client, _ = pair(wire)
    whole = ask("first") + ask("second")
    base = client.sequence
    client.segment(whole[9:], at=base + 9)
    client.segment(whole[9:14] + b"XXXXX", at=base + 9)
    client.segment(whole[:9], at=base)
    wire.flows.finish()
    assert wire.sink.said() == ["first/", "second/"]
    assert wire.sink.oddities == ["overlap_differs"]


def test_a_segment_the_capture_lost_is_a_gap_once_the_peer_has_acknowledged_it():
    wire = Wire()
    client, server = pair(wire)
    talk(client, server, 1)
    client.skip(len(ask("lost")))
    server.send(answer("to the lost one"))  # its ACK covers what was not seen; alone it declares nothing
    assert wire.counts()["gaps"] == 0
    talk(client, server, 2)
    assert wire.sink.said() == ["q1/a1", "/to the lost one", "q2/a2"]
    assert wire.counts()["gaps"] == 1
    assert wire.sink.flows[0].forth.gap_bytes == 8
    assert wire.sink.flows[0].dissector.gaps == [0]
    assert wire.sink.oddities == ["gap"]


def test_what_waits_behind_a_hole_is_handed_on_before_the_answer_that_acknowledges_it():
    wire = Wire()
    client, server = pair(wire)
    client.skip(100)
    client.send(ask("q"))
    assert wire.sink.exchanges == []
    server.send(answer("a"))
    assert wire.sink.said() == ["q/a"]


def test_the_part_of_a_frame_before_a_gap_is_dropped_by_name():
    wire = Wire()
    client, server = pair(wire)
    client.send(ask("never whole")[:7])
    client.skip(8)
    client.send(ask("q"))
    server.send(answer("a"))
    assert wire.sink.said() == ["q/a"]
    assert wire.counts()["partials_lost"] == 1


def test_after_a_gap_inside_a_frame_reading_goes_on_at_the_next_one_in_silence():
    wire = Wire()
    client, server = pair(wire)
    talk(client, server, 1)
    client.skip(5)
    client.send(b"rest of a frame" + ask("q"))
    server.send(answer("a"))
    assert wire.sink.said() == ["q1/a1", "q/a"]
    assert wire.sink.oddities == ["gap"]
    assert wire.counts()["skipped_bytes"] == len(b"rest of a frame")


def test_once_read_again_after_a_gap_the_next_garbage_is_told():
    wire = Wire()
    client, server = pair(wire)
    talk(client, server, 1)
    client.skip(5)
    talk(client, server, 2)
    client.send(b"garbage")
    assert wire.sink.oddities == ["gap", "not_this_protocol"]


def test_an_answer_seen_before_its_question_is_its_answer():
    """Two ports of a tap: the ACK of the answer passes bytes that come a moment later."""
    wire = Wire()
    client, server = pair(wire)
    talk(client, server, 1)
    question = ask("q2")
    began = client.sequence
    client.skip(len(question))
    server.send(answer("a2"))
    client.segment(question, at=began)
    assert wire.counts()["gaps"] == 0
    talk(client, server, 3)
    assert wire.counts()["retransmissions"] == 0
    assert wire.sink.said() == ["q1/a1", "q2/a2", "q3/a3"]


def test_in_a_one_way_capture_time_declares_the_gap():
    wire = Wire()
    client, _ = pair(wire, handshake=False)
    client.send(ask("1"))
    client.skip(9)
    client.send(ask("2"))
    client.send(ask("3"))
    assert wire.counts()["gaps"] == 0
    wire.flows.tick(wire.time + 3 * SECOND)
    wire.flows.finish()
    assert wire.sink.said() == ["1/", "2/", "3/"]
    assert wire.counts()["gaps"] == 1
    assert wire.sink.flows[0].one_way()


def test_time_declares_a_gap_in_a_stream_not_yet_recognised():
    wire = Wire()
    client, _ = pair(wire, handshake=False)
    client.send(flags=SYN)
    client.skip(9)
    client.send(ask("1"))
    wire.flows.tick(wire.time + 3 * SECOND)
    assert wire.counts()["gaps"] == 1
    client.send(ask("2"))
    wire.flows.finish()
    assert wire.sink.said() == ["1/", "2/"]


@pytest.mark.parametrize("early", [False, True])
def test_in_a_one_way_capture_cut_bytes_need_no_waiting(early):
    wire = Wire()
    client, _ = pair(wire, handshake=False)
    client.send(ask("0"))
    first = client.sequence
    if early:
        client.skip(5)
    client.send(ask("2"), missing=20)
    client.skip(20)
    if early:
        client.segment(ask("1"), at=first)
    for number in range(3, 8):
        client.send(ask(str(number)))
    assert wire.counts()["gaps"] == 1
    assert wire.counts()["messages"] == 7 + early
    assert wire.sink.flows[0].forth.hole is None


def test_in_a_one_way_capture_a_bulk_transfer_loses_only_its_gap():
    wire = Wire()
    client, _ = pair(wire, handshake=False)
    client.send(ask("start"))
    client.skip(50)
    for number in range(300):
        client.send(ask(f"{number}"), wait=1000)
    wire.flows.finish()
    assert [text[:-1] for text in wire.sink.said()] == ["start", *(str(number) for number in range(300))]
    assert wire.counts()["gaps"] == 1
    assert wire.counts()["held_refused"] == 0


def test_a_hole_the_receiver_has_too_is_waited_for():
    wire = Wire()
    client, server = pair(wire)
    began = client.sequence
    client.skip(len(ask("1")))
    client.send(ask("2"))
    server.segment(flags=ACK, acknowledgement=began)  # a duplicate ACK: it misses it as well
    wire.flows.tick(wire.time + 3 * SECOND)
    assert wire.counts()["gaps"] == 0
    client.segment(ask("1"), at=began, wait=3 * SECOND)
    wire.flows.finish()
    assert wire.sink.said() == ["1/", "2/"]
    assert wire.counts()["gaps"] == 0


def test_a_forged_segment_ahead_is_not_believed_in_the_end():
    wire = Wire()
    client, server = pair(wire)
    client.segment(ask("forged"), at=client.sequence + 5000)
    for number in range(15):
        talk(client, server, number)
        wire.time += SECOND
    assert wire.sink.said() == [f"q{number}/a{number}" for number in range(15)]
    assert wire.counts()["held_discarded"] == 1
    assert wire.counts()["gaps"] == 0


def test_an_absurd_sequence_does_not_wreck_the_stream():
    wire = Wire()
    client, server = pair(wire)
    client.segment(ask("absurd"), at=client.sequence + 0x50000000)
    server.segment(flags=ACK, acknowledgement=client.sequence + 0x50000000)
    talk(client, server, 1)
    client.segment(ask("absurd"), at=client.sequence - 0x50000000)
    talk(client, server, 2)
    assert wire.sink.said() == ["q1/a1", "q2/a2"]
    assert wire.counts()["wild_sequences"] == 2
    assert wire.counts()["wild_acknowledgements"] == 1


def test_what_is_held_does_not_follow_a_stream_that_went_elsewhere():
    wire = Wire()
    client, server = pair(wire)
    client.segment(ask("held"), at=client.sequence + 9)
    client.skip(0x30000000)
    client.send(ask("1"))
    client.send(ask("2"))
    server.send(answer("b"))
    assert wire.sink.said() == ["2/b"]
    assert wire.counts()["buffered_bytes"] == 0
    assert wire.sink.flows[0].forth.hole is None


def test_an_old_acknowledgement_says_nothing_once_sequences_have_wrapped():
    wire = Wire()
    client, server = pair(wire)
    talk(client, server, 1)
    server.segment(flags=ACK, acknowledgement=client.sequence + 100)
    for _ in range(3):
        client.skip(0x30000000)
        client.send(ask("believe"))
        client.send(ask("me"))
    base = client.sequence
    gaps = wire.counts()["gaps"]
    client.segment(ask("late"), at=base + 7)
    client.segment(ask("ly"), at=base + 1, wait=MS)
    assert wire.counts()["gaps"] == gaps


def test_a_stream_that_really_is_elsewhere_is_followed_there():
    wire = Wire()
    client, server = pair(wire)
    client.skip(0x30000000)
    server.skip(0x30000000)
    for number in range(3):
        talk(client, server, number)
    assert wire.sink.said() == ["q1/a1", "q2/a2"]  # one each was needed to believe it


@pytest.mark.parametrize("before", [1, 3, 5, 6])
def test_sequences_wrap(before):
    wire = Wire()
    client, server = pair(wire, sequences=(-before, -before - 3))
    for number in range(4):
        talk(client, server, number)
    assert wire.sink.said() == [f"q{number}/a{number}" for number in range(4)]
    assert wire.counts()["gaps"] == wire.counts()["retransmissions"] == wire.counts()["wild_sequences"] == 0
    assert wire.sink.flows[0].forth.next == client.sequence < 100


def test_out_of_order_across_the_wrap():
    wire = Wire()
    client, _ = pair(wire, sequences=(MASK - 6, 1))
    whole = ask("wrapped") + ask("again")
    base = client.sequence
    client.segment(whole[11:], at=base + 11)
    client.segment(whole[4:11], at=base + 4)
    client.segment(whole[:4], at=base)
    wire.flows.finish()
    assert wire.sink.said() == ["wrapped/", "again/"]


def test_keep_alives_are_neither_repeats_nor_bytes():
    wire = Wire()
    client, server = pair(wire)
    talk(client, server, 1)
    for payload in (b"\0", b""):
        client.segment(payload, flags=ACK, at=client.sequence - 1, wait=10 * SECOND)
        server.segment(flags=ACK)
    talk(client, server, 2)
    assert wire.sink.said() == ["q1/a1", "q2/a2"]
    assert wire.sink.flows[0].forth.keep_alives == 2
    assert wire.counts()["retransmissions"] == 0
    assert wire.sink.oddities == []


def test_a_keep_alive_may_be_the_first_that_is_seen_of_a_direction():
    wire = Wire()
    client, server = pair(wire, handshake=False)
    client.send(ask("q"))
    server.segment(b"\0", flags=ACK, at=server.sequence - 1)
    server.send(answer("a"))
    assert wire.sink.said() == ["q/a"]
    assert wire.sink.oddities == []


def test_a_zero_window_probe_is_read_once():
    wire = Wire()
    client, server = pair(wire)
    question = ask("probe")
    began = client.sequence
    server.segment(flags=ACK, window=0)
    client.segment(question[:1], at=began)
    server.segment(flags=ACK, window=0, acknowledgement=began)
    client.segment(question[:1], at=began, wait=SECOND)
    server.segment(flags=ACK, window=8192, acknowledgement=began)
    client.send(question, wait=SECOND)
    server.send(answer("a"))
    assert wire.sink.said() == ["probe/a"]
    assert wire.sink.oddities == []


def test_a_syn_may_carry_data():
    wire = Wire()
    client, server = pair(wire, handshake=False)
    client.send(ask("fast"), flags=SYN)
    server.send(flags=SYN | ACK)
    server.send(answer("open"))
    assert wire.sink.said() == ["fast/open"]


def test_a_syn_with_ack_tells_where_both_sides_begin():
    wire = Wire()
    client, server = pair(wire, handshake=False)
    client.skip(1)  # the SYN was not captured
    server.send(flags=SYN | ACK)
    base = client.sequence
    client.segment(ask("2"), at=base + 5)
    client.segment(ask("1"), at=base)
    assert wire.counts()["messages"] == 2
    assert wire.counts()["gaps"] == 0


def test_joining_in_mid_stream():
    wire = Wire()
    client, server = pair(wire, handshake=False)
    talk(client, server, 1)
    [flow] = wire.sink.flows
    assert wire.sink.said() == ["q1/a1"]
    assert flow.state_name() == "mid_stream"


def test_joining_in_the_middle_of_a_frame():
    wire = Wire()
    client, server = pair(wire, handshake=False)
    server.send(b"the end of a long answer that began before the capture")
    talk(client, server, 1)
    assert wire.sink.said() == ["q1/a1"]
    assert wire.sink.oddities == []


def test_bytes_cut_by_the_snap_length_are_a_gap_behind_what_is_there():
    wire = Wire()
    client, server = pair(wire)
    client.send(ask("q1") + b"\xc0\x00", missing=20)
    client.skip(20)
    server.send(answer("a1"))
    talk(client, server, 2)
    assert wire.sink.said() == ["q1/a1", "q2/a2"]
    assert wire.sink.flows[0].forth.gap_bytes == 20
    assert wire.sink.flows[0].forth.gaps == 1


def test_a_cut_segment_may_be_early_too():
    wire = Wire()
    client, server = pair(wire)
    first = client.sequence
    client.skip(len(ask("q1")))
    client.send(ask("q2"), missing=20)
    client.skip(20)
    client.segment(ask("q1"), at=first)
    server.send(answer("a1") + answer("a2"))
    talk(client, server, 3)
    assert wire.sink.said() == ["q1/a1", "q2/a2", "q3/a3"]
    assert wire.sink.flows[0].forth.gap_bytes == 20


def test_a_fin_that_came_early_does_not_cut_the_stream():
    wire = Wire()
    client, server = pair(wire)
    began = client.sequence
    client.segment(ask("q2"), flags=FIN | ACK | PSH, at=began + 6)
    client.segment(ask("q1"), at=began)
    client.skip(13)
    server.send(answer("a1") + answer("a2"))
    assert wire.sink.said() == ["q1/a1", "q2/a2"]


def test_a_wild_reset_is_not_believed():
    wire = Wire()
    client, server = pair(wire)
    client.segment(flags=RST, at=client.sequence + 0x40000000)
    assert wire.sink.flows[0].state_name() == "established"
    assert wire.counts()["wild_resets"] == 1
    client.segment(flags=RST)
    assert wire.sink.flows[0].state_name() == "reset"
    talk(client, server, 1)  # somebody else's forgery: they go on talking, and are read
    assert wire.sink.said() == ["q1/a1"]


@pytest.mark.parametrize("ending", [FIN | ACK, RST])
def test_ports_used_again_are_a_new_flow(ending):
    wire = Wire()
    client, server = pair(wire)
    talk(client, server, 1)
    client.send(flags=ending)
    if ending & FIN:
        server.send(flags=FIN | ACK)
    again, other = pair(wire, sequences=(77000, 88000))
    talk(again, other, 2)
    assert wire.sink.said() == ["q1/a1", "q2/a2"]
    first, second = wire.sink.flows
    assert wire.sink.ended == [first]
    assert first.ending == "reused"
    assert second.state_name() == "established"
    assert wire.counts()["flows_reused"] == 1


def test_a_repeated_syn_is_the_same_connection():
    wire = Wire()
    client, _ = pair(wire, handshake=False)
    client.segment(flags=SYN)
    client.segment(flags=SYN, wait=SECOND)
    assert len(wire.sink.flows) == 1
    client.segment(flags=SYN, at=5, wait=SECOND)  # a second try, from the same port
    assert len(wire.sink.flows) == 2


def test_a_forged_syn_does_not_end_a_living_connection():
    wire = Wire()
    client, server = pair(wire)
    talk(client, server, 1)
    client.segment(flags=SYN, at=0x12345678)
    talk(client, server, 2)
    assert wire.sink.said() == ["q1/a1", "q2/a2"]
    assert len(wire.sink.flows) == 1


def test_a_forged_syn_just_ahead_of_the_stream_does_not_end_it():
    wire = Wire()
    client, server = pair(wire)
    talk(client, server, 1)
    client.segment(flags=SYN, at=client.sequence + len(ask("q2")) - 1)
    talk(client, server, 2)
    talk(client, server, 3)
    assert wire.sink.said() == ["q1/a1", "q2/a2", "q3/a3"]
    assert len(wire.sink.flows) == 1


def test_a_device_that_restarted_confirms_its_new_connection():
    wire = Wire()
    client, _ = pair(wire)
    client.send(ask("before"))
    again, other = pair(wire, sequences=(77000, 88000))  # no FIN, no RST: power was lost
    talk(again, other, 2)
    assert wire.sink.said() == ["before/", "q2/a2"]
    assert [flow.opener.text for flow in wire.sink.flows] == ["10.0.0.1", "10.0.0.1"]
    assert wire.counts()["wild_sequences"] == 0


def test_a_restart_seen_one_way_is_confirmed_by_its_bytes():
    wire = Wire()
    client, _ = pair(wire, handshake=False)
    client.send(ask("before"))
    again, _ = pair(wire, sequences=(77000, 88000), handshake=False)
    again.send(flags=SYN)
    again.send(ask("after"))
    wire.flows.finish()
    assert wire.sink.said() == ["before/", "after/"]
    assert len(wire.sink.flows) == 2


def test_held_bytes_are_handed_on_when_the_flow_ends():
    wire = Wire()
    for host, frame in zip(pair(wire), (ask("held"), ask("held too", b"U")), strict=True):
        host.skip(10)
        host.segment(frame, flags=PSH)  # without an ACK that would settle the other side
    wire.flows.finish()
    assert [last for _, last in wire.sink.exchanges] == [ask("held too", b"U"), b""]
    assert wire.counts()["buffered_bytes"] == 0


def test_a_stream_nobody_reads_is_counted_without_keeping_its_bytes():
    wire = Wire(protocols=[])
    client, _ = pair(wire, ports=(50000, 80))
    base = client.sequence
    client.segment(b"x" * 1000, at=base + 1000)
    assert wire.counts()["buffered_bytes"] < 1000
    client.segment(b"x" * 1000, at=base)
    [flow] = wire.sink.flows
    assert (flow.forth.out_of_order, flow.forth.gaps, flow.forth.next) == (1, 0, base + 2000)
