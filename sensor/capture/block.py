"""Many frames in one piece of memory: what every source of frames hands on.

The rule it lives by: frames stay where they were read; the index says where each lies and when it was seen.
"""

from typing import Final

from mypy_extensions import i64

# One record of `Block.index`, little-endian:
#   0 time       i64  capture time, ns since 1970
#   8 offset     i32  where the frame begins in `data`
#  12 captured   i32  bytes of it that are there
#  16 original   i32  bytes it had on the wire
#  20 interface  i32  index into `interfaces`
RECORD: Final = 24


class Interface:
    """One interface of a capture: where its frames begin decoding, and what it is called."""

    def __init__(self, link_type: i64, snap_length: i64, name: str) -> None:
        self.link_type = link_type  # LINKTYPE_ number of the tcpdump group
        self.snap_length = snap_length  # 0: no limit known
        self.name = name


class Block:
    """Frames `first` to `last` (exclusive) of one index over one `bytes` object.

    Several Blocks may share `data` and `index`, when files are merged in time.
    """

    def __init__(
        self,
        data: bytes,
        index: bytes,
        first: i64,
        last: i64,
        source: i64,
        number: i64,
        offset: i64,
        interfaces: list[Interface],
    ) -> None:
        self.data = data
        self.index = index
        self.first = first
        self.last = last
        self.source = source  # index of the file or live interface
        self.number = number  # number in its file, from 1, of the frame at record 0 of `index`
        self.offset = offset  # where data[0] lies in the (unpacked) file: evidence is (file, offset)
        self.interfaces = interfaces
        self.time: i64 = 0  # for a Block without frames: the capture time it brings
