"""How Modbus travels: as the specification has it over TCP, the same over UDP, or serial frames tunnelled in TCP."""

from __future__ import annotations

from typing import NamedTuple

from pymodbus import FramerType

from .plant import MODBUS_PORT

TUNNEL_PORT = 4001  # where serial-to-Ethernet converters commonly listen


class Framing(NamedTuple):
    """The frame's kind and what carries it."""

    framer: FramerType
    port: int
    udp: bool = False


TCP = Framing(FramerType.SOCKET, MODBUS_PORT)
UDP = Framing(FramerType.SOCKET, MODBUS_PORT, udp=True)
RTU_OVER_TCP = Framing(FramerType.RTU, TUNNEL_PORT)
