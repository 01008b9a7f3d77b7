"""What may be wrong between a sensor and its cluster, looked for with the sensor's own rights.

The rule it lives by: each finding says what was seen, what it means and what to do; a check that cannot be made is said
too, and the others go on.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sensor.ship.destination import Unreachable
from sensor.ship.elastic import templates
from sensor.ship.elastic.cluster import certificate
from sensor.ship.elastic.setup import about, newest_digest, stream_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sensor.ship.elastic.cluster import Answer, Cluster

WELL: Final = "well"
NOTE: Final = "note"
WRONG: Final = "WRONG"

MAX_SKEW: Final = 5.0  # s; rules that look at the last five minutes by event.ingested overlap by more than this
OLDEST: Final = (8, 14)  # the first with a lifecycle inside a data stream for everybody
NEWEST: Final = 9
REPAIR: Final = "run `otsensor setup elasticsearch` with an administrator's rights"

# Privileges, and what happens without.
HISTORY_NEEDS: Final = {
    "create_doc": "nothing can be shipped",
    "auto_configure": "data streams that are not there yet cannot be made",
    "read": "after a lost answer nothing can be looked up; after a rollover, a document may be there twice",
    "maintenance": "nothing can be refreshed before it is looked up; a document may be there twice",
    "view_index_metadata": "an old mapping cannot be recognised",
}
GRAVE: Final = ("create_doc", "index")
STATE_NEEDS: Final = {
    "index": "the newest of alerts and assets cannot be shipped",
    "auto_configure": "indices that are not there yet cannot be made",
}


class Finding(NamedTuple):
    """One thing found."""

    level: str  # WELL, NOTE or WRONG
    what: str
    advice: str = ""


def run(cluster: Cluster, namespace: str) -> Iterator[Finding]:
    """Look at everything, from the wire to the documents; end early where nothing more can be asked."""
    yield from wire(cluster)
    try:
        who = cluster.ask("GET", "_security/_authenticate")
        yield from somebody(who)
        if who.status == 401:
            return
        yield from version(cluster)
        yield from health(cluster)
        yield from clock(cluster)
        yield from privileges(cluster, namespace)
        yield from template_set(cluster)
        for name in (*templates.streams(namespace), *templates.states(namespace)):
            yield from target(cluster, name)
        yield from features(cluster)
    except Unreachable as error:
        yield Finding(WRONG, f"no answer: {error}", shown_certificates(cluster, str(error)))


def wire(cluster: Cluster) -> Iterator[Finding]:
    """Look at the addresses."""
    for host in cluster.settings.values["hosts"]:
        if host.startswith("http:"):
            yield Finding(NOTE, f"{host} is spoken to without TLS", "anybody on the way reads and changes what is sent")
    if cluster.settings.values["user"] is None and not any(
        cluster.settings.values[key] for key in ("api_key_file", "api_key_env")
    ):
        yield Finding(NOTE, "neither an API key nor a user is configured", "fine only where the server asks for none")


def shown_certificates(cluster: Cluster, reason: str) -> str:
    """Return what certificates the hosts show, where they are the trouble."""
    if "certificate" not in reason:
        return "see to the network, the address in hosts, or the proxy"
    shown = {host: certificate(host) for host in cluster.settings.values["hosts"]}
    told = [f"{host} shows a certificate with SHA-256 {found}" for host, found in shown.items() if found]
    return "; ".join(told) + "; compare it with the server's own before you trust it" if told else ""


def somebody(answer: Answer) -> Iterator[Finding]:
    """Say who we are there."""
    if answer.well:
        by_key = answer.body.get("authentication_type") == "api_key"
        roles = "an API key" if by_key else ", ".join(answer.body.get("roles") or ()) or "no role"
        yield Finding(WELL, f"known as {answer.body.get('username')}, with {roles}")
        if "superuser" in (answer.body.get("roles") or ()):
            yield Finding(
                NOTE, "this is an administrator", "give the sensor a key of its own: setup prints the request"
            )
    elif answer.status == 401:
        yield Finding(WRONG, f"not let in: {answer.reason}", "see to user and password, or to the API key")
    elif answer.lacking:
        yield Finding(NOTE, "the server has no security: anybody may write there", "switch it on")
    else:
        yield Finding(NOTE, f"cannot say who we are: {answer.reason}")


def version(cluster: Cluster) -> Iterator[Finding]:
    """Look at the server's version."""
    answer = cluster.ask("GET", "_nodes?filter_path=nodes.*.version")
    found = sorted({node["version"] for node in nodes(answer)}, key=numbers)
    if not found:
        yield Finding(NOTE, f"the server does not tell its version: {answer.reason}")
        return
    if len(found) > 1:
        yield Finding(NOTE, f"nodes of several versions: {', '.join(found)}", "fine for the time of an upgrade")
    if numbers(found[0]) < OLDEST:
        yield Finding(
            WRONG, f"Elasticsearch {found[0]} is too old", "from 8.14 on, data streams keep a lifecycle of their own"
        )
    elif numbers(found[-1])[0] > NEWEST:
        yield Finding(NOTE, f"Elasticsearch {found[-1]} is newer than what this was tried with (8.19 and 9.5)")
    else:
        yield Finding(WELL, f"Elasticsearch {found[-1]}")


