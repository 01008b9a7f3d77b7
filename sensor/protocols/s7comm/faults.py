"""What can be wrong with a PDU, and the tables and walks that tell.

The rule it lives by: every oddity is a bit with a name; a walk ends at the first, and never reads beyond its end.
"""

from typing import Final

from mypy_extensions import i64

from sensor.protocols.s7comm.wire import (
    BLOCK,
    CPU,
    CYCLIC,
    DB_READ,
    DRIVE_ES,
    ITEM_SPECIFICATION,
    MODE_TRANSITION,
    NC,
    NCK,
    NCK_INCH,
    NCK_METRIC,
    PBC,
    PROGRAMMER,
    S7ANY,
    S7ANY_LENGTH,
    SECURITY,
    SYMBOLIC,
    TIME,
)

# What can be wrong: bits of `Outline.faults`, named in the order of FAULTS
TRUNCATED: Final = 1
LENGTH_MISMATCH: Final = 2
UNKNOWN_ROSCTR: Final = 4
UNKNOWN_FUNCTION: Final = 8
ITEM_COUNT_MISMATCH: Final = 16
ITEM_MALFORMED: Final = 32
UNKNOWN_AREA: Final = 64
VALUE_LENGTH_MISMATCH: Final = 128
PARAMETERS_MALFORMED: Final = 256
UNKNOWN_TYPE: Final = 512
FAULTS: Final = (
    "header_truncated",
    "length_mismatch",
    "unknown_rosctr",
    "unknown_function",
    "item_count_mismatch",
    "item_malformed",
    "unknown_area",
    "value_length_mismatch",
    "parameters_malformed",
    "unknown_userdata_type",
)

# Subfunctions known in each function group of user data, a bit for each number
KNOWN_PROGRAMMER: Final = 0x4FFFFE  # 1-19, 22
KNOWN_CYCLIC: Final = 0x1B2  # 1, 4, 5, 7, 8
KNOWN_BLOCK: Final = 0xE  # 1-3
KNOWN_CPU: Final = 0x4E7BEE  # 1-3, 5-9, 11-14, 17-19, 22
KNOWN_SECURITY: Final = 0x6  # 1-2
KNOWN_TIME: Final = 0x1E  # 1-4
KNOWN_NC: Final = 0x1DE  # 1-4, 6-8


def known_subfunction(group: i64, subfunction: i64) -> bool:
    """Tell whether a subfunction of user data has a name."""
    if group in (PBC, MODE_TRANSITION):
        return True  # PBC carries its R_ID there; a mode transition the mode
    if subfunction > 31:
        return False
    bit: i64 = 1 << subfunction
    known: i64 = 0
    if group == CPU:
        known = KNOWN_CPU
    elif group == CYCLIC:
        known = KNOWN_CYCLIC
    elif group == PROGRAMMER:
        known = KNOWN_PROGRAMMER
    elif group == BLOCK:
        known = KNOWN_BLOCK
    elif group == TIME:
        known = KNOWN_TIME
    elif group == SECURITY:
        known = KNOWN_SECURITY
    elif group == NC:
        known = KNOWN_NC
    return known & bit != 0


def known_area(area: i64) -> bool:
    """Tell whether an area of S7ANY has a name."""
    return 0x80 <= area <= 0x87 or 0x1C <= area <= 0x1F or area in (0x01, 0x03, 0x05, 0x06, 0x07)


def item_faults(data: bytes, at: i64, end: i64, count: i64) -> i64:
    """Walk `count` address items, which must end at `end`; an item of odd length is filled up, but for the last."""
    for number in range(count):
        if at + 3 > end:
            return ITEM_COUNT_MISMATCH
        size: i64 = data[at + 1]
        if data[at] != ITEM_SPECIFICATION or size == 0:
            return ITEM_MALFORMED
        following: i64 = at + 2 + size
        if following > end:
            return ITEM_COUNT_MISMATCH
        syntax: i64 = data[at + 2]
        if syntax == S7ANY:
            if size != S7ANY_LENGTH:
                return ITEM_MALFORMED
            if not known_area(data[at + 8]):
                return UNKNOWN_AREA
        elif not special_item(data, at, size, syntax):
            return ITEM_MALFORMED
        at = following
        if size & 1 and number < count - 1:
            at += 1
    return 0 if at == end else ITEM_COUNT_MISMATCH


def special_item(data: bytes, at: i64, size: i64, syntax: i64) -> bool:
    """Tell whether an item of another syntax has the length it must have."""
    if syntax == DB_READ:
        areas: i64 = data[at + 3] if size >= 2 else 0
        return size == 2 + 5 * areas
    if syntax == SYMBOLIC:
        return size >= 10 and (size - 10) & 3 == 0
    if syntax in (NCK, NCK_METRIC, NCK_INCH):
        return size == 8
    return syntax == DRIVE_ES and size == 10
