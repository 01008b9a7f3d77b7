"""What a listening tells of the mirror: from frames made here, and live on a pair of interfaces."""

import random
import struct
import threading
import time

import pytest

from sensor.guard import netlink
from sensor.guard.doctor import listening, mirror
from sensor.guard.doctor.finding import NOTE, WARNING, WELL, WRONG
from sensor.guard.doctor.traffic import (
    MAX_CONVERSATIONS,
    MAX_VLANS,
    OUTGOING,
    TO_OTHERS,
    UNFINISHED,
    VLAN_VALID,
    Traffic,
)
from sensor.guard.doctor.want import Want
from tests.capture.wire import wire

A, B = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])
HEAD = bytes.fromhex("020000000001020000000002")


def summed(data):
    return 0xFFFF - (int.from_bytes(data + bytes(len(data) & 1), "big") % 0xFFFF or 0xFFFF)


def segment(source, destination, ports, body=b"", sequence=1):
    head = struct.pack(">HHIIHHHH", *ports, sequence, 0, 0x5010, 8192, 0, 0) + body
    pseudo = source + destination + struct.pack(">HH", 6, len(head))
    return head[:16] + struct.pack(">H", summed(pseudo + head)) + head[18:]


def packet(source=A, destination=B, ports=(50000, 502), body=b"", sequence=1, tags=b""):
    """Return a TCP frame whose checksums are right."""
    inner = segment(source, destination, ports, body, sequence)
    if len(source) == 16:
        return (
            HEAD + tags + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, len(inner), 6, 64) + source + destination + inner
        )
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(inner), sequence, 0x4000, 64, 6, 0) + source + destination
    return HEAD + tags + b"\x08\x00" + head + inner


class Heard:
    """Stands for a listening that is over."""

    name, seconds, lost = "span0", 5.0, 0

    def __init__(self, frames, mtu=1500, kind=TO_OTHERS, every=0.001, **grown):
        self.traffic = Traffic(mtu)
        self.counters = grown
        for number, one in enumerate(frames):
            frame, status, tag = one if isinstance(one, tuple) else (one, 0, 0)
            self.traffic.take(frame, len(frame), status, tag, kind, number * every)

    def grown(self, key):
        return self.counters.get(key, 0)


def judged(frames, **given):
    return {one.check: one for one in mirror.judge(Heard(frames, **given))}


def talk(count, both=True):
    for number in range(count):
        yield packet(sequence=2 * number)
        if both:
            yield packet(B, A, (502, 50000), b"answer", 2 * number + 1)


def conversations(count, one_way=0):
    for number in range(count):
        ports = (50000 + number, 502)
        for step in range(8):
            back = step % 2 and number >= one_way
            given = (B, A, ports[::-1]) if back else (A, B, ports)
            yield packet(*given, sequence=number * 100 + step)


def test_a_good_mirror_is_well():
    found = judged(conversations(5))
    assert {check: one.level for check, one in found.items()} == dict.fromkeys(
        ("traffic", "doubled", "one-way", "vlans", "checksums"), WELL
    )
    assert found["traffic"].found == "8 frames/s, 0.0 Mb/s, in 5 s"
    assert found["checksums"].found == "40 TCP and UDP checksums are right"


def test_silence_is_told():
    (found,) = judged([]).values()
    assert (found.level, found.found) == (WARNING, "nothing heard in 5 s")


def test_an_ordinary_port_is_no_mirror():
    assert judged(talk(5), kind=2)["mirror"].level == WRONG
    assert "mirror" not in judged(talk(5))


@pytest.mark.parametrize(("share", "level"), [(1.0, WARNING), (0.2, NOTE), (0.0, WELL)])
def test_a_doubling_mirror_is_told_from_repeated_packets(share, level):
    frames = [frame for number, frame in enumerate(talk(50)) for _ in range(2 if number < share * 100 else 1)]
    found = judged(frames)["doubled"]
    assert found.level == level
    assert level == WELL or "comes twice" in found.found


def test_the_same_packet_later_is_no_copy():
    assert judged([packet()] * 10, every=0.2)["doubled"].level == WELL


@pytest.mark.parametrize(("one_way", "level"), [(0, WELL), (2, WARNING), (8, WRONG)])
def test_a_mirror_of_one_direction_is_told(one_way, level):
    found = judged(conversations(10, one_way))["one-way"]
    assert found.level == level
    assert level == WELL or found.found == f"{one_way} of 10 TCP conversations show one side only"


def test_a_few_conversations_say_nothing_about_the_mirror():
    assert "one-way" not in judged(conversations(2, 2))
    assert "one-way" not in judged(packet(ports=(number, 502)) for number in range(1000, 1020))


def test_vlans_are_seen_in_the_frame_and_beside_it():
    inner, outer = b"\x81\x00\x00\x0a", b"\x88\xa8\x00\x64"
    frames = [packet(), packet(tags=inner), (packet(), VLAN_VALID, 0x600A), packet(tags=outer + inner)]
    found = judged([*frames, (packet(tags=inner), VLAN_VALID, 100)])
    assert found["vlans"].found == "VLANs seen: 10 (2), 100.10 (2); 1 frames without a tag"


