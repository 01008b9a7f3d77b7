"""What the dashboards show, read from `dashboards/dashboards.yml`: a page that a SOC engineer can read and change.

The rule it lives by: a dashboard is rows of panels over a grid of 48 columns; what a panel asks is said in words
(`distinct ot.alert.id`, `ot.action top 10`), and a word nobody knows is an error that says where.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, Final

import yaml

from sensor.detect import attack
from sensor.detect.ruleset import RuleSet, default_rules
from sensor.ship.kibana import kql

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

NAME: Final = "dashboards.yml"
COLUMNS: Final = 48  # the width of Kibana's grid
MAX_ROWS: Final = 1000  # of a table or list; more is a search, not a dashboard
KINDS: Final = ("number", "bars", "ranking", "lines", "table", "donut", "heatmap", "text", "documents")
MEASURES: Final = ("count", "distinct", "sum", "max", "min", "average", "last")
ADDING: Final = ("count", "sum", "average")  # wrong where one alert has a document for each revision
KEYS: Final = frozenset(("of", "where", "show", "by", "width", "note", "fields", "says", "alarm", "sort", *KINDS))
MEASURE: Final = re.compile(r"(?P<how>\w+)(?: (?P<field>[@\w.]+))?(?: as (?P<label>.+))?")
BUCKET: Final = re.compile(r"(?P<field>[@\w.]+)(?: top (?P<size>\d+))?(?: as (?P<label>.+))?")


class DescriptionError(ValueError):
    """The description is wrong: which dashboard, which panel, what was found, what was expected."""


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """Where documents lie: by our own shipping, and by an Elastic Agent with the integration package."""

    name: str
    index: str  # pattern of our own data view
    dataset: str = ""  # in the integration's data streams; "" all of ours
    type: str = "logs"

    @property
    def view(self) -> str:
        """Return the id of our own data view."""
        return f"otsensor-view-{self.name}"

    @property
    def filter(self) -> tuple[str, str]:
        """Return the field and value by which our documents are told from others of a shared data view."""
        return ("data_stream.dataset", self.dataset) if self.dataset else ("event.module", "otsensor")


# Alerts and assets are read from their state: one document each. The package has history only, so every count of
# alerts or assets is a count of distinct ids, and holds for both.
SOURCES: Final = {
    source.name: source
    for source in (
        Source("alerts", "otsensor-alerts-*", "otsensor.alert"),
        Source("revisions", "logs-otsensor.alert-*", "otsensor.alert"),
        Source("assets", "otsensor-assets-*", "otsensor.asset"),
        Source("behaviours", "logs-otsensor.behaviour-*", "otsensor.behaviour"),
        Source("flows", "logs-otsensor.flow-*", "otsensor.flow"),
        Source("health", "metrics-otsensor.health-*", "otsensor.health", "metrics"),
        Source("everything", "logs-otsensor.*-*"),
    )
}


@dataclasses.dataclass(frozen=True, slots=True)
class Measure:
    """A number for each row, bar or cell."""

    how: str  # one of MEASURES
    field: str
    label: str


@dataclasses.dataclass(frozen=True, slots=True)
class Bucket:
    """What documents are grouped by: `time`, a field's values, or the named parts of a split."""

    field: str
    label: str
    size: int = 10
    parts: tuple[tuple[str, str, str], ...] = ()  # label, KQL, colour


@dataclasses.dataclass(frozen=True, slots=True)
class Panel:
    """One panel with its place in the grid."""

    kind: str
    title: str
    id: str
    x: int
    y: int
    w: int
    h: int
    source: Source = SOURCES["alerts"]
    where: str = ""
    note: str = ""
    show: tuple[Measure, ...] = ()
    by: tuple[Bucket, ...] = ()
    fields: tuple[str, ...] = ()  # of a list of documents
    sort: tuple[str, ...] = ()
    text: str = ""
    alarm: str = ""  # colour of a number that is not 0


@dataclasses.dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard."""

    name: str  # "soc-overview"
    title: str
    purpose: str
    span: str  # "24h": the time it opens with
    controls: tuple[tuple[str, str], ...]  # field, label
    control_source: Source
    panels: tuple[Panel, ...]

    @property
    def id(self) -> str:
        """Return the saved object's id."""
        return f"otsensor-{self.name}"


def load(folder: pathlib.Path) -> list[Dashboard]:
    """Read the description in a folder; raise DescriptionError at the first fault."""
    path = folder / NAME
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    splits = {name: split(name, parts) for name, parts in data["splits"].items()} | attack_splits()
    return [dashboard(one, splits) for one in data["dashboards"]]


def split(name: str, parts: dict[str, dict[str, str]]) -> Bucket:
    """Read a named split: its parts by label, each with its query and colour."""
    return Bucket(name, name.capitalize(), parts=tuple((p, q["where"], q.get("colour", "")) for p, q in parts.items()))


