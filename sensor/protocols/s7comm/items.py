"""Address items: what a read, a write or a subscription is about.

The rule it lives by: an item that cannot be read ends the list; the outline has said why.
"""

from mypy_extensions import i64

from sensor.contract import Target
from sensor.protocols.s7comm.names import AREAS, ITEM_TYPES, SYMBOLIC_AREAS, SYNTAXES
from sensor.protocols.s7comm.wire import (
    DB_READ,
    DRIVE_ES,
    ITEM_SPECIFICATION,
    NCK,
    NCK_INCH,
    NCK_METRIC,
    S7ANY,
    S7ANY_LENGTH,
    SYMBOLIC,
    u16,
    u32,
)

COUNTED = (0x1C, 0x1D, 0x1E, 0x1F)  # counters and timers are addressed by number, not by byte and bit
DB_AREA = 0x8A0E  # first area word of symbolic items in data blocks


class Item:
    """One address item; `area` and `db` are -1 where its syntax has none."""

    def __init__(self, syntax: i64) -> None:
        self.syntax = syntax
        self.area: i64 = -1
        self.type: i64 = -1
        self.count: i64 = 0
        self.db: i64 = -1
        self.address: i64 = 0  # bits; number of a counter or timer
        self.text = ""
        self.targets: list[Target] = []

    def area_name(self) -> str:
        """Name the area."""
        return AREAS[self.area][1] if self.area in AREAS else f"0x{self.area:02x}"

    def type_name(self) -> str:
        """Name the type of one element."""
        return ITEM_TYPES[self.type][0] if self.type in ITEM_TYPES else f"0x{self.type:02x}"


def read_items(data: bytes, at: i64, end: i64, count: i64) -> list[Item]:
    """Read up to `count` items; one of odd length is filled up."""
    items: list[Item] = []
    while len(items) < count and at + 3 <= end and data[at] == ITEM_SPECIFICATION:
        size: i64 = data[at + 1]
        if size == 0 or at + 2 + size > end:
            break
        items.append(read_item(data, at, size))
        at += 2 + size + (size & 1)
    return items


def read_item(data: bytes, at: i64, size: i64) -> Item:
    """Read one item of `size` octets behind its two-octet head, all of which are there."""
    item = Item(data[at + 2])
    if item.syntax == S7ANY and size == S7ANY_LENGTH:
        read_any(item, data, at)
    elif item.syntax == DB_READ and size >= 2:
        read_db_areas(item, data, at + 4, at + 2 + size)
    elif item.syntax == SYMBOLIC and size >= 10:
        read_symbol(item, data, at, size)
    elif item.syntax in (NCK, NCK_METRIC, NCK_INCH) and size == 8:
        read_nck(item, data, at)
    elif item.syntax == DRIVE_ES and size == 10:
        item.text = f"drive parameter {u16(data, at + 8)}.{u16(data, at + 10)}"
        item.targets = [Target(item.text, -1, -1)]
    else:
        item.text = SYNTAXES.get(item.syntax, f"syntax 0x{item.syntax:02x}")
        item.targets = [Target(item.text, -1, -1)]
    return item


def read_any(item: Item, data: bytes, at: i64) -> None:
    """Read S7ANY: type, count, data block, area, address in bits."""
    item.type = data[at + 3]
    item.count = u16(data, at + 4)
    item.area = data[at + 8]
    item.address = i64(data[at + 9]) << 16 | u16(data, at + 10)
    letter = AREAS[item.area][0] if item.area in AREAS else f"area 0x{item.area:02x}"
    if item.area in COUNTED:
        item.text = f"{letter}{item.address} {item.type_name()} {item.count}"
        item.targets = [Target(letter, item.address, item.address + max(item.count, 1) - 1)]
        return
    if letter in ("DB", "DI"):
        item.db = u16(data, at + 6)
        letter = f"{letter}{item.db}.{letter}"
    bits: i64 = ITEM_TYPES[item.type][1] if item.type in ITEM_TYPES else 8
    last = item.address + max(bits * item.count, 1) - 1
    item.text = f"{bit_text(letter, item.address)} {item.type_name()} {item.count}"
    if bits == 1 and is_area(letter):
        item.targets = [Target(f"{letter}X", item.address, last)]
    else:
        item.targets = [Target(bytes_of(letter), item.address >> 3, last >> 3)]


