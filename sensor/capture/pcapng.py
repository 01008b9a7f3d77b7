"""The pcapng format: draft-ietf-opsawg-pcapng. Sections, interfaces, packets, statistics.

The rule it lives by: a block's length must be said twice and agree; what is inside a block cannot lead out of it, so
a bad packet costs itself, and only a bad block ends the walk.
"""

from typing import Final

from librt.strings import BytesWriter
from mypy_extensions import i64

from sensor.capture.block import Interface
from sensor.capture.clock import MAX_DROPS, Clock
from sensor.capture.options import count, is_option, next_option, option_text, signed64, u16
from sensor.capture.resync import SECTION, next_block
from sensor.capture.source import Source
from sensor.capture.walker import EARLIEST, LATEST, MAX_FRAME, Walker, u32, write_record

INTERFACE: Final = 1
OBSOLETE_PACKET: Final = 2
SIMPLE_PACKET: Final = 3
STATISTICS: Final = 5
ENHANCED_PACKET: Final = 6
OTHER_NAMES: Final = {
    4: "name resolution block",
    9: "systemd journal block",
    10: "decryption secrets block",
    0xBAD: "custom block",
    0x4000_0BAD: "custom block",
}

BYTE_ORDER: Final = 0x1A2B_3C4D
MAX_BLOCK: Final = MAX_FRAME + 65_536  # the longest frame with its options
MAX_INTERFACES: Final = 65_536  # merging thousands of files makes thousands; each costs a hundred bytes

# Options
COMMENT: Final = 1
APPLICATION: Final = 4  # of a section
NAME: Final = 2  # of an interface, and the next three
RESOLUTION: Final = 9
OFFSET: Final = 14
DROPPED_BY_INTERFACE: Final = 5  # of statistics, and the next
DROPPED_BY_SYSTEM: Final = 7
DROPPED_BEFORE: Final = 4  # of a packet
UNKNOWN_DROPS: Final = 0xFFFF  # in an obsolete packet block

UNKNOWN: Final = -1  # number of an interface whose description was illegible
MICROSECONDS: Final = 6  # the resolution where none is told


