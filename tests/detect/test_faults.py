"""Every fault of every file is told at once: with its file, its line, what was found, and the nearest right name."""

import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import OWN_PART, WORDS, finding, rule_text, ruleset

from sensor.detect.detector import Detector
from sensor.detect.fault import RuleFaults
from sensor.detect.ruleset import RuleSet
from sensor.detect.source import documents


def faults(tmp_path, *texts):
    with pytest.raises(RuleFaults) as caught:
        ruleset(tmp_path, *texts)
    return caught.value.faults


def told(tmp_path, *texts):
    return [(fault.line, fault.what, fault.found, fault.expected) for fault in faults(tmp_path, *texts)]


def line_of(text, what):
    return next(number for number, line in enumerate(text.splitlines(), 1) if what in line)


SELECTION = "sel: {{{}}}\ncondition: sel"


@pytest.mark.parametrize(
    ("selection", "what", "found", "expected"),
    [
        ("ot.acton: write", "unknown field", "ot.acton", "ot.action"),
        ("words.functon_code: 1", "unknown field", "words.functon_code", "words.function_code"),
        ("ot.operation|startwith: wr", "unknown modifier", "startwith", "startswith"),
        ("ot.action: writ", "ot.action is never", "writ", "write"),
        ("ot.action: q*", "ot.action is never", "q*", "authenticate, connect"),
        ("ot.anomalies: lenght_mismatch", "ot.anomalies is never", "lenght_mismatch", "length_mismatch"),
        ("words.function_code: six", "wrong kind of value for words.function_code", "six", "a number"),
        ("ot.operation|gt: 5", "wrong kind of value for ot.operation", "5", "a text"),
        ("words.flag: 1", "wrong kind of value for words.flag", "1", "true or false"),
        ("source.ip: 10.0.0.300", "wrong kind of value for source.ip", "10.0.0.300", "an IP address"),
        ("ot.operation|cidr: 10.0.0.0/8", "wrong kind of value for ot.operation", "10.0.0.0/8", "a text"),
        ("ot.operation|expand: '%known%'", "a placeholder nobody fills", "%known%", "the text itself"),
        ("source.ip|fieldref: destination.pi", "unknown field", "destination.pi", "destination.ip"),
    ],
)
def test_a_field_or_value_that_could_never_match(tmp_path, selection, what, found, expected):
    text = rule_text(SELECTION.format(selection))
    ((line, *rest),) = told(tmp_path, text)
    assert line == line_of(text, "sel: {")
    assert (rest[0], rest[1]) == (what, found)
    assert rest[2].startswith(expected)


@pytest.mark.parametrize(
    ("old", "new", "at", "what", "expected"),
    [
        ("title: A rule\n", "", "id:", "title is missing", "title: ..."),
        ("level: high\n", "", "title:", "level is missing", "level: ..."),
        ("id: 00000000-0000-4000-8000-000000000001\n", "", "title:", "id is missing", "id: ..."),
        ("level: high", "level: hight", "level:", "unknown level", "high"),
        ("id: 0000", "id: x000", "id:", "Sigma rule identifier must be an UUID", ""),
        ("level: high\n", "level: high\nlevle: high\n", "levle", "unknown key", "level"),
        ("level: high\n", "level: high\nlevel: low\n", "level: low", "said twice", "each key once"),
        ("condition: sel", "condition: sle", "condition:", "undefined selection", "sel"),
        ("condition: sel", "condition: sel and", "condition:", "Expected", ""),
        ("product: ot", "product: windows", "product:", "not our log source", "ot"),
        ("product: ot", "product: ot\n  service: modbux", "service:", "unknown service", "modbus"),
        ("product: ot", "product: ot\n  category: flows", "category:", "unknown category", "flow"),
        ("  explanation: It means something.\n", "", "otsensor:", "otsensor.explanation is missing", "explanation:"),
        ("  response: Call somebody.\n", "", "otsensor:", "otsensor.response is missing", "response:"),
        ("explanation:", "explantion:", "explantion", "unknown key", "explanation"),
        ("{target}", "{tagret}", "sentence:", "unknown word in the sentence", "target"),
        ("sel: {ot.action: write}", "sel: [a, b]", "sel:", "a value without a field", "field: value"),
        ("sel: {ot.action: write}", "sel: []", "sel: []", "an empty selection", "field: value"),
        ("  sel: {ot.action: write}\n", "", "condition:", "No detections defined", ""),
    ],
)
def test_a_rule_that_is_not_whole(tmp_path, old, new, at, what, expected):
    text = rule_text()
    assert old in text
    text = text.replace(old, new, 1)
    found = faults(tmp_path, text)
    assert any(fault.what.startswith(what) and fault.expected.startswith(expected) for fault in found), found
    if "missing" not in what and "No detections" not in what:
        assert line_of(text, at) in {fault.line for fault in found}


@pytest.mark.parametrize(
    ("tags", "what", "found", "expected"),
    [
        ("[attack.impair-process-control, attack.t8055]", "unknown ATT&CK technique", "T8055", "T0855 Unauthorized"),
        ("[attack.t0855]", "no tactic for technique T0855", "", "attack.impair-process-control"),
        ("[attack.t0855, attack.impair-proces-control]", "unknown ATT&CK tactic", "impair-proces-control", "impair-p"),
        (
            "[attack.t0855, attack.impair-process-control, attack.impact]",
            "no technique for tactic impact",
            "",
            "impair",
        ),
    ],
)
def test_tags_are_held_against_attack_itself(tmp_path, tags, what, found, expected):
    text = rule_text(more=f"tags: {tags}\n")
    assert any(
        (fault.line, fault.what, fault.found) == (line_of(text, "tags:"), what, found)
        and fault.expected.startswith(expected)
        for fault in faults(tmp_path, text)
    )


