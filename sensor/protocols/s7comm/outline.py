"""The outline of one PDU: where its parts lie, what it is about, how it ended, and what is wrong with it.

The rule it lives by: `Outline` is the one judge of what is odd, asked by the glance and by the whole reading alike, so
that a PDU which was only glanced at has nothing to hide. After `take` every offset lies inside the PDU.
"""

from typing import Final

from mypy_extensions import i64

from sensor.protocols.s7comm.wire import (
    ACK,
    ACK_DATA,
    ACK_HEADER,
    BLOCK,
    CPU,
    CPU_SERVICES,
    CYCLIC,
    DATA_LENGTH,
    DB_READ,
    DOWNLOAD_BLOCK,
    DRIVE_ES,
    END_UPLOAD,
    ERROR_CLASS,
    HEADER,
    ITEM_SPECIFICATION,
    JOB,
    MODE_TRANSITION,
    NC,
    NC_PUSH,
    NC_REQUEST,
    NC_RESPONSE,
    NCK,
    NCK_INCH,
    NCK_METRIC,
    NO_ITEM_DATA,
    PARAMETER_LENGTH,
    PBC,
    PI_SERVICE,
    PLC_STOP,
    PROGRAMMER,
    PROTOCOL_ID,
    PUSH,
    READ_VAR,
    REFERENCE,
    REQUEST,
    REQUEST_DOWNLOAD,
    RESPONSE,
    ROSCTR,
    S7ANY,
    S7ANY_LENGTH,
    SECURITY,
    SETUP_COMMUNICATION,
    START_UPLOAD,
    SUCCESS,
    SYMBOLIC,
    TIME,
    UD_ERROR,
    UD_GROUP,
    UD_HEAD,
    UD_HEAD_MODE,
    UD_LAST_UNIT,
    UD_LENGTH,
    UD_LONG,
    UD_METHOD,
    UD_SEQUENCE,
    UD_SHORT,
    UD_SUBFUNCTION,
    UD_UNIT_REFERENCE,
    UPLOAD,
    USERDATA,
    WRITE_VAR,
    octets_of,
    u16,
)

# What can be wrong: bits of `Outline.faults`, named in the order of FAULTS
TRUNCATED: Final = 1
LENGTH_MISMATCH: Final = 2
UNKNOWN_ROSCTR: Final = 4
UNKNOWN_FUNCTION: Final = 8
ITEM_COUNT_MISMATCH: Final = 16
ITEM_MALFORMED: Final = 32
UNKNOWN_AREA: Final = 64
VALUE_LENGTH_MISMATCH: Final = 128
PARAMETERS_MALFORMED: Final = 256
UNKNOWN_TYPE: Final = 512
FAULTS: Final = (
    "header_truncated",
    "length_mismatch",
    "unknown_rosctr",
    "unknown_function",
    "item_count_mismatch",
    "item_malformed",
    "unknown_area",
    "value_length_mismatch",
    "parameters_malformed",
    "unknown_userdata_type",
)

# Subfunctions known in each function group of user data, a bit for each number
KNOWN_PROGRAMMER: Final = 0x4FFFFE  # 1-19, 22
KNOWN_CYCLIC: Final = 0x1B2  # 1, 4, 5, 7, 8
KNOWN_BLOCK: Final = 0xE  # 1-3
KNOWN_CPU: Final = 0x4E7BEE  # 1-3, 5-9, 11-14, 17-19, 22
KNOWN_SECURITY: Final = 0x6  # 1-2
KNOWN_TIME: Final = 0x1E  # 1-4
KNOWN_NC: Final = 0x1DE  # 1-4, 6-8


def known_subfunction(group: i64, subfunction: i64) -> bool:
    """Tell whether a subfunction of user data has a name."""
    if group in (PBC, MODE_TRANSITION):
        return True  # PBC carries its R_ID there; a mode transition the mode
    if subfunction > 31:
        return False
    bit: i64 = 1 << subfunction
    known: i64 = 0
    if group == CPU:
        known = KNOWN_CPU
    elif group == CYCLIC:
        known = KNOWN_CYCLIC
    elif group == PROGRAMMER:
        known = KNOWN_PROGRAMMER
    elif group == BLOCK:
        known = KNOWN_BLOCK
    elif group == TIME:
        known = KNOWN_TIME
    elif group == SECURITY:
        known = KNOWN_SECURITY
    elif group == NC:
        known = KNOWN_NC
    return known & bit != 0


def known_area(area: i64) -> bool:
    """Tell whether an area of S7ANY has a name."""
    return 0x80 <= area <= 0x87 or 0x1C <= area <= 0x1F or area in (0x01, 0x03, 0x05, 0x06, 0x07)


