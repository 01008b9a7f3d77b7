"""The vendor behind a MAC address, from an offline table of the IEEE's register.

The rule it lives by: no network, and little to begin with: the lines stay lines, for a plant has twenty vendors.
"""

import bisect
import functools
import gzip
import pathlib
from typing import Final

TABLE: Final = pathlib.Path(__file__).with_name("oui.tsv.gz")


@functools.cache
def table() -> list[bytes]:
    """Return the lines, sorted: prefix (six hex digits), tab, vendor; read once, in about 8 ms."""
    return gzip.decompress(TABLE.read_bytes()).splitlines()


def vendor(mac: bytes) -> str:
    """Return who registered the first three bytes; "" when nobody did or the address is made up."""
    if len(mac) != 6 or mac[0] & 0x03:  # group or locally administered: no vendor stands behind it
        return ""
    lines, prefix = table(), mac[:3].hex().encode() + b"\t"
    at = bisect.bisect_left(lines, prefix)
    if at == len(lines) or not lines[at].startswith(prefix):
        return ""
    return lines[at].removeprefix(prefix).decode()
