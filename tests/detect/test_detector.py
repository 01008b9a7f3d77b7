"""What matches is matched, what repeats is decided once, and correlations slide."""

import pytest
from made import SECOND, behaviour, finding, rule_text, ruleset, talk

from sensor.behaviour.behaviour import Behaviour
from sensor.contract import REFUSED, Endpoint, Network, Target
from sensor.detect import acquaintance
from sensor.detect.context import Context
from sensor.detect.detector import MAX_VERDICTS, Detector
from sensor.detect.event import Frame
from sensor.flow.flow import CLOSED, ESTABLISHED, MID_STREAM, NONE, Flow


def matched(tmp_path, detection, *findings, context=None):
    detector = Detector(ruleset(tmp_path, rule_text(detection)), context)
    return [bool(detector.see(one)) for one in findings]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ("ot.operation: WRITE", True),
        ("ot.operation: wr*", True),
        ("ot.operation: 'rea?'", False),
        ("ot.operation: 'writ?'", True),
        ("ot.operation|startswith: wri", True),
        ("ot.operation|endswith: ead", False),
        ("ot.operation|contains: rit", True),
        ("ot.operation|cased: WRITE", False),
        ("ot.operation|re: ^w.*e$", True),
        ("ot.operation|re: ^W", False),
        ("ot.operation|re|i: ^W", True),
        ("ot.operation: [read, write]", True),
        ("ot.operation|neq: write", False),
        ("ot.unit: 1", True),
        ("words.function_code: 6", True),
        ("words.function_code|gt: 6", False),
        ("words.function_code|gte: 6", True),
        ("words.function_code|lt: 7", True),
        ("words.function_code|lte: 5", False),
        ("words.value: 20", True),
        ("words.value|all: [10, 20]", True),
        ("words.value|all: [10, 21]", False),
        ("words.value|gt: 19", True),
        ("words.flag: true", True),
        ("words.flag: false", False),
        ("words.text: null", True),
        ("words.value: null", False),
        ("words.text|exists: false", True),
        ("words.value|exists: true", True),
        ("source.ip: 10.0.0.1", True),
        ("source.ip|cidr: 10.0.0.0/24", True),
        ("source.ip|cidr: 10.0.1.0/24", False),
        ("destination.ip|cidr: 'fe80::/10'", False),
        ("source.address|fieldref: destination.address", False),
        ("source.ip|fieldref: source.address", True),
        ("ot.behaviour.new|exists: false", True),
        ("'@timestamp|year': 1970", True),
        ("'@timestamp|hour': 5", False),
        ("ot.target: cell 7", True),
        ("ot.range.first|lt: 8", True),
        ("network.vlan.id: 10", True),
    ],
)
def test_selections(tmp_path, selection, expected):
    one = finding(request={"words.function_code": 6, "words.value": [10, 20], "words.flag": True})
    assert matched(tmp_path, f"sel: {{{selection}}}\ncondition: sel", one) == [expected]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [("a and not b", True), ("a and b", False), ("b or a", True), ("1 of them", True), ("all of them", False)],
)
def test_conditions(tmp_path, condition, expected):
    detection = f"a: {{ot.action: write}}\nb: {{ot.unit: 9}}\ncondition: {condition}"
    assert matched(tmp_path, detection, finding()) == [expected]


def test_both_halves_are_seen_and_a_field_they_say_differently_has_both_values(tmp_path):
    one = finding(request={"words.value": [1]}, response={"words.value": 2, "words.text": "ok"})
    assert matched(tmp_path, "sel: {words.value|all: [1, 2], words.text: OK}\ncondition: sel", one) == [True]


def counting(detector):
    """Count how often each rule's test runs."""
    runs = []
    for rule in detector.rules:
        test = rule.test
        rule.test = lambda event, test=test, name=rule.name: runs.append(name) or test(event)
    return runs


def test_a_rule_on_identity_is_decided_once_for_each_outcome_and_code(tmp_path):
    text = rule_text("sel: {ot.action: write, ot.outcome|startswith: accep}\ncondition: sel")
    detector = Detector(ruleset(tmp_path, text))
    runs, of = counting(detector), behaviour()
    assert [len(detector.see(finding(of))) for _ in range(5)] == [1] * 5
    assert [len(detector.see(finding(of, outcome=REFUSED, code=code))) for code in (2, 2, 3)] == [0] * 3
    assert len(runs) == 3


