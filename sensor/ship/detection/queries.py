"""Sigma rules in Elastic's languages, by pySigma's Elasticsearch backend 2.1, which only whoever makes the rules needs.

The rule it lives by: a rule's log source is part of its question. The backend leaves it out, so the protocol is added
here, and the documents it looks at are named.
"""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Final

from sigma.backends.elasticsearch.elasticsearch_esql import ESQLBackend
from sigma.backends.elasticsearch.elasticsearch_lucene import LuceneBackend
from sigma.processing.conditions import LogsourceCondition
from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
from sigma.processing.transformations import AddConditionTransformation, SetStateTransformation
from sigma.rule import SigmaRule

from sensor.ship.detection.suits import ESQL, Suit

if TYPE_CHECKING:
    from sigma.collection import SigmaCollection

LANGUAGES: Final = {"lucene": LuceneBackend, "esql": ESQLBackend}
SPAN: Final = re.compile(r"date_trunc\((\d+)([a-z]+), ")


def index_of(stream: str) -> str:
    """Return the pattern of a stream's history."""
    return f"logs-otsensor.{stream}-*"


def query(suit: Suit) -> str:
    """Return a rule as a query; raise ValueError when it is not exactly one."""
    backend = LANGUAGES[suit.how](processing_pipeline=pipeline(suit.collection, index_of(suit.stream)))
    found = backend.convert(copy.deepcopy(suit.collection))  # conversion writes into the rules
    if len(found) != 1:
        raise ValueError(f"{suit.rule.path}: {len(found)} queries; expected one")
    text = str(found[0])
    return spaced(text) if suit.how == ESQL else text


def pipeline(collection: SigmaCollection, index: str) -> ProcessingPipeline:
    """Return what is done to rules before they are converted: where they look, and in which protocol."""
    services = {one.logsource.service for one in collection.rules if isinstance(one, SigmaRule)}
    items = [
        ProcessingItem(
            AddConditionTransformation({"network.protocol": service}),
            rule_conditions=[LogsourceCondition(service=service)],
        )
        for service in sorted(filter(None, services))
    ]
    return ProcessingPipeline(items=[ProcessingItem(SetStateTransformation("index", index)), *items])


def spaced(text: str) -> str:
    """Return an ES|QL query whose time spans are written as its manual has them, one step a line."""
    return SPAN.sub(r"date_trunc(\1 \2, ", text).replace(" | ", "\n| ")
