"""What a live capture lives through: interfaces down and gone, dead workers, slow readers."""

import os
import signal
import time

import pytest

from sensor.capture.live import Live, RingSettings, open_sockets
from tests.capture.forging import records
from tests.capture.wire import frame, stop_after, wire

RING = 4 << 20
LOOK = 1.3  # s in which the interface is looked at at least once


@pytest.fixture
def net():
    with wire() as made:
        yield made


@pytest.fixture
def opened(net):
    """Open sockets; they are closed when the test is over."""
    spans = []

    def begin(workers=1, **settings):
        with net.inside():
            found = open_sockets(["span0"], workers, RingSettings(**{"ring_size": RING, **settings}))
        spans.extend(span for sockets in found for span in sockets)
        return found

    yield begin
    for span in spans:
        span.close()


def bodies(blocks):
    return [block.data[at : at + size] for block in blocks for _, at, size, _, _ in records(block.index)]


class Reader:
    """Reads one worker's frames step by step."""

    def __init__(self, live):
        self.live = live
        self.blocks = live.blocks()

    def read(self, seconds):
        """Return what comes within some time."""
        end = time.monotonic() + seconds
        found = []
        while time.monotonic() < end:
            found += bodies([next(self.blocks)])
        return found


@pytest.mark.parametrize("ring_size", [RING, 0], ids=["ring", "plain"])
def test_down_and_up_loses_nothing_that_was_received(net, opened, ring_size):
    reader = Reader(Live(opened(ring_size=ring_size)[0]))
    assert reader.live.state() == {"span0": "up"}
    net.send(frame(1))
    net.ip("link", "set", "span0", "down")
    assert reader.read(LOOK) == [frame(1)]
    assert reader.live.state() == {"span0": "down"}
    net.ip("link", "set", "span0", "up")
    net.send(frame(2))
    assert reader.read(LOOK) == [frame(2)]
    assert reader.live.state() == {"span0": "up"}
    reader.live.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interface_that_is_down_at_the_start_is_heard_once_it_is_up(net, opened, workers):
    net.ip("link", "set", "span0", "down")
    readers = [Reader(Live(sockets)) for sockets in opened(workers)]
    assert [reader.live.state() for reader in readers] == [{"span0": "down"}] * workers
    net.ip("link", "set", "span0", "up")
    net.send(frame(1))
    assert [one for reader in readers for one in reader.read(LOOK)] == [frame(1)]
    for reader in readers:
        assert reader.live.state() == {"span0": "up"}
        reader.live.close()


@pytest.mark.parametrize(("ring_size", "workers"), [(RING, 1), (0, 1), (RING, 2)], ids=["ring", "plain", "fanout"])
def test_an_interface_that_was_taken_away_is_heard_again_when_it_is_back(net, opened, ring_size, workers):
    lives = [Live(sockets) for sockets in opened(workers, ring_size=ring_size, filter="ether[14:4] != 9")]
    readers = [Reader(live) for live in lives]
    for again in range(3):
        net.send(frame(10 + again))
        net.unplug()
        assert [one for reader in readers for one in reader.read(LOOK)] == [frame(10 + again)]
        assert [live.state() for live in lives] == [{"span0": "gone"}] * workers
        net.plug()
        for reader in readers:
            reader.read(LOOK)
        assert [live.state() for live in lives] == [{"span0": "up"}] * workers
    net.send(frame(9), frame(1, b"\x81\x00\x00\x05"))  # the filter holds for the new one too
    assert [one for reader in readers for one in reader.read(0.2)] == [frame(1, b"\x81\x00\x00\x05")]
    assert {live.counts()["interface_returned.span0"] for live in lives} == {3}
    for live in lives:
        live.close()


@pytest.mark.parametrize(("asked", "workers"), [(True, 1), (True, 2), (False, 1)])
def test_promiscuous_as_asked_as_long_as_it_listens_and_after_a_return(net, opened, asked, workers):
    sockets = opened(workers, promiscuous=asked)
    readers = [Reader(Live(one)) for one in sockets]
    assert net.promiscuity("span0") == asked * workers
    net.unplug()
    net.plug()
    for reader in readers:
        reader.read(LOOK)
        assert reader.live.state() == {"span0": "up"}
        reader.live.close()
    assert net.promiscuity("span0") == asked * workers
    for one in sockets:
        one[0].close()
    assert net.promiscuity("span0") == 0


