"""Functions 20 and 21: records of files, in several sub-requests of one message.

Application Protocol V1.1b3, 6.14 and 6.15. The rule it lives by: every group of fields is bounded by the byte count
and by the bytes that are there.
"""

from typing import Final

from mypy_extensions import i64

from sensor.contract import Target
from sensor.protocols.modbus.message import ModbusMessage
from sensor.protocols.modbus.wire import octet_or_absent, word

GROUP: Final = 7  # reference type, file, record, length
REFERENCE_TYPE: Final = 6
LAST_RECORD: Final = 9999


def read_file_request(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    """Read the groups of a request; those of function 21, which its response repeats, carry values."""
    message.byte_count = octet_or_absent(data, at + 1, end)
    end = min(end, at + 2 + max(message.byte_count, 0))
    here = at + 2
    if here >= end:
        message.note("quantity_out_of_range")
    while here + GROUP <= end:
        length = _group(message, data, here)
        here += GROUP
        if message.function_code == 21:
            values_end = here + 2 * length
            _take_values(message.write_values, data, here, min(end, values_end))
            here = values_end
    if here != end:
        message.note("byte_count_mismatch")


def read_file_response(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    """Read the groups of a response to function 20: length, reference type, values."""
    message.byte_count = octet_or_absent(data, at + 1, end)
    end = min(end, at + 2 + max(message.byte_count, 0))
    here = at + 2
    while here + 2 <= end:
        group_end = here + 1 + i64(data[here])
        if data[here + 1] != REFERENCE_TYPE:
            message.note("bad_reference_type")
        if group_end > end or group_end < here + 2 or (group_end - here) % 2 == 1:
            message.note("byte_count_mismatch")
        _take_values(message.values, data, here + 2, min(end, group_end))
        here = max(group_end, here + 2)
    if here != end:
        message.note("byte_count_mismatch")


def _group(message: ModbusMessage, data: bytes, here: i64) -> i64:
    """Read one group's file, record and length; return the length in registers."""
    file, record, length = word(data, here + 1), word(data, here + 3), word(data, here + 5)
    message.file_numbers.append(int(file))
    message.record_numbers.append(int(record))
    message.record_lengths.append(int(length))
    message.targets.append(Target(f"file {file}", record, min(record + max(length, 1) - 1, 65_535)))
    if data[here] != REFERENCE_TYPE:
        message.note("bad_reference_type")
    if file == 0 or record > LAST_RECORD:
        message.note("record_out_of_range")
    if length == 0:
        message.note("quantity_out_of_range")
    return length


def _take_values(values: list[int], data: bytes, here: i64, end: i64) -> None:
    while here + 2 <= end:
        values.append(int(word(data, here)))
        here += 2
