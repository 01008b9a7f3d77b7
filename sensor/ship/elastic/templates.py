"""What Elasticsearch must know beforehand: component and index templates, lifecycles, roles, made from the vocabulary.

The rule it lives by: only types that every server has, only fields that are declared, and a digest in each template, so
that an old one is recognised by whoever may only read mappings.
"""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from sensor import build, ecs
from sensor.ship.documents import STREAMS, data_stream, kind_of, state_index
from sensor.ship.schema import type_of
from sensor.vocabulary import vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Body = dict[str, Any]

PRIORITY: Final = 275  # above Elastic's own (100) and Fleet's (200, 250), below the 500 it leaves to people
MAX_FIELDS: Final = 2048  # of one stream, objects counted in
IGNORE_ABOVE: Final = 1024  # characters; ECS's own: longer words are kept, and not searched for

# Which words belong together; a field is in the first component whose beginning is its own.
COMPONENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "alert": ("rule.", "threat.", "ot.alert.", "ot.evidence.", "ot.oddity."),
    "asset": ("host.", "device.", "ot.asset."),
    "behaviour": ("ot.behaviour.",),
    "flow": ("ot.flow.",),
    "health": ("ot.health.",),
    "event": ("@timestamp", "message", "tags", "ecs.", "data_stream.", "event.", "observer.", "related.", "ot.feed."),
    "network": ("source.", "destination.", "network.", "ot."),
    "protocols": ("",),
}


class Stream(NamedTuple):
    """What one stream holds, for how long, and how much of it a day is expected."""

    components: tuple[str, ...]
    retention_days: int
    budget_mb: int  # a day, of one sensor, as documents


STREAM: Final[Mapping[str, Stream]] = {
    "alert": Stream(("event", "network", "alert", "asset", "behaviour", "protocols"), 365, 20),
    "asset": Stream(("event", "network", "asset"), 365, 20),
    "behaviour": Stream(("event", "network", "behaviour"), 90, 100),
    "flow": Stream(("event", "network", "flow", "alert"), 30, 200),
    "health": Stream(("event", "health"), 30, 5),
    "message": Stream(("event", "network", "alert", "behaviour", "protocols"), 7, 200),
}
STATES: Final[Mapping[str, str]] = {"alerts": "alert", "assets": "asset"}


# --- Fields -------------------------------------------------------------------------------------------


def component_of(name: str) -> str:
    """Return the component a field is declared in."""
    return next(one for one, beginnings in COMPONENTS.items() if name.startswith(beginnings))


def mapping(names: Iterable[str]) -> Body:
    """Return the properties of some fields."""
    properties: Body = {}
    for name in names:
        *path, last = name.split(".")
        place = properties
        for part in path:
            place = place.setdefault(part, {"properties": {}})["properties"]
        place[last] = typed(name)
    return properties


def typed(name: str) -> Body:
    """Return the mapping of one field."""
    kind = type_of(name)
    if name == "@timestamp":
        return {"type": kind, "ignore_malformed": False}  # a data stream takes no document without its time
    return {"type": kind, "ignore_above": IGNORE_ABOVE} if kind == "keyword" else {"type": kind}


def fields_of(stream: str) -> list[str]:
    """Return the names of the fields that can be searched for in a stream."""
    wanted = STREAM[stream].components
    return [field.name for field in vocabulary() if component_of(field.name) in wanted]


# --- Templates ----------------------------------------------------------------------------------------


def release() -> int:
    """Return this release as a number, 0 for a source tree: 1.2.3 is 10203."""
    parts = [int(part) for part in build.version().split("+", maxsplit=1)[0].split(".")[:3] if part.isdigit()]
    major, minor, patch = (*parts, 0, 0, 0)[:3]
    return major * 10_000 + minor * 100 + patch


