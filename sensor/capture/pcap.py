"""The pcap format: draft-ietf-opsawg-pcap, and the variants that Wireshark also knows.

The rule it lives by: the magic number says byte order and time unit; which of the patched record headers follows is
told by which one makes sense, never by belief.
"""

from typing import Final

from librt.strings import BytesWriter
from mypy_extensions import i64

from sensor.capture.block import Interface
from sensor.capture.resync import Records
from sensor.capture.source import Source
from sensor.capture.walker import EARLIEST, MAX_FRAME, ORDINARY_FRAME, Walker, u32, write_record

HEADER: Final = 24
MICROSECONDS: Final = 0xA1B2_C3D4
NANOSECONDS: Final = 0xA1B2_3C4D
KUZNETZOV: Final = 0xA1B2_CD34  # Linux, 1999: record headers with interface, protocol and packet type
IXIA_HARDWARE: Final = 0x1C00_01AC  # nanoseconds; four more bytes of file header
IXIA_SOFTWARE: Final = 0x1C00_01AB
MAGICS: Final = (MICROSECONDS, NANOSECONDS, KUZNETZOV, IXIA_HARDWARE, IXIA_SOFTWARE)

# Bytes of a record header: plain 16, Nokia 20, Kuznetzov 24 (and SuSE 6.3 under the plain magic), SuSE 7 28
PLAIN_HEADERS: Final = (16, 24, 20)
KUZNETZOV_HEADERS: Final = (24, 28, 16)
TRIED: Final = 3  # records that must make sense for a variant to be taken

LINK_TYPE: Final = 0x03FF_FFFF  # the upper bits tell of the frame check sequence

# Order of the two lengths in a record: files before version 2.3 have them the other way round, 2.3 either way
CAPTURED_FIRST: Final = 0
ORIGINAL_FIRST: Final = 1
SMALLER_FIRST: Final = 2
DG_UX: Final = 543  # "major version" of tcpdump on DG/UX


def is_pcap(data: bytes) -> bool:
    """Tell whether the first four bytes are one of pcap's magic numbers, in either byte order."""
    return len(data) >= 4 and (u32(data, 0, True) in MAGICS or u32(data, 0, False) in MAGICS)


class PcapWalker(Walker):
    """Walks a pcap file: one interface, records of a header and the frame."""

    def __init__(self, source: Source, data: bytes) -> None:
        super().__init__(source)
        self.big = u32(data, 0, True) in MAGICS
        self.magic = u32(data, 0, self.big)
        self.begun = False
        self.unit: i64 = 1000 if self.magic in (MICROSECONDS, KUZNETZOV) else 1  # ns
        self.header: i64 = 16
        self.lengths: i64 = CAPTURED_FIRST
        self.limit: i64 = ORDINARY_FRAME
        self.last_time: i64 = 0  # of the last frame
        self.need = HEADER
        source.format = "pcap"
        source.variant = f"{'big' if self.big else 'little'}-endian, {'micro' if self.unit > 1 else 'nano'}seconds"

    def begin(self, data: bytes) -> i64:
        """Read the file header; return where the first record begins, 0 while the header is not all there."""
        size: i64 = HEADER + 4 if self.magic in (IXIA_HARDWARE, IXIA_SOFTWARE) else HEADER
        if len(data) < size:
            self.need = size
            return 0
        version = u32(data, 4, self.big)
        major = version >> 16 if self.big else version & 0xFFFF
        minor = version & 0xFFFF if self.big else version >> 16
        if (major == 2 and minor < 3) or major == DG_UX:
            self.lengths = ORIGINAL_FIRST
        elif major == 2 and minor == 3:
            self.lengths = SMALLER_FIRST
        snap_length = u32(data, 16, self.big)
        self.limit = min(max(snap_length, ORDINARY_FRAME), MAX_FRAME)
        self.source.interfaces.append(Interface(u32(data, 20, self.big) & LINK_TYPE, snap_length, ""))
        self.choose(data, size)
        self.begun = True
        return size

    def choose(self, data: bytes, start: i64) -> None:
        """Take the variant of the record header with which most of the first records make sense."""
        candidates = KUZNETZOV_HEADERS if self.magic == KUZNETZOV else PLAIN_HEADERS
        self.header = candidates[0]
        if self.magic not in (MICROSECONDS, KUZNETZOV):
            return
        best = self.sensible(data, start, self.header)
        for header in candidates[1:]:
            sensible = self.sensible(data, start, header)
            if sensible > best:
                best, self.header = sensible, header
        if self.header != 16:
            self.source.variant += f", {self.header}-byte record headers"

    def sensible(self, data: bytes, at: i64, header: i64) -> i64:
        """Count records, up to TRIED, with possible lengths and fraction of a second; all if `data` ends with one."""
        for count in range(TRIED):
            if at == len(data):
                return TRIED
            if len(data) - at < header:
                return count
            captured, original = u32(data, at + 8, self.big), u32(data, at + 12, self.big)
            if self.lengths != CAPTURED_FIRST and (self.lengths == ORIGINAL_FIRST or captured > original):
                captured, original = original, captured
            if u32(data, at + 4, self.big) >= 1_000_000 or captured > min(self.limit, original) or original > MAX_FRAME:
                return count
            at += header + captured
        return TRIED

    def place(self, offset: i64) -> str:
        """Name the place of what follows the frames found so far."""
        return super().place(offset) if self.begun else "the file header"

    def search(self, data: bytes, start: i64, final: bool) -> i64:
        """Return where reading can go on after damage."""
        ceiling = 1_000_000 if self.unit > 1 else 1_000_000_000
        records = Records(self.big, self.header, ceiling, self.lengths != CAPTURED_FIRST)
        records.second = self.last_time // 1_000_000_000
        return records.search(data, start, final)

    def walk(self, data: bytes, offset: i64) -> None:
        """Index the frames of `data`; the file header is read first, when it was not yet."""
        self.index, self.frames, self.used = b"", 0, 0
        start: i64 = 0
        if not self.begun:
            start = self.begin(data)
            if not self.begun:
                return
        big, header, unit, limit, lengths = self.big, self.header, self.unit, self.limit, self.lengths
        out = BytesWriter()
        self.need = header
        end: i64 = len(data)
        at = start
        frames: i64 = 0
        total: i64 = 0
        first: i64 = 0
        last: i64 = 0
        time: i64 = self.last_time
        while True:
            if end - at < header:
                break
            captured = u32(data, at + 8, big)
            original = u32(data, at + 12, big)
            if lengths == ORIGINAL_FIRST or (lengths == SMALLER_FIRST and captured > original):
                captured, original = original, captured
            if captured > limit:
                break
            if end - at < header + captured:
                self.need = header + captured
                break
            time = u32(data, at, big) * 1_000_000_000 + u32(data, at + 4, big) * unit
            time = max(time, EARLIEST)
            write_record(out, time, at + header, captured, original, 0)
            if frames == 0:
                first = last = time
            elif time < first:
                first = time
            elif time > last:
                last = time
            total += captured
            frames += 1
            at += header + captured
        self.used = at
        self.frames = frames
        self.last_time = time
        self.index = out.getvalue()
        self.source.saw(frames, total, first, last)
        if end - at >= header and captured > limit:
            self.damage = f"{self.place(offset + at)}: {captured} bytes said to be captured, at most {limit} expected"
