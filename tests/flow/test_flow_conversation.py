"""Conversations as they are spoken: what is sent, and which exchanges come of it."""

import pytest
from flow_kit import ACK, FIN, MS, RST, SECOND, START, SYN, Wire, answer, ask, pair

from sensor.contract import ORPHAN, UNANSWERED, UNSOLICITED
from sensor.decode import kinds


def test_question_and_answer_are_one_exchange_with_its_evidence():
    wire = Wire()
    client, server = pair(wire)
    client.send(ask("speed?"))
    server.send(answer("1480"))
    [(exchange, last)] = wire.sink.exchanges
    assert wire.sink.said() == ["speed?/1480"]
    assert last == answer("1480")
    assert (exchange.request_number, exchange.response_number) == (4, 5)
    assert exchange.latency() == MS
    [flow] = wire.sink.flows
    assert (flow.opener.text, flow.opener_port, flow.answerer.text, flow.answerer_port) == (
        "10.0.0.1", 50000, "10.0.0.2", 4000,
    )  # fmt: skip
    assert flow.state_name() == "established"


def test_several_frames_in_one_segment_and_one_frame_over_several():
    wire = Wire()
    client, server = pair(wire)
    client.send(ask("a") + ask("b") + ask("c")[:2])
    client.send(ask("c")[2:4])
    client.send(ask("c")[4:])
    server.send(answer("1") + answer("2"))
    server.send(answer("3"))
    assert wire.sink.said() == ["a/1", "b/2", "c/3"]
    assert [exchange.request_number for exchange, _ in wire.sink.exchanges] == [4, 4, 6]
    assert wire.counts()["buffered_bytes"] == 0


def test_a_message_over_several_frames_is_given_as_all_its_frames():
    wire = Wire()
    client, server = pair(wire)
    client.send(ask("long"))
    server.send(ask("one", b"P") + answer("two"))
    client.send(ask("short"))
    server.send(answer("three"))
    assert [last for _, last in wire.sink.exchanges] == [ask("one", b"P") + answer("two"), answer("three")]


def test_every_message_is_dissected_when_somebody_asked():
    wire = Wire(messages=True)
    client, server = pair(wire)
    client.send(ask("x"))
    server.send(answer("y"))
    server.send(ask("z", b"U"))
    told = [(m.operation, m.unit, m.number, m.direction) for m in wire.sink.messages]
    assert told == [("Qx", "", 4, 0), ("Ay", "x", 5, 1), ("Uz", "", 6, 1)]
    assert wire.sink.messages[0].sender.text == "10.0.0.1"
    assert all(message.time > START for message in wire.sink.messages)


def test_unsolicited_and_orphaned_answers_count_as_the_servers_words():
    wire = Wire()
    _, server = pair(wire)
    server.send(ask("alarm", b"U"))
    server.send(answer("what"))
    assert [exchange.outcome for exchange, _ in wire.sink.exchanges] == [UNSOLICITED, ORPHAN]
    assert [(e.request_number, e.response_number) for e, _ in wire.sink.exchanges] == [(0, 4), (0, 5)]


def test_a_question_without_answer_ends_by_time_by_displacement_and_with_its_flow():
    wire = Wire()
    client, _ = pair(wire)
    client.send(ask("slow"))
    wire.flows.tick(wire.time + 4 * SECOND)
    assert wire.sink.said() == []
    wire.flows.tick(wire.time + 7 * SECOND)
    assert wire.sink.said() == ["slow/"]
    wire.time += 7 * SECOND
    for text in "12345":
        client.send(ask(text))
    assert wire.sink.said() == ["slow/", "1/"]
    wire.flows.finish()
    assert wire.sink.said() == ["slow/", "1/", "2/", "3/", "4/", "5/"]
    assert {exchange.outcome for exchange, _ in wire.sink.exchanges} == {UNANSWERED}
    assert wire.sink.exchanges[-1][0].request_number == wire.number


def test_live_ticks_and_a_replay_without_them_agree():
    def run(ticks):
        wire = Wire()
        client, server = pair(wire)
        client.send(ask("q"))
        for tick in range(ticks):
            wire.flows.tick(wire.time + tick * 900 * MS)
        server.send(answer("a"), wait=5_400 * MS)
        return wire.sink.said(), [exchange.outcome for exchange, _ in wire.sink.exchanges]

    assert run(0) == run(6)


def test_the_states_of_a_connection():
    wire = Wire()
    client, server = pair(wire, handshake=False)
    client.send(flags=SYN)
    [flow] = wire.sink.flows
    states = [flow.state_name()]
    server.send(flags=SYN | ACK)
    states.append(flow.state_name())
    client.send(flags=ACK)
    client.send(flags=FIN | ACK)
    states.append(flow.state_name())
    server.send(ask("still here", b"U"))
    server.send(flags=FIN | ACK)
    states.append(flow.state_name())
    assert states == ["new", "established", "half_closed", "closed"]
    assert len(wire.sink.exchanges) == 1
    assert not flow.one_way()
    wire.flows.tick(wire.time + 32 * SECOND)
    assert wire.sink.ended == [flow]
    assert flow.ending == "finished"


