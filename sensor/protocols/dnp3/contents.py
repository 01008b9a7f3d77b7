"""What DNP3's objects carry besides measurements: controls, files, times, attributes, indications, authentication.

The rule it lives by: an object is read only where the walk found it whole; a field in it that does not fit is left out.
"""

from typing import Final

from librt.strings import read_f32_le, read_f64_le, read_i16_le, read_i32_le
from mypy_extensions import i64

from sensor.protocols.dnp3.message import Control, Dnp3Message
from sensor.protocols.dnp3.names import (
    ATTRIBUTES,
    AUTHENTICATION_ERRORS,
    AUTHENTICATION_OBJECTS,
    FILE_MODES,
    FILE_STATUS,
    FILE_TYPES,
    IDENTITY_ATTRIBUTES,
    IIN_BITS,
)
from sensor.protocols.dnp3.objects import CONTROL_FUNCTIONS, Headers
from sensor.protocols.dnp3.points import milliseconds, read_points, utc
from sensor.protocols.dnp3.problems import BAD_CONTROL_CODE
from sensor.protocols.dnp3.wire import double_word, word

MAX_TEXT: Final = 256  # characters of a name or attribute that are kept
MAX_ATTRIBUTES: Final = 64
LAST_BLOCK: Final = 0x80000000


def read_objects(message: Dnp3Message, headers: Headers) -> i64:
    """Read what the objects of one header carry into the message; return what is wrong with them."""
    group = headers.group
    if not headers.whole:
        return 0
    if headers.sized:
        at = headers.body
        width = headers.size_width
        for _ in range(headers.count):
            size = headers.number(at, width)
            at += width
            read_sized(message, headers, at, size)
            at += size
        return 0
    if not headers.carries_data():
        return 0
    if group in (12, 41):
        return read_controls(message, headers)
    if group == 0:
        read_attributes(message, headers)
    elif group in (50, 51, 52):
        read_time(message, headers)
    elif group == 80:
        read_indications(message, headers)
    elif group == 120:
        read_authentication(message, headers, headers.body, headers.size)
    else:
        read_points(message, headers)
    return 0


def read_controls(message: Dnp3Message, headers: Headers) -> i64:
    """Read relay output blocks (g12v1, v2) or analog outputs (g41)."""
    if headers.size <= 0:
        return 0
    problems: i64 = 0
    data = headers.data
    for place in range(headers.count):
        at = headers.object_at(place)
        control = Control(headers.group, headers.variation, headers.index(place))
        if headers.group == 12:
            control.code = data[at]
            control.count = data[at + 1]
            control.on_time = double_word(data, at + 2)
            control.off_time = double_word(data, at + 6)
            if control.code & 0x0F > 4 or control.code >> 6 == 3:
                problems |= BAD_CONTROL_CODE
        elif headers.variation == 1:
            control.value = float(int(i64(read_i32_le(data, at))))
        elif headers.variation == 2:
            control.value = float(int(i64(read_i16_le(data, at))))
        elif headers.variation == 3:
            control.value = read_f32_le(data, at)
        else:
            control.value = read_f64_le(data, at)
        control.status = i64(data[at + headers.size - 1]) & 0x7F
        message.controls.append(control)
    return problems if CONTROL_FUNCTIONS[headers.function] else 0


def read_sized(message: Dnp3Message, headers: Headers, at: i64, size: i64) -> None:
    """Read one object that says its own size."""
    if headers.group == 70:
        read_file(message, headers, at, size)
    elif headers.group == 90:
        message.extras["dnp3.application_identifier"] = text_at(headers.data, at, size)
    elif headers.group == 120:
        read_authentication(message, headers, at, size)


def read_file(message: Dnp3Message, headers: Headers, at: i64, size: i64) -> None:
    """Read one file object (g70)."""
    data = headers.data
    extras = message.extras
    answer = message.function >= 128
    variation = headers.variation
    if variation == 2 and size >= 12:
        put_name(extras, "dnp3.file.user", data, at, size, 0)
    elif variation == 3 and size >= 26:
        put_name(extras, "dnp3.file.name", data, at, size, 0)
        mode = int(word(data, at + 20))
        extras["dnp3.file.mode"] = FILE_MODES.get(mode, f"mode_{mode}")
        extras["dnp3.file.permissions"] = int(word(data, at + 10))
        if mode > 1:  # a reader does not know the size
            extras["dnp3.file.size"] = int(double_word(data, at + 16))
    elif variation == 4 and size >= 13:
        extras["dnp3.file.handle"] = int(double_word(data, at))
        if answer:
            extras["dnp3.file.size"] = int(double_word(data, at + 4))
            put_file_status(extras, int(data[at + 12]))
    elif variation == 5 and size >= 8:
        put_block(extras, data, at)
        extras["dnp3.file.block_length"] = int(size - 8)
    elif variation == 6 and size >= 9:
        put_block(extras, data, at)
        put_file_status(extras, int(data[at + 8]))
    elif variation == 7 and size >= 20:
        put_name(extras, "dnp3.file.name", data, at, size, 0)
        kind = int(word(data, at + 4))
        extras["dnp3.file.type"] = FILE_TYPES.get(kind, f"type_{kind}")
        if answer:
            extras["dnp3.file.size"] = int(double_word(data, at + 6))
    elif variation == 8:
        extras["dnp3.file.name"] = text_at(data, at, size)


