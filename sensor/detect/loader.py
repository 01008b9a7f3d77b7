"""From rule documents to rules that run: parsed by pySigma, tuned by filters, compiled, correlated.

The rule it lives by: it never stops at the first fault.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

from sigma.collection import SigmaCollection
from sigma.correlations import SigmaCorrelationCondition, SigmaCorrelationRule
from sigma.exceptions import SigmaError
from sigma.filters import SigmaFilter
from sigma.rule import SigmaRule

from sensor.detect import check
from sensor.detect.attack import TACTICS
from sensor.detect.condition import Test, compile_condition, only, reads, some
from sensor.detect.correlation import MAX_NUMBER, Correlation
from sensor.detect.event import EXCHANGE, GATES
from sensor.detect.fault import RuleFault
from sensor.detect.rule import DEFAULT_GROUP, VARYING, Rule
from sensor.detect.source import Document
from sensor.detect.value import Misfit
from sensor.vocabulary import Vocabulary, gather, nearest

COMMON: Final = frozenset(gather([]).fields)  # the words of no protocol
QUOTED: Final = re.compile(r"'(.+?)'")

# Where pySigma's complaint belongs: the first words of its exceptions' names.
PLACES: Final = {
    "Title": ("title",),
    "Identifier": ("id",),
    "Name": ("name",),
    "Level": ("level",),
    "Status": ("status",),
    "Date": ("date",),
    "Modified": ("modified",),
    "Tag": ("tags",),
    "Author": ("author",),
    "Description": ("description",),
    "References": ("references",),
    "Logsource": ("logsource",),
    "Condition": ("detection", "condition"),
    "Timespan": ("correlation", "timespan"),
    "Correlation": ("correlation",),
    "Filter": ("filter",),
}


class Loader:
    """Takes documents, gathers faults, gives a RuleSet."""

    def __init__(self, words: Vocabulary) -> None:
        self.words = words
        # A protocol's exchanges carry the name under which its fields are declared.
        self.services = tuple(dict.fromkeys(field.name.split(".")[0] for field in words if field.name not in COMMON))
        self.faults: list[RuleFault] = []
        self.parsed: list[tuple[Document, SigmaRule | SigmaCorrelationRule | SigmaFilter]] = []
        self.names: dict[str, Document] = {}  # id and name of every rule, to refer to
        self.silent: set[str] = set()  # rules that only feed correlations

    def take(self, documents: list[Document]) -> None:
        """Check and parse the documents of one file."""
        for document in documents:
            faults = list(check.check(document, self.words, self.services))
            self.faults += faults
            self.announce(document)
            self.hush(document)
            parsed = self.parse(document) if not faults else None
            if parsed is not None:
                self.parsed.append((document, parsed))

    def announce(self, document: Document) -> None:
        """Make a rule known by its id and name; two of the same are a fault."""
        for key in ("id", "name"):
            name = document.data.get(key)
            if not isinstance(name, str) or not name:
                continue
            other = self.names.setdefault(name, document)
            if other is not document:
                place = f"{other.path}:{other.line_of(key)}"
                self.faults.append(document.fault((key,), f"{key} is taken", name, f"another than in {place}"))

    def hush(self, document: Document) -> None:
        """Note which rules a correlation, even a faulty one, takes for itself."""
        part = document.data.get("correlation")
        if isinstance(part, dict) and part.get("generate") is not True:
            rules = part.get("rules")
            named = rules if isinstance(rules, list) else [rules]
            self.silent |= {rule for rule in named if isinstance(rule, str)}

    def parse(self, document: Document) -> SigmaRule | SigmaCorrelationRule | SigmaFilter | None:
        """Let pySigma read one document."""
        kinds: dict[str, Any] = {"rule": SigmaRule, "correlation": SigmaCorrelationRule, "filter": SigmaFilter}
        try:
            parsed = kinds[check.kind(document)].from_dict(document.data, collect_errors=True)
        except SigmaError as error:
            self.complain(document, error)
            return None
        except Exception as error:  # noqa: BLE001  # pySigma does not foresee every wrong type
            self.faults.append(document.fault((), "pySigma cannot read this rule", str(error)))
            return None
        for one in parsed.errors:
            self.complain(document, one)
        return parsed if not parsed.errors else None

    def complain(self, document: Document, error: SigmaError) -> None:
        """Add what pySigma found wrong, at the key it concerns."""
        name = type(error).__name__.removeprefix("Sigma")
        if name == "ConditionError":
            missing = QUOTED.search(str(error))
            selections = [key for key in document.data.get("detection", {}) if key != "condition"]
            if missing and "not defined" in str(error):
                near = nearest(missing.group(1), selections) or ", ".join(selections)
                where = ("detection", "condition")
                self.faults.append(document.fault(where, "undefined selection", missing.group(1), near))
                return
        keys = next((place for word, place in PLACES.items() if name.startswith(word)), ("detection",))
        self.faults.append(document.fault(keys, str(error)))

    def finish(self) -> tuple[list[Rule], list[Correlation]]:
        """Apply the filters, compile the rules, join the correlations."""
        self.tune()
        correlations = [(d, p) for d, p in self.parsed if isinstance(p, SigmaCorrelationRule)]
        rules = [
            rule
            for document, parsed in self.parsed
            if isinstance(parsed, SigmaRule) and (rule := self.rule(document, parsed)) is not None
        ]
        by_name = {name: rule for rule in rules for name in (rule.id, rule.name)}
        joined = [one for d, p in correlations if (one := self.correlation(d, p, by_name)) is not None]
        return rules, joined

    def tune(self) -> None:
        """Apply every filter to the rules it names."""
        filters = [(document, parsed) for document, parsed in self.parsed if isinstance(parsed, SigmaFilter)]
        for document, parsed in filters:
            named = parsed.filter.rules
            for reference in named if isinstance(named, list) else ():
                if reference.reference not in self.names:
                    near = nearest(reference.reference, self.names)
                    where = ("filter", "rules")
                    self.faults.append(document.fault(where, "unknown rule", reference.reference, near))
        if filters:
            rules = [parsed for _, parsed in self.parsed if isinstance(parsed, SigmaRule)]
            SigmaCollection([*rules, *(parsed for _, parsed in filters)], resolve_references=False)

    def sources(self, correlation: SigmaCorrelationRule) -> list[str]:
        """Return the names of the rules a correlation is fed by."""
        return [reference.reference for reference in correlation.rules or ()]

    def rule(self, document: Document, parsed: SigmaRule) -> Rule | None:
        """Compile one rule."""
        rule = describe(document, parsed)
        rule.alerts = not self.silent & {rule.id, rule.name}
        if rule.alerts:
            self.faults += check.check_explained(document)
        tests: list[Test] = []
        nodes = []
        misfits: list[Misfit] = []
        for condition in parsed.detection.parsed_condition:
            try:
                node = condition.parsed
            except SigmaError as error:
                self.complain(document, error)
                return None
            if node is None:
                where = ("detection", "condition")
                self.faults.append(document.fault(where, "a condition without any selection", condition.condition))
                return None
            nodes.append(node)
            tests.append(compile_condition(node, self.words, misfits))
        self.faults += {misfit.field + misfit.found: self.placed(document, misfit) for misfit in misfits}.values()
        rule.test = tests[0] if len(tests) == 1 else some(tests)
        rule.service = parsed.logsource.service or ""
        rule.category = parsed.logsource.category or EXCHANGE
        found = ((place, either(nodes, name)) for name, place in GATES.items())
        rule.gates = tuple((place, values) for place, values in found if values is not None)
        rule.odd = either(nodes, "ot.anomalies") is not None
        rule.reads = frozenset().union(*map(reads, nodes), rule.group_by)
        self.settle(rule, rule.reads)
        return rule

    def placed(self, document: Document, misfit: Misfit) -> RuleFault:
        """Return a misfit as a fault at the first key that names its field."""
        for keys in document.lines:
            if len(keys) == 3 and keys[0] == "detection" and keys[2].split("|")[0] == misfit.field:
                return document.fault(keys, misfit.what, misfit.found, misfit.expected)
        return document.fault(("detection",), misfit.what, misfit.found, misfit.expected)

    def settle(self, rule: Rule, fields: Iterable[str]) -> None:
        """Work out how often a rule that reads these fields must look."""
        rule.reads = rule.reads | frozenset(fields)
        known = [self.words.get(name) for name in rule.reads]
        rule.identity = all(field is not None and field.identity for field in known)
        # A protocol's own field may be its address: only the common words are known not to be.
        rule.steady = rule.identity and all(name in COMMON and not name.startswith(VARYING) for name in rule.reads)

    def correlation(
        self, document: Document, parsed: SigmaCorrelationRule, rules: dict[str, Rule]
    ) -> Correlation | None:
        """Join one correlation to the rules that feed it."""
        self.faults += check.check_explained(document)
        sources = self.sources(parsed)
        for name in sources:
            if name not in self.names:
                near = nearest(name, self.names)
                self.faults.append(document.fault(("correlation", "rules"), "unknown rule", name, near))
        condition = parsed.condition
        if not isinstance(condition, SigmaCorrelationCondition) or any(name not in rules for name in sources):
            return None
        number = condition.count + (condition.op.name == "GT")
        if not 1 <= number <= MAX_NUMBER:
            where = ("correlation", "condition")
            self.faults.append(document.fault(where, "out of range", str(number), f"1 to {MAX_NUMBER}"))
            return None
        fed = [rules[name] for name in sources]
        groups = {rule.id: group_of(parsed, rule) for rule in fed}
        rule = describe(document, parsed)
        if "group_by" not in (document.data.get("otsensor") or {}):
            rule.group_by = tuple(name for name in parsed.group_by or () if name in self.words)
        rule.service = fed[0].service if len({one.service for one in fed}) == 1 else ""
        value = condition.fieldref if isinstance(condition.fieldref, str) else ""
        for one in fed:
            self.settle(one, (*groups[one.id], *rule.group_by, *((value,) if value else ())))
        span_ns = parsed.timespan.seconds * 1_000_000_000
        return Correlation(rule, str(parsed.type), tuple(one.id for one in fed), span_ns, number, groups, value)


def group_of(parsed: SigmaCorrelationRule, rule: Rule) -> tuple[str, ...]:
    """Return the fields that make a correlation's group in the events of one rule."""
    aliases = parsed.aliases.aliases
    found = []
    for name in parsed.group_by or ():
        mapping = {r.reference: field for r, field in aliases[name].mapping.items()} if name in aliases else {}
        found.append(mapping.get(rule.name) or mapping.get(rule.id) or name)
    return tuple(found)


