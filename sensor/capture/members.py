"""One member of a packed stream, where Python's own face of the library lacks a limit or loses bytes before damage.

The rule it lives by: the face is that of `bz2.BZ2Decompressor` (eof, needs_input, unused_data, decompress), and one
call never returns more than it was asked for.
"""

import zlib
from typing import Any, Final

import zstandard
from mypy_extensions import i64

ZSTD_WINDOW: Final = 128 * 1024 * 1024  # what the zstd tool itself accepts unless it is told otherwise
ZSTD_FIRST_BYTE: Final = 0x28  # of a data frame; a skippable frame begins 0x50 to 0x5f

# Parts of a zstd frame
HEADER: Final = 0
SKIPPED: Final = 1  # what a skippable frame holds
BLOCK: Final = 2
CHECKSUM: Final = 3
DONE: Final = 4


class Inflate:
    """One gzip member (RFC 1952), behind the common face."""

    def __init__(self) -> None:
        self.inner: Any = zlib.decompressobj(wbits=31)
        self.eof = False
        self.needs_input = True
        self.unused_data = b""
        self.error: zlib.error | None = None

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Return at most `max_length` bytes; damage is raised by the call after the last good bytes."""
        if self.error is not None:
            raise self.error
        before = self.inner.copy()
        data = self.inner.unconsumed_tail + data
        try:
            found: bytes = self.inner.decompress(data, max_length)
        except zlib.error as error:
            self.error = error
            self.needs_input = False
            return salvage(before, data, max_length)
        self.eof = self.inner.eof
        self.unused_data = self.inner.unused_data
        self.needs_input = not self.inner.unconsumed_tail and len(found) < max_length
        return found


def salvage(inner: Any, data: bytes, size: int) -> bytes:
    """Return what `inner` unpacks from data before it fails: by halves, as a failing call gives nothing at all."""
    found = []
    step = len(data)
    while step > 0 and size > 0 and data:
        trial = inner.copy()
        try:
            piece = trial.decompress(data[:step], size)
        except zlib.error:
            step //= 2
            continue
        found.append(piece)
        size -= len(piece)
        data = trial.unconsumed_tail + data[step:]
        inner = trial
    return b"".join(found)


class ZstdFrame:
    """One zstd frame (RFC 8878), behind the common face.

    The library has no limit for what one call returns, so it is fed block by block: each holds 128 KiB at most.
    """

    def __init__(self) -> None:
        self.inner: Any = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW).decompressobj()
        self.eof = False
        self.needs_input = True
        self.unused_data = b""
        self.data = b""
        self.at: i64 = 0  # data[at:] was not fed yet
        self.found = b""  # unpacked and not given yet
        self.part: i64 = HEADER
        self.checksum = False
        self.skip: i64 = 0

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Return at most `max_length` bytes."""
        self.data = self.data[self.at :] + data
        self.at = 0
        starved = False
        while not self.found and self.part != DONE and not starved:
            starved = not self.feed()
        given, self.found = self.found[:max_length], self.found[max_length:]
        if self.part == DONE and not self.found:
            self.eof = True
            self.unused_data = self.data[self.at :]
        self.needs_input = starved
        return given

    def feed(self) -> bool:
        """Take the next part of the frame; False when it is not all there."""
        have: i64 = len(self.data) - self.at
        if self.part == SKIPPED:
            step = min(have, self.skip)
            self.skip -= step
            self.at += step
            if self.skip == 0:
                self.part = DONE
            return self.skip == 0
        size = self.header_size() if self.part == HEADER else 4 if self.part == CHECKSUM else self.block_size()
        if size == 0 or have < size:
            return False
        first = self.data[self.at]
        if self.part == HEADER and first != ZSTD_FIRST_BYTE:
            self.skip = int.from_bytes(self.data[self.at + 4 : self.at + 8], "little")
            self.part = SKIPPED if self.skip else DONE
        else:
            if self.part == HEADER:
                self.checksum = self.data[self.at + 4] & 4 != 0
                self.part = BLOCK
            elif self.part == CHECKSUM:
                self.part = DONE
            elif first & 1:
                self.part = CHECKSUM if self.checksum else DONE
            self.found = self.inner.decompress(self.data[self.at : self.at + size])
        self.at += size
        return True

    def header_size(self) -> i64:
        """Return the length of the frame header (section 3.1.1.1); 0 while it cannot be told."""
        if len(self.data) - self.at < 8:
            return 0
        if self.data[self.at] != ZSTD_FIRST_BYTE:
            return 8
        descriptor = i64(self.data[self.at + 4])
        single = (descriptor >> 5) & 1
        content = (int(single), 2, 4, 8)[descriptor >> 6]
        return 5 + (1 - single) + (0, 1, 2, 4)[descriptor & 3] + content

    def block_size(self) -> i64:
        """Return the length of a block with its header (section 3.1.1.2); 0 while it cannot be told."""
        at = self.at
        if len(self.data) - at < 3:
            return 0
        header = i64(self.data[at]) | (i64(self.data[at + 1]) << 8) | (i64(self.data[at + 2]) << 16)
        return 3 + (1 if (header >> 1) & 3 == 1 else header >> 3)
