"""Answers that arrive before their questions, as from the two ports of a tap: in order again, and nothing delayed."""

import pytest
from flow_kit import ACK, FIN, MASK, MS, PSH, RST, SYN, Wire, answer, ask, pair
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.decode import kinds
from sensor.flow.early import HOLD_BACK, MAX_ALL_EARLY, MAX_EARLY

CLIENT, SERVER = ("10.0.0.1", 50000), ("10.0.0.2", 4000)
TEXT = st.binary(max_size=12).filter(lambda text: text not in (b"boom", b"bad"))
MANY = settings(max_examples=150, deadline=None)


def late(client, payload):
    """The client says something that is captured later; returns where it began."""
    began = client.sequence
    client.skip(len(payload))
    return began


class Tap(Wire):
    """Keeps what is said, and lets it arrive in another order; the stamps are those of saying or of arriving."""

    def __init__(self, **options):
        super().__init__(**options)
        self.said = []

    def put(self, source, destination, payload=b"", **wanted):
        self.time += wanted.pop("wait", MS)
        self.said.append((self.time, source == SERVER, (source, destination, payload), wanted))

    def arrive(self, delays, stamped_late):
        """Let everything arrive, each direction in order, each frame up to its delay later."""
        arrivals, last = [], [0, 0]
        for number, (time, side, what, wanted) in enumerate(self.said):
            last[side] = max(last[side] + 1, time + delays[number % len(delays)])
            arrivals.append((last[side], side, time, what, wanted))
        for arrival, _, time, what, wanted in sorted(arrivals, key=lambda one: one[:2]):
            super().put(*what, time=arrival if stamped_late else time, **wanted)
        self.flows.finish()


def told(wire):
    """Every exchange: question, answer, outcome."""
    return [(exchange.request, last, exchange.outcome) for exchange, last in wire.sink.exchanges]