def marked(body: Body) -> Body:
    """Return a template with the release that made it and the digest of what it says."""
    digest = hashlib.blake2b(orjson.dumps(body, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()
    about = {"managed_by": "otsensor", "release": build.version(), "digest": digest, "ecs": ecs.VERSION}
    return {**body, "version": release(), "_meta": about}


@functools.cache
def component_templates() -> dict[str, Body]:
    """Return component template by name."""
    names: dict[str, list[str]] = {component: [] for component in COMPONENTS}
    for field in vocabulary():
        names[component_of(field.name)].append(field.name)
    bodies = {
        f"otsensor-{one}": {"template": {"mappings": {"properties": mapping(found)}}} for one, found in names.items()
    }
    return {name: marked(body) for name, body in bodies.items()}


def index_templates(*, ilm: bool = False) -> dict[str, Body]:
    """Return index template by name; `ilm`: policies decide on the lifecycle instead of the data stream itself."""
    # Not the name of the stream: Fleet gives that name to its own template when the package is uploaded.
    streams = {f"otsensor-{kind_of(name)}-{name}": stream_template(name, ilm=ilm) for name in STREAM}
    return {**streams, **{f"otsensor-{kind}": state_template(kind) for kind in STATES}}


def stream_template(name: str, *, ilm: bool) -> Body:
    """Return the template of a history."""
    stream = STREAM[name]
    inner = inside()
    if ilm:
        inner["settings"]["index.lifecycle.name"] = policy_name(name)
    else:
        inner["lifecycle"] = {"data_retention": f"{stream.retention_days}d"}
    return {**template([data_stream(name, "*")], name, inner), "data_stream": {}}


def state_template(kind: str) -> Body:
    """Return the template of an index that holds the newest of each alert or asset, until somebody removes it."""
    return template([state_index(kind, "*")], STATES[kind], inside())


def template(patterns: list[str], name: str, inner: Body) -> Body:
    """Return an index template, open to what people add in a component template of their own."""
    custom = f"otsensor-{name}@custom"
    body = marked(
        {
            "index_patterns": patterns,
            "priority": PRIORITY,
            "composed_of": [*(f"otsensor-{one}" for one in STREAM[name].components), custom],
            "ignore_missing_component_templates": [custom],
            "template": inner,
        }
    )
    inner["mappings"]["_meta"] = about_mapping(name)
    return body


def inside() -> Body:
    """Return settings and mappings of a stream that are not its components'."""
    return {
        "settings": {
            "index.mode": "standard",  # logsdb gives documents back otherwise than they were written
            "index.codec": "best_compression",
            "index.mapping.total_fields.limit": MAX_FIELDS,
            "index.mapping.ignore_malformed": True,  # an odd value costs its field, not the alert
        },
        "mappings": {
            "dynamic": False,  # what nobody declared is kept and not searched for; `strict` refuses what agents add
            "date_detection": False,
        },
    }


def about_mapping(name: str) -> Body:
    """Return what each index says about its mapping: whoever ships may read mappings, and no templates."""
    return {"otsensor": build.version(), "digest": digest_of(name), "ecs": ecs.VERSION}


def digest_of(name: str) -> str:
    """Return what tells whether a stream's mapping is the one we would make (hex, 16 digits)."""
    said = orjson.dumps(mapping(fields_of(name)), option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(said, digest_size=8).hexdigest()


# --- Lifecycle by policy, where asked for -------------------------------------------------------------


def policy_name(stream: str) -> str:
    """Name the policy of a stream."""
    return f"otsensor-{stream}"


def policies() -> dict[str, Body]:
    """Return ILM policy by name: a new index each month or 50 GB, removed at its age."""
    return {policy_name(name): policy(stream.retention_days) for name, stream in STREAM.items()}


def policy(days: int) -> Body:
    """Return a policy that keeps documents for so many days."""
    phases = {
        "hot": {"actions": {"rollover": {"max_age": "30d", "max_primary_shard_size": "50gb"}}},
        "delete": {"min_age": f"{days}d", "actions": {"delete": {}}},
    }
    return {"policy": {"_meta": {"managed_by": "otsensor", "release": build.version()}, "phases": phases}}


# --- Who may do what ----------------------------------------------------------------------------------


def streams(namespace: str) -> list[str]:
    """Return the data streams of a namespace, the ones that are shipped into."""
    return [data_stream(name, namespace) for name in STREAMS]


def states(namespace: str) -> list[str]:
    """Return the indices of a namespace that hold the newest."""
    return [state_index(kind, namespace) for kind in STATES]


def shipper_role(namespace: str = "*") -> Body:
    """Return the rights a sensor needs, and no more: to write, and to look up what it is unsure to have written."""
    look_up = ["read", "maintenance", "view_index_metadata"]  # maintenance: to refresh before looking
    history = {"names": streams(namespace), "privileges": ["auto_configure", "create_doc", *look_up]}
    state = {"names": states(namespace), "privileges": ["auto_configure", "index", *look_up]}
    return {"cluster": ["monitor"], "indices": [history, state]}


def api_key(namespace: str = "*") -> Body:
    """Return the request that makes an API key with these rights."""
    name = "otsensor" if namespace == "*" else f"otsensor-{namespace}"
    about = {"managed_by": "otsensor", "release": build.version()}
    return {"name": name, "role_descriptors": {"otsensor_shipper": shipper_role(namespace)}, "metadata": about}
