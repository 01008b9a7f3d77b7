"""A panel as Kibana keeps it: by value, inside the dashboard.

The rule it lives by: one layer for each panel; every reference to a data view is written where it is used and in the
dashboard's own list, since Kibana drops a panel whose reference it cannot find.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sensor.ship.kibana.columns import columns

if TYPE_CHECKING:
    from collections.abc import Callable

    from sensor.ship.kibana.description import Bucket, Panel
    from sensor.vocabulary import Vocabulary

LAYER: Final = "layer"
TYPES: Final = {
    "number": "lnsMetric",
    "bars": "lnsXY",
    "ranking": "lnsXY",
    "lines": "lnsXY",
    "table": "lnsDatatable",
    "donut": "lnsPie",
    "heatmap": "lnsHeatmap",
}
SERIES: Final = {"bars": "bar_stacked", "ranking": "bar_horizontal_stacked", "lines": "line"}
FILTER_INDEX: Final = "filter-index-pattern-0"
CALM: Final = "#6F8791"

State = dict[str, Any]
View = str  # id of a data view


def panel_object(panel: Panel, view: View, *, shared: bool, words: Vocabulary) -> State:
    """Return one panel; `shared`: the data view holds others' documents as well."""
    place = {"x": panel.x, "y": panel.y, "w": panel.w, "h": panel.h, "i": panel.id}
    makers: dict[str, Callable[[], State]] = {
        "text": lambda: markdown(panel),
        "documents": lambda: documents(panel, view, shared=shared),
    }
    config = makers.get(panel.kind, lambda: lens(panel, view, shared=shared, words=words))()
    whole = {"embeddableConfig": config, "gridData": place, "panelIndex": panel.id, "type": kind(panel)}
    return whole | ({"title": panel.title} if panel.kind != "text" else {})


def kind(panel: Panel) -> str:
    """Return the name of the panel's embeddable."""
    return {"text": "visualization", "documents": "search"}.get(panel.kind, "lens")


def references(panel: State) -> list[State]:
    """Return a panel's references as the dashboard repeats them."""
    inside = panel["embeddableConfig"].get("attributes", {}).get("references", [])
    return [one | {"name": f"{panel['panelIndex']}:{one['name']}"} for one in inside]


def only(field: str, value: str, index: str) -> State:
    """Return a filter for the documents with one value of a field."""
    return {
        "$state": {"store": "appState"},
        "meta": {
            "alias": None,
            "disabled": False,
            "field": field,
            "index": index,
            "key": field,
            "negate": False,
            "params": {"query": value},
            "type": "phrase",
        },
        "query": {"match_phrase": {field: value}},
    }


def lens(panel: Panel, view: View, *, shared: bool, words: Vocabulary) -> State:
    """Return a Lens visualisation."""
    found = columns(panel, words)
    layer = {"columnOrder": list(found), "columns": found, "incompleteColumns": {}, "ignoreGlobalFilters": False}
    names = [f"indexpattern-datasource-layer-{LAYER}", *([FILTER_INDEX] if shared else [])]
    attributes = {
        "description": panel.note,
        "references": [{"id": view, "name": name, "type": "index-pattern"} for name in names],
        "state": {
            "adHocDataViews": {},
            "datasourceStates": {"formBased": {"layers": {LAYER: layer}}},
            "filters": [only(*panel.source.filter, FILTER_INDEX)] if shared else [],
            "internalReferences": [],
            "query": {"language": "kuery", "query": panel.where},
            "visualization": VISUALIZATIONS[panel.kind](panel, list(found)),
        },
        "title": panel.title,
        "type": "lens",
        "visualizationType": TYPES[panel.kind],
    }
    return {"attributes": attributes, "description": panel.note, "enhancements": {}}


def markdown(panel: Panel) -> State:
    """Return a text."""
    params = {"fontSize": 12, "markdown": panel.text, "openLinksInNewTab": False}
    source = {"filter": [], "query": {"language": "kuery", "query": ""}}
    data = {"aggs": [], "searchSource": source}
    saved = {"data": data, "description": "", "params": params, "title": "", "type": "markdown", "uiState": {}}
    return {"enhancements": {}, "hidePanelTitles": True, "savedVis": saved}


def documents(panel: Panel, view: View, *, shared: bool) -> State:
    """Return a list of documents, the largest and newest first."""
    index = "kibanaSavedObjectMeta.searchSourceJSON.index"
    field, value = panel.source.filter
    ours = f'{field}: "{value}"' + (f" and ({panel.where})" if panel.where else "")
    source = {
        "filter": [],
        "highlightAll": True,
        "indexRefName": index,
        "query": {"language": "kuery", "query": ours if shared else panel.where},
    }
    attributes = {
        "columns": list(panel.fields),
        "description": panel.note,
        "grid": {},
        "hideChart": True,
        "isTextBasedQuery": False,
        "kibanaSavedObjectMeta": {"searchSourceJSON": source},
        "references": [{"id": view, "name": index, "type": "index-pattern"}],
        "rowHeight": -1,  # as high as the text needs: explanations are read, not guessed from their beginning
        "rowsPerPage": 10,
        "sort": [[name, "desc"] for name in panel.sort],
        "timeRestore": False,
        "title": panel.title,
    }
    return {"attributes": attributes, "description": panel.note, "enhancements": {}}


