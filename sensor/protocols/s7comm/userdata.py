"""User data: what its function groups ask and say.

The rule it lives by: the first piece of an answer carries the head of its content, later ones go on where it stopped.
"""

from typing import Final

from mypy_extensions import i64

from sensor.contract import Target
from sensor.protocols.s7comm.blocks import block_of, say_block, text
from sensor.protocols.s7comm.items import read_items, read_tis_items
from sensor.protocols.s7comm.message import S7Message
from sensor.protocols.s7comm.names import BLOCK_TYPES, GROUPS, MODES, STATUS_LISTS, SUBFUNCTIONS
from sensor.protocols.s7comm.outline import Outline
from sensor.protocols.s7comm.szl import read_records
from sensor.protocols.s7comm.values import read_values
from sensor.protocols.s7comm.weight import tis_items
from sensor.protocols.s7comm.wire import BLOCK, CPU, CYCLIC, MODE_TRANSITION, PBC, PROGRAMMER, TIME, u16

INTERVALS_MS: Final = (100, 1000, 10_000)
MAX_BLOCKS: Final = 1024  # of one list, as many as fit in what an exchange keeps of a long answer's first pieces
KINDS: Final = {0: "unsolicited", 3: "unsolicited", 4: "request", 7: "request", 8: "response", 11: "response"}


def read_userdata(message: S7Message, outline: Outline, payload: bytes) -> None:
    """Name the function and read its payload, joined when it came in pieces."""
    group, subfunction = outline.group, outline.subfunction
    message.kind = KINDS.get(outline.type, "unsolicited")
    if group == MODE_TRANSITION:
        read_mode(message, subfunction)
        return
    unknown = (f"{GROUPS.get(group, f'group_{group}')}_{subfunction}", "other")
    message.operation, message.action = SUBFUNCTIONS.get((group, subfunction), unknown)
    if group == PBC:
        message.operation, message.action = "pbc_data", "write"
    if group in (PROGRAMMER, CYCLIC) and message.kind == "unsolicited":
        message.operation, message.action = message.operation + "_data", "read"
    if message.kind == "request":
        read_request(message, outline, payload)
    elif outline.error == 0:
        read_answer(message, outline, payload)


def read_mode(message: S7Message, mode: i64) -> None:
    """Read the controller's own word that its mode has changed."""
    name = MODES.get(mode, f"mode_{mode}")
    message.operation, message.action = "mode_transition", "diagnose"
    if mode in MODES:
        message.said["s7comm.mode"] = name
    message.targets = [Target(name, -1, -1)]


def read_request(message: S7Message, outline: Outline, payload: bytes) -> None:
    """Read what a request asks for."""
    group, subfunction, length = outline.group, outline.subfunction, len(payload)
    if group == CPU and subfunction == 1 and length >= 4:
        read_status_list_head(message, payload)
        index = u16(payload, 2)
        message.targets = [Target(f"SZL 0x{u16(payload, 0):04x}", index, index)]
        if payload[1] in (0x11, 0x12, 0x1C, 0x31):
            message.action = "identify"
    elif group == CPU and subfunction == 2 and length >= 2:
        message.said["s7comm.subscribed_events"] = payload[0]
        if length >= 10:
            message.said["s7comm.subscriber"] = text(payload[2:10].rstrip(b"\0 "))
    elif group == CYCLIC and subfunction in (1, 5, 7) and length >= 4:
        read_subscription(message, payload)
    elif group == BLOCK and subfunction == 2 and length >= 2:
        kind = text(payload[:2])
        message.said["s7comm.block_types"] = [BLOCK_TYPES.get(kind, kind)]
        message.targets = [Target(BLOCK_TYPES.get(kind, kind), -1, -1)]
    elif group == BLOCK and subfunction == 3:
        block = block_of(payload[:8])
        if block is not None:
            say_block(message, [block])
    elif group == TIME and subfunction in (2, 4):
        read_clock(message, payload)
    elif group == PROGRAMMER and subfunction in (2, 8, 9):
        at = tis_items(payload, 0, length)
        if at >= 0:
            message.items = read_tis_items(payload, at, length)
            message.targets = [target for item in message.items for target in item.targets]


def read_subscription(message: S7Message, payload: bytes) -> None:
    """Read which data is to be sent, and how often."""
    message.item_count = u16(payload, 0)
    message.items = read_items(payload, 4, len(payload), message.item_count)
    message.targets = [target for item in message.items for target in item.targets]
    if payload[2] < len(INTERVALS_MS):
        message.said["s7comm.cyclic_interval_ms"] = INTERVALS_MS[payload[2]] * payload[3]


def read_answer(message: S7Message, outline: Outline, payload: bytes) -> None:
    """Read what an answer brings, or a message sent unasked."""
    group, subfunction, length = outline.group, outline.subfunction, len(payload)
    if group == CPU and subfunction == 1 and length >= 8:
        read_status_list_head(message, payload)
        message.said["s7comm.szl_record_length"] = u16(payload, 4)
        message.said["s7comm.szl_record_count"] = u16(payload, 6)
        read_records(message.said, u16(payload, 0), u16(payload, 2), payload)
    elif group == CYCLIC and subfunction in (1, 5, 7) and length >= 2:
        message.item_count = u16(payload, 0)
        values = read_values(payload, 2, length, message.item_count, [], True)
        message.return_codes, message.values, message.numbers = values.codes, values.texts, values.numbers
    elif group == BLOCK and subfunction == 1:
        pairs = [payload[at : at + 4] for at in range(0, length - 3, 4)]
        message.said["s7comm.block_types"] = [BLOCK_TYPES.get(text(one[:2]), text(one[:2])) for one in pairs]
        message.said["s7comm.block_counts"] = [u16(one, 2) for one in pairs]
    elif group == BLOCK and subfunction == 2:
        message.said["s7comm.block_numbers"] = [u16(payload, at) for at in range(0, length - 3, 4)][:MAX_BLOCKS]
    elif group == TIME and subfunction in (1, 3):
        read_clock(message, payload)


def read_status_list_head(message: S7Message, payload: bytes) -> None:
    """Read id and index of a system status list."""
    number = u16(payload, 0)
    message.said["s7comm.szl_id"] = number
    message.said["s7comm.szl_index"] = u16(payload, 2)
    if number & 0xFF in STATUS_LISTS:
        message.said["s7comm.szl_name"] = STATUS_LISTS[number & 0xFF]


def read_clock(message: S7Message, payload: bytes) -> None:
    """Read a controller's time: reserved octet, century, then year, month, day, hour, minute, second in BCD."""
    if len(payload) < 10:
        return
    digits = payload[2:10].hex()
    if not digits.isdigit():
        return
    year = int(digits[0:2])
    year += 1900 if year >= 90 else 2000
    month, day, hour, minute, second = (int(digits[at : at + 2]) for at in range(2, 12, 2))
    if 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 60:
        clock = f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{digits[12:15]}"
        message.said["s7comm.clock"] = clock
