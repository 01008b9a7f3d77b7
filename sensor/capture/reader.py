"""Reading one capture file, Block by Block.

The rule it lives by: some bytes are read, the frames that are whole are handed on, and what is cut at the edge is
carried over; so memory does not grow with the file.
"""

from typing import Final

from mypy_extensions import i64

from sensor.capture.block import Block
from sensor.capture.pcap import PcapWalker, is_pcap
from sensor.capture.pcapng import PcapngWalker
from sensor.capture.raw import Raw, Stream
from sensor.capture.resync import MAX_SEARCH, SECTION
from sensor.capture.source import Source
from sensor.capture.unpack import MAX_LAYERS, Unpacked, packing_of
from sensor.capture.walker import Walker, u32

CHUNK: Final = 1024 * 1024  # measured: 1 MiB stays in the cache between reading, walking and decoding
LOOK: Final = 65_536  # bytes that tell what a file is and when it begins
RECOGNISED: Final = 8  # bytes that tell what a file is

# Files that people take for captures, and what to do about it
OTHER_KINDS: Final = (
    (b"PK\x03\x04", "a zip archive; unpack it first"),
    (b"7z\xbc\xaf", "a 7-Zip archive; unpack it first"),
    (b"Rar!", "a RAR archive; unpack it first"),
    (b"\x1f\x9d", "packed by compress; unpack it first"),
    (b"snoop\0\0\0", "a snoop capture; editcap turns it into pcapng"),
    (b"GMBU", "a Network Monitor capture; editcap turns it into pcapng"),
    (b"RTSS", "a Network Monitor capture; editcap turns it into pcapng"),
    (b"TRSNIFF", "a Sniffer capture; editcap turns it into pcapng"),
    (b"\x02!L\x18", "lz4 in its legacy framing; unpack it first"),
)


class Unreadable(Exception):  # noqa: N818  it is a file's state, and the message is for people
    """A file that is not a capture, and why."""


def reason(error: Exception) -> str:
    """Say why a file cannot be read, without repeating its name."""
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


class Reader:
    """The frames of one file. `Source` is filled while it reads."""

    def __init__(self, source: Source, raw: Raw, chunk: i64) -> None:
        self.source = source
        self.raw = raw
        self.stream: Stream = raw
        self.chunk = chunk
        self.rest = b""  # read and not walked yet
        self.offset: i64 = 0  # of rest[0] in the unpacked file
        self.over = False
        self.final = False  # `rest` is all that is left
        self.lost = ""  # the damage behind which reading is to go on
        self.passed: i64 = 0  # bytes searched for where
        source.begin()
        source.size = raw.size
        self.walker = self.recognise()

    def recognise(self) -> Walker:
        """Look through the packing at the first bytes, and take the walker for the format they tell."""
        layers: list[str] = []
        self.fill(RECOGNISED)
        packing = packing_of(self.rest)
        while packing and len(layers) < MAX_LAYERS:
            layers.append(packing)
            self.source.packing = "+".join(layers)
            self.stream = Unpacked(self.stream, packing, self.rest)
            self.rest = b""
            self.fill(RECOGNISED)
            packing = packing_of(self.rest)
        if is_pcap(self.rest):
            return PcapWalker(self.source, self.rest)
        if len(self.rest) >= 4 and u32(self.rest, 0, True) == SECTION:
            return PcapngWalker(self.source)
        found = self.what_else()
        self.close()
        raise Unreadable(found)

    def what_else(self) -> str:
        """Say what a file is that is no capture."""
        inside = f"{self.source.packing}, and inside: " if self.source.packing else ""
        if not self.rest:
            return f"{inside}{self.stream.damage or 'empty'}"
        for magic, words in OTHER_KINDS:
            if self.rest.startswith(magic):
                return inside + words
        if packing_of(self.rest):
            return f"packed more than {MAX_LAYERS} times"
        return f"{inside}not a capture: begins with {self.rest[:8].hex(' ')}, a magic number of pcap or pcapng expected"

    def fill(self, need: i64) -> bool:
        """Read until `rest` holds `need` bytes; False when the file has no more."""
        have: i64 = len(self.rest)
        if have >= need:
            return True
        pieces = [self.rest]
        while have < need:
            piece = self.stream.read(max(self.chunk, need - have))
            if not piece:
                break
            pieces.append(piece)
            have += len(piece)
        self.rest = b"".join(pieces)
        self.source.read_bytes = self.raw.position
        return have >= need

    def block(self) -> Block | None:
        """Return the next frames, at least one; None at the end of the file."""
        walker, source = self.walker, self.source
        while not self.over:
            if self.lost:
                self.search()
                continue
            if not self.fill(walker.need):
                self.cut()
                continue
            data, offset, number = self.rest, self.offset, source.frames + 1
            walker.walk(data, offset)
            self.rest = data[walker.used :]
            self.offset = offset + walker.used
            if walker.damage:
                self.lose(walker.damage)
                walker.damage = ""
            if walker.frames:
                return Block(data, walker.index, 0, walker.frames, source.number, number, offset, source.interfaces)
        return None

    def cut(self) -> None:
        """End with the last whole record, or, where a wrong length makes it look cut off, look behind it."""
        if self.raw.stopped:
            self.close()
            return
        self.final = True
        if self.rest:
            place, need = self.walker.place(self.offset), self.walker.need
            self.lose(f"{place} is cut off: {need} bytes expected, {len(self.rest)} there")
        if not self.over and (not self.rest or self.stream.damage):
            self.finish()

    def lose(self, damage: str) -> None:
        """Begin to look behind damage; not where nothing good was seen yet by which to know what is good."""
        self.lost, self.passed = damage, 0
        self.walker.leave(self.rest)
        if self.source.frames == 0:
            self.finish()

    def search(self) -> None:
        """Look behind the damage for where reading can go on, a piece at a time."""
        start = self.walker.step if self.passed == 0 else 0
        found = self.walker.search(self.rest, start, self.final)
        passed = min(found if found >= 0 else -1 - found, len(self.rest))
        self.rest = self.rest[passed:]
        self.offset += passed
        self.passed += passed
        if found >= 0:
            self.source.hurt(f"{self.lost}; went on {self.passed} bytes further, at offset {self.offset}")
            self.lost = ""
            self.walker.need = 0
        elif self.final or self.passed > MAX_SEARCH:
            self.finish()
        else:
            self.final = not self.fill(len(self.rest) + 1)

    def finish(self) -> None:
        """Read no more, and say what was wrong when nothing could be read behind it."""
        if self.lost:
            self.source.hurt(self.lost)
        if self.stream.damage:
            self.source.hurt(self.stream.damage)
        self.close()

    def close(self) -> None:
        """Give back the file and the memory."""
        self.over = True
        self.rest = b""
        self.stream.close()
