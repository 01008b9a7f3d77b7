"""Repeats are counted, novelty is told, and every table has its bound."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.behaviour import learner as module
from sensor.behaviour.behaviour import BUCKETS, Durations, bucket
from sensor.behaviour.finding import NEW_CLIENT, NEW_OPERATION, NEW_RANGE, NEW_TARGET, WIDENED, Findings
from sensor.behaviour.learner import MAX_EXACT, Learner
from sensor.contract import (
    ACCEPTED,
    REFUSED,
    Conversation,
    Dissector,
    Endpoint,
    Exchange,
    Malformed,
    Message,
    Network,
    Target,
)

NETWORK = Network(0, "", "", "", "")
SECOND = 1_000_000_000


class Words(Dissector):
    """A request is an operation letter and a two-byte address."""

    def dissect(self, data, start, end, direction, request):  # noqa: ARG002
        message = Message("words", direction)
        message.operation = chr(data[start])
        message.action = "write" if data[start] == ord("w") else "read"
        message.targets = [Target("cell", *struct.unpack_from(">H", data, start + 1) * 2)]
        return message


class Told(Findings):
    def __init__(self):
        super().__init__()
        self.told = []

        self.odd = []

    def finding(self, finding):
        self.told.append(finding)

    def oddity(self, talk, kind, direction, time, number, sample):  # noqa: ARG002
        self.odd.append((kind, direction, sample))


def conversation(client=0, server=1):
    ends = [Endpoint(number, NETWORK, bytes((10, 0, 0, number)), f"10.0.0.{number}") for number in (client, server)]
    talk = Conversation(0, *ends)
    talk.dissector = Words("words")
    return talk


def asked(operation="r", address=0, time=SECOND, outcome=ACCEPTED, significant=False):
    request = struct.pack(">cH", operation.encode(), address)
    exchange = Exchange("words", request, 0, time)
    exchange.request = request
    exchange.response_time = time + 1_000_000
    exchange.outcome = outcome
    exchange.significant = significant
    return exchange


def learn(talk, exchanges):
    told = Told()
    learner = Learner(told)
    for exchange in exchanges:
        learner.exchange(talk, exchange, b"ok", 0, 2)
    return learner, told.told


def test_a_repeat_is_counted_and_told_once():
    learner, told = learn(conversation(), [asked(time=SECOND * n) for n in range(1, 101)])
    assert [finding.news for finding in told] == [NEW_CLIENT]
    (behaviour,) = learner.behaviours
    assert (behaviour.count, behaviour.accepted) == (100, 100)
    assert (behaviour.interval.count, behaviour.interval.mean()) == (99, SECOND)
    assert behaviour.latency.max == 1_000_000


def test_what_is_new_is_named():
    _, told = learn(conversation(), [asked("r", 1), asked("w", 1), asked("r", 2), asked("r", 1)])
    assert [finding.news for finding in told] == [NEW_CLIENT, NEW_OPERATION, NEW_TARGET]


def test_the_seventeenth_target_becomes_a_range_that_widens_and_counts_stay_exact():
    addresses = [*range(0, 2 * MAX_EXACT, 2), 50, 40, 60, 3]
    learner, told = learn(conversation(), [asked("r", address) for address in addresses])
    assert [finding.news for finding in told[MAX_EXACT:]] == [NEW_RANGE, WIDENED]
    ranged = learner.behaviours[-1]
    assert ranged.ranged
    assert ranged.target_text() == "cell 0-60"
    assert sum(behaviour.count for behaviour in learner.behaviours) == len(addresses)


def test_a_significant_exchange_is_told_each_time():
    _, told = learn(conversation(), [asked("w", 1, significant=True) for _ in range(3)])
    assert [finding.news for finding in told] == [NEW_CLIENT, "", ""]


def test_refusals_are_counted_by_code():
    exchanges = [asked(), asked(outcome=REFUSED), asked(outcome=REFUSED)]
    for exchange, code in zip(exchanges, (0, 2, 6), strict=True):
        exchange.code = code
    learner, _ = learn(conversation(), exchanges)
    assert learner.behaviours[0].outcomes() == {"accepted": 1, "refused": 2}
    assert learner.behaviours[0].codes() == {2: 1, 6: 1}


def test_a_finding_decodes_both_halves_when_asked():
    exchange = asked("r", 7)
    _, (finding,) = learn(conversation(), [exchange])
    assert str(finding.request.targets[0]) == "cell 7"
    assert finding.request.time == SECOND
    assert exchange.response == b"ok"


def test_the_identity_has_no_port_no_time_and_no_connection_in_it():
    first, _ = learn(conversation(), [asked(time=SECOND)])
    second, _ = learn(conversation(), [asked(time=9 * SECOND)])
    assert first.behaviours[0].identity() == second.behaviours[0].identity()
    other, _ = learn(conversation(client=2), [asked()])
    assert other.behaviours[0].identity() != first.behaviours[0].identity()


def test_tables_are_bounded_and_refusals_counted(monkeypatch):
    if not module.__file__.endswith(".py"):
        pytest.skip("constants are compiled in; the uncompiled run shows this")
    monkeypatch.setattr(module, "MAX_BEHAVIOURS", 3)
    monkeypatch.setattr(module, "MAX_SHAPES", 2)
    learner, told = learn(conversation(), [asked("r", address) for address in (1, 2, 3, 4, 5)] * 2)
    assert learner.counts()["behaviours"] == 3
    assert learner.counts()["behaviours_refused"] == 2
    assert len(told) == 5


@given(st.lists(st.integers(0, 2**62), max_size=50))
def test_durations_add_up(values):
    durations = Durations()
    for value in values:
        durations.add(value)
    assert durations.count == sum(durations.buckets) == len(values)
    assert durations.min == min(values, default=0)
    assert durations.max == max(values, default=0)


@given(st.integers(0, 2**62))
def test_buckets_are_powers_of_four(ns):
    number = bucket(ns)
    assert 0 <= number < BUCKETS
    assert number == BUCKETS - 1 or ns < 2**16 * 4**number
    assert number == 0 or ns >= 2**16 * 4 ** (number - 1)


class Failing(Words):
    """It dissects requests of "r" only."""

    def dissect(self, data, start, end, direction, request):
        if data[start] == ord("m"):
            raise Malformed("nonsense", start, 3, 1)
        if data[start] != ord("r"):
            raise ZeroDivisionError
        return super().dissect(data, start, end, direction, request)


@pytest.mark.parametrize(("operation", "anomaly"), [("m", "undissectable"), ("x", "dissector_failed")])
def test_a_message_that_cannot_be_read_costs_itself_only(operation, anomaly):
    talk = conversation()
    talk.dissector = Failing("words")
    odd = asked(operation)
    learner, told = learn(talk, [odd, asked("r")])
    assert learner.findings.odd == [(anomaly, 0, odd.request)]
    assert learner.counts()["undissected"] == 1
    assert [finding.news for finding in told] == [NEW_CLIENT]
