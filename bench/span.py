"""A span port to measure on: a veth pair in a network namespace of its own."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

from bench.process import Failed

if TYPE_CHECKING:
    from collections.abc import Iterator

SPAN: Final = "span0"  # where the sensor listens
FAR: Final = "out0"  # where frames are put in
OFFLOADS: Final = ("tso", "off", "gso", "off", "gro", "off", "tx", "off", "rx", "off")


def ip(*words: str) -> None:
    """Run iproute2."""
    try:
        subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise Failed(f"ip {' '.join(words)}: {error.stderr.strip()}") from None


@contextlib.contextmanager
def span_port() -> Iterator[list[str]]:
    """Make it; yield the words before a command that make it run inside."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        raise Failed("live measuring makes a network namespace: it needs root and iproute2")
    name = f"otsensor-bench-{os.getpid()}"
    ip("netns", "add", name)
    inside = ["ip", "netns", "exec", name]
    try:
        ip("-n", name, "link", "add", SPAN, "type", "veth", "peer", "name", FAR)
        for end in (SPAN, FAR):
            quiet = f"echo 1 > /proc/sys/net/ipv6/conf/{end}/disable_ipv6"
            subprocess.run([*inside, "sh", "-c", quiet], check=True)
            if shutil.which("ethtool"):
                subprocess.run([*inside, "ethtool", "-K", end, *OFFLOADS], check=False, capture_output=True)
            ip("-n", name, "link", "set", end, "up", "arp", "off")
        yield inside
    finally:
        ip("netns", "del", name)


def cpu_seconds(root: int) -> float:
    """Return what a process and its descendants have used so far."""
    ticks = os.sysconf("SC_CLK_TCK")
    return sum((int(fields[11]) + int(fields[12])) / ticks for fields in statuses(root))


def is_running(root: int) -> bool:
    """Tell whether a process or a descendant has work to do, be it that it waits for a processor."""
    return any(fields[0] == "R" for fields in statuses(root))


def statuses(root: int) -> Iterator[list[str]]:
    """Yield what /proc tells of a process and its descendants, from its state on."""
    waiting = [root]
    while waiting:
        process = pathlib.Path("/proc", str(waiting.pop()))
        with contextlib.suppress(OSError):
            yield (process / "stat").read_text().rpartition(")")[2].split()
            for task in (process / "task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
