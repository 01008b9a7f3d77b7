"""The outline of one PDU: where its parts lie, what it is about, how it ended, and what is wrong with it.

The rule it lives by: `Outline` is the one judge of what is odd, asked by the glance and by the whole reading alike, so
that a PDU which was only glanced at has nothing to hide. After `take` every offset lies inside the PDU.
"""

from mypy_extensions import i64

from sensor.protocols.s7comm.faults import (
    LENGTH_MISMATCH,
    PARAMETERS_MALFORMED,
    TRUNCATED,
    UNKNOWN_FUNCTION,
    UNKNOWN_ROSCTR,
    UNKNOWN_TYPE,
    VALUE_LENGTH_MISMATCH,
    item_faults,
    known_subfunction,
)
from sensor.protocols.s7comm.wire import (
    ACK,
    ACK_DATA,
    ACK_HEADER,
    BLOCK,
    CPU,
    CPU_SERVICES,
    CYCLIC,
    DATA_LENGTH,
    DOWNLOAD_BLOCK,
    END_UPLOAD,
    ERROR_CLASS,
    HEADER,
    JOB,
    NC_PUSH,
    NC_REQUEST,
    NC_RESPONSE,
    NO_ITEM_DATA,
    PARAMETER_LENGTH,
    PI_SERVICE,
    PLC_STOP,
    PROTOCOL_ID,
    PUSH,
    READ_VAR,
    REFERENCE,
    REQUEST,
    REQUEST_DOWNLOAD,
    RESPONSE,
    ROSCTR,
    SETUP_COMMUNICATION,
    START_UPLOAD,
    SUCCESS,
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
