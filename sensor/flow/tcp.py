"""TCP order (RFC 9293): from segments as they were captured to the bytes of each direction as they were sent.

The rule it lives by: bytes are handed on in place when they come in order, once each, and first come counts. A hole is
declared lost when there is evidence: the peer acknowledged what lies behind it, or nobody was there to acknowledge and
`ONE_WAY_PATIENCE` passed, or what is held behind it found no more room. Then the stream goes on behind it.

One sequence number far off does not wreck a stream: a second segment that follows it must make it true.
"""

from typing import Final

from mypy_extensions import i64

from sensor.decode.segment import ACK, FIN, RST, SYN, Segment
from sensor.flow.counts import MAX_BUFFERED, Counts
from sensor.flow.faults import OVERLAP_DIFFERS
from sensor.flow.flow import CLOSED, ESTABLISHED, HALF_CLOSED, NEW, RESET, Flow, Half
from sensor.flow.held import MASK, Held, Hole
from sensor.flow.holdback import HoldBack
from sensor.flow.recognition import Recognition
from sensor.flow.watch import Watch

BEFORE: Final = 0x80000000  # a difference of sequences from here on means "before" (RFC 1982)
MAX_AHEAD: Final = 16_777_216  # bytes: more than the windows devices use; further away needs a second witness
ONE_WAY_PATIENCE: Final = 1_000_000_000  # ns: longer than a first retransmission takes (RFC 6298: 1 s and less)
PATIENCE: Final = 10_000_000_000  # ns: by then the sender has repeated, or what is held is not of this stream
CONTROL: Final = SYN | FIN | RST


