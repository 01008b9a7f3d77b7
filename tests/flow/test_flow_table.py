# ruff: noqa: ARG002  # an interface is kept, whatever its user needs of it
"""The table: bounds, timeouts, networks, endpoints, doubled frames, clocks that misbehave."""

import gc

import pytest
from flow_kit import ACK, FIN, MS, RST, SECOND, START, SYN, Toy, ToyProtocol, Wire, answer, ask, pair

from sensor.decode import kinds
from sensor.flow import lanes, table

A, B = ("10.0.0.1", 50000), ("10.0.0.2", 4000)
COMPILED = not table.__file__.endswith(".py")


# --- Frames doubled by the mirror -------------------------------------------------------------------------


def doubled(wire, *segments):
    """See segments, then the same again, each 50 us later."""
    for _ in range(2):
        ip_id = wire.ip_id
        for source, destination, payload, wanted in segments:
            wire.put(source, destination, payload, wait=50_000, **wanted)
        wire.ip_id = ip_id


def test_a_doubled_frame_counts_once_and_says_nothing():
    wire = Wire()
    client, server = pair(wire)
    [flow] = wire.sink.flows
    for host, payload in ((client, ask("q")), (server, answer("a"))):
        began = host.send(payload)
        wire.ip_id -= 1
        host.segment(payload, at=began, wait=50_000)
    assert wire.sink.said() == ["q/a"]
    assert (flow.forth.packets, flow.forth.payload_bytes) == (3, 5)
    assert (flow.forth.mirror_duplicates, flow.back.mirror_duplicates) == (1, 1)
    assert wire.counts()["retransmissions"] == 0


def test_copies_may_interleave():
    wire = Wire()
    client, _ = pair(wire)
    one, two = ask("one"), ask("two")
    at = client.sequence
    doubled(
        wire,
        (A, B, one, {"sequence": at, "flags": ACK}),
        (A, B, two, {"sequence": at + len(one), "flags": ACK}),
    )
    assert wire.counts()["mirror_duplicates"] == 2
    assert wire.counts()["messages"] == 2
    assert wire.counts()["retransmissions"] == 0


def test_a_repeat_with_a_new_identification_or_later_is_a_retransmission():
    wire = Wire()
    client, _ = pair(wire)
    began = client.send(ask("q"))
    client.segment(ask("q"), at=began, wait=50_000)
    wire.ip_id -= 1
    client.segment(ask("q"), at=began, wait=200 * MS)
    assert wire.counts()["mirror_duplicates"] == 0
    assert wire.counts()["retransmissions"] == 2


def test_without_an_identification_only_a_moment_makes_a_copy():
    wire = Wire()
    client, _ = pair(wire)
    began = client.send(ask("q"), ip_id=0)
    client.segment(ask("q"), at=began, ip_id=0, wait=500_000)
    client.segment(ask("q"), at=began, ip_id=0, wait=5 * MS)
    assert wire.counts()["mirror_duplicates"] == 1
    assert wire.counts()["retransmissions"] == 1


@pytest.mark.parametrize("ip_id", [0, 77])
def test_datagrams_are_doubled_too(ip_id):
    wire = Wire()
    for payload in (ask("1"), ask("1"), ask("2")):
        wire.put(A, B, payload, kind=kinds.UDP, ip_id=ip_id, wait=50_000)
    wire.put(A, B, ask("2"), kind=kinds.UDP, ip_id=ip_id, wait=SECOND)
    assert wire.counts()["mirror_duplicates"] == 1
    assert wire.counts()["messages"] == 3


def test_a_sending_hosts_checksums_do_not_make_copies_of_different_datagrams():
    wire = Wire()
    for payload in (ask("1"), ask("2")):
        wire.put(A, B, payload, kind=kinds.UDP, ip_id=0, checksum=0x1234, wait=1000)
    assert wire.counts()["messages"] == 2


def test_frames_without_ip_are_doubled_too():
    wire = Wire()
    key = bytes.fromhex("020000000001010ccd01000188b8")
    for payload in (b"sqNum 1", b"sqNum 1", b"sqNum 2"):
        wire.put(A, B, payload, kind=kinds.GOOSE, version=0, protocol=0, ip_id=0, key=key, wait=50_000)
    [flow] = wire.sink.flows
    assert (flow.forth.packets, flow.forth.mirror_duplicates) == (2, 1)


