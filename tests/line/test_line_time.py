"""Time moves on while nothing is heard: empty Blocks carry it to flows, exchanges, correlations, alerts and the store.

What a quiet interface shows live is here made by hand: frames, then Blocks without any.
"""

import struct

import pytest

from sensor.alert.book import QUIET_NS, AlertBook
from sensor.capture.block import Block, Interface
from sensor.detect.context import InventoryContext
from sensor.detect.detector import Detector
from sensor.inventory.inventory import Inventory
from sensor.pipeline import Line
from sensor.protocols import discovery
from sensor.recorder import Recorder
from sensor.store.store import Store
from tests.line import line_kit
from tests.line.line_kit import ACK, PSH, SECOND, SYN, Talk, modbus, modbus_read

START = 1_700_000_000 * SECOND
HOUR = 3_600 * SECOND
LAN = [Interface(1, 0, "span0")]


class Watch:
    """Line and recorder, fed with Blocks as a live interface gives them."""

    def __init__(self):
        inventory = Inventory({}, {})
        self.store = Store(None)
        detector = Detector(line_kit.shipped_rules(), InventoryContext(inventory))
        self.recorder = Recorder(inventory, detector, AlertBook(), self.store, None)
        self.line = Line(self.recorder, discovery.find(), False, {})
        self.time = START
        self.seen = 0

    def see(self, frames, step=SECOND // 1000):
        """Frames come, one each millisecond."""
        index = b""
        offset = 0
        for frame in frames:
            self.time += step
            index += struct.pack("<qiiii", self.time, offset, len(frame), len(frame), 0)
            offset += len(frame)
        self.take(Block(b"".join(frames), index, 0, len(frames), 0, self.seen + 1, 0, LAN))
        self.seen += len(frames)

    def wait(self, ns, step=SECOND):
        """Nothing comes for so long."""
        until = self.time + ns
        while self.time < until:
            self.time = min(self.time + step, until)
            block = Block(b"", b"", 0, 0, 0, 1, 0, LAN)
            block.time = self.time
            self.take(block)

    def take(self, block):
        self.line.run(block)
        self.recorder.tick(int(self.line.time))

    def outcomes(self):
        return [behaviour.outcomes() for behaviour in self.line.learner.behaviours]

    def rows(self, question):
        self.store.commit()
        return self.store.database.execute(question).fetchall()

    def fired(self):
        return {alert.rule.name: alert for alert in self.recorder.raised.values()}


@pytest.fixture
def watch():
    found = Watch()
    yield found
    found.store.close()


def polls(number, talk=None):
    talk = talk or Talk()
    for turn in range(number):
        ask, answer = modbus_read(turn)
        talk.say(0, ask)
        talk.say(1, answer)
    return talk


def knocks(first, last):
    """One SYN to each of some addresses."""
    return [Talk(server=(f"10.0.1.{host}", 502), handshake=False) for host in range(first, last)]


def first_segments(talks):
    for talk in talks:
        talk.segment(0, b"", SYN)
    return [talk.frames[-1] for talk in talks]


def test_a_request_is_unanswered_although_nothing_follows(watch):
    talk = polls(3)
    talk.say(0, modbus(9, 1, struct.pack(">BHH", 3, 0, 2)))
    watch.see(talk.frames)
    assert watch.outcomes() == [{"accepted": 3}]
    watch.wait(60 * SECOND)
    assert watch.outcomes() == [{"accepted": 3, "unanswered": 1}]


def test_a_hole_of_a_one_way_stream_is_given_up_although_nothing_follows(watch):
    talk = Talk(handshake=False)
    for turn in range(4):
        talk.segment(0, modbus_read(turn)[0], ACK | PSH)
    watch.see([talk.frames[0], talk.frames[2], talk.frames[3]])
    assert watch.line.counts()["gaps"] == 0
    watch.wait(3 * SECOND)
    assert watch.line.counts()["gaps"] == 1
    assert watch.line.counts()["buffered_bytes"] == 0


def test_an_answer_that_came_first_does_not_wait_for_ever(watch):
    talk = polls(1)
    _, answer = modbus_read(5)
    talk.say(1, answer)
    watch.see(talk.frames)
    watch.wait(2 * SECOND)
    assert watch.line.learner.exchanges == 2
    assert any("orphan" in outcomes for outcomes in watch.outcomes())


@pytest.mark.parametrize(
    ("frames", "ending", "soonest", "latest"),
    [
        (polls(2).close(), "finished", 29 * SECOND, 32 * SECOND),
        (first_segments(knocks(1, 2)), "idle", 59 * SECOND, 62 * SECOND),
        ([line_kit.datagram(("10.0.0.1", 9), ("10.0.0.2", 9), b"x")], "idle", 179 * SECOND, 182 * SECOND),
        (polls(2).frames, "idle", HOUR - SECOND, HOUR + 2 * SECOND),
    ],
)
def test_a_silent_conversation_ends_in_its_time_and_is_stored(watch, frames, ending, soonest, latest):
    watch.see(frames)
    watch.wait(soonest)
    assert watch.rows("SELECT ending FROM flows") == []
    watch.wait(latest - soonest)
    assert watch.rows("SELECT ending FROM flows") == [(ending,)]
    assert watch.line.counts()["flows"] == 0


def test_a_window_slides_over_idle_time(watch):
    watch.see(first_segments(knocks(1, 31)))
    watch.wait(3 * 60 * SECOND)
    watch.see(first_segments(knocks(31, 61)))
    assert "network-host-scan" not in watch.fired()
    watch.wait(60 * SECOND)
    watch.see(first_segments(knocks(61, 91)))
    assert "network-host-scan" in watch.fired()


def test_a_client_that_comes_after_a_silence_is_a_newcomer(watch):
    talk = polls(5)
    watch.see(talk.frames)
    watch.wait(HOUR // 2)
    stranger = Talk(client=("10.0.0.66", 50001))
    stranger.say(0, modbus(1, 1, struct.pack(">BHH", 6, 0, 7)))
    stranger.say(1, modbus(1, 1, struct.pack(">BHH", 6, 0, 7)))
    watch.see(stranger.frames)
    assert "modbus-write-by-newcomer" in watch.fired()


def test_an_alert_is_closed_after_a_quiet_day_although_nothing_follows(watch):
    watch.see(first_segments(knocks(1, 60)))
    alert = watch.fired()["network-host-scan"]
    watch.wait(QUIET_NS - SECOND, step=HOUR)
    assert alert.state == "open"
    watch.wait(HOUR, step=HOUR)
    assert alert.state == "closed"
    assert watch.rows("SELECT state FROM alerts") == [("closed",)]
    assert watch.recorder.book.counts()["alerts_open"] == 0
    states = [state for (state,) in watch.rows("SELECT state FROM alert_revisions ORDER BY sequence")]
    assert states[-1] == "closed"
    assert states.count("closed") == 1
    watch.see(first_segments(knocks(1, 60)))
    assert len(watch.recorder.raised) == 2  # it has come again: another alert


def test_what_waits_is_written_within_a_second_of_silence(watch):
    watch.see(first_segments(knocks(1, 60)))
    watch.wait(2 * SECOND)
    assert watch.store.database.execute("SELECT count(*) FROM alerts").fetchone() == (1,)


def test_idle_time_in_small_steps_and_in_large_ones_is_the_same():
    found = []
    for step in (SECOND // 10, SECOND, 20 * SECOND):
        watch = Watch()
        talk = polls(3)
        talk.say(0, modbus(9, 1, struct.pack(">BHH", 3, 0, 2)))
        watch.see([*talk.frames, *polls(1, Talk(client=("10.0.0.3", 50000))).close()])
        watch.wait(200 * SECOND, step=step)
        found.append((watch.outcomes(), watch.rows("SELECT ending, opener FROM flows")))
        watch.store.close()
    assert found[0] == found[1] == found[2]