def item_faults(data: bytes, at: i64, end: i64, count: i64) -> i64:
    """Walk `count` address items, which must end at `end`; an item of odd length is filled up, but for the last."""
    for number in range(count):
        if at + 3 > end:
            return ITEM_COUNT_MISMATCH
        size: i64 = data[at + 1]
        if data[at] != ITEM_SPECIFICATION or size == 0:
            return ITEM_MALFORMED
        following: i64 = at + 2 + size
        if following > end:
            return ITEM_COUNT_MISMATCH
        syntax: i64 = data[at + 2]
        if syntax == S7ANY:
            if size != S7ANY_LENGTH:
                return ITEM_MALFORMED
            if not known_area(data[at + 8]):
                return UNKNOWN_AREA
        elif not special_item(data, at, size, syntax):
            return ITEM_MALFORMED
        at = following
        if size & 1 and number < count - 1:
            at += 1
    return 0 if at == end else ITEM_COUNT_MISMATCH


def special_item(data: bytes, at: i64, size: i64, syntax: i64) -> bool:
    """Tell whether an item of another syntax has the length it must have."""
    if syntax == DB_READ:
        areas: i64 = data[at + 3] if size >= 2 else 0
        return size == 2 + 5 * areas
    if syntax == SYMBOLIC:
        return size >= 10 and (size - 10) & 3 == 0
    if syntax in (NCK, NCK_METRIC, NCK_INCH):
        return size == 8
    return syntax == DRIVE_ES and size == 10


