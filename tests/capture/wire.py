"""A span port to try: veth pairs in a network namespace of their own, and a sender at the far end."""

import contextlib
import ctypes
import os
import pathlib
import shutil
import socket
import subprocess
import threading

import pytest

CLONE_NEWNET = 0x4000_0000
WHY_NOT = "the live capture is tried on veth pairs: only as root, with `ip netns` (Debian: apt install iproute2)"


class Wire:
    """Interfaces span0, span1 … in a namespace; what is sent into out0 arrives at span0."""

    def __init__(self, ports=1):
        self.name = f"ring-test-{os.getpid()}"
        self.senders = {}
        ip("netns", "add", self.name)
        for port in range(ports):
            self.plug(port)

    def plug(self, port=0):
        """Make a pair, up and silent."""
        self.ip("link", "add", f"span{port}", "type", "veth", "peer", "name", f"out{port}")
        with self.inside():
            for end in (f"span{port}", f"out{port}"):
                pathlib.Path(f"/proc/sys/net/ipv6/conf/{end}/disable_ipv6").write_text("1")
        for end in (f"span{port}", f"out{port}"):
            self.ip("link", "set", end, "arp", "off", "up")

    def unplug(self, port=0):
        if port in self.senders:
            self.senders.pop(port).close()
        self.ip("link", "del", f"span{port}")

    def promiscuity(self, interface):
        """Return how many ask for the frames of everybody on an interface."""
        words = ["ip", "-n", self.name, "-d", "link", "show", interface]
        told = subprocess.run(words, check=True, capture_output=True, text=True, timeout=20).stdout.split()
        return int(told[told.index("promiscuity") + 1])

    def ip(self, *words):
        ip("-n", self.name, *words)

    @contextlib.contextmanager
    def inside(self):
        """Be in the namespace; sockets made here stay there."""
        libc = ctypes.CDLL(None, use_errno=True)
        home, there = pathlib.Path("/proc/thread-self/ns/net"), pathlib.Path("/run/netns", self.name)
        with home.open() as before, there.open() as inside:
            assert libc.setns(inside.fileno(), CLONE_NEWNET) == 0
            try:
                yield
            finally:
                assert libc.setns(before.fileno(), CLONE_NEWNET) == 0

    def send(self, *frames, port=0):
        """Send frames towards a span port."""
        if port not in self.senders:
            self.senders[port] = self.socket(f"out{port}")
        for frame in frames:
            self.senders[port].send(frame)

    def socket(self, interface):
        """Return a raw socket on an interface of the namespace."""
        with self.inside():
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            sock.bind((interface, 0))
        return sock

    def close(self):
        for sender in self.senders.values():
            sender.close()
        ip("netns", "del", self.name)


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


@contextlib.contextmanager
def wire(ports=1):
    """Give a Wire; skip, with a line, where there can be none."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip(WHY_NOT)
    try:
        made = Wire(ports)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"{WHY_NOT}: {error.stderr.decode().strip()}")
    try:
        yield made
    finally:
        made.close()


def frame(number, tags=b"", size=60):
    """Return a frame of no known protocol, which carries a number."""
    head = b"\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02" + tags + b"\x88\xb5"
    return (head + number.to_bytes(4, "big")).ljust(size, b"\0")


def stop_after(live, seconds):
    """Stop a capture in a while, as a signal would."""
    timer = threading.Timer(seconds, live.stop)
    timer.start()
    return timer
