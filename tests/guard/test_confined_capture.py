"""A worker reads its rings behind its parent's policy and its own; also when an interface is taken out and put back."""

import os
import threading
import time

import pytest

from sensor.capture.live import Live, RingSettings, open_sockets
from sensor.guard import policy
from sensor.guard.confine import confine
from tests.capture.forging import records
from tests.capture.wire import frame, wire
from tests.guard.inside import inside

pytestmark = pytest.mark.usefixtures("root")
LOOKED = 1.5  # s in which the interface is looked at at least once
LASTS = 5.0


def heard(opened):
    """Read in the workers of a confined recorder; return how many frames came to all, and what each says at the end."""

    def supervise():
        confine(policy.recorder(user="nobody"))
        reading, writing = os.pipe()
        children = [child for spans in opened if (child := forked(spans, writing))]
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * len(children)
        said = [line.split() for line in os.read(reading, 100).decode().splitlines()]
        return [sum(int(count) for count, _ in said), sorted({state for _, state in said})]

    return inside(supervise)


def forked(spans, writing):
    child = os.fork()
    if child:
        return child
    try:
        confine(policy.worker())
        live, seen, end = Live(spans), 0, time.monotonic() + LASTS
        for block in live.blocks():
            seen += len(records(block.index))
            if time.monotonic() > end:
                live.stop()
        os.write(writing, f"{seen} {live.state()['span0']}\n".encode())
        os._exit(0)
    finally:
        os._exit(1)


@pytest.mark.parametrize(("ring_size", "workers"), [(4 << 20, 1), (4 << 20, 2), (0, 1)])
def test_frames_come_through_and_an_interface_that_returns_is_heard(ring_size, workers):
    def happen(net):
        time.sleep(0.5)
        net.send(frame(1), frame(2))
        time.sleep(0.3)
        net.unplug()
        time.sleep(LOOKED)
        net.plug()
        time.sleep(LOOKED)
        net.send(frame(3))

    with wire() as net:
        with net.inside():
            opened = open_sockets(["span0"], workers, RingSettings(ring_size=ring_size))
        other = threading.Thread(target=happen, args=(net,))
        other.start()
        outcome = heard(opened)
        other.join()
        for span in (span for spans in opened for span in spans):
            span.close()
    assert outcome.value == [3, ["up"]], outcome
