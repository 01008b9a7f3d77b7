"""The wells' controller, a Modicon M340 with one unit: three pumps, a level, flows, pressures.

Holding registers: 0 level set point (cm), 1-3 pump speeds (0.1 %), 4 high alarm, 5 low alarm, 15 serial number
(read-only). Input registers: 0 level (cm), 1-3 flows (l/s), 4 pressure (kPa), 5-7 pump currents (0.1 A).
Coils 0-2 start the pumps.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from . import modbus_server

if TYPE_CHECKING:
    from .story import Story

IDENTITY = {
    0: "Schneider Electric",
    1: "BMX P34 2020",
    2: "v3.20",
    3: "www.schneider-electric.com",
    4: "Modicon M340",
    5: "BMX P34 2020",
    6: "INTAKE",
}
UNIT = 1


def _values(_: int, second: int) -> list[int]:
    level = 412 + round(6 * math.sin(second / 9))
    return [level, 31 + second % 3, 30, 0, 385 + second % 5, 142, 139 + second % 2, 0, *[0] * 8]


def serve(_: Story) -> None:
    """Be the wells' controller until killed."""
    holding = [420, 650, 640, 0, 480, 250, *[0] * 9, 20_417]
    devices = [modbus_server.device(UNIT, 16, 16, holding, _values(UNIT, 0))]
    modbus_server.serve(devices, IDENTITY, [UNIT], _values)
