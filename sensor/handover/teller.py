"""The worker's end: takes what the line has found and tells it in batches.

The rule it lives by: a worker never waits for the recorder. What lies in line is bounded: where the recorder falls
behind, new conversations go untold first, findings last, and each is counted by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from sensor.behaviour.finding import Finding, Findings
from sensor.behaviour.learner import MAX_BEHAVIOURS
from sensor.contract import MAX_NAME
from sensor.handover import records

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from sensor.behaviour.behaviour import Behaviour
    from sensor.contract import Conversation, Endpoint, Exchange, Network
    from sensor.flow.flow import Flow, Half

SECOND: Final = 1_000_000_000
STATISTICS_NS: Final = 5 * SECOND  # between two looks at which behaviours were counted on
YOUNG: Final = 4  # exchanges: until then the count is told at once, for regular clients are known by the third
MAX_YOUNG: Final = 2_048  # of them: a plant that starts has as many; of a flood the newest
BUSY_BYTES: Final = 8_388_608  # that wait to be sent: from here on new conversations go untold
FULL_BYTES: Final = 33_554_432  # from here on findings, too; what is routine goes on being counted
MAX_NUMBERED: Final = 2 * MAX_BEHAVIOURS  # the worker's own table and as many that found no room in it
UNNUMBERED: Final = -1


class Teller(Findings):
    """Tells what one worker has found."""

    def __init__(self, send: Callable[[bytes], None], waiting: Callable[[], int]) -> None:
        """`send` takes a batch, `waiting` tells how many bytes have not left yet."""
        super().__init__()
        self.send = send
        self.waiting = waiting
        self.records: list[records.Told] = []
        self.time = 0
        self.statistics_at = 0
        self.places: set[int] = set()
        self.ends: set[int] = set()
        self.answerers: dict[int, bytes] = {}  # numbers of the ends that have answered, with the MAC told last
        self.files: dict[int, str] = {}
        self.numbers: dict[Behaviour, int] = {}
        self.counted: list[tuple[Behaviour, int]] = []  # every numbered behaviour, with the count told last
        self.young: dict[int, None] = {}  # the oldest first
        self.flows: set[int] = set()  # numbers of the conversations that were told
        self.flows_untold = 0
        self.findings_untold = 0
        self.oddities_untold = 0

    # --- What the line tells --------------------------------------------------------------------------

    def opened(self, talk: Conversation) -> None:
        """Tell a conversation, unless the recorder is behind."""
        if self.waiting() > BUSY_BYTES:
            self.flows_untold += 1
        else:
            self.begin(cast("Flow", talk))

    def answered(self, talk: Conversation) -> None:
        """Tell who answers, once for each MAC: a busy server does it a thousand times a second."""
        flow, answerer = cast("Flow", talk), talk.answerer
        if flow.number in self.flows and self.answerers.get(answerer.number) != answerer.mac:
            self.answerers[answerer.number] = answerer.mac
            self.put(records.Answered(flow.number, answerer.mac))

    def closed(self, talk: Conversation) -> None:
        """Tell the end of a conversation that was told."""
        flow = cast("Flow", talk)
        if flow.number not in self.flows:
            return
        self.flows.discard(flow.number)
        self.put(records.Ended(self.stand(flow), flow.ending, (half_counts(flow.forth), half_counts(flow.back))))

    def left(self, endpoint: Endpoint) -> None:
        """Tell that an endpoint is forgotten, if it was told."""
        if endpoint.number in self.ends:
            self.ends.discard(endpoint.number)
            self.answerers.pop(endpoint.number, None)
            self.put(records.Left(endpoint.number))

    def finding(self, finding: Finding) -> None:
        """Tell a new behaviour or a significant exchange."""
        if self.waiting() > FULL_BYTES:
            self.findings_untold += 1
            return
        flow, exchange = cast("Flow", finding.talk), finding.exchange
        self.began(flow)
        number = self.know(finding.behaviour, finding.news)
        found = records.Found(
            self.stand(flow), number, finding.news, exchange.protocol, exchange.client,
            (exchange.request_time, exchange.response_time), (exchange.request_number, exchange.response_number),
            (exchange.request_source, exchange.response_source), exchange.request, exchange.response,
            exchange.outcome, exchange.code, exchange.retries, exchange.significant, anomalies(exchange),
        )  # fmt: skip
        self.put(found)

    def oddity(self, talk: Conversation, kind: str, direction: int, time: int, number: int, sample: bytes) -> None:
        """Tell what was wrong with a stream."""
        if self.waiting() > FULL_BYTES:
            self.oddities_untold += 1
            return
        flow = cast("Flow", talk)
        self.began(flow)
        self.put(records.Odd(self.stand(flow), kind[:MAX_NAME], direction, time, number, sample))

    # --- Who and what it is about ---------------------------------------------------------------------

    def put(self, record: records.Told) -> None:
        """Add a record to the batch; send the batch when it is full."""
        self.records.append(record)
        if len(self.records) >= records.MAX_RECORDS:
            self.flush()

    def began(self, flow: Flow) -> None:
        """Tell a conversation that something is told of, if it was not told yet."""
        if flow.number not in self.flows:
            self.begin(flow)

    def begin(self, flow: Flow) -> None:
        """Tell a conversation."""
        self.flows.add(flow.number)
        began = records.Began(
            flow.number, self.end(flow.opener), self.end(flow.answerer), flow.key, flow.kind, flow.transport,
            flow.opener_port, flow.answerer_port, flow.ethertype, flow.first_time, flow.first_number,
            flow.first_source, flow.icmp_type, flow.icmp_code, macs(flow),
        )  # fmt: skip
        self.put(began)

    def stand(self, flow: Flow) -> records.Stand:
        """Return how a conversation stands."""
        dissector = flow.dissector
        names = (flow.carried_by, dissector.protocol) if dissector is not None else ("", "")
        starts = (flow.forth.start, flow.back.start)
        return records.Stand(flow.number, *names, flow.state, starts, flow.last_time, flow.last_source, macs(flow))

    def end(self, endpoint: Endpoint) -> int:
        """Return an endpoint's number; tell it, if it was not told yet."""
        if endpoint.number not in self.ends:
            self.ends.add(endpoint.number)
            self.put(records.End(endpoint.number, self.place(endpoint.network), endpoint.address, endpoint.text))
        return endpoint.number

    def place(self, network: Network) -> int:
        """Return a network's number; tell it, if it was not told yet."""
        if network.number not in self.places:
            self.places.add(network.number)
            self.put(records.Place(network.number, network.site, network.segment, network.vlan, network.tunnel))
        return network.number

    def file(self, number: int, name: str) -> None:
        """Tell what evidence shows for a source of frames."""
        name = name[: records.MAX_TEXT]  # of many interfaces together
        if self.files.get(number) != name:
            self.files[number] = name
            self.put(records.File(number, name))

    def know(self, behaviour: Behaviour, news: str) -> int:
        """Return a behaviour's number; tell it, if it was not told yet, and how a range has grown."""
        number = self.numbers.get(behaviour)
        if number is not None:
            if news:
                self.count(number)
        else:
            number = self.number(behaviour)
            made = records.Known(
                number, self.end(behaviour.client), self.end(behaviour.server), behaviour.protocol,
                behaviour.operation, behaviour.action, behaviour.unit, targets(behaviour), behaviour.ranged,
                behaviour.statistics(), dict(behaviour.others),
            )  # fmt: skip
            self.put(made)
        return number

    def number(self, behaviour: Behaviour) -> int:
        """Give a behaviour a number; UNNUMBERED where there are too many."""
        number = len(self.numbers)
        if number >= MAX_NUMBERED:
            return UNNUMBERED
        self.numbers[behaviour] = number
        self.counted.append((behaviour, behaviour.count))
        if len(self.young) >= MAX_YOUNG:
            del self.young[next(iter(self.young))]
        self.young[number] = None
        return number

    # --- Time -----------------------------------------------------------------------------------------

    def count(self, number: int) -> None:
        """Tell a behaviour's statistics, if it was counted on since."""
        behaviour, told = self.counted[number]
        if behaviour.count == told:
            return
        self.counted[number] = (behaviour, behaviour.count)
        grown = targets(behaviour) if behaviour.ranged else []
        self.put(records.Counted(number, behaviour.statistics(), dict(behaviour.others), grown))
        if behaviour.count >= YOUNG:
            self.young.pop(number, None)

    def tick(self, time: int) -> None:
        """Capture time has gone on to `time`, ns: send what there is."""
        self.time = time
        if time - self.statistics_at >= STATISTICS_NS or time < self.statistics_at:
            self.statistics_at = time
            self.count_all()
        else:
            for number in list(self.young):
                self.count(number)
        self.flush()

    def count_all(self) -> None:
        """Tell the statistics of every behaviour that was counted on since."""
        for number in range(len(self.counted)):
            self.count(number)

    def finish(self) -> None:
        """There is no more to come."""
        self.count_all()
        self.flush()

    def pulse(
        self, counts: Mapping[str, int], taps: Mapping[str, int], quality: Mapping[str, Any], states: Mapping[str, str]
    ) -> None:
        """Tell how the worker is."""
        told = {name: state[: records.MAX_TEXT] for name, state in states.items()}  # a path, and what is wrong with it
        self.put(records.Pulse({**counts, **self.counts()}, dict(taps), cast("records.Quality", quality), told))

    def flush(self) -> None:
        """Send the batch; an empty one tells the time."""
        self.send(records.packed(records.Batch(self.time, self.records)))
        self.records = []

    def counts(self) -> dict[str, int]:
        """Return what was not told, by name."""
        return {
            "flows_untold": self.flows_untold,
            "findings_untold": self.findings_untold,
            "oddities_untold": self.oddities_untold,
        }


def targets(behaviour: Behaviour) -> list[tuple[str, int, int]]:
    """Return a behaviour's targets."""
    return [(target.space, target.first, target.last) for target in behaviour.targets]


def anomalies(exchange: Exchange) -> list[str]:
    """Return what was odd about the pairing, as much as is believed: a dissector of one's own may say anything."""
    return [kind[:MAX_NAME] for kind in (exchange.anomalies or [])[: records.MAX_ANOMALIES]]


def macs(flow: Flow) -> tuple[bytes, bytes]:
    """Return the MACs both ends were last seen with."""
    return flow.opener.mac, flow.answerer.mac


def half_counts(half: Half) -> list[int]:
    """Return what is counted of one direction; `Mirror` reads it in the same order."""
    return [
        half.packets, half.bytes, half.payload_bytes, half.retransmissions, half.gaps, half.gap_bytes,
        half.out_of_order, half.mirror_duplicates,
    ]  # fmt: skip
