"""Looks round a network as the usual tools do: ARP for every address, TCP connect for every port."""

from __future__ import annotations

import socket
import struct
import time

from .plant import BY_NAME

ETHERNET_ARP = 0x0806
PORTS = (21, 22, 23, 25, 53, 80, 102, 110, 135, 139, 443, 445, 502, 1089, 2222, 2404, 3389, 4840, 5900, 8080, 18245, 20000, 44818)
PATIENCE = 0.4  # seconds to wait for an answer


def arp_sweep(own: str, hosts: range = range(1, 255)) -> None:
    """Ask who has each address of the cell network, a few milliseconds apart."""
    me = BY_NAME[own]
    mac, source = bytes.fromhex(me.mac.replace(":", "")), socket.inet_aton(me.address)
    network = me.address.rpartition(".")[0]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERNET_ARP)) as wire:
        wire.bind(("eth0", ETHERNET_ARP))
        for host in hosts:
            asked = socket.inet_aton(f"{network}.{host}")
            question = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, mac, source, bytes(6), asked)
            wire.send(b"\xff" * 6 + mac + struct.pack("!H", ETHERNET_ARP) + question)
            time.sleep(0.004)


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
