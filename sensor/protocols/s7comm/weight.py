"""What a message weighs: whether each one of its kind must be looked at, and what makes one request like another.

The rule it lives by: a command, a program transfer, a password and a question for identity are looked at each time; a
read, a subscription and the data it brings once. A shape holds what decides operation and target, never a value, a
reference or a sequence number.
"""

from typing import Final

from mypy_extensions import i64

from sensor.protocols.s7comm.outline import Outline
from sensor.protocols.s7comm.wire import (
    BLOCK,
    CPU,
    CYCLIC,
    DOWNLOAD_BLOCK,
    DOWNLOAD_ENDED,
    JOB,
    MODE_TRANSITION,
    NC,
    PBC,
    PI_SERVICE,
    PLC_STOP,
    PROGRAMMER,
    READ_VAR,
    REQUEST_DOWNLOAD,
    SECURITY,
    SETUP_COMMUNICATION,
    START_UPLOAD,
    TIME,
    USERDATA,
    WRITE_VAR,
    u16,
)

# Programmer commands that change something: modify, force, breakpoint, exit hold, memory reset, replace job
CHANGING: Final = 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 18
# CPU functions: diagnostic message, lock, unlock, acknowledge alarms
TELLING: Final = 1 << 3 | 1 << 7 | 1 << 8 | 1 << 11
TIS_HEAD: Final = 4  # sizes of parameters and data, before both


def weighs(outline: Outline, data: bytes) -> bool:
    """Tell whether every message of this kind must be looked at."""
    if outline.faults != 0:
        return True
    if outline.rosctr != USERDATA:
        return outline.function not in (READ_VAR, SETUP_COMMUNICATION, -1)
    group = outline.group
    if group in (SECURITY, PBC, NC, MODE_TRANSITION):
        return True
    if outline.subfunction > 31:
        return True
    bit: i64 = 1 << outline.subfunction
    if group == PROGRAMMER:
        return CHANGING & bit != 0
    if group == TIME:
        return outline.subfunction in (2, 4)
    if group != CPU:
        return False
    return TELLING & bit != 0 or (outline.subfunction == 1 and asks_identity(outline, data))


def asks_identity(outline: Outline, data: bytes) -> bool:
    """Tell the status lists that say what a module is: its orders, names, characteristics, abilities."""
    if outline.end - outline.payload < 4:
        return False
    number: i64 = data[outline.payload + 1]
    return number in (0x11, 0x12, 0x1C, 0x31)


def request_shape(outline: Outline, data: bytes) -> bytes:
    """Return what makes this request like another; outcome and values left out."""
    at, function = outline.parameters, outline.function
    if outline.rosctr == JOB:
        if function in (READ_VAR, WRITE_VAR, SETUP_COMMUNICATION, PI_SERVICE, PLC_STOP):
            return data[at : outline.data]
        if REQUEST_DOWNLOAD <= function <= START_UPLOAD and outline.faults == 0:
            name: i64 = data[at + 8]
            return data[at : at + 1] + data[at + 9 : at + 9 + name]
        return data[at : at + 1] if at < outline.data else b"\xff"
    if outline.type < 0:
        return b"u?"
    return b"u" + data[at + 5 : at + 7] + data[outline.payload : identity_end(outline, data)]


def other_shape(outline: Outline, data: bytes, start: i64) -> bytes:
    """Return what makes an answer without its question, or a message sent unasked, like another."""
    at = outline.parameters
    if outline.type < 0:
        return b"?" + data[start : start + 2] + data[at : min(at + 1, outline.data)]
    if outline.group == MODE_TRANSITION:
        return b"m" + data[at + 6 : at + 7]
    return b"p" + data[at + 5 : at + 7]


def identity_end(outline: Outline, data: bytes) -> i64:
    """Return where the part of a user data payload ends that says what is asked for."""
    group, subfunction, end = outline.group, outline.subfunction, outline.end
    if group == CPU or (group == BLOCK and subfunction > 1):
        return end
    if group == CYCLIC:
        return outline.payload if subfunction == 4 else end
    if group == PROGRAMMER and subfunction in (2, 8, 9):
        return tis_items_end(data, outline.payload, end)
    return outline.payload


def tis_items(data: bytes, at: i64, end: i64) -> i64:
    """Return where the items of a variable status, modify or force begin: behind the parameters; -1: nowhere."""
    if end - at < TIS_HEAD:
        return -1
    at += TIS_HEAD + u16(data, at)
    return at if at + 2 <= end else -1


def tis_items_end(data: bytes, at: i64, end: i64) -> i64:
    """Return where those items end; the values of a modify or force follow."""
    items = tis_items(data, at, end)
    if items < 0:
        return at
    return min(items + 2 + 6 * u16(data, items), end)


def answered_by_client(function: i64) -> bool:
    """Tell the jobs a controller asks of the station that programs it."""
    return function in (DOWNLOAD_BLOCK, DOWNLOAD_ENDED)
