"""The options of a pcapng block: draft-ietf-opsawg-pcapng, section 3.5.

The rule it lives by: an option is read only when all of it lies within its block.
"""

from librt.strings import read_i16_be, read_i16_le, read_i64_be, read_i64_le
from mypy_extensions import i64

from sensor.capture.clock import MAX_DROPS
from sensor.capture.source import MAX_TEXT


def u16(data: bytes, at: i64, big: bool) -> i64:
    """Read two bytes, unsigned."""
    return i64(read_i16_be(data, at) if big else read_i16_le(data, at)) & 0xFFFF


def signed64(data: bytes, at: i64, big: bool) -> i64:
    """Read eight bytes, signed."""
    return read_i64_be(data, at) if big else read_i64_le(data, at)


def count(data: bytes, at: i64, big: bool) -> i64:
    """Read a 64-bit counter, at most MAX_DROPS."""
    value = signed64(data, at, big)
    return value if 0 <= value < MAX_DROPS else MAX_DROPS


def is_option(data: bytes, at: i64, end: i64, big: bool) -> bool:
    """Tell whether a whole option lies at `at`, and it is not the one that ends them."""
    return end - at >= 4 and u16(data, at, big) != 0 and end - at - 4 >= u16(data, at + 2, big)


def next_option(data: bytes, at: i64, big: bool) -> i64:
    """Return where the option after the one at `at` begins."""
    return at + 4 + ((u16(data, at + 2, big) + 3) & ~3)


def option_text(data: bytes, at: i64, big: bool) -> str:
    """Return the value of the option at `at` as text, at most MAX_TEXT bytes of it."""
    length = min(u16(data, at + 2, big), MAX_TEXT)
    return data[at + 4 : at + 4 + length].decode("utf-8", "replace").rstrip("\0")