def test_a_rule_on_values_looks_at_each_exchange(tmp_path):
    detector = Detector(ruleset(tmp_path, rule_text("sel: {words.value|gt: 5}\ncondition: sel")))
    runs, of = counting(detector), behaviour()
    assert [len(detector.see(finding(of, request={"words.value": value}))) for value in (4, 6, 5, 7)] == [0, 1, 0, 1]
    assert len(runs) == 4


def test_a_rule_on_anomalies_looks_only_where_there_is_one(tmp_path):
    detector = Detector(ruleset(tmp_path, rule_text("sel: {ot.anomalies: length_mismatch}\ncondition: sel")))
    runs, of = counting(detector), behaviour()
    found = []
    for anomalies in ([], [], ["gave_up"], ["length_mismatch"], []):
        one = finding(of)
        one._response.anomalies = anomalies
        found.append(len(detector.see(one)))
    assert found == [0, 0, 0, 1, 0]
    assert len(runs) == 2


def test_in_a_range_the_target_is_looked_at_each_time_and_the_action_is_not(tmp_path):
    texts = [
        rule_text("sel: {ot.target: cell 8}\ncondition: sel", number=1, name="target"),
        rule_text("sel: {ot.action: write}\ncondition: sel", number=2, name="action", own=OWN_BY_ACTION),
    ]
    detector = Detector(ruleset(tmp_path, *texts))
    runs, of = counting(detector), behaviour(ranged=True)
    found = []
    for first in (7, 8, 9):
        one = finding(of)
        one._request.targets = [Target("cell", first, first)]
        found.append(sorted(match.rule.name for match in detector.see(one)))
    assert found == [["action"], ["action", "target"], ["action"]]
    assert (runs.count("target"), runs.count("action")) == (3, 1)


OWN_BY_ACTION = """\
otsensor:
  explanation: It means something.
  response: Call somebody.
  sentence: "{source} did it"
  group_by: [ot.action]
"""


def test_a_rule_is_not_asked_about_what_cannot_concern_it(tmp_path):
    texts = [
        rule_text(
            "sel: {ot.operation: [read, WRITE]}\nnine: {ot.unit: 9}\ncondition: sel and not nine", number=1, name="a"
        ),
        rule_text("sel: {ot.action: stop}\ncondition: sel", number=2, name="b"),
        rule_text("one: {ot.action: stop}\ntwo: {ot.action: write}\ncondition: one or two", number=3, name="c"),
        rule_text(number=4, name="d").replace("product: ot", "product: ot\n  service: modbus"),
        rule_text("sel: {source.ip: 10.0.0.1}\ncondition: sel", number=5, name="e").replace(
            "product: ot", "product: ot\n  category: flow"
        ),
    ]
    detector = Detector(ruleset(tmp_path, *texts))
    runs = counting(detector)
    assert {match.rule.name for match in detector.see(finding())} == {"a", "c"}
    assert runs == ["a", "c"]
    assert [match.rule.name for match in detector.flow(talk(), SECOND)] == ["e"]


STANDING = (
    rule_text("sel: {ot.source.late: true}\ncondition: sel", number=1, name="late"),
    rule_text("sel: {ot.source.newcomer: true}\ncondition: sel", number=2, name="newcomer"),
)


def standing(tmp_path):
    """Return a function that tells whether a client is late, and a newcomer, at each finding."""
    detector = Detector(ruleset(tmp_path, *STANDING))
    return lambda *given, **more: {match.rule.name for match in detector.see(finding(*given, **more))}


def test_who_comes_after_the_regular_clients_is_a_newcomer_for_a_day(tmp_path):
    told = standing(tmp_path)
    regular, late = behaviour(client=1), behaviour(client=3)
    assert told(regular, time=SECOND, news="client") == set()
    assert told(client=4, time=9 * SECOND, news="client") == set()
    assert told(late, time=20 * SECOND, news="client") == {"late", "newcomer"}
    assert told(late, time=21 * SECOND) == {"late", "newcomer"}
    assert told(regular, time=22 * SECOND) == set()
    assert told(late, time=22 * SECOND + acquaintance.ACQUAINTED_NS) == set()


def test_who_does_not_repeat_himself_while_another_polls_is_a_newcomer_at_once(tmp_path):
    told = standing(tmp_path)
    poll, slow = behaviour(client=1, action="read"), behaviour(client=4, action="read")
    assert told(poll, time=SECOND, news="client") == set()
    assert told(client=3, time=2 * SECOND, news="client", target=Target("cell", 1, 1)) == set()
    for time in (2, 3, 4):
        told(slow, time=time * SECOND, news="client" if time == 2 else "")
    poll.count = acquaintance.REGULAR
    assert told(client=3, time=5 * SECOND, news="target", target=Target("cell", 2, 2)) == {"newcomer"}
    assert told(poll, time=5 * SECOND) == told(slow, time=6 * SECOND) == set()
    assert told(client=1, operation="write", time=6 * SECOND, news="operation") == set()