def attack_splits() -> dict[str, Bucket]:
    """Return ATT&CK's tactics in their order, and the techniques our rules look for, as named splits.

    A split, since a document's ids and names are lists: grouped by both, each id would meet every name.
    """
    tactics = tuple((name, f'threat.tactic.name: "{name}"', "") for _, name in attack.TACTICS.values())
    rules = RuleSet.load((default_rules(),)).alerting()
    named = attack.with_successors(tuple(sorted({number for rule in rules for number in rule.techniques})))
    olds = (one for one in named if one.tactics)  # a successor comes along with the one it follows
    techniques = tuple((f"{one.id} {one.name}", f'threat.technique.id: "{one.id}"', "") for one in olds)
    return {
        "tactic": Bucket("tactic", "Tactic", parts=tactics),
        "technique": Bucket("technique", "Technique", parts=techniques),
    }


def dashboard(data: dict[str, Any], splits: dict[str, Bucket]) -> Dashboard:
    """Read one dashboard."""
    controls = tuple(labelled(text) for text in data.get("controls", ()))
    return Dashboard(
        name=data["name"],
        title=data["title"],
        purpose=data["purpose"].strip(),
        span=data["span"],
        controls=controls,
        control_source=SOURCES[data.get("controls_of", "alerts")],
        panels=tuple(panels(data, splits)),
    )


def labelled(text: str) -> tuple[str, str]:
    """Read "FIELD as LABEL"."""
    field, _, label = text.partition(" as ")
    return field, label or field


def panels(data: dict[str, Any], splits: dict[str, Bucket]) -> Iterator[Panel]:
    """Read the rows of a dashboard, and give each panel its place."""
    y = 0
    for row in data["rows"]:
        height, x = row["height"], 0
        even, over = divmod(COLUMNS, len(row["panels"]))
        for number, one in enumerate(row["panels"]):
            width = one.get("width", even + (number < over))
            yield panel(one, splits, data["name"], (x, y, width, height))
            x += width
        if x != COLUMNS:
            raise DescriptionError(f"{data['name']}: the row at {y} is {x} columns wide; expected {COLUMNS}")
        y += height


def panel(data: dict[str, Any], splits: dict[str, Bucket], where: str, place: tuple[int, int, int, int]) -> Panel:
    """Read one panel."""
    kind = next((word for word in KINDS if word in data), "")
    title = data.get(kind, "")
    spot = f"{where}, panel {title!r}"
    unknown = data.keys() - KEYS
    if not kind or unknown:
        raise DescriptionError(f"{spot}: found {', '.join(data)}; expected one of {', '.join(KINDS)} and known keys")
    if data.get("of", "alerts") not in SOURCES:
        raise DescriptionError(f"{spot}: of {data['of']!r}; expected one of {', '.join(SOURCES)}")
    kql.query(data.get("where", ""))
    said = data.get("show", ())
    show = tuple(measure(text, spot) for text in ([said] if isinstance(said, str) else said))
    if data.get("of", "alerts") in ("alerts", "assets") and any(one.how in ADDING for one in show):
        raise DescriptionError(f"{spot}: adds up documents; expected distinct, max, min or last, true of history too")
    return Panel(
        kind,
        title,
        "p-" + re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-"),
        *place,
        source=SOURCES[data.get("of", "alerts")],
        where=data.get("where", ""),
        note=data.get("note", ""),
        show=show,
        by=tuple(bucket(text, splits, spot) for text in data.get("by", ())),
        fields=tuple(data.get("fields", ())),
        sort=(*([data["sort"]] if "sort" in data else []), "@timestamp"),
        text=data.get("says", ""),
        alarm=data.get("alarm", ""),
    )


def measure(text: str, spot: str) -> Measure:
    """Read "distinct ot.alert.id as Alerts"."""
    found = MEASURE.fullmatch(text)
    if found is None or found["how"] not in MEASURES or (found["how"] != "count") != bool(found["field"]):
        raise DescriptionError(f"{spot}: show {text!r}; expected count, or one of {', '.join(MEASURES)} and a field")
    label = found["label"] or (found["field"] or "count")
    return Measure(found["how"], found["field"] or "", label)


def bucket(text: str, splits: dict[str, Bucket], spot: str) -> Bucket:
    """Read "time", "severity" or "source.address top 10 as Client"."""
    if text in splits:
        return splits[text]
    found = BUCKET.fullmatch(text)
    if found is None or int(found["size"] or 1) > MAX_ROWS:
        raise DescriptionError(f"{spot}: by {text!r}; expected time, a split or a field with top N up to {MAX_ROWS}")
    field = "@timestamp" if found["field"] == "time" else found["field"]
    return Bucket(field, found["label"] or ("Time" if field == "@timestamp" else field), int(found["size"] or 10))