def test_glued_frames_are_told_and_tags_do_not_make_a_frame_long():
    full = b"x" * (1500 - 40)
    assert "glued" not in judged([packet(body=full), packet(body=full, tags=b"\x81\x00\x00\x0a")])
    found = judged([packet(body=full + b"x")])["glued"]
    assert (found.level, "the longest 1,515 bytes" in found.found) == (WARNING, True)


def test_checksums_are_worked_out_but_not_of_unfinished_ones():
    wrong = packet()[:-1] + b"\x01"
    found = judged([packet(b"\0" * 16, b"\1" * 16), packet(body=b"odd"), wrong, (wrong, UNFINISHED, 0)])
    assert found["checksums"].found == "1 of 3 TCP and UDP checksums are wrong"
    assert (found["checksums"].level, found["unfinished"].level) == (WARNING, NOTE)


def test_what_this_machine_sends_is_wrong():
    frames = [b"\x01\x80\xc2\x00\x00\x0e" + HEAD[6:] + b"\x88\xcc" + bytes(46)] * 3
    found = judged(frames, kind=OUTGOING)["sending"]
    assert found.level == WRONG
    assert "3 frames" in found.found
    assert "LLDP to 01:80:c2:00:00:0e" in found.found


def test_what_the_card_lost_meanwhile_is_told():
    found = judged(talk(3), rx_missed_errors=12)["rx_missed_errors"]
    assert (found.level, "grew by 12" in found.found) == (WARNING, True)


def test_hostile_frames_do_not_end_it_and_tables_have_bounds():
    dice = random.Random(4)
    traffic = Traffic(1500)
    whole = packet(body=b"body", tags=b"\x81\x00\x00\x0a")
    for number in range(20_000):
        frame = bytearray(whole[: dice.randrange(len(whole) + 1)])
        for _ in range(dice.randrange(4)):
            if frame:
                frame[dice.randrange(len(frame))] = dice.randrange(256)
        traffic.take(
            bytes(frame), len(frame), dice.randrange(64), dice.randrange(1 << 16), dice.randrange(5), number / 1e6
        )
    for number in range(MAX_CONVERSATIONS + 100):
        traffic.take(packet(struct.pack(">I", number)), 60, VLAN_VALID, number, TO_OTHERS, 0.0)
    assert len(traffic.conversations) == MAX_CONVERSATIONS
    assert len(traffic.vlans) <= MAX_VLANS
    over = Heard([])
    over.traffic = traffic
    assert list(mirror.judge(over))


# --- Live ---------------------------------------------------------------------------------------------


@pytest.fixture
def net():
    with wire(2) as made:
        yield made


def heard(net, happen, seconds=1.5, **given):
    """Listen on both interfaces while something happens."""

    def later():
        time.sleep(0.3)
        happen()

    other = threading.Thread(target=later)
    other.start()
    with net.inside():
        found = list(listening.listen(Want(("span0", "span1"), seconds=seconds, **given), ["span0", "span1"]))
    other.join()
    return {(one.about, one.check): one for one in found}


def test_frames_are_heard_live_each_on_its_interface(net):
    def happen():
        net.send(*conversations(5))
        net.send(*(frame for frame in talk(20) for _ in range(2)), port=1)

    found = heard(net, happen)
    assert found["span0", "traffic"].level == found["span1", "traffic"].level == WELL
    assert found["span0", "doubled"].level == WELL
    assert found["span1", "doubled"].level == WARNING
    assert found["span0", "checksums"].found == "40 TCP and UDP checksums are right"


def test_a_tag_that_the_kernel_took_off_is_seen(net):
    assert heard(net, lambda: net.send(packet(tags=b"\x81\x00\x00\x0a")))["span0", "vlans"].found.startswith(
        "VLANs seen: 10 (1)"
    )


def test_what_this_machine_sends_meanwhile_is_seen(net):
    def happen():
        with net.socket("span0") as speaker:
            speaker.send(packet())

    assert heard(net, happen)["span0", "sending"].level == WRONG


def test_listening_is_silent_and_leaves_nothing_behind(net):
    with net.socket("out0") as other:
        other.setblocking(False)
        heard(net, lambda: None, seconds=1)
        with pytest.raises(BlockingIOError):
            other.recv(100)
    with net.inside():
        assert netlink.links()["span0"].promiscuity == 0


def test_an_interface_that_goes_down_meanwhile_ends_nothing(net):
    found = heard(net, lambda: net.ip("link", "set", "span0", "down"))
    assert found["span0", "traffic"].level == WARNING


def test_who_may_not_listen_is_told_how(monkeypatch):
    def refuse(*_, **__):
        raise PermissionError

    monkeypatch.setattr(listening, "open_socket", refuse)
    (found,) = listening.listen(Want(("lo",)), ["lo"])
    assert (found.level, found.mend) == (NOTE, "sudo otsensor doctor lo")
