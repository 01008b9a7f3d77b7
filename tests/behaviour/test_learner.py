"""Repeats are counted, novelty is told, and every table has its bound."""

import struct
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensor.behaviour import learner as module
from sensor.behaviour.behaviour import BUCKETS, INTERVAL, LATENCY, MAX_ENDINGS, OTHER_CODE, Behaviour, bucket
from sensor.behaviour.finding import NEW_CLIENT, NEW_OPERATION, NEW_RANGE, NEW_TARGET, WIDENED, Findings
from sensor.behaviour.learner import MAX_AIMED, MAX_EXACT, MAX_SPACE, MAX_TARGETS, Learner
from sensor.contract import (
    ACCEPTED,
    MAX_NAME,
    REFUSED,
    Aim,
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


class Aiming(Words):
    """Knows from the shape what is read, and counts how often it had to decode."""

    decoded = 0
    fault = False

    def dissect(self, data, start, end, direction, request):
        self.decoded += 1
        return super().dissect(data, start, end, direction, request)

    def aim(self, exchange, at):
        assert at == 0
        if self.fault:
            raise RuntimeError("ours")
        if exchange.shape[:1] != b"r":
            return None
        return Aim(b"r", [Target("cell", *struct.unpack_from(">H", exchange.shape, 1) * 2)])


class Wordy(Words):
    """Says of one address, at length, what no specification bounds."""

    def dissect(self, data, start, end, direction, request):
        message = super().dissect(data, start, end, direction, request)
        (address,) = struct.unpack_from(">H", data, start + 1)
        message.operation, message.unit = message.operation * 2 * MAX_NAME, "u" * 2 * MAX_NAME
        spaces = [f"{number} {address}" + "x" * MAX_SPACE for number in range(2 * MAX_TARGETS)]
        message.targets = [Target(space, -1, -1) for space in spaces]
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


def conversation_ends(client=0, server=1):
    return [Endpoint(number, NETWORK, bytes((10, 0, 0, number)), f"10.0.0.{number}") for number in (client, server)]


def conversation(client=0, server=1):
    talk = Conversation(0, *conversation_ends(client, server))
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


def test_where_a_range_is_known_a_plain_request_is_not_decoded():
    addresses = [*range(3 * MAX_EXACT), *range(100, 10, -1), 50]
    plain, aiming = conversation(), conversation()
    aiming.dissector = Aiming("words")
    both = [learn(talk, [asked("r", address) for address in addresses]) for talk in (plain, aiming)]
    (learner, told), (aimed, told_aimed) = both
    assert aiming.dissector.decoded == MAX_EXACT + 1
    assert [finding.news for finding in told_aimed] == [finding.news for finding in told]
    assert [(b.target_text(), b.count, b.accepted) for b in aimed.behaviours] == [
        (b.target_text(), b.count, b.accepted) for b in learner.behaviours
    ]
    assert aimed.behaviours[-1].target_text() == "cell 0-100"
    assert told_aimed[-1].request.targets[0].last == 100  # decoded when somebody looks
    assert told_aimed[-1].exchange.response == b"ok"
    assert aiming.dissector.decoded == MAX_EXACT + 2


def test_of_requests_that_are_cheap_to_see_through_only_the_first_are_remembered():
    talk = conversation()
    talk.dissector = Aiming("words")
    learner, _ = learn(talk, [asked("r", address) for address in range(2000)])
    assert max(len(pair.shapes) for pair in learner.pairs.values()) == MAX_AIMED
    assert sum(behaviour.count for behaviour in learner.behaviours) == 2000
    assert talk.dissector.decoded == MAX_EXACT + 1


def test_what_is_significant_unknown_or_of_another_protocol_is_decoded_all_the_same():
    talk = conversation()
    talk.dissector = Aiming("words")
    learner, told = learn(talk, [asked("r", address) for address in range(MAX_EXACT + 2)])
    before = talk.dissector.decoded
    other = asked("r", 7000)
    other.protocol = "others"
    for exchange in (asked("w", 1), asked("r", 8000, significant=True), other):
        learner.exchange(talk, exchange, b"ok", 0, 2)
    assert talk.dissector.decoded == before + 3
    assert told[-1].news == NEW_CLIENT
    talk.dissector.fault = True
    learner.exchange(talk, asked("r", 9000), b"ok", 0, 2)
    assert (talk.dissector.decoded, told[-1].news) == (before + 4, WIDENED)


def test_families_of_one_pair_are_bounded(monkeypatch):
    if not module.__file__.endswith(".py"):
        pytest.skip("constants are compiled in; the uncompiled run shows this")
    monkeypatch.setattr(module, "MAX_FAMILIES", 1)
    talk = conversation()
    talk.dissector = Aiming("words")
    learner, _ = learn(talk, [asked("r", address) for address in range(MAX_EXACT + 2)])
    (pair,) = [pair for pair in learner.pairs.values() if pair.ranges]
    pair.ranges[b"x"] = pair.ranges.pop(b"r")
    learner.exchange(talk, asked("r", 9000), b"ok", 0, 2)
    assert list(pair.ranges) == [b"r"]


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


def test_codes_are_wide_and_those_beyond_the_bound_are_counted_as_others():
    wide = 0x05_04_03  # file status, IIN2, control status of DNP3
    exchanges = [asked(outcome=REFUSED) for _ in range(1000)]
    for number, exchange in enumerate(exchanges):
        exchange.code = wide + (number << 16)
    learner, _ = learn(conversation(), exchanges)
    behaviour = learner.behaviours[0]
    assert behaviour.outcomes() == {"refused": 1000}
    assert len(behaviour.codes()) == MAX_ENDINGS + 1
    assert behaviour.codes()[wide] == 1
    assert behaviour.codes()[OTHER_CODE] == 1000 - MAX_ENDINGS


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


@pytest.fixture
def bounds(monkeypatch):
    if not module.__file__.endswith(".py"):
        pytest.skip("constants are compiled in; the uncompiled run shows this")

    def set_bounds(**numbers):
        for name, number in numbers.items():
            monkeypatch.setattr(module, name, number)

    return set_bounds


def test_behaviours_are_bounded_and_a_target_without_room_is_no_news(bounds):
    bounds(MAX_BEHAVIOURS=3, MAX_SHAPES=2)
    learner, told = learn(conversation(), [asked("r", address) for address in (1, 2, 3, 4, 5)] * 2)
    assert learner.counts()["behaviours"] == len(told) == 3
    assert learner.counts()["behaviours_refused"] == 4
    assert sum(behaviour.count for behaviour in learner.behaviours) == 6


def test_operations_are_bounded_and_new_clients_and_commands_still_told(bounds):
    bounds(MAX_OPERATIONS=1)
    exchanges = [asked("r"), asked("s"), asked("s"), asked("w", significant=True)]
    learner, told = learn(conversation(), exchanges)
    told_then = len(told)
    for _ in range(2):
        learner.exchange(conversation(5, 6), asked("x"), b"", 0, 0)
    assert [finding.news for finding in told] == [NEW_CLIENT, "", NEW_CLIENT]
    assert told_then == 2
    assert learner.counts()["operations_refused"] == 3  # a shape is known again even so
    assert learner.counts()["behaviours"] == 1


def test_without_room_for_its_pair_a_conversation_is_told_once(bounds):
    bounds(MAX_PAIRS=0)
    learner, told = learn(conversation(), [asked("r", address) for address in (1, 2, 3)] * 2)
    assert [finding.news for finding in told] == [NEW_CLIENT]
    assert (learner.shape_bytes, learner.counts()["behaviours"]) == (0, 0)


def test_what_a_behaviour_keeps_of_one_message_is_bounded_and_what_is_cut_is_known_again():
    talk = conversation()
    talk.dissector = Wordy("words")
    learner, told = learn(talk, [asked("r", address) for address in range(MAX_EXACT + 2)] * 2)
    assert [finding.news for finding in told] == [NEW_CLIENT, *[NEW_TARGET] * (MAX_EXACT - 1), NEW_RANGE]
    assert learner.behaviours[-1].ranged
    for behaviour in learner.behaviours:
        assert (len(behaviour.operation), len(behaviour.unit)) == (MAX_NAME, MAX_NAME)
        assert len(behaviour.targets) == MAX_TARGETS
        assert {len(target.space) for target in behaviour.targets} == {MAX_SPACE}


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), max_size=120))
def test_shapes_are_bounded_counted_and_forgotten_without_loss(bounds, asks):
    bounds(MAX_SHAPES=8, MAX_SHAPE_BYTES=10 * (3 + module.SHAPE_OVERHEAD))
    learner = Learner(Told())
    talks = [conversation(number, 9) for number in range(4)]
    for number, address in asks:
        learner.exchange(talks[number], asked("r", address), b"", 0, 0)
        shapes = [len(pair.shapes) for pair in learner.pairs.values()]
        assert max(shapes) <= 8
        assert sum(shapes) * (3 + module.SHAPE_OVERHEAD) == learner.shape_bytes <= 10 * (3 + module.SHAPE_OVERHEAD)
    assert sum(behaviour.count for behaviour in learner.behaviours) == len(asks)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 5)), max_size=60))
