"""The table of flows: finds the flow of each segment, opens and ends flows, and hands segments on.

The rule it lives by: both directions stand in the table under their own keys, so a look-up tells the direction; every
flow ends by a name (`Flow.ending`), and the table never grows beyond `MAX_FLOWS`.

Who opened: the sender of a SYN, the receiver of a SYN with ACK or of the RST that refuses a SYN. Otherwise the side
whose port is registered by a protocol is the answerer, then the side with a port below 1024 against one above; failing
that, who was seen first opened.
"""

from typing import Final

from mypy_extensions import i64

from sensor.contract import Protocol, Sink
from sensor.decode.kinds import ARP, ICMP, TCP, UDP
from sensor.decode.segment import ACK, RST, SYN, Segment
from sensor.flow.arrivals import Arrivals
from sensor.flow.clock import SECOND, Clock
from sensor.flow.counts import Counts
from sensor.flow.duplicates import repeated
from sensor.flow.flow import (
    CAPTURE_OVER,
    CLOSED,
    ESTABLISHED,
    EVICTED,
    FINISHED,
    IDLE,
    MID_STREAM,
    NEW,
    RESET,
    REUSED,
    WAS_RESET,
    Flow,
    Half,
    nobody,
)
from sensor.flow.framing import Framing
from sensor.flow.hearing import Hearing
from sensor.flow.holdback import HoldBack
from sensor.flow.idle import Idle
from sensor.flow.lanes import Lane, Lanes, learn_mac
from sensor.flow.neighbours import Neighbours
from sensor.flow.probing import TRIES_MID_STREAM, Candidates
from sensor.flow.recognition import Recognition
from sensor.flow.tcp import Order
from sensor.flow.watch import Watch

MAX_FLOWS: Final = 65_536  # about 2 kB each: 130 MB; a large plant has some thousands at a time

UNSTEADY: Final = 4_096  # frames for which a clock that was set back is not trusted

# The lists of idle flows, in the order in which a full table evicts: first what is over or never began
OVER: Final = 0
UNANSWERED: Final = 1
ONE_SIDED: Final = 2  # not TCP, and only one side was heard: broadcasts, reports, forged addresses
DATAGRAMS: Final = 3
OTHERS: Final = 4
CONNECTIONS: Final = 5
TIMEOUTS: Final = (
    30 * SECOND,  # OVER: late repeats still find their flow
    60 * SECOND,  # UNANSWERED: a SYN is repeated for a minute (RFC 6298: 1, 3, 7, 15, 31, 63 s)
    180 * SECOND,  # ONE_SIDED: a report each minute stays one flow
    180 * SECOND,  # DATAGRAMS: so does a poll
    180 * SECOND,  # OTHERS
    3600 * SECOND,  # CONNECTIONS: an outstation that reports by exception may say nothing for long
)


