"""What the specification allows, checked in every function alike.

Application Protocol V1.1b3, chapters 4 to 6. The rule it lives by: what is wrong is noted, and read on.
"""

from typing import Final

from mypy_extensions import i64

from sensor.protocols.modbus import names
from sensor.protocols.modbus.message import ModbusMessage
from sensor.protocols.modbus.wire import MORE_NEEDED, UNKNOWN

ADDRESSES: Final = 65_536


def check_function(message: ModbusMessage, function: i64) -> None:
    """Note a function code that nobody should use."""
    kind = names.function_class(function)
    if kind == "unassigned":
        message.note("unassigned_function")
    elif kind == "invalid" or (kind == "reserved" and function != 90):
        message.note("reserved_function")


def check_size(message: ModbusMessage, size: i64, expected: i64, counts: bool) -> None:
    """Note a PDU whose size is not what its function, or its own byte count, says."""
    if expected in (size, UNKNOWN):
        return
    if expected == MORE_NEEDED:
        message.note("pdu_too_short")
    elif counts:
        message.note("byte_count_mismatch")
    else:
        message.note("pdu_too_short" if size < expected else "pdu_too_long")


def check_range(message: ModbusMessage, address: i64, quantity: i64, most: i64) -> None:
    """Note a quantity or a range the specification does not allow."""
    if quantity < 1 or quantity > most:
        message.note("quantity_out_of_range")
    if address + quantity > ADDRESSES:
        message.note("address_overflow")


def check_echo(message: ModbusMessage, data: bytes, at: i64, end: i64, asked: bytes, size: i64) -> None:
    """Note a response whose first `size` bytes are not those of the request."""
    if asked and data[at : min(end, at + size)] != asked[:size]:
        message.note("echo_mismatch")
