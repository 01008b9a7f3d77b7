"""Watches the far end of a span cable for frames that come from the sensor; there must be none.

The rule it lives by: the kernel leaves out what the switch sends (PACKET_IGNORE_OUTGOING), so whatever is received was
sent by the sensor; the interface's own counter says the same a second time.
"""

import json
import socket
import subprocess
import threading

from pcaps.make.network import SPAN, enter, tap

ETH_P_ALL = 3
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23  # linux/if_packet.h


class SpanWatch:
    """Watches one sensor's cable from the switch's side."""

    def __init__(self, network, sensor):
        self.network, self.port = network, tap(sensor)
        self.wire = None
        inside(network.switch, self._open)
        self.before = self._received()

    def _open(self):
        self.wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.wire.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.wire.bind((self.port, ETH_P_ALL))
        self.wire.setblocking(False)

    def _received(self):
        command = ["ip", "-n", self.network.switch, "-j", "-s", "link", "show", self.port]
        (link,) = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        return link["stats64"]["rx"]["packets"]

    def seen(self):
        """Return the frames the sensor has sent, and how many the interface counts."""
        frames = []
        while True:
            try:
                frames.append(self.wire.recv(65_535))
            except BlockingIOError:
                return frames, self._received() - self.before

    def close(self):
        """Stop watching."""
        self.wire.close()


def send(network, sensor, frame):
    """Send a frame out of a sensor's span port, as no sensor may."""

    def out():
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as wire:
            wire.bind((SPAN, 0))
            wire.send(frame)

    inside(network.namespace(sensor), out)


def inside(namespace, deed):
    """Do something in a namespace, in a thread of its own, for a thread that has entered does not come back."""

    def enter_and_do():
        enter(namespace)
        deed()

    thread = threading.Thread(target=enter_and_do)
    thread.start()
    thread.join()
