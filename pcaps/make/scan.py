"""Looks round a network as the usual tools do: ARP for every address, TCP connect for every port."""

from __future__ import annotations

import socket
import struct
import time
from typing import TYPE_CHECKING

from .plant import BY_NAME

if TYPE_CHECKING:
    from .plant import Host

ETHERNET_ARP = 0x0806
REQUEST, REPLY = 1, 2
BROADCAST = b"\xff" * 6
OFFICE_PORTS = (21, 22, 23, 25, 53, 80, 110, 135, 139, 443, 445, 3389, 5900, 8080)
PLANT_PORTS = (102, 502, 1089, 2222, 2404, 4840, 18245, 20000, 44818)
PORTS = tuple(sorted(OFFICE_PORTS + PLANT_PORTS))
PATIENCE = 0.4  # seconds to wait for an answer


def _wire() -> socket.socket:
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERNET_ARP))
    wire.bind(("eth0", ETHERNET_ARP))
    return wire


def _mac(host: Host) -> bytes:
    return bytes.fromhex(host.mac.replace(":", ""))


def _arp(operation: int, to: bytes, sender: tuple[bytes, str], target: tuple[bytes, str]) -> bytes:
    """Return a frame that says or asks something by ARP (RFC 826)."""
    halves = [mac + socket.inet_aton(address) for mac, address in (sender, target)]
    return to + sender[0] + struct.pack("!HHHBBH", ETHERNET_ARP, 1, 0x0800, 6, 4, operation) + b"".join(halves)


def arp_sweep(own: str, hosts: range = range(1, 255)) -> None:
    """Ask who has each address of the cell network, a few milliseconds apart."""
    me = BY_NAME[own]
    network = me.address.rpartition(".")[0]
    with _wire() as wire:
        for host in hosts:
            wire.send(_arp(REQUEST, BROADCAST, (_mac(me), me.address), (bytes(6), f"{network}.{host}")))
            time.sleep(0.004)


def spoof(own: str, one: str, other: str, seconds: int) -> None:
    """Tell each of two hosts, again and again, that the other's address is at our MAC."""
    me, pair = _mac(BY_NAME[own]), (BY_NAME[one], BY_NAME[other])
    with _wire() as wire:
        for _ in range(2 * seconds):
            for told, claimed in (pair, pair[::-1]):
                wire.send(_arp(REPLY, _mac(told), (me, claimed.address), (_mac(told), told.address)))
            time.sleep(0.5)


def port_scan(address: str) -> list[int]:
    """Return the ports that take a TCP connection; each is closed at once."""
    found = []
    for port in PORTS:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.settimeout(PATIENCE)
            time.sleep(0.005)
            if probe.connect_ex((address, port)) == 0:
                found.append(port)
    return found