# --- What each kind of visualisation wants to know ------------------------------------------------------------


def number(panel: Panel, found: list[str]) -> State:
    """Return a number, coloured when it is not 0: red at nothing would be crying wolf."""
    state = {"layerId": LAYER, "layerType": "data", "metricAccessor": found[0]}
    if not panel.alarm:
        return state
    params = {
        "colorStops": [{"color": CALM, "stop": 0}, {"color": panel.alarm, "stop": 1}],
        "continuity": "above",
        "maxSteps": 5,
        "name": "custom",
        "progression": "fixed",
        "rangeMax": None,
        "rangeMin": 0,
        "rangeType": "number",
        "reverse": False,
        "steps": 2,
        "stops": [{"color": CALM, "stop": 1}, {"color": panel.alarm, "stop": 1_000_000_000}],
    }
    return state | {"palette": {"name": "custom", "params": params, "type": "palette"}}


def series(panel: Panel, found: list[str]) -> State:
    """Return bars or lines: the first bucket is the axis, the second splits."""
    layer: State = {
        "accessors": [one for one in found if one.startswith("measure")],
        "layerId": LAYER,
        "layerType": "data",
        "position": "top",
        "seriesType": SERIES[panel.kind],
        "showGridlines": False,
        "xAccessor": "bucket-0",
    }
    if len(panel.by) > 1:
        layer["splitAccessor"] = "bucket-1"
        layer |= colours(panel.by[1])
    titles = {"x": False, "yLeft": True, "yRight": True}
    return {
        "axisTitlesVisibilitySettings": titles,
        "fittingFunction": "None",
        "layers": [layer],
        "legend": {"isVisible": len(panel.by) > 1 or len(panel.show) > 1, "position": "right"},
        "preferredSeriesType": SERIES[panel.kind],
        "valueLabels": "show" if panel.kind == "ranking" else "hide",
    }


def table(panel: Panel, found: list[str]) -> State:
    """Return a table, the largest first; what only groups the rows is hidden when it is named "-"."""
    hidden = {f"bucket-{number}" for number, one in enumerate(panel.by) if one.label == "-"}
    shown = [{"columnId": one, "isTransposed": False, "hidden": one in hidden} for one in found]
    return {
        "columns": shown,
        "headerRowHeight": "auto",
        "layerId": LAYER,
        "layerType": "data",
        "paging": {"enabled": True, "size": 20},
        "rowHeight": "auto",
        "sorting": {"columnId": "measure-0", "direction": "desc"},
    }


def donut(panel: Panel, found: list[str]) -> State:
    """Return a ring."""
    layer = {
        "categoryDisplay": "default",
        "layerId": LAYER,
        "layerType": "data",
        "legendDisplay": "show",
        "metrics": [one for one in found if one.startswith("measure")],
        "nestedLegend": False,
        "numberDisplay": "value",
        "primaryGroups": [one for one in found if one.startswith("bucket")],
    }
    return {"layers": [layer | colours(panel.by[0])], "shape": "donut"}


def heatmap(_panel: Panel, _found: list[str]) -> State:
    """Return a matrix: the first bucket across, the second down."""
    grid = {
        "isCellLabelVisible": True,
        "isXAxisLabelVisible": True,
        "isXAxisTitleVisible": True,
        "isYAxisLabelVisible": True,
        "isYAxisTitleVisible": True,
        "type": "heatmap_grid",
    }
    return {
        "gridConfig": grid,
        "layerId": LAYER,
        "layerType": "data",
        "legend": {"isVisible": False, "position": "right", "type": "heatmap_legend"},
        "shape": "heatmap",
        "valueAccessor": "measure-0",
        "xAccessor": "bucket-0",
        "yAccessor": "bucket-1",
    }


def colours(split: Bucket) -> State:
    """Return the colours of a split's parts, where it has any."""
    assignments = [
        {
            "color": {"colorCode": colour, "type": "colorCode"},
            "rule": {"type": "matchExactly", "values": [label]},
            "touched": True,
        }
        for label, _, colour in split.parts
        if colour
    ]
    if not assignments:
        return {}
    other = {"color": {"type": "loop"}, "rule": {"type": "other"}, "touched": False}
    mapping = {
        "assignments": assignments,
        "colorMode": {"type": "categorical"},
        "paletteId": "eui_amsterdam_color_blind",
        "specialAssignments": [other],
    }
    return {"colorMapping": mapping}


VISUALIZATIONS: Final[dict[str, Callable[[Panel, list[str]], State]]] = {
    "number": number,
    "bars": series,
    "ranking": series,
    "lines": series,
    "table": table,
    "donut": donut,
    "heatmap": heatmap,
}