def either(nodes: list[Any], name: str) -> frozenset[str] | None:
    """Return the only values of a field with which one of several conditions can hold; None: any."""
    found = [only(node, name) for node in nodes]
    return None if None in found else frozenset().union(*(values for values in found if values is not None))


def describe(document: Document, parsed: SigmaRule | SigmaCorrelationRule) -> Rule:
    """Return a rule with all it says about itself, without its test."""
    own = document.data.get("otsensor") or {}
    tags = [str(tag)[7:] for tag in parsed.tags if str(tag).startswith("attack.")]
    changed = parsed.modified or parsed.date
    return Rule(
        id=str(parsed.id),
        name=parsed.name or document.path.stem,
        title=parsed.title,
        level=str(parsed.level),
        description=" ".join((parsed.description or "").split()),
        author=parsed.author or "",
        version=changed.isoformat() if changed else "",
        license=parsed.license or "",
        references=tuple(parsed.references or ()),
        techniques=tuple(tag.upper() for tag in tags if check.TECHNIQUE.fullmatch(tag)),
        tactics=tuple(tag for tag in tags if tag in TACTICS),
        path=document.path,
        line=document.line,
        explanation=" ".join(str(own.get("explanation", "")).split()),
        response=" ".join(str(own.get("response", "")).split()),
        sentence=" ".join(str(own.get("sentence", "")).split()),
        fires_on=tuple(own.get("fires_on", ())),
        silent_on=tuple(own.get("silent_on", ())),
        group_by=tuple(own.get("group_by", DEFAULT_GROUP)),
    )
