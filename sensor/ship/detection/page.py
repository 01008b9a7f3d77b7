"""docs/elastic-rules.md: which rule runs where, and why.

The rule it lives by: a page made from the rules is never edited; a test fails when it is stale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sensor.ship.destination import MESSAGE
from sensor.ship.detection.queries import query
from sensor.ship.detection.rules import APPROXIMATE, INTAKE, INTERVAL, LOOK_BACK
from sensor.ship.detection.suits import ESQL, LUCENE, SENSOR, Suit, reason

if TYPE_CHECKING:
    from collections.abc import Iterable

MADE: Final = "<!-- Made by `make dashboards` from rules/. Edit those. -->\n"


def page(suits: Iterable[Suit]) -> str:
    """Return the page."""
    every = list(suits)
    by_how = {how: [one for one in every if one.how == how] for how in (LUCENE, ESQL, SENSOR)}
    parts = [MADE, HEAD.format(intake=INTAKE, interval=INTERVAL, look_back=LOOK_BACK), single(by_how[LUCENE])]
    return "\n".join([*parts, correlations(by_how[ESQL]), own(by_how[SENSOR])])


HEAD: Final = """# Rules for Elastic Security

`dashboards/otsensor-rules.ndjson` is imported in Kibana under Security, Rules, Import. It is written for the rule
format of 8.19 and 9.x. Our tests check its form and fields, and run its queries on a real Elasticsearch over the
shipped plant. No Kibana has run it in our tests, and the ES|QL queries were not run at all: the build of the server
that we test with has neither.

## The rule that takes our alerts in

    {intake}

over `logs-otsensor.alert-*`, every {interval} from `{look_back}` on. It is the only one that is switched on, and for
most the only one needed: the sensor has looked already, with more than any query could know. Elastic's alert carries
our rule's name (`rule.name`), severity (`event.severity`) and risk score (`event.risk_score`).

- Its time is `event.ingested`, the time of arrival. By `@timestamp`, the time of the capture, a backlog of a day would
  never be looked at.
- It takes revision 1 of each alert: an alert that grows is one alert in Elastic, and its growth is in the dashboards.
- Elastic's own rule "External Alerts" takes in whatever has `event.kind: alert`. Where it is on, add the exception
  `event.module is otsensor` to it, or each alert is there twice.
- It runs as whoever switched it on, who needs to read `logs-otsensor.alert-*`.
"""
SINGLE: Final = """## Single events, as Lucene

For those who would rather have Elastic look at what they ship: switched off when imported, since beside the rule above
each would be a second alert for one cause.

### Over behaviours

A behaviour's document is its sum, written as it grows: these fire later than the sensor does, and again when the
behaviour grows.

| rule | level | over `logs-otsensor.behaviour-*` |
|---|---|---|
"""
OVER_MESSAGES: Final = """### Over messages

They need destinations that name the kind `message` ([shipping](shipping.md)): what the sensor's rules see, a document
for each new behaviour and each significant exchange. Beyond a behaviour's share of the hour and the budget of the day
there are none.

| rule | level | over `logs-otsensor.message-*` |
|---|---|---|
"""
CORRELATIONS: Final = """## Correlations, as ES|QL, approximate

{approximate}
A negation leaves out documents without the field, and names are compared letter by letter. Switched off when imported.
"""
OWN: Final = """## Sensor only

These run in the sensor alone; their alerts come in by the first rule.

| rule | level | why |
|---|---|---|
"""
LEGEND: Final = """Why these cannot be asked for afterwards:

| field | |
|---|---|
"""


def single(suits: Iterable[Suit]) -> str:
    """Return the section on single events."""
    rows: dict[str, list[tuple[str, ...]]] = {"behaviour": [], MESSAGE: []}
    for one in suits:
        part = f", without what reads {names(one.unseen)}" if one.unseen else ""
        rows[one.stream].append((one.rule.title, one.rule.level, f"`{query(one)}`{part}"))
    return SINGLE + table(rows["behaviour"]) + "\n" + OVER_MESSAGES + table(rows[MESSAGE])


def correlations(suits: Iterable[Suit]) -> str:
    """Return the section on correlations."""
    parts = [CORRELATIONS.format(approximate=APPROXIMATE)]
    for one in suits:
        lines = "\n".join(f"    {line}" for line in query(one).splitlines())
        parts.append(f"**{one.rule.title}**, {one.rule.level}\n\n{lines}\n")
    return "\n".join(parts)


def own(suits: Iterable[Suit]) -> str:
    """Return the section on what only the sensor can see."""
    every = list(suits)
    rows = [(one.rule.title, one.rule.level, one.why or f"reads {names(one.unseen)}") for one in every]
    fields = sorted({name for one in every for name in one.unseen})
    return OWN + table(rows) + "\n" + LEGEND + table([(f"`{name}`", reason(name)) for name in fields])


def names(fields: Iterable[str]) -> str:
    """Write the names of fields."""
    return ", ".join(f"`{name}`" for name in fields)


def table(rows: Iterable[tuple[str, ...]]) -> str:
    """Return the rows of a table."""
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in rows)
