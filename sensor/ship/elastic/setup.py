"""Setting a cluster up: what is to be there, what is there, and the difference.

The rule it lives by: it may be repeated at any time. What is as it should be is left alone, and so is what a newer
otsensor or somebody else has made; what a server lacks is said, and the rest is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from sensor.ship.elastic import templates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sensor.ship.elastic.cluster import Answer, Cluster

# What became of a step.
MADE: Final = "made"
CHANGED: Final = "changed"
SAME: Final = "is as it should be"
LEFT: Final = "left alone"
LACKING: Final = "not on this server"
FAILED: Final = "FAILED"
WOULD: Final = {MADE: "would be made", CHANGED: "would be changed"}


class Step(NamedTuple):
    """One thing that is to be there."""

    what: str
    path: str
    body: dict[str, Any] | None
    take: Callable[[Cluster, Step, bool], Outcome]

    @property
    def name(self) -> str:
        """Return its name."""
        return self.path.rsplit("/", 1)[-1]


class Outcome(NamedTuple):
    """What became of it."""

    step: Step
    result: str
    why: str = ""


def steps(namespace: str = "default", *, ilm: bool = False) -> list[Step]:
    """Return everything that is to be there, in the order in which it must be made."""
    found = []
    if ilm:
        found += [
            Step("lifecycle policy", f"_ilm/policy/{name}", body, policy) for name, body in templates.policies().items()
        ]
    for name, body in templates.component_templates().items():
        found.append(Step("component template", f"_component_template/{name}", body, template))
    for name, body in templates.index_templates(ilm=ilm).items():
        found.append(Step("index template", f"_index_template/{name}", body, template))
    found += [Step("data stream", f"_data_stream/{name}", None, stream) for name in templates.streams(namespace)]
    found += [Step("index", name, None, state) for name in templates.states(namespace)]
    return found


def run(cluster: Cluster, namespace: str = "default", *, ilm: bool = False, dry: bool = False) -> Iterator[Outcome]:
    """Do, or with `dry` only tell, what is to be done. Raises Unreachable."""
    if ilm and cluster.ask("GET", "_ilm/policy").lacking:
        yield Outcome(
            Step("feature", "ILM", None, policy), LACKING, "the lifecycle of the data streams is used instead"
        )
        ilm = False
    for step in steps(namespace, ilm=ilm):
        yield step.take(cluster, step, dry)


def as_requests(namespace: str = "default", *, ilm: bool = False) -> str:
    """Return the steps as requests for Kibana's console."""
    return "\n".join(request("PUT", step.path, step.body) for step in steps(namespace, ilm=ilm))


def request(method: str, path: str, body: dict[str, Any] | None) -> str:
    """Write one request as Kibana's console takes it."""
    text = orjson.dumps(body, option=orjson.OPT_INDENT_2).decode() + "\n" if body is not None else ""
    return f"{method} /{path}\n{text}"


def credentials(namespace: str) -> str:
    """Return the requests that give a sensor its rights: an API key, or a role for a user."""
    return (
        "# A key that may write this sensor's documents and look up what it has written, and nothing else.\n"
        "# Put `encoded` of the answer into the file that api_key_file names.\n"
        + request("POST", "_security/api_key", templates.api_key(namespace))
        + "\n# The same as a role, where users are preferred.\n"
        + request("PUT", "_security/role/otsensor_shipper", templates.shipper_role(namespace))
    )


# --- One kind of step after the other -----------------------------------------------------------------


def template(cluster: Cluster, step: Step, dry: bool) -> Outcome:
    """Put a template, unless it is there, or a newer one, or somebody else's."""
    there = cluster.ask("GET", step.path)
    if there.status not in (200, 404):
        return refused(step, there)
    known = about(there.body) if there.well else None
    wanted = step.body or {}
    if known is not None:
        meta = known.get("_meta") or {}
        if meta.get("managed_by") != "otsensor":
            return Outcome(step, FAILED, "a template of this name was made by somebody else")
        if meta.get("digest") == wanted["_meta"]["digest"]:
            return Outcome(step, SAME)
        if (known.get("version") or 0) > wanted["version"]:
            return Outcome(step, LEFT, f"made by otsensor {meta.get('release')}, which is newer than this one")
    return put(cluster, step, dry, CHANGED if known is not None else MADE)