def test_after_too_many_returns_under_a_fanout_it_stays_gone(net, opened, monkeypatch):
    monkeypatch.setattr("sensor.capture.live.sockets.RETURNS", 1)
    reader = Reader(Live(opened(2)[0]))
    for state in ("up", "gone"):
        net.unplug()
        net.plug()
        reader.read(LOOK)
        assert reader.live.state() == {"span0": state}
    reader.live.close()


def die_reading(sockets, frames):
    """Fork a worker that takes one Block and dies with it in its hands."""
    child = os.fork()
    if child == 0:
        live = Live(sockets)
        for block in live.blocks():
            if block.last > block.first:
                os.kill(os.getpid(), signal.SIGKILL)
        os._exit(1)
    deadline = time.monotonic() + 10
    assert frames
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_restarted_worker_loses_only_what_the_dead_one_had_in_its_hands(net, opened):
    sockets = opened()[0]
    net.send(*(frame(n, size=1000) for n in range(700)))  # some ring blocks
    time.sleep(0.05)
    die_reading(sockets, 700)
    net.send(*(frame(n, size=1000) for n in range(700, 1400)))
    live = Live(sockets)
    timer = stop_after(live, 0.15)
    found = bodies(live.blocks())
    timer.join()
    counts = live.counts()
    assert 0 < counts["lost_with_worker.span0"] < 300
    assert found == [frame(n, size=1000) for n in range(counts["lost_with_worker.span0"], 1400)]
    assert counts["frames.span0"] == counts["frames_done.span0"] == 1400
    assert counts["kernel_drops.span0"] == 0
    live.close()


def test_a_restarted_worker_goes_on_behind_a_ring_that_was_read_to_its_end(net, opened):
    sockets = opened(ring_size=2 << 20)[0]
    sent = 0
    for _ in range(4):
        live = Live(sockets)
        net.send(*(frame(n, size=1400) for n in range(sent, sent + 900)))
        timer = stop_after(live, 0.1)
        assert bodies(live.blocks()) == [frame(n, size=1400) for n in range(sent, sent + 900)]
        timer.join()
        sent += 900
        live.close()
        assert live.counts()["frames.span0"] == sent


def test_drops_stay_counted_over_a_restart(net, opened):
    sockets = opened(ring_size=2 << 20)[0]
    net.send(*(frame(n, size=1500) for n in range(3000)))
    first = Live(sockets)
    dropped = first.counts()["kernel_drops.span0"]
    assert dropped > 0
    first.close()
    second = Live(sockets)
    assert second.counts()["kernel_drops.span0"] == dropped
    second.close()


@pytest.mark.parametrize("ring_size", [RING, 0], ids=["ring", "plain"])
def test_a_stop_gives_what_was_received_and_ends_under_a_flood(net, opened, ring_size):
    live = Live(opened(ring_size=ring_size)[0])
    net.send(*(frame(n) for n in range(100)))
    live.stop()
    began = time.monotonic()
    found = []
    for block in live.blocks():
        found += bodies([block])
        net.send(*(frame(1000) for _ in range(200)))
    assert time.monotonic() - began < 1.5
    assert found[:100] == [frame(n) for n in range(100)]
    counts = live.counts()
    assert counts["frames.span0"] == counts["frames_done.span0"] == len(found)
    live.close()


def test_a_slow_reader_is_stopped_all_the_same_and_what_it_left_is_counted(net, opened):
    live = Live(opened()[0])
    net.send(*(frame(n, size=1000) for n in range(1000)))
    time.sleep(0.05)
    live.stop()
    found = []
    for block in live.blocks():
        found += bodies([block])
        time.sleep(0.6)
    assert 0 < len(found) < 1000
    assert live.counts()["unread_at_stop.span0"] == 1000 - len(found)
    live.close()