# --- Time -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("queue", "begin"),
    [
        (table.OVER, lambda wire: pair(wire)[0].send(flags=RST)),
        (table.UNANSWERED, lambda wire: wire.put(A, B, flags=SYN)),
        (table.DATAGRAMS, lambda wire: wire.put(A, B, b"x", kind=kinds.UDP)),
        (table.OTHERS, lambda wire: wire.put(A, B, b"x", kind=kinds.ICMP)),
        (table.CONNECTIONS, pair),
        (table.CONNECTIONS, lambda wire: wire.put(A, B, b"x", flags=ACK)),
    ],
)
def test_each_class_of_flows_has_its_timeout(queue, begin):
    wire = Wire()
    begin(wire)
    timeout = table.TIMEOUTS[queue]
    wire.flows.tick(wire.time + timeout - SECOND)
    assert wire.sink.ended == []
    wire.flows.tick(wire.time + timeout + SECOND)
    assert len(wire.sink.ended) == 1
    assert wire.sink.ended[0].ending == ("reset" if queue == table.OVER else "idle")
    assert wire.counts()["flows"] == 0


def test_the_timeout_counts_from_the_last_frame():
    wire = Wire()
    for _ in range(5):
        wire.put(A, B, b"x", kind=kinds.UDP, wait=table.TIMEOUTS[table.DATAGRAMS] - SECOND)
    assert len(wire.sink.flows) == 1
    wire.put(A, B, b"x", kind=kinds.UDP, wait=table.TIMEOUTS[table.DATAGRAMS] + 2 * SECOND)
    assert len(wire.sink.flows) == 2


def test_frames_a_little_out_of_time_change_nothing():
    wire = Wire()
    client, server = pair(wire)
    client.send(ask("q"))
    server.send(answer("a"), time=wire.time - 3 * MS)
    assert wire.sink.said() == ["q/a"]
    assert wire.counts()["time_backwards"] == 1
    assert wire.sink.flows[0].last_time == START + 4 * MS


def test_a_clock_set_back_neither_ends_flows_nor_stops_their_timeouts():
    wire = Wire()
    wire.put(A, B, b"x", kind=kinds.UDP)
    wire.put(("10.0.0.4", 1), B, b"silent from now on", kind=kinds.UDP)
    wire.time -= 86_400 * SECOND
    wire.put(A, B, b"y", kind=kinds.UDP)
    wire.put(("10.0.0.3", 1), B, b"y", kind=kinds.UDP)
    assert wire.counts()["time_resets"] == 1
    wire.flows.tick(wire.time + 100 * SECOND)
    assert wire.sink.ended == []
    wire.flows.tick(wire.time + 300 * SECOND)
    assert len(wire.sink.ended) == 3


def test_one_frame_from_the_far_future_costs_no_more_than_the_flows_of_then():
    wire = Wire()
    client, server = pair(wire)
    client.send(ask("1"))
    server.send(answer("a"))
    wire.put(("10.0.0.3", 1), B, b"y", kind=kinds.UDP, time=wire.time + 10**18)
    for number in range(2, 4):
        client.send(ask(str(number)))
        server.send(answer("b"))
    assert wire.sink.said() == ["1/a", "2/b", "3/b"]


def test_a_clock_that_goes_to_and_fro_does_not_cost_a_sweep_for_every_frame():
    class Counting(Toy):
        expired = 0

        def expire(self, time):
            Counting.expired += 1

    protocol = ToyProtocol()
    protocol.dissector = Counting
    wire = Wire([protocol])
    for port in range(320):
        wire.put(("10.0.0.1", port), B, ask("q"), kind=kinds.UDP, wait=1000)
    Counting.expired = 0
    for number in range(200):
        wire.put(A, B, b"x", kind=kinds.UDP, wait=(20 * SECOND, -20 * SECOND)[number % 2])
    assert 320 <= Counting.expired <= 200 * 20


# --- Bounds -----------------------------------------------------------------------------------------------


