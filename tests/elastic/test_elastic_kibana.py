"""Every panel and every rule asks a real server, over the shipped plant, and finds what is there.

OTSENSOR_DRAWINGS=FOLDER keeps what they show as drawings of the dashboards.
"""

import os
import pathlib

import pytest

from sensor.config import Config
from sensor.reading import read
from sensor.ship import documents
from sensor.ship.destination import MESSAGE, STREAMS, Filter, Settings
from sensor.ship.elastic.templates import component_templates, index_templates
from sensor.ship.kibana import kql, search
from sensor.ship.kibana.dashboard import own, packed
from sensor.ship.kibana.description import SOURCES, load
from sensor.ship.kibana.drawing import draw
from sensor.ship.outbox import Outbox
from sensor.store.store import Store
from sensor.vocabulary import vocabulary
from tests.guard.health.health_kit import HOME, MINUTE, Span

ROOT = pathlib.Path(__file__).parents[2]
DASHBOARDS = {one.name: one for one in load(ROOT / "dashboards")}
SENT_NS = 1_795_440_900_000_000_000
NAMESPACE = "dashboards"
INDEXES = {source.view: source.index for source in SOURCES.values()} | {
    "logs-*": "logs-otsensor.*-*", "metrics-*": "metrics-otsensor.*-*",
}  # fmt: skip


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    """Everything the shipped plant gives to ship, of a mirror that shows half of it, and of a watch in trouble."""
    store = tmp_path_factory.mktemp("plant") / "plant.db"
    every = Filter(frozenset((*STREAMS, MESSAGE)))
    config = Config(destinations=(Settings("all", "stdout", {}, every),))
    for capture in ("plant.pcapng", "one-way.pcap"):
        read(ROOT / "pcaps" / capture, db=store, config=config).run().close()
    troubled_watch(store)
    outbox = Outbox(store, {"observer.name": "sensor-1"})
    found = outbox.read(0, 100_000, every).items
    outbox.close()
    return found


def troubled_watch(path):
    """Report the health of a watch that misses a machine, then hears nothing, drops, and has an interface down."""
    span = Span()
    span.run(70, [(HOME, "192.168.10.21"), (HOME, "192.168.10.10")])
    span.drops = {"kernel_drops.span0": 5_000}
    span.run(10, [(HOME, "192.168.10.10")])
    span.interfaces = {"span0": "up", "span1": "down"}
    for _ in range(12):
        span.look()
    with Store(path) as store:
        store.tick(SENT_NS - MINUTE)
        store.health({**span.drops, **span.quality.counts()}, span.quality.concerns(), span.interfaces)


def actions(items):
    for item in items:
        sent = documents.stamped(item, SENT_NS, NAMESPACE)
        stream = documents.data_stream(item.stream, NAMESPACE)
        yield from ({"create": {"_index": stream, "_id": sent["event"]["id"]}}, sent)
        state = documents.state(item)
        if state is not None:
            where = {"_index": documents.state_index(state.kind, NAMESPACE), "_id": state.id}
            yield from ({"index": {**where, "version": state.version, "version_type": "external"}}, sent)


@pytest.fixture(scope="module")
def plant(elastic, items):
    """The server with the plant's documents in it, history and state."""
    for name, body in component_templates().items():
        assert elastic.request("PUT", f"_component_template/{name}", body)[0] == 200
    for name, body in index_templates().items():
        assert elastic.request("PUT", f"_index_template/{name}", body)[0] == 200
    lines = list(actions(items))
    for start in range(0, len(lines), 1000):
        status, answer = elastic.request("POST", "_bulk", lines[start : start + 1000])
        wrong = [done for one in answer["items"] for done in one.values() if done["status"] not in (200, 201, 409)]
        assert status == 200
        assert wrong == []
    elastic.request("POST", f"*-{NAMESPACE}/_refresh")
    return elastic