@pytest.mark.parametrize(
    ("state", "start", "expected"),
    [
        (MID_STREAM, -1, set()),
        (CLOSED, -1, set()),
        (ESTABLISHED, 1000, {"late", "newcomer"}),
        (NONE, -1, {"late", "newcomer"}),
    ],
)
def test_whose_connection_was_open_before_the_capture_is_no_newcomer(tmp_path, state, start, expected):
    detector = Detector(ruleset(tmp_path, *STANDING))
    poll = behaviour(client=1, action="read")
    detector.see(finding(poll, time=SECOND, news="client"))
    poll.count = acquaintance.REGULAR
    found = set()
    for time in (30, 60):
        one = finding(client=3, time=time * SECOND, news="client" if time == 30 else "target")
        one.talk = Flow(0, one.talk.opener, one.talk.answerer, b"")
        one.talk.state, one.talk.forth.start = state, start
        found |= {match.rule.name for match in detector.see(one)}
    assert found == expected


def test_the_context_is_asked_for_each_end(tmp_path):
    class Known(Context):
        def about(self, endpoint, attribute):
            return f"{attribute} of {endpoint.text}"

    detection = (
        "sel: {ot.source.asset.role: role of 10.0.0.1, ot.destination.asset.zone: zone of 10.0.0.2}\ncondition: sel"
    )
    assert matched(tmp_path, detection, finding(), context=Known()) == [True]


def test_oddities_and_assets_are_seen(tmp_path):
    odd = rule_text("sel: {ot.oddity.kind: bad_length}\ncondition: sel", number=1, name="odd")
    new = rule_text(
        "sel: {ot.asset.attribute: firmware, ot.asset.previous|exists: true}\ncondition: sel", number=2, name="new"
    )
    texts = [
        odd.replace("product: ot", "product: ot\n  category: oddity"),
        new.replace("product: ot", "product: ot\n  category: asset"),
    ]
    detector = Detector(ruleset(tmp_path, *texts))
    (match,) = detector.oddity(talk(), "bad_length", 1, SECOND, 5, b"\x01")
    event = match.event()
    assert (event["source.ip"], event["source.port"], event["ot.oddity.sample"]) == ("10.0.0.2", 502, "01")
    assert match.frames() == (Frame(0, 5, SECOND),)
    assert detector.oddity(talk(), "gave_up", 0, SECOND, 6, b"") == []
    frame = Frame(0, 7, SECOND)
    assert len(detector.asset(talk().answerer, "firmware", "2", "1", frame)) == 1
    assert detector.asset(talk().answerer, "firmware", "1", "", frame) == []


CORRELATION = """\
title: Many
id: 00000000-0000-4000-8000-00000000000{number}
name: many
level: medium
correlation:
  type: {type}
  rules: {rules}
  group-by: [source.ip]
  timespan: 60s
{condition}
otsensor:
  explanation: It means something.
  response: Call somebody.
  sentence: "{{source}} did it to {{values}}"
"""


def correlation(type_, rules, condition="", number=9):
    return CORRELATION.format(type=type_, rules=rules, condition=condition, number=number)


def fired(tmp_path, texts, findings):
    detector = Detector(ruleset(tmp_path, *texts))
    return [[match for match in detector.see(one) if match.fired] for one in findings]


def test_event_count_slides(tmp_path):
    texts = [rule_text(own=""), correlation("event_count", "[a-rule]", "  condition: {gte: 3}")]
    times = [0, 50, 61, 70, 200, 201, 202]
    of = behaviour()
    found = fired(tmp_path, texts, [finding(of, time=(1 + time) * SECOND, frame=time + 1) for time in times])
    assert [len(one) for one in found] == [0, 0, 0, 1, 0, 0, 1]
    assert [frame.number for frame in found[3][0].frames()] == [51, 52, 62, 63, 71, 72]