def test_what_was_expected_next_changes_no_count(asks):
    learner, talks = Learner(Told()), [conversation(), conversation()]
    for talk, client, address in asks:
        exchange = asked("r", address)
        exchange.client = client
        learner.exchange(talks[talk], exchange, b"", 0, 0)
    found = {(b.client.number, b.target_text()): b.count for b in learner.behaviours}
    assert found == Counter((client, f"cell {address}") for _, client, address in asks)


def test_the_same_shape_in_another_protocol_is_another_behaviour():
    other = asked("r", 1)
    other.protocol = "phrases"
    learner, told = learn(conversation(), [asked("r", 1), asked("r", 1), other, asked("r", 1), other, other])
    assert [finding.news for finding in told] == [NEW_CLIENT, NEW_CLIENT]
    assert [(b.protocol, b.count) for b in learner.behaviours] == [("words", 3), ("phrases", 3)]


@given(st.lists(st.tuples(st.sampled_from((LATENCY, INTERVAL)), st.integers(-5, 2**62)), max_size=50))
def test_durations_add_up(values):
    behaviour = Behaviour(*conversation_ends(), "words", "r", "read", "", [], False)
    for kind, value in values:
        behaviour.measure(kind, value)
    for kind, found in ((LATENCY, behaviour.latency), (INTERVAL, behaviour.interval)):
        mine = [value for which, value in values if which == kind and value >= 0]
        if not mine:
            assert found is None
            continue
        assert found.count == sum(found.buckets) == len(mine)
        assert (found.min, found.max) == (min(mine), max(mine))
        assert found.sum == min(sum(mine), 2**63 - 1)
        assert [number > 0 for number in found.buckets] == [n in map(bucket, mine) for n in range(BUCKETS)]


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