class PcapngWalker(Walker):
    """Walks a pcapng file. Interfaces of later sections join those of the first in one list."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.big = False
        self.sections: i64 = 0
        self.clocks: list[Clock] = []  # of the section's interfaces
        self.out = BytesWriter()
        self.bytes: i64 = 0
        self.first: i64 = LATEST
        self.last: i64 = EARLIEST
        self.time: i64 = EARLIEST  # of the last frame
        self.need = 12
        self.step = 4  # blocks are aligned
        source.format = "pcapng"

    def place(self, offset: i64) -> str:
        """Name the place of what follows the frames found so far."""
        return f"the block at offset {offset}, after frame {self.source.frames},"

    def search(self, data: bytes, start: i64, final: bool) -> i64:
        """Return where reading can go on after damage."""
        return next_block(data, start, self.big, final)

    def walk(self, data: bytes, offset: i64) -> None:
        """Index the frames of `data`, which begins with a block."""
        self.out = BytesWriter()
        self.frames, self.bytes, self.first, self.last = 0, 0, LATEST, EARLIEST
        self.need = 12
        end: i64 = len(data)
        at: i64 = 0
        while end - at >= 12:
            kind = u32(data, at, self.big)
            if kind == SECTION:
                self.big = data[at + 8] == BYTE_ORDER >> 24
            length = u32(data, at + 4, self.big)
            if length < 12 or length > MAX_BLOCK:
                self.damage = f"has {length} bytes, 12 to {MAX_BLOCK} expected"
                break
            padded = (length + 3) & ~3  # some writers do not count the padding
            if end - at < padded:
                self.need = padded
                break
            again = u32(data, at + padded - 4, self.big)
            if again != length:
                self.damage = f"has {length} bytes at its beginning and {again} at its end"
                break
            if kind == ENHANCED_PACKET:
                self.enhanced(data, at, at + padded - 4)
            elif not self.block(data, at, at + padded - 4, kind):
                break
            at += padded
        self.used = at
        self.index = self.out.getvalue()
        self.source.saw(self.frames, self.bytes, self.first, self.last)
        if self.damage:
            self.damage = f"{self.place(offset + at)} {self.damage}"

    def leave(self, data: bytes) -> None:
        """Keep the numbers of interfaces right when a bad block is passed over."""
        kind = u32(data, 0, self.big) if len(data) >= 4 else 0
        if kind == SECTION:
            self.clocks = []
        elif kind == INTERFACE:
            self.clocks.append(Clock(UNKNOWN, 0, MICROSECONDS, 0))

    def block(self, data: bytes, at: i64, end: i64, kind: i64) -> bool:
        """Read any block but an enhanced packet; `end` is where its closing length lies. False: go no further."""
        if kind == SECTION:
            return self.section(data, at, end)
        if kind == INTERFACE:
            return self.interface(data, at, end)
        if kind == SIMPLE_PACKET:
            self.simple(data, at, end)
        elif kind == OBSOLETE_PACKET:
            self.obsolete(data, at, end)
        elif kind == STATISTICS:
            self.statistics(data, at, end)
        else:
            self.source.odd(OTHER_NAMES.get(int(kind), f"block of type {kind:#x}"), 1)
        return True

    def section(self, data: bytes, at: i64, end: i64) -> bool:
        """Begin a section: byte order and interfaces start anew (section 4.1)."""
        if end - at < 24 or u32(data, at + 8, self.big) != BYTE_ORDER:
            self.damage = "is a section header without its byte-order magic 1a2b3c4d"
            return False
        major = u16(data, at + 12, self.big)
        if major != 1:
            self.damage = f"is a section of version {major}.{u16(data, at + 14, self.big)}, 1.x expected"
            return False
        self.clocks = []
        self.sections += 1
        if self.sections == 1:
            self.source.variant = "big-endian" if self.big else "little-endian"
        option = at + 24
        while is_option(data, option, end, self.big):
            if u16(data, option, self.big) == APPLICATION and not self.source.application:
                self.source.application = option_text(data, option, self.big)
            self.comment(data, option)
            option = next_option(data, option, self.big)
        return True

    def interface(self, data: bytes, at: i64, end: i64) -> bool:
        """Add an interface to the section (section 4.2)."""
        if end - at < 16:
            self.source.hurt(f"{self.here()}: an interface of {end - at + 4} bytes, at least 20 expected")
            self.clocks.append(Clock(UNKNOWN, 0, MICROSECONDS, 0))
            return True
        link_type, snap_length = u16(data, at + 8, self.big), u32(data, at + 12, self.big)
        name = ""
        resolution: i64 = MICROSECONDS
        offset: i64 = 0
        option = at + 16
        while is_option(data, option, end, self.big):
            code, length = u16(data, option, self.big), u16(data, option + 2, self.big)
            if code == NAME:
                name = option_text(data, option, self.big)
            elif code == RESOLUTION and length >= 1:
                resolution = data[option + 4]
            elif code == OFFSET and length >= 8:
                offset = signed64(data, option + 4, self.big)
            self.comment(data, option)
            option = next_option(data, option, self.big)
        number = self.enter(Interface(link_type, snap_length, name))
        if number < 0:
            self.damage = f"is one more than {MAX_INTERFACES} interfaces"
            return False
        self.clocks.append(Clock(number, snap_length, resolution, offset))
        return True

    def enter(self, interface: Interface) -> i64:
        """Return the interface's index in the file; a later section's equal interface is the same one."""
        known = self.source.interfaces
        at = len(self.clocks)
        if self.sections > 1 and at < len(known):
            other = known[at]
            same = other.link_type == interface.link_type and other.snap_length == interface.snap_length
            if same and other.name == interface.name:
                return at
        if len(known) >= MAX_INTERFACES:
            return -1
        known.append(interface)
        return len(known) - 1

    def enhanced(self, data: bytes, at: i64, end: i64) -> None:
        """Read an enhanced packet (section 4.3)."""
        if end - at < 28:
            self.source.hurt(f"{self.here()}: an enhanced packet block of {end - at + 4} bytes, 32 expected")
            return
        big = self.big
        captured = u32(data, at + 20, big)
        clock = self.clock(u32(data, at + 8, big))
        if clock is None or not self.fits(captured, end - at - 28):
            return
        time = clock.time(u32(data, at + 12, big), u32(data, at + 16, big))
        self.packet(clock, time, at + 28, captured, u32(data, at + 24, big))
        option = at + 28 + ((captured + 3) & ~3)
        while is_option(data, option, end, self.big):
            if u16(data, option, self.big) == DROPPED_BEFORE and u16(data, option + 2, self.big) >= 8:
                self.lost(clock, count(data, option + 4, self.big))
            self.comment(data, option)
            option = next_option(data, option, self.big)

    def obsolete(self, data: bytes, at: i64, end: i64) -> None:
        """Read an obsolete packet (appendix A)."""
        if end - at < 28:
            self.source.hurt(f"{self.here()}: an obsolete packet block of {end - at + 4} bytes, 32 expected")
            return
        captured = u32(data, at + 20, self.big)
        clock = self.clock(u16(data, at + 8, self.big))
        if clock is None or not self.fits(captured, end - at - 28):
            return
        drops = u16(data, at + 10, self.big)
        if drops != UNKNOWN_DROPS:
            self.lost(clock, drops)
        time = clock.time(u32(data, at + 12, self.big), u32(data, at + 16, self.big))
        self.packet(clock, time, at + 28, captured, u32(data, at + 24, self.big))

    def simple(self, data: bytes, at: i64, end: i64) -> None:
        """Read a simple packet: of the first interface, without a time, so it has the one before (section 4.4)."""
        if end - at < 12:
            self.source.hurt(f"{self.here()}: a simple packet block of {end - at + 4} bytes, 16 expected")
            return
        clock = self.clock(0)
        if clock is None:
            return
        original = u32(data, at + 8, self.big)
        captured = end - at - 12
        captured = min(captured, original)
        if 0 < clock.snap_length < captured:
            captured = clock.snap_length
        self.packet(clock, self.time, at + 12, captured, original)
        self.source.odd("frames without a time", 1)

    def packet(self, clock: Clock, time: i64, at: i64, captured: i64, original: i64) -> None:
        """Index one frame."""
        write_record(self.out, time, at, captured, original, clock.number)
        self.time = time
        self.first = min(self.first, time)
        self.last = max(self.last, time)
        self.frames += 1
        self.bytes += captured
        if time == LATEST:
            self.source.odd("times beyond the year 2255", 1)

    def statistics(self, data: bytes, at: i64, end: i64) -> None:
        """Read what an interface lost so far (section 4.6)."""
        number = u32(data, at + 8, self.big) if end - at >= 20 else -1
        if number < 0 or number >= len(self.clocks):
            self.source.odd("statistics of an unknown interface", 1)
            return
        clock = self.clocks[number]
        before = clock.drops()
        missed: i64 = 0
        option = at + 20
        while is_option(data, option, end, self.big):
            code = u16(data, option, self.big)
            if code in (DROPPED_BY_INTERFACE, DROPPED_BY_SYSTEM) and u16(data, option + 2, self.big) >= 8:
                missed += count(data, option + 4, self.big)
            self.comment(data, option)
            option = next_option(data, option, self.big)
        clock.missed = max(clock.missed, missed)
        self.source.drops += clock.drops() - before

    def lost(self, clock: Clock, drops: i64) -> None:
        """Count frames lost right before a packet."""
        before = clock.drops()
        if clock.dropped < MAX_DROPS:
            clock.dropped += drops
        self.source.drops += clock.drops() - before

    def clock(self, number: i64) -> Clock | None:
        """Return the section's interface `number`; None, and counted, where it was never described."""
        if number < len(self.clocks):
            clock = self.clocks[number]
            if clock.number >= 0:
                return clock
        self.source.odd("frames of an unknown interface", 1)
        return None

    def fits(self, captured: i64, room: i64) -> bool:
        """Tell whether a packet's bytes lie within its block."""
        if captured <= room:
            return True
        self.source.hurt(f"{self.here()}: {captured} bytes said to be captured, its block has room for {room}")
        return False

    def here(self) -> str:
        """Name the place of the packet that is being read."""
        return f"after frame {self.source.frames + self.frames}"

    def comment(self, data: bytes, option: i64) -> None:
        """Keep the option's text if it is a comment."""
        if u16(data, option, self.big) == COMMENT:
            self.source.comment(option_text(data, option, self.big))