@pytest.mark.skipif(COMPILED, reason="compiled constants stand where they are used")
def test_a_full_table_ends_what_never_began_then_what_has_one_side_then_the_longest_idle(monkeypatch):
    monkeypatch.setattr(table, "MAX_FLOWS", 4)
    wire = Wire()
    pair(wire)  # a connection
    for source, other in ((A, B), (B, A)):
        wire.put(source, other, b"x", kind=kinds.UDP)
    for port in range(1, 5):
        wire.put(("10.0.0.9", port), B, flags=SYN)
    for port in range(1, 6):
        wire.put(("10.0.0.8", port), B, b"x", kind=kinds.UDP)
    ended = [(flow.state_name(), flow.opener_port) for flow in wire.sink.ended]
    assert ended == [("new", 1), ("new", 2), ("new", 3), ("new", 4), ("", 1), ("", 2), ("", 3)]
    for port in (4, 5):
        wire.put(B, ("10.0.0.8", port), b"y", kind=kinds.UDP)
    wire.put(("10.0.0.8", 6), B, b"x", kind=kinds.UDP)
    assert wire.sink.ended[-1].state_name() == "established"  # all others have two sides, and it is the longest idle
    assert {flow.ending for flow in wire.sink.ended} == {"evicted"}
    assert wire.counts()["flows_evicted"] == 8
    assert wire.counts()["flows"] == 4


@pytest.mark.skipif(COMPILED, reason="compiled constants stand where they are used")
def test_endpoints_beyond_the_bound_share_one_and_keep_their_addresses_in_the_flow(monkeypatch):
    monkeypatch.setattr(lanes, "MAX_ENDPOINTS", 3)
    wire = Wire()
    for last in range(1, 6):
        wire.put((f"10.0.1.{last}", 1), B, flags=SYN)
    openers = [flow.opener for flow in wire.sink.flows]
    assert [opener.text for opener in openers] == ["10.0.1.1", "10.0.1.2", "overflow", "overflow", "overflow"]
    assert openers[3] is openers[4]
    assert wire.sink.flows[4].key[:4] == bytes((10, 0, 1, 5))
    assert wire.counts()["endpoints_overflowed"] == 3


@pytest.mark.skipif(COMPILED, reason="compiled constants stand where they are used")
def test_endpoints_of_conversations_that_are_over_make_room_unless_somebody_keeps_them(monkeypatch):
    monkeypatch.setattr(lanes, "MAX_ENDPOINTS", 4)
    wire = Wire()
    wire.put(("10.0.1.1", 1), B, flags=SYN)
    wire.sink.flows[0].opener.kept = True
    wire.put(("10.0.1.2", 1), B, flags=SYN, wait=SECOND)
    for second in range(0, 80, 5):
        wire.flows.tick(wire.time + second * SECOND)
    wire.put(("10.0.1.3", 1), B, flags=SYN, wait=80 * SECOND)
    assert [endpoint.text for endpoint in wire.sink.gone] == ["10.0.0.2", "10.0.1.2"]
    wire.put(("10.0.1.1", 3), B, flags=SYN, wait=SECOND)
    assert wire.sink.flows[-1].opener is wire.sink.flows[0].opener
    assert wire.sink.flows[-1].answerer is wire.sink.flows[-2].answerer
    assert wire.sink.flows[-1].answerer is not wire.sink.flows[0].answerer
    assert wire.counts()["endpoints_overflowed"] == 0
    assert (wire.counts()["endpoints"], wire.counts()["endpoints_forgotten"]) == (3, 2)


@pytest.mark.skipif(COMPILED, reason="compiled constants stand where they are used")
def test_networks_beyond_the_bound_share_one(monkeypatch):
    monkeypatch.setattr(lanes, "MAX_NETWORKS", 2)
    wire = Wire()
    for vlan in range(1, 6):
        wire.put(A, B, flags=SYN, vlan=0x1000 | vlan)
    assert [flow.network().vlan for flow in wire.sink.flows] == ["1", "2", "overflow"]
    assert wire.counts()["networks_overflowed"] == 3


def test_a_flood_leaves_nothing_behind():
    wire = Wire()
    gc.collect()
    for number in range(3000):
        source = (f"10.{number % 7}.{number % 13}.{number % 200}", number % 50000)
        wire.put(source, B, ask("q")[: number % 6], kind=(kinds.TCP, kinds.UDP)[number % 2], flags=number % 32)
    wire.flows.finish()
    assert wire.counts()["flows"] == wire.counts()["buffered_bytes"] == 0
    assert len(wire.sink.flows) == len(wire.sink.ended) == wire.counts()["flows_opened"]
    assert wire.flows.watch.flows == []
    assert all(
        not lane.tcp and not lane.udp for place in wire.flows.lanes.by_name.values() for lane in [place.untagged]
    )