def shown(server, panel):
    """Return what a panel shows, None for a text."""
    request = search.request(panel)
    if request is None:
        return None
    view = panel["embeddableConfig"]["attributes"]["references"][0]["id"]
    index = INDEXES[view].removesuffix("*") + NAMESPACE
    status, answer = server.request("POST", f"{index}/_search", request)
    assert status == 200, answer
    return search.rows(panel, answer)


@pytest.mark.parametrize("form", [own, packed], ids=["own", "packed"])
@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_shows_something(plant, name, form):
    panels = search.panels(form(DASHBOARDS[name], vocabulary()))
    found = {one["panelIndex"]: shown(plant, one) for one in panels}
    assert [panel for panel, rows in found.items() if rows == []] == []
    # A column without a value in any row is a field that these documents do not have.
    hollow = [
        (panel, number)
        for panel, rows in found.items()
        for number, column in enumerate(zip(*(rows or []), strict=True))
        if all(cell is None for cell in column)
    ]
    assert hollow == []
    keep(name, found, form)


def keep(name, found, form):
    folder = os.environ.get("OTSENSOR_DRAWINGS")
    if folder and form is own:
        picture = draw(DASHBOARDS[name], {panel: rows for panel, rows in found.items() if rows})
        (pathlib.Path(folder) / f"{name}.svg").write_text(picture, encoding="utf-8")


def test_the_overview_counts_what_the_sensor_counts(plant, items):
    panels = {one.get("title"): one for one in search.panels(own(DASHBOARDS["soc-overview"], vocabulary()))}
    newest = {item.id: item.document for item in items if item.stream == "alert"}
    severities = [one["event"]["severity"] for one in newest.values() if one["ot"]["alert"]["state"] == "open"]
    assert shown(plant, panels["Critical"]) == [[severities.count(99)]]
    assert shown(plant, panels["High"]) == [[severities.count(73)]]
    assert len(shown(plant, panels["Open alerts, the worst first"])) == len(severities)


def test_history_and_state_give_the_same_number_of_alerts(plant):
    for title in ("Critical", "High", "Medium and low", "Controllers concerned"):
        counts = [
            shown(plant, next(one for one in search.panels(form(DASHBOARDS["soc-overview"], vocabulary()))
                              if one.get("title") == title))
            for form in (own, packed)
        ]  # fmt: skip
        assert counts[0] == counts[1]


# --- Rules ----------------------------------------------------------------------------------------------------


def found(server, index, query):
    status, answer = server.request(
        "POST",
        f"{index.removesuffix('*')}{NAMESPACE}/_search",
        {"query": query, "size": 1000, "track_total_hits": True},
    )
    assert status == 200, answer
    return [hit["_source"] for hit in answer["hits"]["hits"]]


def test_the_first_rule_takes_each_alert_in_once(plant, items):
    rules = pytest.importorskip("sensor.ship.detection.rules")
    taken = found(plant, "logs-otsensor.alert-*", kql.query(rules.INTAKE))
    assert sorted(one["ot"]["alert"]["id"] for one in taken) == sorted({i.id for i in items if i.stream == "alert"})


def test_a_lucene_rule_finds_what_the_sensor_found_and_nothing_else(plant, items):
    rules = pytest.importorskip("sensor.ship.detection.rules")
    suits = pytest.importorskip("sensor.ship.detection.suits")
    fired = {item.document["rule"]["uuid"] for item in items if item.stream == "alert"}
    seen = {}
    for suit in suits.suits():
        if suit.how == suits.LUCENE:
            rule = rules.elastic(suit)
            asked = {"query_string": {"query": rule["query"], "analyze_wildcard": True, "lenient": False}}
            (index,) = rule["index"]
            seen[suit.rule.name] = (bool(found(plant, index, asked)), suit.rule.id in fired, bool(suit.unseen))
    assert sum(hit for hit, _, _ in seen.values()) >= 5
    # A rule seen in part may miss what its other part has found, and never the other way round.
    wrong = {
        name: is_seen for name, is_seen in seen.items() if is_seen[0] != is_seen[1] and not (is_seen[2] and is_seen[1])
    }
    assert wrong == {}