def test_value_count_counts_different_values_of_each_group(tmp_path):
    condition = "  condition: {gte: 3, field: destination.ip}"
    texts = [rule_text(own=""), correlation("value_count", "a-rule", condition)]
    servers = [2, 3, 2, 2, 4, 5]
    found = fired(
        tmp_path, texts, [finding(server=n, time=(1 + i * 10) * SECOND, news="client") for i, n in enumerate(servers)]
    )
    assert [len(one) for one in found] == [0, 0, 0, 0, 1, 1]
    event = found[5][0].event()
    assert event["source.ip"] == "10.0.0.1"
    assert event["ot.alert.values"] == 3
    assert event["destination.ip"] == ["10.0.0.2", "10.0.0.4", "10.0.0.5"]
    assert not {"destination.address", "destination.port", "ot.unit", "source.port"} & set(event)
    other = [finding(client=c, server=n, news="client") for c, n in ((1, 2), (8, 3), (9, 4))]
    assert [len(one) for one in fired(tmp_path, texts, other)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("kind", "order", "expected"),
    [
        ("temporal", "ab", True),
        ("temporal", "ba", True),
        ("temporal", "aa", False),
        ("temporal_ordered", "ab", True),
        ("temporal_ordered", "ba", False),
        ("temporal_ordered", "baab", True),
        ("temporal_ordered", "a.......b", False),
    ],
)
def test_one_after_the_other(tmp_path, kind, order, expected):
    texts = [
        rule_text("sel: {ot.unit: a}\ncondition: sel", own="", name="first", number=1),
        rule_text("sel: {ot.unit: b}\ncondition: sel", own="", name="second", number=2),
        correlation(kind, "[first, second]"),
    ]
    findings = [finding(unit=unit, time=(i + 1) * 10 * SECOND) for i, unit in enumerate(order) if unit != "."]
    assert any(fired(tmp_path, texts, findings)) is expected


def test_a_rule_that_feeds_a_correlation_alerts_only_when_asked_to(tmp_path):
    condition = "  condition: {gte: 9}"
    text = correlation("event_count", "[a-rule]", condition)
    silent = Detector(ruleset(tmp_path, rule_text(own=""), text))
    assert silent.see(finding()) == []
    loud = Detector(ruleset(tmp_path, rule_text(), text.replace("  rules", "  generate: true\n  rules")))
    assert len(loud.see(finding())) == 1


def test_groups_are_bounded_and_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("sensor.detect.correlation.MAX_GROUPS", 10)
    texts = [rule_text(own=""), correlation("event_count", "[a-rule]", "  condition: {gte: 2}")]
    detector = Detector(ruleset(tmp_path, *texts))
    for client in range(100, 150):
        detector.see(finding(client=client))
    assert len(detector.correlations[0].groups) == 10
    assert detector.counts()["correlation_groups_evicted"] == 40


def test_two_detectors_of_one_rule_set_do_not_count_together(tmp_path):
    texts = [rule_text(own=""), correlation("event_count", "[a-rule]", "  condition: {gte: 2}")]
    shared = ruleset(tmp_path, *texts)
    assert [Detector(shared).see(finding()) for _ in range(3)] == [[], [], []]


def test_a_filter_tunes_a_rule(tmp_path):
    tuning = """\
title: The operator does this
id: 00000000-0000-4000-8000-000000000077
logsource:
  product: ot
filter:
  rules: [a-rule]
  known: {source.ip: 10.0.0.1}
  condition: not known
"""
    detector = Detector(ruleset(tmp_path, rule_text(), tuning))
    assert detector.see(finding(client=1)) == []
    assert len(detector.see(finding(client=3))) == 1


def test_verdicts_of_codes_somebody_makes_up_are_bounded(tmp_path):
    detector = Detector(ruleset(tmp_path, rule_text("sel: {ot.operation: write}\ncondition: sel")))
    of = behaviour(operation="write")
    for code in range(10 * MAX_VERDICTS):
        assert detector.see(finding(of, outcome=REFUSED, code=code))
    assert len(of.verdicts) <= MAX_VERDICTS


def elsewhere(segment, vlan):
    """Make a finding between the same addresses in another segment or VLAN."""
    network = Network(1, "works", segment, vlan, "")
    client, server = (Endpoint(number, network, bytes((10, 0, 0, number)), f"10.0.0.{number}") for number in (1, 2))
    return finding(Behaviour(client, server, "words", "write", "write", "1", [Target("cell", 7, 7)], False))


def test_the_same_addresses_elsewhere_are_other_machines(tmp_path):
    texts = [rule_text(), correlation("event_count", "[a-rule]", "  condition: {gte: 3}\n  generate: true")]
    detector = Detector(ruleset(tmp_path, *texts))
    places = [("cell 1", "10"), ("cell 1", "20"), ("cell 2", "10")]
    found = [match for place in places for match in detector.see(elsewhere(*place))]
    assert all(match.fired is None for match in found)
    assert len({match.key for match in found}) == len(detector.correlations[0].groups) == 3
