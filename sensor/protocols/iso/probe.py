# ruff: noqa: ARG002  # the contract's parameters, whether or not this protocol needs them
"""Recognise ISO transport over TCP by its structure, on any port.

The rule it lives by: the TPKT header and the COTP header must agree; what is inside need not be known, since MMS,
Remote Desktop and others ride here too.
"""

from mypy_extensions import i64

from sensor.contract import MORE, NO, YES, Carrier, Dissector
from sensor.protocols.iso.dissector import IsoDissector
from sensor.protocols.iso.wire import plausible


class Iso(Carrier):
    """TPKT and COTP over TCP."""

    def __init__(self) -> None:
        super().__init__("iso", ("tcp",), (102,))

    def probe(self, data: bytes, start: i64, end: i64, direction: i64) -> i64:
        """Return YES when a packet of ISO transport begins here."""
        verdict = plausible(data, start, end)
        if verdict < 0:
            return MORE
        return YES if verdict == 1 else NO

    def dissector(self) -> Dissector:
        """Return a dissector that knows what may be inside."""
        return IsoDissector(self.inner)
