"""Values of data items: what was read or written.

The rule it lives by: an item's type decides how its octets are read; where it is not known, the data's own transport
size does. Arrays of octets stay hexadecimal: what they mean only the project knows.
"""

import math
import struct
from typing import Final

from mypy_extensions import i64

from sensor.protocols.s7comm.items import Item
from sensor.protocols.s7comm.names import ITEM_TYPES
from sensor.protocols.s7comm.wire import (
    NO_ITEM_DATA,
    SIZE_BIT,
    SIZE_DINT,
    SIZE_INTEGER,
    SIZE_REAL,
    SUCCESS,
    octets_of,
    u16,
)

MAX_NUMBERS: Final = 64  # of one item; a longer array is data for a historian, not for a rule
SIGNED: Final = ("INT", "DINT", "TIME")
TEXT: Final = "CHAR"


class Values:
    """Return codes, values as text, and those that are numbers."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.texts: list[str] = []
        self.numbers: list[float] = []


def read_values(data: bytes, at: i64, end: i64, count: i64, items: list[Item], answered: bool) -> Values:
    """Read up to `count` data items of an answer or a write; `items` are the addresses they belong to, if known."""
    values = Values()
    for number in range(count):
        if at + 4 > end:
            break
        code: i64 = data[at]
        size: i64 = data[at + 1]
        octets = octets_of(size, u16(data, at + 2)) if not answered or code in (SUCCESS, 0, NO_ITEM_DATA) else 0
        if at + 4 + octets > end:
            break
        if answered:
            values.codes.append(code)
        if not answered or code == SUCCESS:
            name, width = element_type(items[number] if number < len(items) else None, size, octets)
            add_value(values, data[at + 4 : at + 4 + octets], name, width)
        elif answered:
            values.texts.append("")
        at += 4 + octets + (octets & 1)
    return values


def element_type(item: Item | None, size: i64, octets: i64) -> tuple[str, int]:
    """Return name and octets of one element, from the item or else from the data's transport size."""
    if item is not None and item.type in ITEM_TYPES:
        name, bits = ITEM_TYPES[item.type]
        width = (bits + 7) >> 3
        if octets == width * max(item.count, 1):
            return name, width
    if size == SIZE_BIT:
        return "BOOL", 1
    if size == SIZE_INTEGER and octets == 2:
        return "INT", 2
    if size == SIZE_DINT and octets == 4:
        return "DINT", 4
    if size == SIZE_REAL and octets == 4:
        return "REAL", 4
    return "BYTE", 1


def add_value(values: Values, octets: bytes, name: str, width: int) -> None:
    """Add the value of one item."""
    count = len(octets) // width
    if name == TEXT:
        values.texts.append(octets.decode("latin-1"))
        return
    if (name == "BYTE" and count > 1) or width not in (1, 2, 4):
        values.texts.append(octets.hex())
        return
    texts: list[str] = []
    for number in range(min(count, MAX_NUMBERS)):
        element = octets[number * width : (number + 1) * width]
        if name == "REAL":
            real = struct.unpack(">f", element)[0]
            texts.append(f"{real:.7g}")
            if math.isfinite(real):
                values.numbers.append(real)
        elif name == "BOOL":
            texts.append("true" if element[0] & 1 else "false")
            values.numbers.append(float(element[0] & 1))
        else:
            whole = int.from_bytes(element, "big", signed=name in SIGNED)
            texts.append(str(whole))
            values.numbers.append(float(whole))
    values.texts.append(" ".join(texts))
