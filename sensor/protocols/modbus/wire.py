"""Where Modbus's bytes lie: offsets, frame lengths, the serial line's CRC.

Application Protocol V1.1b3 chapter 6, Messaging on TCP/IP V1.0b 3.1.3, Serial Line V1.02 2.5.1.
The rule it lives by: a length is computed from bytes that are there, or said to be unknown; none is trusted to slice.

A PDU is given as `(data, at, end)`: `at` is the offset of its function code.
"""

from typing import Final

from librt.strings import read_i16_be
from mypy_extensions import i64

# MBAP header: transaction, protocol, length (of what follows), unit
PROTOCOL_AT: Final = 2
LENGTH_AT: Final = 4
UNIT_AT: Final = 6
SHORTEST: Final = 2  # unit and function
LONGEST: Final = 254  # a PDU is 253 bytes at most, and the unit
LONGEST_TOLERATED: Final = 1460  # UMAS negotiates over 1,000; one segment's worth, so a lie delays little
RTU_SHORTEST: Final = 4
RTU_LONGEST: Final = 256  # Serial Line 2.5.1

MORE_NEEDED: Final = 0
UNKNOWN: Final = -1

# What the structure of a PDU tells of its side
EITHER: Final = 0
REQUEST: Final = 1
RESPONSE: Final = 2


def word(data: bytes, at: i64) -> i64:
    """Return the unsigned 16-bit number at `at`; out of range raises IndexError."""
    return i64(read_i16_be(data, at)) & 0xFFFF


def octet_or_absent(data: bytes, at: i64, end: i64) -> i64:
    """Return the byte at `at`, -1 where it lies beyond `end`."""
    return data[at] if at < end else -1


def word_or_absent(data: bytes, at: i64, end: i64) -> i64:
    """Return the 16-bit number at `at`, -1 where it reaches beyond `end`."""
    return word(data, at) if at + 2 <= end else -1


def part(data: bytes, start: i64, end: i64) -> bytes:
    """Return `data[start:end]`, empty where it ends before it begins: compiled, such a slice raises SystemError."""
    return data[start:end] if start < end else b""


def counted(data: bytes, at: i64, count_at: i64, end: i64) -> i64:
    """Return the length of a PDU whose last fixed byte, at `count_at`, counts the bytes behind it."""
    return count_at - at + 1 + data[count_at] if count_at < end else MORE_NEEDED


def request_length(data: bytes, at: i64, end: i64) -> i64:
    """Return how long this PDU is if it is a request; MORE_NEEDED, or UNKNOWN where the function does not tell."""
    function: i64 = data[at]
    if 1 <= function <= 6:
        return 5
    if function == 8:
        return diagnostic_length(data, at, end)
    if function in (15, 16):
        return counted(data, at, at + 5, end)
    if function in (7, 11, 12, 17):
        return 1
    if function in (20, 21):
        return counted(data, at, at + 1, end)
    if function == 22:
        return 7
    if function == 23:
        return counted(data, at, at + 9, end)
    if function == 24:
        return 3
    if function == 43:
        if at + 1 >= end:
            return MORE_NEEDED
        return 4 if data[at + 1] == 14 else UNKNOWN
    return UNKNOWN


def response_length(data: bytes, at: i64, end: i64) -> i64:
    """Return how long this PDU is if it is a response; MORE_NEEDED, or UNKNOWN where the function does not tell."""
    function: i64 = data[at]
    if function >= 0x80:
        return 2
    if 1 <= function <= 4 or function in (23, 12, 17, 20, 21):
        return counted(data, at, at + 1, end)
    if function in (5, 6, 15, 16, 11):
        return 5
    if function == 7:
        return 2
    if function == 8:
        return diagnostic_length(data, at, end)
    if function == 22:
        return 7
    if function == 24:
        return 3 + word(data, at + 1) if at + 3 <= end else MORE_NEEDED
    if function == 43:
        return interface_response_length(data, at, end)
    return UNKNOWN


def diagnostic_length(data: bytes, at: i64, end: i64) -> i64:
    """Return 5, but for Return Query Data, which may carry any number of words (6.8.1)."""
    if at + 3 > end:
        return MORE_NEEDED
    return UNKNOWN if word(data, at + 1) == 0 else 5


