"""One alert for each cause, told at 1, 10, 100 ..., with its evidence, as a document that stands for itself."""

import os

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import SECOND, WORDS, behaviour, finding, rule_text, ruleset

from sensor.alert.alert import MAX_FRAMES, MAX_VALUES, WEIGHT
from sensor.alert.book import QUIET_NS, AlertBook
from sensor.alert.document import document, instant, nested
from sensor.alert.lines import AlertLines
from sensor.contract import ACCEPTED, NO_ANSWER_DUE, OUTCOME_NAMES, REFUSED, UNANSWERED, Target
from sensor.detect.detector import Detector
from sensor.detect.rule import OUTCOMES
from sensor.flow.flow import Flow

TAGS = "tags: [attack.impair-process-control, attack.t0855]\ndate: 2026-01-02\nreferences: [https://example.org/a]\n"


@pytest.fixture
def detector(tmp_path):
    return Detector(ruleset(tmp_path, rule_text(more=TAGS)))


def run(detector, book, findings):
    return [alert for one in findings for alert in book.take(detector.see(one))]


def test_one_cause_is_one_alert_told_at_powers_of_ten(detector):
    book, of = AlertBook(), behaviour()
    told = [
        (alert.count, alert.revision)
        for n in range(1, 1235)
        for alert in run(detector, book, [finding(of, time=n * SECOND, frame=n)])
    ]
    assert told == [(1, 1), (10, 2), (100, 3), (1000, 4)]
    assert len(book.open) == 1
    (alert,) = book.finish()
    assert (alert.count, alert.revision, alert.first_time, alert.last_time) == (
        1234, 5, SECOND + 1_000_000, 1234 * SECOND + 1_000_000,
    )  # fmt: skip
    assert book.finish() == []


def test_another_subject_is_another_alert(detector):
    book = AlertBook()
    told = run(detector, book, [finding(client=c, server=s, unit=u) for c in (1, 3) for s in (2, 4) for u in "12"])
    assert len({alert.id for alert in told}) == len(book.open) == 8


def test_the_same_capture_gives_the_same_ids_and_another_first_frame_another(tmp_path):
    def ids(frame):
        detector = Detector(ruleset(tmp_path, rule_text()))
        return [alert.id for alert in run(detector, AlertBook(), [finding(frame=frame)])]

    assert ids(10) == ids(10) != ids(11)


def test_evidence_is_bounded_and_the_rest_is_counted(detector):
    book, of = AlertBook(), behaviour()
    run(detector, book, [finding(of, frame=10 * n) for n in range(1, 21)])
    (alert,) = book.open.values()
    assert [frame.number for frame in alert.frames][:4] == [10, 11, 20, 21]
    assert len(alert.frames) == MAX_FRAMES
    assert alert.frames_dropped > 0


def test_open_alerts_are_bounded_and_the_one_unheard_for_longest_is_closed_and_told(detector):
    book = AlertBook(max_open=3)
    regular = behaviour(client=1)
    told = run(detector, book, [finding(regular), finding(client=3), finding(client=4), finding(regular)])
    assert {alert.state for alert in told} == {"open"}
    closed, fresh = run(detector, book, [finding(client=5)])
    assert (closed.state, closed.key[0], fresh.key[0]) == ("closed", "10.0.0.3", "10.0.0.5")
    assert book.counts() == {"alerts": 4, "alerts_open": 3, "alerts_closed_for_room": 1}


def test_a_cause_that_comes_again_after_a_day_is_a_new_alert(detector):
    book, of = AlertBook(), behaviour()
    first, *more = run(detector, book, [finding(of, frame=1), finding(of, time=200 * SECOND + QUIET_NS, frame=2)])
    assert [alert.state for alert in (first, *more)] == ["closed", "closed", "open"]
    assert more[0].id == first.id != more[1].id


