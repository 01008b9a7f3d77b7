"""IPv4 (RFC 791) and IPv6 with its extension headers (RFC 8200).

The rule it lives by: the packet ends where its own length says, so that a link's padding is never payload; a length
of 0 means "to the end of the frame", as a sending host's own capture shows it (segmentation offload, jumbograms).
"""

from typing import Final

from mypy_extensions import i64

from sensor.decode.frame import EXTENSIONS, FRAGMENTED, TRANSPORT, Frame, u16, u32
from sensor.decode.kinds import BAD_HEADER, BAD_LENGTH, NESTED_TOO_DEEP
from sensor.decode.oddities import (
    BAD_IHL,
    BAD_IP_VERSION,
    BAD_IPV4_CHECKSUM,
    EXTENSION_HEADERS_MANY,
    IP_TOTAL_LENGTH_BEYOND_FRAME,
    IP_TOTAL_LENGTH_SHORT,
)

MAX_EXTENSIONS: Final = 10  # RFC 8200 knows eight, each once and one twice; more is an attempt to tire us


def ipv4(frame: Frame) -> i64:
    """RFC 791, 3.1."""
    lack = frame.lacks(20)
    if lack != 0:
        return lack
    data = frame.data
    at = frame.at
    segment = frame.segment
    first: i64 = i64(data[at])
    if first >> 4 != 4:
        frame.note(BAD_IP_VERSION)
        return BAD_HEADER
    header = (first & 15) * 4
    if header < 20:
        frame.note(BAD_IHL)
        return BAD_HEADER
    total = u16(data, at + 2)
    if total != 0 and total < header:
        frame.note(IP_TOTAL_LENGTH_SHORT)
        return BAD_LENGTH
    if total != 0 and not frame.narrow(at + total):
        frame.note(IP_TOTAL_LENGTH_BEYOND_FRAME)
    lack = frame.lacks(header)
    if lack != 0:
        return lack
    if not checksum_holds(data, at, header):
        frame.note(BAD_IPV4_CHECKSUM)
    segment.version = 4
    segment.ip_id = u16(data, at + 4)
    segment.ttl = i64(data[at + 8])
    segment.protocol = i64(data[at + 9])
    frame.addresses_at = at + 12
    frame.addresses_size = 8
    frame.at = at + header
    place = u16(data, at + 6)
    if place & 0x3FFF == 0:
        return TRANSPORT
    frame.identification = segment.ip_id
    frame.fragment_offset = (place & 0x1FFF) * 8
    frame.fragment_more = place & 0x2000 != 0
    return FRAGMENTED


def checksum_holds(data: bytes, at: i64, header: i64) -> bool:
    """Add up the header in ones' complement (RFC 1071); words of 32 bits give the same modulo 0xFFFF."""
    if u16(data, at + 10) == 0:
        return True
    total: i64 = 0
    stop = at + header
    while at < stop:
        total += u32(data, at)
        at += 4
    return total % 0xFFFF == 0


def ipv6(frame: Frame) -> i64:
    """RFC 8200, section 3."""
    lack = frame.lacks(40)
    if lack != 0:
        return lack
    data = frame.data
    at = frame.at
    segment = frame.segment
    if data[at] >> 4 != 6:
        frame.note(BAD_IP_VERSION)
        return BAD_HEADER
    length = u16(data, at + 4)
    if length != 0 and not frame.narrow(at + 40 + length):
        frame.note(IP_TOTAL_LENGTH_BEYOND_FRAME)
    segment.version = 6
    segment.ip_id = 0
    segment.protocol = i64(data[at + 6])
    segment.ttl = i64(data[at + 7])
    frame.addresses_at = at + 8
    frame.addresses_size = 32
    frame.at = at + 40
    return EXTENSIONS


def extensions(frame: Frame) -> i64:
    """RFC 8200, section 4: each header says which one is next and how long it is itself."""
    data = frame.data
    segment = frame.segment
    for _ in range(MAX_EXTENSIONS):
        number = segment.protocol
        if not is_extension(number):
            return TRANSPORT
        lack = frame.lacks(8)
        if lack != 0:
            return lack
        at = frame.at
        if number == 44:
            place = u16(data, at + 2)
            segment.protocol = i64(data[at])
            frame.at += 8
            if place & 0xFFF9 != 0:
                frame.identification = u32(data, at + 4)
                frame.fragment_offset = place & 0xFFF8
                frame.fragment_more = place & 1 != 0
                return FRAGMENTED
        else:
            size = i64(data[at + 1]) * 8 + 8
            if number == 51:
                size = i64(data[at + 1]) * 4 + 8
            lack = frame.lacks(size)
            if lack != 0:
                return lack
            segment.protocol = i64(data[at])
            frame.at += size
    frame.note(EXTENSION_HEADERS_MANY)
    return NESTED_TOO_DEEP


def is_extension(number: i64) -> bool:
    """Hop-by-hop, routing, fragment, authentication, destination, mobility, HIP, Shim6 (IANA list)."""
    return number in (0, 43, 44, 51, 60, 135, 139, 140)


def authentication(frame: Frame) -> i64:
    """RFC 4302 over IPv4: a header in clear text before the transport's."""
    lack = frame.lacks(8)
    if lack != 0:
        return lack
    size = i64(frame.data[frame.at + 1]) * 4 + 8
    lack = frame.lacks(size)
    if lack != 0:
        return lack
    frame.segment.protocol = i64(frame.data[frame.at])
    frame.at += size
    return TRANSPORT
