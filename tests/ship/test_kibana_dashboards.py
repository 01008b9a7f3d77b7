"""Dashboards are made from their description, fresh, and sound; what is unsound is found."""

import copy
import pathlib

import orjson
import pytest

from sensor.ship.kibana import kql
from sensor.ship.kibana.check import check
from sensor.ship.kibana.dashboard import bundle, lines, own, packed, tag
from sensor.ship.kibana.description import SOURCES, DescriptionError, load, panel
from sensor.ship.kibana.drawing import draw
from sensor.vocabulary import vocabulary

FOLDER = pathlib.Path(__file__).parents[2] / "dashboards"


@pytest.fixture(scope="module")
def dashboards():
    return load(FOLDER)


@pytest.fixture
def objects(dashboards):
    return copy.deepcopy(bundle(dashboards, vocabulary()))


def test_the_saved_objects_are_fresh(dashboards):
    made = lines(bundle(dashboards, vocabulary()))
    assert (FOLDER / "otsensor.ndjson").read_bytes() == made, "run `make dashboards`"


def test_the_seven_are_there(dashboards):
    named = ["soc-overview", "alert-detail", "assets", "behaviours", "attack", "crossings", "health"]
    assert [one.name for one in dashboards] == named


def test_every_line_is_one_saved_object_whose_json_is_text(objects):
    for line in lines(objects).splitlines():
        one = orjson.loads(line)
        assert one["type"] in ("dashboard", "index-pattern", "tag")
        if one["type"] == "dashboard":
            for name in ("panelsJSON", "optionsJSON"):
                assert isinstance(one["attributes"][name], str)
            assert isinstance(one["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"], str)


def test_both_forms_are_sound(dashboards, objects):
    assert check(objects, vocabulary()) == []
    assert check([tag(), *(packed(one, vocabulary()) for one in dashboards)], vocabulary()) == []


def test_a_packed_panel_reads_our_documents_only(dashboards):
    for dashboard in dashboards:
        whole = packed(dashboard, vocabulary())
        assert orjson.loads(whole["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])["filter"]
        for one in orjson.loads(whole["attributes"]["panelsJSON"]):
            if one["type"] == "lens":
                assert one["embeddableConfig"]["attributes"]["state"]["filters"]


# --- Each thing Kibana would drop without a word is found -------------------------------------------------------


def overview(objects):
    return next(one for one in objects if one["id"] == "otsensor-soc-overview")


def changed(objects, change):
    dashboard = overview(objects)
    panels = orjson.loads(dashboard["attributes"]["panelsJSON"])
    change(dashboard, panels)
    dashboard["attributes"]["panelsJSON"] = orjson.dumps(panels).decode()
    return "\n".join(check(objects, vocabulary()))


def state(panels, title):
    found = next(one for one in panels if one.get("title") == title)
    return found["embeddableConfig"]["attributes"]["state"]


def columns(panels, title):
    return state(panels, title)["datasourceStates"]["formBased"]["layers"]["layer"]["columns"]


def lose_reference(dashboard, _panels):
    del dashboard["references"][0]


def stray_reference(dashboard, _panels):
    dashboard["references"].append({"id": "otsensor-view-alerts", "name": "gone:layer", "type": "index-pattern"})


def lead_elsewhere(dashboard, _panels):
    dashboard["references"][0]["id"] = "otsensor-view-flows"


def lose_inner_reference(_dashboard, panels):
    panels[1]["embeddableConfig"]["attributes"]["references"] = []


def lose_view(dashboard, panels):
    for one in (dashboard["references"][0], panels[1]["embeddableConfig"]["attributes"]["references"][0]):
        one["id"] = "nowhere"


def too_wide(_dashboard, panels):
    panels[-1]["gridData"]["w"] += 1


def overlapping(_dashboard, panels):
    panels[2]["gridData"]["x"] -= 1


def two_of_a_name(_dashboard, panels):
    panels[2]["panelIndex"] = panels[2]["gridData"]["i"] = panels[1]["panelIndex"]


def unknown_column(_dashboard, panels):
    columns(panels, "Critical")["measure-0"]["sourceField"] = "ot.alert.idd"


def another_streams_field(_dashboard, panels):
    columns(panels, "Critical")["measure-0"]["sourceField"] = "ot.flow.state"


def unknown_in_query(_dashboard, panels):
    state(panels, "Critical")["query"]["query"] = "event.sevrity >= 99"


def unknown_in_split(_dashboard, panels):
    filters = columns(panels, "Alerts over time")["bucket-1"]["params"]["filters"]
    filters[0]["input"]["query"] = "event.sevrity: 1"


def bad_query(_dashboard, panels):
    state(panels, "Critical")["query"]["query"] = "(event.severity >= 99"


def grouped_by_text(_dashboard, panels):
    columns(panels, "Rules by alerts")["bucket-0"]["sourceField"] = "message"


def sum_of_words(_dashboard, panels):
    columns(panels, "Critical")["measure-0"]["operationType"] = "sum"


def shows_nothing(_dashboard, panels):
    state(panels, "Critical")["visualization"]["metricAccessor"] = "measure-7"


def forgets_a_column(_dashboard, panels):
    state(panels, "Critical")["datasourceStates"]["formBased"]["layers"]["layer"]["columnOrder"] = []


def sorted_by_nothing(_dashboard, panels):
    columns(panels, "Rules by alerts")["bucket-0"]["params"]["orderBy"]["columnId"] = "measure-9"


def link_to_nowhere(_dashboard, panels):
    params = panels[0]["embeddableConfig"]["savedVis"]["params"]
    params["markdown"] = params["markdown"].replace("otsensor-assets", "otsensor-asset")


FAULTS = [
    (lose_reference, "is lost"),
    (stray_reference, "gone:layer belongs to nothing"),
    (lead_elsewhere, "leads elsewhere"),
    (lose_inner_reference, "indexpattern-datasource-layer-layer is lost"),
    (lose_view, "refers to index-pattern nowhere, which is not there"),
    (too_wide, "outside the grid"),
    (overlapping, "overlap"),
    (two_of_a_name, "twice"),
    (unknown_column, "unknown field ot.alert.idd; nearest ot.alert.id"),
    (another_streams_field, "ot.flow.state is in none of the documents it reads"),
    (unknown_in_query, "unknown field event.sevrity; nearest event.severity"),
    (unknown_in_split, "unknown field event.sevrity"),
    (bad_query, "a bracket is not closed"),
    (grouped_by_text, "groups by message, which is text"),
    (sum_of_words, "sum of ot.alert.id, which is no number"),
    (shows_nothing, "shows column measure-7, which is not there"),
    (forgets_a_column, "the order of columns"),
    (sorted_by_nothing, "sorted by column measure-9"),
    (link_to_nowhere, "links to otsensor-asset, no such dashboard"),
]


@pytest.mark.parametrize(("change", "said"), FAULTS, ids=[change.__name__ for change, _ in FAULTS])
def test_a_fault_is_found(objects, change, said):
    assert said in changed(objects, change)


def test_an_unknown_control_is_found(objects):
    attributes = overview(objects)["attributes"]["controlGroupInput"]
    attributes["panelsJSON"] = attributes["panelsJSON"].replace("ot.site", "ot.sight")
    assert "unknown field ot.sight" in "\n".join(check(objects, vocabulary()))


# --- The description ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"numbr": "x"}, "expected one of number"),
        ({"number": "x", "show": "distinct"}, "expected count, or one of"),
        ({"number": "x", "show": "median event.severity"}, "expected count, or one of"),
        ({"number": "x", "of": "alarms", "show": "count"}, "expected one of alerts"),
        ({"number": "x", "show": "count"}, "adds up documents"),
        ({"bars": "x", "by": ["event.severity top 5000"], "show": "distinct ot.alert.id"}, "up to 1000"),
    ],
)
def test_a_wrong_panel_is_told(data, said):
    with pytest.raises(DescriptionError, match=said):
        panel(data, {}, "here", (0, 0, 48, 1))


