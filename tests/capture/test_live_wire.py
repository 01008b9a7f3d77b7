"""The live capture on a wire: what arrives is what was sent, and every loss has a name."""

import socket
import struct
import threading
import time

import pytest

from sensor.capture.evidence import frames_at
from sensor.capture.live import (
    Live,
    LiveError,
    Recording,
    RecordingSettings,
    RingSettings,
    binding,
    open_sockets,
    remarks,
)
from sensor.capture.live.order import onward
from sensor.capture.live.span import RETIRE_NS
from tests.capture.forging import records
from tests.capture.wire import frame, stop_after, wire

RING = 4 << 20
WAYS = pytest.mark.parametrize("ring_size", [RING, 0], ids=["ring", "plain"])


class Capture:
    """Opened sockets and one worker's Live over them."""

    def __init__(self, net, interfaces=("span0",), workers=1, **settings):
        settings.setdefault("ring_size", RING)
        with net.inside():
            self.opened = open_sockets(interfaces, workers, RingSettings(**settings))
        self.lives = [Live(sockets) for sockets in self.opened]
        self.live = self.lives[0]

    def read(self, seconds=0.15, live=None):
        """Return (bytes, original, interface, number, time) of what comes until a stop."""
        live = live or self.live
        timer = stop_after(live, seconds)
        found = [one for block in live.blocks() for one in frames_of(block)]
        timer.join()
        return found

    def close(self):
        for live in self.lives:
            live.close()
        for span in (span for worker in self.opened for span in worker):
            span.close()


def frames_of(block):
    return [
        (block.data[at : at + captured], original, interface, block.number + number, seen)
        for number, (seen, at, captured, original, interface) in enumerate(records(block.index))
    ]


@pytest.fixture
def net():
    with wire(2) as made:
        yield made


@pytest.fixture
def capture(net):
    made = []

    def begin(*arguments, **settings):
        made.append(Capture(net, *arguments, **settings))
        return made[-1]

    yield begin
    for one in made:
        one.close()


@WAYS
def test_what_was_sent_arrives_whole_in_order_with_the_time_of_now(net, capture, ring_size):
    one = capture(ring_size=ring_size)
    before = time.time_ns()
    net.send(*(frame(n, size=60 + n % 1400) for n in range(2000)))
    after = time.time_ns()
    found = one.read()
    assert [f[0] for f in found] == [frame(n, size=60 + n % 1400) for n in range(2000)]
    assert [f[3] for f in found] == list(range(1, 2001))
    assert all(before <= f[4] <= after for f in found)
    assert len({f[4] % 1000 for f in found}) > 10  # nanoseconds
    counts = one.live.counts()
    assert counts["frames.span0"] == counts["frames_done.span0"] == 2000
    assert counts["kernel_drops.span0"] == counts["damaged_ring_blocks.span0"] == 0


@WAYS
@pytest.mark.parametrize("tags", ["81002064", "88a80064", "88a80064" + "8100000a", "91000001", "8100e000"])
def test_tags_arrive_as_they_were_sent(net, capture, ring_size, tags):
    one = capture(ring_size=ring_size)
    sent = [frame(1, bytes.fromhex(tags)), frame(2)]
    net.send(*sent)
    found = one.read()
    assert [(f[0], f[1]) for f in found] == [(f, len(f)) for f in sent]


@WAYS
def test_the_snap_length_cuts_and_is_counted(net, capture, ring_size):
    one = capture(ring_size=ring_size, snap_length=100)
    net.send(frame(1, size=99), frame(2, size=1000))
    assert [(len(f[0]), f[1]) for f in one.read()] == [(99, 99), (100, 1000)]
    assert one.live.counts()["truncated.span0"] == 1


@pytest.mark.parametrize("workers", [1, 2])
@WAYS
def test_what_the_interface_itself_sends_is_not_seen(net, capture, ring_size, workers):
    one = capture(workers=workers, ring_size=ring_size)
    with net.socket("span0") as own:
        own.send(frame(1))
    net.send(frame(2))
    found = [f[0] for live in one.lives for f in one.read(live=live)]
    assert found == [frame(2)]


@WAYS
def test_a_filter_lets_nothing_else_through_from_the_first_frame_on(net, capture, ring_size):
    stopped = []

    def flood():
        while not stopped:
            net.send(frame(0))

    net.send(frame(0))
    thread = threading.Thread(target=flood)
    thread.start()
    try:
        one = capture(filter="ether[14:4] = 7", ring_size=ring_size)
    finally:
        stopped.append(True)
        thread.join()
    net.send(frame(7), frame(8))
    assert [f[0] for f in one.read()] == [frame(7)]


