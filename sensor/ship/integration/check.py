"""What Elastic's own package checker overlooks, found in a built package.

The rule it lives by: it reads the files as they will be uploaded, and knows nothing of how they were made. Overlooked
by package-spec 3.5.4: a hyphen in a dataset, names ECS does not have, a missing type, `external: ecs` left over, panel
fields that do not exist, a grid too wide, lost references.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson
import yaml

from sensor.ship.kibana import check as dashboards
from sensor.ship.schema import flattened, schema
from sensor.vocabulary import vocabulary

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

DATASET: Final = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+")  # a hyphen would end it: type-dataset-namespace
ADDED: Final = ("agent.", "elastic_agent.", "error.", "input.", "log.", "event.agent_id_status")  # by an Elastic Agent
NEEDED: Final = {
    "document_id: event.id": "a line read twice becomes two documents",
    "prospector.scanner.fingerprint.enabled: false": "files below 1,024 bytes stay unread",
    "publisher_pipeline.disable_host: true": "the agent's host is taken for the asset's",
}


def check(package: pathlib.Path) -> list[str]:
    """Return everything that is wrong with a built package, each with its file."""
    return [
        *versions(package),
        *(fault for folder in sorted((package / "data_stream").iterdir()) for fault in stream(folder)),
        *kibana(package),
    ]


def read(path: pathlib.Path) -> Any:
    """Return what a YAML file holds."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def versions(package: pathlib.Path) -> Iterator[str]:
    """Look at what the package says of itself."""
    manifest, changes = read(package / "manifest.yml"), read(package / "changelog.yml")
    if changes[0]["version"] != manifest["version"]:
        yield f"changelog.yml: begins with {changes[0]['version']}, the package is {manifest['version']}"
    if list(package.rglob("_dev")):
        yield "_dev: a folder of source packages, which the built form has not"
    yield from (
        f"{icon['src']}: no such file" for icon in manifest["icons"] if not (package / icon["src"][1:]).is_file()
    )


def stream(folder: pathlib.Path) -> Iterator[str]:
    """Look at one data stream."""
    manifest = read(folder / "manifest.yml")
    where = f"data_stream/{folder.name}"
    if not DATASET.fullmatch(manifest["dataset"]):
        yield f"{where}: dataset {manifest['dataset']!r}; expected a-z, 0-9 and _ around one dot"
    if manifest["dataset"].rpartition(".")[2] != folder.name:
        yield f"{where}: dataset {manifest['dataset']!r} in a folder of another name"
    for one in manifest["streams"]:
        template = folder / "agent" / "stream" / one["template_path"]
        text = template.read_text(encoding="utf-8") if template.is_file() else ""
        yield from (f"{where}: {need!r} is missing: {why}" for need, why in NEEDED.items() if need not in text)
    declared: dict[str, str] = {}
    for path in sorted((folder / "fields").iterdir()):
        for one in read(path):
            yield from (f"{where}/fields/{path.name}: {fault}" for fault in field(one, declared))
            declared[one["name"]] = one.get("type", "")
    sample = orjson.loads((folder / "sample_event.json").read_bytes())
    unknown = sorted({name for name, _ in flattened(sample)} - declared.keys())
    yield from (f"{where}/sample_event.json: {name} is declared nowhere" for name in unknown)
    if declared.get("event.dataset") and sample["event"]["dataset"] != manifest["dataset"]:
        yield f"{where}/sample_event.json: a document of {sample['event']['dataset']}"


def field(one: dict[str, Any], declared: dict[str, str]) -> Iterator[str]:
    """Look at one field definition."""
    name = one["name"]
    if "external" in one:
        yield f"{name} is external: resolved only by Elastic's own build tool"
    if not one.get("type"):
        yield f"{name} has no type"
    if name in declared:
        yield f"{name} is declared twice"
    known = schema().fields.get(name, "").removesuffix("[]")
    if known and one.get("type") not in (known, "constant_keyword"):
        yield f"{name} is {one.get('type')}, in ECS {known}"
    if not known and name not in vocabulary() and not name.startswith(ADDED):
        is_of_ecs = name.partition(".")[0] in schema().sets()
        yield f"{name} is not in {'ECS ' + schema().version if is_of_ecs else 'our vocabulary'}"


def kibana(package: pathlib.Path) -> Iterator[str]:
    """Look at dashboards and tags, as Kibana will read them."""
    found = []
    for path in sorted((package / "kibana").rglob("*.json")):
        one = orjson.loads(path.read_bytes())
        if one["id"] != path.stem:
            yield f"kibana/{path.name}: holds {one['id']}; expected the id of its name"
        found.append(one)
    yield from (f"kibana: {fault}" for fault in dashboards.check(found, vocabulary()))
