"""An interface on which something of this machine would answer is refused, with the command that mends it."""

import socket
import subprocess

import pytest

from sensor.guard import netlink, spanport
from sensor.guard.calls import numbers
from sensor.guard.kernel import call, machine
from tests.guard.inside import inside

NEW_NET = 0x4000_0000


def in_a_network_of_its_own(*commands):
    """Return a step that goes into a new network, which ends with its process, and runs `ip` there."""

    def step():
        call(numbers(machine())["unshare"], NEW_NET)
        for command in commands:
            subprocess.run(command, shell=True, check=True, capture_output=True)

    return step


MADE = ("ip link add span0 type veth peer name other", "ip link set span0 up", "ip link set other up")
QUIET = ("ip link set span0 arp off", "sysctl -w net/ipv6/conf/span0/disable_ipv6=1")


@pytest.fixture(autouse=True)
def _able(request):
    request.getfixturevalue("root")
    if machine() is None or not inside(in_a_network_of_its_own(*MADE)).worked:
        pytest.skip("needs network namespaces, veth and iproute2")


def refused(*commands):
    outcome = inside(in_a_network_of_its_own(*MADE, *commands), lambda: [*map(str, spanport.check(["span0"]))])
    assert outcome.worked, outcome
    return outcome.value


def test_a_quiet_interface_is_taken():
    assert refused(*QUIET) == []


def test_an_address_is_refused_and_the_command_mends_it():
    given = (*QUIET, "ip address add 192.0.2.7/24 dev span0", "ip address add 192.0.2.8/24 dev span0")
    (told,) = refused(*given)
    assert told == (
        "interface span0: has the address 192.0.2.7/24, 192.0.2.8/24; expected none on a span port: "
        "ip address flush dev span0"
    )
    assert refused(*given, told.rpartition(": ")[2]) == []


def test_a_link_local_address_is_one_too_and_does_not_come_back():
    (told,) = refused("ip link set span0 arp off")
    assert told.startswith("interface span0: has the address fe80::")
    mend = told.rpartition(": ")[2]
    assert refused("ip link set span0 arp off", mend) == []
    assert refused("ip link set span0 arp off", mend, "ip link set span0 down", "ip link set span0 up") == []


def test_arp_is_refused_for_it_answers_for_other_interfaces_too():
    (told,) = refused(QUIET[1])
    assert told.startswith("interface span0: answers ARP")
    assert refused(QUIET[1], told.rpartition(": ")[2]) == []


def asked_by_arp():
    """Ask, from the other end, for an address that this machine has elsewhere; return whether it answers there."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806)) as other:
        other.bind(("other", 0x0806))
        own = bytes.fromhex("020000000009")
        asked = bytes.fromhex("0001080006040001") + own + bytes([192, 0, 2, 9]) + bytes(6) + bytes([192, 0, 2, 7])
        other.send(b"\xff" * 6 + own + b"\x08\x06" + asked)
        other.settimeout(1)
        try:
            while True:
                if other.recv(100)[20:22] == b"\0\2":
                    return True
        except TimeoutError:
            return False


def test_with_arp_on_it_does_answer_for_an_address_of_another_interface():
    elsewhere = ("ip link set lo up", "ip address add 192.0.2.7/32 dev lo", QUIET[1])
    assert inside(in_a_network_of_its_own(*MADE, *elsewhere), asked_by_arp).value is True
    assert inside(in_a_network_of_its_own(*MADE, *elsewhere, QUIET[0]), asked_by_arp).value is False


def test_many_addresses_are_told_in_short():
    given = [f"ip address add 192.0.2.{number}/32 dev span0" for number in range(1, 10)]
    (told,) = refused(*QUIET, *given)
    assert "192.0.2.4/32 and 5 more;" in told


def test_nobody_is_told_to_cut_off_the_way_by_which_he_came():
    given = (*QUIET, "ip address add 192.0.2.7/24 dev span0", "ip route add default via 192.0.2.1")
    assert [one.rpartition(": ")[2] for one in refused(*given)] == ["name the span port instead"]
    given = (
        "ip link set span0 arp off",
        "ip -6 address add 2001:db8::7/64 dev span0",
        "ip -6 route add default dev span0",
    )
    assert [one.rpartition(": ")[2] for one in refused(*given)] == ["name the span port instead"]


def test_what_is_not_there_is_somebody_elses_matter():
    assert spanport.check(["otsensor-none0"]) == []


def test_interfaces_are_listed_as_the_kernel_has_them():
    found = netlink.links()
    assert set(found) == {name for _, name in socket.if_nameindex()}
    assert found["lo"].index == socket.if_nametoindex("lo")

    def promiscuous():
        listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        listener.setsockopt(263, 1, netlink.struct.pack("=iHH8x", socket.if_nametoindex("span0"), 1, 0))
        one = netlink.links()["span0"]
        return [one.promiscuity, one.kind, bool(one.flags & 1)]

    assert inside(in_a_network_of_its_own(*MADE), promiscuous).value == [1, "veth", True]


def test_more_interfaces_than_one_answer_holds():
    many = [f"ip link add d{number} type veth peer name e{number}" for number in range(60)]
    assert inside(in_a_network_of_its_own(*many), lambda: len(netlink.links())).value >= 121
