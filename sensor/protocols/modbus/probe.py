"""How Modbus is recognised on any port, and its two protocols: with MBAP headers, and RTU frames over TCP.

Messaging on TCP/IP V1.0b 3.1.3; Serial Line V1.02 2.5.1. The rule it lives by: every length must agree with every
other, for "two zero bytes" is how many protocols begin.
"""

from typing import Final

from mypy_extensions import i64

from sensor.contract import MORE, NO, YES, Dissector, Protocol
from sensor.protocols.modbus.dissector import ModbusDissector
from sensor.protocols.modbus.wire import (
    LENGTH_AT,
    LONGEST,
    LONGEST_TOLERATED,
    PROTOCOL_AT,
    RTU_LONGEST,
    SHORTEST,
    UNIT_AT,
    UNKNOWN,
    is_whole,
    request_length,
    response_length,
    rtu_length,
    word,
)

PORT: Final = 502
LAST_EXCEPTION: Final = 11
LAST_SERIAL_UNIT: Final = 247  # Serial Line 2.2


class ModbusTcp(Protocol):
    """Modbus with an MBAP header, over TCP or UDP."""

    def __init__(self) -> None:
        super().__init__("modbus", ("tcp", "udp"), (PORT,))

    def probe(self, data: bytes, start: i64, end: i64, direction: i64) -> i64:  # noqa: ARG002 - the contract's
        """Say YES to one whole ADU whose function and lengths agree, or that fills the data to the byte."""
        return probe_tcp(data, start, end)

    def dissector(self) -> Dissector:
        """Return a dissector for MBAP framing."""
        return ModbusDissector()


class ModbusRtu(Protocol):
    """Modbus as on a serial line, carried over TCP by a transparent gateway."""

    def __init__(self) -> None:
        super().__init__("modbus_rtu", ("tcp",), (PORT,))

    def probe(self, data: bytes, start: i64, end: i64, direction: i64) -> i64:  # noqa: ARG002 - the contract's
        """Say YES to one whole frame of a public function whose CRC fits."""
        return probe_rtu(data, start, end)

    def dissector(self) -> Dissector:
        """Return a dissector for RTU framing; its messages and exchanges are called "modbus" too."""
        return ModbusDissector(is_rtu=True)


def probe_tcp(data: bytes, start: i64, end: i64) -> i64:
    """Judge the first ADU, and the beginning of a second when there is one."""
    left = end - start
    if not _is_header(data, start, end):
        return NO
    if left <= UNIT_AT + 1:
        return MORE
    at = start + UNIT_AT + 1
    length = word(data, start + LENGTH_AT)
    whole = UNIT_AT + length
    if left < whole:
        return MORE
    if left > whole and not _is_header(data, start + whole, end):
        return NO
    function: i64 = data[at]
    if is_whole(data, at, start + whole) and (function != 90 or data[at + 2] != 0):
        return YES
    # A scan of functions may begin with one nobody knows: then the data must be this one ADU and nothing else.
    is_likely = function < 0x80 or (length > SHORTEST and 1 <= data[at + 1] <= LAST_EXCEPTION)
    return YES if left == whole and is_likely else NO


def _is_header(data: bytes, start: i64, end: i64) -> bool:
    """Tell whether nothing that is there contradicts an MBAP header."""
    left = end - start
    for zero_at in range(PROTOCOL_AT, min(PROTOCOL_AT + 2, left)):
        if data[start + zero_at] != 0:
            return False
    if left <= LENGTH_AT + 1:
        return left <= LENGTH_AT or data[start + LENGTH_AT] <= LONGEST_TOLERATED >> 8
    length = word(data, start + LENGTH_AT)
    if length < SHORTEST or length > LONGEST_TOLERATED:
        return False
    return length <= LONGEST or left <= UNIT_AT + 1 or data[start + UNIT_AT + 1] == 90


def probe_rtu(data: bytes, start: i64, end: i64) -> i64:
    """Judge the first RTU frame."""
    left = end - start
    if left > 0 and data[start] > LAST_SERIAL_UNIT:
        return NO
    if left < 2:
        return MORE
    if request_length(data, start + 1, end) == UNKNOWN and response_length(data, start + 1, end) == UNKNOWN:
        return NO
    length = rtu_length(data, start, end)
    if length > 0:
        return YES
    return MORE if length == 0 and left < RTU_LONGEST else NO
