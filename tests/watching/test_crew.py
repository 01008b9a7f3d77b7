"""Workers are processes: each end of one is noticed, counted and made good."""

import os
import selectors
import signal
import time

import pytest

from sensor.behaviour.finding import Findings
from sensor.handover.mirror import Mirror
from sensor.handover.records import Batch, End, Left, Pulse, packed
from sensor.handover.registry import Registry
from sensor.protocols import discovery
from sensor.watching import crew as module
from sensor.watching.channel import Outgoing
from sensor.watching.crew import Crew, Member
from sensor.watching.worker import enter


class Stage:
    """A crew whose workers do as a test tells them."""

    def __init__(self, act, size=1):
        self.said = []
        self.selector = selectors.DefaultSelector()
        registry = Registry(Findings())
        protocols = discovery.find(())
        self.crew = Crew(size, self.selector, self.fork(act), lambda: Mirror(registry, Findings(), protocols),
                         lambda text, _level: self.said.append(text))  # fmt: skip

    def fork(self, act):
        parent = os.getpid()

        def run(number, channel):
            outgoing = Outgoing(channel)
            enter(f"test {number}", parent, [channel.fileno()], lambda: act(number, outgoing))

        return run

    def until(self, condition, seconds=10):
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            for key, _ in self.selector.select(0.02):
                if isinstance(key.data, Member):
                    self.crew.hear(key.data, time.monotonic())
            self.crew.play(time.monotonic())
            self.crew.look(time.monotonic())
        assert condition(), self.said

    def pids(self):
        return [member.pid for member in self.crew.members]


@pytest.fixture
def stage():
    made = []

    def make(*arguments, **named):
        made.append(Stage(*arguments, **named))
        made[-1].crew.begin(time.monotonic())
        return made[-1]

    yield make
    for one in made:
        one.crew.ending = True
        for member in one.crew.members:
            one.crew.kill(member)
            one.crew.lose(member, time.monotonic())
        one.selector.close()


def steadily(_number, outgoing):
    count = 0
    while True:
        count += 1
        counts = {"frames": count, "flows": 7}
        outgoing.send(packed(Batch(count, [Pulse(counts, {"kernel_drops.span0": 5}, {}, {})])))
        time.sleep(0.01)


def test_what_workers_count_is_added_up(stage):
    made = stage(steadily, size=2)
    made.until(lambda: made.crew.time > 5)
    assert made.crew.counts()["frames"] >= 10
    assert made.crew.taps() == {"kernel_drops.span0": 10}


def test_a_killed_worker_is_replaced_counted_and_its_counters_stay(stage):
    made = stage(steadily)
    made.until(lambda: made.crew.time > 20)
    first = made.pids()[0]
    os.kill(first, signal.SIGKILL)
    made.until(lambda: made.crew.died == 1)
    counted = made.crew.counts()["frames"]
    assert counted > 20
    made.until(lambda: made.crew.counts()["frames"] > counted)
    assert made.pids()[0] not in (0, first)
    assert made.crew.counts()["workers_died"] == 1
    assert made.crew.counts()["flows"] == 7  # what stands in a table is not added to what stood in one that is gone
    assert made.crew.taps() == {"kernel_drops.span0": 5}  # those of an interface go on, and are not added up
    assert "ended by SIGKILL" in made.said[0]


def test_a_worker_that_dies_again_and_again_is_begun_again_more_and_more_seldom(stage):
    made = stage(lambda _number, _outgoing: os._exit(3))
    made.until(lambda: made.crew.died == 2, seconds=15)
    assert [member.wait for member in made.crew.members] == [2.0]
    assert "ended with 3" in made.said[0]


def test_a_worker_may_be_ended_by_a_signal_without_a_name(stage):
    made = stage(steadily)
    made.until(lambda: made.crew.time > 5)
    os.kill(made.pids()[0], signal.SIGRTMIN + 1)
    made.until(lambda: made.crew.died == 1)
    assert "was ended by signal 35" in made.said[0]


def test_a_worker_that_hangs_is_killed(stage, monkeypatch):
    monkeypatch.setattr(module, "SILENT_SECONDS", 0.3)

    def hang(_number, outgoing):
        outgoing.send(packed(Batch(1, [])))
        time.sleep(60)

    made = stage(hang)
    made.until(lambda: made.crew.hung == 1 and made.crew.died == 1)


