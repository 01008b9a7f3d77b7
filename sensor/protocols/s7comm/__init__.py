"""S7comm, the protocol of SIMATIC S7-300, S7-400 and, for other makers' partners, S7-1200 and S7-1500."""

from sensor.protocols.s7comm.probe import S7comm

PROTOCOLS = (S7comm(),)
