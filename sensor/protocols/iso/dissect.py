"""Read one COTP TPDU, and what is odd about it (ISO 8073 clause 13).

The rule it lives by: `faults` is the one judge of what is odd, asked by the glance and by the whole reading alike, so
that a packet which was only glanced at has nothing to hide.
"""

from typing import Final

from mypy_extensions import i64

from sensor.contract import Target
from sensor.protocols.iso.message import CotpMessage, tsap_text, unit_of
from sensor.protocols.iso.names import TPDUS
from sensor.protocols.iso.wire import (
    AK,
    CALLED_TSAP,
    CALLING_TSAP,
    CC,
    CLASS,
    CODE,
    CONNECT_INDICATOR,
    CONNECT_PARAMETERS,
    CR,
    DC,
    DESTINATION_REFERENCE,
    DR,
    DT,
    DT_NUMBER,
    EA,
    ED,
    ER,
    INDICATOR,
    RJ,
    SHORTEST,
    SOURCE_REFERENCE,
    TPDU_SIZE,
    asks_for_rdp,
    code_of,
    packet_length,
    parameter,
    parameters_end,
    u16,
)

MAX_SIZE_EXPONENT: Final = 13  # clause 13.3.4 b): 8192 octets is the largest size there is


def header_end(data: bytes, start: i64) -> i64:
    """Return where the payload of a packet begins."""
    indicator: i64 = data[start + INDICATOR]
    return start + INDICATOR + 1 + indicator


def shortest_indicator(code: i64) -> i64:
    """Return the least length indicator a kind of TPDU can have."""
    if code in (CR, CC, DR):
        return CONNECT_INDICATOR
    if code == DC:
        return 5
    return 4 if code == ER else 2


def faults(data: bytes, start: i64, end: i64) -> list[str]:
    """Return what is odd about the COTP header of one whole packet."""
    code = code_of(data, start)
    indicator: i64 = data[start + INDICATOR]
    if header_end(data, start) > end or indicator < shortest_indicator(code):
        return ["tpdu_length_mismatch"]
    if code == DT:
        return ["tpdu_number_not_zero"] if data[start + DT_NUMBER] & 0x7F != 0 else []
    if code in (CR, CC):
        return [] if parameters_whole(data, start) else ["tpdu_parameters_malformed"]
    if code in (ED, EA, RJ, AK):
        return ["tpdu_not_class_0"]
    return [] if code in (DR, DC, ER) else ["tpdu_unknown"]


def parameters_whole(data: bytes, start: i64) -> bool:
    """Tell whether the parameters of a CR or CC end where its header ends."""
    at, end = start + CONNECT_PARAMETERS, header_end(data, start)
    return asks_for_rdp(data, at, end) or parameters_end(data, at, end) == end


def payloads(data: bytes, start: i64, end: i64) -> bytes:
    """Join the payloads of all packets in data[start:end]."""
    parts: list[bytes] = []
    while end - start >= SHORTEST:
        length = packet_length(data, start, end)
        if length < SHORTEST or length > end - start:
            break
        at = header_end(data, start)
        if at <= start + length and code_of(data, start) == DT:
            parts.append(data[at : start + length])
        start += length
    return b"".join(parts)


def train_faults(data: bytes, start: i64, end: i64) -> list[str]:
    """Return what is odd about the headers of all packets in data[start:end], without repeats."""
    found: list[str] = []
    while end - start >= SHORTEST:
        length = packet_length(data, start, end)
        if length < SHORTEST or length > end - start:
            break
        for fault in faults(data, start, start + length):
            if fault not in found:
                found.append(fault)
        start += length
    if start != end and "tpdu_length_mismatch" not in found:
        found.append("tpdu_length_mismatch")
    return found


def read_tpdu(data: bytes, start: i64, end: i64, direction: i64) -> CotpMessage:
    """Read the packet's own message: connection, disconnection, error, or data of no known protocol."""
    code = code_of(data, start) if end - start >= SHORTEST else 0
    message = CotpMessage(direction, code)
    message.operation = TPDUS.get(code, "unknown")
    message.kind = "link"
    message.anomalies = train_faults(data, start, end)
    if "tpdu_length_mismatch" in message.anomalies or code not in (CR, CC, DR, DC, ER):
        return message
    message.destination_reference = u16(data, start + DESTINATION_REFERENCE)
    if code != ER:
        message.source_reference = u16(data, start + SOURCE_REFERENCE)
    if code in (CR, CC):
        read_connect(message, data, start)
    elif code == ER:
        message.reason = data[start + CODE + 3]
    else:
        message.operation = "disconnect"
        if code == DR:
            message.reason = data[start + CLASS]
    return message


def read_connect(message: CotpMessage, data: bytes, start: i64) -> None:
    """Read class, TSAPs and size of a CR or CC."""
    at, end = start + CONNECT_PARAMETERS, header_end(data, start)
    message.operation = message.action = "connect"
    message.kind = "request" if message.code == CR else "response"
    message.transport_class = data[start + CLASS] >> 4
    if asks_for_rdp(data, at, end):
        message.rdp = True
        message.targets = [Target("rdp", -1, -1)]
        return
    message.calling_tsap = parameter(data, at, end, CALLING_TSAP)
    message.called_tsap = parameter(data, at, end, CALLED_TSAP)
    message.unit = unit_of(message.called_tsap)
    message.targets = [Target(tsap_text(message.called_tsap), -1, -1)]
    size = parameter(data, at, end, TPDU_SIZE)
    if len(size) == 1 and size[0] <= MAX_SIZE_EXPONENT:
        message.tpdu_size = 1 << size[0]
