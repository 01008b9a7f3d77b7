"""What one ring has counted, in memory that parent and workers share.

The rule it lives by: a count outlives the worker that made it, so that a restarted one goes on where the dead one was.
"""

import mmap
import struct
from typing import Final

from mypy_extensions import i64

KERNEL_DROPS: Final = 0
KERNEL_FREEZES: Final = 1
TAKEN: Final = 2  # frames copied out of the ring
DONE: Final = 3  # of these, worked through
LOST: Final = 4  # in the hands of workers that died
DAMAGED: Final = 5
TRUNCATED: Final = 6
TAGGED: Final = 7
UNFINISHED: Final = 8
GLUED: Final = 9
UNREAD: Final = 10  # left in the ring at the end
REBOUND: Final = 11
SOFTWARE_TIMES: Final = 12  # frames without the hardware time that was asked for
LATE: Final = 13
BYTES: Final = 14  # on the wire
WRITTEN: Final = 15  # these three of all interfaces together, in the first one's ledger
WRITE_LOST: Final = 16
WRITE_FAILURES: Final = 17
SLOTS: Final = 18

NAMES: Final = (
    "kernel_drops",
    "kernel_freezes",
    "frames",
    "frames_done",
    "lost_with_worker",
    "damaged_ring_blocks",
    "truncated",
    "vlan_tags_put_back",
    "unfinished_checksums",
    "glued_by_offload",
    "unread_at_stop",
    "interface_returned",
    "software_times",
    "hold_back_overrun",
    "bytes",
)
RECORDING_NAMES: Final = ("written", "write_lost", "write_failures")


class Ledger:
    """The counters of one interface of one worker."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, SLOTS * 8)

    def add(self, slot: i64, count: i64) -> None:
        """Let a counter grow."""
        if count:
            struct.pack_into("=q", self.memory, slot * 8, self.get(slot) + count)

    def get(self, slot: i64) -> i64:
        """Return a counter."""
        value: int = struct.unpack_from("=q", self.memory, slot * 8)[0]
        return value

    def inherit(self) -> None:
        """Begin as the successor of whoever counted here: what that one held is lost."""
        lost = self.get(TAKEN) - self.get(DONE)
        self.add(LOST, lost)
        self.add(DONE, lost)