def test_a_worker_that_sends_what_no_worker_sends_is_ended(stage):
    made = stage(lambda _number, outgoing: (outgoing.send(b"\xff garbage"), time.sleep(60)))
    made.until(lambda: made.crew.disbelieved == 1)
    assert made.crew.died == 1


def test_of_a_worker_that_is_not_believed_nothing_more_is_played(stage):
    def lie(_number, outgoing):
        lie = packed(Batch(1, [End(0, 7, b"", "on a network that was never told")]))
        outgoing.send(lie)
        outgoing.send(lie)
        time.sleep(60)

    made = stage(lie)
    made.until(lambda: made.crew.died == 1)
    assert made.crew.disbelieved == 1
    assert [text for text in made.said if "not believed" in text] == [made.said[0]]


def test_a_worker_that_lies_and_is_gone_ends_nothing_else(stage):
    def lie(_number, outgoing):
        for _ in range(2):
            outgoing.send(packed(Batch(1, [Left(12_345)])))

    made = stage(lie)
    time.sleep(0.5)  # it has ended before it is heard
    made.until(lambda: made.crew.died == 1)  # and is not killed by a number that was given back
    assert made.crew.disbelieved == 1
    assert [text for text in made.said if "not believed" in text] == [made.said[0]]


@pytest.mark.parametrize("what", ["fork", "pair"])
def test_a_worker_that_cannot_be_begun_now_is_begun_later(stage, monkeypatch, what):
    refused = []

    def refuse():
        refused.append(1)
        raise OSError(11, "Resource temporarily unavailable")

    made = stage(steadily, size=2)
    made.until(lambda: made.crew.time > 5)
    with monkeypatch.context() as full:
        full.setattr(module.os if what == "fork" else module, what, refuse)
        os.kill(made.pids()[0], signal.SIGKILL)
        made.until(lambda: refused)
    assert made.pids()[1] != 0
    assert "worker 0 cannot be begun: Resource temporarily unavailable" in made.said[-1]
    made.until(lambda: made.pids()[0] != 0)


def test_one_end_of_a_worker_does_not_touch_the_other(stage):
    made = stage(steadily, size=2)
    made.until(lambda: made.crew.time > 5)
    other = made.pids()[1]
    os.kill(made.pids()[0], signal.SIGKILL)
    made.until(lambda: made.crew.died == 1 and made.pids()[0])
    assert made.pids()[1] == other


def test_told_to_end_workers_hand_over_their_last_words(stage):
    def ends(_number, outgoing):
        told = []
        signal.signal(signal.SIGTERM, lambda *_: told.append(1))
        outgoing.send(packed(Batch(1, [])))
        while not told:
            time.sleep(0.01)
        outgoing.send(packed(Batch(99, [Pulse({"frames": 42}, {}, {}, {})])))
        outgoing.finish(1)

    made = stage(ends)
    made.until(lambda: made.crew.time == 1)
    made.crew.stop()
    made.crew.finish(5)
    assert made.crew.counts()["frames"] == 42
    assert made.crew.counts()["workers_died"] == 0


def test_a_worker_that_will_not_end_is_not_waited_for(stage):
    def stays(_number, outgoing):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        outgoing.send(packed(Batch(1, [])))
        time.sleep(60)

    made = stage(stays)
    made.until(lambda: made.crew.time == 1)
    made.crew.stop()
    began = time.monotonic()
    made.crew.finish(0.3)
    assert time.monotonic() - began < 1
    assert made.pids() == [0]


def test_workers_that_no_signal_ends_are_left_behind_named_and_taken_when_they_end(stage, monkeypatch):
    def stays(_number, outgoing):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        outgoing.send(packed(Batch(1, [])))
        time.sleep(60)

    made = stage(stays, size=4)
    made.until(lambda: made.crew.time == 1)
    pids = made.pids()
    began = time.monotonic()
    with monkeypatch.context() as held:
        held.setattr(module.os, "kill", lambda *_: None)  # as one that waits for a device takes no signal
        made.crew.stop()
        made.crew.finish(0.3)
    assert time.monotonic() - began < 1
    assert made.said == [f"worker {n} does not end though killed: process {pid} is left behind"
                         for n, pid in enumerate(pids)]  # fmt: skip
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    made.until(lambda: not made.crew.left)
