"""The data streams of the package, and the input by which an Elastic Agent fills them.

The rule it lives by: the agent adds nothing that could be taken for the sensor's words: its own host stays out of
`host.*`, which belongs to assets, and a line read twice keeps its id.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from sensor.ship.documents import kind_of

FOLDER: Final = "/var/lib/otsensor/lines"


@dataclasses.dataclass(frozen=True, slots=True)
class Stream:
    """One data stream."""

    name: str  # "alert"
    title: str
    says: str
    kind: str  # event.kind of its documents
    mark: str  # a field all of them have
    other: str = ""  # one that none of them has, where others of this kind have the mark too

    @property
    def dataset(self) -> str:
        """Return the dataset."""
        return f"otsensor.{self.name}"

    @property
    def type(self) -> str:
        """Return "logs" or "metrics"."""
        return kind_of(self.name)


STREAMS: Final = (
    Stream("alert", "Alerts", "Each revision of each alert", "alert", "ot.alert.id"),
    Stream("asset", "Assets", "Machines, what they are and what they say of themselves", "asset", "ot.asset.id"),
    Stream("behaviour", "Behaviours", "Who does what to whom, how often and with which answer", "event",
           "ot.behaviour.id", "ot.evidence.time"),
    Stream("flow", "Flows", "Conversations that have ended", "event", "source.packets"),
    Stream("message", "Messages", "Each new behaviour and each significant exchange, where they are asked for",
           "event", "ot.evidence.time"),
    Stream("health", "Health", "What the sensor has counted of its own work", "metric", "event.created"),
)  # fmt: skip


def manifest(stream: Stream) -> dict[str, Any]:
    """Return a data stream's manifest.yml."""
    return {
        "title": f"OT sensor {stream.title.lower()}",
        "type": stream.type,
        "dataset": stream.dataset,
        "elasticsearch": {"index_template": {"mappings": {"dynamic": False}}},
        "streams": [
            {
                "input": "filestream",
                "title": stream.title,
                "description": f"{stream.says}.",
                "template_path": "filestream.yml.hbs",
                "enabled": True,
                "vars": variables(stream),
            }
        ],
    }


def variables(stream: Stream) -> list[dict[str, Any]]:
    """Return what a user may set."""
    return [
        {
            "name": "paths",
            "type": "text",
            "title": "Files",
            "description": "JSON lines written by a `lines` destination of otsensor.",
            "multi": True,
            "required": True,
            "show_user": True,
            "default": [f"{FOLDER}/{stream.name}*.jsonl"],
        },
        {
            "name": "tags",
            "type": "text",
            "title": "Tags",
            "multi": True,
            "required": True,
            "show_user": False,
            "default": ["otsensor", "forwarded"],
        },
        {
            "name": "processors",
            "type": "yaml",
            "title": "Processors",
            "description": "What the agent does to a document before it is sent.",
            "multi": False,
            "required": False,
            "show_user": False,
        },
    ]


def input_template(stream: Stream) -> str:
    """Return agent/stream/filestream.yml.hbs."""
    return f"""paths:
{{{{#each paths as |path|}}}}
  - {{{{path}}}}
{{{{/each}}}}
# Files begin with different lines but may be short: below 1,024 bytes a fingerprint would leave them unread.
prospector.scanner.fingerprint.enabled: false
file_identity.native: ~
prospector.scanner.exclude_files: ['\\.(gz|zst)$']
parsers:
  - ndjson:
      target: ""
      overwrite_keys: true
      add_error_key: true
      document_id: event.id
tags:
{{{{#each tags as |tag|}}}}
  - {{{{tag}}}}
{{{{/each}}}}
# host.* is the asset's, not the agent's.
publisher_pipeline.disable_host: true
processors:
  # One file may hold every kind of document; event.dataset is set by the agent, so it cannot tell them apart.
  - drop_event:
      when:
        not:
          and:
            - equals:
                event.kind: {stream.kind}
            - has_fields: ['{stream.mark}']
{excluding(stream)}{{{{#if processors}}}}
{{{{processors}}}}
{{{{/if}}}}
"""


def excluding(stream: Stream) -> str:
    """Return the condition that leaves out what another stream takes."""
    return f"            - not:\n                has_fields: ['{stream.other}']\n" if stream.other else ""


# `document_id` takes the id out of the document; the pipeline puts it back.
PIPELINE: Final = """---
description: Documents of otsensor are complete; only what the way took from them is put back.
processors:
  - set:
      tag: set_event_id
      field: event.id
      value: '{{{_id}}}'
      override: false
      ignore_empty_value: true
on_failure:
  - set:
      tag: set_pipeline_error
      field: event.kind
      value: pipeline_error
  - append:
      tag: append_error
      field: error.message
      value: '{{{_ingest.on_failure_processor_tag}}}: {{{_ingest.on_failure_message}}}'
"""
