"""The booster station: an Advantech gateway with a serial line behind it, drives at units 1 and 2, nothing else there.

Holding registers of a drive: 0 command word, 1 speed set point (0.1 Hz), 2 ramp (s), 7 serial number (read-only).
Input registers: 0 status word, 1 speed (0.1 Hz), 2 current (0.1 A), 3 torque (0.1 %), 4 temperature (°C).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import modbus_server
from .modbus_framing import TCP, Framing

if TYPE_CHECKING:
    from .story import Story

IDENTITY = {
    0: "Advantech",
    1: "EKI-1222",
    2: "1.71",
    3: "www.advantech.com",
    4: "2-port Modbus gateway",
    5: "EKI-1222-CE",
    6: "BOOSTER",
}
UNITS = [1, 2]


def _values(unit: int, second: int) -> list[int]:
    return [0x0237, 412 + second % 4, 118 + unit, 540 + second % 7, 47 + unit, 0, 0, 0]


def serve(_: Story, *, framing: Framing = TCP) -> None:
    """Be the gateway and both drives until killed."""
    drives = [
        modbus_server.device(unit, 16, 16, [0x047F, 415, 10, 0, 0, 0, 0, 3100 + unit], _values(unit, 0))
        for unit in UNITS
    ]
    modbus_server.serve([*drives, modbus_server.dead_line()], IDENTITY, UNITS, _values, framing)
