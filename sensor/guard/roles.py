"""Which system calls the recorder, a worker and the shipper may make.

The rule it lives by: what a library may try and live without is refused; what only an intruder asks for ends the
process; and nobody writes to a socket that listens on a plant.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Final

from sensor.guard.calls import group
from sensor.guard.program import ALLOW, KILL, MISSING, REFUSE, Check, Rule, has, lacks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Socket families and types only an intruder would ask for: frames, keys, and the kernel's own audit.
AF_PACKET, AF_KEY, AF_XDP, AF_NETLINK = 17, 15, 44, 16
NETLINK_ROUTE, NETLINK_AUDIT = 0, 9
TYPE: Final = 0xF  # of a socket's second argument; the rest are flags

NEW_SPACES: Final = 0x7E02_0000  # CLONE_NEW…: namespaces
THREAD: Final = 0x0001_0000  # CLONE_THREAD
WRITABLE, RUNNABLE = 2, 4  # of mapped memory
TO_WRITE: Final = 0x0040_0243  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_TMPFILE
DUPLICATE: Final = (0, 1030)  # F_DUPFD, F_DUPFD_CLOEXEC

TYPING: Final = (0x5412, 0x541C, 0x5423)  # TIOCSTI, TIOCLINUX, TIOCSETD: typing into the terminal of who started us
ASKING: Final = (
    0x5401, 0x5402, 0x5403, 0x5404, 0x802C542A,  # a terminal's settings: TCGETS, TCSETS…, TCGETS2
    0x5413, 0x540F, 0x5411, 0x541B,  # TIOCGWINSZ, TIOCGPGRP, TIOCOUTQ, FIONREAD
    0x5421, 0x5450, 0x5451,  # FIONBIO, FIONCLEX, FIOCLEX
    0x8910, 0x8913, 0x8915, 0x8921, 0x8927, 0x8933, 0x8946,  # SIOCGIF: NAME FLAGS ADDR MTU HWADDR INDEX; SIOCETHTOOL
)  # fmt: skip
# Of prctl: names and death signals, what we have set ourselves and may be asked again, none that gives anything.
ATTRIBUTES: Final = (1, 2, 3, 15, 16, 21, 22, 23, 24, 27, 28, 29, 30, 38, 39, 47, 65, 66, 0x5356_4D41)
SET_DUMPABLE: Final = 4


def hostile() -> Iterator[Rule]:
    """Return what ends the process, in every role."""
    yield Rule(group("hostile"), KILL)
    yield Rule(["socket"], KILL, (Check(0, (AF_PACKET, AF_KEY, AF_XDP)),))
    yield Rule(["socket"], KILL, (Check(0, (socket.AF_INET, socket.AF_INET6)), Check(1, (socket.SOCK_RAW,), mask=TYPE)))
    yield Rule(["socket"], KILL, (Check(0, (AF_NETLINK,)), Check(2, (NETLINK_AUDIT,))))
    yield Rule(["clone"], KILL, (has(0, NEW_SPACES),))
    yield Rule(["clone3"], MISSING)  # its flags stand in memory; glibc then uses clone
    yield Rule(["ioctl"], KILL, (Check(1, TYPING),))


def plain(mute: Sequence[int]) -> Iterator[Rule]:
    """Return what every role needs; `mute` are the sockets that listen on a plant."""
    listening = Check(0, tuple(mute))
    yield Rule(group("writing", "sending", "copying"), REFUSE, (listening,))
    yield Rule(["fcntl"], REFUSE, (listening, Check(1, DUPLICATE)))
    yield Rule(group("reading", "writing", "keeping", "copying", "looking", "memory", "self", "time"), ALLOW)
    yield Rule([*group("signals", "locks", "pipes"), "fcntl", "shutdown"], ALLOW)
    yield Rule(group("receiving"), ALLOW, (listening,))  # they bring no descriptors: only local sockets do
    yield Rule(["ioctl"], ALLOW, (Check(1, ASKING),))
    yield Rule(["prctl"], ALLOW, (Check(0, ATTRIBUTES),))
    yield Rule(["prctl"], ALLOW, (Check(0, (SET_DUMPABLE,)), Check(1, (0,))))
    yield Rule(["prlimit64"], ALLOW, (Check(0, (0,)),))  # its own limits


def whole(mute: Sequence[int]) -> Iterator[Rule]:
    """Return what the recorder and the shipper need beyond that; files are Landlock's business."""
    yield Rule(group("mapping"), REFUSE, (Check(2, (WRITABLE | RUNNABLE,), mask=WRITABLE | RUNNABLE),))
    yield Rule(group("mapping", "opening", "making"), ALLOW)
    yield Rule(["socketpair"], ALLOW, (Check(0, (socket.AF_UNIX,)),))
    yield Rule(["setsockopt"], ALLOW)
    yield from plain(mute)


def recorder(mute: Sequence[int] = (), *, ships: bool = False) -> list[Rule]:
    """Return the rules of the process that supervises and records; `ships`: shippers will be its children."""
    shipping = networked() if ships else ()
    addressed = () if ships else tuple(Check(4, (0,), high=high) for high in (False, True))
    return [
        *hostile(), *whole(mute), *shipping, Rule(group("forking", "children"), ALLOW),
        Rule(group("serving"), ALLOW), Rule(["bind"], ALLOW, (Check(0, tuple(mute)),)),
        Rule(["sendto"], ALLOW, addressed), Rule(["sendmsg", "sendmmsg"], ALLOW),
        Rule(["adjtimex", "clock_adjtime"], ALLOW),  # to ask whether the clock is right; setting it needs a capability
    ]  # fmt: skip


def worker(mute: Sequence[int] = (), *, writes: bool = False) -> list[Rule]:
    """Return the rules of a worker, which meets hostile bytes first: no socket, no process, no code not loaded yet."""
    own = Check(0, (os.getpid(),))
    listening = Check(0, tuple(mute))
    opened = [Rule(group("opening", "making"), ALLOW)] if writes else [
        Rule(["open"], ALLOW, (lacks(1, TO_WRITE),)), Rule(["openat"], ALLOW, (lacks(2, TO_WRITE),)),
    ]  # fmt: skip
    return [
        *hostile(), *plain(mute), *opened, Rule(group("mapping"), ALLOW, (lacks(2, RUNNABLE),)),
        Rule(["sendto"], ALLOW, tuple(Check(4, (0,), high=high) for high in (False, True))),
        Rule(["kill", "tkill", "tgkill"], ALLOW, (own,)),
        Rule(["setsockopt", "bind"], ALLOW, (listening,)),  # an interface that was taken out and put back
    ]  # fmt: skip


def shipper(mute: Sequence[int] = ()) -> list[Rule]:
    """Return the rules of the process that ships: connections out and threads, no listening, no processes."""
    own = Check(0, (os.getpid(),))
    return [
        *hostile(), *whole(mute), *networked(), Rule(["clone"], ALLOW, (has(0, THREAD),)),
        Rule(["kill", "tgkill"], ALLOW, (own,)), Rule(["tkill"], ALLOW),
    ]  # fmt: skip


def networked() -> Iterator[Rule]:
    """Return what speaking to destinations needs; which TCP ports is Landlock's business."""
    yield Rule(["socket"], ALLOW, (Check(0, (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)),))
    yield Rule(["socket"], ALLOW, (Check(0, (AF_NETLINK,)), Check(2, (NETLINK_ROUTE,))))  # glibc sorts addresses by it
    yield Rule(group("connecting", "sending", "receiving"), ALLOW)