def test_a_refused_connection_is_reset():
    wire = Wire()
    client, server = pair(wire, handshake=False)
    client.send(flags=SYN)
    server.segment(flags=RST | ACK, at=0)
    assert wire.sink.flows[0].state_name() == "reset"


def test_who_opened_when_the_beginning_was_not_seen():
    wire = Wire()
    wire.put(("10.0.0.2", 4000), ("10.0.0.1", 50000), b"x", flags=ACK)  # registered: 10.0.0.2 was asked
    wire.put(("10.0.0.4", 502), ("10.0.0.3", 50000), b"x", flags=ACK)  # below 1024
    wire.put(("10.0.0.6", 6000), ("10.0.0.5", 7000), b"x", flags=ACK)  # nothing known: the first
    wire.put(("10.0.0.8", 4000), ("10.0.0.7", 50000), flags=SYN)  # a SYN says it, whatever the port
    wire.put(("10.0.0.9", 60000), ("10.0.0.7", 50000), flags=SYN | ACK)
    assert [flow.opener.text[-1] for flow in wire.sink.flows] == ["1", "3", "6", "8", "7"]
    assert [flow.opener_port for flow in wire.sink.flows] == [50000, 50000, 6000, 4000, 50000]


def test_the_outstation_dials_its_master():
    wire = Wire()
    outstation, master = pair(wire, ports=(4000, 51000))
    master.send(ask("state?"))
    outstation.send(answer("on"))
    assert wire.sink.said() == ["state?/on"]
    exchange = wire.sink.exchanges[0][0]
    assert exchange.client == 1
    assert exchange.request_number == 4


def test_datagrams_are_read_each_for_itself():
    wire = Wire()
    a, b = ("10.0.0.1", 50000), ("10.0.0.2", 4000)
    wire.put(a, b, ask("q"), kind=kinds.UDP)
    wire.put(b, a, answer("r"), kind=kinds.UDP)
    wire.put(a, b, ask("cut")[:-1], kind=kinds.UDP)
    wire.put(a, b, ask("next"), kind=kinds.UDP)
    wire.put(b, a, answer("s"), kind=kinds.UDP)
    assert wire.sink.said() == ["q/r", "next/s"]
    assert wire.sink.oddities == ["truncated"]
    assert wire.counts()["truncated_datagrams"] == 1


def test_a_datagram_cut_by_the_snap_length_is_no_oddity():
    wire = Wire()
    a, b = ("10.0.0.1", 50000), ("10.0.0.2", 4000)
    wire.put(a, b, ask("q"), kind=kinds.UDP)
    wire.put(a, b, ask("cut")[:-1], kind=kinds.UDP, missing=1)
    assert wire.sink.oddities == []
    assert wire.counts()["truncated_datagrams"] == 1


def test_icmp_and_frames_without_ip_are_flows_without_ports():
    wire = Wire()
    wire.put(("10.0.0.1", 0), ("10.0.0.2", 0), b"\x08\x00ping", kind=kinds.ICMP)
    wire.put(("10.0.0.2", 0), ("10.0.0.1", 0), b"\x00\x00ping", kind=kinds.ICMP)
    wire.put(("10.0.0.2", 0), ("10.0.0.1", 0), b"gre", kind=kinds.OTHER_IP)
    macs = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
    for source, destination in (macs, macs[::-1]):
        wire.put(
            ("10.0.0.1", 0), ("10.0.0.2", 0), b"dcp", kind=kinds.PROFINET, version=0, protocol=0,
            key=source + destination + b"\x88\x92", ethertype=0x8892,
        )  # fmt: skip
    icmp, gre, frames = wire.sink.flows
    assert (icmp.transport, icmp.opener_port, icmp.icmp_type) == (1, 0, 8)
    assert (icmp.forth.packets, icmp.back.packets) == (1, 1)
    assert gre.transport == 47
    assert (frames.opener.text, frames.transport, frames.ethertype) == ("02:00:00:00:00:01", 0, 0x8892)
    assert (frames.packets(0), frames.packets(1)) == (1, 1)
    wire.flows.finish()
    assert len(wire.sink.ended) == 3
    assert wire.counts()["flows"] == 0


def test_bytes_and_evidence_are_counted_for_each_direction():
    wire = Wire()
    client, server = pair(wire)
    client.send(b"12345")
    server.send(b"123")
    [flow] = wire.sink.flows
    assert (flow.forth.packets, flow.forth.payload_bytes, flow.forth.bytes) == (3, 5, 54 * 3 + 5)
    assert (flow.back.packets, flow.back.payload_bytes, flow.back.bytes) == (2, 3, 54 * 2 + 3)
    assert (flow.first_number, flow.last_number) == (1, 5)
    assert (flow.first_time, flow.last_time) == (START + MS, START + 5 * MS)


@pytest.mark.parametrize("second", ["10.0.0.1", "10.0.0.2"])
def test_a_packet_from_an_address_to_itself_is_one_flow(second):
    wire = Wire()
    end = ("10.0.0.1", 139)
    wire.put(end, (second, 139), flags=SYN, sequence=5)
    wire.put((second, 139), end, flags=SYN, sequence=5)
    assert len(wire.sink.flows) == 1
    wire.flows.finish()
    assert len(wire.sink.ended) == 1
