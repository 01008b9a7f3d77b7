"""ARP over Ethernet for IPv4 (RFC 826): who says which address is whose.

The rule it lives by: hardware and protocol types and sizes must be the common ones, or nothing is read.
"""

from librt.strings import read_i16_be, read_i64_be
from mypy_extensions import i64


def arp(data: bytes, start: i64, end: i64) -> tuple[int, bytes, bytes, bytes, bytes] | None:
    """Return operation (1 request, 2 reply), sender MAC and IP, target MAC and IP; None when it is another ARP."""
    if start < 0 or end - start < 28 or i64(read_i64_be(data, start)) >> 16 != 0x000108000604:
        return None
    operation = int(read_i16_be(data, start + 6)) & 0xFFFF
    at = start + 8
    return operation, data[at : at + 6], data[at + 6 : at + 10], data[at + 10 : at + 16], data[at + 16 : at + 20]
