"""How well conversations are heard: by network, by machine, by protocol, as a pulse tells it."""

import orjson
import pytest
from flow_kit import ACK, FIN, PSH, SECOND, SYN, Wire, answer, ask, pair

from sensor.capture.block import Block
from sensor.decode import kinds
from sensor.flow.hearing import MAX_TALKERS

A, B, C = ("10.0.0.1", 50000), ("10.0.0.2", 4000), ("10.0.0.3", 50000)


def talk(client, server, turns=1, wait=SECOND // 10):
    for turn in range(turns):
        client.send(ask(str(turn)), wait=wait)
        server.send(answer(str(turn)))


def lane(pulse, number=0):
    return dict(zip(("frames", "time", "talks", "one_way", "fallen"), pulse["lanes"][number][4:], strict=True))


def talkers(pulse):
    return {address: time for _, address, time in pulse["talkers"]}


def test_a_pulse_is_plain_values():
    wire = Wire()
    talk(*pair(wire))
    pulse = wire.flows.pulse()
    assert orjson.loads(orjson.dumps(pulse)) == {
        **pulse,
        "lanes": [list(one) for one in pulse["lanes"]],
        "talkers": [list(one) for one in pulse["talkers"]],
    }
    assert pulse["protocols"]["toy"]["messages"] == 2


def test_nothing_heard_is_a_pulse_too():
    assert Wire().flows.pulse() == {"lanes": [], "talkers": [], "protocols": {}, "stream_bytes": 0}


def test_each_network_has_its_frames_and_its_last_time():
    wire = Wire()
    wire.put(A, B, kind=kinds.UDP)
    wire.put(A, B, kind=kinds.UDP, vlan=0x1000 | 20)
    wire.put(A, B, kind=kinds.UDP, vlan=0x1000 | 20)
    pulse = wire.flows.pulse()
    assert [one[2] for one in pulse["lanes"]] == ["", "20"]
    assert (lane(pulse, 0)["frames"], lane(pulse, 1)["frames"]) == (1, 2)
    assert lane(pulse, 1)["time"] == wire.time


def test_talkers_are_those_who_spoke_since_the_last_pulse():
    wire = Wire()
    client, server = pair(wire)
    talk(client, server)
    assert set(talkers(wire.flows.pulse())) == {"10.0.0.1", "10.0.0.2"}
    wire.put(C, B, kind=kinds.UDP)  # asked, and not answered: only the asker spoke
    assert talkers(wire.flows.pulse()) == {"10.0.0.3": wire.time}
    assert talkers(wire.flows.pulse()) == {}
    client.send(ask("more"))
    assert talkers(wire.flows.pulse()) == {"10.0.0.1": wire.time}


def test_an_address_resolution_makes_no_talker():
    wire = Wire()
    wire.put(A, B, kind=kinds.ARP, version=0, key=b"\x02" * 6 + b"\xff" * 6 + b"\x08\x06")
    assert wire.flows.pulse()["talkers"] == []


def test_a_flood_of_talkers_is_bounded_and_those_known_for_longest_are_told():
    wire = Wire()
    names = [f"10.1.{number >> 8}.{number & 255}" for number in range(MAX_TALKERS + 4)]
    for name in names:
        wire.put((name, 1), B, kind=kinds.UDP)
    assert set(talkers(wire.flows.pulse())) == set(names[:MAX_TALKERS])
    assert wire.counts()["talkers_left_out"] == 4


# --- One side only ------------------------------------------------------------------------------------


def test_both_sides_are_heard():
    wire = Wire()
    talk(*pair(wire), turns=3)
    pulse = wire.flows.pulse()
    assert (lane(pulse)["talks"], lane(pulse)["one_way"]) == (1, 0)
    assert pulse["protocols"]["toy"]["talks"] == 1


def test_one_side_is_heard():
    wire = Wire()
    client, server = pair(wire, handshake=False)
    for turn in range(4):
        client.send(ask(str(turn)), wait=SECOND)
        server.skip(5)
    pulse = wire.flows.pulse()
    assert (lane(pulse)["talks"], lane(pulse)["one_way"], lane(pulse)["fallen"]) == (1, 1, 0)
    assert pulse["protocols"]["toy"]["one_way"] == 1


def test_three_packets_without_an_answer_are_no_evidence():
    wire = Wire()
    client, _ = pair(wire, handshake=False)
    for turn in range(3):
        client.send(ask(str(turn)))
    assert lane(wire.flows.pulse())["talks"] == 0


def test_questions_at_a_closed_door_are_no_one_way_conversation():
    wire = Wire()
    client, _ = pair(wire, handshake=False)
    for _ in range(6):
        client.segment(flags=SYN, wait=SECOND)
    assert lane(wire.flows.pulse())["talks"] == 0


def test_a_side_that_falls_silent_is_noticed_and_told_apart():
    wire = Wire()
    client, server = pair(wire)
    talk(client, server, turns=3)
    wire.flows.pulse()
    for turn in range(4):
        client.send(ask(str(turn)), wait=SECOND)
    pulse = wire.flows.pulse()
    assert (lane(pulse)["talks"], lane(pulse)["one_way"], lane(pulse)["fallen"]) == (2, 1, 1)


def test_an_answer_that_comes_after_the_pulse_is_an_answer():
    wire = Wire()
    client, server = pair(wire)
    talk(client, server)
    wire.flows.pulse()
    client.send(ask("late"))
    wire.flows.pulse()
    server.send(answer("late"))
    pulse = wire.flows.pulse()
    assert lane(pulse)["one_way"] == 0


def test_what_ended_between_two_pulses_is_counted():
    wire = Wire()
    client, server = pair(wire)
    talk(client, server)
    client.send(flags=FIN | ACK)
    server.send(flags=FIN | ACK)
    wire.flows.finish()
    first, second = wire.flows.pulse(), wire.flows.pulse()
    assert lane(first)["talks"] == lane(second)["talks"] == 1
    assert first["protocols"] == second["protocols"]
    assert first["stream_bytes"] == second["stream_bytes"] == 10


# --- By protocol --------------------------------------------------------------------------------------


def test_counters_of_a_protocol_only_grow_over_the_end_of_its_conversations():
    wire = Wire()
    client, server = pair(wire)
    talk(client, server, turns=5)
    before = wire.flows.pulse()["protocols"]["toy"]
    assert (before["conversations"], before["messages"], before["payload_bytes"]) == (1, 10, 50)
    wire.flows.finish()
    assert wire.flows.pulse()["protocols"]["toy"] == before


def test_what_could_not_be_read_is_counted_for_its_protocol():
    wire = Wire()
    client, server = pair(wire)
    talk(client, server, turns=5)
    client.send(b"\x01\x02\x03" + ask("x"))
    found = wire.flows.pulse()["protocols"]["toy"]
    assert (found["illegible"], found["skipped_bytes"]) == (1, 3)


def test_holes_are_counted_for_their_protocol():
    wire = Wire()
    client, server = pair(wire)
    talk(client, server, turns=2)
    client.skip(100)
    client.send(ask("x"))
    server.send(answer("x"))
    found = wire.flows.pulse()["protocols"]["toy"]
    assert (found["gaps"], found["gap_bytes"]) == (1, 100)


def test_what_is_not_spoken_on_a_protocols_port_is_unread():
    wire = Wire()
    client, server = pair(wire)
    for _ in range(6):
        client.send(b"GET / HTTP")
        server.send(b"HTTP/1.1 200")
    found = wire.flows.pulse()["protocols"]["toy"]
    assert (found["unrecognised"], found["conversations"]) == (1, 0)
    assert found["unread_bytes"] == 6 * 22


def test_a_conversation_given_up_is_unread():
    wire = Wire()
    client, server = pair(wire)
    talk(client, server)
    for _ in range(70):
        client.send(b"\x01\x02", flags=ACK | PSH)
    found = wire.flows.pulse()["protocols"]["toy"]
    assert (found["gave_up"], found["payload_bytes"]) == (1, 0)
    assert found["unread_bytes"] == 10 + 140


# --- The clock, and idle time -------------------------------------------------------------------------


@pytest.mark.parametrize(("wait", "leaps"), [(9 * SECOND, 0), (11 * SECOND, 1)])
def test_capture_time_that_leaps_is_counted(wait, leaps):
    wire = Wire()
    wire.put(A, B, kind=kinds.UDP)
    wire.put(A, B, kind=kinds.UDP, wait=wait)
    assert wire.counts()["time_leaps"] == leaps


def test_time_that_is_carried_by_empty_blocks_does_not_leap():
    wire = Wire()
    wire.put(A, B, kind=kinds.UDP)
    for _ in range(30):
        wire.time += SECOND
        wire.flows.tick(wire.time)
    assert wire.counts()["time_leaps"] == 0


def test_an_empty_block_carries_the_time_into_the_pulse():
    from sensor.behaviour.finding import Findings  # noqa: PLC0415
    from sensor.pipeline import Line  # noqa: PLC0415

    line = Line(Findings(), [], False, {})
    block = Block(b"", b"", 0, 0, 0, 1, 0, [])
    block.time = 7 * SECOND
    line.run(block)
    assert (line.pulse()["time"], line.pulse()["frames"]) == (7 * SECOND, 0)