def nodes(answer: Answer) -> list[dict[str, Any]]:
    """Return what is said of each node."""
    return list((answer.body.get("nodes") or {}).values()) if answer.well and isinstance(answer.body, dict) else []


def numbers(text: str) -> tuple[int, ...]:
    """Return a version's numbers."""
    return tuple(int(part) for part in text.split("-", 1)[0].split(".")[:2] if part.isdigit())


def health(cluster: Cluster) -> Iterator[Finding]:
    """Look at the cluster's own health."""
    answer = cluster.ask("GET", "_cluster/health")
    if answer.well and answer.body.get("status") == "red":
        yield Finding(WRONG, "the cluster is red: parts of it cannot be written to", "ask those who run it")
    elif not answer.well:
        yield Finding(NOTE, f"the cluster does not tell how it is: {answer.reason}")


def clock(cluster: Cluster) -> Iterator[Finding]:
    """Compare the clocks here and there."""
    before = time.time()
    answer = cluster.ask("GET", "_nodes/stats/os?filter_path=nodes.*.timestamp")
    middle = (before + time.time()) / 2
    told = [node["timestamp"] / 1000 for node in nodes(answer)]
    if not told:
        yield Finding(NOTE, f"the server does not tell its time: {answer.reason}")
        return
    skew = max((one - middle for one in told), key=abs)
    if abs(skew) > MAX_SKEW + (time.time() - before) / 2:
        far = f"the server's clock is {abs(skew):,.0f} s {'ahead of' if skew > 0 else 'behind'} ours"
        yield Finding(WRONG, far, "rules that look at the last minutes miss alerts: set both by NTP")
    else:
        yield Finding(WELL, f"clocks agree within {abs(skew):.1f} s")


def privileges(cluster: Cluster, namespace: str) -> Iterator[Finding]:
    """Look for missing rights."""
    groups = (
        ("the data streams", templates.streams(namespace), HISTORY_NEEDS),
        ("the indices of the newest", templates.states(namespace), STATE_NEEDS),
    )
    asked = [{"names": names, "privileges": list(needs)} for _, names, needs in groups]
    answer = cluster.ask("POST", "_security/user/_has_privileges", {"cluster": ["monitor"], "index": asked})
    if not answer.well:
        yield Finding(NOTE, f"the server does not tell our rights: {answer.reason}")
        return
    given = answer.body["index"]
    missing = []
    for what, names, needs in groups:
        for right, consequence in needs.items():
            without = [name for name in names if not given.get(name, {}).get(right)]
            if without:
                where = what if len(without) == len(names) else ", ".join(without)
                level = WRONG if right in GRAVE else NOTE
                missing.append(Finding(level, f"no right {right!r} on {where}: {consequence}"))
    yield from missing
    if missing:
        yield Finding(
            NOTE, "rights are missing", "give the role or key that `otsensor setup elasticsearch --print` shows"
        )
    else:
        yield Finding(WELL, "all rights are there")


