"""Reading what lies packed: gzip, zstd, lz4, xz and bzip2.

The rule it lives by: whatever a few bytes unpack to, no more than a PIECE is held at once; and what was unpacked before
the damage is given before the damage is told.
"""

import bz2
import lzma
import zlib
from typing import Any, Final

import lz4.frame
import zstandard
from mypy_extensions import i64

from sensor.capture.members import Inflate, ZstdFrame
from sensor.capture.raw import Stream

PIECE: Final = 65_536  # bytes read packed at once, and unpacked at once
MAX_LAYERS: Final = 2  # a packed file inside a packed file happens; deeper is a bomb
XZ_MEMORY: Final = 128 * 1024 * 1024  # `xz -9` needs 65 MiB

MAGICS: Final = {
    "gzip": b"\x1f\x8b\x08",
    "zstd": b"\x28\xb5\x2f\xfd",
    "lz4": b"\x04\x22\x4d\x18",
    "xz": b"\xfd7zXZ\x00",
    "bzip2": b"BZh",
}
ERRORS: Final = (zlib.error, zstandard.ZstdError, RuntimeError, lzma.LZMAError, OSError, EOFError)


class Unpacked(Stream):
    """What a packed stream holds: all its members, one after the other."""

    def __init__(self, below: Stream, packing: str, data: bytes) -> None:
        super().__init__()
        self.below = below
        self.packing = packing
        self.data = data  # packed bytes read and not yet unpacked
        self.taken: i64 = len(data)  # packed bytes read
        self.unpacker: Any = unpacker(packing)
        self.begun = False  # within a member
        self.over = False

    def read(self, size: i64) -> bytes:
        """Return at most `size` bytes, as many as there are at once."""
        pieces: list[bytes] = []
        had: i64 = 0
        while had < size and not self.over:
            piece = self.step(min(size - had, PIECE))
            if piece:
                pieces.append(piece)
                had += len(piece)
        return b"".join(pieces)

    def step(self, size: i64) -> bytes:
        """Unpack a little; b"" may also mean that more must be read first."""
        if self.unpacker.eof:
            self.next_member()
            return b""
        if self.unpacker.needs_input and not self.data:
            self.data = self.below.read(PIECE)
            self.taken += len(self.data)
            if not self.data:
                self.end("cut off" if self.begun else "")
                return b""
        self.begun = True
        try:
            piece: bytes = self.unpacker.decompress(self.data, size)
        except ERRORS as error:
            self.end(f"damaged ({str(error) or type(error).__name__})")
            return b""
        self.data = b""
        return piece

    def next_member(self) -> None:
        """Begin the member that follows the one that ended; padding of zeros between them is passed over."""
        rest = (self.unpacker.unused_data or b"").lstrip(b"\0")  # lz4 says None
        magic = MAGICS[self.packing]
        while len(rest) < len(magic):
            more = self.below.read(PIECE)
            if not more:
                break
            self.taken += len(more)
            rest = (rest + more).lstrip(b"\0")
        self.begun = False
        if not rest:
            self.end("")
        elif rest.startswith(magic) or is_skippable(self.packing, rest):
            self.unpacker = unpacker(self.packing)
            self.data = rest
        else:
            self.end(f"followed by something else ({rest[:8].hex(' ')}), not read,")

    def end(self, why: str) -> None:
        """Give no more; say why when that is before its time."""
        self.over = True
        self.damage = self.below.damage
        if why and not self.damage:
            self.damage = f"the {self.packing} stream is {why} after {self.taken - len(self.data)} packed bytes"

    def close(self) -> None:
        """Give back what is held open."""
        self.below.close()


def packing_of(data: bytes) -> str:
    """Return how data is packed, by its first bytes; "" when it is not."""
    for packing, magic in MAGICS.items():
        if data.startswith(magic):
            return packing
    return "zstd" if is_skippable("zstd", data) else ""


def is_skippable(packing: str, data: bytes) -> bool:
    """Tell whether a frame for applications begins here, which zstd and lz4 pass over."""
    return packing in ("zstd", "lz4") and data[1:4] == b"\x2a\x4d\x18" and data[0] & 0xF0 == 0x50


def unpacker(packing: str) -> Any:
    """Return a fresh unpacker for one member."""
    if packing == "gzip":
        return Inflate()
    if packing == "zstd":
        return ZstdFrame()
    if packing == "lz4":
        return lz4.frame.LZ4FrameDecompressor()
    if packing == "xz":
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, XZ_MEMORY)
    return bz2.BZ2Decompressor()
