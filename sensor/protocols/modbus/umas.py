"""Function 90: UMAS, the programming protocol of Schneider Electric's Modicon controllers.

Not published; read off captures of Unity Pro with a Quantum, and as others who did the same describe it. The rule it
lives by: functions are named and the identity is read; the rest stays bytes.
"""

from typing import Final

from mypy_extensions import i64

from sensor.protocols.modbus.identification import readable
from sensor.protocols.modbus.message import MAX_DATA, ModbusMessage
from sensor.protocols.modbus.wire import octet_or_absent, part

REFUSED: Final = 0xFD
DONE: Final = 0xFE
READ_ID: Final = 0x02

# Answer to READ_ID, from the function code on; numbers are little-endian
FIRMWARE_AT: Final = 11
NAME_LENGTH_AT: Final = 25

VENDOR: Final = "Schneider Electric"  # nobody else has UMAS


def read_umas_request(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    """Read session, function and the first bytes behind them."""
    message.umas_session = octet_or_absent(data, at + 1, end)
    message.umas_function_code = octet_or_absent(data, at + 2, end)
    message.data = part(data, at + 3, min(end, at + 3 + MAX_DATA))
    if message.umas_function_code < 0:
        message.note("pdu_too_short")


def read_umas_response(message: ModbusMessage, data: bytes, at: i64, end: i64, asked: bytes) -> None:
    """Read session and status; the answer to READ_ID tells the controller's type and firmware."""
    message.umas_session = octet_or_absent(data, at + 1, end)
    message.umas_status = octet_or_absent(data, at + 2, end)
    message.data = part(data, at + 3, min(end, at + 3 + MAX_DATA))
    if message.umas_status < 0:
        message.note("pdu_too_short")
    elif message.umas_status == DONE and octet_or_absent(asked, 2, len(asked)) == READ_ID:
        _identity(message, data, at, end)


def _identity(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    message.objects[0] = VENDOR
    if at + FIRMWARE_AT + 2 <= end:
        message.objects[2] = f"{data[at + FIRMWARE_AT + 1]:x}.{data[at + FIRMWARE_AT]:02x}"
    first = at + NAME_LENGTH_AT + 1
    length = octet_or_absent(data, at + NAME_LENGTH_AT, end)
    if 0 < length <= end - first:
        message.objects[5] = readable(data[first : first + length])