def template_set(cluster: Cluster) -> Iterator[Finding]:
    """Compare the templates with those this release makes."""
    old, gone, newer = [], [], []
    for path, wanted in wanted_templates().items():
        name = path.split("/")[1]
        answer = cluster.ask("GET", path)
        if answer.status == 403:
            yield Finding(NOTE, "templates may not be looked at with these rights")
            return
        if not answer.well:
            gone.append(name)
            continue
        there = about(answer.body)
        if (there.get("version") or 0) > wanted[0]["version"]:
            newer.append(name)
        elif (there.get("_meta") or {}).get("digest") not in [body["_meta"]["digest"] for body in wanted]:
            old.append(name)
    if gone:
        yield Finding(WRONG, f"templates are missing: {', '.join(gone)}", REPAIR)
    if old:
        yield Finding(WRONG, f"templates are of another release, or changed: {', '.join(old)}", REPAIR)
    if newer:
        yield Finding(NOTE, f"templates were made by a newer otsensor: {', '.join(newer)}", "update this sensor too")
    if not (gone or old or newer):
        yield Finding(WELL, "templates are as they should be")


def wanted_templates() -> dict[str, list[dict[str, Any]]]:
    """Return by path what each template may be; the streams' have either kind of lifecycle."""
    wanted = {f"_component_template/{name}": [body] for name, body in templates.component_templates().items()}
    for ilm in (False, True):
        for name, body in templates.index_templates(ilm=ilm).items():
            wanted.setdefault(f"_index_template/{name}", []).append(body)
    return wanted


def target(cluster: Cluster, name: str) -> Iterator[Finding]:
    """Look at one data stream or index."""
    resolved = cluster.ask("GET", f"_resolve/index/{name}")
    if name.startswith(("logs-", "metrics-")) and resolved.well and resolved.body.get("indices"):
        yield Finding(WRONG, f"{name} is an ordinary index, not a data stream",
                      "something wrote there before setup: reindex it under another name and delete it")  # fmt: skip
        return
    answer = cluster.ask("GET", f"{name}/_mapping")
    if answer.status == 404 or (answer.well and not answer.body):
        return  # the first document makes it
    if answer.status == 403:
        return  # told among the rights
    if not answer.well:
        yield Finding(NOTE, f"{name}: the mapping cannot be looked at: {answer.reason}")
    elif newest_digest(answer.body) != templates.digest_of(stream_of(name)):
        yield Finding(WRONG, f"{name} has an old mapping: new fields cannot be searched for", REPAIR)
    blocked = cluster.ask("GET", f"{name}/_settings?filter_path=*.settings.index.blocks")
    blocks = (
        {block for one in (blocked.body or {}).values() for block in one["settings"]["index"]["blocks"]}
        if blocked.well
        else set()
    )
    if blocks:
        yield Finding(
            WRONG, f"{name} takes no documents: {', '.join(sorted(blocks))}", "its disk may be full: make room"
        )


def features(cluster: Cluster) -> Iterator[Finding]:
    """Say what this server has not; nothing the sensor itself needs."""
    without = {
        "_data_stream/logs-otsensor.alert-*": "data streams by request; the first document makes them",
        "_ilm/policy/otsensor-alert": "ILM; the lifecycle of the data streams is used",
        "_ingest/pipeline/otsensor": "ingest pipelines; the sensor needs none",
    }
    for path, what in without.items():
        if cluster.ask("GET", path).lacking:
            yield Finding(NOTE, f"this server has no {what}")
    if cluster.ask("POST", "_query", {"query": "ROW ready = true"}).lacking:
        yield Finding(NOTE, "this server has no ES|QL; the rules in that language cannot run there")
