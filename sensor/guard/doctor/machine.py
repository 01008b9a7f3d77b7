"""Has this machine what the sensor uses: the kernel's packet rings and sandboxes, memory, limits.

The rule it lives by: what the kernel has is tried and not concluded from its version.
"""

from __future__ import annotations

import os
import pathlib
import platform
import resource
import socket
import struct
from typing import TYPE_CHECKING, Final

from sensor.guard import kernel, landlock, seccomp
from sensor.guard.doctor.finding import NOTE, WARNING, WELL, WRONG, Finding
from sensor.guard.doctor.interface import read_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sensor.guard.doctor.want import Want

KERNEL, MEMORY, LIMITS = "kernel", "memory", "limits"
SOL_PACKET, VERSION, FANOUT, IGNORE_OUTGOING = 263, 10, 18, 23
TPACKET_V3: Final = 2
UNIQUE_HASH: Final = 0x2000 << 16  # PACKET_FANOUT_FLAG_UNIQUEID, PACKET_FANOUT_HASH
NEEDED_FILES: Final = 256  # descriptors beside those of rings: store, workers, logs
FOR_EACH_RING: Final = 9  # an interface may come back eight times under a fanout
NET: Final = pathlib.Path("/proc/sys/net/core")
PLAIN_BUFFER: Final = 8 << 20  # bytes, where a plain socket has to do


def examine(want: Want) -> Iterator[Finding]:
    """Look at kernel, memory and limits."""
    yield from rings()
    yield from sandboxes()
    yield from memory(want)
    yield from limits(want)


def rings() -> Iterator[Finding]:
    """Try rings and fanout on the loopback."""
    release = platform.release()
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as tried:
            tried.setsockopt(SOL_PACKET, VERSION, TPACKET_V3)
            tried.setsockopt(SOL_PACKET, IGNORE_OUTGOING, 1)
            tried.bind(("lo", 0x88B5))  # a kind of frame that nobody sends
            tried.setsockopt(SOL_PACKET, FANOUT, struct.pack("=I", UNIQUE_HASH))
    except PermissionError:
        yield Finding(
            NOTE, KERNEL, "rings", f"Linux {release}; rings cannot be tried: no right to", "root or CAP_NET_RAW"
        )
    except OSError as error:
        yield Finding(
            WARNING,
            KERNEL,
            "rings",
            f"Linux {release} has no TPACKET_V3 ring with fanout ({error.strerror}): frames are read one by one",
            "Linux 4.20 or newer, CONFIG_PACKET",
        )
    else:
        yield Finding(WELL, KERNEL, "rings", f"Linux {release} has TPACKET_V3 rings and fanout")
    jit = read_number(NET / "bpf_jit_enable")
    if jit == 0:
        yield Finding(
            NOTE, KERNEL, "filters", "filters are interpreted", "compiled", "sysctl -w net.core.bpf_jit_enable=1"
        )


def sandboxes() -> Iterator[Finding]:
    """Look at what can confine the sensor."""
    version = landlock.version()
    if version == 0:
        yield Finding(
            WARNING,
            KERNEL,
            "landlock",
            "has no Landlock: files are kept from the sensor by its user alone",
            "Linux 5.13 or newer",
            "add landlock to the boot parameter lsm=",
        )
    elif version < landlock.SCOPES_FROM:
        yield Finding(NOTE, KERNEL, "landlock", f"has Landlock {version}: " + missing(version), "6, of Linux 6.12")
    else:
        yield Finding(WELL, KERNEL, "landlock", f"has Landlock {version}: files, TCP and scopes")
    if kernel.machine() is None:
        yield Finding(
            WARNING, KERNEL, "seccomp", f"calls are not filtered on {platform.machine()}", "x86_64 or aarch64"
        )
    elif seccomp.available():
        yield Finding(WELL, KERNEL, "seccomp", "has seccomp filters")
    else:
        yield Finding(WARNING, KERNEL, "seccomp", "has no seccomp filters", "CONFIG_SECCOMP_FILTER")


def missing(version: int) -> str:
    """Say what an older Landlock does not deny."""
    return "neither TCP nor scopes" if version < landlock.NETWORK_FROM else "no scopes"


def memory(want: Want) -> Iterator[Finding]:
    """Compare the rings with the memory that is there."""
    asked = want.ring_size * want.workers * max(1, len(want.interfaces))
    free = available()
    told = f"rings of {asked / 1e6:,.0f} MB in all"
    if free is None:
        return
    if asked > free / 2:
        yield Finding(
            WRONG if asked > free else WARNING,
            MEMORY,
            "rings",
            f"{told}; {free / 1e6:,.0f} MB are free",
            "half of the free memory at most",
            "a smaller ring_size, or fewer workers",
        )
    else:
        yield Finding(WELL, MEMORY, "rings", f"{told}; {free / 1e6:,.0f} MB are free")
    buffer = read_number(NET / "rmem_max")
    if buffer is not None and buffer < PLAIN_BUFFER:
        yield Finding(
            NOTE,
            MEMORY,
            "buffer",
            f"a plain socket, where there is no ring, gets {buffer / 1e3:,.0f} kB at most",
            f"{PLAIN_BUFFER / 1e3:,.0f} kB",
            f"sysctl -w net.core.rmem_max={PLAIN_BUFFER}",
        )


def limits(want: Want) -> Iterator[Finding]:
    """Compare the limits of processes with what is needed."""
    needed = NEEDED_FILES + FOR_EACH_RING * want.workers * max(1, len(want.interfaces))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        yield Finding(
            WRONG, LIMITS, "files", f"{hard} open files at most", f"{needed}", f"LimitNOFILE={needed} in the unit"
        )
    elif soft != resource.RLIM_INFINITY and soft < needed:
        yield Finding(WARNING, LIMITS, "files", f"{soft} open files", f"{needed}", f"ulimit -n {needed}")
    else:
        yield Finding(WELL, LIMITS, "files", f"{soft} open files are allowed, {needed} are needed at most")
    size, _ = resource.getrlimit(resource.RLIMIT_AS)
    if size != resource.RLIM_INFINITY:
        yield Finding(
            WARNING,
            LIMITS,
            "memory",
            f"address space is limited to {size / 1e6:,.0f} MB",
            "no such limit",
            "ulimit -v unlimited; MemoryMax= in the unit limits what is really used",
        )
    cores = len(os.sched_getaffinity(0))
    if want.workers >= cores > 1:
        yield Finding(
            NOTE,
            LIMITS,
            "workers",
            f"{want.workers} workers on {cores} cores leave none to the recorder",
            f"{cores - 1} at most",
            f"workers: {cores - 1}",
        )


def available() -> int | None:
    """Return the memory that is free for use, in bytes."""
    try:
        lines = pathlib.Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
