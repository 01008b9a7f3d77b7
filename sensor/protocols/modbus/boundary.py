"""Where an ADU may begin after bytes were lost or could not be read.

Messaging on TCP/IP V1.0b 3.1.3; Serial Line V1.02 2.5.1. The rule it lives by: a place is believed until bytes that
are there contradict it, so that cutting a stream elsewhere changes nothing.
"""

from mypy_extensions import i64

from sensor.protocols.modbus.wire import (
    LENGTH_AT,
    LONGEST,
    LONGEST_TOLERATED,
    MORE_NEEDED,
    PROTOCOL_AT,
    SHORTEST,
    UNIT_AT,
    is_whole,
    request_length,
    response_length,
    rtu_length,
    word,
)


def may_begin_tcp(data: bytes, here: i64, end: i64) -> bool:
    """Tell whether nothing that is there contradicts an ADU of a public function at `here`."""
    left = end - here
    if (left > PROTOCOL_AT and data[here + PROTOCOL_AT] != 0) or (left > 3 and data[here + 3] != 0):
        return False
    if left <= UNIT_AT + 1:
        return left <= LENGTH_AT or data[here + LENGTH_AT] <= LONGEST_TOLERATED >> 8
    length = word(data, here + LENGTH_AT)
    at = here + UNIT_AT + 1
    if length < SHORTEST or length > LONGEST_TOLERATED or (length > LONGEST and data[at] != 90):
        return False
    if length <= left - UNIT_AT:
        return is_whole(data, at, at - 1 + length)
    size = length - 1
    asks = request_length(data, at, end)
    answers = response_length(data, at, end)
    return asks in (size, MORE_NEEDED) or answers in (size, MORE_NEEDED) or _is_open(data, at)


def _is_open(data: bytes, at: i64) -> bool:
    """Tell whether a function leaves its length open: UMAS, query data, other encapsulated interfaces."""
    return data[at] in (8, 43, 90)


def may_begin_rtu(data: bytes, here: i64, end: i64) -> bool:
    """Tell whether a frame of a function that tells its length may begin at `here`."""
    if end - here < 2:
        return True
    asks = request_length(data, here + 1, end)
    answers = response_length(data, here + 1, end)
    return (asks >= 0 or answers >= 0) and rtu_length(data, here, end) >= 0
