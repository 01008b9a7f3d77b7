"""Read one PDU, request or response, into a ModbusMessage: which function, which addresses, which values.

Application Protocol V1.1b3, chapters 6 and 7. The rule it lives by: what is legible is taken, what is wrong is noted.

`asked` is the PDU of the request that a response answers, b"" when it is not known.
"""

from typing import Final

from mypy_extensions import i64

from sensor.protocols.modbus import names
from sensor.protocols.modbus.diagnostics import read_diagnostic, read_event_counter, read_event_log
from sensor.protocols.modbus.files import read_file_request, read_file_response
from sensor.protocols.modbus.identification import read_interface_request, read_interface_response, read_server_id
from sensor.protocols.modbus.message import MAX_DATA, ModbusMessage, span
from sensor.protocols.modbus.umas import read_umas_request, read_umas_response
from sensor.protocols.modbus.wire import (
    MORE_NEEDED,
    UNKNOWN,
    octet_or_absent,
    request_length,
    response_length,
    word,
    word_or_absent,
)

ADDRESSES: Final = 65_536
COIL_ON: Final = 0xFF00

# Most addresses one request may name (6.1 to 6.4, 6.11, 6.12, 6.17)
MAX_READ_BITS: Final = 2000
MAX_READ_WORDS: Final = 125
MAX_WRITE_BITS: Final = 1968
MAX_WRITE_WORDS: Final = 123
MAX_WRITE_WORDS_23: Final = 121
MAX_FIFO: Final = 31


