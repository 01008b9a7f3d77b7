"""The part of Kibana's query language that our panels use: parsed, and turned into Elasticsearch's.

The rule it lives by: what Kibana would ask is asked of a real server in our tests, so a query outside this part is
refused rather than guessed at. `field: value`, `field: (a or b)`, `field: *`, `field >= 1`, and, or, not, brackets.
"""

from __future__ import annotations

import re
from typing import Any, Final

TOKEN: Final = re.compile(r'\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<sign>[():]|[<>]=?)|(?P<word>[^\s():<>"]+))')
RANGES: Final = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}

Query = dict[str, Any]


class KqlError(ValueError):
    """A query that is not KQL, or not of the part we use."""


def tokens(text: str) -> list[str]:
    """Return the words and signs of a query; quoted texts keep their quotes."""
    found, place = [], 0
    while text[place:].strip():
        match = TOKEN.match(text, place)
        if match is None:
            raise KqlError(f"cannot be read from {text[place:].strip()!r} on, in {text!r}")
        found.append(match.group().strip())
        place = match.end()
    return found


class Parser:
    """One pass over a query, by recursive descent: or, and, not, comparison."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.place = 0
        self.fields: list[str] = []

    def whole(self) -> Query:
        """Return the whole text as a query; an empty text matches everything."""
        if not self.tokens:
            return {"match_all": {}}
        found = self.either()
        if self.place < len(self.tokens):
            raise KqlError(f"{self.tokens[self.place]!r} is not expected in {self.text!r}")
        return found

    def peek(self) -> str:
        """Return the next token, "" at the end."""
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def next(self) -> str:
        """Take the next token."""
        token = self.peek()
        if not token:
            raise KqlError(f"ends too early: {self.text!r}")
        self.place += 1
        return token

    def take(self, word: str) -> bool:
        """Take the next token if it is this one."""
        found = self.peek().lower() == word
        self.place += found
        return found

    def either(self) -> Query:
        """Read alternatives."""
        parts = [self.all()]
        while self.take("or"):
            parts.append(self.all())
        return parts[0] if len(parts) == 1 else {"bool": {"should": parts, "minimum_should_match": 1}}

    def all(self) -> Query:
        """Read what must hold together."""
        parts = [self.term()]
        while self.take("and"):
            parts.append(self.term())
        return parts[0] if len(parts) == 1 else {"bool": {"filter": parts}}

    def term(self) -> Query:
        """Read a negation, a bracket or a comparison."""
        if self.take("not"):
            return {"bool": {"must_not": [self.term()]}}
        if self.take("("):
            found = self.either()
            self.close()
            return found
        return self.comparison()

    def comparison(self) -> Query:
        """Read a field with its value or values."""
        field, sign = self.next(), self.next()
        self.fields.append(field)
        if sign in RANGES:
            return {"range": {field: {RANGES[sign]: plain(self.next())}}}
        if sign != ":":
            raise KqlError(f"{field!r} is followed by {sign!r}, not by a comparison, in {self.text!r}")
        if not self.take("("):
            return equals(field, self.next())
        parts = [equals(field, self.next())]
        while self.take("or"):
            parts.append(equals(field, self.next()))
        self.close()
        return {"bool": {"should": parts, "minimum_should_match": 1}}

    def close(self) -> None:
        """Take a closing bracket."""
        if not self.take(")"):
            raise KqlError(f"a bracket is not closed in {self.text!r}")


def plain(token: str) -> str:
    """Return a value without its quotes."""
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if token.startswith('"') else token


def equals(field: str, value: str) -> Query:
    """Return the query for one value; `*` asks whether there is any."""
    if value in "()<>:":
        raise KqlError(f"{field!r} has no value")
    if value == "*":
        return {"exists": {"field": field}}
    if "*" in value and not value.startswith('"'):
        return {"wildcard": {field: {"value": value}}}
    return {"match_phrase" if value.startswith('"') else "match": {field: plain(value)}}


def query(text: str) -> Query:
    """Return a KQL text as an Elasticsearch query."""
    return Parser(text).whole()


def fields(text: str) -> list[str]:
    """Return the fields a KQL text reads."""
    parser = Parser(text)
    parser.whole()
    return parser.fields
