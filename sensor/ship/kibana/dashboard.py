"""Dashboards as Kibana's saved objects, for import by hand and for the integration package.

The rule it lives by: nothing in them changes from one run to the next: no clock, no chance, one order of keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from sensor.ship.kibana.description import SOURCES, Dashboard, Source
from sensor.ship.kibana.lens import only, panel_object, references

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sensor.vocabulary import Vocabulary

# The oldest forms that Kibana 8.19 and 9.x take and bring up to date themselves.
CORE: Final = "8.8.0"
MIGRATIONS: Final = {"dashboard": "8.9.0", "index-pattern": "8.0.0", "tag": "8.0.0"}
TAG: Final = "otsensor-tag"
MANAGED: Final = {"logs": "logs-*", "metrics": "metrics-*"}  # data views Fleet makes for every integration
FILTER: Final = "kibanaSavedObjectMeta.searchSourceJSON.filter[0].meta.index"

Object = dict[str, Any]


def text(value: Any) -> str:
    """Return JSON as Kibana keeps it: a string inside JSON."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def saved(kind: str, number: str, attributes: Object, refers: Iterable[Object] = ()) -> Object:
    """Return a saved object."""
    return {
        "attributes": attributes,
        "coreMigrationVersion": CORE,
        "id": number,
        "managed": False,
        "references": list(refers),
        "type": kind,
        "typeMigrationVersion": MIGRATIONS[kind],
    }


def tag() -> Object:
    """Return the tag that all dashboards carry."""
    about = {"color": "#3E7D5A", "description": "Made from the description in dashboards/", "name": "otsensor"}
    return saved("tag", TAG, about)


def view(source: Source) -> Object:
    """Return a data view of ours."""
    attributes = {
        "allowNoIndex": True,  # a sensor without flows must not break the page
        "fieldAttrs": "{}",
        "fieldFormatMap": "{}",
        "fields": "[]",
        "name": f"otsensor {source.name}",
        "runtimeFieldMap": "{}",
        "sourceFilters": "[]",
        "timeFieldName": "@timestamp",
        "title": source.index,
    }
    return saved("index-pattern", source.view, attributes)


def bundle(dashboards: Iterable[Dashboard], words: Vocabulary) -> list[Object]:
    """Return everything to import: tag, data views, dashboards."""
    return [tag(), *map(view, SOURCES.values()), *(own(one, words) for one in dashboards)]


def own(dashboard: Dashboard, words: Vocabulary) -> Object:
    """Return a dashboard over our own data views."""
    return dashboard_object(dashboard, words, lambda source: source.view, shared=False)


def packed(dashboard: Dashboard, words: Vocabulary) -> Object:
    """Return a dashboard of the integration package: Fleet's data views, filtered by dataset."""
    return dashboard_object(dashboard, words, lambda source: MANAGED[source.type], shared=True)


def dashboard_object(
    dashboard: Dashboard, words: Vocabulary, view_of: Callable[[Source], str], *, shared: bool
) -> Object:
    """Return a dashboard; `view_of`: the data view of a source, `shared` with others' documents or not."""
    panels = [panel_object(panel, view_of(panel.source), shared=shared, words=words) for panel in dashboard.panels]
    main = view_of(dashboard.control_source)
    refers = [{"id": main, "name": FILTER, "type": "index-pattern"}] if shared else []
    refers += [one for panel in panels for one in references(panel)]
    refers += [
        {"id": main, "name": f"controlGroup_control-{number}:optionsListDataView", "type": "index-pattern"}
        for number, _ in enumerate(dashboard.controls)
    ]
    refers.append({"id": TAG, "name": f"tag-{TAG}", "type": "tag"})
    for panel in panels:
        flatten(panel)
    options = {
        "hidePanelTitles": False,
        "syncColors": True,
        "syncCursor": True,
        "syncTooltips": False,
        "useMargins": True,
    }
    attributes = {
        "controlGroupInput": controls(dashboard, main),
        "description": dashboard.purpose,
        "kibanaSavedObjectMeta": {"searchSourceJSON": text(source(shared=shared))},
        "optionsJSON": text(options),
        "panelsJSON": text(panels),
        "timeFrom": f"now-{dashboard.span}",
        "timeRestore": True,
        "timeTo": "now",
        "title": f"[otsensor] {dashboard.title}",
        "version": 3,
    }
    return saved("dashboard", dashboard.id, attributes, refers)


def flatten(panel: Object) -> None:
    """Write the search source of a list of documents as the string Kibana keeps."""
    meta = panel["embeddableConfig"].get("attributes", {}).get("kibanaSavedObjectMeta")
    if meta is not None:
        meta["searchSourceJSON"] = text(meta["searchSourceJSON"])


def source(*, shared: bool) -> Object:
    """Return the dashboard's own query: where others' documents are near, a filter for ours."""
    whole = only("event.module", "otsensor", "")
    del whole["meta"]["index"]
    whole["meta"]["indexRefName"] = FILTER
    return {"filter": [whole] if shared else [], "query": {"language": "kuery", "query": ""}}


def controls(dashboard: Dashboard, main: str) -> Object:
    """Return the drop-down lists above the panels."""
    panels = {
        f"control-{number}": {
            "explicitInput": {
                "dataViewId": main,
                "fieldName": field,
                "id": f"control-{number}",
                "searchTechnique": "prefix",
                "selectedOptions": [],
                "sort": {"by": "_count", "direction": "desc"},
                "title": label,
            },
            "grow": True,
            "order": number,
            "type": "optionsListControl",
            "width": "small",
        }
        for number, (field, label) in enumerate(dashboard.controls)
    }
    heeds = {"ignoreFilters": False, "ignoreQuery": False, "ignoreTimerange": False, "ignoreValidations": False}
    return {
        "chainingSystem": "HIERARCHICAL",
        "controlStyle": "oneLine",
        "ignoreParentSettingsJSON": text(heeds),
        "panelsJSON": text(panels),
        "showApplySelections": False,
    }


def lines(objects: Iterable[Object]) -> bytes:
    """Return saved objects as NDJSON, one a line."""
    return b"".join(orjson.dumps(one, option=orjson.OPT_SORT_KEYS) + b"\n" for one in objects)
