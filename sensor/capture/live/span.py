# mypyc: off: made once for each interface and worker
"""One interface as one worker sees it: its socket, open and filtered, and what must be known to read it.

The rule it lives by: everything that needs privileges was done when it is made; the parent keeps it open, so that a
restarted worker finds the same ring.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from sensor.capture.live.ledger import Ledger

if TYPE_CHECKING:
    import socket

# A ring block: large enough for a frame of any size, small enough to stay in the cache between copying, walking and
# decoding. Measured: of 128 KiB to 1 MiB the cost per frame differs by less than the machine's own noise.
BLOCK_SIZE: Final = 256 * 1024
# After so long a block that is not full is given to us: a frame waits at most this. Of 64 MB every block then holds
# five seconds of a slow network, so that a worker may die and come back without loss.
RETIRE_MS: Final = 20
RETIRE_NS: Final = RETIRE_MS * 1_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class RingSettings:
    """How interfaces are listened to."""

    filter: str = ""  # tcpdump's syntax
    promiscuous: bool = True
    hardware_times: bool = False
    ring_size: int = 64 * 1024 * 1024  # bytes for each interface and worker; 0: a plain socket
    snap_length: int = 65_535


@dataclasses.dataclass(slots=True)
class Fanout:
    """How the frames of one interface are dealt out to several workers."""

    first_id: int  # of the groups: one for each time the interface came back
    program: bytes  # cBPF; b"": by the kernel's flow hash


@dataclasses.dataclass(slots=True)
class SpanSocket:
    """One interface of one worker."""

    name: str
    worker: int
    link_type: int  # LINKTYPE_ number of the tcpdump group
    settings: RingSettings
    sockets: list[socket.socket]  # the first is bound; each further one is for when the interface comes back
    fanout: Fanout | None = None
    ring_blocks: int = 0  # 0: a plain socket
    hardware: bool = False  # the interface's own clock gives the times
    remarks: list[str] = dataclasses.field(default_factory=list)  # what is other than asked for, in sentences
    ledger: Ledger = dataclasses.field(default_factory=Ledger)

    def close(self) -> None:
        """Let the interface go."""
        for one in self.sockets:
            one.close()