def put_name(extras: dict[str, object], field: str, data: bytes, at: i64, size: i64, place: i64) -> None:
    """Add a string that is said by offset and length within its object."""
    offset = word(data, at + place)
    length = word(data, at + place + 2)
    if length and offset + length <= size:
        extras[field] = text_at(data, at + offset, length)


def put_file_status(extras: dict[str, object], status: int) -> None:
    """Add what the outstation says of a file command."""
    extras["dnp3.file.status_code"] = status
    extras["dnp3.file.status"] = FILE_STATUS.get(status, f"status_{status}")


def put_block(extras: dict[str, object], data: bytes, at: i64) -> None:
    """Add which block of a file it is."""
    block = double_word(data, at + 4)
    extras["dnp3.file.handle"] = int(double_word(data, at))
    extras["dnp3.file.block"] = int(block & ~LAST_BLOCK)
    extras["dnp3.file.last_block"] = block & LAST_BLOCK != 0


def read_attributes(message: Dnp3Message, headers: Headers) -> None:
    """Read device attributes (g0): who made it, which model, which version."""
    at = headers.body
    for _ in range(headers.count):
        at += headers.prefix
        kind = i64(headers.data[at])
        size = i64(headers.data[at + 1]) + (256 if kind == 255 else 0)
        value = attribute_value(headers.data, at + 2, size, kind)
        at += 2 + size
        if not value:
            continue
        code = int(headers.variation)
        if code in IDENTITY_ATTRIBUTES:
            message.extras["dnp3.device." + IDENTITY_ATTRIBUTES[code]] = value
        listed = message.extras.setdefault("dnp3.device.attributes", [])
        if isinstance(listed, list) and len(listed) < MAX_ATTRIBUTES:
            listed.append(f"{ATTRIBUTES.get(code, f'attribute_{code}')}={value}")


def attribute_value(data: bytes, at: i64, size: i64, kind: i64) -> str:
    """Write an attribute's value as text (annex A.1.1: data types 1-7)."""
    raw = data[at : at + min(size, MAX_TEXT)]
    if kind == 1:
        return text_at(data, at, size)
    if kind == 2 and size <= 8:
        return str(int.from_bytes(raw, "little"))
    if kind == 3 and size <= 8:
        return str(int.from_bytes(raw, "little", signed=True))
    if kind == 4 and size == 4:
        return str(read_f32_le(data, at))
    if kind == 4 and size == 8:
        return str(read_f64_le(data, at))
    if kind == 7 and size == 6:
        return utc(milliseconds(data, at))
    return raw.hex()


def read_time(message: Dnp3Message, headers: Headers) -> None:
    """Read a time or a delay (g50, g51, g52)."""
    if headers.count < 1 or headers.size <= 0:
        return
    at = headers.object_at(0)
    if headers.group == 52:
        unit: i64 = 1000 if headers.variation == 1 else 1
        message.extras["dnp3.delay"] = int(word(headers.data, at) * unit)
    elif headers.group == 50:
        moment = utc(milliseconds(headers.data, at))
        if moment:
            message.extras["dnp3.device_time" if message.function >= 128 else "dnp3.time"] = moment


def read_indications(message: Dnp3Message, headers: Headers) -> None:
    """Read which internal indications a request writes (g80)."""
    if headers.first < 0 or message.function >= 128:
        return
    written: list[str] = []
    for place in range(min(headers.count, 16)):
        bit = headers.first + place
        value = headers.data[headers.body + place // 8] >> (place % 8) & 1
        name = IIN_BITS[bit] if bit < 16 else f"bit_{bit}"
        written.append(f"{name}={value}")
    message.extras["dnp3.written_iin"] = written


def read_authentication(message: Dnp3Message, headers: Headers, at: i64, size: i64) -> None:
    """Read who authenticates and what went wrong (g120)."""
    data = headers.data
    extras = message.extras
    variation = int(headers.variation)
    name = AUTHENTICATION_OBJECTS.get(variation, f"g120v{variation}")
    said = extras.setdefault("dnp3.response_authentication" if message.function >= 128 else "dnp3.authentication", [])
    if isinstance(said, list) and len(said) < 16:
        said.append(name)
    if variation in (1, 2, 3, 5, 6, 7) and size >= 6:
        extras["dnp3.authentication_sequence"] = int(double_word(data, at))
        extras["dnp3.authentication_user"] = int(word(data, at + 4))
    elif variation == 4 and size >= 2:
        extras["dnp3.authentication_user"] = int(word(data, at))
    if variation == 7 and size >= 9:
        error = int(data[at + 8])
        extras["dnp3.authentication_error"] = AUTHENTICATION_ERRORS.get(error, f"error_{error}")


def text_at(data: bytes, at: i64, size: i64) -> str:
    """Return a text of the wire, capped, without the zeros that end it."""
    return data[at : at + min(size, MAX_TEXT)].rstrip(b"\x00").decode("utf-8", "replace")