def interface_response_length(data: bytes, at: i64, end: i64) -> i64:
    """Walk the objects of a Read Device Identification response (6.21): id, length, value."""
    if at + 1 >= end:
        return MORE_NEEDED
    if data[at + 1] != 14:
        return UNKNOWN
    if at + 7 > end:
        return MORE_NEEDED
    left: i64 = data[at + 6]
    here = at + 7
    while left > 0:
        if here + 2 > end:
            return MORE_NEEDED
        here += 2 + i64(data[here + 1])
        left -= 1
    return here - at


def side(data: bytes, at: i64, end: i64) -> i64:
    """Tell by its structure whether the PDU `data[at:end]` can only be a request, only a response, or either."""
    function: i64 = data[at]
    if function >= 0x80:
        return RESPONSE
    if function == 90:
        if at + 2 >= end:
            return EITHER
        return RESPONSE if data[at + 2] >= 0xFD else REQUEST
    asks = request_length(data, at, end) == end - at
    if asks == (response_length(data, at, end) == end - at):
        return EITHER
    return REQUEST if asks else RESPONSE


def is_whole(data: bytes, at: i64, end: i64) -> bool:
    """Tell whether `data[at:end]` is exactly one PDU of a public function, or one of UMAS."""
    function: i64 = data[at]
    size = end - at
    if function == 90:
        return size >= 3
    asks = request_length(data, at, end)
    answers = response_length(data, at, end)
    if function == 8 and asks == UNKNOWN:
        return size >= 5 and size % 2 == 1
    if function == 43 and asks == UNKNOWN:
        return size >= 2 and data[at + 1] == 13
    return size in (asks, answers)


def _crc_table() -> bytes:
    table = bytearray()
    for value in range(256):
        crc = value
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
        table += crc.to_bytes(2, "big")
    return bytes(table)


CRC_TABLE: Final = _crc_table()


def crc(data: bytes, start: i64, end: i64) -> i64:
    """Return the CRC-16 of the serial line over `data[start:end]` (Serial Line 2.5.1.2)."""
    table = CRC_TABLE
    value: i64 = 0xFFFF
    for at in range(start, end):
        value = (value >> 8) ^ word(table, 2 * ((value ^ i64(data[at])) & 0xFF))
    return value


def crc_fits(data: bytes, start: i64, length: i64) -> bool:
    """Tell whether the last two of these bytes, low one first, are the CRC of those before."""
    end = start + length - 2
    return crc(data, start, end) == i64(data[end]) | i64(data[end + 1]) << 8


def rtu_length(data: bytes, start: i64, end: i64) -> i64:
    """Return the length of the RTU frame at `start`, of whichever side; MORE_NEEDED; UNKNOWN when no CRC fits.

    Tried are the lengths its function gives to a request and to a response, the shorter first.
    """
    if end - start < RTU_SHORTEST:
        return MORE_NEEDED
    asks = request_length(data, start + 1, end)
    answers = response_length(data, start + 1, end)
    if asks == UNKNOWN and answers == UNKNOWN:
        return _scanned(data, start, end)
    wait = False
    for length in (min(asks, answers), max(asks, answers)):
        if length == UNKNOWN or length + 3 > RTU_LONGEST:
            continue
        if length == MORE_NEEDED or start + length + 3 > end:
            wait = True
        elif crc_fits(data, start, length + 3):
            return length + 3
    return MORE_NEEDED if wait else UNKNOWN


def _scanned(data: bytes, start: i64, end: i64) -> i64:
    """Find the end of a frame whose function says nothing of its length: where the CRC fits first."""
    table = CRC_TABLE
    value: i64 = 0xFFFF
    last = min(end, start + RTU_LONGEST) - 2
    for at in range(start, last):
        value = (value >> 8) ^ word(table, 2 * ((value ^ i64(data[at])) & 0xFF))
        if at > start and value == i64(data[at + 1]) | i64(data[at + 2]) << 8:
            return at + 3 - start
    return UNKNOWN if end - start >= RTU_LONGEST else MORE_NEEDED
