"""The walk over a piece of a capture file that finds its frames: what pcap and pcapng have in common.

The rule it lives by: a length is believed only below a limit, and a record is read only when all of it is there.
"""

from typing import Final

from librt.strings import BytesWriter, read_i32_be, read_i32_le, write_i64_le
from mypy_extensions import i64

from sensor.capture.source import Source

MAX_FRAME: Final = 16 * 1024 * 1024  # no link carries more: a longer frame is damage, and must not fill the memory
ORDINARY_FRAME: Final = 262_144  # what tcpdump and dumpcap write at most, whatever the file's snap length says
MAX_ORIGINAL: Final = 0x7FFF_FFFF  # the index has 31 bits for the length on the wire

# Times are kept between these, so that adding a timeout of years never leaves an i64, and 0 can mean "no time".
EARLIEST: Final = 1
LATEST: Final = 9_000_000_000_000_000_000  # in the year 2255


class Walker:
    """Finds the frames in consecutive pieces of one file, and writes their index.

    After `walk`, `data[used:]` is the record that is not all there yet, and `need` its length as far as known.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.index = b""
        self.frames: i64 = 0  # records in `index`
        self.used: i64 = 0
        self.need: i64 = 0
        self.step: i64 = 1  # from a bad record to the next place that may hold a good one
        self.damage = ""  # why nothing behind `used` can be read; "": go on

    def walk(self, data: bytes, offset: i64) -> None:
        """Index the frames of `data`; `offset` is where data[0] lies in the unpacked file."""
        raise NotImplementedError

    def leave(self, data: bytes) -> None:
        """The record that `data` begins with is illegible, and will be passed over."""

    def search(self, data: bytes, start: i64, final: bool) -> i64:
        """Return where reading can go on after damage; -1 - n: nowhere before n. `final`: no more data follows."""
        raise NotImplementedError

    def place(self, offset: i64) -> str:
        """Name the place of what follows the frames found so far."""
        return f"frame {self.source.frames + 1} at offset {offset}"


def u32(data: bytes, at: i64, big: bool) -> i64:
    """Read four bytes, unsigned."""
    return i64(read_i32_be(data, at) if big else read_i32_le(data, at)) & 0xFFFF_FFFF


def write_record(out: BytesWriter, time: i64, offset: i64, captured: i64, original: i64, interface: i64) -> None:
    """Append one record of `Block.index`; a frame was at least as long on the wire as what was captured of it."""
    if original < captured:
        original = captured
    elif original > MAX_ORIGINAL:
        original = MAX_ORIGINAL
    write_i64_le(out, time)
    write_i64_le(out, offset | (captured << 32))
    write_i64_le(out, original | (interface << 32))