def about(body: Any) -> dict[str, Any]:
    """Return the one template of an answer."""
    for kind in ("component_template", "index_template"):
        for one in body.get(f"{kind}s", ()):
            found: dict[str, Any] = one[kind]
            return found
    return {}


def policy(cluster: Cluster, step: Step, dry: bool) -> Outcome:
    """Put a lifecycle policy, unless one is there: people change these."""
    there = cluster.ask("GET", step.path)
    if there.well:
        return Outcome(step, LEFT, "it is there, and may have been changed by people")
    return put(cluster, step, dry, MADE) if there.status == 404 else refused(step, there)


def stream(cluster: Cluster, step: Step, dry: bool) -> Outcome:
    """Make a data stream, or bring the mapping of the one that is there up to date."""
    there = cluster.ask("GET", f"{step.name}/_mapping")
    if there.well and there.body:
        return update(cluster, step, dry, there)
    if dry:
        return Outcome(step, WOULD[MADE])
    made = cluster.ask("PUT", step.path)
    if made.lacking:
        return Outcome(step, LACKING, "it has no _data_stream; the first document makes it")
    return Outcome(step, MADE) if made.well else refused(step, made)


def state(cluster: Cluster, step: Step, dry: bool) -> Outcome:
    """Make an ordinary index, or bring its mapping up to date."""
    there = cluster.ask("GET", f"{step.name}/_mapping")
    if there.well and there.body:
        return update(cluster, step, dry, there)
    if there.status not in (200, 404):
        return refused(step, there)
    return put(cluster, step, dry, MADE)


def update(cluster: Cluster, step: Step, dry: bool, there: Answer) -> Outcome:
    """Bring a mapping up to date; where a field has changed its type, a new index is begun."""
    name = stream_of(step.name)
    wanted = templates.digest_of(name)
    if newest_digest(there.body) == wanted:
        return Outcome(step, SAME)
    if dry:
        return Outcome(step, WOULD[CHANGED])
    body = {"properties": templates.mapping(templates.fields_of(name)), "_meta": templates.about_mapping(name)}
    changed = cluster.ask("PUT", f"{step.name}/_mapping", body)
    if changed.well:
        return Outcome(step, CHANGED)
    if changed.status != 400 or step.what != "data stream":
        return refused(step, changed)
    rolled = cluster.ask("POST", f"{step.name}/_rollover")
    return (
        Outcome(step, CHANGED, "a new index was begun: a field has another type")
        if rolled.well
        else refused(step, rolled)
    )


def put(cluster: Cluster, step: Step, dry: bool, result: str) -> Outcome:
    """Put something where it belongs."""
    if dry:
        return Outcome(step, WOULD[result])
    done = cluster.ask("PUT", step.path, step.body)
    return Outcome(step, result) if done.well else refused(step, done)


def refused(step: Step, answer: Answer) -> Outcome:
    """Return that it could not be done, and why."""
    said = {401: "user, password or API key is wrong", 403: f"a privilege is missing: {answer.reason}"}
    return Outcome(step, FAILED, said.get(answer.status, answer.reason))


def stream_of(name: str) -> str:
    """Return the stream whose fields an index or data stream has."""
    kind = name.split("-")[1]
    return templates.STATES.get(kind, kind.removeprefix("otsensor."))


def newest_digest(body: dict[str, Any]) -> str:
    """Return the digest in the mapping of the newest of some indices; backing indices are numbered."""
    newest = body[max(body, key=generation)]
    digest: str = newest["mappings"].get("_meta", {}).get("digest", "")
    return digest


def generation(index: str) -> str:
    """Return what grows with each rollover in the name of a backing index: .ds-NAME-2026.11.23-000001."""
    return index.rsplit("-", 1)[-1]
