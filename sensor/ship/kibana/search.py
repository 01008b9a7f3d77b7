"""What Kibana would ask Elasticsearch for a panel, worked out from the saved object itself.

The rule it lives by: it reads what was generated, not the description, so that a panel made wrong asks a wrong
question here as well. Operations we do not generate are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from sensor.ship.kibana import kql

if TYPE_CHECKING:
    from collections.abc import Iterator

METRICS: Final = {"unique_count": "cardinality", "sum": "sum", "max": "max", "min": "min", "average": "avg"}
INTERVAL: Final = "10s"  # "auto" depends on the time Kibana shows; the shipped plant is three minutes long
SAMPLE: Final = 200  # documents of a list that are looked at

Json = dict[str, Any]


def panels(dashboard: Json) -> list[Json]:
    """Return the panels of a dashboard's saved object."""
    found: list[Json] = orjson.loads(dashboard["attributes"]["panelsJSON"])
    return found


def request(panel: Json) -> Json | None:
    """Return the search request of a panel; None for a text."""
    if panel["type"] == "visualization":
        return None
    attributes = panel["embeddableConfig"]["attributes"]
    if panel["type"] == "search":
        source = orjson.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
        fields = [{"field": field} for field in attributes["columns"]]
        sort = [{name: order} for name, order in attributes["sort"]]
        query = kql.query(source["query"]["query"])
        return {"query": query, "fields": fields, "size": SAMPLE, "sort": sort, "_source": False}
    state = attributes["state"]
    (layer,) = state["datasourceStates"]["formBased"]["layers"].values()
    filters = [one["query"] for one in state["filters"]]
    return {
        "query": {"bool": {"filter": [kql.query(state["query"]["query"]), *filters]}},
        "size": 0,
        "track_total_hits": True,
        "aggs": aggregations(layer["columns"], layer["columnOrder"]),
    }


def aggregations(columns: Json, order: list[str]) -> Json:
    """Return the aggregations: buckets nested in order, the numbers inside the innermost."""
    inner: Json = {}
    for name in order:
        if not columns[name]["isBucketed"] and columns[name]["operationType"] != "count":
            inner[name] = metric(columns[name])
    for name in reversed([name for name in order if columns[name]["isBucketed"]]):
        one = bucket(columns[name], columns)
        ordered = columns[name]["params"].get("orderBy", {}).get("columnId", "")
        if ordered in columns and columns[ordered]["operationType"] != "count" and ordered not in inner:
            one["aggs"] = {ordered: metric(columns[ordered])}  # an outer bucket sorts by the number as well
        inner = {name: one | {"aggs": {**one.get("aggs", {}), **inner}}}
    return inner


def metric(column: Json) -> Json:
    """Return one number."""
    operation, field = column["operationType"], column["sourceField"]
    if operation == "last_value":
        sort = [{column["params"]["sortField"]: "desc"}]
        last = {"top_hits": {"size": 1, "sort": sort, "fields": [{"field": field}], "_source": False}}
        return {"filter": kql.query(column["filter"]["query"]), "aggs": {"last": last}}
    return {METRICS[operation]: {"field": field}}


def bucket(column: Json, columns: Json) -> Json:
    """Return one grouping."""
    operation, params = column["operationType"], column["params"]
    if operation == "filters":
        return {"filters": {"filters": {one["label"]: kql.query(one["input"]["query"]) for one in params["filters"]}}}
    if operation == "date_histogram":
        return {"date_histogram": {"field": column["sourceField"], "fixed_interval": INTERVAL, "min_doc_count": 1}}
    if operation != "terms":
        raise ValueError(f"an operation we do not generate: {operation}")
    return {"terms": {"field": column["sourceField"], "size": params["size"], "order": ordering(params, columns)}}


def ordering(params: Json, columns: Json) -> Json:
    """Return the order of a field's values."""
    by, direction = params["orderBy"], params["orderDirection"]
    if by["type"] == "alphabetical":
        return {"_key": direction}
    count = columns[by["columnId"]]["operationType"] == "count"
    return {"_count" if count else by["columnId"]: direction}


def rows(panel: Json, answer: Json) -> list[list[Any]]:
    """Return what a panel would show, row by row: buckets' keys, then numbers; empty cells are None."""
    if panel["type"] == "search":
        columns = panel["embeddableConfig"]["attributes"]["columns"]
        return [[plain(hit.get("fields", {}).get(name)) for name in columns] for hit in answer["hits"]["hits"]]
    (layer,) = panel["embeddableConfig"]["attributes"]["state"]["datasourceStates"]["formBased"]["layers"].values()
    total = {"doc_count": answer["hits"]["total"]["value"], **answer.get("aggregations", {})}
    return list(walk(total, layer["columns"], layer["columnOrder"])) if total["doc_count"] else []


def walk(node: Json, columns: Json, order: list[str]) -> Iterator[list[Any]]:
    """Go down the buckets."""
    if order and columns[order[0]]["isBucketed"]:
        for key, one in keyed(node[order[0]]["buckets"], columns[order[0]]):
            if one["doc_count"]:
                yield from ([key, *rest] for rest in walk(one, columns, order[1:]))
        return
    yield [value(node, name, columns[name]) for name in order]


def keyed(buckets: Any, column: Json) -> Iterator[tuple[Any, Json]]:
    """Return buckets with their keys, in the order they are shown in."""
    if isinstance(buckets, dict):  # parts of a split, which the answer has sorted by name
        return ((one["label"], buckets[one["label"]]) for one in column["params"]["filters"])
    return ((one.get("key_as_string", one["key"]), one) for one in buckets)


def value(node: Json, name: str, column: Json) -> Any:
    """Return one number of a bucket."""
    if column["operationType"] == "count":
        return node["doc_count"]
    if column["operationType"] == "last_value":
        hits = node[name]["last"]["hits"]["hits"]
        return plain(hits[0]["fields"].get(column["sourceField"])) if hits else None
    return node[name].get("value_as_string", node[name]["value"])


def plain(found: list[Any] | None) -> Any:
    """Return a field's only value, or its list."""
    return found[0] if found is not None and len(found) == 1 else found
