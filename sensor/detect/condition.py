"""A Sigma condition as a function of one event.

The rule it lives by: an event is a flat dictionary of field and value, and in a list one matching element is enough.
A condition also tells which fields it reads and which values it cannot do without, so that rules can be indexed.
"""

from collections.abc import Callable, Iterable
from typing import Any

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
)
from sigma.types import SigmaBool, SigmaExists, SigmaExpansion, SigmaFieldReference, SigmaNull, SigmaString, SigmaType

from sensor.detect.value import Look, Misfit, looking
from sensor.vocabulary import Vocabulary

Event = dict[str, Any]
Test = Callable[[Event], bool]


def compile_condition(node: Any, words: Vocabulary, misfits: list[Misfit]) -> Test:
    """Return the test of a parsed condition; values that can never match are added to `misfits`."""
    if isinstance(node, ConditionAND):
        return every([compile_condition(argument, words, misfits) for argument in node.args])
    if isinstance(node, ConditionOR):
        tests = [compile_condition(argument, words, misfits) for argument in node.args]
        return one_of(node, words) or some(tests)
    if isinstance(node, ConditionNOT):
        inner = compile_condition(node.args[0], words, misfits)
        return lambda event: not inner(event)
    if not isinstance(node, ConditionFieldEqualsValueExpression):
        misfits.append(Misfit("", "a value without a field", str(getattr(node, "value", node)), "field: value"))
        return never
    try:
        return leaf(node.field, node.value, words)
    except Misfit as misfit:
        misfits.append(misfit)
        return never


def never(_event: Event) -> bool:
    """Stand in for a test that could not be made."""
    return False


def every(tests: list[Test]) -> Test:
    """Return a test that holds when all hold."""
    if len(tests) == 2:
        first, second = tests
        return lambda event: first(event) and second(event)
    return lambda event: all(test(event) for test in tests)


def some(tests: list[Test]) -> Test:
    """Return a test that holds when one holds."""
    return lambda event: any(test(event) for test in tests)


def one_of(node: ConditionOR, words: Vocabulary) -> Test | None:
    """Return a test of one field against several plain texts as one look-up; None when it is something else."""
    values = {plain(argument) for argument in node.args}
    names = {getattr(argument, "field", "") for argument in node.args}
    field = words.get(next(iter(names)))
    if None in values or len(names) != 1 or field is None or field.type != "keyword":
        return None
    return lambda event: seen(event.get(field.name), lambda found: str(found).lower() in values)


def plain(node: Any) -> str | None:
    """Return the text or truth value (lower case) a leaf compares with as a whole; None for other leaves."""
    value = getattr(node, "value", None)
    if type(value) is SigmaBool:
        return str(bool(value)).lower()
    if type(value) is not SigmaString or value.contains_special():
        return None
    return "".join(str(part) for part in value.s).lower()


def leaf(name: str, value: SigmaType, words: Vocabulary) -> Test:
    """Return the test of one field against one value."""
    field = words.get(name)
    if field is None:
        raise Misfit(name, "unknown field", name, words.nearest(name))
    if isinstance(value, SigmaNull):
        return lambda event: event.get(name) in (None, "", [])
    if isinstance(value, SigmaExists):
        wanted = bool(value)
        return lambda event: (event.get(name) is not None) == wanted
    if isinstance(value, SigmaExpansion):
        return some([leaf(name, one, words) for one in value.values])
    if isinstance(value, SigmaFieldReference):
        return reference(name, value, words)
    look = looking(field, value, words)
    return lambda event: seen(event.get(name), look)


def seen(found: Any, look: Look) -> bool:
    """Look at a value, or at each of several; an absent one matches nothing."""
    if found is None:
        return False
    if isinstance(found, list | tuple):
        return any(look(one) for one in found)
    return look(found)


def reference(name: str, value: SigmaFieldReference, words: Vocabulary) -> Test:
    """Return the test of one field against another of the same event."""
    other = value.field
    if other not in words:
        raise Misfit(name, "unknown field", other, words.nearest(other))
    head, tail = value.starts_with, value.ends_with

    def agree(left: str, right: str) -> bool:
        if head and tail:
            return right in left
        if head:
            return left.startswith(right)
        return left.endswith(right) if tail else left == right

    def test(event: Event) -> bool:
        return any(agree(left, right) for left in texts(event.get(name)) for right in texts(event.get(other)))

    return test


def texts(found: Any) -> Iterable[str]:
    """Return a field's values as lower-case text."""
    if found is None:
        return ()
    return [str(one).lower() for one in found] if isinstance(found, list | tuple) else (str(found).lower(),)


def reads(node: Any) -> frozenset[str]:
    """Return the fields a condition looks at."""
    if isinstance(node, ConditionFieldEqualsValueExpression):
        other = {node.value.field} if isinstance(node.value, SigmaFieldReference) else set()
        return frozenset({node.field, *other})
    return frozenset().union(*(reads(argument) for argument in getattr(node, "args", ())))


def only(node: Any, name: str) -> frozenset[str] | None:
    """Return the only values (lower case) of field `name` with which a condition can hold; None: any."""
    if isinstance(node, ConditionAND):
        found = [values for argument in node.args if (values := only(argument, name)) is not None]
        return frozenset.intersection(*found) if found else None
    if isinstance(node, ConditionOR):
        parts = [only(argument, name) for argument in node.args]
        return None if None in parts else frozenset().union(*(part for part in parts if part is not None))
    if not isinstance(node, ConditionFieldEqualsValueExpression) or node.field != name:
        return None
    value = plain(node)
    return frozenset({value}) if value is not None else None
