# ruff: noqa: ARG002  # an interface is kept, whatever its user needs of it
"""The framing loop against what peers and dissectors do wrong, and the search for a conversation's protocol."""

import pytest
from flow_kit import MS, SECOND, Toy, ToyProtocol, Wire, answer, ask, pair

from sensor.contract import MORE, NO, YES, Protocol
from sensor.decode import kinds
from sensor.flow import counts, faults, framing, partial, probing


def test_illegible_bytes_are_told_with_the_reason_and_reading_goes_on():
    wire = Wire()
    client, server = pair(wire)
    client.send(ask("1"))
    client.send(b"x" * 40 + ask("2"))
    client.send(b"\xc0\x00\x01" + ask("3"))
    server.send(answer("a") + answer("b") + answer("c"))
    assert wire.sink.said() == ["1/a", "2/b", "3/c"]
    assert wire.sink.samples == [
        ("not_this_protocol", 0, 5, b"x" * 32),
        ("bad_length", 0, 6, b"\xc0\x00\x01" + ask("3")),
    ]
    assert wire.counts()["illegible"] == 2
    assert wire.counts()["skipped_bytes"] == 43


def test_a_malformed_message_costs_itself_only():
    wire = Wire()
    client, server = pair(wire)
    client.send(ask("1") + ask("bad") + ask("2"))
    server.send(answer("a") + answer("b"))
    assert wire.sink.said() == ["1/a", "2/b"]
    assert wire.sink.oddities == ["not_this_protocol"]


def test_garbage_without_end_is_given_up_and_still_counted():
    wire = Wire()
    client, server = pair(wire)
    client.send(ask("1"))
    for _ in range(faults.MAX_STRIKES + 20):
        client.send(b"garbage")
    assert wire.sink.oddities.count("gave_up") == 1
    assert wire.sink.said() == ["1/"]
    assert wire.counts()["gave_up"] == 1
    [flow] = wire.sink.flows
    assert flow.dissector is None
    before = flow.forth.payload_bytes
    client.send(ask("2"))
    server.send(answer("b"))
    assert len(wire.sink.exchanges) == 1
    assert flow.forth.payload_bytes == before + 5


