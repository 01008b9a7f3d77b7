"""DNP3 (IEEE 1815-2012) over TCP and UDP."""

from sensor.contract import Protocol
from sensor.protocols.dnp3.probe import Dnp3

PROTOCOLS: tuple[Protocol, ...] = (Dnp3(),)
