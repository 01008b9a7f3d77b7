"""A Modbus server by pymodbus that moves its values, and keeps silent in listen-only mode as the specification asks.

Modbus Application Protocol V1.1b3, section 6.8: after 8/4 nothing is answered until 8/1, which is not answered either.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

from pymodbus import ModbusDeviceIdentification
from pymodbus.constants import ExcCodes
from pymodbus.pdu.diag_message import ForceListenOnlyModeRequest, RestartCommunicationsOptionRequest
from pymodbus.server import ModbusTcpServer, ModbusUdpServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import DataType, SimData, SimDevice

from .modbus_framing import TCP

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modbus_framing import Framing

READ_INPUT_REGISTERS = 4


class _Connection(ServerRequestHandler):
    def server_send(self, pdu: Any, addr: tuple[Any, ...] | None) -> None:
        server, asked = self.server, self.last_pdu
        silent = server.listens_only
        if isinstance(asked, ForceListenOnlyModeRequest):
            server.listens_only = silent = True
        elif isinstance(asked, RestartCommunicationsOptionRequest):
            server.listens_only = False
        if not silent:
            super().server_send(pdu, addr)


class _Listening:
    listens_only = False

    def callback_new_connection(self) -> _Connection:
        return _Connection(self, self.trace_packet, self.trace_pdu, self.trace_connect)


class _StreamServer(_Listening, ModbusTcpServer):
    pass


class _DatagramServer(_Listening, ModbusUdpServer):
    pass


def device(unit: int, coils: int, inputs: int, holding: list[int], measured: list[int]) -> SimDevice:
    """Return a unit with as many coils and discrete inputs, these holding and these input registers.

    The last holding register is read-only, as serial numbers are.
    """
    last = len(holding) - 1
    return SimDevice(
        id=unit,
        simdata=(
            [SimData(0, count=coils, values=False, datatype=DataType.BITS)],
            [SimData(0, count=inputs, values=True, datatype=DataType.BITS)],
            [
                SimData(0, values=holding[:last], datatype=DataType.UINT16),
                SimData(last, values=holding[last], datatype=DataType.UINT16, readonly=True),
            ],
            [SimData(0, values=measured, datatype=DataType.UINT16)],
        ),
    )


async def _nobody(*_: Any) -> ExcCodes:
    return ExcCodes.GATEWAY_NO_RESPONSE


def dead_line() -> SimDevice:
    """Return what a gateway answers for every unit that is not there: exception 0x0B."""
    bits = [SimData(0, values=[False] * 65_536, datatype=DataType.BITS)]
    registers = [SimData(0, values=[0] * 65_536, datatype=DataType.UINT16)]
    return SimDevice(id=0, simdata=(bits, list(bits), registers, list(registers)), action=_nobody)


async def _serve(
    devices: list[SimDevice], identity: dict[int, str], units: list[int], values: Callable[..., Any], framing: Framing
) -> None:
    kind = _DatagramServer if framing.udp else _StreamServer
    named = ModbusDeviceIdentification(info=identity)
    server = kind(devices, address=("0.0.0.0", framing.port), identity=named, framer=framing.framer)
    await server.serve_forever(background=True)
    for second in itertools.count():
        for unit in units:
            await server.async_setValues(unit, READ_INPUT_REGISTERS, 0, values(unit, second))
        await asyncio.sleep(1)


def serve(
    devices: list[SimDevice],
    identity: dict[int, str],
    units: list[int],
    values: Callable[..., Any],
    framing: Framing = TCP,
) -> None:
    """Serve for ever; `values(unit, second)` gives the input registers from 0 as time goes on."""
    asyncio.run(_serve(devices, identity, units, values, framing))