class Order:
    """Puts the segments of one worker's TCP flows in order and hands their bytes on."""

    def __init__(self, recognition: Recognition, holdback: HoldBack, counts: Counts, watch: Watch) -> None:
        self.recognition = recognition
        self.holdback = holdback
        self.framing = recognition.framing
        self.counts = counts
        self.watch = watch

    def arrive(self, flow: Flow, half: Half, segment: Segment) -> None:
        """Take one segment: in order and without anything special, at once."""
        peer = flow.back if half.direction == 0 else flow.forth
        flags = segment.flags
        if flags & CONTROL == 0 and half.synced and half.hole is None and segment.missing == 0:
            if flags & ACK != 0 and segment.acknowledgement != peer.next:
                if self.is_early(peer, segment) and flow.read() and self.holdback.begin(flow, half, segment):
                    return
                self.acknowledge(flow, peer, segment)
            length = segment.end - segment.start
            if segment.sequence == half.next:
                if length == 0:
                    return
                half.next = (half.next + length) & MASK
                if flow.state == NEW:
                    flow.state = ESTABLISHED
                if flow.dissector is not None or flow.probe is not None:
                    self.recognition.feed(
                        flow, half, segment.data, segment.start, segment.end,
                        segment.time, segment.number, segment.source,
                    )  # fmt: skip
                return
        elif flags & (ACK | RST) == ACK:
            if self.is_early(peer, segment) and flow.read() and self.holdback.begin(flow, half, segment):
                return
            self.acknowledge(flow, peer, segment)
        self.special(flow, half, segment)

    # --- Where a connection begins and ends ---------------------------------------------------------------

    def reborn(self, flow: Flow, half: Half, segment: Segment) -> bool:
        """Say whether this segment belongs to a new connection between the same ports.

        A SYN on a connection that seems alive may be forged: its answer, or bytes that follow it, must confirm it.
        """
        sequence = segment.sequence
        if segment.flags & SYN == 0:
            if sequence == half.reborn:
                return True
            if sequence == half.next:
                half.reborn = -1
            return False
        if not half.synced:
            return False
        over = flow.state in (CLOSED, RESET)
        if segment.flags & ACK != 0:
            peer = flow.peer(half)
            return segment.acknowledgement == peer.reborn or (over and half.start != (sequence + 1) & MASK)
        start = (sequence + 1) & MASK
        if start == half.start:
            return False
        if over or flow.state == NEW:
            return True
        half.reborn = start
        return False

    def control(self, flow: Flow, half: Half, segment: Segment) -> None:
        """Follow the connection's state."""
        flags = segment.flags
        if flags & RST != 0:
            self.reset(flow, half, segment)
        elif flags & SYN != 0:
            self.begin(flow, half, segment)
        elif not half.ended:
            half.ended = True
            flow.state = CLOSED if flow.peer(half).ended else HALF_CLOSED

    def begin(self, flow: Flow, half: Half, segment: Segment) -> None:
        """Take a SYN: where this direction begins, and by its acknowledgement where the other one did."""
        start = (segment.sequence + 1) & MASK
        if not half.synced:
            half.synced = True
            half.start = half.next = start
        elif half.start == start and half.packets > 1:
            half.retransmissions += 1
            self.counts.retransmissions += 1
        if segment.flags & ACK != 0:
            peer = flow.peer(half)
            if not peer.synced:
                peer.synced = True
                peer.start = peer.next = segment.acknowledgement
            if flow.state == NEW:
                flow.state = ESTABLISHED

    def reset(self, flow: Flow, half: Half, segment: Segment) -> None:
        """Believe an RST that lies near the stream (RFC 5961), or answers a SYN."""
        off = (segment.sequence - half.next) & MASK
        if half.synced and min(off, MASK + 1 - off) > MAX_AHEAD:
            self.counts.wild_resets += 1
        else:
            flow.state = RESET

    # --- Everything but the next bytes --------------------------------------------------------------------

    def special(self, flow: Flow, half: Half, segment: Segment) -> None:
        """Take a segment that is not simply the next one."""
        flags = segment.flags
        if flags & CONTROL != 0:
            self.control(flow, half, segment)
            if flags & RST != 0:
                return  # what it carries is a message for people (RFC 9293, 3.5.3)
        sequence = segment.sequence
        if flags & SYN != 0:
            sequence = (sequence + 1) & MASK
            if sequence != half.start:
                return  # of another connection, if of any
        length = segment.end - segment.start
        total = length + segment.missing
        if not half.synced:
            if total == 1:
                return  # a keep-alive: the byte is an old one
            half.synced = True
            half.next = sequence
        if flow.state == NEW and flags & SYN == 0:
            flow.state = ESTABLISHED
        if total == 0:
            if flags & CONTROL == 0 and sequence == (half.next - 1) & MASK:
                self.keep_alive(half)
            return
        ahead = (sequence - half.next) & MASK
        if ahead == 0 and half.hole is None:
            self.deliver(flow, half, segment.data, segment.start, segment.end, segment.missing, segment)
        elif ahead >= BEFORE:
            self.old(flow, half, segment, sequence, MASK + 1 - ahead, total)
        elif ahead > MAX_AHEAD:
            self.stray(flow, half, segment, sequence, total)
        else:
            self.hold(flow, half, segment, sequence, total)

    def keep_alive(self, half: Half) -> None:
        """Count a keep-alive (RFC 9293, 3.8.4): the sequence before the next, with an old byte or none."""
        half.keep_alives += 1
        self.counts.keep_alives += 1

    def deliver(
        self, flow: Flow, half: Half, data: bytes, start: i64, end: i64, missing: i64, segment: Segment
    ) -> None:
        """Hand on the next bytes, and lose those behind them that the snap length cut."""
        half.next = (half.next + end - start) & MASK
        if end > start and flow.read():
            self.recognition.feed(flow, half, data, start, end, segment.time, segment.number, segment.source)
        if missing > 0:
            self.lose(flow, half, (half.next + missing) & MASK, segment.time, segment.number)

    def old(self, flow: Flow, half: Half, segment: Segment, sequence: i64, behind: i64, total: i64) -> None:
        """Take a segment that begins before the next byte: a repeat, which may bring new bytes at its end."""
        if behind > MAX_AHEAD:
            self.stray(flow, half, segment, sequence, total)
            return
        if behind == 1 and total == 1:
            self.keep_alive(half)
            return
        repeated = min(behind, total)
        half.retransmissions += 1
        half.retransmitted_bytes += repeated
        self.counts.retransmissions += 1
        self.counts.retransmitted_bytes += repeated
        self.compare(flow, half, segment, behind)
        if total <= behind:
            return
        start = min(segment.start + behind, segment.end)
        missing = total - behind - (segment.end - start)
        if half.hole is None:
            self.deliver(flow, half, segment.data, start, segment.end, missing, segment)
        else:
            data = segment.data[start : segment.end] if flow.read() else b""
            self.insert(flow, half, segment, half.next, data, total - behind)

    def compare(self, flow: Flow, half: Half, segment: Segment, behind: i64) -> None:
        """Compare a repeat with the bytes that wait for the rest of their frame, the only ones still here."""
        if half.waiting == 0:
            return
        waiting = b"".join(half.pieces)
        first = max(behind - half.waiting, 0)  # of the segment's bytes, the first that is still here
        at = max(half.waiting - behind, 0)
        count = min(segment.end - segment.start - first, half.waiting - at)
        begin = segment.start + first
        if count > 0 and waiting[at : at + count] != segment.data[begin : begin + count]:
            self.differs(flow, half, segment)

    def differs(self, flow: Flow, half: Half, segment: Segment) -> None:
        """Two segments say different things about the same bytes: an evasion, or a broken sender."""
        half.overlaps_differ += 1
        self.counts.overlaps_differ += 1
        self.framing.faults.tell(
            flow,
            OVERLAP_DIFFERS,
            half.direction,
            segment.time,
            segment.number,
            segment.data,
            segment.start,
            segment.end,
        )

    def stray(self, flow: Flow, half: Half, segment: Segment, sequence: i64, total: i64) -> None:
        """Take a segment far off: dropped when it stands alone, believed when it goes on where the last one ended."""
        follows = sequence == half.stray
        half.stray = (sequence + total) & MASK
        if not follows:
            self.counts.wild_sequences += 1
            return
        half.stray = -1
        self.drop_hole(half)
        self.lose(flow, half, sequence, segment.time, segment.number)
        self.deliver(flow, half, segment.data, segment.start, segment.end, segment.missing, segment)

    # --- Holes ----------------------------------------------------------------------------------------------

    def is_early(self, peer: Half, segment: Segment) -> bool:
        """Say whether a segment with bytes answers what was not seen of `peer` yet, though nothing behind it was."""
        ahead = (segment.acknowledgement - peer.next) & MASK
        if ahead == 0 or ahead > MAX_AHEAD or not peer.synced or peer.hole is not None:
            return False
        if peer.ended and ahead == 1:
            return False  # a FIN is acknowledged like a byte
        return segment.end > segment.start and segment.flags & ACK != 0

    def acknowledge(self, flow: Flow, half: Half, segment: Segment) -> None:
        """Note what the other side acknowledged of this direction; what was not seen of it is lost."""
        ahead = (segment.acknowledgement - half.next) & MASK
        if not half.synced or ahead == 0 or ahead >= BEFORE:
            return
        if ahead > MAX_AHEAD:
            self.counts.wild_acknowledgements += 1
            return
        if not self.acknowledged(half, segment.acknowledgement):
            half.passed = True
            half.acknowledged = segment.acknowledgement
        if half.hole is not None:
            self.settle(flow, half)

    def hold(self, flow: Flow, half: Half, segment: Segment, sequence: i64, total: i64) -> None:
        """Keep a segment that came before its turn."""
        if half.hole is None:
            half.hole = Hole(segment.time, flow.peer(half).packets)
            self.watch.add(flow)
        elif 0 < (half.hole.end() - sequence) & MASK < BEFORE:
            half.out_of_order += 1
            self.counts.out_of_order += 1
        data = segment.data[segment.start : segment.end] if flow.read() else b""
        self.insert(flow, half, segment, sequence, data, total)

    def insert(self, flow: Flow, half: Half, segment: Segment, sequence: i64, data: bytes, total: i64) -> None:
        """Put bytes behind the hole, or into it."""
        hole = half.hole
        if hole is None:
            return
        new = Held(sequence, total, segment.missing, data, segment.time, segment.number, segment.source)
        base = half.next
        if not self.keep(hole, base, new):
            # No more fits: the hole is lost, and what lies behind it makes room.
            self.jump(flow, half, hole)
            self.settle(flow, half)
            hole = half.hole if half.hole is not None else Hole(segment.time, 0)
            half.hole = hole
            if (sequence - half.next) & MASK >= BEFORE or not self.keep(hole, half.next, new):
                self.counts.held_refused += 1
        if hole.differs:
            self.differs(flow, half, segment)
        self.settle(flow, half)
        if half.next != base:
            hole.time = segment.time

    def keep(self, hole: Hole, base: i64, new: Held) -> bool:
        """Hold a segment; false when there is no room."""
        if self.counts.buffered_bytes + new.size() > MAX_BUFFERED:
            return False
        before = hole.bytes
        room = hole.insert(base, new)
        self.counts.buffered_bytes += hole.bytes - before
        return room

    def settle(self, flow: Flow, half: Half) -> None:
        """Hand on what is held, as far as it follows, or as the peer has acknowledged the hole before it."""
        hole = half.hole
        while hole is not None and half.hole is hole:
            if not hole.items:
                half.hole = None
                return
            first = hole.items[0]
            if first.sequence == half.next:
                self.release(flow, half, hole)
            elif self.acknowledged(half, first.sequence):
                self.lose(flow, half, first.sequence, first.time, first.number)
            else:
                return

    def release(self, flow: Flow, half: Half, hole: Hole) -> None:
        """Hand on the first held segment, which is next."""
        item = hole.take()
        size: i64 = len(item.data)
        self.counts.buffered_bytes -= item.size()
        half.next = (half.next + item.length - item.cut) & MASK
        if size > 0:
            self.recognition.feed(flow, half, item.data, 0, size, item.time, item.number, item.source)
        if item.cut > 0:
            self.lose(flow, half, (item.sequence + item.length) & MASK, item.time, item.number)

    def acknowledged(self, half: Half, sequence: i64) -> bool:
        """Say whether the peer has acknowledged everything before `sequence`."""
        if half.passed and (half.acknowledged - half.next) & MASK > MAX_AHEAD:
            half.passed = False  # the stream has come by since
        return half.passed and (half.acknowledged - sequence) & MASK < BEFORE

    def lose(self, flow: Flow, half: Half, sequence: i64, time: i64, number: i64) -> None:
        """Go on at `sequence`: what lies before it was not captured."""
        lost = (sequence - half.next) & MASK
        half.next = sequence
        half.gaps += 1
        self.counts.gaps += 1
        if lost < BEFORE:
            half.gap_bytes += lost
            self.counts.gap_bytes += lost
        self.framing.gap(flow, half, time, number)

    def jump(self, flow: Flow, half: Half, hole: Hole) -> None:
        """Declare the hole lost without the peer's word."""
        if hole.items:
            first = hole.items[0]
            self.lose(flow, half, first.sequence, first.time, first.number)

    def overdue(self, flow: Flow, half: Half, time: i64) -> None:
        """Look at a hole when time has passed: lost in a one-way capture, otherwise not believed in the end."""
        hole = half.hole
        if hole is None:
            return
        if flow.peer(half).packets == hole.peer_packets and time - hole.time >= ONE_WAY_PATIENCE:
            self.jump(flow, half, hole)
            self.settle(flow, half)
            return
        before = hole.bytes
        self.counts.held_discarded += hole.discard(time - PATIENCE)
        self.counts.buffered_bytes += hole.bytes - before
        if not hole.items:
            half.hole = None

    def finish(self, flow: Flow, half: Half) -> None:
        """The flow ended: hand on what is held, over all holes."""
        hole = half.hole
        while hole is not None and half.hole is hole:
            self.jump(flow, half, hole)
            self.settle(flow, half)

    def drop_hole(self, half: Half) -> None:
        """Let go of everything held."""
        hole = half.hole
        if hole is not None:
            self.counts.buffered_bytes -= hole.bytes
            half.hole = None
