"""Rules over what the line has found.

The rule it lives by: a repeat is not looked at twice. Rules that read only what the behaviour and the outcome fix are
decided once and remembered with the behaviour; the others look at each exchange. Which rules can concern a sighting
at all is worked out once for each protocol, operation and action.
"""

import dataclasses
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from sensor.behaviour.behaviour import Behaviour, ending
from sensor.behaviour.finding import Finding
from sensor.contract import Conversation, Endpoint
from sensor.detect.acquaintance import SETTLING_NS, Acquaintances
from sensor.detect.concern import Concern
from sensor.detect.context import Context
from sensor.detect.correlation import Correlation, Fired
from sensor.detect.event import (
    AssetSighting,
    ExchangeSighting,
    FlowSighting,
    Frame,
    HealthSighting,
    Kind,
    OdditySighting,
    Sighting,
    is_dear,
    kind_of,
)
from sensor.detect.rule import PLACE, Rule, key_of, text_of
from sensor.detect.ruleset import RuleSet

MAX_KINDS: Final = 4096  # protocols times operations are a few hundred; hostile ones end here
STANDINGS: Final = 1 << 35  # a client's standing stands above the ending in the key of a verdict
MAX_VERDICTS: Final = 64  # of one behaviour: endings are few, unless somebody makes them up


@dataclasses.dataclass(frozen=True, slots=True)
class Match:
    """A rule holds: for what, when, on which evidence."""

    rule: Rule
    key: tuple[str, ...]  # what makes one alert of many matches, and the network
    sighting: Sighting
    fired: Fired | None = None  # of a correlation

    @property
    def time(self) -> int:
        """Capture time, ns."""
        return self.sighting.time

    def frames(self) -> tuple[Frame, ...]:
        """Return the evidence."""
        return self.fired.frames if self.fired is not None else self.sighting.frames()

    def event(self) -> dict[str, Any]:
        """Return the fields; of a correlation those that all its events share, and the values counted."""
        if self.fired is None:
            return self.sighting.described()
        event = common(self.sighting.described(), self.rule.group_by)
        event["ot.alert.count"] = self.fired.count
        if self.fired.values:
            event["ot.alert.values"] = len(self.fired.values)
            event[self.fired.field] = list(self.fired.values)
        return event


class Feed(NamedTuple):
    """What one match gives to a correlation."""

    correlation: Correlation
    source: int  # index of the rule among the correlation's sources
    key: tuple[str, ...]
    value: Any  # to be counted
    alert: tuple[str, ...]  # what makes one alert of several groups


class Hit(NamedTuple):
    """A rule that holds for a sighting, with its keys worked out."""

    rule: Rule
    key: tuple[str, ...]
    feeds: tuple[Feed, ...]


class Verdict(NamedTuple):
    """What is remembered of a behaviour's exchanges with one outcome."""

    hits: tuple[Hit, ...]
    looking: tuple[Rule, ...]  # rules that must look at each exchange
    odd: tuple[Rule, ...]  # rules that must look at each that has an anomaly


