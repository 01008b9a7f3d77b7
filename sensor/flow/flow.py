"""A flow: one conversation with all that is counted of it, and the state of each direction.

The rule it lives by: it holds state and says what it is; what changes it stands in the table, TCP order and framing.
"""

from typing import Final

from mypy_extensions import i64

from sensor.contract import Conversation, Endpoint, Network
from sensor.flow.duplicates import Recent
from sensor.flow.early import Waiting  # noqa: TC001
from sensor.flow.held import Hole  # noqa: TC001  a compiled class needs it at run time
from sensor.flow.probing import Probe  # noqa: TC001

# --- TCP states -----------------------------------------------------------------------------------------
NONE: Final = 0  # not TCP
NEW: Final = 1  # a SYN, and nothing after it yet
ESTABLISHED: Final = 2
HALF_CLOSED: Final = 3  # one FIN
CLOSED: Final = 4  # two
RESET: Final = 5
MID_STREAM: Final = 6  # its beginning was not seen
STATE_NAMES: Final = ("", "new", "established", "half_closed", "closed", "reset", "mid_stream")

# --- Why a flow ended -----------------------------------------------------------------------------------
FINISHED: Final = "finished"  # both sides closed it
WAS_RESET: Final = "reset"
IDLE: Final = "idle"
EVICTED: Final = "evicted"  # the table was full
REUSED: Final = "reused"  # its ports serve a new connection
CAPTURE_OVER: Final = "capture_over"
WORKER_LOST: Final = "worker_lost"  # the process that followed it has died


class Half(Recent):
    """One direction of a flow."""

    def __init__(self, flow: "Flow", direction: i64) -> None:
        super().__init__()
        self.flow = flow
        self.direction = direction
        self.packets: i64 = 0
        self.bytes: i64 = 0  # on the wire
        self.payload_bytes: i64 = 0  # repeats included
        # TCP order; sequences are numbers from 0 to 2**32 - 1
        self.synced = False  # `next` is known
        self.next: i64 = 0  # sequence of the next byte
        self.start: i64 = -1  # sequence of the first byte of the stream, -1 where no SYN told
        self.passed = False  # the peer acknowledged bytes up to `acknowledged` that were not seen here
        self.acknowledged: i64 = 0
        self.stray: i64 = -1  # where the last segment far off `next` ended: one that follows it makes it true
        self.reborn: i64 = -1  # start of the new stream that a SYN promised while this one seemed alive
        self.ended = False  # FIN
        self.hole: Hole | None = None
        self.in_vain: i64 = -1  # packets of the other direction when something last waited for it in vain
        # What was odd
        self.mirror_duplicates: i64 = 0
        self.retransmissions: i64 = 0
        self.retransmitted_bytes: i64 = 0
        self.overlaps_differ: i64 = 0
        self.out_of_order: i64 = 0
        self.gaps: i64 = 0
        self.gap_bytes: i64 = 0
        self.keep_alives: i64 = 0
        # A frame waiting for its rest
        self.pieces: list[bytes] = []
        self.waiting: i64 = 0  # bytes in `pieces`
        self.needed: i64 = 0  # length of the frame they begin, 0 when not known yet
        self.kept_time: i64 = 0  # where what waits for a probe was seen
        self.kept_number: i64 = 0
        self.kept_source: i64 = 0
        self.lost = False  # after a gap: the next bytes may lie inside a frame


class Flow(Conversation):
    """Both directions of one conversation; `halves[0]` is from the opener."""

    def __init__(self, number: i64, opener: Endpoint, answerer: Endpoint, key: bytes) -> None:
        super().__init__(number, opener, answerer)
        self.key = key  # as in Segment, from opener to answerer
        self.kind: i64 = 0  # of decode.kinds
        self.forth = Half(self, 0)
        self.back = Half(self, 1)
        self.state: i64 = NONE
        self.ending = ""  # why it ended, "" while it lives
        self.first_time: i64 = 0
        self.last_time: i64 = 0
        self.first_number: i64 = 0  # evidence: frame number in its file, and the file
        self.first_source: i64 = 0
        self.last_number: i64 = 0
        self.last_source: i64 = 0
        self.icmp_type: i64 = -1  # of the first packet
        self.icmp_code: i64 = -1
        # Framing
        self.probe: Probe | None = None  # while its protocol is not known
        self.carried_by = ""  # name of the protocol whose dissector it has, a carrier's where one carries another
        self.frames: i64 = 0  # whole frames given to the dissector
        self.strikes: i64 = 0  # illegible ones of late
        self.struck_at: i64 = 0  # `frames` at the last of them
        self.oddities: i64 = 0  # told so far
        self.waiting: Waiting | None = None  # segments that came before what they answer
        self.unread = ""  # the protocol of its port, or that it spoke before it was given up: nobody reads it
        # The table's own
        self.table: dict[bytes, Half] = {}  # where its two directions are found
        self.queue: i64 = 0  # which list of idle flows it stands in
        self.touched: i64 = 0  # steady time of its last frame
        self.older: Flow = self
        self.newer: Flow = self
        self.watched: i64 = -1  # its place in the list of flows to look after, -1: none

    def half(self, direction: i64) -> Half:
        """Return the state of one direction."""
        return self.forth if direction == 0 else self.back

    def peer(self, half: Half) -> Half:
        """Return the other direction."""
        return self.back if half.direction == 0 else self.forth

    def packets(self, direction: i64) -> i64:
        """Return how many packets went in one direction, copies by the mirror not counted."""
        return self.half(direction).packets

    def one_way(self) -> bool:
        """Say whether only one side was seen."""
        return self.forth.packets == 0 or self.back.packets == 0

    def state_name(self) -> str:
        """Return the TCP state by name, "" for other transports."""
        return STATE_NAMES[self.state]

    def network(self) -> Network:
        """Return the point of observation, with VLAN and tunnel."""
        return self.opener.network

    def read(self) -> bool:
        """Say whether somebody reads its streams."""
        return self.dissector is not None or self.probe is not None


def nobody() -> Flow:
    """Return a flow that stands for none: the end of a list, or what the halves of an ended flow point to."""
    nowhere = Endpoint(-1, Network(-1, "", "", "", ""), b"", "")
    return Flow(-1, nowhere, nowhere, b"")