def test_an_ended_flow_is_freed_without_the_garbage_collector():
    wire = Wire()
    client, server = pair(wire)
    client.send(ask("q"))
    server.send(answer("a"))
    gc.collect()
    gc.disable()
    try:
        wire.sink.flows.clear()
        wire.sink.exchanges.clear()
        wire.flows.finish()
        wire.sink.ended.clear()
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_an_ended_flow_keeps_no_other_alive():
    wire = Wire()
    for port in range(3):
        wire.put(("10.0.0.1", port), B, flags=SYN)
    wire.flows.finish()
    for flow in wire.sink.ended:
        assert flow.older.number == flow.newer.number == flow.forth.flow.number == flow.back.flow.number == -1
        assert flow.table == {}


# --- Where it was seen ------------------------------------------------------------------------------------


def test_the_same_addresses_elsewhere_are_other_endpoints():
    places = {(0, 0): ("north", "cell 1"), (0, 1): ("north", "cell 2"), (1, 7): ("north", "cell 1")}
    wire = Wire(places=places)
    seen = (
        {"interface": 0},
        {"interface": 1},
        {"interface": 0, "vlan": 0x1000 | 10},
        {"interface": 0, "vlan": (0x1000 | 100) << 13 | 0x1000 | 10},
        {"interface": 0, "tunnel": b"t", "tunnel_text": "gre a<>b"},
        {"interface": 0, "tunnel": b"t", "tunnel_text": "gre a<>b", "vlan": 0x1000 | 10},
        {"interface": 5},
    )
    for wanted in seen * 2:
        wire.put(A, B, flags=SYN, **wanted)
    told = [(net.site, net.segment, net.vlan, net.tunnel) for net in (flow.network() for flow in wire.sink.flows)]
    assert told == [
        ("north", "cell 1", "", ""),
        ("north", "cell 2", "", ""),
        ("north", "cell 1", "10", ""),
        ("north", "cell 1", "100.10", ""),
        ("north", "cell 1", "", "gre a<>b"),
        ("north", "cell 1", "10", "gre a<>b"),
        ("", "", "", ""),
    ]
    assert len({flow.opener.number for flow in wire.sink.flows}) == 7
    assert len({flow.network().number for flow in wire.sink.flows}) == 7


def test_two_ports_of_a_tap_and_the_next_file_see_one_network():
    wire = Wire()
    client, server = pair(wire)
    client.send(ask("q"), interface=0)
    server.send(answer("a"), interface=1)
    wire.segment.source = 1
    client.send(ask("r"), interface=0)
    server.send(answer("b"), interface=3)
    assert wire.sink.said() == ["q/a", "r/b"]
    assert len(wire.sink.flows) == 1
    exchange = wire.sink.exchanges[1][0]
    assert (exchange.request_source, exchange.response_source) == (1, 1)
    assert (wire.sink.flows[0].first_source, wire.sink.flows[0].last_source) == (0, 1)


def test_a_mac_is_learned_from_its_own_host_only():
    wire = Wire()
    frame = bytes.fromhex("ffffffffffff0200000000010800")
    wire.put(A, B, flags=SYN, frame=frame, mac_at=0, ttl=128)
    wire.put(B, A, flags=SYN | ACK, frame=bytes.fromhex("0200000000010200000000990800"), mac_at=0, ttl=61)
    [flow] = wire.sink.flows
    assert flow.opener.mac == bytes.fromhex("020000000001")
    assert flow.answerer.mac == b""  # behind a router


def test_ipv6_and_frames_have_their_addresses_written_as_people_do():
    wire = Wire()
    key = bytes.fromhex("fe80" + "0" * 24 + "0001" + "fe80" + "0" * 24 + "0002" + "c3500fa0")
    wire.put(A, B, flags=SYN, version=6, key=key)
    wire.put(B, A, flags=SYN | ACK, version=6, key=key[16:32] + key[:16] + key[34:] + key[32:34])
    [flow] = wire.sink.flows
    assert (flow.opener.text, flow.answerer.text) == ("fe80::1", "fe80::2")
    assert (flow.packets(0), flow.packets(1)) == (1, 1)
    wire.flows.finish()
    assert wire.counts()["flows"] == 0


def test_closing_leaves_late_repeats_a_flow_to_belong_to():
    wire = Wire()
    client, server = pair(wire)
    client.send(flags=FIN | ACK)
    server.send(flags=FIN | ACK)
    client.segment(flags=ACK, wait=5 * SECOND)
    assert len(wire.sink.flows) == 1
