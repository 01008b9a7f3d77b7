"""Field definitions of the package's data streams, made from the vocabulary.

The rule it lives by: types are written out. `external: ecs` is resolved only by Elastic's own build tool, and a package
that still has it is refused when it is uploaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sensor.ship.schema import schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sensor.vocabulary import Field

UNITS: Final = {"bytes": "byte", "ns": "nanos", "ms": "ms", "s": "s"}  # the spec's own words for units
BASE: Final = frozenset(
    ("@timestamp", "event.dataset", "event.module", "data_stream.type", "data_stream.dataset", "data_stream.namespace")
)  # in base-fields.yml

Definition = dict[str, Any]

# What an Elastic Agent adds by itself.
AGENT: Final = (
    ("agent.ephemeral_id", "keyword", "Id of the agent's process"),
    ("agent.id", "keyword", "Id of the agent"),
    ("agent.name", "keyword", "Name of the agent"),
    ("agent.type", "keyword", "Type of the agent"),
    ("agent.version", "keyword", "Version of the agent"),
    ("elastic_agent.id", "keyword", "Id of the Elastic Agent"),
    ("elastic_agent.snapshot", "boolean", "Whether the Elastic Agent is a snapshot"),
    ("elastic_agent.version", "keyword", "Version of the Elastic Agent"),
    ("error.message", "match_only_text", "What could not be read of a line"),
    ("event.agent_id_status", "keyword", "Whether the agent's id was verified"),
    ("input.type", "keyword", "Type of the input: filestream"),
    ("log.file.device_id", "keyword", "Device the file lies on"),
    ("log.file.inode", "keyword", "Inode of the file"),
    ("log.file.path", "keyword", "File the line was read from"),
    ("log.offset", "long", "Place of the line in the file"),
)


def base(dataset: str, kind: str) -> list[Definition]:
    """Return base-fields.yml: what places a document in its data stream."""
    return [
        constant("data_stream.type", "Data stream type", kind),
        constant("data_stream.dataset", "Data stream dataset", dataset),
        constant("data_stream.namespace", "Data stream namespace"),
        constant("event.module", "Who made it", "otsensor"),
        constant("event.dataset", "What kind of document this is", dataset),
        {"name": "@timestamp", "type": "date", "description": "Capture time"},
    ]


def constant(name: str, meaning: str, value: str = "") -> Definition:
    """Return a field that has one value in all documents."""
    found = {"name": name, "type": "constant_keyword", "description": meaning}
    return found | ({"value": value} if value else {})


def agent() -> list[Definition]:
    """Return agent.yml."""
    return [{"name": name, "type": kind, "description": meaning} for name, kind, meaning in AGENT]


def definitions(fields: Iterable[Field], *, of_ecs: bool) -> list[Definition]:
    """Return ecs.yml, or fields.yml for what is our own."""
    ours = [one for one in fields if (one.name in schema().fields) == of_ecs and one.name not in BASE]
    return [definition(one) for one in sorted(ours, key=lambda one: one.name)]


def definition(field: Field) -> Definition:
    """Return one field, with ECS's own type where it is ECS's: a server that takes packages has all types."""
    kind = schema().fields.get(field.name, field.type).removesuffix("[]")
    found = {"name": field.name, "type": kind, "description": field.meaning}
    unit = UNITS.get(field.unit) if field.type in ("long", "double") else None
    return found | ({"unit": unit} if unit else {})
