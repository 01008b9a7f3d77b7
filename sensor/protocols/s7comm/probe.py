# ruff: noqa: ARG002  # the contract's parameters, whether or not this protocol needs them
"""Recognise S7comm in the payload of a COTP connection.

The rule it lives by: the carrier's headers are the proof, so the protocol's own first octet is enough; what does not
fit behind it is an anomaly, not another protocol.
"""

from mypy_extensions import i64

from sensor.contract import MORE, NO, YES, Dissector, Protocol
from sensor.protocols.s7comm.dissector import S7Dissector
from sensor.protocols.s7comm.wire import PROTOCOL_ID


class S7comm(Protocol):
    """S7comm inside TPKT and COTP."""

    def __init__(self) -> None:
        super().__init__("s7comm", ("iso",), ())

    def probe(self, data: bytes, start: i64, end: i64, direction: i64) -> i64:
        """Return YES when the message begins with S7comm's protocol id."""
        if start >= end:
            return MORE
        return YES if data[start] == PROTOCOL_ID else NO

    def dissector(self) -> Dissector:
        """Return a fresh dissector for one conversation."""
        return S7Dissector()
