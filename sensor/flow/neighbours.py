"""Who says by ARP that an address is at his machine, and who asks for more addresses than any work needs (RFC 826).

The rule it lives by: an address belongs to who claimed it last, or else to who was seen using it, and each change of
hands is told; what moves by design (VRRP, HSRP, GLBP: their MACs are nobody's) is not looked at. What is asked is told
once for each window.
"""

from typing import Final

from mypy_extensions import i64

from sensor.contract import Endpoint
from sensor.decode.arp import arp
from sensor.decode.segment import Segment
from sensor.flow.clock import SECOND
from sensor.flow.counts import Counts
from sensor.flow.faults import Faults
from sensor.flow.flow import Flow
from sensor.flow.lanes import Lane

MAX_CLAIMS: Final = 65_536  # addresses with an owner: a /16 that is answered for whole
MAX_SEEKERS: Final = 4_096  # machines that ask; those of a large site
SWEEP: Final = 50  # addresses asked for within a window: a control room that starts asks for its controllers, some tens
WINDOW: Final = 120 * SECOND

# What may be odd; declared in fields.py
MOVED: Final = "address_moved"
SWEPT: Final = "address_sweep"
CONDUCT: Final = frozenset((MOVED, SWEPT))  # somebody's doing, and nothing wrong with what was captured

REQUEST: Final = 1  # ARP's operation
NOWHERE: Final = b"\0\0\0\0"  # a machine that looks whether its address is free (RFC 5227)
BY_DESIGN: Final = (b"\x00\x00\x5e\x00", b"\x00\x00\x0c\x07\xac", b"\x00\x00\x0c\x9f", b"\x00\x07\xb4")


class Seeker:
    """One machine that asks: for what, since when."""

    def __init__(self, time: i64) -> None:
        self.since: i64 = time
        self.sought: set[bytes] = set()
        self.told = False


class Neighbours:
    """What one worker has heard by ARP, on all its networks."""

    def __init__(self, faults: Faults, counts: Counts) -> None:
        self.faults = faults
        self.counts = counts
        self.owners: dict[bytes, bytes] = {}  # network and IPv4 address: MAC
        self.seekers: dict[bytes, Seeker] = {}  # network and MAC

    def arrive(self, lane: Lane, flow: Flow, direction: i64, segment: Segment) -> None:
        """Take one ARP frame."""
        said = arp(segment.data, segment.start, segment.end)
        if said is None:
            return
        operation, mac, address, _, wanted = said
        network = int(lane.network.number).to_bytes(8, "big")
        if address != NOWHERE and not mac.startswith(BY_DESIGN):
            before = self.claim(network + address, mac, lane.endpoints.get(address))
            if before:
                self.tell(flow, MOVED, direction, segment, address + before)
        if operation == REQUEST and wanted != address and self.seeks(network + mac, wanted, segment.time):
            self.tell(flow, SWEPT, direction, segment, wanted)

    def tell(self, flow: Flow, kind: str, direction: i64, segment: Segment, sample: bytes) -> None:
        """Tell one oddity; its sample is an address and, where it moved, the MAC at which it was."""
        self.faults.tell(flow, kind, direction, segment.time, segment.number, sample, 0, len(sample))

    def claim(self, address: bytes, mac: bytes, seen: Endpoint | None) -> bytes:
        """Note who an address belongs to; return who had it before, if that was another.

        Hosts ask seldom: whose claim was never heard may have been `seen` with a MAC that crossed no router.
        """
        owner = self.owners.get(address, b"")
        if owner == mac:
            return b""
        if not owner and len(self.owners) >= MAX_CLAIMS:
            self.counts.claims_refused += 1
            return b""
        self.owners[address] = mac
        if not owner and seen is not None:
            owner = seen.mac
        return owner if owner != mac and not owner.startswith(BY_DESIGN) else b""

    def seeks(self, seeker: bytes, wanted: bytes, time: i64) -> bool:
        """Note what a machine asks for; say whether this makes it a sweep."""
        known = self.seekers.get(seeker)
        if known is None:
            if len(self.seekers) >= MAX_SEEKERS:
                self.counts.seekers_refused += 1
                return False
            known = Seeker(time)
            self.seekers[seeker] = known
        if time - known.since >= WINDOW or time < known.since:
            known.since = time
            known.sought.clear()
            known.told = False
        if len(known.sought) < SWEEP:
            known.sought.add(wanted)
        if known.told or len(known.sought) < SWEEP:
            return False
        known.told = True
        return True
