"""The wires: one namespace is the switch, one each host, one the sensor, and its span port sees what the tap copies.

Everything happens inside namespaces named `otsensor-…`, made and removed here; the machine's network is not touched.
"""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .plant import Host

PREFIX = "otsensor-"
SWITCH = PREFIX + "switch"
SENSOR = PREFIX + "sensor"
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


class Network:
    """A switch with a port for each host and a span port; `mirror` says what the tap copies.

    `mirror` maps "ingress" or "egress" to the names of the ports copied in that direction; ingress of every port
    gives each frame once, both directions of every port give each frame twice, as many real switches do.
    """

    def __init__(self, hosts: Iterable[Host], mirror: dict[str, list[str]] | None = None) -> None:
        self.hosts = tuple(hosts)
        self.mirror = mirror or {"ingress": [host.name for host in self.hosts]}

    def __enter__(self) -> Self:
        """Make the namespaces, the bridge, the ports and the tap."""
        remove()
        try:
            self._make()
        except BaseException:
            remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Remove every namespace, and with it every interface and process address."""
        remove()

    def _make(self) -> None:
        for namespace in (SWITCH, SENSOR, *(PREFIX + host.name for host in self.hosts)):
            run(f"ip netns add {namespace}")
            for setting in QUIET:
                run(f"ip netns exec {namespace} sysctl -qw {setting}")
        run(f"ip -n {SWITCH} link add br0 type bridge stp_state 0 forward_delay 0")
        run(f"ip -n {SWITCH} link set br0 up")
        run(f"ip -n {SWITCH} link add tap type veth peer name {SPAN} netns {SENSOR}")
        run(f"ip -n {SWITCH} link set tap up arp off")
        run(f"ip -n {SENSOR} link set {SPAN} up arp off")
        for host in self.hosts:
            self._plug(host)
        for direction, names in self.mirror.items():
            for name in names:
                self._copy(name, direction)

    def _plug(self, host: Host) -> None:
        there, port = PREFIX + host.name, f"p-{host.name}"
        run(f"ip -n {SWITCH} link add {port} type veth peer name eth0 netns {there}")
        run(f"ip -n {there} link set eth0 address {host.mac}")
        run(f"ip netns exec {there} ethtool -K eth0 tso off gso off gro off tx off rx off")
        run(f"ip netns exec {there} sysctl -qw net.ipv4.ip_default_ttl={host.ttl}")
        run(f"ip netns exec {there} sysctl -qw net.ipv4.tcp_timestamps={int(host.timestamps)}")
        run(f"ip -n {there} addr add {host.address}/24 dev eth0")
        run(f"ip -n {there} link set lo up")
        run(f"ip -n {there} link set eth0 up")
        run(f"ip -n {SWITCH} link set {port} master br0 up")
        run(f"tc -n {SWITCH} qdisc add dev {port} clsact")

    def _copy(self, name: str, direction: str) -> None:
        run(
            f"tc -n {SWITCH} filter add dev p-{name} {direction} protocol all prio 1 u32 match u32 0 0 "
            f"action mirred egress mirror dev tap"
        )


def remove() -> None:
    """Remove the namespaces of this program, if there are any."""
    for path in Path("/run/netns").glob(PREFIX + "*"):
        subprocess.run(["ip", "netns", "del", path.name], check=False, capture_output=True)
