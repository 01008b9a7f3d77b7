"""Functions 8, 11 and 12: serial line diagnostics, event counter and event log.

Application Protocol V1.1b3, 6.8 to 6.10. The rule it lives by: these functions watch the line, two of them stop it.
"""

from mypy_extensions import i64

from sensor.protocols.modbus import names
from sensor.protocols.modbus.message import ModbusMessage
from sensor.protocols.modbus.wire import octet_or_absent, word, word_or_absent


def read_diagnostic(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    """Read a sub-function and its data words, the same in request and response."""
    message.subfunction_code = word_or_absent(data, at + 1, end)
    if message.subfunction_code < 0:
        return
    if message.subfunction_code not in names.DIAGNOSTICS:
        message.note("unknown_subfunction")
    here = at + 3
    while here + 2 <= end:
        message.diagnostic_words.append(int(word(data, here)))
        here += 2
    if here < end:
        message.note("pdu_too_long")
    elif not message.diagnostic_words:
        message.note("pdu_too_short")


def read_event_counter(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    """Read the answer to Get Comm Event Counter."""
    message.event_status = word_or_absent(data, at + 1, end)
    message.event_count = word_or_absent(data, at + 3, end)


def read_event_log(message: ModbusMessage, data: bytes, at: i64, end: i64) -> None:
    """Read the answer to Get Comm Event Log: byte count, status, two counters, the events."""
    message.byte_count = octet_or_absent(data, at + 1, end)
    end = min(end, at + 2 + max(message.byte_count, 0))
    message.event_status = word_or_absent(data, at + 2, end)
    message.event_count = word_or_absent(data, at + 4, end)
    message.message_count = word_or_absent(data, at + 6, end)
    if message.message_count < 0:
        message.note("byte_count_mismatch")
    for here in range(at + 8, end):
        message.events.append(names.event(data[here]))
