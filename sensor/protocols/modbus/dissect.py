"""Read one PDU, request or response, into a ModbusMessage: which function, which addresses, which values.

Application Protocol V1.1b3, chapters 6 and 7. The rule it lives by: what is legible is taken, what is wrong is noted.

`asked` is the PDU of the request that a response answers, b"" when it is not known.
"""

from mypy_extensions import i64

from sensor.protocols.modbus import names
from sensor.protocols.modbus.checks import check_echo, check_function, check_size
from sensor.protocols.modbus.diagnostics import read_diagnostic, read_event_counter, read_event_log
from sensor.protocols.modbus.files import read_file_request, read_file_response
from sensor.protocols.modbus.identification import read_interface_request, read_interface_response, read_server_id
from sensor.protocols.modbus.message import MAX_DATA, ModbusMessage
from sensor.protocols.modbus.points import (
    read_answer,
    read_both,
    read_fifo_answer,
    read_fifo_question,
    read_mask,
    read_multiple,
    read_question,
    read_single,
    read_written,
)
from sensor.protocols.modbus.umas import read_umas_request, read_umas_response
from sensor.protocols.modbus.wire import octet_or_absent, request_length, response_length, word_or_absent


def read_request(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    """Read the request `data[at:end]`."""
    function: i64 = data[at]
    message.function_code = function
    name_operation(message, data, at, end)
    check_function(message, function)
    counts = function in (15, 16, 20, 21, 23)
    check_size(message, end - at, request_length(data, at, end), counts)
    if 1 <= function <= 4:
        read_question(message, data, at, end)
    elif function in (5, 6):
        read_single(message, data, at, end)
    elif function in (15, 16):
        read_multiple(message, data, at, end)
    elif function == 22:
        read_mask(message, data, at, end)
    elif function == 23:
        read_both(message, data, at, end)
    elif function == 24:
        read_fifo_question(message, data, at, end)
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
        read_answer(message, data, at, end, asked)
    elif function in (5, 6):
        read_single(message, data, at, end)
        check_echo(message, data, at, end, asked, 5)
    elif function in (15, 16):
        read_written(message, data, at, end)
        check_echo(message, data, at, end, asked, 5)
    elif function == 22:
        read_mask(message, data, at, end)
        check_echo(message, data, at, end, asked, 7)
    elif function == 24:
        read_fifo_answer(message, data, at, end)
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


def _exception(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    message.exception_code = octet_or_absent(data, at + 1, end)
    check_size(message, end - at, 2, False)
    if message.exception_code >= 0 and message.exception_code not in names.EXCEPTIONS:
        message.note("unknown_exception")
