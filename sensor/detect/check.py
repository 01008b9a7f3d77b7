"""What must hold of a rule file before pySigma sees it: the keys, the fields, the tags, the explanation.

The rule it lives by: each check adds its faults and goes on, so that all are told at once.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from sigma.modifiers import modifier_mapping

from sensor.detect import attack
from sensor.detect.event import CATEGORIES
from sensor.detect.fault import RuleFault
from sensor.detect.rule import WORDS, slots
from sensor.detect.source import Document
from sensor.vocabulary import Vocabulary, nearest

KEYS: Final = (
    *("title", "id", "related", "name", "taxonomy", "status", "description", "license", "references", "author"),
    *("date", "modified", "logsource", "detection", "fields", "falsepositives", "level", "tags", "scope"),
    *("correlation", "filter", "otsensor"),
)
LEVELS: Final = ("informational", "low", "medium", "high", "critical")
OWN_KEYS: Final = ("explanation", "response", "sentence", "fires_on", "silent_on", "group_by")
NEEDED: Final = ("explanation", "response", "sentence")  # of every rule that alerts
TYPES: Final = ("event_count", "value_count", "temporal", "temporal_ordered")
TECHNIQUE: Final = re.compile(r"t\d{4}(\.\d{3})?", re.IGNORECASE)
SOFTWARE_OR_GROUP: Final = re.compile(r"[gsc]\d{4}", re.IGNORECASE)


def kind(document: Document) -> str:
    """Return which of Sigma's three kinds a document is."""
    return next((key for key in ("correlation", "filter") if key in document.data), "rule")


def check(document: Document, words: Vocabulary, services: tuple[str, ...]) -> Iterator[RuleFault]:
    """Return all that is wrong with one document."""
    yield from check_keys(document)
    yield from check_tags(document)
    yield from check_own(document, words)
    if kind(document) == "correlation":
        yield from check_correlation(document, words)
        return
    yield from check_logsource(document, services)
    part = "filter" if kind(document) == "filter" else "detection"
    selections = document.data.get(part)
    if not isinstance(selections, dict):
        yield document.fault((part,), f"{part} is missing" if selections is None else f"{part} is not keys and values")
        return
    condition = selections.get("condition", "")
    if not isinstance(condition, str) and not (condition and is_names(condition)):
        yield document.fault((part, "condition"), "condition is not a text", str(condition), "selection and ...")
    for name, selection in selections.items():
        if not isinstance(name, str):  # YAML takes no, on and off for truth values
            yield document.fault((part,), "a name that YAML does not take for a text", str(name), "another name")
        elif name not in ("condition", "rules"):
            yield from check_selection(document, (part, name), selection, words)


def check_keys(document: Document) -> Iterator[RuleFault]:
    """Check the keys at the top."""
    data = document.data
    for key in map(str, data):
        if key not in KEYS and (near := nearest(key, KEYS)):
            yield document.fault((key,), "unknown key", key, near)
    needed = ("title", "id") if kind(document) == "filter" else ("title", "id", "level")
    for key in needed:
        if data.get(key) in (None, ""):
            yield document.fault((), f"{key} is missing", "", f"{key}: ...")
    level = data.get("level")
    if level is not None and str(level) not in LEVELS:
        yield document.fault(("level",), "unknown level", str(level), nearest(str(level), LEVELS) or ", ".join(LEVELS))


def check_tags(document: Document) -> Iterator[RuleFault]:
    """Check techniques and tactics against ATT&CK itself."""
    tags = document.data.get("tags")
    names = (
        [tag[7:].lower() for tag in tags if isinstance(tag, str) and tag.startswith("attack.")]
        if isinstance(tags, list)
        else []
    )
    table = attack.techniques()
    techniques = [name.upper() for name in names if TECHNIQUE.fullmatch(name)]
    tactics = [name for name in names if not TECHNIQUE.fullmatch(name) and not SOFTWARE_OR_GROUP.fullmatch(name)]
    for number in techniques:
        if number not in table:
            near = nearest(number, table)
            yield document.fault(
                ("tags",), "unknown ATT&CK technique", number, f"{near} {table[near].name}" if near else ""
            )
        elif table[number].tactics and not set(table[number].tactics) & set(tactics):
            wanted = " or ".join(f"attack.{tactic}" for tactic in table[number].tactics)
            yield document.fault(("tags",), f"no tactic for technique {number}", "", wanted)
    served = {tactic for number in techniques if number in table for tactic in table[number].tactics}
    for tactic in tactics:
        if tactic not in attack.TACTICS:
            near = nearest(tactic, attack.TACTICS)
            yield document.fault(("tags",), "unknown ATT&CK tactic", tactic, near or ", ".join(attack.TACTICS))
        elif techniques and tactic not in served:
            yield document.fault(("tags",), f"no technique for tactic {tactic}", "", " or ".join(sorted(served)))


