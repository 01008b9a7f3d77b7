"""TPKT and COTP on the wire: offsets, codes, and where the payload lies (RFC 1006 clause 6, ISO 8073 clause 13).

The rule it lives by: the TPKT length alone finds the next packet; COTP's own length is checked against it.
"""

from typing import Final

from librt.strings import read_i16_be
from mypy_extensions import i64

from sensor.contract import BAD_LENGTH, NOT_THIS_PROTOCOL

# TPKT: version, reserved, length of all; then COTP: length indicator (without itself), code
VERSION: Final = 3
LENGTH: Final = 2
INDICATOR: Final = 4
CODE: Final = 5
DT_NUMBER: Final = 6  # EOT bit and TPDU number
SHORTEST: Final = 7  # TPKT 4, length indicator, and the two octets of the shortest TPDU there is (class 0 DT)

DT: Final = 0xF0
CR: Final = 0xE0
CC: Final = 0xD0
DR: Final = 0x80
DC: Final = 0xC0
ER: Final = 0x70
ED: Final = 0x10
EA: Final = 0x20
RJ: Final = 0x50
AK: Final = 0x60

EOT: Final = 0x80

DESTINATION_REFERENCE: Final = 6
SOURCE_REFERENCE: Final = 8
CLASS: Final = 10  # of CR and CC; the reason in DR
CONNECT_PARAMETERS: Final = 11
CONNECT_INDICATOR: Final = 6  # shortest length indicator of CR, CC, DR

TPDU_SIZE: Final = 0xC0
CALLING_TSAP: Final = 0xC1
CALLED_TSAP: Final = 0xC2

MAX_TSDU: Final = 65_536  # the longest S7 or MMS message is shorter; more is a fragment train without end


def u16(data: bytes, at: i64) -> i64:
    """Read two octets, unsigned."""
    return i64(read_i16_be(data, at)) & 0xFFFF


def packet_length(data: bytes, start: i64, end: i64) -> i64:
    """Return the length of the TPKT at `start`; 0: more needed; negative: why it is none."""
    if start >= end:
        return 0
    if data[start] != VERSION or (start + 1 < end and data[start + 1] != 0):
        return NOT_THIS_PROTOCOL
    if end - start < INDICATOR:
        return 0
    length = u16(data, start + LENGTH)
    return length if length >= SHORTEST else BAD_LENGTH


def code_of(data: bytes, start: i64) -> i64:
    """Return the TPDU code without the credit bits that some kinds carry in the low half."""
    code: i64 = data[start + CODE]
    return code & 0xF0


def plausible(data: bytes, start: i64, end: i64) -> i64:
    """Say whether a packet begins at `start`, by TPKT and COTP header: 1 yes, 0 no, -1 not enough bytes to tell.

    A DT's length indicator is 2 and its number 0 in class 0, the only class RFC 1006 knows.
    """
    length = packet_length(data, start, end)
    if length < 0:
        return 0
    if length == 0 or end - start < SHORTEST:
        return -1
    indicator: i64 = data[start + INDICATOR]
    if indicator + INDICATOR + 1 > length:
        return 0
    code: i64 = data[start + CODE]
    if code == DT:
        return 1 if indicator == 2 and data[start + DT_NUMBER] & 0x7F == 0 else 0
    if code in (CR, CC, DR):
        return 1 if indicator >= CONNECT_INDICATOR else 0
    if code == DC:
        return 1 if indicator >= 5 else 0
    return 1 if code == ER and indicator >= 4 else 0


def parameter(data: bytes, at: i64, end: i64, code: i64) -> bytes:
    """Return the value of one parameter of the variable part, b"" when it is not there."""
    while at + 2 <= end:
        length: i64 = data[at + 1]
        if at + 2 + length > end:
            return b""
        if data[at] == code:
            return data[at + 2 : at + 2 + length]
        at += 2 + length
    return b""


def parameters_end(data: bytes, at: i64, end: i64) -> i64:
    """Return where the variable part stops making sense: `end` when it is whole."""
    while at + 2 <= end:
        length: i64 = data[at + 1]
        if at + 2 + length > end:
            return at
        at += 2 + length
    return at


def asks_for_rdp(data: bytes, at: i64, end: i64) -> bool:
    """Tell Remote Desktop's cookie or negotiation, which stand where COTP's parameters should ([MS-RDPBCGR] 2.2.1)."""
    if end - at >= 7 and data[at : at + 7] == b"Cookie:":
        return True
    return end - at == 8 and data[at] in (1, 2, 3) and data[at + 2] == 8 and data[at + 3] == 0
