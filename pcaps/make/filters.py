"""The sand filters' controller, an S7-300 by python-snap7, with system status lists laid out as a real one has them.

python-snap7's own lists 0x0011 and 0x001C are malformed and 0x0424 is missing, so these come from here (SIMATIC
S7-300/400 System and Standard Functions, chapter "System Status Lists"); all the rest on the wire is the library's.
DB1 process values, DB2 set points, DB10 filter programme; inputs, outputs and flags of 16 bytes.
"""

from __future__ import annotations

import math
import struct
import time
from typing import TYPE_CHECKING, Any

from snap7 import SrvArea
from snap7.s7protocol import S7Protocol
from snap7.server import CPUState, Server

from .plant import S7_PORT

if TYPE_CHECKING:
    from .story import Story

ORDER_NUMBER = "6ES7 315-2EH14-0AB0"
SERIAL_NUMBER = "S C-C2UR28922012"
COMPONENTS = {  # SZL 0x001C: index of the record, text
    1: "FILTER",
    2: "CPU 315-2 PN/DP",
    3: "SandFilters",
    4: "Original Siemens Equipment",
    5: SERIAL_NUMBER,
    7: "CPU 315-2 PN/DP",
    8: "MMC 53C4E0A2",
}
PASSWORD = S7Protocol().encode_password("quelle")
SET_PASSWORD = 1  # subfunction of the security group
ERROR_CODE = slice(20, 22)  # of an answer's parameters
WRONG_PASSWORD = b"\xd6\x02"
PROGRAMME = 10
VALUES, SET_POINTS = 1, 2


def _list(size: int, records: list[bytes]) -> bytes:
    return struct.pack(">HH", size, len(records)) + b"".join(record.ljust(size, b"\x00") for record in records)


def _module_identification() -> bytes:
    order, blank = ORDER_NUMBER.ljust(20).encode(), b" " * 20
    module = struct.pack(">H20sHHH", 0x01, order, 0x00C0, 4, 1)
    hardware = struct.pack(">H20sHHH", 0x06, order, 0x00C0, 4, 1)
    firmware = struct.pack(">H20sHHH", 0x07, blank, 0x00C0, 0x5603, 0x0206)  # V 3.2.6
    loader = struct.pack(">H20sHHH", 0x81, b"Boot Loader".ljust(20), 0, 0x4120, 0x0909)
    return _list(28, [module, hardware, firmware, loader])


def _component_identification() -> bytes:
    return _list(34, [struct.pack(">H", index) + text.encode() for index, text in COMPONENTS.items()])


def _operating_mode(mode: int) -> bytes:
    digits = time.strftime("%y%m%d%H%M%S", time.gmtime()) + "0001"
    return _list(20, [struct.pack(">HBB8x", 0x5144, 0xFF, mode) + bytes.fromhex(digits)])


class SandFilters(Server):
    """The library's server with the status lists and the guarded password of a real station."""

    def _get_szl_data(self, szl_id: int, szl_index: int) -> bytes | None:
        if szl_id == 0x0011:
            return _module_identification()
        if szl_id == 0x001C:
            return _component_identification()
        if (szl_id, szl_index) == (0x0131, 1):
            return _list(40, [struct.pack(">HHHII", 1, 480, 1, 187_500, 12_000_000)])
        if (szl_id, szl_index) == (0x0232, 4):
            return _list(40, [struct.pack(">HHHHHH", 4, 1, 0, 1, 1, 2)])
        if szl_id == 0x0424:
            return _operating_mode(self.cpu_state)
        return None

    def _handle_security(self, request: dict[str, Any], asked: dict[str, Any], client: tuple[str, int]) -> bytes:
        answer = bytearray(super()._handle_security(request, asked, client))
        if asked["subfunction"] == SET_PASSWORD and PASSWORD not in bytes(request["data"]["data"]):
            answer[ERROR_CODE] = WRONG_PASSWORD
        return bytes(answer)


def _programme() -> bytearray:
    steps = b"".join(struct.pack(">HHf", step, 30 + 5 * step, 4.5 + step / 8) for step in range(75))
    return bytearray(steps)


def _process(second: int) -> bytes:
    head = 1.8 + 0.2 * math.sin(second / 7)
    return struct.pack(">ffffHH", head, 12.5 + second % 3 / 4, 0.21, 7.4, second % 4, second & 0xFFFF)


def serve(_: Story) -> None:
    """Be the sand filters' controller until killed; in STOP its values stand still."""
    server = SandFilters(log=False)
    values = bytearray(_process(0).ljust(64, b"\x00"))
    server.register_area(SrvArea.DB, VALUES, values)
    server.register_area(
        SrvArea.DB, SET_POINTS, bytearray(struct.pack(">ffffHH", 1.9, 12.0, 0.2, 7.5, 4, 0).ljust(32, b"\x00"))
    )
    server.register_area(SrvArea.DB, PROGRAMME, _programme())
    for area in (SrvArea.PE, SrvArea.PA, SrvArea.MK):
        server.register_area(area, 0, bytearray(16))
    server.start(S7_PORT)
    second = 0
    while True:
        if server.cpu_state == CPUState.RUN:
            second += 1
            values[:20] = _process(second)
        time.sleep(1)
