"""How well the conversations are heard: by network, by machine, by protocol.

The rule it lives by: it costs a frame nothing. What flows have counted anyway is gathered when somebody asks, some
seconds apart, and when a flow ends. Every counter only grows, so that whoever asks takes differences.

A TCP conversation is heard *one-way* when only one of its sides was heard since the last asking, of a conversation
that has shown data, and has gone on for four packets since it last heard the other. Fewer are no evidence: a
handshake takes two, and the answer to the last may still come.
"""

from typing import Final

from mypy_extensions import i64

from sensor.contract import Endpoint
from sensor.decode.kinds import ARP, TCP
from sensor.flow.clock import NEVER, Clock
from sensor.flow.counts import Counts, Spoken
from sensor.flow.flow import Flow, Half
from sensor.flow.idle import Idle
from sensor.flow.lanes import Lanes

MAX_TALKERS: Final = 4_096  # told at once, those known for longest first: a flood of forged senders ends here


class Hearing:
    """Gathers what one worker's flows tell of the quality of what it sees."""

    def __init__(self, lanes: Lanes, counts: Counts, clock: Clock, idle: list[Idle]) -> None:
        self.lanes = lanes
        self.counts = counts
        self.clock = clock
        self.idle = idle
        self.since: i64 = NEVER  # capture time of the last asking
        self.steady: i64 = NEVER  # its steady time
        self.stream_bytes: i64 = 0  # payload of TCP flows that ended
        self.talkers_left_out: i64 = 0

    def gather(self) -> dict[str, object]:
        """Return it as plain values; what is said of one-way conversations and talkers is since the last call."""
        live: dict[str, Spoken] = {}
        talkers: dict[int, tuple[int, str, int]] = {}
        stream_bytes = self.stream_bytes
        for idle in self.idle:
            ring = idle.ring
            flow = ring.newer
            while flow is not ring:
                add(flow, live)
                if flow.kind == TCP:
                    stream_bytes += payload(flow)
                if flow.touched > self.steady:
                    self.weigh(flow)
                    self.listen(flow, talkers)
                flow = flow.newer
        self.since = self.clock.time
        self.steady = self.clock.steady()
        return {
            "lanes": [
                [
                    lane.network.site,
                    lane.network.segment,
                    lane.network.vlan,
                    lane.network.tunnel,
                    lane.frames,
                    lane.last_time,
                    lane.talks,
                    lane.one_way,
                    lane.fallen,
                ]
                for lane in self.lanes.every
            ],
            "talkers": self.first(talkers),
            "protocols": self.spoken(live),
            "stream_bytes": stream_bytes,
        }

    def ended(self, flow: Flow) -> None:
        """A flow ends: keep what it has counted."""
        add(flow, self.counts.protocols)
        if flow.kind == TCP:
            self.stream_bytes += payload(flow)
        if flow.touched > self.steady:
            self.weigh(flow)

    def weigh(self, flow: Flow) -> None:
        """Say of a flow that went on since the last asking whether both sides were heard."""
        if flow.kind != TCP or payload(flow) == 0:
            return
        forth, back = flow.forth, flow.back
        one_way = not (self.heard(forth) and self.heard(back))
        if one_way and not (went_on(forth, back) or went_on(back, forth)):
            return
        lane = self.lanes.every[flow.opener.network.number]
        lane.talks += 1
        lane.one_way += one_way
        lane.fallen += one_way and forth.packets > 0 and back.packets > 0
        if flow.dissector is not None:
            spoken = self.counts.spoken(flow.dissector.protocol)
            spoken.talks += 1
            spoken.one_way += one_way

    def heard(self, half: Half) -> bool:
        """Say whether one side was heard since the last asking."""
        return half.packets > 0 and half.time0 > self.since

    def listen(self, flow: Flow, talkers: dict[int, tuple[int, str, int]]) -> None:
        """Note who has spoken since the last asking, and when."""
        if flow.kind == ARP:
            return  # who is asked for by others is heard by what it says itself
        self.hear(flow.opener, flow.forth, talkers)
        self.hear(flow.answerer, flow.back, talkers)

    def hear(self, endpoint: Endpoint, half: Half, talkers: dict[int, tuple[int, str, int]]) -> None:
        """Note the sender of one direction."""
        if not endpoint.address or not self.heard(half):
            return
        number: int = endpoint.number
        known = talkers.get(number)
        if known is None or half.time0 > known[2]:
            talkers[number] = (endpoint.network.number, endpoint.text, half.time0)

    def first(self, talkers: dict[int, tuple[int, str, int]]) -> list[tuple[int, str, int]]:
        """Return the talkers known for longest, as many as are told."""
        if len(talkers) <= MAX_TALKERS:
            return list(talkers.values())
        self.talkers_left_out += len(talkers) - MAX_TALKERS
        return [talkers[number] for number in sorted(talkers)[:MAX_TALKERS]]

    def spoken(self, live: dict[str, Spoken]) -> dict[str, dict[str, int]]:
        """Return the counters of each protocol, of flows that ended and of those that go on."""
        for name, spoken in self.counts.protocols.items():
            sum_ = live.get(name)
            if sum_ is None:
                sum_ = live[name] = Spoken()
            sum_.take(spoken)
        return {name: spoken.named() for name, spoken in live.items()}


def went_on(half: Half, other: Half) -> bool:
    """Say whether one side has sent four packets since the other was heard."""
    return half.packets > 3 and half.time3 > other.time0


def add(flow: Flow, protocols: dict[str, Spoken]) -> None:
    """Add what a flow has counted to its protocol."""
    dissector = flow.dissector
    name = dissector.protocol if dissector is not None else flow.unread
    if not name:
        return
    spoken = protocols.get(name)
    if spoken is None:
        spoken = protocols[name] = Spoken()
    if dissector is None:
        spoken.unread_bytes += payload(flow)
        return
    spoken.messages += flow.frames
    spoken.payload_bytes += payload(flow)
    spoken.gaps += flow.forth.gaps + flow.back.gaps
    spoken.gap_bytes += flow.forth.gap_bytes + flow.back.gap_bytes


def payload(flow: Flow) -> i64:
    """Return the bytes both sides have said."""
    return flow.forth.payload_bytes + flow.back.payload_bytes