DELAYS = st.lists(st.sampled_from((0, 1, MS // 2, MS, 3 * MS, HOLD_BACK - 1)), min_size=1, max_size=40)
TALK = st.lists(st.tuples(TEXT, TEXT, st.integers(1, 40), st.booleans()), min_size=1, max_size=6)


def converse(wire, talk, sequence, kind):
    """A handshake, questions and answers cut into pieces, bare acknowledgements in between, and the end."""
    if kind == kinds.UDP:
        for question, reply, _, _ in talk:
            wire.put(CLIENT, SERVER, ask(question), kind=kind)
            wire.put(SERVER, CLIENT, answer(reply), kind=kind)
        return
    client, server = pair(wire, sequences=(sequence, sequence + 77))
    for question, reply, cut, acknowledged in talk:
        for sender, other, whole in ((client, server, ask(question)), (server, client, answer(reply))):
            sender.send(whole[:cut])
            if whole[cut:]:
                sender.send(whole[cut:])
            if acknowledged:
                other.send(flags=ACK)
    client.send(flags=FIN | ACK)
    server.send(flags=FIN | ACK)
    client.send(flags=ACK)


@MANY
@given(
    talk=TALK,
    delays=DELAYS,
    sequence=st.sampled_from((0, 1000, MASK, MASK - 20, 0x7FFFFFF0)),
    kind=st.sampled_from((kinds.TCP, kinds.UDP)),
    stamped_late=st.booleans(),
)
def test_whatever_the_order_between_both_sides_the_same_is_said(talk, delays, sequence, kind, stamped_late):
    straight, tap = Tap(), Tap()
    for wire in (straight, tap):
        converse(wire, talk, sequence, kind)
    straight.arrive([0], stamped_late)
    tap.arrive(delays, stamped_late)
    assert told(tap) == told(straight) == [(ask(question), answer(reply), 1) for question, reply, _, _ in talk]
    assert tap.sink.oddities == []
    counts = tap.counts()
    assert counts["held_back_in_vain"] == counts["gaps"] == counts["out_of_order"] == counts["retransmissions"] == 0
    assert counts["buffered_bytes"] == counts["flows"] == 0
    assert len(tap.sink.flows) == len(straight.sink.flows) == 1
    assert tap.sink.flows[0].opener.text == "10.0.0.1"
    assert tap.sink.flows[0].state_name() == straight.sink.flows[0].state_name()
    assert all(exchange.latency() >= -1 for exchange, _ in tap.sink.exchanges)


@MANY
@given(talk=TALK, delays=DELAYS, lost=st.sets(st.integers(0, 60)), stamped_late=st.booleans())
def test_what_is_lost_besides_costs_no_more_than_ever(talk, delays, lost, stamped_late):
    """With frames missing and the sides out of order, every answer still comes out, and nothing stays inside."""
    tap = Tap()
    converse(tap, talk, 1000, kinds.TCP)
    tap.said = [frame for number, frame in enumerate(tap.said) if number not in lost]
    tap.arrive(delays, stamped_late)
    counts = tap.counts()
    assert counts["buffered_bytes"] == counts["flows"] == counts["dissector_failed"] == 0
    assert sum(flow.packets(0) + flow.packets(1) for flow in tap.sink.flows) == len(tap.said)


# --- One by one -----------------------------------------------------------------------------------------


def test_the_answer_waits_for_its_question_and_no_latency_is_made_up():
    wire = Wire()
    client, server = pair(wire)
    began = late(client, ask("q"))
    server.send(answer("a"))
    assert wire.sink.exchanges == []
    client.segment(ask("q"), at=began, wait=HOLD_BACK - 1)
    [(exchange, _)] = wire.sink.exchanges
    assert wire.sink.said() == ["q/a"]
    assert exchange.response_time < exchange.request_time
    assert exchange.latency() == -1
    assert (exchange.response_number, exchange.request_number) == (4, 5)
    assert wire.counts()["held_back"] == 1


def test_with_right_stamps_in_the_wrong_order_latency_is_right():
    wire = Wire()
    client, server = pair(wire)
    began = late(client, ask("q"))
    server.send(answer("a"))
    client.segment(ask("q"), at=began, time=wire.time - 250_000)
    [(exchange, _)] = wire.sink.exchanges
    assert exchange.latency() == 250_000


@pytest.mark.parametrize("idle", [True, False])
def test_a_lost_question_delays_its_answer_by_the_hold_back_and_no_more(idle):
    wire = Wire()
    client, server = pair(wire)
    late(client, ask("lost"))
    server.send(answer("a"))
    until = wire.time + HOLD_BACK
    wire.flows.tick(until - 1)
    assert wire.sink.exchanges == []
    if idle:
        wire.flows.tick(until)
    else:
        wire.put(("10.0.0.8", 1), ("10.0.0.9", 2), kind=kinds.UDP, time=until)
    assert wire.sink.said() == ["/a"]
    assert wire.counts()["held_back_in_vain"] == 1
    assert wire.counts()["buffered_bytes"] == 0


def test_who_was_waited_for_in_vain_is_not_waited_for_again_before_it_is_heard():
    wire = Wire()
    client, server = pair(wire)
    late(client, ask("lost"))
    server.send(answer("a1"))
    wire.flows.tick(wire.time + HOLD_BACK)
    late(client, ask("lost too"))
    server.send(answer("a2"))
    assert wire.sink.said() == ["/a1", "/a2"]
    client.send(ask("q3"))
    server.send(answer("a3"))
    began = late(client, ask("q4"))
    server.send(answer("a4"))
    client.segment(ask("q4"), at=began)
    assert wire.sink.said() == ["/a1", "/a2", "q3/a3", "q4/a4"]
    assert wire.counts()["held_back"] == 2


def test_what_comes_behind_the_lost_question_ends_the_waiting():
    wire = Wire()
    client, server = pair(wire)
    late(client, ask("lost"))
    server.send(answer("a1"))
    client.segment(flags=ACK)  # with the sequence behind the question
    assert wire.sink.said() == ["/a1"]
    assert wire.counts()["held_back_in_vain"] == 0


def test_what_ends_the_waiting_may_come_early_itself():
    wire = Wire()
    client, server = pair(wire)
    late(client, ask("lost"))
    server.send(answer("a1"))
    began = late(server, answer("a2"))
    client.send(ask("q3"))
    assert wire.sink.said() == ["/a1"]
    server.segment(answer("a2"), at=began)
    server.send(answer("a3"))
    assert wire.sink.said() == ["/a1", "/a2", "q3/a3"]


def test_a_question_in_two_segments_is_waited_for_until_it_is_whole():
    wire = Wire()
    client, server = pair(wire)
    began = late(client, ask("question"))
    server.send(answer("a"))
    client.segment(ask("question")[:5], at=began)
    assert wire.sink.exchanges == []
    client.segment(ask("question")[5:], at=began + 5)
    assert wire.sink.said() == ["question/a"]


def test_several_answers_each_wait_for_their_own_question():
    wire = Wire()
    client, server = pair(wire)
    began = []
    for number in (1, 2, 3):
        began.append(late(client, ask(f"q{number}")))
        server.send(answer(f"a{number}"), wait=2 * MS)
    client.segment(ask("q1"), at=began[0], wait=0)
    client.segment(ask("q2"), at=began[1], wait=2 * MS)  # 6 ms after the first answer, 4 ms after its own
    client.segment(ask("q3"), at=began[2], wait=2 * MS)
    assert wire.sink.said() == ["q1/a1", "q2/a2", "q3/a3"]
    assert wire.counts()["held_back_in_vain"] == 0


def test_a_question_may_be_early_too_and_waits_for_the_answer_before_it():
    """Where clients never change the transaction, the second question would take the first one's answer."""
    wire = Wire()
    client, server = pair(wire)
    client.send(ask("q1"))
    began = late(server, answer("a1"))
    client.send(ask("q2"))
    server.segment(answer("a1"), at=began)
    server.send(answer("a2"))
    assert wire.sink.said() == ["q1/a1", "q2/a2"]
    assert wire.counts()["held_back"] == 1


def test_a_syn_with_ack_may_come_before_its_syn():
    wire = Wire()
    client, server = pair(wire, handshake=False)
    began = late(client, b" ")
    server.send(flags=SYN | ACK)
    base = late(client, ask("q"))
    server.send(answer("a"))
    client.segment(flags=SYN, at=began)
    client.segment(flags=ACK, at=base)
    client.segment(ask("q"), at=base)
    [flow] = wire.sink.flows
    assert wire.sink.said() == ["q/a"]
    assert (flow.opener.text, flow.state_name()) == ("10.0.0.1", "established")
    assert wire.counts()["retransmissions"] == wire.counts()["flows_reused"] == 0


def test_ports_used_again_with_the_syn_behind_its_answer_are_one_new_flow():
    wire = Wire()
    client, server = pair(wire)
    client.send(ask("q1"))
    server.send(answer("a1"))
    client.send(flags=FIN | ACK)
    server.send(flags=FIN | ACK)
    again, other = pair(wire, sequences=(77000, 88000), handshake=False)
    began = late(again, b" ")
    other.send(flags=SYN | ACK)
    again.segment(flags=SYN, at=began)
    again.send(ask("q2"))
    other.send(answer("a2"))
    assert wire.sink.said() == ["q1/a1", "q2/a2"]
    assert [flow.opener.text for flow in wire.sink.flows] == ["10.0.0.1", "10.0.0.1"]


def test_the_reset_that_refuses_a_syn_may_come_before_it():
    wire = Wire()
    client, server = pair(wire, ports=(50000, 40000), handshake=False)
    began = late(client, b" ")
    server.segment(flags=RST | ACK, at=0)
    client.segment(flags=SYN, at=began)
    [flow] = wire.sink.flows
    assert (flow.opener.text, flow.answerer_port, flow.state_name()) == ("10.0.0.1", 40000, "reset")


def test_a_fin_behind_an_early_answer_waits_with_it():
    wire = Wire()
    client, server = pair(wire)
    began = late(client, ask("q"))
    server.send(answer("a"))
    server.send(flags=FIN | ACK)
    assert wire.sink.flows[0].state_name() == "established"
    client.segment(ask("q"), at=began)
    assert wire.sink.said() == ["q/a"]
    assert wire.sink.flows[0].state_name() == "half_closed"


def test_a_flow_closed_while_waiting_leaves_the_table_in_its_time():
    wire = Wire()
    client, server = pair(wire)
    client.send(flags=FIN | ACK)
    late(client, ask("lost"))  # forged: behind a FIN there is nothing
    server.send(answer("a"), flags=FIN | ACK | PSH)
    wire.flows.tick(wire.time + HOLD_BACK)
    assert wire.sink.flows[0].state_name() == "closed"
    wire.flows.tick(wire.time + 31_000 * MS)
    assert [flow.ending for flow in wire.sink.ended] == ["finished"]


def test_answers_after_the_fin_of_the_client_do_not_wait():
    wire = Wire()
    client, server = pair(wire)
    client.send(ask("q"))
    client.send(flags=FIN | ACK)
    server.send(answer("a"))
    assert wire.sink.said() == ["q/a"]
    assert wire.counts()["held_back"] == 0


def test_the_end_of_the_capture_hands_on_what_waits():
    wire = Wire()
    client, server = pair(wire)
    late(client, ask("lost"))
    server.send(answer("a"))
    wire.flows.finish()
    assert wire.sink.said() == ["/a"]
    assert wire.counts()["buffered_bytes"] == 0


def test_streams_nobody_reads_do_not_wait():
    wire = Wire(protocols=[])
    client, server = pair(wire)
    late(client, b"lost")
    server.send(b"bytes")
    assert wire.counts()["held_back"] == 0


def test_a_clock_set_back_ends_the_waiting():
    wire = Wire()
    client, server = pair(wire)
    late(client, ask("lost"))
    server.send(answer("a"))
    wire.flows.tick(wire.time - 3_600_000 * MS)
    assert wire.sink.said() == ["/a"]


# --- Datagrams ------------------------------------------------------------------------------------------


def datagram(wire, turned, payload, **wanted):
    ends = (SERVER, CLIENT) if turned else (CLIENT, SERVER)
    wire.put(*ends, payload, kind=kinds.UDP, **wanted)


def test_a_datagram_that_answers_nothing_yet_waits_even_as_the_first_of_its_flow():
    wire = Wire()
    datagram(wire, True, answer("a1"))
    datagram(wire, False, ask("q1"))
    datagram(wire, True, answer("a2"))
    datagram(wire, True, answer("a3"))
    datagram(wire, False, ask("q2"))
    datagram(wire, False, ask("q3"))
    assert wire.sink.said() == ["q1/a1", "q2/a2", "q3/a3"]
    assert wire.counts()["buffered_bytes"] == 0


def test_datagrams_in_one_direction_only_wait_once():
    wire = Wire()
    for number in range(5):
        datagram(wire, True, answer(f"a{number}"), wait=HOLD_BACK)
    wire.flows.finish()
    assert wire.sink.said() == [f"/a{number}" for number in range(5)]
    assert wire.counts()["held_back"] == 1


def test_a_fault_of_ours_in_saying_what_is_early_costs_one_conversation():
    wire = Wire()
    datagram(wire, False, ask("q1"))
    wire.sink.flows[0].dissector.is_early = lambda *_: 1 // 0
    datagram(wire, True, answer("a1"))
    assert wire.counts()["dissector_failed"] == 1
    assert wire.sink.flows[0].dissector is None


# --- Bounds ---------------------------------------------------------------------------------------------


def test_one_flow_keeps_a_few():
    wire = Wire()
    client, server = pair(wire)
    late(client, ask("lost"))
    for number in range(MAX_EARLY + 1):
        assert wire.sink.exchanges == []
        server.send(answer(f"{number}"), wait=1)
    assert wire.sink.said() == [f"/{number}" for number in range(MAX_EARLY + 1)]
    assert wire.counts()["buffered_bytes"] == 0


def test_all_flows_together_keep_some_thousands_even_where_time_stands_still():
    wire = Wire()
    room, more = MAX_ALL_EARLY, 10
    talks = [pair(wire, ports=(port, 4000)) for port in range(10_000, 10_000 + room + more)]
    for number in (1, 2, 3):
        began = [late(client, ask("q")) for client, _ in talks]
        for _, server in talks:
            server.send(answer("a"), wait=0)
        assert wire.counts()["held_back"] == number * room
        assert wire.sink.exchanges[-1][1] == answer("a")  # that of the last flow, which found no room
        for (client, _), at in zip(talks, began, strict=True):
            client.segment(ask("q"), at=at, wait=0)
        assert wire.counts()["held_back_in_vain"] == wire.counts()["buffered_bytes"] == 0
        assert len(wire.flows.holdback.queue) <= 2 * room
