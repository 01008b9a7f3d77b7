"""Writing the pcapng format: draft-ietf-opsawg-pcapng. One section, times in nanoseconds.

The rule it lives by: what is given out is whole blocks, so that a file is readable after every write.
"""

import struct
from typing import Final

from librt.strings import BytesWriter, read_i32_le, read_i64_le, write_i32_le, write_i64_le
from mypy_extensions import i32, i64

from sensor.capture.block import RECORD, Block, Interface

SECTION: Final = 0x0A0D_0D0A
INTERFACE: Final = 1
STATISTICS: Final = 5
ENHANCED_PACKET: Final = 6
BYTE_ORDER: Final = 0x1A2B_3C4D
AROUND_PACKET: Final = 32  # bytes of an enhanced packet block without its frame

# Options: of a section, of an interface, of statistics
APPLICATION: Final = 4
NAME: Final = 2
RESOLUTION: Final = 9
FILTER: Final = 11
START: Final = 2
END: Final = 3
DROPPED_BY_SYSTEM: Final = 7
DELIVERED: Final = 8
NANOSECONDS: Final = b"\x09"  # if_tsresol: ten to the minus ninth


def packets(block: Block) -> bytes:
    """Return the frames of a Block as enhanced packet blocks (section 4.3)."""
    out = BytesWriter()
    data, index = block.data, block.index
    for record in range(block.first, block.last):
        at = record * RECORD
        time = read_i64_le(index, at)
        offset_and_captured = read_i64_le(index, at + 8)
        begin = offset_and_captured & 0xFFFF_FFFF
        captured = offset_and_captured >> 32
        padding = -captured & 3
        length = AROUND_PACKET + captured + padding
        write_i64_le(out, ENHANCED_PACKET | length << 32)
        write_i64_le(out, i64(read_i32_le(index, at + 20)) | time >> 32 << 32)
        write_i64_le(out, time & 0xFFFF_FFFF | captured << 32)
        write_i32_le(out, read_i32_le(index, at + 16))
        out.write(data[begin : begin + captured])
        while padding > 0:
            out.append(0)
            padding -= 1
        write_i32_le(out, i32(length))
    return out.getvalue()


def section(application: str) -> bytes:
    """Return a section header of unknown length (section 4.1)."""
    out = BytesWriter()
    write_i32_le(out, BYTE_ORDER)
    write_i32_le(out, 1)  # version 1.0
    write_i64_le(out, -1)
    write_option(out, APPLICATION, application.encode())
    return whole(SECTION, out)


def interface(described: Interface, text: str) -> bytes:
    """Return the description of an interface (section 4.2); `text` is the filter its frames have passed."""
    out = BytesWriter()
    write_i32_le(out, i32(described.link_type & 0xFFFF))
    write_i32_le(out, i32(described.snap_length))
    write_option(out, NAME, described.name.encode())
    write_option(out, RESOLUTION, NANOSECONDS)
    if text:
        write_option(out, FILTER, b"\0" + text.encode())
    return whole(INTERFACE, out)


def statistics(number: i64, first: i64, last: i64, delivered: i64, dropped: i64) -> bytes:
    """Return what became of an interface's frames between two times (section 4.6)."""
    out = BytesWriter()
    write_i32_le(out, i32(number))
    write_time(out, last)
    for code, time in ((START, first), (END, last)):
        value = BytesWriter()
        write_time(value, time)
        write_option(out, code, value.getvalue())
    for code, count in ((DROPPED_BY_SYSTEM, dropped), (DELIVERED, delivered)):
        value = BytesWriter()
        write_i64_le(value, count)
        write_option(out, code, value.getvalue())
    return whole(STATISTICS, out)


def write_time(out: BytesWriter, time: i64) -> None:
    """Write a time, its upper half first."""
    out.write(struct.pack("<II", time >> 32, time & 0xFFFF_FFFF))


def write_option(out: BytesWriter, code: i64, value: bytes) -> None:
    """Write an option, filled up to four bytes (section 3.5)."""
    size: i64 = len(value)
    write_i32_le(out, i32(code | size << 16))
    out.write(value + bytes(-size & 3))


def whole(kind: i64, body: BytesWriter) -> bytes:
    """Return a block whose options end here: its length stands at both ends."""
    write_i32_le(body, 0)  # opt_endofopt
    out = BytesWriter()
    length: i64 = len(body) + 12
    write_i32_le(out, i32(kind))
    write_i32_le(out, i32(length))
    out.write(body.getvalue())
    write_i32_le(out, i32(length))
    return out.getvalue()