def test_the_filter_cannot_be_taken_off_again(capture):
    one = capture(filter="tcp")
    with pytest.raises(PermissionError):
        one.opened[0][0].sockets[0].setsockopt(socket.SOL_SOCKET, 27, 0)  # SO_DETACH_FILTER


@pytest.mark.parametrize(
    ("text", "taken"),
    [("vlan 100", [2, 4]), ("not vlan", [1]), ("vlan 100 and vlan 10", [4]), ("ether[14:4] = 3", [3])],
)
def test_a_filter_sees_the_tag_that_the_kernel_keeps(net, capture, text, taken):
    one = capture(filter=text)
    tags = {1: "", 2: "81000064", 3: "81000065", 4: "88a800648100000a"}
    net.send(*(frame(n, bytes.fromhex(tag)) for n, tag in tags.items()))
    assert [f[0] for f in one.read()] == [frame(n, bytes.fromhex(tags[n])) for n in taken]


def test_drops_of_the_kernel_are_counted_and_add_up(net, capture):
    one = capture(ring_size=2 << 20)
    net.send(*(frame(n, size=1500) for n in range(3000)))
    counts = one.live.counts()
    more = one.live.counts()
    found = one.read()
    counts = one.live.counts()
    assert len(found) < 3000
    assert counts["kernel_drops.span0"] == more["kernel_drops.span0"] == 3000 - len(found)
    assert counts["kernel_freezes.span0"] >= 1


def test_a_quiet_interface_gives_the_time(capture):
    one = capture()
    began = time.time_ns()
    stop_after(one.live, 0.55)
    blocks = list(one.live.blocks())
    assert 4 <= len(blocks) <= 6
    times = [block.time for block in blocks]
    assert times == sorted(times)
    assert all(block.first == block.last for block in blocks)
    assert began - 100_000_000 < times[0]
    assert began + 350_000_000 < times[-1] < time.time_ns()


def test_frames_of_two_interfaces_come_in_the_order_of_time(net, capture):
    one = capture(["span0", "span1"])
    for n in range(0, 300, 3):
        net.send(frame(n), port=0)
        net.send(frame(n + 1), frame(n + 2), port=1)
        if n % 60 == 0:
            time.sleep(0.03)
    found = one.read()
    assert [f[0] for f in found] == [frame(n) for n in range(300)]
    assert [f[2] for f in found] == [0, 1, 1] * 100
    assert [f[3] for f in found] == list(range(1, 301))
    assert [f[4] for f in found] == sorted(f[4] for f in found)
    assert [interface.name for interface in one.live.interfaces] == ["span0", "span1"]
    counts = one.live.counts()
    assert (counts["frames_done.span0"], counts["frames_done.span1"]) == (100, 200)


