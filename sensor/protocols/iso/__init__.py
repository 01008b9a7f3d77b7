"""ISO transport over TCP: TPKT (RFC 1006) and COTP class 0 (ISO 8073), the carrier of S7, MMS and others."""

from sensor.protocols.iso.probe import Iso

PROTOCOLS = (Iso(),)