def test_the_sentence_names_the_machines_and_says_when_something_is_not_known(tmp_path):
    own = """\
otsensor:
  explanation: It means something.
  response: Call somebody.
  sentence: "{source} wrote {words.value} to {target} of {destination}, {ot.source.asset.role}, {count} times"
"""
    detector, book = Detector(ruleset(tmp_path, rule_text(own=own))), AlertBook()
    (alert,) = run(detector, book, [finding(request={"words.value": list(range(10))})])
    assert alert.sentence == (
        "10.0.0.1 wrote 0, 1, 2, 3 and 6 more to cell 7 of 10.0.0.2, an unknown ot.source.asset.role, 1 times"
    )


OWN = """\
otsensor:
  explanation: It means something.
  response: Call somebody.
  sentence: "{source} wrote to {target} of {destination} ({outcome})"
"""


@pytest.fixture
def telling(tmp_path):
    return Detector(ruleset(tmp_path, rule_text(own=OWN)))


def cell(number, outcome, code=0):
    return finding(target=Target("cell", number, number), outcome=outcome, code=code, request={"words.value": number})


def test_an_accepted_try_is_told_at_once_however_many_were_refused_before(telling):
    book = AlertBook()
    (first,) = run(telling, book, [cell(1, REFUSED, 2), cell(1, REFUSED, 2)])
    assert (first.sentence, first.fields["event.outcome"]) == (
        "10.0.0.1 wrote to cell 1 of 10.0.0.2 (refused)",
        "failure",
    )
    (again,) = run(telling, book, [cell(2, ACCEPTED), cell(3, ACCEPTED)])
    assert again is first
    assert (again.revision, again.fields["event.outcome"], again.fields["ot.outcome"]) == (2, "success", "accepted")
    assert again.fields["words.value"] == 2
    assert "ot.refusal_code" not in again.fields
    assert again.sentence == (
        "10.0.0.1 wrote to cell 2, cell 3 (refused for cell 1) of 10.0.0.2 (accepted; refused before)"
    )
    assert again.fields["ot.target"] == ["cell 2", "cell 3"]


def test_a_later_refusal_is_told_and_does_not_hide_what_was_accepted(telling):
    book = AlertBook()
    told = run(telling, book, [cell(1, ACCEPTED), cell(2, UNANSWERED), cell(3, REFUSED), cell(4, REFUSED)])
    assert len(told) == 3
    assert told[-1].fields["event.outcome"] == "success"
    assert told[-1].sentence == (
        "10.0.0.1 wrote to cell 1, cell 2 (refused for cell 3, cell 4) of 10.0.0.2 "
        "(accepted; later unanswered, refused)"
    )


def test_targets_of_one_alert_are_bounded(telling):
    book = AlertBook()
    run(telling, book, [cell(n, outcome) for outcome in (REFUSED, ACCEPTED) for n in range(100)])
    (alert,) = book.open.values()
    assert len(alert.done) == len(alert.refused) == len(alert.fields["ot.target"]) == MAX_VALUES


def test_every_outcome_has_its_weight_and_its_words(telling):
    assert set(WEIGHT) == set(OUTCOMES) == set(OUTCOME_NAMES)
    (alert,) = run(telling, AlertBook(), [cell(1, NO_ANSWER_DUE)])
    assert alert.sentence == "10.0.0.1 wrote to cell 1 of 10.0.0.2 (no answer is due)"


def get(tree, name):
    for part in name.split("."):
        tree = tree[part]
    return tree


