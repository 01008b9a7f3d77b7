"""Measures and buckets as the columns of Kibana's form-based Lens data source.

The rule it lives by: ids are made from the place, not by chance, so that the same description gives the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sensor.ship.kibana.description import Bucket, DescriptionError, Measure, Panel

if TYPE_CHECKING:
    from sensor.vocabulary import Vocabulary

RECORDS: Final = "___records___"  # what Lens calls the count of documents
OPERATIONS: Final = {
    "count": "count",
    "distinct": "unique_count",
    "sum": "sum",
    "max": "max",
    "min": "min",
    "average": "average",
    "last": "last_value",
}
TYPES: Final = {"long": "number", "double": "number", "keyword": "string", "text": "string"}

Column = dict[str, Any]


def columns(panel: Panel, words: Vocabulary) -> dict[str, Column]:
    """Return a panel's columns by id, buckets first: Lens nests them in this order."""
    found = {f"bucket-{number}": bucket(one, words, panel) for number, one in enumerate(panel.by)}
    found |= {f"measure-{number}": measure(one, words, panel) for number, one in enumerate(panel.show)}
    return found


def kind(field: str, words: Vocabulary, panel: Panel) -> str:
    """Return Lens's name for a field's type."""
    known = words.get(field)
    if known is None:
        near = words.nearest(field)
        raise DescriptionError(f"panel {panel.title!r}: unknown field {field!r}; did you mean {near or 'none'}?")
    return TYPES.get(known.type, known.type)


def measure(one: Measure, words: Vocabulary, panel: Panel) -> Column:
    """Return a number as a column."""
    found: Column = {
        "customLabel": True,
        "dataType": "number",
        "isBucketed": False,
        "label": one.label,
        "operationType": OPERATIONS[one.how],
        "params": {"emptyAsNull": False},
        "scale": "ratio",
        "sourceField": one.field or RECORDS,
    }
    if one.how == "last":
        # As an array: a value that is a list would otherwise be refused.
        found["params"] = {"showArrayValues": True, "sortField": "@timestamp"}
        found["filter"] = {"language": "kuery", "query": f"{one.field}: *"}
        found["scale"] = "ordinal"
    if one.how in ("last", "max", "min"):
        found["dataType"] = kind(one.field, words, panel)
    elif one.field:
        kind(one.field, words, panel)
    return found


def bucket(one: Bucket, words: Vocabulary, panel: Panel) -> Column:
    """Return a grouping as a column."""
    found: Column = {"customLabel": True, "isBucketed": True, "label": one.label}
    if one.parts:
        filters = [{"input": {"language": "kuery", "query": q}, "label": label} for label, q, _ in one.parts]
        params: Column = {"filters": filters}
        return found | {"dataType": "string", "operationType": "filters", "params": params, "scale": "ordinal"}
    if kind(one.field, words, panel) == "date":
        params = {"dropPartials": False, "includeEmptyRows": True, "interval": "auto"}
        operation, scale = "date_histogram", "interval"
    else:
        params, operation, scale = terms(one, panel), "terms", "ordinal"
    found |= {"dataType": kind(one.field, words, panel), "operationType": operation, "params": params, "scale": scale}
    return found | {"sourceField": one.field}


def terms(one: Bucket, panel: Panel) -> Column:
    """Return how many values of a field are taken, and which: the largest by the first number that can be sorted by."""
    number = next((n for n, m in enumerate(panel.show) if m.how != "last"), None)
    by_column = {"columnId": f"measure-{number}", "type": "column"}
    by_name = {"fallback": False, "type": "alphabetical"}
    return {
        "exclude": [],
        "excludeIsRegex": False,
        "include": [],
        "includeIsRegex": False,
        "missingBucket": False,
        "orderBy": by_name if number is None else by_column,
        "orderDirection": "asc" if number is None else "desc",
        "otherBucket": False,
        "parentFormat": {"id": "terms"},
        "size": one.size,
    }
