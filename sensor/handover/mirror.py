"""The recorder's end: turns one worker's records back into conversations, exchanges and behaviours, and hands them on.

The rule it lives by: what stands right of the hand-over cannot tell whether it runs in the worker's process or in its
own. A record that refers to what was never told, or is more than any worker has to tell, is no mistake of ours: its
worker is not believed any more. Any other trouble with a record is ours, and costs that record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from sensor.behaviour.behaviour import COUNTED, STATISTICS
from sensor.behaviour.finding import WIDENED, Finding
from sensor.behaviour.learner import widen
from sensor.contract import Exchange, Target
from sensor.flow.flow import STATE_NAMES, WORKER_LOST, Flow, nobody
from sensor.flow.lanes import MAX_ENDPOINTS, MAX_NETWORKS
from sensor.flow.table import MAX_FLOWS
from sensor.handover import records
from sensor.handover.records import HALF_COUNTS, MAX_COUNT, Unfit
from sensor.handover.registry import MAX_NAMES
from sensor.handover.teller import MAX_NUMBERED, UNNUMBERED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sensor.behaviour.behaviour import Behaviour
    from sensor.behaviour.finding import Findings
    from sensor.contract import Dissector, Endpoint, Network, Protocol
    from sensor.flow.flow import Half
    from sensor.handover.registry import Registry

K = TypeVar("K")
T = TypeVar("T")
OVERFLOWS: Final = MAX_NETWORKS + 1  # beside a full table, each network has an endpoint for all others
MAX_SAYINGS: Final = 8  # a worker speaks when it ends
MAX_FAILURES_SAID: Final = 3  # of one worker; the rest is counted


class Kept:
    """A behaviour as this worker tells it, beside the one it adds to."""

    def __init__(self, behaviour: Behaviour, news: str) -> None:
        self.behaviour = behaviour
        self.news = news  # until the finding that brings it has come
        self.statistics: list[int] = []  # told last
        self.others: dict[int, int] = {}


class Mirror:
    """What one worker has told; a worker that takes another's place has a mirror of its own."""

    def __init__(self, registry: Registry, findings: Findings, protocols: Sequence[Protocol]) -> None:
        self.registry = registry
        self.findings = findings
        self.protocols = {protocol.name: protocol for protocol in protocols}
        self.time = 0  # capture time up to which it has told everything, ns
        self.networks: dict[int, Network] = {}
        self.ends: dict[int, Endpoint] = {}
        self.files: dict[int, int] = {}
        self.flows: dict[int, Flow] = {}
        self.behaviours: dict[int, Kept] = {}
        self.dissectors: dict[tuple[str, str], Dissector] = {}
        self.counts: dict[str, int] = {}
        self.taps: dict[str, int] = {}
        self.quality: dict[str, Any] = {}  # until somebody takes it
        self.states: dict[str, str] = {}
        self.said: list[str] = []
        self.sayings = 0  # of the worker, taken or not
        self.failed = 0  # records that cost us an exception
        self.nobody = nobody()
        self.take: Mapping[type, Callable[[Any], None]] = {
            records.Place: self.place, records.End: self.end, records.Left: self.left, records.File: self.file,
            records.Known: self.known, records.Counted: self.counted, records.Began: self.began,
            records.Answered: self.answered, records.Ended: self.ended, records.Found: self.found,
            records.Odd: self.odd, records.Pulse: self.pulse, records.Said: self.say,
        }  # fmt: skip

    def play(self, batch: records.Batch) -> None:
        """Take one batch; raise Unfit for what no worker of ours tells."""
        for record in batch.records:
            try:
                self.take[type(record)](record)
            except Unfit:
                raise
            except Exception as error:  # noqa: BLE001  # whatever it is, the watch goes on
                self.fail(record, error)
        self.time = batch.time

    def fail(self, record: records.Told, error: Exception) -> None:
        """Leave out a record that could not be taken."""
        self.failed += 1
        if self.failed <= MAX_FAILURES_SAID:
            name = type(record).__name__.lower()
            self.said.append(f"a record ({name}) cannot be taken and is left out: {type(error).__name__}: {error}")

    def lost(self) -> None:
        """The worker is gone: its conversations end here, as far as we know."""
        for flow in list(self.flows.values()):
            flow.ending = WORKER_LOST
            self.release(flow)
        self.flows.clear()

    # --- Who and what ---------------------------------------------------------------------------------

    def place(self, told: records.Place) -> None:
        """Take a network."""
        room(self.networks, told.number, OVERFLOWS, "networks")
        self.networks[told.number] = self.registry.network(told.site, told.segment, told.vlan, told.tunnel)

    def end(self, told: records.End) -> None:
        """Take an endpoint."""
        network = known(self.networks, told.place, "network")
        room(self.ends, told.number, MAX_ENDPOINTS + OVERFLOWS, "ends")
        self.ends[told.number] = self.registry.endpoint(network, told.address, told.text)

    def left(self, told: records.Left) -> None:
        """Forget an endpoint, as the worker has."""
        known(self.ends, told.end, "end")
        del self.ends[told.end]

    def file(self, told: records.File) -> None:
        """Take the name of a source of frames."""
        room(self.files, told.number, MAX_NAMES, "files")
        self.files[told.number] = self.registry.names.number(told.name)

    def known(self, told: records.Known) -> None:
        """Take a behaviour."""
        client, server = known(self.ends, told.client, "end"), known(self.ends, told.server, "end")
        room(self.behaviours, told.number, MAX_NUMBERED + 1, "behaviours")
        if told.number in self.behaviours and told.number != UNNUMBERED:
            raise Unfit(f"behaviour {told.number} was told twice")
        kept = self.behaviours[told.number] = Kept(*self.registry.behaviour(client, server, told))
        self.add_up(kept, told)

    def counted(self, told: records.Counted) -> None:
        """Take what a behaviour has counted since."""
        kept = known(self.behaviours, told.number, "behaviour")
        self.add_up(kept, told)
        if kept.behaviour.ranged and widen(kept.behaviour.targets, [Target(*target) for target in told.targets]):
            kept.news = kept.news or WIDENED

    def add_up(self, kept: Kept, told: records.Known | records.Counted) -> None:
        """Add what a behaviour's statistics have grown by since they were told last."""
        if len(told.statistics) not in (COUNTED, STATISTICS):
            raise Unfit(f"statistics of {len(told.statistics)} numbers for behaviour {told.number}")
        if not 0 <= kept.behaviour.count + told.statistics[0] <= MAX_COUNT or not 0 <= told.statistics[1] <= MAX_COUNT:
            raise Unfit(f"behaviour {told.number} was counted {told.statistics[0]} times")
        others = {key: count - kept.others.get(key, 0) for key, count in told.others.items()}
        kept.behaviour.merge(told.statistics, kept.statistics, {key: grown for key, grown in others.items() if grown})
        kept.statistics, kept.others = told.statistics, told.others

    # --- What happened --------------------------------------------------------------------------------

    def began(self, told: records.Began) -> None:
        """Take a conversation that was opened."""
        opener, answerer = known(self.ends, told.opener, "end"), known(self.ends, told.answerer, "end")
        room(self.flows, told.flow, MAX_FLOWS + 1, "conversations")
        learn_macs(opener, answerer, told.macs)
        flow = Flow(self.registry.next_flow(), opener, answerer, told.key)
        flow.kind, flow.transport, flow.ethertype = told.kind, told.transport, told.ethertype
        flow.opener_port, flow.answerer_port = told.opener_port, told.answerer_port
        flow.first_time = flow.last_time = told.time
        flow.first_number, flow.first_source = told.frame, self.files.get(told.source, 0)
        flow.icmp_type, flow.icmp_code = told.icmp_type, told.icmp_code
        self.flows[told.flow] = flow
        self.findings.opened(flow)

    def answered(self, told: records.Answered) -> None:
        """Take that a conversation was answered."""
        flow = known(self.flows, told.flow, "conversation")
        flow.answerer.mac = told.mac or flow.answerer.mac
        self.findings.answered(flow)

    def stands(self, told: records.Stand) -> Flow:
        """Return a conversation, as it stands now."""
        flow = known(self.flows, told.flow, "conversation")
        if not 0 <= told.state < len(STATE_NAMES):
            raise Unfit(f"an unknown state {told.state}")
        learn_macs(flow.opener, flow.answerer, told.macs)
        flow.state, flow.last_time = told.state, told.last_time
        flow.forth.start, flow.back.start = told.starts
        flow.last_source = self.files.get(told.last_source, 0)
        flow.dissector = self.dissector(told.protocol, told.spoken) if told.protocol else None
        return flow

    def dissector(self, name: str, spoken: str) -> Dissector:
        """Return a dissector to read messages with: it keeps nothing of them, so one serves all conversations."""
        dissector = self.dissectors.get((name, spoken))
        if dissector is None:
            dissector = known(self.protocols, name, "protocol").dissector()
            if spoken != dissector.protocol:
                dissector.protocol = known(self.protocols, spoken, "protocol").name
            self.dissectors[name, spoken] = dissector
        return dissector

    def found(self, told: records.Found) -> None:
        """Take news, or a significant exchange; what another worker has told before is no news."""
        flow = self.stands(told.stand)
        if flow.dissector is not None:
            flow.dissector.client = told.client
        kept = known(self.behaviours, told.behaviour, "behaviour")
        news, kept.news = kept.news if told.news else "", ""
        if news or told.significant:
            self.findings.finding(Finding(flow, self.exchange(told), kept.behaviour, news))

    def exchange(self, told: records.Found) -> Exchange:
        """Return the exchange of a finding."""
        exchange = Exchange(told.protocol, b"", told.client, told.times[0])
        exchange.response_time = told.times[1]
        exchange.request_number, exchange.response_number = told.frames
        exchange.request_source, exchange.response_source = (self.files.get(source, 0) for source in told.sources)
        exchange.request, exchange.response = told.request, told.response
        exchange.outcome, exchange.code, exchange.retries = told.outcome, told.code, told.retries
        exchange.significant = told.significant
        exchange.anomalies = told.anomalies or None
        return exchange

    def odd(self, told: records.Odd) -> None:
        """Take what was wrong with a stream."""
        flow = self.stands(told.stand)
        self.findings.oddity(flow, told.kind, told.direction, told.time, told.frame, told.sample)

    def ended(self, told: records.Ended) -> None:
        """Take the end of a conversation."""
        flow = self.stands(told.stand)
        if any(len(half) != HALF_COUNTS for half in told.halves):
            raise Unfit("a conversation whose directions are not counted")
        flow.ending = told.ending
        count_half(flow.forth, told.halves[0])
        count_half(flow.back, told.halves[1])
        del self.flows[told.stand.flow]
        self.release(flow)

    def release(self, flow: Flow) -> None:
        """Hand an ended conversation on; a later stage may keep it, so no rings of references."""
        self.findings.closed(flow)
        flow.older = flow.newer = flow.forth.flow = flow.back.flow = self.nobody

    def say(self, told: records.Said) -> None:
        """Take what the worker has to say to people."""
        self.sayings += 1
        if self.sayings > MAX_SAYINGS:
            raise Unfit(f"it has said {self.sayings} things")
        self.said.append(told.text)

    def take_quality(self) -> dict[str, Any]:
        """Return what the worker's line says about what it sees, once; empty until it says it again."""
        quality, self.quality = self.quality, {}
        return quality

    def take_said(self) -> list[str]:
        """Return what the worker had to say since it was asked last."""
        said, self.said = self.said, []
        return said

    def pulse(self, told: records.Pulse) -> None:
        """Take how the worker is."""
        self.counts, self.taps, self.states = {**told.counts, "records_failed": self.failed}, told.taps, told.states
        if told.quality:
            self.quality = records.judged(told.quality)


def room(table: Mapping[int, object], number: int, most: int, what: str) -> None:
    """Raise Unfit where a worker tells more of something than it can know of."""
    if number not in table and len(table) >= most:
        raise Unfit(f"more than {most:,} {what}")


def known(table: Mapping[K, T], key: K, what: str) -> T:
    """Return what a worker has told before."""
    found = table.get(key)
    if found is None:
        raise Unfit(f"{what} {key!r} was never told")
    return found


def learn_macs(opener: Endpoint, answerer: Endpoint, macs: tuple[bytes, bytes]) -> None:
    """Take the MACs the worker has seen both ends with."""
    opener.mac, answerer.mac = macs[0] or opener.mac, macs[1] or answerer.mac


def count_half(half: Half, counts: list[int]) -> None:
    """Take what is counted of one direction, in the order of teller.half_counts."""
    (
        half.packets, half.bytes, half.payload_bytes, half.retransmissions, half.gaps, half.gap_bytes,
        half.out_of_order, half.mirror_duplicates,
    ) = counts  # fmt: skip
