"""A short listening on interfaces, and what it says of the mirror.

The rule it lives by: plain sockets that only receive; an interface is promiscuous for as long as they are open, as it
is under `otsensor watch`, and the kernel takes that back.
"""

from __future__ import annotations

import contextlib
import dataclasses
import selectors
import socket
import struct
import time
from typing import TYPE_CHECKING, Final

from sensor.guard import netlink
from sensor.guard.doctor import mirror
from sensor.guard.doctor.finding import NOTE, WRONG, Finding
from sensor.guard.doctor.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sensor.guard.doctor.want import Want

EVERYTHING: Final = 3  # ETH_P_ALL
SOL_PACKET, ADD_MEMBERSHIP, STATISTICS, AUXILIARY = 263, 1, 6, 8
PROMISCUOUS: Final = 1
AUXDATA: Final = struct.Struct("=IIIHHHH")  # struct tpacket_auxdata
BUFFER: Final = 32 << 20  # bytes; the kernel gives less where net.core.rmem_max says so
SNAP: Final = 65_536
MOST_FRAMES: Final = 400_000  # looked at altogether; the rate is counted by the kernel all the same
AT_ONCE: Final = 256  # frames of one interface before the next has its turn


@dataclasses.dataclass(slots=True)
class Ear:
    """One interface while it is listened to."""

    name: str
    socket: socket.socket
    traffic: Traffic
    before: dict[str, int]
    seconds: float = 0.0
    lost: int = 0  # by this listening
    after: dict[str, int] = dataclasses.field(default_factory=dict)

    def grown(self, key: str) -> int:
        """Return how much a counter of the kernel has grown."""
        return self.after.get(key, 0) - self.before.get(key, 0)


def listen(want: Want, names: list[str]) -> Iterator[Finding]:
    """Listen on all interfaces at once; say what each has to tell."""
    ears: list[Ear] = []
    links = netlink.links()
    with contextlib.ExitStack() as held:
        for name in names:
            try:
                opened = held.enter_context(open_socket(name, promiscuous=want.promiscuous))
            except PermissionError:
                yield Finding(
                    NOTE,
                    name,
                    "listening",
                    "cannot listen: no right to",
                    "root or CAP_NET_RAW",
                    f"sudo otsensor doctor {' '.join(names)}",
                )
                return
            except OSError as error:
                yield Finding(WRONG, name, "listening", f"cannot listen: {error.strerror}")
                continue
            link = links[name]
            ears.append(Ear(name, opened, Traffic(link.mtu), link.counters))
        hear(ears, want.seconds)
    for ear in ears:
        yield from mirror.judge(ear)


def open_socket(name: str, *, promiscuous: bool) -> socket.socket:
    """Open a socket that hears one interface, with what this machine sends there."""
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    try:
        opened.setsockopt(SOL_PACKET, AUXILIARY, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        opened.setblocking(False)
        opened.bind((name, EVERYTHING))
        if promiscuous:
            wish = struct.pack("=iHH8x", socket.if_nametoindex(name), PROMISCUOUS, 0)
            opened.setsockopt(SOL_PACKET, ADD_MEMBERSHIP, wish)
    except OSError:
        opened.close()
        raise
    return opened


def hear(ears: list[Ear], seconds: float) -> None:
    """Listen for a while, or until enough was heard."""
    began = time.monotonic()
    left = MOST_FRAMES
    with selectors.DefaultSelector() as selector:
        for ear in ears:
            selector.register(ear.socket, selectors.EVENT_READ, ear)
        while ears and left > 0 and (rest := began + seconds - time.monotonic()) > 0:
            for key, _ in selector.select(rest):
                left -= take_some(key.data)
    links = netlink.links()
    for ear in ears:
        ear.seconds = time.monotonic() - began
        ear.after = links[ear.name].counters if ear.name in links else ear.before
        _, ear.lost = struct.unpack("=II", ear.socket.getsockopt(SOL_PACKET, STATISTICS, 8))


def take_some(ear: Ear) -> int:
    """Read what waits, within bounds; return how many frames."""
    for taken in range(AT_ONCE):
        try:
            frame, beside, _, source = ear.socket.recvmsg(SNAP, 256)
        except OSError:  # nothing waits, or the interface went down: the state is told elsewhere
            return max(taken, 1)
        status, length, tag = 0, len(frame), 0
        for level, kind, data in beside:
            if (level, kind) == (SOL_PACKET, AUXILIARY) and len(data) >= AUXDATA.size:
                status, length, _, _, _, tag, _ = AUXDATA.unpack_from(data)
        ear.traffic.take(frame, length, status, tag, source[2], time.monotonic())
    return AT_ONCE
