"""What can be wrong with a DNP3 message, one bit each, and the checks of its headers.

The rule it lives by: glance and dissect ask the same functions, so that a message with an anomaly is always looked at.
"""

from typing import Final

from mypy_extensions import i64

from sensor.protocols.dnp3.wire import (
    APP_FINAL,
    APP_FIRST,
    APP_UNSOLICITED,
    DIR,
    FUNCTION,
    MIN_LENGTH,
    PRM,
)

BAD_BLOCK: Final = 1 << 0
BAD_LINK_FUNCTION: Final = 1 << 1
BAD_LINK_DATA: Final = 1 << 2
BROKEN: Final = 1 << 3
UNFINISHED: Final = 1 << 4
NO_HEADER: Final = 1 << 5
BAD_CONTROL: Final = 1 << 6
BAD_FUNCTION: Final = 1 << 7
BAD_DIRECTION: Final = 1 << 8
BAD_IIN: Final = 1 << 9
BAD_SEQUENCE: Final = 1 << 10
UNKNOWN_OBJECT: Final = 1 << 11
BAD_QUALIFIER: Final = 1 << 12
BAD_RANGE: Final = 1 << 13
TRUNCATED: Final = 1 << 14
TRAILING: Final = 1 << 15
MANY_HEADERS: Final = 1 << 16
MANY_POINTS: Final = 1 << 17
BAD_CONTROL_CODE: Final = 1 << 18
NAMES: Final = (
    "bad_data_checksum",
    "reserved_link_function",
    "link_data_mismatch",
    "transport_sequence_break",
    "unfinished_fragment",
    "application_header_truncated",
    "bad_application_control",
    "reserved_function",
    "direction_mismatch",
    "reserved_iin",
    "fragment_sequence_break",
    "unknown_object",
    "qualifier_not_allowed",
    "reversed_range",
    "objects_truncated",
    "trailing_bytes",
    "too_many_headers",
    "too_many_points",
    "reserved_control_code",
)

CONFIRM: Final = 0
LAST_REQUEST: Final = 33
RESPONSE: Final = 129
UNSOLICITED_RESPONSE: Final = 130
AUTHENTICATE_RESPONSE: Final = 131
KNOWN_FUNCTION: Final = bytes([code <= LAST_REQUEST or 129 <= code <= 131 for code in range(256)])
RESERVED_IIN: Final = 0xC000
_PRIMARY: Final = (0, 1, 2, 3, 4, 9)
_SECONDARY: Final = (0, 1, 11, 14, 15)
# By the low five bits of the control octet (PRM above them shifted down): whether the function is one
LINK_FUNCTION: Final = bytes([code in _SECONDARY for code in range(16)] + [code in _PRIMARY for code in range(16)])


def carries_user_data(control: i64) -> bool:
    """Return whether a link frame with this control octet is one of user data (clause 9.2.4.1)."""
    return control & PRM != 0 and 3 <= control & FUNCTION <= 4


def link_problems(control: i64, length: i64) -> i64:
    """Return what is wrong with a link header that has a good CRC."""
    problems: i64 = 0
    if not LINK_FUNCTION[(control & FUNCTION) | (16 if control & PRM else 0)]:
        problems |= BAD_LINK_FUNCTION
    elif carries_user_data(control) != (length > MIN_LENGTH):
        problems |= BAD_LINK_DATA
    return problems


def request_problems(link_control: i64, control: i64, function: i64) -> i64:
    """Return what is wrong with the application header of a request (clause 4.2.2)."""
    problems: i64 = 0 if link_control & DIR else BAD_DIRECTION
    # A request is one fragment and asks for no confirmation; only a confirmation may be of something unsolicited
    expected = APP_FIRST | APP_FINAL
    if control & 0xF0 & ~(APP_UNSOLICITED if function == CONFIRM else 0) != expected:
        problems |= BAD_CONTROL
    if not KNOWN_FUNCTION[function]:
        problems |= BAD_FUNCTION
    return problems


def response_problems(link_control: i64, control: i64, function: i64, iin: i64) -> i64:
    """Return what is wrong with the application header of a response (clause 4.2.2)."""
    problems: i64 = BAD_DIRECTION if link_control & DIR else 0
    if iin & RESERVED_IIN:
        problems |= BAD_IIN
    if function == UNSOLICITED_RESPONSE:
        if control & (APP_FIRST | APP_FINAL | APP_UNSOLICITED) != APP_FIRST | APP_FINAL | APP_UNSOLICITED:
            problems |= BAD_CONTROL
    elif control & APP_UNSOLICITED:
        problems |= BAD_CONTROL
    if not KNOWN_FUNCTION[function]:
        problems |= BAD_FUNCTION
    return problems


def problem_names(problems: i64) -> list[str]:
    """Name the bits that are set, as anomalies."""
    return [name for bit, name in enumerate(NAMES) if problems >> bit & 1]