class Outline:
    """One PDU's outline; reused by the glance, so nothing of it is kept."""

    def __init__(self) -> None:
        self.faults: i64 = 0
        self.rosctr: i64 = 0
        self.reference: i64 = 0
        self.parameters: i64 = 0  # where the parameters begin
        self.data: i64 = 0  # where the data begins, and the parameters end
        self.end: i64 = 0
        self.error: i64 = 0  # error class and code; of user data the parameters' error
        self.function: i64 = -1  # of a job; -1 none; of user data 256 + 256 * group + subfunction
        self.count: i64 = 0  # items
        self.refused = False  # an item's return code is not success
        self.code: i64 = 0  # the first such code
        # User data
        self.type: i64 = -1
        self.group: i64 = -1
        self.subfunction: i64 = -1
        self.sequence: i64 = 0
        self.method: i64 = 0
        self.unit_reference: i64 = 0
        self.more = False  # the last data unit is yet to come
        self.payload: i64 = 0  # where the payload of user data begins

    def take(self, data: bytes, start: i64, end: i64) -> None:
        """Read the outline of the PDU data[start:end]."""
        self.faults = 0
        self.error = 0
        self.function = -1
        self.count = 0
        self.refused = False
        self.code = 0
        self.type = -1
        self.group = -1
        self.more = False
        self.rosctr = data[start + ROSCTR] if end - start > ROSCTR else 0
        header: i64 = ACK_HEADER if self.rosctr in (ACK, ACK_DATA) else HEADER
        if end - start < header or data[start] != PROTOCOL_ID:
            self.faults = TRUNCATED
            self.reference = 0
            self.parameters = self.data = self.payload = self.end = end
            return
        self.reference = u16(data, start + REFERENCE)
        self.parameters = start + header
        self.data = self.parameters + u16(data, start + PARAMETER_LENGTH)
        self.end = self.data + u16(data, start + DATA_LENGTH)
        if self.end != end:
            self.faults = LENGTH_MISMATCH
            self.data = min(self.data, end)
            self.end = min(self.end, end)
        self.payload = self.end
        if self.rosctr == USERDATA:
            self.take_userdata(data)
            return
        if self.parameters < self.data:
            self.function = data[self.parameters]
        if self.rosctr == JOB:
            self.take_job(data)
        elif header == ACK_HEADER:
            self.error = u16(data, start + ERROR_CLASS)
            if self.rosctr == ACK_DATA and (self.error == 0 or self.data < self.end):
                self.take_answer(data)
        else:
            self.faults |= UNKNOWN_ROSCTR

    def take_job(self, data: bytes) -> None:
        """Check the parameters of a job."""
        at, length, function = self.parameters, self.data - self.parameters, self.function
        if function in (READ_VAR, WRITE_VAR):
            if length < 2:
                self.faults |= PARAMETERS_MALFORMED
                return
            self.count = data[at + 1]
            self.faults |= item_faults(data, at + 2, self.data, self.count)
            if function == WRITE_VAR:
                self.take_values(data, False)
            return
        whole = True
        if function == SETUP_COMMUNICATION:
            whole = length == 8
        elif REQUEST_DOWNLOAD <= function <= START_UPLOAD:
            whole = length >= 9 and 9 + i64(data[at + 8]) <= length
        elif function in (UPLOAD, END_UPLOAD):
            whole = length >= 8
        elif function == PI_SERVICE:
            whole = pi_service_whole(data, at, length)
        elif function == PLC_STOP:
            whole = length >= 7 and 7 + i64(data[at + 6]) <= length
        elif function < 0:
            whole = False
        elif function != CPU_SERVICES:
            self.faults |= UNKNOWN_FUNCTION
        if not whole:
            self.faults |= PARAMETERS_MALFORMED

    def take_answer(self, data: bytes) -> None:
        """Check the answer to a job that was not refused as a whole."""
        at, length, function = self.parameters, self.data - self.parameters, self.function
        if function in (READ_VAR, WRITE_VAR):
            if length < 2:
                self.faults |= PARAMETERS_MALFORMED
                return
            self.count = data[at + 1]
            if function == READ_VAR:
                self.take_values(data, True)
            else:
                self.take_codes(data)
        elif function == SETUP_COMMUNICATION:
            if length != 8:
                self.faults |= PARAMETERS_MALFORMED
        elif function in (DOWNLOAD_BLOCK, UPLOAD):
            size = self.end - self.data
            if size < 4 or u16(data, self.data) != size - 4:
                self.faults |= VALUE_LENGTH_MISMATCH
        elif function >= 0 and not (
            REQUEST_DOWNLOAD <= function <= END_UPLOAD or function in (PI_SERVICE, PLC_STOP, CPU_SERVICES)
        ):
            self.faults |= UNKNOWN_FUNCTION

    def take_values(self, data: bytes, answered: bool) -> None:
        """Walk data items with their values; those of odd length are filled up, but for the last."""
        at, end = self.data, self.end
        for number in range(self.count):
            if at + 4 > end:
                self.faults |= VALUE_LENGTH_MISMATCH
                return
            code: i64 = data[at]
            octets: i64 = 0
            if not answered or code in (SUCCESS, 0, NO_ITEM_DATA):
                octets = octets_of(data[at + 1], u16(data, at + 2))
            if answered and code != SUCCESS:
                self.refuse(code)
            at += 4 + octets
            if at > end:
                self.faults |= VALUE_LENGTH_MISMATCH
                return
            if octets & 1 and number < self.count - 1:
                at += 1
        if at != end:
            self.faults |= VALUE_LENGTH_MISMATCH

    def take_codes(self, data: bytes) -> None:
        """Look at the return codes of a write, an octet for each item."""
        if self.end - self.data != self.count:
            self.faults |= VALUE_LENGTH_MISMATCH
        for at in range(self.data, self.end):
            if data[at] != SUCCESS:
                self.refuse(data[at])

    def refuse(self, code: i64) -> None:
        """Keep the first return code that is not success."""
        if not self.refused:
            self.refused = True
            self.code = code

    def take_userdata(self, data: bytes) -> None:
        """Read head, type, group and subfunction of user data, and find its payload."""
        at, length = self.parameters, self.data - self.parameters
        if length < UD_SHORT or u16(data, at) not in (UD_HEAD, UD_HEAD_MODE):
            self.faults |= PARAMETERS_MALFORMED
            return
        self.type = data[at + UD_GROUP] >> 4
        self.group = data[at + UD_GROUP] & 0x0F
        self.subfunction = data[at + UD_SUBFUNCTION]
        self.function = 256 + 256 * self.group + self.subfunction
        self.method = data[at + UD_METHOD]
        self.sequence = data[at + UD_SEQUENCE]
        if u16(data, at) == UD_HEAD:
            if data[at + UD_LENGTH] != length - 4:
                self.faults |= PARAMETERS_MALFORMED
            if length >= UD_LONG:
                self.unit_reference = data[at + UD_UNIT_REFERENCE]
                self.more = data[at + UD_LAST_UNIT] != 0
                self.error = u16(data, at + UD_ERROR)
        if self.type not in (PUSH, REQUEST, RESPONSE, NC_PUSH, NC_REQUEST, NC_RESPONSE):
            self.faults |= UNKNOWN_TYPE
        if not known_subfunction(self.group, self.subfunction):
            self.faults |= UNKNOWN_FUNCTION
        size = self.end - self.data
        if size == 0:
            return
        if size < 4 or 4 + octets_of(data[self.data + 1], u16(data, self.data + 2)) != size:
            self.faults |= VALUE_LENGTH_MISMATCH
            return
        self.payload = self.data + 4
        if self.type == REQUEST:
            self.take_payload(data)

    def take_payload(self, data: bytes) -> None:
        """Check the payload of a request whose content says what it is about."""
        length = self.end - self.payload
        if length == 0:
            return
        if self.group == CYCLIC and self.subfunction in (1, 5, 7):
            if length < 4:
                self.faults |= PARAMETERS_MALFORMED
                return
            self.count = u16(data, self.payload)
            self.faults |= item_faults(data, self.payload + 4, self.end, self.count)
        elif (self.group == CPU and self.subfunction == 1 and length != 4) or (
            self.group == BLOCK and self.subfunction > 1 and length != (2 if self.subfunction == 2 else 8)
        ):
            self.faults |= PARAMETERS_MALFORMED


def pi_service_whole(data: bytes, at: i64, length: i64) -> bool:
    """Tell whether parameter block and service name of a PI service lie within its parameters."""
    if length < 11:
        return False
    name: i64 = 10 + u16(data, at + 8)
    return name < length and name + 1 + i64(data[at + name]) <= length
