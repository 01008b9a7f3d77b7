"""The walk over one block of a TPACKET_V3 ring (linux/if_packet.h) that finds its frames.

The kernel takes the outer VLAN tag out of a frame and tells it beside; here it stands behind the MACs again.
The rule it lives by: a block is read like any foreign bytes, so a length leads nowhere outside of it; and a block
without tags is indexed where it lies, for nothing.
"""

from typing import Final

from librt.strings import BytesWriter, read_i64_le
from mypy_extensions import i64, u8

from sensor.capture.live.kernel import (
    BLOCK_FIRST,
    BLOCK_FRAMES,
    BLOCK_HEADER,
    FRAME_HEADER,
    TP_STATUS_CSUMNOTREADY,
    TP_STATUS_GSO_TCP,
    TP_STATUS_TS_RAW_HARDWARE,
    TP_STATUS_VLAN_TPID_VALID,
    TP_STATUS_VLAN_VALID,
)
from sensor.capture.walker import EARLIEST, u32, write_record

TAG: Final = 4  # bytes of a VLAN tag
MACS: Final = 12  # bytes before it
DOT1Q: Final = 0x8100  # the tag's ethertype where the kernel does not tell it
UNUSUAL: Final = TP_STATUS_CSUMNOTREADY | TP_STATUS_GSO_TCP


class RingWalker:
    """Indexes the frames of one ring block after another; the counters only grow."""

    def __init__(self, interface: i64, ethernet: bool) -> None:
        self.interface = interface  # what the records say
        self.ethernet = ethernet  # else there are no MACs to put a tag behind
        self.data = b""  # the block walked last, tags put back
        self.index = b""
        self.frames: i64 = 0  # records in `index`
        self.last_time: i64 = 0  # of the last frame, ns
        self.bytes: i64 = 0  # on the wire
        self.damaged: i64 = 0  # blocks that were not read to their end
        self.truncated: i64 = 0  # frames not there as a whole
        self.tagged: i64 = 0
        self.unfinished: i64 = 0  # frames whose checksum the sender left to its hardware
        self.glued: i64 = 0  # frames that an offload made of several
        self.hardware: i64 = 0  # frames timed by the hardware

    def walk(self, data: bytes) -> None:
        """Index the frames of a block."""
        out = BytesWriter()
        patched: BytesWriter | None = None
        size: i64 = len(data)
        frames: i64 = 0
        total: i64 = 0
        left: i64 = 0
        at: i64 = 0
        if size >= BLOCK_HEADER:
            left, at = u32(data, BLOCK_FRAMES, False), u32(data, BLOCK_FIRST, False)
        else:
            self.damaged += 1
        while left > 0:
            if at < BLOCK_HEADER or at > size - FRAME_HEADER:
                self.damaged += 1
                break
            step_and_seconds = read_i64_le(data, at)
            nanoseconds_and_captured = read_i64_le(data, at + 8)
            original_and_status = read_i64_le(data, at + 16)
            captured = nanoseconds_and_captured >> 32 & 0xFFFF_FFFF
            original = original_and_status & 0xFFFF_FFFF
            status = original_and_status >> 32 & 0xFFFF_FFFF
            mac = read_i64_le(data, at + 24) & 0xFFFF
            begin = at + mac
            if mac < FRAME_HEADER + TAG or captured > size - begin:
                self.damaged += 1
                break
            time = (step_and_seconds >> 32 & 0xFFFF_FFFF) * 1_000_000_000 + (nanoseconds_and_captured & 0xFFFF_FFFF)
            time = max(time, EARLIEST)
            if captured < original:
                self.truncated += 1
            if status & TP_STATUS_VLAN_VALID != 0 and captured >= MACS and self.ethernet:
                if patched is None:
                    patched = BytesWriter()
                    patched.write(data)
                begin -= TAG
                captured += TAG
                original += TAG
                self.put_back(patched, data, begin, read_i64_le(data, at + 32), status)
            if status & UNUSUAL != 0:
                self.unusual(status)
            if status & TP_STATUS_TS_RAW_HARDWARE != 0:
                self.hardware += 1
            write_record(out, time, begin, captured, original, self.interface)
            self.last_time = time
            frames += 1
            total += original
            left -= 1
            step = step_and_seconds & 0xFFFF_FFFF
            if step < FRAME_HEADER and left > 0:
                self.damaged += 1
                break
            at += step
        self.data = data if patched is None else patched.getvalue()
        self.index = out.getvalue()
        self.frames = frames
        self.bytes += total

    def put_back(self, out: BytesWriter, data: bytes, begin: i64, tci_and_tpid: i64, status: i64) -> None:
        """Move the MACs to `begin`, four bytes to the left, and write the tag where they ended."""
        self.tagged += 1
        for byte in range(MACS):
            out[begin + byte] = data[begin + TAG + byte]
        tpid: i64 = tci_and_tpid >> 32 & 0xFFFF if status & TP_STATUS_VLAN_TPID_VALID else DOT1Q
        at = begin + MACS
        out[at] = u8(tpid >> 8)
        out[at + 1] = u8(tpid & 0xFF)
        out[at + 2] = u8(tci_and_tpid >> 8 & 0xFF)
        out[at + 3] = u8(tci_and_tpid & 0xFF)

    def unusual(self, status: i64) -> None:
        """Count what an offload did to a frame."""
        if status & TP_STATUS_CSUMNOTREADY != 0:
            self.unfinished += 1
        if status & TP_STATUS_GSO_TCP != 0:
            self.glued += 1