def test_the_document_stands_for_itself(detector):
    book = AlertBook()
    fields = {"words.value": list(range(200)), "words.text": "a\ud800b", "words.function_code": 1 << 70}
    (alert,) = run(detector, book, [finding(request=fields)])
    made = orjson.loads(orjson.dumps(document(alert, ["a.pcap"], {"observer.name": "s1"}, 7)))
    for name, value in {
        "@timestamp": "1970-01-01T00:01:40.001000000Z",
        "ecs.version": "9.4.0",
        "event.kind": "alert",
        "event.category": ["intrusion_detection", "network"],
        "event.type": ["info"],
        "event.dataset": "otsensor.alert",
        "event.action": "write",
        "event.outcome": "success",
        "event.severity": 73,
        "event.sequence": 7,
        "event.code": "a-rule",
        "event.reason": "10.0.0.1 did write to cell 7 of 10.0.0.2",
        "rule.id": "a-rule",
        "rule.name": "A rule",
        "rule.version": "2026-01-02",
        "threat.framework": "MITRE ATT&CK for ICS",
        "threat.tactic.id": ["TA0106"],
        "threat.technique.id": ["T0855", "T1692"],
        "threat.technique.subtechnique.id": ["T1692.001"],
        "network.transport": "tcp",
        "network.vlan.id": "10",
        "source.ip": "10.0.0.1",
        "source.port": 40000,
        "destination.port": 502,
        "related.ip": ["10.0.0.1", "10.0.0.2"],
        "observer.type": "sensor",
        "observer.name": "s1",
        "ot.site": "works",
        "ot.alert.count": 1,
        "ot.alert.state": "open",
        "ot.alert.explanation": "It means something.",
        "ot.evidence.file": ["a.pcap", "a.pcap"],
        "ot.evidence.frame": [10, 11],
        "words.text": "a?b",
    }.items():
        assert get(made, name) == value, name
    assert len(made["words"]["value"]) == MAX_VALUES


def flat(tree, name=""):
    for key, value in tree.items():
        full = f"{name}.{key}" if name else key
        if isinstance(value, dict):
            yield from flat(value, full)
        else:
            yield full


def test_every_field_of_a_document_is_in_the_vocabulary(detector):
    (alert,) = run(detector, AlertBook(), [finding()])
    assert set(flat(document(alert, ["a"], {"observer.name": "x"}, 1))) <= set(WORDS.fields)


def test_each_revision_is_a_line_of_its_own(detector, tmp_path):
    path, book, of = tmp_path / "alerts.json", AlertBook(), behaviour()
    with AlertLines(path, ["a.pcap"]) as lines:
        for n in range(10):
            lines.write(book.take(detector.see(finding(of, frame=n + 1))))
    found = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert [get(one, "ot.alert.count") for one in found] == [1, 10]
    assert [get(one, "event.sequence") for one in found] == [1, 2]
    assert len({get(one, "event.id") for one in found}) == 2
    assert len({get(one, "ot.alert.id") for one in found}) == 1


def test_a_file_that_is_copied_and_truncated_goes_on_from_its_beginning(detector, tmp_path):
    path, book, of = tmp_path / "alerts.json", AlertBook(), behaviour()
    with AlertLines(path, ["a.pcap"]) as lines:
        for n in range(9):
            lines.write(book.take(detector.see(finding(of, frame=n + 1))))
        before = path.read_bytes()
        os.truncate(path, 0)  # as logrotate does; who writes at an offset of its own would leave a hole
        lines.write(book.take(detector.see(finding(of, frame=10))))
    found = [[orjson.loads(line) for line in part.splitlines()] for part in (before, path.read_bytes())]
    assert [[get(one, "event.sequence") for one in part] for part in found] == [[1], [2]]


def test_an_alert_names_its_flow_as_other_tools_do(detector):
    one = finding()
    one.talk = Flow(
        0, one.talk.opener, one.talk.answerer, bytes.fromhex("80e86e7842 23facc 8827 0050".replace(" ", ""))
    )
    one.talk.transport = 6
    (alert,) = run(detector, AlertBook(), [one])
    assert get(document(alert), "network.community_id") == "1:LQU9qZlK+B5F3KDmev6m5PMibrg="


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_any_capture_time_can_be_written(ns):
    assert instant(ns).endswith("Z")


def test_nested():
    assert nested({"a.b.c": 1, "a.b.d": [2], "e": 3}) == {"a": {"b": {"c": 1, "d": [2]}}, "e": 3}
