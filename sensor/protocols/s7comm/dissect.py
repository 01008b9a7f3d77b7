"""Read everything one S7comm message says.

The rule it lives by: the outline judges, here things are only named; an answer that came in pieces is read as one.
"""

from typing import Final

from mypy_extensions import i64

from sensor.protocols.s7comm.blocks import read_pi_service, read_transfer_answer, read_transfer_job
from sensor.protocols.s7comm.faults import FAULTS, TRUNCATED
from sensor.protocols.s7comm.items import Item, read_items
from sensor.protocols.s7comm.message import S7Message
from sensor.protocols.s7comm.names import FUNCTIONS
from sensor.protocols.s7comm.outline import Outline
from sensor.protocols.s7comm.userdata import read_userdata
from sensor.protocols.s7comm.values import read_values
from sensor.protocols.s7comm.weight import answered_by_client
from sensor.protocols.s7comm.wire import (
    ACK,
    ACK_DATA,
    ACK_HEADER,
    DATA_LENGTH,
    END_UPLOAD,
    HEADER,
    JOB,
    PARAMETER_LENGTH,
    PI_SERVICE,
    PLC_STOP,
    PROTOCOL_ID,
    READ_VAR,
    REQUEST_DOWNLOAD,
    ROSCTR,
    SETUP_COMMUNICATION,
    USERDATA,
    WRITE_VAR,
    u16,
)

MAX_PIECES: Final = 1024  # of one answer; what an exchange keeps of it holds no more than some 2000


def pdu_end(data: bytes, start: i64, end: i64) -> i64:
    """Return where the first PDU ends by its own lengths, `end` when it would reach beyond."""
    if end - start < HEADER:
        return end
    header: i64 = ACK_HEADER if data[start + ROSCTR] in (ACK, ACK_DATA) else HEADER
    whole = start + header + u16(data, start + PARAMETER_LENGTH) + u16(data, start + DATA_LENGTH)
    return min(whole, end)


def in_pieces(data: bytes, start: i64, end: i64) -> bool:
    """Tell whether more user data PDUs follow the first, as in an answer that came in pieces."""
    first = pdu_end(data, start, end)
    return first < end - HEADER and data[start + ROSCTR] == USERDATA and data[first] == PROTOCOL_ID


def read(data: bytes, start: i64, end: i64, direction: i64, request: bytes) -> S7Message:
    """Read one message; `request` is the payload of the request it answers, b"" when it is not known."""
    message = S7Message(direction)
    outline = Outline()
    pieces = in_pieces(data, start, end)
    outline.take(data, start, pdu_end(data, start, end) if pieces else end)
    faults = outline.faults
    message.rosctr = outline.rosctr
    message.reference = outline.reference
    if faults & TRUNCATED:
        message.operation = "unknown"
        message.kind = "unsolicited"
    elif outline.rosctr == USERDATA:
        if outline.type < 0:
            message.operation = "userdata"
            message.kind = "unsolicited"
        else:
            message.type, message.group, message.subfunction = outline.type, outline.group, outline.subfunction
            message.sequence = outline.sequence
            if outline.type in (8, 11):
                message.error = outline.error
            payload = data[outline.payload : outline.end]
            if pieces:
                rest, more_faults = later_pieces(data, outline.end, end)
                payload += rest
                faults |= more_faults
            read_userdata(message, outline, payload)
    else:
        read_header(message, outline, data, request)
    message.anomalies = [FAULTS[bit] for bit in range(len(FAULTS)) if faults & (1 << bit)]
    return message


def later_pieces(data: bytes, at: i64, end: i64) -> tuple[bytes, int]:
    """Join the payloads of the PDUs that follow the first, and what is wrong with them."""
    outline = Outline()
    parts: list[bytes] = []
    faults: i64 = 0
    while at < end and len(parts) < MAX_PIECES:
        following = pdu_end(data, at, end)
        outline.take(data, at, following)
        faults |= outline.faults
        parts.append(data[outline.payload : outline.end])
        at = following
    return b"".join(parts), faults


def read_header(message: S7Message, outline: Outline, data: bytes, request: bytes) -> None:
    """Name a job or its answer, and read what its function carries."""
    function = outline.function
    if outline.rosctr == ACK and request:
        function = request_function(request)
    message.operation, message.action = FUNCTIONS.get(function, (f"function_0x{function & 0xFF:02x}", "other"))
    if function < 0:
        message.operation = "acknowledge"
    message.function = outline.function
    message.kind = "request" if outline.rosctr == JOB else "response"
    if outline.rosctr == JOB:
        if answered_by_client(function):
            message.said["s7comm.initiator"] = "server"
        read_job(message, outline, data)
    elif outline.rosctr in (ACK, ACK_DATA):
        message.error, message.header_error = outline.error, True
        if outline.error == 0 or outline.data < outline.end:
            read_answer(message, outline, data, request)
    else:
        message.kind, message.operation, message.action = "unsolicited", "unknown", "other"


def request_function(request: bytes) -> i64:
    """Return the function of the job a bare acknowledgement answers."""
    return request[HEADER] if len(request) > HEADER and request[ROSCTR] == JOB else -1


def read_job(message: S7Message, outline: Outline, data: bytes) -> None:
    """Read what a job asks for."""
    function = outline.function
    if function in (READ_VAR, WRITE_VAR):
        message.item_count = outline.count
        message.items = read_items(data, outline.parameters + 2, outline.data, outline.count)
        message.targets = [target for item in message.items for target in item.targets]
        if function == WRITE_VAR:
            values = read_values(data, outline.data, outline.end, outline.count, message.items, False)
            message.values, message.numbers = values.texts, values.numbers
    elif function == SETUP_COMMUNICATION and outline.data - outline.parameters >= 8:
        read_setup(message, data, outline.parameters, "requested_")
    elif REQUEST_DOWNLOAD <= function <= END_UPLOAD:
        read_transfer_job(message, outline, data)
    elif function in (PI_SERVICE, PLC_STOP):
        read_pi_service(message, outline, data)


def read_answer(message: S7Message, outline: Outline, data: bytes, request: bytes) -> None:
    """Read what an answer brings."""
    function = outline.function
    if function == READ_VAR:
        message.item_count = outline.count
        items = items_of(request)
        values = read_values(data, outline.data, outline.end, outline.count, items, True)
        message.return_codes, message.values, message.numbers = values.codes, values.texts, values.numbers
    elif function == WRITE_VAR:
        message.item_count = outline.count
        message.return_codes = list(data[outline.data : min(outline.end, outline.data + outline.count)])
    elif function == SETUP_COMMUNICATION and outline.data - outline.parameters >= 8:
        read_setup(message, data, outline.parameters, "")
    elif REQUEST_DOWNLOAD <= function <= END_UPLOAD:
        read_transfer_answer(message, outline, data)


def read_setup(message: S7Message, data: bytes, at: i64, word: str) -> None:
    """Read how many jobs may run in parallel, and how long a PDU may be."""
    message.said[f"s7comm.{word}amq_calling"] = u16(data, at + 2)
    message.said[f"s7comm.{word}amq_called"] = u16(data, at + 4)
    message.said[f"s7comm.{word}pdu_length"] = u16(data, at + 6)


def items_of(request: bytes) -> list[Item]:
    """Return the addresses a read has asked for."""
    outline = Outline()
    outline.take(request, 0, len(request))
    if outline.rosctr != JOB or outline.function != READ_VAR:
        return []
    return read_items(request, outline.parameters + 2, outline.data, outline.count)
