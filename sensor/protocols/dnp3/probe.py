"""Is it DNP3? Told by structure, on any port, over TCP and UDP.

The rule it lives by: two start octets and a header CRC are 32 bits that chance does not bring.
"""

from typing import Final

from mypy_extensions import i64

from sensor.contract import MORE, NO, YES, Dissector, Protocol
from sensor.protocols.dnp3.dissector import Dnp3Dissector
from sensor.protocols.dnp3.wire import frame_length

PORT: Final = 20_000


class Dnp3(Protocol):
    """DNP3 over TCP and UDP (IEEE 1815-2012)."""

    def __init__(self) -> None:
        super().__init__("dnp3", ("tcp", "udp"), (PORT,))

    def probe(self, data: bytes, start: i64, end: i64, direction: i64) -> i64:  # noqa: ARG002 - the contract's
        """Return YES where a link header with its CRC stands, MORE where it may be coming, NO otherwise."""
        length = frame_length(data, start, end)
        return YES if length > 0 else MORE if length == 0 else NO

    def dissector(self) -> Dissector:
        """Return a fresh dissector for one conversation."""
        return Dnp3Dissector()
