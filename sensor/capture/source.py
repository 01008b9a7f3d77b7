"""What is known of one capture file: its kind, what was read from it, and what was wrong with it.

The rule it lives by: whatever a file says about itself is bounded here, and nothing of it is lost without a name
and a counter.
"""

import os
from typing import Final

from mypy_extensions import i64

from sensor.capture.block import Interface  # noqa: TC001  a compiled class needs it at run time

MAX_DAMAGES: Final = 4  # places told in words; more say nothing new, and are counted
MAX_COMMENTS: Final = 64  # a comment on every frame is somebody's tool at work, not a note for people
MAX_TEXT: Final = 512  # characters of one comment or name
MAX_ODDITIES: Final = 64  # kinds of blocks passed over; only a forged file has more


class Source:
    """One capture file (or standard input) and the summary of its reading; complete once it was read to its end."""

    def __init__(self, number: i64, path: str, size: i64) -> None:
        self.number = number  # its index: `Block.source`
        self.file = path  # as it is opened; "-": standard input
        self.path = printable(path)  # as it is told, everywhere
        self.size = size  # bytes as it lies, packed; 0: unknown
        self.begin()

    def begin(self) -> None:
        """Forget what was read: the file is read from its beginning."""
        self.format = ""  # "pcap" or "pcapng"; "" while unknown
        self.variant = ""  # "little-endian, microseconds"
        self.packing = ""  # "gzip", "zstd", "lz4", "xz", "bzip2"; two layers are joined by "+"
        self.application = ""  # what wrote it, where the file tells
        self.interfaces: list[Interface] = []
        self.frames: i64 = 0
        self.bytes: i64 = 0  # captured bytes of all frames
        self.first_time: i64 = 0  # earliest and latest frame, ns; without meaning while `frames` is 0
        self.last_time: i64 = 0
        self.drops: i64 = 0  # frames the capturing machine said it lost
        self.comments: list[str] = []
        self.oddities: dict[str, int] = {}  # what was passed over or corrected: how often
        self.damage = ""  # where the file is damaged and how; "": whole
        self.damages: i64 = 0
        self.read_bytes: i64 = 0  # of `size`

    @property
    def link_types(self) -> list[int]:
        """Return the LINKTYPE_ numbers of its interfaces, ascending."""
        return sorted({int(interface.link_type) for interface in self.interfaces})

    @property
    def snap_length(self) -> int:
        """Return the longest snap length of its interfaces; 0: no limit known."""
        lengths = [int(interface.snap_length) for interface in self.interfaces]
        return 0 if 0 in lengths else max(lengths, default=0)

    def saw(self, frames: i64, size: i64, first: i64, last: i64) -> None:
        """Count `frames` more frames of `size` bytes together, seen between `first` and `last`."""
        if frames == 0:
            return
        if self.frames == 0 or first < self.first_time:
            self.first_time = first
        if self.frames == 0 or last > self.last_time:
            self.last_time = last
        self.frames += frames
        self.bytes += size

    def hurt(self, text: str) -> None:
        """Record one place of damage."""
        self.damages += 1
        if self.damages <= MAX_DAMAGES:
            self.damage = f"{self.damage}; {text}" if self.damage else text

    def odd(self, what: str, times: i64) -> None:
        """Count what was passed over or corrected without harm to the rest."""
        if times > 0 and (what in self.oddities or len(self.oddities) < MAX_ODDITIES):
            self.oddities[what] = self.oddities.get(what, 0) + int(times)

    def comment(self, text: str) -> None:
        """Keep a comment, the first MAX_COMMENTS of them."""
        if len(self.comments) < MAX_COMMENTS:
            self.comments.append(text)
        else:
            self.odd("further comments", 1)


def printable(path: str) -> str:
    """Return a file's name as text that can be written anywhere: bytes that are not UTF-8 as backslash escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
