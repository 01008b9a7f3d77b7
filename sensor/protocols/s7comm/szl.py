"""Records of system status lists: what a module says of itself (SIMATIC S7-300/400 System and Standard Functions).

The rule it lives by: identity, protection, operating mode and lamps are read; other lists are named only.
"""

from typing import Final

from mypy_extensions import i64

from sensor.protocols.s7comm.wire import u16

HEAD: Final = 8  # id, index, octets of a record, records

COMPONENTS: Final = {
    1: "s7comm.station_name",
    2: "s7comm.module_name",
    3: "s7comm.plant_identification",
    4: "s7comm.copyright",
    5: "s7comm.serial_number",
    7: "s7comm.module_type",
    8: "s7comm.memory_card_serial_number",
    10: "s7comm.oem",
    11: "s7comm.location",
}
MODE_STATES: Final = {
    1: "stop_update",
    2: "stop_memory_reset",
    3: "stop_self_initialisation",
    4: "stop",
    5: "cold_restart",
    6: "warm_restart",
    7: "hot_restart",
    8: "run",
    9: "run_redundant",
    10: "hold",
    11: "link_up",
    12: "update",
    13: "defective",
    14: "self_test",
    15: "no_power",
}
SELECTOR_POSITIONS: Final = {1: "run", 2: "run_p", 3: "stop", 4: "memory_reset"}
LEDS: Final = {
    1: "group_error",
    2: "internal_fault",
    3: "external_fault",
    4: "run",
    5: "stop",
    6: "force",
    7: "crst",
    8: "backup",
    9: "usr",
    10: "usr1",
    11: "bus1_fault",
    12: "bus2_fault",
    13: "redundancy_fault",
    14: "master",
    15: "rack0",
    16: "rack1",
    17: "rack2",
    18: "interface1_fault",
    19: "interface2_fault",
    20: "interface3_fault",
    21: "maintenance",
    22: "dc24v",
}


def read_records(said: dict[str, object], number: i64, index: i64, payload: bytes) -> None:
    """Add what the records of list `number` say; `payload` begins with the list's head."""
    size, count = u16(payload, 4), u16(payload, 6)
    if size == 0:
        return
    records = [payload[at : at + size] for at in range(HEAD, len(payload) - size + 1, size)][:count]
    name = number & 0xFF
    if number & 0x0F00 == 0x0F00:
        return  # a head without records
    for record in records:
        if name == 0x11 and size == 28:
            read_module(said, record)
        elif name == 0x1C and size >= 26:
            read_component(said, record)
        elif name == 0x31 and size >= 6 and index == 1:
            said["s7comm.max_pdu_length"] = u16(record, 2)
            said["s7comm.max_connections"] = u16(record, 4)
        elif name == 0x32 and size >= 10 and u16(record, 0) == 4:
            read_protection(said, record)
        elif name == 0x24 and size >= 4:
            read_mode(said, record)
    if name in (0x19, 0x74) and size == 4:
        said["s7comm.leds"] = [led for led in [led_text(record) for record in records] if led]


def read_module(said: dict[str, object], record: bytes) -> None:
    """Read one record of 0x0011: order number of the module, its hardware, its firmware."""
    number = u16(record, 0)
    order = printable(record[2:22])
    if number == 1 and order:
        said["s7comm.order_number"] = order
    elif number == 6 and order:
        said["s7comm.hardware_order_number"] = order
        said["s7comm.hardware_version"] = str(u16(record, 26))
    elif number == 7 and record[24:25] == b"V":
        said["s7comm.firmware_version"] = f"V{record[25]}.{record[26]}.{record[27]}"


def read_component(said: dict[str, object], record: bytes) -> None:
    """Read one record of 0x001C: a name or number given to the module. In an H system the rack stands above."""
    name = COMPONENTS.get(u16(record, 0) & 0xFF)
    value = printable(record[2:])
    if name and value:
        said[name] = value


def read_protection(said: dict[str, object], record: bytes) -> None:
    """Read 0x0132 index 4: levels of protection and the position of the mode selector."""
    said["s7comm.protection_selector"] = u16(record, 2)
    said["s7comm.protection_parameter"] = u16(record, 4)
    said["s7comm.protection_level"] = u16(record, 6)
    position = u16(record, 8)
    if position in SELECTOR_POSITIONS:
        said["s7comm.mode_selector"] = SELECTOR_POSITIONS[position]


def read_mode(said: dict[str, object], record: bytes) -> None:
    """Read 0x0424: the mode now in the low half of an octet, the one before in the high half."""
    now, before = record[3] & 0x0F, record[3] >> 4
    if now in MODE_STATES:
        said["s7comm.mode"] = MODE_STATES[now]
    if before in MODE_STATES:
        said["s7comm.previous_mode"] = MODE_STATES[before]


def led_text(record: bytes) -> str:
    """Return "run" or "stop blinking" of a lamp that is lit, "" of one that is not."""
    if record[2] == 0:
        return ""
    number = u16(record, 0) & 0xFF
    return LEDS.get(number, f"led_{number}") + (" blinking" if record[3] else "")


def printable(octets: bytes) -> str:
    """Return text up to the first NUL, without blanks at its ends; "" when it is none."""
    found = octets.split(b"\0")[0].strip()
    return found.decode("latin-1") if found.isascii() or found.decode("latin-1").isprintable() else ""