def test_a_row_must_fill_the_grid(tmp_path):
    (tmp_path / "dashboards.yml").write_text(
        "splits: {}\ndashboards: [{name: a, title: a, purpose: a, span: 1d, rows: "
        "[{height: 3, panels: [{text: a, says: b, width: 40}]}]}]"
    )
    with pytest.raises(DescriptionError, match="40 columns wide; expected 48"):
        load(tmp_path)


def test_an_unknown_field_stops_the_making():
    wrong = panel({"number": "x", "show": "max event.sevrity"}, {}, "here", (0, 0, 48, 1))
    whole = load(FOLDER)[0]
    with pytest.raises(DescriptionError, match=r"did you mean event\.severity"):
        own(type(whole)("a", "a", "a", "1d", (), SOURCES["alerts"], (wrong,)), vocabulary())


def test_a_drawing_has_every_panel(dashboards):
    for dashboard in dashboards:
        drawn = draw(dashboard, {})
        assert drawn.count("<svg") == 1 + len(dashboard.panels)


# --- Kibana's query language, the part we use -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", {"match_all": {}}),
        ("a: b", {"match": {"a": "b"}}),
        ('a: "b c"', {"match_phrase": {"a": "b c"}}),
        ("a: *", {"exists": {"field": "a"}}),
        ("a: b*", {"wildcard": {"a": {"value": "b*"}}}),
        ("a >= 1", {"range": {"a": {"gte": "1"}}}),
        ("not a: 1", {"bool": {"must_not": [{"match": {"a": "1"}}]}}),
        ("a: 1 and b: 2", {"bool": {"filter": [{"match": {"a": "1"}}, {"match": {"b": "2"}}]}}),
        (
            "a: (1 or 2)",
            {"bool": {"should": [{"match": {"a": "1"}}, {"match": {"a": "2"}}], "minimum_should_match": 1}},
        ),
    ],
)
def test_a_query_is_turned(text, query):
    assert kql.query(text) == query


def test_and_binds_closer_than_or():
    found = kql.query("a: 1 or b: 2 and not c: 3")
    assert [list(one) for one in found["bool"]["should"]] == [["match"], ["bool"]]
    assert kql.fields("a: 1 or b: 2 and not (c: 3 or d > 4)") == ["a", "b", "c", "d"]


@pytest.mark.parametrize("text", ["a", "a:", "a: (1 or 2", "a: 1 b: 2", "a: 1)", 'a: "b', "a: :", "and"])
def test_what_is_not_a_query_is_refused(text):
    with pytest.raises(kql.KqlError):
        kql.query(text)
