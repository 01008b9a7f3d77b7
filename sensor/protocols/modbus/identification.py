"""Functions 17 and 43: who the server is.

Application Protocol V1.1b3, 6.13, 6.19 to 6.21. The rule it lives by: text from the wire is shown, never trusted to
be text.
"""

from typing import Final

from mypy_extensions import i64

from sensor.contract import Target
from sensor.protocols.modbus import names
from sensor.protocols.modbus.message import MAX_DATA, ModbusMessage
from sensor.protocols.modbus.wire import octet_or_absent, part

READ_DEVICE_IDENTIFICATION: Final = 14
RUN_ON: Final = 0xFF


def readable(data: bytes) -> str:
    """Return bytes as text without padding; each byte that cannot be shown becomes a replacement mark."""
    text = data.decode("utf-8", "replace").strip("\0 ")
    return text if text.isprintable() else "".join([c if c.isprintable() else "\ufffd" for c in text])


def read_server_id(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    """Read the answer to Report Server ID.

    The specification leaves the identifier's length to the device: most send one byte and the run indicator, some
    a text and the run indicator.
    """
    message.byte_count = octet_or_absent(data, at + 1, end)
    first = at + 2
    end = min(end, first + max(message.byte_count, 0))
    if first + 2 <= end and _is_indicator(data[first + 1]):
        message.server_id = data[first : first + 1].hex()
        message.run_indicator = 1 if data[first + 1] == RUN_ON else 0
        message.server_text = readable(data[first + 2 : end])
    elif first + 2 <= end and _is_indicator(data[end - 1]):
        message.server_id = data[first : end - 1].hex()
        message.run_indicator = 1 if data[end - 1] == RUN_ON else 0
        message.server_text = readable(data[first : end - 1])
    elif first < end:
        message.server_id = data[first:end].hex()
        message.server_text = readable(data[first:end])


def _is_indicator(value: int) -> bool:
    return value in (0, RUN_ON)


def read_interface_request(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    """Read an encapsulated request: Read Device Identification, or another one's bytes."""
    _read_type(message, data, at, end)
    if message.mei_type_code != READ_DEVICE_IDENTIFICATION:
        message.data = part(data, at + 2, min(end, at + 2 + MAX_DATA))
        return
    message.read_device_id_code = octet_or_absent(data, at + 2, end)
    message.object_id = octet_or_absent(data, at + 3, end)
    _check_code(message)
    if message.object_id >= 0:
        kind = names.READ_DEVICE_IDS.get(message.read_device_id_code) or f"code_{message.read_device_id_code}"
        message.targets.append(Target(f"device_id {kind}", message.object_id, message.object_id))


def read_interface_response(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    """Read an encapsulated response: the device's identification objects."""
    _read_type(message, data, at, end)
    if message.mei_type_code != READ_DEVICE_IDENTIFICATION:
        message.data = part(data, at + 2, min(end, at + 2 + MAX_DATA))
        return
    message.read_device_id_code = octet_or_absent(data, at + 2, end)
    message.conformity_level = octet_or_absent(data, at + 3, end)
    _check_code(message)
    if at + 7 > end:
        return
    message.more_follows = 1 if data[at + 4] == RUN_ON else 0
    message.next_object_id = data[at + 5]
    _read_objects(message, data, at + 7, end, data[at + 6])


def _read_objects(message: ModbusMessage, data: bytes, here: i64, end: i64, left: i64) -> None:
    while left > 0 and here + 2 <= end:
        value_end = here + 2 + i64(data[here + 1])
        message.objects[data[here]] = readable(data[here + 2 : min(value_end, end)])
        here = value_end
        left -= 1


def _read_type(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    message.mei_type_code = octet_or_absent(data, at + 1, end)
    if message.mei_type_code >= 0 and message.mei_type_code not in names.INTERFACES:
        message.note("unknown_mei_type")


def _check_code(message: ModbusMessage) -> None:
    if message.read_device_id_code >= 0 and message.read_device_id_code not in names.READ_DEVICE_IDS:
        message.note("bad_read_device_id")
