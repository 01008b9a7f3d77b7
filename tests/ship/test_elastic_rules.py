"""Rules for Elastic Security: fresh, well formed, true to ATT&CK, and honest about what Elastic cannot see."""

import pathlib
import re
import uuid

import orjson
import pytest

from sensor.detect import attack
from sensor.detect.ruleset import RuleSet, default_rules
from sensor.ship.kibana import kql
from sensor.ship.kibana.dashboard import lines
from sensor.vocabulary import vocabulary

pytest.importorskip(
    "sigma.backends.elasticsearch",
    reason="pysigma-backend-elasticsearch is not installed: pip install '.[test]'",
)

from sensor.ship.detection.page import page
from sensor.ship.detection.queries import query
from sensor.ship.detection.rules import INTAKE, rules
from sensor.ship.detection.suits import ESQL, LUCENE, SENSOR, carried, suits

ROOT = pathlib.Path(__file__).parents[2]
LUCENE_FIELD = re.compile(r"(?<![\w.])([a-z_]\w*(?:\.\w+)+):")
ESQL_FIELD = re.compile(r"(?<![\w.\"-])((?:ot|network|source|destination)(?:\.\w+)+)")


@pytest.fixture(scope="module")
def judged():
    return suits()


@pytest.fixture(scope="module")
def made(judged):
    return rules(judged)


def test_the_rules_are_fresh(made):
    assert (ROOT / "dashboards" / "otsensor-rules.ndjson").read_bytes() == lines(made), "run `make dashboards`"


def test_the_page_is_fresh(judged):
    assert (ROOT / "docs" / "elastic-rules.md").read_text(encoding="utf-8") == page(judged), "run `make dashboards`"


def test_every_rule_that_alerts_is_judged_once(judged):
    shipped = sorted(rule.id for rule in RuleSet.load((default_rules(),)).alerting())
    assert sorted(one.rule.id for one in judged) == shipped
    assert {one.how for one in judged} == {LUCENE, ESQL, SENSOR}


def test_the_first_takes_our_alerts_in(made):
    first = made[0]
    assert first["timestamp_override"] == "event.ingested"
    assert first["rule_name_override"] == "rule.name"
    assert first["query"] == INTAKE
    assert set(kql.fields(INTAKE)) <= set(vocabulary().fields)
    assert [one["severity"] for one in first["severity_mapping"]] == ["low", "medium", "high", "critical"]
    assert set(first["investigation_fields"]["field_names"]) <= set(vocabulary().fields)
    assert [one["enabled"] for one in made] == [True, *[False] * (len(made) - 1)]


def seconds(text):
    number, unit = re.fullmatch(r"(?:now-)?(\d+)([ms])", text).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


def test_each_has_what_an_import_asks_for(made):
    assert len({one["rule_id"] for one in made}) == len(made)
    for one in made:
        uuid.UUID(one["rule_id"])
        assert one["severity"] in ("low", "medium", "high", "critical")
        assert 0 <= one["risk_score"] <= 100
        assert one["name"]
        assert one["description"]
        assert seconds(one["from"]) > seconds(one["interval"]), "two runs must overlap"
        assert (one["type"], one["language"]) in (("query", "kuery"), ("query", "lucene"), ("esql", "esql"))
        assert ("index" in one) == (one["type"] == "query")
        orjson.dumps(one)


def test_tactics_and_techniques_belong_together(judged, made):
    by_name = {one["name"]: one for one in made}
    for suit in judged:
        found = by_name.get(f"{suit.rule.title} (in {suit.stream} documents)")
        if found is None:
            continue
        for pair in found["threat"]:
            assert pair["framework"] == "MITRE ATT&CK for ICS"
            short = next(name for name, (number, _) in attack.TACTICS.items() if number == pair["tactic"]["id"])
            assert all(short in attack.techniques()[one["id"]].tactics for one in pair["technique"])
        assert {one["id"] for pair in found["threat"] for one in pair["technique"]} == set(suit.rule.techniques)


def test_a_query_reads_only_what_its_documents_have(judged):
    for suit in judged:
        if suit.how == SENSOR:
            assert suit.unseen or suit.why
            continue
        pattern = LUCENE_FIELD if suit.how == LUCENE else ESQL_FIELD
        read = set(pattern.findall(re.sub(r"logs-otsensor\S+|\"[^\"]*\"", "", query(suit))))
        assert read
        assert read <= carried(suit.stream), suit.rule.name


def test_a_query_asks_in_its_protocol(judged):
    for suit in judged:
        if suit.how != SENSOR and suit.rule.service:
            form = 'network.protocol=="{}" and ' if suit.how == ESQL else "network.protocol:{} AND "
            assert query(suit).count(form.format(suit.rule.service)) == 1


def test_a_conversion_leaves_no_trace(judged):
    one = next(suit for suit in judged if suit.how == LUCENE)
    assert query(one) == query(one)


def test_a_stop_is_seen_whole(judged, made):
    (stop,) = (suit for suit in judged if suit.rule.name == "s7-plc-stop")
    assert stop.unseen == ()
    assert query(stop) == "network.protocol:s7comm AND ot.operation:plc_stop"
    (rule,) = (one for one in made if one["name"].startswith("S7 controller stopped"))
    assert "Approximate" not in rule["tags"]


def test_an_order_of_events_stays_with_the_sensor(judged):
    (suit,) = (suit for suit in judged if suit.rule.name == "ot-reconnaissance-then-command")
    assert suit.how == SENSOR
    assert "order" in suit.why


def test_correlations_are_marked_approximate(judged, made):
    correlations = [one for one in made if one["type"] == "esql"]
    assert len(correlations) == sum(suit.how == ESQL for suit in judged) > 0
    for one in correlations:
        assert "Approximate" in one["tags"]
        assert "Approximate" in one["description"]
        assert re.search(r"date_trunc\(\d+ [a-z]+, @timestamp\)", one["query"])
