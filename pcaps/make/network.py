"""The wires: one namespace is the switch, one each host, one the sensor, and its span port sees what the tap copies.

Everything happens inside namespaces named `otsensor-…`, made and removed here; the machine's network is not touched.
Whoever plays in a namespace is killed before it is removed, so that nothing stays after a crash.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .plant import Host

PREFIX = "otsensor-"
SWITCH = "switch"
SENSOR = "sensor"
SPAN = "span0"
CLONE_NEWNET = 0x4000_0000
QUIET = (  # hosts say only what their protocols say: no router solicitations, no multicast reports
    "net.ipv6.conf.all.disable_ipv6=1",
    "net.ipv6.conf.default.disable_ipv6=1",
)


def run(command: str) -> None:
    """Run one command, words split at blanks."""
    subprocess.run(command.split(), check=True, capture_output=True, text=True)


def enter(namespace: str) -> None:
    """Move the calling thread (and what it starts) into a network namespace."""
    with Path("/run/netns", namespace).open() as handle:
        if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")


Mirror = dict[str, list[str]]  # "ingress" or "egress": the names of the ports copied in that direction


def every_frame_once(hosts: Iterable[Host]) -> Mirror:
    """Copy what enters each port."""
    return {"ingress": [host.name for host in hosts]}


def every_frame_twice(hosts: Iterable[Host]) -> Mirror:
    """Copy what enters and what leaves each port, as many real switches do."""
    names = [host.name for host in hosts]
    return {"ingress": names, "egress": names}


class Network:
    """A switch with a port for each host, and a span port for each sensor; `mirrors` says what each is given."""

    def __init__(
        self, hosts: Iterable[Host], mirrors: Mapping[str, Mirror] | None = None, prefix: str = PREFIX
    ) -> None:
        self.hosts = tuple(hosts)
        self.mirrors = mirrors or {SENSOR: every_frame_once(self.hosts)}
        self.prefix = prefix
        self.switch = prefix + SWITCH

    def __enter__(self) -> Self:
        """Make the namespaces, the bridge, the ports and the taps."""
        remove(self.prefix)
        try:
            self._make()
        except BaseException:
            remove(self.prefix)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Remove every namespace, and with it every interface and process address."""
        remove(self.prefix)

    def namespace(self, name: str) -> str:
        """Return the namespace of a host or sensor."""
        return self.prefix + name

    def _make(self) -> None:
        for name in (SWITCH, *self.mirrors, *(host.name for host in self.hosts)):
            run(f"ip netns add {self.namespace(name)}")
            for setting in QUIET:
                run(f"ip netns exec {self.namespace(name)} sysctl -qw {setting}")
        run(f"ip -n {self.switch} link add br0 type bridge stp_state 0 forward_delay 0")
        run(f"ip -n {self.switch} link set br0 up")
        for sensor in self.mirrors:
            there = self.namespace(sensor)
            run(f"ip -n {self.switch} link add {tap(sensor)} type veth peer name {SPAN} netns {there}")
            run(f"ip -n {self.switch} link set {tap(sensor)} up arp off")
            run(f"ip -n {there} link set {SPAN} up arp off")
        for host in self.hosts:
            self._plug(host)
            for direction in ("ingress", "egress"):
                self._copy(host.name, direction)

    def _plug(self, host: Host) -> None:
        there, port = self.namespace(host.name), f"p-{host.name}"
        run(f"ip -n {self.switch} link add {port} type veth peer name eth0 netns {there}")
        run(f"ip -n {there} link set eth0 address {host.mac}")
        run(f"ip netns exec {there} ethtool -K eth0 tso off gso off gro off tx off rx off")
        run(f"ip netns exec {there} sysctl -qw net.ipv4.ip_default_ttl={host.ttl}")
        run(f"ip netns exec {there} sysctl -qw net.ipv4.tcp_timestamps={int(host.timestamps)}")
        run(f"ip -n {there} addr add {host.address}/24 dev eth0")
        run(f"ip -n {there} link set lo up")
        run(f"ip -n {there} link set eth0 up")
        run(f"ip -n {self.switch} link set {port} master br0 up")
        run(f"tc -n {self.switch} qdisc add dev {port} clsact")

    def _copy(self, name: str, direction: str) -> None:
        """Give each sensor that wants one a copy; the first filter that matches is the last, so one has them all."""
        wanting = [sensor for sensor, mirror in self.mirrors.items() if name in mirror.get(direction, ())]
        if wanting:
            copies = " pipe ".join(f"action mirred egress mirror dev {tap(sensor)}" for sensor in wanting)
            filtering = f"{direction} protocol all prio 1 u32 match u32 0 0 {copies}"
            run(f"tc -n {self.switch} filter add dev p-{name} {filtering}")


def tap(sensor: str) -> str:
    """Return the switch's end of the cable to a sensor's span port."""
    return f"tap-{sensor}"


def remove(prefix: str = PREFIX) -> None:
    """Remove the namespaces whose names begin so, if there are any, and end who is still in them."""
    for path in Path("/run/netns").glob(prefix + "*"):
        listed = subprocess.run(["ip", "netns", "pids", path.name], check=False, capture_output=True, text=True)
        for player in listed.stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(player), signal.SIGKILL)
        subprocess.run(["ip", "netns", "del", path.name], check=False, capture_output=True)