def test_good_frames_earn_forgiveness():
    wire = Wire()
    client, server = pair(wire)
    client.send(ask("first"))
    server.send(answer("a"))
    for _ in range(3):
        for _ in range(faults.MAX_STRIKES - 1):
            client.send(b"garbage")
        for _ in range(faults.FORGIVEN // 2):
            client.send(ask("q"))
            server.send(answer("a"))
    assert "gave_up" not in wire.sink.oddities
    assert len(wire.sink.exchanges) == 1 + 3 * faults.FORGIVEN // 2


def test_a_flow_tells_only_so_many_oddities():
    wire = Wire()
    client, server = pair(wire)
    client.send(ask("first"))
    server.send(answer("a"))
    for _ in range(6):
        for _ in range(faults.MAX_STRIKES - 1):
            client.send(b"garbage")
        for _ in range(faults.FORGIVEN // 2):
            client.send(ask("q"))
            server.send(answer("a"))
    assert len(wire.sink.oddities) == faults.MAX_TOLD
    told = wire.counts()
    assert told["oddities_hushed"] == told["illegible"] - faults.MAX_TOLD


def test_our_own_fault_is_counted_with_a_sample_and_stops_that_conversation_only():
    wire = Wire()
    client, server = pair(wire)
    other, peer = pair(wire, ports=(50001, 4000))
    client.send(ask("boom"))
    client.send(ask("after"))
    other.send(ask("q"))
    peer.send(answer("a"))
    wire.flows.finish()
    assert wire.sink.said() == ["q/a"]
    assert wire.counts()["dissector_failed"] == 1
    assert wire.flows.framing.faults.failures == [("toy", "RuntimeError: boom", ask("boom").hex())]
    assert server.sequence > 0


def test_every_door_to_a_dissector_is_guarded():
    class Bad(Toy):
        def __init__(self, where):
            super().__init__()
            self.where = where

        def frame(self, data, start, end, direction):
            if self.where == "frame":
                raise IndexError("frame")
            return super().frame(data, start, end, direction)

        def resync(self, data, start, end, direction):
            raise IndexError("resync")

        def gap(self, direction):
            raise IndexError("gap")

        def expire(self, time):
            if self.where == "expire":
                raise IndexError("expire")

        def dissect(self, data, start, end, direction, request):
            raise IndexError("dissect")

        def finish(self):
            raise IndexError("finish")

    class BadProtocol(ToyProtocol):
        where = ""

        def probe(self, data, start, end, direction):
            if self.where == "probe":
                raise IndexError("probe")
            return super().probe(data, start, end, direction)

        def dissector(self):
            if self.where == "dissector":
                raise IndexError("dissector")
            return Bad(self.where)

    def fail(where):
        protocol = BadProtocol()
        protocol.where = where
        wire = Wire([protocol], messages=where == "dissect")
        client, server = pair(wire)
        client.send(ask("q"))
        if where == "resync":
            client.send(b"garbage")
        elif where == "gap":
            client.skip(100)
            client.send(ask("q"))
            server.send(answer("a"))
        elif where == "expire":
            wire.flows.tick(wire.time + 2 * SECOND)
        wire.flows.finish()
        return [text for _, text, _ in wire.flows.framing.faults.failures]

    for where in ("frame", "resync", "gap", "expire", "dissect", "finish", "probe", "dissector"):
        assert fail(where) == [f"IndexError: {where}"]


def test_a_glance_that_forgot_its_exchange_is_our_fault():
    class Forgetful(Toy):
        def glance(self, data, start, end, direction, time):
            return 2

    protocol = ToyProtocol()
    protocol.dissector = Forgetful
    wire = Wire([protocol])
    client, _ = pair(wire)
    client.send(ask("q"))
    assert wire.counts()["dissector_failed"] == 1


@pytest.mark.parametrize("where", [-5, 0, 1_000_000])
def test_a_resync_that_points_nowhere_gives_up_the_segment(where):
    class Lost(Toy):
        def resync(self, data, start, end, direction):
            return where and start + where

    protocol = ToyProtocol()
    protocol.dissector = Lost
    wire = Wire([protocol])
    client, server = pair(wire)
    client.send(ask("1"))
    client.send(b"garbage" + ask("passed over"))
    client.send(ask("2"))
    server.send(answer("a") + answer("b"))
    assert wire.sink.said() == ["1/a", "2/b"]


class Liar(Toy):
    """Says that every frame is very long."""

    length = 60_000

    def frame(self, data, start, end, direction):
        return self.length


def liars(length):
    protocol = ToyProtocol()
    liar = type("Liar", (Liar,), {"length": length})
    protocol.dissector = liar
    return [protocol]


def test_frames_longer_than_any_are_not_waited_for():
    wire = Wire(liars(partial.MAX_BUFFER + 1))
    client, _ = pair(wire)
    client.send(ask("q"))
    assert wire.sink.oddities == ["bad_length"]
    assert wire.counts()["buffered_bytes"] == 0


def test_a_dissector_that_always_wants_more_gets_no_more_than_the_buffer():
    wire = Wire(liars(0))
    client, _ = pair(wire)
    client.send(ask("q"))
    for _ in range(100):
        client.send(b"x" * 1400)
        assert wire.counts()["buffered_bytes"] <= partial.MAX_BUFFER
    assert "buffer_full" in wire.sink.oddities
    wire.flows.finish()
    assert wire.counts()["buffered_bytes"] == 0


@pytest.mark.skipif(not partial.__file__.endswith(".py"), reason="compiled constants stand where they are used")
def test_split_frames_of_all_flows_together_are_bounded(monkeypatch):
    monkeypatch.setattr(partial, "MAX_BUFFERED", 10_000)
    monkeypatch.setattr(framing, "PRESSURE", 5_000)
    wire = Wire(liars(60_000))
    clients = [pair(wire, ports=(50_000 + number, 4000))[0] for number in range(12)]
    for client in clients:
        client.send(ask(b"x" * 1000))
    assert wire.counts()["partials_lost"] == 3
    assert wire.counts()["buffered_bytes"] == 9 * 1004
    wire.flows.tick(wire.time + 20 * SECOND)
    assert wire.counts()["partials_stale"] == 5
    assert wire.counts()["buffered_bytes"] <= counts.PRESSURE


def test_a_frame_sent_byte_by_byte():
    wire = Wire()
    client, server = pair(wire)
    for byte in ask("slowly"):
        client.send(bytes((byte,)))
    for byte in answer("yes"):
        server.send(bytes((byte,)))
    assert wire.sink.said() == ["slowly/yes"]


def test_small_pieces_take_little_more_than_their_bytes():
    wire = Wire(liars(60_000))
    client, _ = pair(wire)
    client.send(ask("q"))
    for _ in range(5_000):
        client.send(b"ab")
    half = wire.sink.flows[0].forth
    assert len(half.pieces) <= partial.MAX_PIECES
    assert sum(map(len, half.pieces)) == half.waiting == 10_005


# --- Which protocol it is ---------------------------------------------------------------------------------


def test_a_protocol_is_found_on_any_port():
    wire = Wire()
    client, server = pair(wire, ports=(50000, 9999))
    client.send(ask("q"))
    server.send(answer("a"))
    assert wire.sink.said() == ["q/a"]


def test_the_registered_protocol_is_asked_first_and_the_first_that_says_yes_has_it():
    first, second = ToyProtocol("first", ports=(1,)), ToyProtocol("second", ports=(4000,))
    wire = Wire([first, second])
    client, _ = pair(wire)
    client.send(ask("q"))
    assert (first.probes, second.probes) == (0, 1)
    client, _ = pair(wire, ports=(50000, 7777))
    client.send(ask("q"))
    assert (first.probes, second.probes) == (1, 1)


def test_more_keeps_the_payload_and_both_directions_are_read_in_their_order():
    wire = Wire()
    client, server = pair(wire)
    client.send(ask("q")[:2])
    server.send(answer("early")[:3])
    client.send(ask("q")[2:])
    server.send(answer("early")[3:])
    assert wire.sink.said() == ["q/early"]
    assert wire.sink.exchanges[0][0].request_number == 6


def test_what_waited_for_a_probe_is_read_before_what_decided():
    class Careful(ToyProtocol):
        def probe(self, data, start, end, direction):
            return YES if end - start > 10 else MORE

    wire = Wire([Careful()])
    client, server = pair(wire)
    client.send(ask("q"))
    server.send(answer("long enough"))
    assert wire.sink.said() == ["q/long enough"]
    assert wire.sink.exchanges[0][0].request_number == 4


def test_what_waits_for_a_probe_is_bounded():
    class Undecided(Protocol):
        def __init__(self):
            super().__init__("undecided", ("tcp",), (4000,))

        def probe(self, data, start, end, direction):
            return MORE

    wire = Wire([Undecided()])
    client, _ = pair(wire)
    for _ in range(20):
        client.send(b"x" * 700)
        assert wire.counts()["buffered_bytes"] <= probing.MAX_PROBED
    assert wire.sink.oddities == ["not_undecided"]
    assert wire.counts()["buffered_bytes"] == 0


def test_a_registered_port_that_speaks_something_else_is_told_once():
    wire = Wire()
    client, server = pair(wire)
    for _ in range(20):
        client.send(b"GET / HTTP/1.1\r\n")
        server.send(b"HTTP/1.1 400\r\n")
    wire.flows.finish()
    assert wire.sink.samples == [("not_toy", 0, 9, b"GET / HTTP/1.1\r\n")]
    assert wire.counts()["unrecognised"] == 1


def test_a_registered_port_is_told_at_the_end_of_a_short_flow_but_not_in_mid_stream():
    wire = Wire()
    client, _ = pair(wire)
    client.send(b"SSH-2.0")
    other, _ = pair(wire, ports=(50001, 4000), handshake=False)
    other.send(b"inside of something")
    wire.flows.finish()
    assert wire.sink.oddities == ["not_toy"]


def test_nobody_hides_behind_an_opening_of_garbage():
    wire = Wire()
    client, server = pair(wire)
    for _ in range(30):
        client.send(b"garbage")
    client.send(ask("write!"))
    server.send(answer("done"))
    assert wire.sink.said() == ["write!/done"]


def test_other_ports_are_left_alone_after_some_tries():
    protocol = ToyProtocol()
    wire = Wire([protocol])
    client, _ = pair(wire, ports=(50000, 443))
    for _ in range(100):
        client.send(b"\x17\x03\x03 secret")
    assert protocol.probes == probing.TRIES
    assert wire.sink.oddities == []
    assert wire.counts()["unrecognised"] == 1


def test_a_wrong_recognition_is_withdrawn_and_the_next_protocol_has_its_turn():
    class Eager(ToyProtocol):
        def probe(self, data, start, end, direction):
            return YES

        def dissector(self):
            taken.append(self.name)
            return super().dissector()

    class Other(ToyProtocol):
        def dissector(self):
            taken.append(self.name)
            return super().dissector()

    taken = []
    wire = Wire([Eager("eager", ports=(1,)), Other("other", ports=(2,))])
    client, server = pair(wire, ports=(50000, 9999))
    client.send(b"not for the eager one")
    client.send(ask("q"))
    server.send(answer("a"))
    assert taken == ["eager", "other"]
    assert wire.counts()["withdrawn"] == 1
    assert wire.sink.said() == ["q/a"]
    assert wire.sink.oddities == []


def test_two_eager_protocols_do_not_take_turns_for_ever():
    class Eager(ToyProtocol):
        def probe(self, data, start, end, direction):
            self.probes += 1
            return YES

    eager = [Eager("one", ports=(1,)), Eager("two", ports=(2,))]
    wire = Wire(eager)
    client, _ = pair(wire, ports=(50000, 9999))
    for _ in range(100):
        client.send(b"nobody's")
    assert eager[0].probes + eager[1].probes <= probing.TRIES
    assert wire.counts()["unrecognised"] == 1


def test_protocols_are_asked_on_their_own_transport_only():
    tcp, udp = ToyProtocol("tcp", transports=("tcp",)), ToyProtocol("udp", transports=("udp",))
    carried = ToyProtocol("carried", transports=("iso",))
    wire = Wire([tcp, udp, carried])
    wire.put(("10.0.0.1", 50000), ("10.0.0.2", 4000), ask("q"), kind=kinds.UDP, wait=MS)
    assert (tcp.probes, udp.probes, carried.probes) == (0, 1, 0)


def test_a_datagram_cannot_wait_for_more():
    class Undecided(Protocol):
        def probe(self, data, start, end, direction):
            return MORE if direction == 0 else NO

    wire = Wire([Undecided("undecided", ("udp",), (4000,))])
    for _ in range(10):
        wire.put(("10.0.0.1", 50000), ("10.0.0.2", 4000), b"datagram", kind=kinds.UDP)
    assert wire.counts()["buffered_bytes"] == 0
    assert wire.sink.oddities == ["not_undecided"]