class Detector:
    """All rules and correlations over findings, flows, oddities and assets."""

    def __init__(self, ruleset: RuleSet, context: Context | None = None, settling_ns: int = SETTLING_NS) -> None:
        self.context = context or Context()
        self.acquaintances = Acquaintances(settling_ns)
        self.correlations: list[Correlation] = []
        self.take(ruleset)

    def take(self, ruleset: RuleSet) -> None:
        """Go by these rules from now on; the windows of correlations that stay as they were stay open."""
        before = {one.rule.id: one for one in self.correlations}
        self.rules = ruleset.rules
        # Windows are this detector's own: a rule set may serve many readings.
        self.correlations = [continued(one, before.get(one.rule.id)) for one in ruleset.correlations]
        self.feeds: dict[str, list[tuple[Correlation, int]]] = {}
        for correlation in self.correlations:
            for number, source in enumerate(correlation.sources):
                self.feeds.setdefault(source, []).append((correlation, number))
        self.standing = 0  # of the client of the finding seen last
        self._concerned: dict[Kind, tuple[tuple[Rule, ...], tuple[Rule, ...]]] = {}
        self.reads_dear = any(map(is_dear, {field for rule in self.rules for field in rule.reads}))
        self.watches_flows = any(rule.category == "flow" for rule in self.rules)

    def adopt(self, ruleset: RuleSet, behaviours: Iterable[Behaviour]) -> None:
        """Go by other rules; what the ones before decided about `behaviours` is forgotten."""
        self.take(ruleset)
        for behaviour in behaviours:
            behaviour.verdicts = None

    def see(self, finding: Finding) -> list[Match]:
        """Take a new behaviour or a significant exchange; return what matched."""
        behaviour, time = finding.behaviour, finding.time()
        standing = self.standing = self.acquaintances.meet(behaviour, finding.talk, time, new=bool(finding.news))
        return self.first(finding, standing) if finding.news else self.again(finding, standing)

    def first(self, finding: Finding, standing: int) -> list[Match]:
        """Take news: every rule that can hold must look."""
        kind = kind_of(finding, standing)
        fixed, looking = self.concerned(kind)
        if looking and not finding.anomalies():
            looking = tuple([rule for rule in looking if not rule.odd])
        if not fixed and not looking:
            return []
        sighting = self.exchange(finding, kind)
        return self.matches(sighting, self.look(sighting, fixed), looking)

    def again(self, finding: Finding, standing: int) -> list[Match]:
        """Take a repeated significant exchange: what is fixed was decided before."""
        verdict = self.verdict(finding, standing)
        looking = verdict.looking
        if verdict.odd and finding.anomalies():
            looking += verdict.odd
        if not verdict.hits and not looking:
            return []
        return self.matches(self.exchange(finding, kind_of(finding, standing)), verdict.hits, looking)

    def sighting(self, finding: Finding) -> ExchangeSighting:
        """Return the finding seen last, as rules have seen it."""
        return self.exchange(finding, kind_of(finding, self.standing))

    def exchange(self, finding: Finding, kind: Kind) -> ExchangeSighting:
        """Return a finding as rules see it."""
        return ExchangeSighting(finding, self.context, kind, dear=self.reads_dear)

    def verdict(self, finding: Finding, standing: int) -> Verdict:
        """Return what is decided for a repeated exchange; decide when it is not."""
        behaviour, exchange = finding.behaviour, finding.exchange
        key = standing * STANDINGS + ending(exchange.outcome, exchange.code)
        if behaviour.verdicts is None:
            behaviour.verdicts = {}
        verdict = behaviour.verdicts.get(key)
        if not isinstance(verdict, Verdict):
            kind = kind_of(finding, standing)
            fixed, looking = self.concerned(kind)
            odd = tuple([rule for rule in looking if rule.odd])
            plain = tuple([rule for rule in looking if not rule.odd])
            verdict = Verdict(self.look(self.exchange(finding, kind), fixed), plain, odd)
            if len(behaviour.verdicts) >= MAX_VERDICTS:
                behaviour.verdicts.clear()
            behaviour.verdicts[key] = verdict
        return verdict

    def flow(self, talk: Conversation, time: int, frame: Frame | None = None) -> list[Match]:
        """Take a conversation that began."""
        return self.whole(FlowSighting(talk, time, frame)) if self.watches_flows else []

    def oddity(
        self, talk: Conversation, kind: str, direction: int, time: int, number: int, sample: bytes, source: int = 0
    ) -> list[Match]:
        """Take something wrong with a stream or packet."""
        return self.whole(OdditySighting(talk, kind, direction, Frame(source, number, time), sample))

    def asset(self, endpoint: Endpoint, attribute: str, value: str, previous: str, frame: Frame) -> list[Match]:
        """Take a new asset (no attribute), or an attribute that is new or has changed."""
        return self.whole(AssetSighting(endpoint, attribute, value, previous, frame))

    def health(self, concern: Concern) -> list[Match]:
        """Take a concern about what the sensor itself sees; one that is over matches as it did when it began."""
        return self.whole(HealthSighting(concern))

    def whole(self, sighting: Sighting) -> list[Match]:
        """Run every concerned rule on a sighting of which nothing is remembered."""
        fixed, looking = self.concerned(sighting.kind)
        return self.matches(sighting, self.look(sighting, fixed), looking)

    def concerned(self, kind: Kind) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
        """Return the rules that can hold: those decided once, and those that look each time."""
        found = self._concerned.get(kind)
        if found is None:
            rules = [rule for rule in self.rules if rule.concerns(kind)]
            once = {rule.id for rule in rules if (rule.steady if kind.ranged else rule.identity)}
            found = tuple(r for r in rules if r.id in once), tuple(r for r in rules if r.id not in once)
            if len(self._concerned) >= MAX_KINDS:
                self._concerned.clear()
            self._concerned[kind] = found
        return found

    def look(self, sighting: Sighting, rules: tuple[Rule, ...]) -> tuple[Hit, ...]:
        """Run rules on a sighting."""
        if not rules:
            return ()
        event = sighting.event
        return tuple([self.hit(rule, event) for rule in rules if rule.test(event)])

    def hit(self, rule: Rule, event: dict[str, Any]) -> Hit:
        """Work out the keys of a rule that holds."""
        feeds = tuple(
            [
                Feed(
                    one,
                    number,
                    key_of(event, one.group_by[rule.id]),
                    countable(event.get(one.value)),
                    key_of(event, one.rule.group_by),
                )
                for one, number in self.feeds.get(rule.id, ())
            ]
        )
        return Hit(rule, key_of(event, rule.group_by), feeds)

    def matches(self, sighting: Sighting, hits: tuple[Hit, ...], looking: tuple[Rule, ...]) -> list[Match]:
        """Turn hits into matches, and feed the correlations."""
        found = []
        for hit in (*hits, *self.look(sighting, looking)):
            if hit.rule.alerts:
                found.append(Match(hit.rule, hit.key, sighting))
            for feed in hit.feeds:
                fired = feed.correlation.take(feed.source, feed.key, sighting.time, sighting.frames(), feed.value)
                if fired is not None:
                    found.append(Match(feed.correlation.rule, feed.alert, sighting, fired))
        return found

    def counts(self) -> dict[str, int]:
        """Return what was counted, by name."""
        return {
            "acquaintances_refused": self.acquaintances.pairs_refused,
            "correlation_groups_evicted": sum(one.groups_evicted for one in self.correlations),
        }


def continued(correlation: Correlation, before: Correlation | None) -> Correlation:
    """Return a correlation with windows of its own; with those it had, where it says the same as before."""
    fresh = dataclasses.replace(correlation, groups=OrderedDict())
    if before is None or dataclasses.replace(before, groups=OrderedDict(), groups_evicted=0) != fresh:
        return fresh
    return before


def countable(value: Any) -> Any:
    """Return a field's value as something that can be counted: a list as its text."""
    return text_of(value) if isinstance(value, list | tuple) else value


def common(event: dict[str, Any], group_by: tuple[str, ...]) -> dict[str, Any]:
    """Return what every event of a correlation's group shares: the group's fields, and what goes with an end."""
    ends = [end for end in ("source", "destination") if {f"{end}.ip", f"{end}.address"} & set(group_by)]
    prefixes = tuple([f"{end}." for end in ends] + [f"ot.{end}." for end in ends] + ["network.", "event."])
    places = ("@timestamp", *PLACE, *group_by)
    ports = ("source.port", "destination.port")
    return {
        name: value
        for name, value in event.items()
        if name in places or (name.startswith(prefixes) and name not in ports)
    }
