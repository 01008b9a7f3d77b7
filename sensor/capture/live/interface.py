# mypyc: off: runs seldom
"""An interface as the kernel tells of it, asked through a packet socket.

The rule it lives by: only that socket is asked, so a process that may open no files and no further sockets can.
"""

import fcntl
import socket
import struct
from typing import Final

from sensor.capture.live.kernel import IFF_RUNNING, IFF_UP, SIOCGIFFLAGS, SIOCGIFHWADDR, SIOCGIFINDEX

MAX_NAME: Final = 15  # IFNAMSIZ, without its closing zero
# ARPHRD_ of linux/if_arp.h to LINKTYPE_ of the tcpdump group; the loopback interface frames like Ethernet
LINK_TYPES: Final = {1: 1, 772: 1, 65534: 101}


def ask(sock: socket.socket, request: int, name: str) -> bytes:
    """Return the union of struct ifreq after a request; raises OSError, ENODEV where there is no such interface."""
    return fcntl.ioctl(sock.fileno(), request, name.encode().ljust(16, b"\0") + bytes(24))[16:]


def index_of(sock: socket.socket, name: str) -> int:
    """Return an interface's index, 0 where it is gone."""
    try:
        found: int = struct.unpack_from("=i", ask(sock, SIOCGIFINDEX, name))[0]
    except OSError:
        return 0
    return found


def condition(sock: socket.socket, name: str) -> str:
    """Return "up", "down" (by command or without a carrier) or "gone"."""
    try:
        flags: int = struct.unpack_from("=h", ask(sock, SIOCGIFFLAGS, name))[0]
    except OSError:
        return "gone"
    return "up" if flags & IFF_UP and flags & IFF_RUNNING else "down"


def link_type_of(sock: socket.socket, name: str) -> int:
    """Return the LINKTYPE_ of an interface's frames, -1 where we do not know them."""
    kind: int = struct.unpack_from("=H", ask(sock, SIOCGIFHWADDR, name))[0]
    return LINK_TYPES.get(kind, -1)