def bit_text(letter: str, address: i64) -> str:
    """Write a bit's address as STEP 7 does: M0.3, DB1.DBX4.2."""
    return f"{letter}{'X' if '.' in letter else ''}{address >> 3}.{address & 7}"


def bytes_of(letter: str) -> str:
    """Name the space of an area's bytes as STEP 7 does: MB, QB, DB1.DBB."""
    return f"{letter}B" if is_area(letter) else letter


def is_area(letter: str) -> bool:
    """Say whether STEP 7 tells bits and bytes of an area apart by a letter: M, Q, DB1.DB."""
    return len(letter) == 1 or "." in letter


def read_db_areas(item: Item, data: bytes, at: i64, end: i64) -> None:
    """Read DBREAD: pieces of data blocks as length, block, first byte."""
    texts: list[str] = []
    while at + 5 <= end:
        length: i64 = data[at]
        db, first = u16(data, at + 1), u16(data, at + 3)
        texts.append(f"DB{db}.DBX{first}.0 BYTE {length}")
        item.targets.append(Target(f"DB{db}.DBB", first, first + max(length, 1) - 1))
        at += 5
    item.text = " ".join(texts)


def read_symbol(item: Item, data: bytes, at: i64, size: i64) -> None:
    """Read the symbolic address of S7-1200 and S7-1500: area or block, checksum of the symbol, its path."""
    word = u16(data, at + 4)
    number = u16(data, at + 6)
    if word == DB_AREA:
        item.db = number
        place = f"DB{number}"
    else:
        place = SYMBOLIC_AREAS.get(number, f"area 0x{word:04x}{number:04x}")
    path = [f"{u32(data, step) & 0x0FFFFFFF}" for step in range(at + 12, at + 2 + size - 3, 4)]
    item.text = f"{place} symbol {u32(data, at + 8):08x}/{'.'.join(path)}"
    item.targets = [Target(item.text, -1, -1)]


def read_nck(item: Item, data: bytes, at: i64) -> None:
    """Read the address of a variable of a numerical control."""
    unit: i64 = data[at + 3]
    column, line = u16(data, at + 4), u16(data, at + 6)
    module: i64 = data[at + 8]
    lines: i64 = data[at + 9]
    space = f"NCK area {unit >> 5} unit {unit & 0x1F} module 0x{module:02x} column {column}"
    item.text = f"{space} line {line} count {lines}"
    item.targets = [Target(space, line, line + max(lines, 1) - 1)]


# Variables of the programmer's status, modify and force jobs: area in the high half of the code, width in the low
TIS_AREAS = {0: "M", 1: "I", 2: "Q", 3: "P", 5: "T", 6: "C", 7: "DB"}
TIS_WIDTHS = {0: ("BOOL", 1), 1: ("BYTE", 1), 2: ("WORD", 2), 3: ("DWORD", 4), 4: ("NUMBER", 1)}


def read_tis_items(data: bytes, at: i64, end: i64) -> list[Item]:
    """Read the variables a programmer's job names; `at` is where their count stands."""
    items: list[Item] = []
    count = u16(data, at)
    at += 2
    while len(items) < count and at + 6 <= end:
        code: i64 = data[at]
        repeated: i64 = data[at + 1]
        item = Item(-1)
        letter = TIS_AREAS.get(code >> 4, f"area 0x{code:02x}")
        name, octets = TIS_WIDTHS.get(code & 0x0F, (f"0x{code:02x}", 1))
        if letter == "DB":
            item.db = u16(data, at + 2)
            letter = f"DB{item.db}.DB"
        first = u16(data, at + 4)
        item.text = f"{letter}{'X' if item.db >= 0 else ''}{first} {name} {repeated}"
        length = octets if name == "BOOL" else octets * max(repeated, 1)
        item.targets = [Target(bytes_of(letter), first, first + length - 1)]
        items.append(item)
        at += 6
    return items