class Flows:
    """All conversations of one worker."""

    def __init__(
        self, sink: Sink, protocols: list[Protocol], messages: bool, places: dict[tuple[int, int], tuple[str, str]]
    ) -> None:
        self.sink = sink
        self.tally = Counts()
        self.clock = Clock()
        self.watch = Watch()
        self.framing = Framing(sink, messages, self.tally)
        self.holdback = HoldBack(self.clock, self.tally)
        self.recognition = Recognition(self.framing, self.holdback, self.tally, self.watch)
        self.order = Order(self.recognition, self.holdback, self.tally, self.watch)
        self.arrivals = Arrivals(self.holdback, self.order, self.recognition)
        self.neighbours = Neighbours(self.framing.faults, self.tally)
        self.lanes = Lanes(places, self.tally)
        self.tcp = Candidates("tcp", protocols)
        self.udp = Candidates("udp", protocols)
        self.idle: list[Idle] = [Idle(timeout) for timeout in TIMEOUTS]
        self.hearing = Hearing(self.lanes, self.tally, self.clock, self.idle)
        self.nobody = nobody()
        self.swept_at: i64 = 0  # frames seen at the last sweep
        self.resets: i64 = 0  # of the clock, as far as they were noticed
        self.reset_at: i64 = 0  # frames seen at the last of them

    def see(self, segment: Segment) -> None:
        """Take one segment of a kind that belongs to a conversation."""
        tally = self.tally
        clock = self.clock
        tally.frames += 1
        time = segment.time
        if time < clock.time or time >= clock.alarm_at:
            self.tick(time)
        else:
            clock.time = time
        kind = segment.kind
        lane = self.lanes.find(segment)
        lane.frames += 1
        lane.last_time = time
        key = segment.key
        if kind == TCP:
            half = lane.tcp.get(key)
        elif kind == UDP:
            half = lane.udp.get(key)
        else:
            if segment.version != 0:
                key += bytes((segment.protocol & 0xFF,))
            half = lane.other.get(key)
        if half is None:
            half = self.open(lane, segment, key, segment.flags & (SYN | ACK) == SYN)
        elif kind == TCP and (segment.flags & SYN != 0 or half.reborn >= 0):
            half = self.renew(lane, half, segment)
        if repeated(half, segment):
            half.mirror_duplicates += 1
            tally.mirror_duplicates += 1
            return
        flow = half.flow
        if half.packets == 0:
            learn_mac(flow.sender(half.direction), segment)
            if half.direction != 0 and segment.flags & RST == 0:
                self.sink.answered(flow)
        half.packets += 1
        half.bytes += segment.length
        half.payload_bytes += segment.end - segment.start + segment.missing
        flow.last_time = max(flow.last_time, time)
        flow.last_number = segment.number
        flow.last_source = segment.source
        flow.touched = clock.time + clock.offset
        if flow.queue == ONE_SIDED and half.packets == 1:
            self.requeue(flow)
        self.idle[flow.queue].touch(flow)
        if kind == TCP:
            state = flow.state
            if flow.waiting is None:
                self.order.arrive(flow, half, segment)
            else:
                self.arrivals.arrive(flow, half, flow.waiting, segment)
            if flow.state != state:
                self.requeue(flow)
        elif flow.waiting is not None:
            self.arrivals.arrive(flow, half, flow.waiting, segment)
        elif kind == UDP and (flow.dissector is not None or flow.probe is not None):
            self.recognition.datagram(flow, half, segment)
        elif kind == ARP:
            self.neighbours.arrive(lane, flow, half.direction, segment)

    def tick(self, time: i64) -> None:
        """Capture time went on to `time`, with or without a frame."""
        self.give_up(time)
        due = self.clock.advance(time)
        self.clock.alarm_at = min(self.clock.sweep_at, self.holdback.next_due())
        if not due:
            return
        frames = self.tally.frames
        if self.clock.resets != self.resets:
            self.resets = self.clock.resets
            self.reset_at = frames
        # A clock that goes to and fro would have a sweep for every frame: so many frames must pay for each.
        unsteady = self.resets > 0 and frames - self.reset_at < UNSTEADY
        if unsteady and frames - self.swept_at < len(self.watch.flows) // 16:
            return
        self.swept_at = frames
        self.sweep(self.clock.second())

    def finish(self) -> None:
        """End all flows: the capture is over."""
        for idle in self.idle:
            flow = idle.oldest()
            while flow is not None:
                self.end(flow, CAPTURE_OVER)
                flow = idle.oldest()

    def pulse(self) -> dict[str, object]:
        """Return how well the conversations are heard; what is said since the last pulse is forgotten."""
        return self.hearing.gather()

    def counts(self) -> dict[str, int]:
        """Return everything counted, by name."""
        self.tally.time_backwards = self.clock.backwards
        self.tally.time_resets = self.clock.resets
        self.tally.time_leaps = self.clock.leaps
        return {**self.tally.named(), "talkers_left_out": self.hearing.talkers_left_out}

    # --- Time ---------------------------------------------------------------------------------------------

    def sweep(self, time: i64) -> None:
        """Look after silent flows at the whole second `time`, and end those idle too long."""
        flows = self.watch.flows
        index: i64 = len(flows) - 1
        while index >= 0:
            flow = flows[index]
            if flow.forth.hole is not None:
                self.order.overdue(flow, flow.forth, time)
            if flow.back.hole is not None:
                self.order.overdue(flow, flow.back, time)
            self.framing.expire(flow, time)
            if flow.dissector is None and flow.forth.hole is None and flow.back.hole is None:
                self.watch.remove(flow)
            index -= 1
        steady = time + self.clock.offset
        for idle in self.idle:
            oldest = idle.oldest()
            while oldest is not None and steady - oldest.touched > idle.timeout:
                self.end(oldest, FINISHED if oldest.state == CLOSED else WAS_RESET if oldest.state == RESET else IDLE)
                oldest = idle.oldest()

    def give_up(self, time: i64) -> None:
        """Hand on what has waited too long at `time`."""
        flow = self.holdback.due(time)
        while flow is not None:
            self.arrivals.give_up(flow)
            if flow.queue != queue_of(flow):
                self.requeue(flow)
            flow = self.holdback.due(time)

    def requeue(self, flow: Flow) -> None:
        """Put a flow whose state changed into the list of its class."""
        self.idle[flow.queue].remove(flow)
        flow.queue = queue_of(flow)
        self.idle[flow.queue].add(flow)

    # --- Opening ------------------------------------------------------------------------------------------

    def open(self, lane: Lane, segment: Segment, key: bytes, asked: bool) -> Half:
        """Open a flow; `asked`: this segment's sender is known to be the opener. Return the segment's direction."""
        if self.tally.flows >= MAX_FLOWS:
            self.evict()
        other = reverse(key)
        first = asked or not self.answers(segment)
        flow = self.make(lane, segment, key if first else other)
        half = flow.forth if first else flow.back
        flow.table[other] = flow.back if first else flow.forth
        flow.table[key] = half  # last: a frame from an address to itself has one key for both directions
        flow.queue = queue_of(flow)
        self.idle[flow.queue].add(flow)
        self.tally.flows += 1
        self.tally.flows_opened += 1
        learn_mac(flow.sender(half.direction), segment)
        self.sink.opened(flow)
        return half

    def make(self, lane: Lane, segment: Segment, key: bytes) -> Flow:
        """Return a fresh flow; `key` is from its opener to its answerer."""
        if self.lanes.is_crowded():
            for endpoint in self.lanes.make_room():
                self.sink.left(endpoint)
        opener, answerer = addresses(key, segment.version)
        flow = Flow(
            self.tally.flows_opened, self.lanes.endpoint(lane, opener), self.lanes.endpoint(lane, answerer), key
        )
        kind = segment.kind
        flow.kind = kind
        flow.table = lane.table(kind)
        flow.transport = segment.protocol if segment.version != 0 else 0
        flow.ethertype = segment.ethertype
        flow.first_time = flow.last_time = segment.time
        flow.first_number = segment.number
        flow.first_source = segment.source
        if kind in (TCP, UDP):
            turned = key != segment.key
            flow.opener_port = segment.destination_port if turned else segment.source_port
            flow.answerer_port = segment.source_port if turned else segment.destination_port
            candidates = self.tcp if kind == TCP else self.udp
            flow.probe = candidates.probe(flow.opener_port, flow.answerer_port)
        if kind == TCP:
            flow.state = NEW if segment.flags & SYN != 0 else MID_STREAM
            if flow.state == MID_STREAM and flow.probe is not None:
                flow.probe.tries = TRIES_MID_STREAM
        elif kind == ICMP and segment.end - segment.start >= 2:
            flow.icmp_type = i64(segment.data[segment.start])
            flow.icmp_code = i64(segment.data[segment.start + 1])
        return flow

    def answers(self, segment: Segment) -> bool:
        """Say whether the sender of a flow's first segment is the one who was asked."""
        kind = segment.kind
        if kind not in (TCP, UDP):
            return False
        if kind == TCP and segment.flags & SYN != 0:
            return segment.flags & ACK != 0
        if kind == TCP and segment.flags & RST != 0 and segment.sequence == 0:
            return True  # so a closed port answers a SYN (RFC 9293, 3.5.2)
        candidates = self.tcp if kind == TCP else self.udp
        source = segment.source_port
        destination = segment.destination_port
        registered = candidates.registers(source)
        if registered != candidates.registers(destination):
            return registered
        return source < 1024 <= destination

    def renew(self, lane: Lane, half: Half, segment: Segment) -> Half:
        """Return the direction of a segment that may begin a new connection between known ports."""
        flow = half.flow
        if not self.order.reborn(flow, half, segment):
            return half
        confirmed = segment.flags & SYN == 0
        self.tally.flows_reused += 1
        self.end(flow, REUSED)
        half = self.open(lane, segment, segment.key, segment.flags & (SYN | ACK) == SYN or confirmed)
        if confirmed:
            half.synced = True
            half.start = half.next = segment.sequence
            half.flow.state = ESTABLISHED
            self.requeue(half.flow)
        return half

    # --- Ending -------------------------------------------------------------------------------------------

    def evict(self) -> None:
        """End one flow to make room: what is over or has one side, the longest idle of it, else that of all."""
        chosen: Flow | None = None
        for queue in range(len(self.idle)):
            oldest = self.idle[queue].oldest()
            if oldest is not None and (chosen is None or oldest.touched < chosen.touched):
                chosen = oldest
            if chosen is not None and queue <= ONE_SIDED:
                break
        if chosen is not None:
            self.tally.flows_evicted += 1
            self.end(chosen, EVICTED)

    def end(self, flow: Flow, why: str) -> None:
        """End a flow: what waits in it is handed on, the next stage is told, the table forgets it."""
        self.arrivals.release(flow)
        self.order.finish(flow, flow.forth)
        self.order.finish(flow, flow.back)
        self.recognition.finish(flow)
        self.hearing.ended(flow)
        flow.ending = why
        self.watch.remove(flow)
        self.idle[flow.queue].remove(flow)
        flow.table.pop(flow.key, None)
        flow.table.pop(reverse(flow.key), None)
        self.tally.flows -= 1
        self.tally.flows_closed += 1
        self.sink.closed(flow)
        # A later stage may keep the flow: no rings of references.
        flow.table = {}
        flow.older = flow.newer = flow.forth.flow = flow.back.flow = self.nobody


def queue_of(flow: Flow) -> i64:
    """Return which list of idle flows a flow belongs to."""
    if flow.kind == TCP:
        if flow.state in (CLOSED, RESET):
            return OVER
        return UNANSWERED if flow.state == NEW else CONNECTIONS
    if flow.forth.packets == 0 or flow.back.packets == 0:
        return ONE_SIDED
    return DATAGRAMS if flow.kind == UDP else OTHERS


def addresses(key: bytes, version: i64) -> tuple[bytes, bytes]:
    """Return source and destination address of a key."""
    size: i64 = 6 if version == 0 else 4 if version == 4 else 16
    return key[:size], key[size : 2 * size]


def reverse(key: bytes) -> bytes:
    """Return the key of the other direction."""
    if len(key) == 14:
        return key[6:12] + key[:6] + key[12:]
    size: i64 = 4 if len(key) < 36 else 16
    ports = 2 * size
    return key[size:ports] + key[:size] + key[ports + 2 : ports + 4] + key[ports : ports + 2] + key[ports + 4 :]
