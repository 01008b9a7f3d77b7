"""What the doctor says of interfaces, and that each command it gives mends what it found."""

import dataclasses
import pathlib
import shutil
import subprocess

import pytest

from sensor.guard import netlink
from sensor.guard.doctor import card, ethtool, interface
from sensor.guard.doctor.finding import NOTE, WARNING, WELL, WRONG, Finding
from sensor.guard.doctor.want import Want
from tests.guard.inside import inside
from tests.guard.test_spanport import MADE, QUIET, in_a_network_of_its_own

WANT = Want(("span0",))
GOOD = (*QUIET, "ip link set span0 mtu 9000", "ip link set other mtu 9000", "ip link set span0 promisc on")


@pytest.fixture(autouse=True)
def _able(request):
    request.getfixturevalue("root")
    if not inside(in_a_network_of_its_own(*MADE)).worked:
        pytest.skip("needs network namespaces, veth and iproute2")


def found(*commands, want=WANT, look=interface.examine):
    outcome = inside(in_a_network_of_its_own(*MADE, *commands), lambda: [list(one) for one in look("span0", want)])
    assert outcome.worked, outcome
    return [Finding(*one) for one in outcome.value]


def bad(findings):
    return {one.check: one for one in findings if one.level in (WARNING, WRONG)}


def test_a_good_span_port_is_well():
    assert bad(found(*GOOD)) == {}
    assert [one.check for one in found(*GOOD) if one.level == WELL] == ["up", "silent", "promiscuous", "mtu", "lost"]


@pytest.mark.parametrize(
    ("commands", "check", "level"),
    [
        (["ip link set span0 down"], "up", WRONG),
        (["ip address add 192.0.2.7/24 dev span0"], "silent", WRONG),
        (["ip link set span0 arp on"], "silent", WRONG),
        (["sysctl -w net/ipv6/conf/span0/disable_ipv6=0"], "ipv6", WARNING),
        (["ip link add br0 type bridge", "ip link set span0 master br0"], "alone", WRONG),
        (["ip link set span0 mtu 1400"], "mtu", WRONG),
    ],
)
def test_what_is_wrong_is_found_and_its_command_mends_it(commands, check, level):
    one = bad(found(*GOOD, *commands))[check]
    assert (one.level, one.about) == (level, "span0")
    assert one.found
    assert one.expected
    assert check not in bad(found(*GOOD, *commands, one.mend))


def test_the_other_end_unplugged_is_no_carrier():
    one = bad(found(*GOOD, "ip link set other down"))["up"]
    assert (one.level, one.found) == (WRONG, "has no carrier")


def test_what_is_allowed_is_a_warning_only():
    allowed = dataclasses.replace(WANT, allow_addresses=True)
    assert bad(found(*GOOD, "ip address add 192.0.2.7/24 dev span0", want=allowed))["silent"].level == WARNING


def test_an_interface_that_is_not_there_is_told_with_those_that_are():
    outcome = inside(in_a_network_of_its_own(*MADE), lambda: [*map(list, interface.examine("spam0", WANT))])
    ((level, about, _, said, expected, mend),) = outcome.value
    assert (level, about, said) == (WRONG, "spam0", "there is no such interface")
    assert "span0" in expected
    assert mend == ""


def test_losses_that_the_kernel_counts_are_told_with_what_they_mean():
    counted = {"rx_packets": 1000, "rx_missed_errors": 20, "rx_crc_errors": 0, "tx_packets": 7}
    link = netlink.Link(7, "span0", 0x81, 0, "", 0, 1, 9000, True, counted)
    lost, sent = interface.has_lost(link)
    assert (lost.check, lost.level) == ("rx_missed_errors", WARNING)
    assert (
        lost.found
        == "rx_missed_errors 20 since it was made, 1.96% of all: the card had no room left: its ring was full"
    )
    assert (sent.check, sent.level) == ("sent", NOTE)
    counted["rx_packets"] = 10**9
    assert next(interface.has_lost(link)).level == NOTE


# --- The card -----------------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("ethtool"), reason="needs ethtool (Debian: apt install ethtool)")
def test_features_are_those_that_ethtool_shows():
    def compare():
        shown = subprocess.run(["ethtool", "-k", "span0"], capture_output=True, text=True, check=True).stdout
        with ethtool.Card("span0") as asked:
            features = asked.features()
            assert asked.driver() == "veth"
            assert asked.pause() in (None, False)
            assert asked.speed() == (10_000, False)
        names = {
            "generic-receive-offload": "rx-gro",
            "large-receive-offload": "rx-lro",
            "rx-vlan-offload": "rx-vlan-hw-parse",
        }
        told = dict(line.strip().split(": ", 1) for line in shown.splitlines()[1:] if ": " in line)
        for theirs, ours in names.items():
            assert features[ours].on == told[theirs].startswith("on"), theirs
            assert features[ours].fixed == ("[fixed]" in told[theirs]), theirs
        return len(features)

    assert inside(in_a_network_of_its_own(*MADE), compare).value > 30


@pytest.mark.skipif(not shutil.which("ethtool"), reason="needs ethtool (Debian: apt install ethtool)")
@pytest.mark.parametrize(
    "commands", [["ethtool -K span0 gro on"], ["ethtool -K span0 rx-udp-gro-forwarding on gro on"]]
)
def test_what_glues_frames_together_is_found_and_its_command_mends_it(commands):
    findings = bad(found(*GOOD, *commands, look=card.examine))
    assert findings
    mends = [one.mend for one in findings.values()]
    assert all(mend.startswith("ethtool -K span0 ") for mend in mends)
    after = found(*GOOD, *commands, *mends, look=card.examine)
    assert bad(after) == {}
    assert [one.found for one in after if one.check == "gro"] == ["nothing glues frames together"]


