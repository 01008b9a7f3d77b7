"""Functions 1 to 6, 15, 16 and 22 to 24: coils, inputs and registers, read and written.

Application Protocol V1.1b3, 6.1 to 6.6, 6.11, 6.12, 6.16 to 6.18. The rule it lives by: values are taken as far as
both the byte count and the bytes reach.
"""

from typing import Final

from mypy_extensions import i64

from sensor.protocols.modbus import names
from sensor.protocols.modbus.checks import check_range
from sensor.protocols.modbus.message import ModbusMessage, span
from sensor.protocols.modbus.wire import octet_or_absent, word, word_or_absent

COIL_ON: Final = 0xFF00

# Most addresses one request may name (6.1 to 6.4, 6.11, 6.12, 6.17)
MAX_READ_BITS: Final = 2000
MAX_READ_WORDS: Final = 125
MAX_WRITE_BITS: Final = 1968
MAX_WRITE_WORDS: Final = 123
MAX_WRITE_WORDS_23: Final = 121
MAX_FIFO: Final = 31


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


def read_question(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    """Read the question of functions 1 to 4."""
    message.address = word_or_absent(data, at + 1, end)
    message.quantity = word_or_absent(data, at + 3, end)
    if message.quantity >= 0:
        most = MAX_READ_BITS if message.function_code <= 2 else MAX_READ_WORDS
        check_range(message, message.address, message.quantity, most)
        _aim(message, message.address, message.quantity)


def read_answer(message: ModbusMessage, data: bytes, at: i64, end: i64, asked: bytes) -> None:
    """Read the answer of functions 1 to 4 and 23: a byte count, the values; bits beyond the quantity are padding."""
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


def read_single(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    """Read functions 5 and 6, whose response repeats the request."""
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


def read_written(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    """Read what request and response of functions 15 and 16 share: address and quantity."""
    message.address = word_or_absent(data, at + 1, end)
    message.quantity = word_or_absent(data, at + 3, end)
    if message.quantity >= 0:
        most = MAX_WRITE_BITS if message.function_code == 15 else MAX_WRITE_WORDS
        check_range(message, message.address, message.quantity, most)
        _aim(message, message.address, message.quantity)


def read_multiple(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    """Read the request of functions 15 and 16."""
    read_written(message, data, at, end)
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


def read_mask(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    """Read function 22, whose response repeats the request."""
    message.address = word_or_absent(data, at + 1, end)
    message.and_mask = word_or_absent(data, at + 3, end)
    message.or_mask = word_or_absent(data, at + 5, end)
    if message.address >= 0:
        _aim(message, message.address, 1)


def read_both(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    """Read the request of function 23: the range to read, then the one that is written before the reading."""
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


def read_fifo_question(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    """Read the question of function 24."""
    message.address = word_or_absent(data, at + 1, end)
    if message.address >= 0:
        _aim(message, message.address, 1)


def read_fifo_answer(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    """Read the answer of function 24, whose byte count has two bytes and includes the register count (6.18)."""
    message.byte_count = word_or_absent(data, at + 1, end)
    message.fifo_count = word_or_absent(data, at + 3, end)
    if message.fifo_count < 0:
        return
    if message.fifo_count > MAX_FIFO:
        message.note("quantity_out_of_range")
    if message.byte_count != 2 + 2 * message.fifo_count:
        message.note("byte_count_mismatch")
    message.values = words(data, at + 5, min(end, at + 5 + 2 * message.fifo_count))


def _aim(message: ModbusMessage, address: i64, quantity: i64) -> None:
    message.targets.append(span(names.SPACES[message.function_code], address, quantity))
