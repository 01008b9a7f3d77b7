"""What makes two DNP3 requests the same: the bytes of their shape, and of a control as it was selected.

The rule it lives by: a shape holds what the behaviour's identity needs (addresses, function, objects, ranges,
indexes, file names) and nothing that changes from one repeat to the next (sequence numbers, values, times, handles).
"""

from typing import Final

from mypy_extensions import i64

from sensor.protocols.dnp3.objects import Headers
from sensor.protocols.dnp3.wire import word

MAX_NAME: Final = 256  # octets of a file name that count


def shape_of(headers: Headers, data: bytes, at: i64, end: i64, function: i64) -> bytes:
    """Return the object headers data[at:end] of a request without values."""
    parts: list[bytes] = []
    headers.start(data, at, end, function)
    while headers.next():
        if headers.group == 120:  # a signature: only that it is there
            parts.append(data[headers.head : headers.head + 2])
            continue
        parts.append(data[headers.head : headers.body])
        if not headers.whole:
            continue
        if headers.prefix:
            if headers.size < 0:
                continue
            for place in range(headers.count):
                stop = headers.object_at(place)
                parts.append(data[stop - headers.prefix : stop])
        elif headers.group == 70:
            parts.append(file_name(headers))
    return b"".join(parts)


def file_name(headers: Headers) -> bytes:
    """Return the name in the first file object (g70v3, v7, v8) of a header, b"" where there is none."""
    if not headers.whole or not headers.sized or headers.at - headers.body < 2 or headers.qualifier != 0x5B:
        return b""
    at = headers.body + 2
    size = word(headers.data, headers.body)
    if headers.variation == 8:
        return headers.data[at : at + min(size, MAX_NAME)]
    if headers.variation not in (3, 7) or size < 4:
        return b""
    offset = word(headers.data, at)
    length = min(word(headers.data, at + 2), MAX_NAME)
    if offset + length > size:
        return b""
    return headers.data[at + offset : at + offset + length]


def selection_of(headers: Headers, body: bytes, function: i64) -> bytes:
    """Return the controls of a select or operate (its function and objects), without their signature (g120)."""
    parts: list[bytes] = []
    headers.start(body, 1, len(body), function)
    while headers.next():
        if headers.group != 120:
            parts.append(body[headers.head : headers.at])
    return b"".join(parts)


def groups_of(headers: Headers, data: bytes, at: i64, end: i64) -> bytes:
    """Return the object groups of a response, each once, in order."""
    found: list[int] = []
    headers.start(data, at, end, 129)
    while headers.next():
        group = int(headers.group)
        if group not in found:
            found.append(group)
    found.sort()
    return bytes(found)
