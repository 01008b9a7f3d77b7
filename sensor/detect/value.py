"""One value of a Sigma rule as a function of what an event holds.

The rule it lives by: a value that its field could never hold is a fault when the rule is loaded, not a silence
afterwards. Strings are compared without regard to case, as Sigma wants it.
"""

import datetime as dt
import functools
import ipaddress
import re
from collections.abc import Callable
from typing import Any, Final

from sigma.types import (
    CompareOperators,
    Placeholder,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SigmaType,
    SpecialChars,
    TimestampPart,
)

from sensor.vocabulary import Field, Vocabulary, nearest

Look = Callable[[Any], bool]

NUMBERS: Final = ("long", "double")
STRINGS: Final = ("keyword", "text", "ip")


class Misfit(Exception):  # noqa: N818  # caught where the line is known, and told as a RuleFault
    """A value that can never match its field."""

    def __init__(self, field: str, what: str, found: str, expected: str) -> None:
        super().__init__(field, what, found, expected)
        self.field = field
        self.what = what
        self.found = found
        self.expected = expected


def looking(field: Field, value: SigmaType, words: Vocabulary) -> Look:
    """Return what one value of a field must satisfy."""
    if isinstance(value, SigmaTimestampPart):
        return calendar(field, value)
    if isinstance(value, SigmaCompareExpression):
        return comparison(field, value)
    if isinstance(value, SigmaCIDRExpression):
        return network(field, value)
    if isinstance(value, SigmaRegularExpression):
        return expression(field, value)
    if isinstance(value, SigmaBool):
        want(field, ("boolean",), str(value).lower())
        wanted = bool(value)
        return lambda found: found is wanted
    if isinstance(value, SigmaNumber):
        return number(field, value, words)
    if isinstance(value, SigmaString):
        return string(field, value, words)
    raise Misfit(field.name, "a value this sensor cannot test", str(value), "a text, a number, true or false")


def want(field: Field, types: tuple[str, ...], found: str) -> None:
    """Refuse a value that does not go with the field's type."""
    if field.type not in types:
        nouns = {"boolean": "true or false", "long": "a number", "double": "a number", "date": "a part of a date"}
        raise Misfit(field.name, f"wrong kind of value for {field.name}", found, nouns.get(field.type, "a text"))


def number(field: Field, value: SigmaNumber, words: Vocabulary) -> Look:
    """Return the test of a number; in a text field it is compared as text: unit 3."""
    wanted = value.number
    if field.type in NUMBERS:
        return lambda found: bool(found == wanted)
    want(field, ("keyword", "text"), str(wanted))
    return string(field, SigmaString(str(wanted)), words)


def string(field: Field, value: SigmaString, words: Vocabulary) -> Look:
    """Return the test of a text, with its wildcards."""
    want(field, STRINGS, str(value))
    if any(isinstance(part, Placeholder) for part in value.s):
        raise Misfit(field.name, "a placeholder nobody fills", str(value), "the text itself")
    cased = isinstance(value, SigmaCasedString)
    if value.contains_special():
        pattern = re.compile(wildcards(value), re.DOTALL if cased else re.DOTALL | re.IGNORECASE)
        closed(field, words, str(value), lambda one: pattern.fullmatch(one) is not None)
        return lambda found: pattern.fullmatch(str(found)) is not None
    plain = "".join(str(part) for part in value.s)
    if field.type == "ip":
        plain = address(field, plain)
    if cased:
        closed(field, words, plain, lambda one: one == plain)
        return lambda found: str(found) == plain
    lower = plain.lower()
    closed(field, words, plain, lambda one: one.lower() == lower)
    return lambda found: str(found).lower() == lower


def wildcards(value: SigmaString) -> str:
    """Return a Sigma text as a regular expression."""
    signs = {SpecialChars.WILDCARD_MULTI: ".*", SpecialChars.WILDCARD_SINGLE: "."}
    return "".join(signs[part] if isinstance(part, SpecialChars) else re.escape(str(part)) for part in value.s)


def closed(field: Field, words: Vocabulary, found: str, fits: Callable[[str], bool]) -> None:
    """Refuse a value the field never takes."""
    values = words.values(field)
    if values and not any(fits(one) for one in values):
        near = nearest(found.strip("*"), values)
        raise Misfit(field.name, f"{field.name} is never", found, near or ", ".join(values[:20]))


def address(field: Field, text: str) -> str:
    """Return an address as events write it."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise Misfit(field.name, f"wrong kind of value for {field.name}", text, "an IP address") from None


def expression(field: Field, value: SigmaRegularExpression) -> Look:
    """Return the test of a regular expression; Sigma leaves its case as it is."""
    want(field, STRINGS, str(value.regexp))
    flags = re.NOFLAG
    for flag in value.flags:
        flags |= SigmaRegularExpression.sigma_to_python_flags[flag]
    pattern = re.compile(str(value.regexp), flags)
    return lambda found: pattern.search(str(found)) is not None


def network(field: Field, value: SigmaCIDRExpression) -> Look:
    """Return the test of an address against a network."""
    want(field, ("ip",), str(value))
    inside = value.network

    def look(found: Any) -> bool:
        address = parsed(found)
        return address is not None and address in inside

    return look


@functools.lru_cache(65_536)  # as many endpoints as are kept
def parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an address, None for what is none."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def comparison(field: Field, value: SigmaCompareExpression) -> Look:
    """Return the test of less or greater."""
    want(field, NUMBERS, str(value.number))
    bound = value.number.number
    tests: dict[CompareOperators, Look] = {
        CompareOperators.LT: lambda found: bool(found < bound),
        CompareOperators.LTE: lambda found: bool(found <= bound),
        CompareOperators.GT: lambda found: bool(found > bound),
        CompareOperators.GTE: lambda found: bool(found >= bound),
        CompareOperators.NEQ: lambda found: bool(found != bound),
    }
    return tests[value.op]


def calendar(field: Field, value: SigmaTimestampPart) -> Look:
    """Return the test of a part of a time, in UTC: the hour, the weekday's week ..."""
    want(field, ("date",), str(value.number))
    wanted = value.number
    parts: dict[TimestampPart, Callable[[dt.datetime], int]] = {
        TimestampPart.MINUTE: lambda when: when.minute,
        TimestampPart.HOUR: lambda when: when.hour,
        TimestampPart.DAY: lambda when: when.day,
        TimestampPart.WEEK: lambda when: when.isocalendar().week,
        TimestampPart.MONTH: lambda when: when.month,
        TimestampPart.YEAR: lambda when: when.year,
    }
    part = parts[value.timestamp_part]

    def look(found: Any) -> bool:
        return part(dt.datetime.fromtimestamp(found / 1e9, dt.UTC)) == wanted

    return look