def test_an_exchange_counted_late_does_not_set_the_last_time_back():
    behaviour = Behaviour(*conversation_ends(), "modbus", "read_coils", "read", "1", [], ranged=False)
    for time in (10 * SECOND, 30 * SECOND, 20 * SECOND):
        behaviour.count_in(Exchange("modbus", b"", 0, time))
    assert behaviour.last_time == 30 * SECOND
    assert behaviour.interval.count == 1


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 10**12), st.integers(0, 10**10), st.integers(1, 5))))
def test_what_several_have_counted_merges_into_what_one_would_have(told):
    both = [Behaviour(*conversation_ends(), "modbus", "read_coils", "read", "1", [], ranged=False) for _ in range(3)]
    merged, before = both[2], [[], []]
    others = [{}, {}]
    for which, time, latency, outcome in told:
        exchange = Exchange("modbus", b"", 0, time)
        exchange.response_time, exchange.outcome = time + latency, outcome
        both[which].count_in(exchange)
        grown = {key: count - others[which].get(key, 0) for key, count in both[which].others.items()}
        merged.merge(both[which].statistics(), before[which], grown)
        before[which], others[which] = both[which].statistics(), dict(both[which].others)
    assert merged.count == sum(one.count for one in both[:2]) == len(told)
    assert merged.accepted == sum(one.accepted for one in both[:2])
    expected = Counter()
    for one in both[:2]:
        expected.update(one.others)
    assert merged.others == expected
    for kind in ("latency", "interval"):
        parts = [found for one in both[:2] if (found := getattr(one, kind)) is not None]
        whole = getattr(merged, kind)
        assert (whole is None) == (not parts)
        if parts:
            assert whole.sum == sum(part.sum for part in parts)
            assert (whole.min, whole.max) == (min(p.min for p in parts), max(p.max for p in parts))
            assert whole.buckets == [sum(pair) for pair in zip(*(part.buckets for part in parts), strict=True)]