def test_all_faults_of_all_files_are_told_at_once(tmp_path):
    first = rule_text("sel: {ot.acton: write, ot.operation|startwith: x}\ncondition: sel").replace("level: high\n", "")
    second = rule_text(number=2, name="b", own="")
    third = "title: [\n"
    found = faults(tmp_path, first, second, third)
    assert {fault.path.name for fault in found} == {"rule0.yml", "rule1.yml", "rule2.yml"}
    assert len(found) == 7
    text = str(RuleFaults(found))
    assert len(text.splitlines()) == 7
    assert text.startswith(str(tmp_path / "rule0.yml"))
    assert ":1: level is missing; expected level: ..." in text


def test_two_rules_of_one_id_or_name(tmp_path):
    assert {fault.what for fault in faults(tmp_path, rule_text(), rule_text())} == {"id is taken", "name is taken"}


CORRELATION = """\
title: Many
id: 00000000-0000-4000-8000-000000000009
level: low
correlation:
  type: event_count
  rules: [a-rule]
  group-by: [source.ip]
  timespan: 1m
  condition: {gte: 5}
"""


@pytest.mark.parametrize(
    ("old", "new", "what", "expected"),
    [
        ("type: event_count", "type: even_count", "unknown type", "event_count"),
        ("rules: [a-rule]", "rules: [b-rule]", "unknown rule", "a-rule"),
        ("[source.ip]", "[source.pi]", "unknown field", "source.ip"),
        ("timespan: 1m", "timespan: 1 minute", "Timespan '1 minute' is invalid.", ""),
        ("{gte: 5}", "{lt: 5}", "cannot be watched as time goes by", "gte or gt"),
        ("{gte: 5}", "{gte: 5000}", "out of range", "1 to 1000"),
        ("{gte: 5}", "{gte: 5, field: ot.tagret}", "unknown field", "ot.target"),
    ],
)
def test_a_correlation_that_cannot_be_watched(tmp_path, old, new, what, expected):
    text = (CORRELATION + OWN_PART).replace(old, new, 1)
    found = faults(tmp_path, rule_text(own=""), text)
    assert any((fault.what, fault.expected) == (what, expected) for fault in found), found
    assert line_of(text, new.split(":")[0] if new.startswith(("type", "rules", "time")) else new) in {
        f.line for f in found
    }


def test_a_filter_for_a_rule_that_is_not_there(tmp_path):
    text = """\
title: Tuning
id: 00000000-0000-4000-8000-000000000077
logsource: {product: ot}
filter:
  rules: [a-rul]
  known: {source.ip: 10.0.0.1}
  condition: not known
"""
    assert told(tmp_path, rule_text(), text) == [(5, "unknown rule", "a-rul", "a-rule")]


EIGHTFOLD = [b"%c: &%c [%s]\n" % (n, n, b",".join([b"*%c" % (n - 1)] * 8)) for n in b"bcdefgh"]
MULTIPLYING = b"a: &a [x,x,x,x,x,x,x,x]\n" + b"".join(EIGHTFOLD)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\xff\xfe", "not a text"),
        (b"a: b: c", "bad YAML"),
        (b"- a\n- b\n", "not a rule"),
        (b"x" * 1_000_001, "too long"),
        (MULTIPLYING, "too large"),
        (b"[" * 5000, "nested too deep"),
        (b"date: 2025-99-99\n", "bad YAML"),
        (b"a: !!python/object:os.system {}\n", "bad YAML"),
        (b"id: 5\ntitle: [x]\nlevel: {}\ndetection: 7\nlogsource: 9\notsensor: 3\ntags: 5\n", "logsource is missing"),
        (b"correlation: 5\n", "correlation is not keys and values"),
        (b"filter: 5\n", "filter is not keys and values"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_rule(tmp_path, content, what):
    pathlib.Path(tmp_path, "x.yml").write_bytes(content)
    with pytest.raises(RuleFaults) as caught:
        RuleSet.load([tmp_path], WORDS)
    assert what in {fault.what for fault in caught.value.faults}


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(RuleFaults, match="cannot be read 'No such file"):
        RuleSet.load([tmp_path / "none.yml"], WORDS)


BASE = rule_text()


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_damaged_rule_is_refused_with_faults_or_runs(tmp_path_factory, data):
    lines = BASE.splitlines()
    number = data.draw(st.integers(0, len(lines) - 1))
    damage = st.one_of(
        st.text(max_size=30), st.sampled_from(["", "a: [", "x: null", "detection: {}", "level: 5", "- 1"])
    )
    lines[number] = lines[number][: data.draw(st.integers(0, len(lines[number])))] + data.draw(damage)
    folder = tmp_path_factory.mktemp("damaged")
    found = []
    pathlib.Path(folder, "x.yml").write_text("\n".join(lines), encoding="utf-8")
    try:
        Detector(RuleSet.load([folder], WORDS)).see(finding())
    except RuleFaults as caught:
        found = caught.faults
    assert all(fault.line >= 1 and fault.what for fault in found)


@given(st.text())
def test_any_text_gives_documents_or_faults(text):
    found = []
    documents(pathlib.Path("x.yml"), text, found)
    assert all(fault.line >= 1 for fault in found)
