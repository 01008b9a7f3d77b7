"""What Kibana would stumble over, found before anything is imported.

The rule it lives by: Kibana drops what it does not understand without a word, so every reference, every place in the
grid and every field is proved here, from the generated objects alone.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from sensor.ship.elastic.templates import STREAM, fields_of
from sensor.ship.kibana import kql
from sensor.ship.kibana.dashboard import MANAGED
from sensor.ship.kibana.description import COLUMNS, SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sensor.vocabulary import Vocabulary

LINK: Final = re.compile(r"\(#/dashboard/([^)]*)\)")
FOREIGN: Final = frozenset(("data_stream.dataset", "___records___"))  # of the data stream itself, and of Lens
NUMERIC: Final = frozenset(("sum", "average"))
ORDERED: Final = frozenset(("max", "min"))
ACCESSORS: Final = ("metricAccessor", "xAccessor", "yAccessor", "valueAccessor", "splitAccessor", "columnId")
LISTED: Final = ("accessors", "primaryGroups", "metrics")

Json = dict[str, Any]


def check(objects: Iterable[Json], words: Vocabulary) -> list[str]:
    """Return everything that is wrong with saved objects that are imported together."""
    every = list(objects)
    known = {(one["type"], one["id"]) for one in every} | {("index-pattern", name) for name in MANAGED.values()}
    faults = [f"{one['id']}: twice" for one in every if sum(one["id"] == other["id"] for other in every) > 1]
    for one in every:
        faults += [
            f"{one['id']}: refers to {refer['type']} {refer['id']}, which is not there"
            for refer in one["references"]
            if (refer["type"], refer["id"]) not in known
        ]
        if one["type"] == "dashboard":
            faults += [f"{one['id']}: {fault}" for fault in Check(one, words, known).faults()]
    return faults


class Check:
    """One look over one dashboard."""

    def __init__(self, dashboard: Json, words: Vocabulary, known: set[tuple[str, str]]) -> None:
        self.words = words
        self.known = known
        self.dashboard = dashboard
        self.attributes: Json = dashboard["attributes"]
        self.panels: list[Json] = orjson.loads(self.attributes["panelsJSON"])
        self.references = {one["name"]: one["id"] for one in dashboard["references"]}
        self.used: set[str] = set()
        self.there: frozenset[str] = frozenset()  # fields of the documents the present panel reads; empty: any

    def faults(self) -> Iterator[str]:
        """Find everything."""
        yield from self.grid()
        for panel in self.panels:
            yield from (f"panel {panel['panelIndex']}: {fault}" for fault in self.panel(panel))
        yield from self.frame()
        lost = {n for n in self.references if n not in self.used and not n.startswith("tag-")}
        yield from (f"reference {name} belongs to nothing" for name in sorted(lost))

    def grid(self) -> Iterator[str]:
        """Look for panels outside the grid, over one another, or of one name."""
        places = [(panel["panelIndex"], panel["gridData"]) for panel in self.panels]
        for name, at in places:
            if at["i"] != name:
                yield f"panel {name}: its place is that of {at['i']}"
            if min(at["x"], at["y"]) < 0 or min(at["w"], at["h"]) < 1 or at["x"] + at["w"] > COLUMNS:
                yield f"panel {name}: outside the grid of {COLUMNS} columns"
        for (name, one), (other, two) in itertools.combinations(places, 2):
            if name == other:
                yield f"panel {name}: twice"
            apart = one["x"] + one["w"] <= two["x"] or two["x"] + two["w"] <= one["x"]
            if not apart and not (one["y"] + one["h"] <= two["y"] or two["y"] + two["h"] <= one["y"]):
                yield f"panels {name} and {other} overlap"

    def frame(self) -> Iterator[str]:
        """Look at the dashboard's own filter and its controls."""
        self.there = frozenset()
        source = orjson.loads(self.attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
        for one in source["filter"]:
            yield from self.referred(one["meta"]["indexRefName"])
            yield from self.field(one["meta"]["key"])
        for name, control in orjson.loads(self.attributes["controlGroupInput"]["panelsJSON"]).items():
            yield from self.referred(f"controlGroup_{name}:optionsListDataView")
            yield from self.field(control["explicitInput"]["fieldName"], "terms")

    def referred(self, name: str) -> Iterator[str]:
        """Look for a reference in the dashboard's own list."""
        self.used.add(name)
        if name not in self.references:
            yield f"reference {name} is lost"

    def panel(self, panel: Json) -> Iterator[str]:
        """Look at one panel."""
        config = panel["embeddableConfig"]
        if panel["type"] == "visualization":
            links = LINK.findall(config["savedVis"]["params"]["markdown"])
            yield from (
                f"links to {link}, no such dashboard" for link in links if ("dashboard", link) not in self.known
            )
            return
        attributes = config["attributes"]
        inside = {one["name"]: one["id"] for one in attributes["references"]}
        for name, view in inside.items():
            yield from self.referred(f"{panel['panelIndex']}:{name}")
            if self.references.get(f"{panel['panelIndex']}:{name}", view) != view:
                yield f"reference {name} leads elsewhere inside than outside"
        self.there = readable(attributes)
        needed, asked = self.documents(attributes) if panel["type"] == "search" else self.lens(attributes)
        yield from (f"reference {name} is lost" for name in needed if name not in inside)
        yield from asked

    def documents(self, attributes: Json) -> tuple[list[str], Iterator[str]]:
        """Return the references a list of documents needs, and what is wrong with its fields."""
        source = orjson.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
        names = [*attributes["columns"], *(name for name, _ in attributes["sort"])]
        faults = itertools.chain(self.query(source["query"]["query"]), *map(self.field, names))
        return [source["indexRefName"]], faults

    def lens(self, attributes: Json) -> tuple[list[str], Iterator[str]]:
        """Return the references a Lens panel needs, and what is wrong with its columns."""
        state = attributes["state"]
        layers = state["datasourceStates"]["formBased"]["layers"]
        needed = [f"indexpattern-datasource-layer-{name}" for name in layers]
        needed += [one["meta"]["index"] for one in state["filters"]]
        faults = [self.query(state["query"]["query"])]
        faults += [self.field(one["meta"]["key"]) for one in state["filters"]]
        faults += [self.layer(layer) for layer in layers.values()]
        columns = {name for layer in layers.values() for name in layer["columns"]}
        faults.append(f"shows column {name}, which is not there" for name in accessors(state["visualization"], columns))
        return needed, itertools.chain(*faults)

    def layer(self, layer: Json) -> Iterator[str]:
        """Look at the columns of one layer."""
        columns = layer["columns"]
        if sorted(layer["columnOrder"]) != sorted(columns):
            yield "the order of columns names others than there are"
        for column in columns.values():
            params = column["params"]
            by = params.get("orderBy", {}).get("columnId")
            if by is not None and (by not in columns or columns[by]["operationType"] == "last_value"):
                yield f"is sorted by column {by}, which cannot be sorted by"
            if "sourceField" in column:
                yield from self.field(column["sourceField"], column["operationType"])
            texts = [one["input"]["query"] for one in params.get("filters", ())]
            for text in [*texts, *([column["filter"]["query"]] if "filter" in column else [])]:
                yield from self.query(text)

    def query(self, text: str) -> Iterator[str]:
        """Look at a query."""
        try:
            for field in kql.fields(text):
                yield from self.field(field)
        except kql.KqlError as error:
            yield f"query: {error}"

    def field(self, name: str, operation: str = "") -> Iterator[str]:
        """Look at a field, and whether it can do what is asked of it."""
        if name in FOREIGN:
            return
        field = self.words.get(name)
        if field is None:
            yield f"unknown field {name}; nearest {self.words.nearest(name) or 'none'}"
        elif self.there and name not in self.there:
            yield f"{name} is in none of the documents it reads"
        elif operation in NUMERIC and field.type not in ("long", "double"):
            yield f"{operation} of {name}, which is no number"
        elif operation in ORDERED and field.type not in ("long", "double", "date"):
            yield f"{operation} of {name}, which has no order"
        elif operation in ("terms", "unique_count") and field.type == "text":
            yield f"groups by {name}, which is text"


def readable(attributes: Json) -> frozenset[str]:
    """Return the fields of the documents a panel reads, by its data view and filters; empty where any may be."""
    view = attributes["references"][0]["id"] if attributes["references"] else ""
    datasets = {source.dataset for source in SOURCES.values() if source.view == view}
    datasets |= {str(one["meta"]["params"]["query"]) for one in attributes.get("state", {}).get("filters", ())}
    streams = [name for name in STREAM if f"otsensor.{name}" in datasets]
    return frozenset(name for stream in streams for name in fields_of(stream))


def accessors(state: Any, columns: set[str]) -> Iterator[str]:
    """Return the columns a visualisation names and its layer lacks."""
    if isinstance(state, list):
        for one in state:
            yield from accessors(one, columns)
    elif isinstance(state, dict):
        for key, found in state.items():
            named = [found] if key in ACCESSORS else found if key in LISTED else []
            yield from (name for name in named if name not in columns)
            yield from accessors(found, columns)