def test_a_silent_port_holds_the_other_one_back_no_longer_than_its_frames_could_take(net, capture):
    one = capture(["span0", "span1"])
    sent, waits = [], []
    stop_after(one.live, 0.6)
    for block in one.live.blocks():
        arrived = time.time_ns()
        waits += [arrived - f[4] for f in frames_of(block)]
        if block.first == block.last:
            net.send(frame(len(sent)))
            sent.append(time.time_ns())
    assert len(waits) >= 3
    assert min(waits) > 20_000_000  # until a frame of the other port would have been given
    assert sorted(waits)[len(waits) // 2] < 80_000_000


def test_what_comes_later_than_any_wait_is_given_out_of_order_and_counted(net, capture):
    slow, fast = capture(["span0"]), capture(["span1"], ring_size=0)
    live = Live([slow.opened[0][0], fast.opened[0][0]], -RETIRE_NS)  # without any patience
    blocks = live.blocks()
    for _ in range(50):  # now and then the machine is too slow for its frames to come late
        net.send(frame(0), port=0)
        net.send(frame(1), port=1)
        found = []
        while len(found) < 2:
            found += frames_of(next(blocks))
        if found[0][2] == 1:
            break
    assert [f[0] for f in found] == [frame(1), frame(0)]
    assert found[0][4] > found[1][4]
    assert live.counts()["hold_back_overrun.span0"] == 1
    assert live.counts()["hold_back_overrun.span1"] == 0
    live.close()


@pytest.mark.parametrize(
    ("time", "now", "then"),
    [(5, 7, 7), (7, 5, 7), (10**12, 10**12 - 10**9 + 1, 10**12), (10**12, 10**12 - 10**9, 10**12 - 10**9)],
)
def test_time_goes_on_but_for_a_clock_that_was_set_back(time, now, then):
    assert onward(time, now) == then


def pair(one, other, number):
    head = b"\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x00"
    addresses = bytes((10, 0, 0, one, 10, 0, 0, other))
    return (head + struct.pack(">BBHHHBBH", 0x45, 0, 46, number, 0, 64, 17, 0) + addresses).ljust(60, b"\0")


def test_two_workers_share_the_pairs_of_hosts(net, capture):
    one = capture(workers=2)
    pairs = [(a, b) for a in range(1, 9) for b in range(20, 25)]
    for n in range(10):
        for a, b in pairs:
            net.send(pair(a, b, n), pair(b, a, n))
    seen = []
    for live in one.lives:
        found = one.read(live=live)
        seen.append({frozenset((f[0][29], f[0][33])) for f in found})
        assert len(found) == 20 * len(seen[-1])
    assert not seen[0] & seen[1]
    assert len(seen[0] | seen[1]) == len(pairs)
    assert min(len(seen[0]), len(seen[1])) > len(pairs) // 4


def test_where_the_kernel_refuses_our_fanout_its_own_is_taken_and_that_is_said(net, capture, monkeypatch):
    monkeypatch.setattr("sensor.capture.live.kernel.PACKET_FANOUT_CBPF", 99)
    one = capture(workers=2)
    (remark,) = remarks(one.opened)
    assert remark.startswith("span0: the kernel refuses a fanout by pairs of hosts")
    net.send(*(pair(1, b, b) for b in range(100)))
    assert sum(len(one.read(live=live)) for live in one.lives) == 100


def test_where_rings_are_refused_it_is_said(capture, monkeypatch):
    monkeypatch.setattr(binding, "PACKET_RX_RING", 9999)
    (remark,) = remarks(capture().opened)
    assert remark.startswith("span0: the kernel refuses a ring of 4 MB; frames are read one by one")


def test_hardware_times_that_are_not_to_be_had_are_said(net, capture):
    one = capture(hardware_times=True)
    (remark,) = remarks(one.opened)
    assert remark == "span0: no hardware times (Operation not supported); the kernel's are used instead"
    net.send(frame(1))
    assert len(one.read()) == 1


@pytest.mark.parametrize(
    ("interfaces", "settings", "said"),
    [
        ([], {}, "watch: no interface; expected at least one"),
        (["span0", "span0"], {}, "interface 'span0': named twice; expected each interface once"),
        (["spam0"], {}, "interface 'spam0': not there; expected an interface of this machine; did you mean span0?"),
        (["span0"], {"snap_length": 10}, "snap_length: 10; expected 64 to 196608 bytes"),
        (["span0"], {"ring_size": 1}, "ring_size: 1 bytes; expected 2 MB to 4096 MB, or 0 for a plain socket"),
    ],
)
def test_what_cannot_be_is_refused(net, interfaces, settings, said):
    with net.inside(), pytest.raises(LiveError) as error:
        open_sockets(interfaces, 1, RingSettings(**settings))
    assert str(error.value) == said


def test_what_is_recorded_beside_is_what_was_seen(net, tmp_path):
    with net.inside():
        opened = open_sockets(["span0", "span1"], 1, RingSettings(ring_size=RING))
    settings = RecordingSettings(tmp_path, file_size=20_000)
    live = Live(opened[0], recording=Recording(settings, opened[0], 1))
    net.send(*(frame(n, b"\x81\x00\x00\x05", 61) for n in range(500)))
    net.send(*(frame(n) for n in range(500, 1000)), port=1)
    timer = stop_after(live, 0.2)
    seen = {}
    for block in live.blocks():
        for body, _, _, number, at in frames_of(block):
            seen.setdefault(live.names[block.source], []).append((number, body, at))
    timer.join()
    assert live.counts()["written"] == 1000
    assert live.state() == {"span0": "up", "span1": "up", "write": "on"}
    assert sum(map(len, seen.values())) == 1000
    for path, frames in seen.items():
        blocks = list(frames_at(path, range(1, len(frames) + 1)))
        assert [(n, *frames_of(one)[n - one.number][::4]) for n, one in enumerate(blocks, 1)] == frames
    live.close()
    for span in opened[0]:
        span.close()