class Answers:
    """A card that answers as cards do that are not here."""

    name = "span0"

    def __init__(self, **answers):
        self.answers = answers

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __getattr__(self, name):
        unknown = {"features": {}, "private_flags": {}, "statistics": {}, "driver": "i40e"}
        return lambda: self.answers.get(name, unknown.get(name))


def of_card(monkeypatch, want=WANT, **answers):
    monkeypatch.setattr(card, "Card", lambda _name: Answers(**answers))
    return {one.check: one for one in card.examine("span0", want)}


def test_a_driver_that_tells_nothing_is_no_fault(monkeypatch):
    assert of_card(monkeypatch) == {}


def test_what_cards_do_is_judged(monkeypatch):
    on, fixed = ethtool.Feature(on=True, fixed=False), ethtool.Feature(on=True, fixed=True)
    told = of_card(
        monkeypatch,
        features={"rx-lro": on, "rx-gro": fixed, "rx-vlan-hw-parse": on},
        rings=ethtool.Rings(4096, 512),
        pause=True,
        private_flags={"disable-fw-lldp": False},
        statistics={"rx_no_buffer_count": 7, "port.rx_dropped": 3, "rx_packets": 10, "tx_errors": 9, "rx_crc": 0},
        times=ethtool.Times(some=True, all=True),
        speed=ethtool.Speed(100, half=True),
    )
    assert {check: (one.level, one.mend) for check, one in told.items()} == {
        "speed": (WARNING, "see to the mirror port"),
        "lro": (WRONG, "ethtool -K span0 lro off"),
        "gro": (NOTE, ""),
        "rxvlan": (NOTE, "ethtool -K span0 rxvlan off"),
        "ring": (WARNING, "ethtool -G span0 rx 4096"),
        "pause": (WARNING, "ethtool -A span0 autoneg off rx off tx off"),
        "lldp": (WRONG, "ethtool --set-priv-flags span0 disable-fw-lldp on"),
        "driver": (NOTE, "see whether they grow: ethtool -S span0"),
        "times": (NOTE, "hardware_times: true"),
    }
    assert "rx_no_buffer_count 7, port.rx_dropped 3" in told["driver"].found


@pytest.mark.parametrize(
    ("times", "wanted", "level"),
    [
        (None, True, WARNING),
        (ethtool.Times(some=False, all=False), False, None),
        (ethtool.Times(some=True, all=False), True, NOTE),
        (ethtool.Times(some=True, all=True), True, WELL),
    ],
)
def test_times_of_the_card(monkeypatch, times, wanted, level):
    told = of_card(monkeypatch, dataclasses.replace(WANT, hardware_times=wanted), times=times)
    assert ("times" in told) == (level is not None)
    assert level is None or told["times"].level == level


def test_what_the_kernel_answers_is_taken_apart(monkeypatch):
    """As a card answers that has rings, pause frames, counters and switches; this machine may have none."""
    pack = ethtool.struct.pack
    names = {1: [b"rx_missed", b"rx_ok"], 2: [b"disable-fw-lldp", b"other"]}

    def kernel(_card, request):
        (what,) = ethtool.struct.unpack_from("=I", request)
        if what == ethtool.SETS:
            (mask,) = ethtool.struct.unpack_from("=Q", request, 8)
            which = mask.bit_length() - 1
            return pack("=IIQI", what, 0, mask if which in names else 0, len(names.get(which, ())))
        if what == ethtool.STRINGS:
            _, which, _ = ethtool.struct.unpack_from("=III", request)
            return pack("=III", what, which, 2) + b"".join(name.ljust(32, b"\0") for name in names[which])
        return {
            ethtool.STATISTICS: lambda: pack("=IIQQ", what, 2, 5, 6),
            ethtool.PRIVATE_FLAGS: lambda: pack("=II", what, 0b10),
            ethtool.RING: lambda: pack("=9I", what, 4096, 0, 0, 512, 256, 0, 0, 512),
            ethtool.PAUSE: lambda: pack("=4I", what, 1, 0, 1),
            ethtool.TIMES: lambda: pack("=IiI3II3I", 0, 0x4, 0, 0, 0, 0, 0x2, 0, 0, 0)[4:].rjust(44, b"\0"),
        }[what]()

    monkeypatch.setattr(ethtool.Card, "ask", kernel)
    with ethtool.Card("span0") as asked:
        assert asked.statistics() == {"rx_missed": 5, "rx_ok": 6}
        assert asked.private_flags() == {"disable-fw-lldp": False, "other": True}
        assert asked.rings() == (4096, 256)
        assert asked.pause() is True
        assert asked.features() == {}


# --- It changes nothing -------------------------------------------------------------------------------


def test_looking_changes_nothing():
    def look_twice():
        def state():
            one = netlink.links()["span0"]
            return [one.flags, one.promiscuity, one.counters["tx_packets"], one.mtu]

        before = state()
        told = [*interface.examine("span0", WANT), *card.examine("span0", WANT)]
        return [before == state(), len(told)]

    same, told = inside(in_a_network_of_its_own(*MADE, *GOOD), look_twice).value
    assert same is True
    assert told > 6


def test_the_doctor_runs_no_programs():
    folder = pathlib.Path(interface.__file__).parent
    assert not [
        path for path in folder.glob("*.py") if "subprocess" in path.read_text() or "os.system" in path.read_text()
    ]
