"""The whole package as files, in the built form that is uploaded: format 3.5.4 of Elastic's package specification.

The rule it lives by: the same source gives the same bytes, down to the archive.
"""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any, Final

import orjson
import yaml

from sensor import ecs
from sensor.ship.elastic.templates import STREAM, fields_of
from sensor.ship.integration.fields import agent, base, definitions
from sensor.ship.integration.streams import FOLDER, PIPELINE, STREAMS, Stream, input_template, manifest
from sensor.ship.kibana.dashboard import packed, tag
from sensor.vocabulary import vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sensor.ship.kibana.description import Dashboard

NAME: Final = "otsensor"
FORMAT: Final = "3.5.4"
KIBANA: Final = "^8.19.0 || ^9.0.0"  # what the dashboards' form and data-stream lifecycles ask for
HOME: Final = "https://otsensor.example"  # the form asks for an address; none is public yet
OWNER: Final = "otsensor/maintainers"
EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # of every file in the archive: the earliest a zip can say
LOGO: Final = """<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32" viewBox="0 0 32 32">
<rect width="32" height="32" rx="6" fill="#3E7D5A"/>
<path d="M4 17h6l3-9 5 16 3-7h7" fill="none" stroke="#fff" stroke-width="2.5" stroke-linejoin="round"/>
</svg>
"""
PURPOSE: Final = "Take in what the passive OT sensor otsensor finds: alerts, assets, behaviours, flows and its health."

Files = dict[str, bytes]


def files(
    version: str, dashboards: Iterable[Dashboard], samples: Mapping[str, Mapping[str, Any]], licence: str
) -> Files:
    """Return every file by its path in the package; `samples`: one document of each stream."""
    found: Files = {
        "manifest.yml": as_yaml(package_manifest(version)),
        "changelog.yml": as_yaml(changelog(version)),
        "docs/README.md": readme().encode(),
        f"img/{NAME}.svg": LOGO.encode(),
        "LICENSE.txt": licence.encode(),
        f"kibana/tag/{tag()['id']}.json": as_json(tag()),
    }
    for stream in STREAMS:
        inside = stream_files(stream) | {"sample_event.json": as_json(samples[stream.name])}
        found |= {f"data_stream/{stream.name}/{name}": content for name, content in inside.items()}
    for dashboard in dashboards:
        found[f"kibana/dashboard/{dashboard.id}.json"] = as_json(packed(dashboard, vocabulary()))
    return found


def stream_files(stream: Stream) -> Files:
    """Return the files of one data stream."""
    fields = [vocabulary()[name] for name in fields_of(stream.name)]
    return {
        "manifest.yml": as_yaml(manifest(stream)),
        "lifecycle.yml": as_yaml({"data_retention": f"{STREAM[stream.name].retention_days}d"}),
        "agent/stream/filestream.yml.hbs": input_template(stream).encode(),
        "elasticsearch/ingest_pipeline/default.yml": PIPELINE.encode(),
        "fields/base-fields.yml": as_yaml(base(stream.dataset, stream.type)),
        "fields/ecs.yml": as_yaml(definitions(fields, of_ecs=True)),
        "fields/agent.yml": as_yaml(agent()),
        "fields/fields.yml": as_yaml(definitions(fields, of_ecs=False)),
    }


def package_manifest(version: str) -> dict[str, Any]:
    """Return manifest.yml."""
    return {
        "format_version": FORMAT,
        "name": NAME,
        "title": "OT sensor",
        "version": version,
        "description": PURPOSE,
        "type": "integration",
        "source": {"license": "Apache-2.0"},
        "categories": ["security", "network_security", "ids_ips", "asset_inventory"],
        "conditions": {"kibana": {"version": KIBANA}, "elastic": {"subscription": "basic"}},
        "icons": [{"src": f"/img/{NAME}.svg", "title": "OT sensor", "size": "32x32", "type": "image/svg+xml"}],
        "policy_templates": [
            {
                "name": NAME,
                "title": "OT sensor",
                "description": PURPOSE,
                "inputs": [
                    {
                        "type": "filestream",
                        "title": "JSON lines of otsensor",
                        "description": "Tail the files that a `lines` destination of otsensor writes.",
                    }
                ],
            }
        ],
        "owner": {"github": OWNER, "type": "community"},
    }


def changelog(version: str) -> list[dict[str, Any]]:
    """Return changelog.yml."""
    change = {
        "description": "Alerts, assets, behaviours, flows and health, with seven dashboards.",
        "type": "enhancement",
        "link": f"{HOME}/changelog",
    }
    return [{"version": version, "changes": [change]}]


def readme() -> str:
    """Return docs/README.md, which Kibana shows beside the settings."""
    rows = [f"| `{one.type}-{one.dataset}` | {one.says} | {STREAM[one.name].retention_days} days |" for one in STREAMS]
    return f"""# OT sensor

{PURPOSE} The sensor listens on a span port of an industrial network and never sends a frame there.

## How documents come here

Give the sensor a destination of type `lines` that writes below `{FOLDER}`, one file for each kind of document
(`alert.jsonl`, `asset.jsonl` …) or one for all, and name the files in this integration's settings. Lines keep their
ids, so that a line read twice is one document within a backing index. A sensor that ships to Elasticsearch itself
needs no agent and no package: `otsensor setup elasticsearch` makes its templates, and the dashboards come with it.

## Data streams

| data stream | what it holds | kept for |
|---|---|---|
{chr(10).join(rows)}

An alert that grows is told again: each revision is a document of its own. The dashboards of this package count distinct
alerts, not documents. They read history, so an alert that was closed within the time shown is still counted as open;
the dashboards that come with the sensor read the newest state instead.

## ECS

Documents follow ECS {ecs.VERSION}; what ECS has no field for is under `ot.*` and under the protocol's own name.
"""


def as_yaml(value: Any) -> bytes:
    """Return a value as YAML."""
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)
    return text.encode()


def as_json(value: Any) -> bytes:
    """Return a value as JSON."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2) + b"\n"


def archive(version: str, found: Files) -> bytes:
    """Return the package as the zip that is uploaded: one folder, named after package and version."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed_files:
        for name in sorted(found):
            entry = zipfile.ZipInfo(f"{NAME}-{version}/{name}", EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            packed_files.writestr(entry, found[name])
    return out.getvalue()
