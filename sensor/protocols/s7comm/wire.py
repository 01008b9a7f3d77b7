"""S7comm on the wire: offsets, codes, lengths of one PDU.

No specification is public; the names are those of Siemens' own tools and manuals, and of Wireshark where Siemens gives
none. The rule it lives by: offsets are named here once; lengths are checked in `outline.py` before anything is read.
"""

from typing import Final

from librt.strings import read_i16_be
from mypy_extensions import i64

PROTOCOL_ID: Final = 0x32

# Header: 10 octets; acknowledgements have two more
ROSCTR: Final = 1
REFERENCE: Final = 4
PARAMETER_LENGTH: Final = 6
DATA_LENGTH: Final = 8
ERROR_CLASS: Final = 10
ERROR_CODE: Final = 11
HEADER: Final = 10
ACK_HEADER: Final = 12

# ROSCTR
JOB: Final = 1
ACK: Final = 2
ACK_DATA: Final = 3
USERDATA: Final = 7

# Functions of jobs: first octet of the parameters
CPU_SERVICES: Final = 0x00
READ_VAR: Final = 0x04
WRITE_VAR: Final = 0x05
REQUEST_DOWNLOAD: Final = 0x1A
DOWNLOAD_BLOCK: Final = 0x1B
DOWNLOAD_ENDED: Final = 0x1C
START_UPLOAD: Final = 0x1D
UPLOAD: Final = 0x1E
END_UPLOAD: Final = 0x1F
PI_SERVICE: Final = 0x28
PLC_STOP: Final = 0x29
SETUP_COMMUNICATION: Final = 0xF0

# Parameters of user data: a head of three octets, the length of what follows, then
UD_HEAD: Final = 0x0001  # and 0x12
UD_HEAD_MODE: Final = 0x0100  # and 0x10: the controller's push of a mode transition
UD_LENGTH: Final = 3
UD_METHOD: Final = 4
UD_GROUP: Final = 5  # high half: type, low half: function group
UD_SUBFUNCTION: Final = 6
UD_SEQUENCE: Final = 7
UD_UNIT_REFERENCE: Final = 8
UD_LAST_UNIT: Final = 9
UD_ERROR: Final = 10
UD_SHORT: Final = 8
UD_LONG: Final = 12
UD_METHOD_FOLLOWING: Final = 0x12

# Types of user data; NC has its own three
PUSH: Final = 0
REQUEST: Final = 4
RESPONSE: Final = 8
NC_PUSH: Final = 3
NC_REQUEST: Final = 7
NC_RESPONSE: Final = 11

# Function groups of user data
MODE_TRANSITION: Final = 0
PROGRAMMER: Final = 1
CYCLIC: Final = 2
BLOCK: Final = 3
CPU: Final = 4
SECURITY: Final = 5
PBC: Final = 6
TIME: Final = 7
NC: Final = 15

# Items of Read Var and Write Var
ITEM_SPECIFICATION: Final = 0x12
S7ANY: Final = 0x10
S7ANY_LENGTH: Final = 10
NCK: Final = 0x82
NCK_METRIC: Final = 0x83
NCK_INCH: Final = 0x84
DRIVE_ES: Final = 0xA2
DB_READ: Final = 0xB0
SYMBOLIC: Final = 0xB2

# Return codes of data items
SUCCESS: Final = 0xFF
NO_ITEM_DATA: Final = 0x0A

# Transport sizes of data: those that count in bits
SIZE_BIT: Final = 3
SIZE_BYTES: Final = 4
SIZE_INTEGER: Final = 5
SIZE_DINT: Final = 6
SIZE_REAL: Final = 7
SIZE_OCTETS: Final = 9


def u16(data: bytes, at: i64) -> i64:
    """Read two octets, unsigned."""
    return i64(read_i16_be(data, at)) & 0xFFFF


def u32(data: bytes, at: i64) -> i64:
    """Read four octets, unsigned."""
    return u16(data, at) << 16 | u16(data, at + 2)


def octets_of(size: i64, length: i64) -> i64:
    """Return the octets a data item of this transport size and length field has; size 0 has none, whatever it says."""
    if size == 0:
        return 0
    return (length + 7) >> 3 if SIZE_BIT <= size <= SIZE_INTEGER else length
