"""ARP: an address that changes hands is told each time, a sweep once; what moves by design is not."""

import ipaddress
import struct

import pytest
from flow_kit import MS, SECOND, Wire

from sensor.decode import kinds
from sensor.flow import neighbours

PUMP, PANEL, LAPTOP = (bytes((2, 0, 0, 0, 0, number)) for number in (1, 2, 3))
VIRTUAL = [bytes.fromhex(text) for text in ("00005e00010a", "00000c07ac05", "00000c9ff005", "0007b4000501")]
REQUEST, REPLY = 1, 2
COMPILED = not neighbours.__file__.endswith(".py")


def ip(text):
    return ipaddress.ip_address(text).packed


def say(wire, operation, mac, address, wanted="10.0.0.9", *, to=b"\xff" * 6, **more):
    """One host says something by ARP."""
    body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation) + mac + ip(address) + bytes(6) + ip(wanted)
    more.setdefault("wait", 20 * MS)
    ends = (("10.0.0.1", 0), ("10.0.0.2", 0))
    wire.put(*ends, body, kind=kinds.ARP, version=0, ethertype=0x0806, key=mac + to + b"\x08\x06", **more)


def told(wire):
    return [(kind, sample) for kind, _, _, sample in wire.sink.samples]


def test_an_address_that_changes_hands_is_told_with_its_former_owner_each_time():
    wire = Wire()
    for mac in (PUMP, PUMP, LAPTOP, LAPTOP, PUMP):
        say(wire, REPLY, mac, "10.0.0.1")
    assert told(wire) == [("address_moved", ip("10.0.0.1") + PUMP), ("address_moved", ip("10.0.0.1") + LAPTOP)]


def test_one_machine_may_have_many_addresses_and_asking_claims_too():
    wire = Wire()
    for number in range(1, 9):
        say(wire, REPLY, PUMP, f"10.0.0.{number}")
    assert told(wire) == []
    say(wire, REQUEST, LAPTOP, "10.0.0.3")
    assert told(wire) == [("address_moved", ip("10.0.0.3") + PUMP)]


def use(wire, mac, address, **more):
    """One host speaks IP to another, on its own network."""
    frame = b"\xff" * 6 + mac + b"\x08\x00"
    wire.put((address, 4000), ("10.0.0.9", 4001), b"x", kind=kinds.UDP, frame=frame, mac_at=0, **more)


def test_an_address_that_was_only_seen_in_use_is_told_when_it_is_claimed_by_another():
    wire = Wire()
    for _ in range(2):
        use(wire, PUMP, "10.0.0.1")
    say(wire, REPLY, PUMP, "10.0.0.1")
    use(wire, PANEL, "10.0.0.2")
    say(wire, REPLY, LAPTOP, "10.0.0.2")
    say(wire, REPLY, LAPTOP, "10.0.0.3")
    assert told(wire) == [("address_moved", ip("10.0.0.2") + PANEL)]


def test_what_was_seen_behind_a_router_or_with_a_virtual_mac_is_nobodys():
    wire = Wire()
    use(wire, PUMP, "10.0.0.1", ttl=57)
    use(wire, VIRTUAL[0], "10.0.0.2")
    for number in (1, 2):
        say(wire, REPLY, LAPTOP, f"10.0.0.{number}")
    assert told(wire) == []


@pytest.mark.parametrize("mac", VIRTUAL, ids=["VRRP", "HSRP", "HSRP 2", "GLBP"])
def test_an_address_that_moves_by_design_is_not_told(mac):
    wire = Wire()
    for one in (PUMP, mac, PUMP, mac):
        say(wire, REPLY, one, "10.0.0.1")
    assert told(wire) == []


def test_a_machine_that_looks_whether_its_address_is_free_claims_nothing():
    wire = Wire()
    for mac in (PUMP, PANEL):
        say(wire, REQUEST, mac, "0.0.0.0")
    assert told(wire) == []


def test_the_same_address_on_another_network_is_another():
    wire = Wire()
    say(wire, REPLY, PUMP, "10.0.0.1")
    say(wire, REPLY, PANEL, "10.0.0.1", vlan=0x1000 | 7)
    assert told(wire) == []


def sweep(wire, count, *, operation=REQUEST, wait=20 * MS):
    for number in range(count):
        say(wire, operation, LAPTOP, "10.0.0.66", f"10.0.{number // 250}.{number % 250 + 1}", wait=wait)


def test_a_sweep_is_told_once_for_each_window():
    wire = Wire()
    sweep(wire, neighbours.SWEEP - 1)
    assert told(wire) == []
    sweep(wire, 120)
    assert [kind for kind, _ in told(wire)] == ["address_sweep"]
    say(wire, REQUEST, LAPTOP, "10.0.0.66", wait=121 * SECOND)
    sweep(wire, 120)
    assert [kind for kind, _ in told(wire)] == ["address_sweep"] * 2


def test_asking_slowly_answering_many_and_announcing_oneself_are_no_sweep():
    wire = Wire()
    sweep(wire, 60, wait=3 * SECOND)
    sweep(wire, 60, operation=REPLY)
    for _ in range(60):
        say(wire, REQUEST, PUMP, "10.0.0.1", "10.0.0.1")
    assert told(wire) == []


@pytest.mark.skipif(COMPILED, reason="constants are compiled in")
def test_tables_are_bounded_and_what_found_no_room_is_counted(monkeypatch):
    monkeypatch.setattr(neighbours, "MAX_CLAIMS", 2)
    monkeypatch.setattr(neighbours, "MAX_SEEKERS", 2)
    wire = Wire()
    for number in range(1, 6):
        say(wire, REQUEST, bytes((2, 0, 0, 0, 1, number)), f"10.0.0.{number}")
    assert (wire.counts()["claims_refused"], wire.counts()["seekers_refused"]) == (3, 3)


@pytest.mark.parametrize("cut", [0, 7, 27])
def test_a_frame_too_short_for_arp_says_nothing(cut):
    wire = Wire()
    body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, REPLY) + PUMP + ip("10.0.0.1") + bytes(10)
    wire.put(("10.0.0.1", 0), ("10.0.0.2", 0), body[:cut], kind=kinds.ARP, version=0, key=PUMP + PANEL + b"\x08\x06")
    assert told(wire) == []
    assert wire.counts()["claims_refused"] == 0