def check_own(document: Document, words: Vocabulary) -> Iterator[RuleFault]:
    """Check our own part: the explanation, the sentence, the captures."""
    own = document.data.get("otsensor", {})
    if not isinstance(own, dict):
        yield document.fault(("otsensor",), "otsensor is not keys and values")
        return
    for key, value in own.items():
        if key not in OWN_KEYS:
            near = nearest(str(key), OWN_KEYS)
            yield document.fault(("otsensor", str(key)), "unknown key", str(key), near or ", ".join(OWN_KEYS))
        elif key in NEEDED and not isinstance(value, str):
            yield document.fault(("otsensor", key), f"{key} is not a text", str(value))
        elif key not in NEEDED and not is_names(value):
            yield document.fault(("otsensor", key), f"{key} is not a list of names", str(value))
    sentence = own.get("sentence")
    for name in slots(sentence) if isinstance(sentence, str) else ():
        if name not in words and name not in WORDS:
            near = nearest(name, [*WORDS, *words.fields])
            yield document.fault(
                ("otsensor", "sentence"), "unknown word in the sentence", name, near or ", ".join(WORDS)
            )
    yield from check_fields(document, ("otsensor", "group_by"), own.get("group_by"), words)


def check_explained(document: Document) -> Iterator[RuleFault]:
    """Check that a rule that alerts explains itself."""
    own = document.data.get("otsensor")
    for key in NEEDED:
        if not isinstance(own, dict) or not own.get(key):
            yield document.fault(("otsensor",), f"otsensor.{key} is missing", "", f"{key}: a text for the alert")


def check_logsource(document: Document, services: tuple[str, ...]) -> Iterator[RuleFault]:
    """Check where the rule looks: product ot, a protocol as service, a kind of event as category."""
    source = document.data.get("logsource")
    if not isinstance(source, dict):
        yield document.fault(("logsource",), "logsource is missing", "", "product: ot")
        return
    if source.get("product") != "ot":
        yield document.fault(("logsource", "product"), "not our log source", str(source.get("product")), "ot")
    for key, known in (("service", services), ("category", CATEGORIES)):
        value = source.get(key)
        if value is not None and value not in known:
            near = nearest(str(value), known)
            yield document.fault(("logsource", key), f"unknown {key}", str(value), near or ", ".join(known))


def check_selection(
    document: Document, keys: tuple[str, ...], selection: Any, words: Vocabulary
) -> Iterator[RuleFault]:
    """Check the fields and modifiers of one selection."""
    if selection in (None, [], {}):
        yield document.fault(keys, "an empty selection", "", "field: value")
        return
    if isinstance(selection, list):
        for item in selection:
            yield from check_selection(document, keys, item, words)
        return
    if not isinstance(selection, dict):
        yield document.fault(keys, "a value without a field", str(selection), "field: value")
        return
    for key in selection:
        field, *modifiers = str(key).split("|")
        where = (*keys, str(key))
        if field not in words:
            yield document.fault(where, "unknown field", field, words.nearest(field))
        for modifier in modifiers:
            if modifier not in modifier_mapping:
                near = nearest(modifier, modifier_mapping)
                yield document.fault(where, "unknown modifier", modifier, near or ", ".join(modifier_mapping))


def check_correlation(document: Document, words: Vocabulary) -> Iterator[RuleFault]:
    """Check a correlation's type, fields and condition."""
    part = document.data["correlation"]
    if not isinstance(part, dict):
        yield document.fault(("correlation",), "correlation is not keys and values")
        return
    type_ = part.get("type")
    if type_ not in TYPES:
        near = nearest(str(type_), TYPES)
        yield document.fault(("correlation", "type"), "unknown type", str(type_), near or ", ".join(TYPES))
    aliases = part.get("aliases", {})
    groups = [part["group-by"]] if isinstance(part.get("group-by"), str) else part.get("group-by")
    plain = [name for name in groups or () if name not in aliases] if is_names(groups or []) else groups
    yield from check_fields(document, ("correlation", "group-by"), plain, words)
    for mapping in aliases.values() if isinstance(aliases, dict) else ():
        fields = list(mapping.values()) if isinstance(mapping, dict) else mapping
        yield from check_fields(document, ("correlation", "aliases"), fields, words)
    condition = part.get("condition")
    if isinstance(condition, dict):
        if not {"gte", "gt"} & set(condition):
            found = ", ".join(map(str, condition))
            yield document.fault(("correlation", "condition"), "cannot be watched as time goes by", found, "gte or gt")
        if condition.get("field") is not None:
            yield from check_fields(document, ("correlation", "condition", "field"), [condition["field"]], words)
    elif isinstance(condition, str):
        yield document.fault(("correlation", "condition"), "not supported: a condition in words", condition, "gte: ...")


def check_fields(document: Document, keys: tuple[str, ...], fields: Any, words: Vocabulary) -> Iterator[RuleFault]:
    """Check that a list of names holds fields only."""
    if fields is not None and not is_names(fields):
        yield document.fault(keys, "not a list of fields", str(fields))
        return
    for field in fields or ():
        if field not in words:
            yield document.fault(keys, "unknown field", field, words.nearest(field))


def is_names(value: Any) -> bool:
    """Say whether a value is a list of texts."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