def read_request(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    """Read the request `data[at:end]`."""
    function: i64 = data[at]
    message.function_code = function
    name_operation(message, data, at, end)
    check_function(message, function)
    counts = function in (15, 16, 20, 21, 23)
    check_size(message, end - at, request_length(data, at, end), counts)
    if 1 <= function <= 4:
        _read_question(message, data, at, end)
    elif function in (5, 6):
        _write_single(message, data, at, end)
    elif function in (15, 16):
        _write_multiple(message, data, at, end)
    elif function == 22:
        _mask_write(message, data, at, end)
    elif function == 23:
        _read_write(message, data, at, end)
    elif function == 24:
        _fifo_question(message, data, at, end)
    elif function in (20, 21):
        read_file_request(message, data, at, end)
    elif function == 8:
        read_diagnostic(message, data, at, end)
    elif function == 43:
        read_interface_request(message, data, at, end)
    elif function == 90:
        read_umas_request(message, data, at, end)
    elif function not in (7, 11, 12, 17):
        message.data = data[at + 1 : min(end, at + 1 + MAX_DATA)]


def read_response(message: ModbusMessage, data: bytes, at: i64, end: i64, asked: bytes) -> None:
    """Read the response or exception response `data[at:end]`."""
    function: i64 = data[at] & 0x7F
    message.function_code = function
    if asked and i64(asked[0]) == function:
        name_operation(message, asked, 0, len(asked))
    else:
        asked = b""
        name_operation(message, data, at, end if data[at] < 0x80 else at + 1)
    if data[at] >= 0x80:
        _exception(message, data, at, end)
        return
    check_function(message, function)
    counts = 1 <= function <= 4 or function in (12, 17, 20, 21)
    check_size(message, end - at, response_length(data, at, end), counts or function in (23, 24))
    if 1 <= function <= 4 or function == 23:
        _read_answer(message, data, at, end, asked)
    elif function in (5, 6):
        _write_single(message, data, at, end)
        check_echo(message, data, at, end, asked, 5)
    elif function in (15, 16):
        _written(message, data, at, end)
        check_echo(message, data, at, end, asked, 5)
    elif function == 22:
        _mask_write(message, data, at, end)
        check_echo(message, data, at, end, asked, 7)
    elif function == 24:
        _fifo_answer(message, data, at, end)
    else:
        _read_other_response(message, data, at, end, asked)


def _read_other_response(message: ModbusMessage, data: bytes, at: i64, end: i64, asked: bytes) -> None:
    function = message.function_code
    if function == 7:
        message.exception_status = octet_or_absent(data, at + 1, end)
    elif function == 8:
        read_diagnostic(message, data, at, end)
        check_echo(message, data, at, end, asked, end - at if message.subfunction_code == 0 else 3)
    elif function == 11:
        read_event_counter(message, data, at, end)
    elif function == 12:
        read_event_log(message, data, at, end)
    elif function == 17:
        read_server_id(message, data, at, end)
    elif function == 20:
        read_file_response(message, data, at, end)
    elif function == 21:
        read_file_request(message, data, at, end)
        check_echo(message, data, at, end, asked, len(asked))
    elif function == 43:
        read_interface_response(message, data, at, end)
        check_echo(message, data, at, end, asked, 2)
    elif function == 90:
        read_umas_response(message, data, at, end, asked)
    else:
        message.data = data[at + 1 : min(end, at + 1 + MAX_DATA)]


def name_operation(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    """Say what is done, in the protocol's words and in the house's: by function, or by what a function nests."""
    function: i64 = data[at] & 0x7F
    message.operation = names.function(function)
    message.action = names.ACTIONS.get(function, "other")
    if function == 8:
        code = word_or_absent(data, at + 1, end)
        if code >= 0:
            message.operation = names.DIAGNOSTICS.get(code) or f"diagnostics_{code}"
            message.action = names.DIAGNOSTIC_ACTIONS.get(code, "diagnose")
    elif function == 43:
        code = octet_or_absent(data, at + 1, end)
        if code >= 0:
            message.operation = names.INTERFACES.get(code) or f"interface_{code}"
            message.action = names.INTERFACE_ACTIONS.get(code, "other")
    elif function == 90:
        code = octet_or_absent(data, at + 2, end)
        if 0 <= code < 0xFD:
            message.operation = "umas_" + (names.UMAS.get(code) or f"function_{code}")
            message.action = names.UMAS_ACTIONS.get(code, "other")


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


def bits(data: bytes, at: i64, end: i64, quantity: i64) -> list[int]:
    """Return `quantity` bits packed eight to a byte, the lowest first; fewer where bytes are missing."""
    there = min(quantity, 8 * max(end - at, 0))
    return [(data[at + (number >> 3)] >> (number & 7)) & 1 for number in range(there)]


def words(data: bytes, at: i64, end: i64) -> list[int]:
    """Return the whole 16-bit words between `at` and `end`."""
    found: list[int] = []
    while at + 2 <= end:
        found.append(int(word(data, at)))
        at += 2
    return found


def _read_question(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    message.address = word_or_absent(data, at + 1, end)
    message.quantity = word_or_absent(data, at + 3, end)
    if message.quantity >= 0:
        most = MAX_READ_BITS if message.function_code <= 2 else MAX_READ_WORDS
        check_range(message, message.address, message.quantity, most)
        _aim(message, message.address, message.quantity)


def _read_answer(message: ModbusMessage, data: bytes, at: i64, end: i64, asked: bytes) -> None:
    """Functions 1 to 4 and 23: a byte count and the values; bits beyond the quantity are padding."""
    count = octet_or_absent(data, at + 1, end)
    message.byte_count = count
    if count < 0:
        return
    quantity = word_or_absent(asked, 3, len(asked))
    is_bits = message.function_code <= 2
    if quantity >= 0:
        expected = (quantity + 7) >> 3 if is_bits else 2 * quantity
        if count != expected:
            message.note("byte_count_mismatch")
    elif count == 0 or not (is_bits or count % 2 == 0):
        message.note("byte_count_mismatch")
    end = min(end, at + 2 + count)
    if is_bits:
        message.values = bits(data, at + 2, end, quantity if quantity >= 0 else 8 * count)
    else:
        message.values = words(data, at + 2, end)


def _write_single(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    message.address = word_or_absent(data, at + 1, end)
    value = word_or_absent(data, at + 3, end)
    if message.address >= 0:
        _aim(message, message.address, 1)
    if value < 0:
        return
    if message.function_code == 5 and (value in (0, COIL_ON)):
        value = 1 if value == COIL_ON else 0
    elif message.function_code == 5:
        message.note("bad_coil_value")
    message.write_values = [int(value)]


def _written(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    """Functions 15 and 16, the part that request and response share: address and quantity."""
    message.address = word_or_absent(data, at + 1, end)
    message.quantity = word_or_absent(data, at + 3, end)
    if message.quantity >= 0:
        most = MAX_WRITE_BITS if message.function_code == 15 else MAX_WRITE_WORDS
        check_range(message, message.address, message.quantity, most)
        _aim(message, message.address, message.quantity)


def _write_multiple(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    _written(message, data, at, end)
    message.byte_count = octet_or_absent(data, at + 5, end)
    if message.byte_count < 0:
        return
    end = min(end, at + 6 + message.byte_count)
    if message.function_code == 15:
        expected = (message.quantity + 7) >> 3
        message.write_values = bits(data, at + 6, end, message.quantity)
    else:
        expected = 2 * message.quantity
        message.write_values = words(data, at + 6, end)
    if message.byte_count != expected:
        message.note("byte_count_mismatch")


def _mask_write(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    message.address = word_or_absent(data, at + 1, end)
    message.and_mask = word_or_absent(data, at + 3, end)
    message.or_mask = word_or_absent(data, at + 5, end)
    if message.address >= 0:
        _aim(message, message.address, 1)


def _read_write(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    """Function 23: first the range to read, then the one that is written before the reading."""
    message.read_address = word_or_absent(data, at + 1, end)
    message.read_quantity = word_or_absent(data, at + 3, end)
    message.write_address = word_or_absent(data, at + 5, end)
    message.write_quantity = word_or_absent(data, at + 7, end)
    message.byte_count = octet_or_absent(data, at + 9, end)
    if message.read_quantity >= 0:
        check_range(message, message.read_address, message.read_quantity, MAX_READ_WORDS)
        _aim(message, message.read_address, message.read_quantity)
    if message.write_quantity >= 0:
        check_range(message, message.write_address, message.write_quantity, MAX_WRITE_WORDS_23)
        _aim(message, message.write_address, message.write_quantity)
    if message.byte_count >= 0:
        message.write_values = words(data, at + 10, min(end, at + 10 + message.byte_count))
        if message.byte_count != 2 * message.write_quantity:
            message.note("byte_count_mismatch")


def _fifo_question(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    message.address = word_or_absent(data, at + 1, end)
    if message.address >= 0:
        _aim(message, message.address, 1)


def _fifo_answer(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    """Function 24 has a byte count of two bytes, which includes the register count behind it (6.18)."""
    message.byte_count = word_or_absent(data, at + 1, end)
    message.fifo_count = word_or_absent(data, at + 3, end)
    if message.fifo_count < 0:
        return
    if message.fifo_count > MAX_FIFO:
        message.note("quantity_out_of_range")
    if message.byte_count != 2 + 2 * message.fifo_count:
        message.note("byte_count_mismatch")
    message.values = words(data, at + 5, min(end, at + 5 + 2 * message.fifo_count))


def _exception(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    message.exception_code = octet_or_absent(data, at + 1, end)
    check_size(message, end - at, 2, False)
    if message.exception_code >= 0 and message.exception_code not in names.EXCEPTIONS:
        message.note("unknown_exception")


def _aim(message: ModbusMessage, address: i64, quantity: i64) -> None:
    message.targets.append(span(names.SPACES[message.function_code], address, quantity))
