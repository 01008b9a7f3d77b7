"""What was found, as the documents that are shipped: rows of the store in, Elastic Common Schema 9.4.0 out.

The rule it lives by: a document stands for itself, every word of it is declared, and the same thing said twice is the
same document: its id is a hash of sensor, stream, subject and revision.
"""

import functools
import ipaddress
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import orjson

from sensor import ecs
from sensor.alert.document import VENDOR, digest, document_id, instant, nested
from sensor.contract import OUTCOME_NAMES
from sensor.detect.event import TRANSPORTS
from sensor.flow.community import named
from sensor.ship.fields import FIELDS

STREAMS: Final = ("alert", "asset", "behaviour", "flow", "health", "message")
NS_IN_MS: Final = 1_000_000
MAX_MANY: Final = 64  # of one list; a gateway with more units is in the store with all of them
COUNTERS: Final = frozenset(field.name for field in FIELDS if field.name.startswith("ot.health."))

Row = Mapping[str, Any]
Flat = dict[str, Any]


class Item(NamedTuple):
    """One thing to ship."""

    sequence: int  # running number of the sensor, without gaps
    stream: str  # one of STREAMS
    id: str  # of its subject: the alert, asset, behaviour or flow
    revision: int  # grows with its subject
    document: dict[str, Any]  # for the history; `document["event"]["id"]` is the document's own id


class State(NamedTuple):
    """The newest of an alert or asset, for an index that holds one document for each."""

    kind: str  # "alerts" or "assets"
    id: str
    version: int  # external: an older one changes nothing
    document: dict[str, Any]


def item(stream: str, row: Row, observer: Mapping[str, str] | None = None) -> Item:
    """Make an item of a row of the store (JSON columns parsed); `observer`: observer.* fields by their full names."""
    who = {"observer.type": "sensor", "observer.vendor": VENDOR, "observer.product": VENDOR, **(observer or {})}
    return BUILDERS[stream](row, who)


def state(item: Item) -> State | None:
    """Return the newest state an item tells of; None for streams that have history only."""
    kind = {"alert": "alerts", "asset": "assets"}.get(item.stream)
    return State(kind, item.id, item.revision, item.document) if kind else None


def stamped(item: Item, now_ns: int, namespace: str = "") -> dict[str, Any]:
    """Return a document as it is sent: with the time of sending and, where there is one, the data stream it goes to."""
    event = {"sequence": item.sequence, **item.document["event"], "ingested": instant(now_ns)}
    document = {**item.document, "event": event}
    if namespace:
        kind, dataset = kind_of(item.stream), f"otsensor.{item.stream}"
        document["data_stream"] = {"type": kind, "dataset": dataset, "namespace": namespace}
    return document


def kind_of(stream: str) -> str:
    """Return what a data stream of this kind is: "logs" or "metrics"."""
    return "metrics" if stream == "health" else "logs"


def data_stream(stream: str, namespace: str) -> str:
    """Name the data stream of the history: logs-otsensor.alert-default."""
    return f"{kind_of(stream)}-otsensor.{stream}-{namespace}"


def state_index(kind: str, namespace: str) -> str:
    """Name the index of the newest: otsensor-alerts-default."""
    return f"otsensor-{kind}-{namespace}"


# --- One builder for each stream ----------------------------------------------------------------------


def alert(row: Row, observer: Mapping[str, str]) -> Item:
    """Return one revision of an alert; its document was written when it was told."""
    document = orjson.loads(row["document"]) if isinstance(row["document"], str) else dict(row["document"])
    revision = row["version"]
    document["observer"] = {**document.get("observer", {}), **nested(observer)["observer"]}
    document["event"] = {**document["event"], "id": document_id(observer, "alert", row["alert"], revision)}
    document["event"]["sequence"] = row["sequence"]
    return Item(row["sequence"], "alert", row["alert"], revision, document)


def asset(row: Row, observer: Mapping[str, str]) -> Item:
    """Return a machine as it is known now."""
    address, kind = ends(row["address"])
    fields: Flat = {
        "message": f"{row['name'] or row['address']} is {article(row['role'])}: {row['reason']}" if row["role"] else "",
        "event.kind": "asset",
        "event.category": ["host"],
        "event.type": ["info"],
        **seen(row),
        **place(row),
        "host.ip": [row["address"]] if kind == "ip" else None,
        "host.mac": [mac.replace(":", "-").upper() for mac in row["macs"]] or [address] * (kind == "mac"),
        "host.name": row["name"],
        "device.id": row["id"],
        "device.manufacturer": row["vendor"],
        "device.model.name": row["model"],
        "related.ip": [row["address"]] if kind == "ip" else None,
        "related.hosts": [row["name"]] if row["name"] else None,
        "ot.asset.id": row["id"],
        "ot.asset.address": row["address"],
        **{f"ot.asset.{name}": row[name] for name in ("role", "reason", "vendor", "model", "firmware")},
        **{f"ot.asset.{name}": row[name][:MAX_MANY] for name in ("serves", "uses", "units")},
    }
    return finished("asset", row["sequence"], row["id"], row["revision"], fields, observer)


def behaviour(row: Row, observer: Mapping[str, str]) -> Item:
    """Return a behaviour with what was counted of it in one run."""
    targets = row["targets"][:MAX_MANY]
    fields: Flat = {
        "event.kind": "event",
        "event.category": ["network"],
        "event.type": ["protocol"],
        "event.action": row["action"],
        "event.outcome": outcome(row["outcomes"]),
        **seen(row),
        **between(row["client"], row["server"]),
        **place(row),
        "network.protocol": row["protocol"],
        **{f"ot.{name}": row[name] for name in ("action", "operation", "unit")},
        "ot.target": row["target"].split(", ")[:MAX_MANY] if row["target"] else None,
        "ot.range.space": [space for space, _, _ in targets if space],
        "ot.range.first": [first for _, first, _ in targets if first >= 0],
        "ot.range.last": [last for _, _, last in targets if last >= 0],
        "ot.behaviour.id": row["id"],
        "ot.behaviour.count": row["count"],
        "ot.behaviour.ranged": bool(row["ranged"]),
        **{f"ot.behaviour.{name}": row["outcomes"].get(name) for name in OUTCOME_NAMES},
        "ot.behaviour.refusal_codes": [int(code) for code in row["codes"]][:MAX_MANY],
        **durations(row, "latency"),
        **durations(row, "interval"),
    }
    return finished("behaviour", row["sequence"], row["id"], row["last_time"], fields, observer)


def flow(row: Row, observer: Mapping[str, str]) -> Item:
    """Return a conversation that has ended; source is its opener."""
    key = ("site", "segment", "vlan", "tunnel", "opener", "opener_port", "answerer", "answerer_port", "transport",
           "ethertype", "first_time")  # fmt: skip
    transport = row["transport"]
    has_ports = transport in (6, 17)
    fields: Flat = {
        "event.kind": "event",
        "event.category": ["network"],
        "event.type": ["connection", "end"],
        "event.action": "network_flow",
        **seen(row),
        **between(row["opener"], row["answerer"]),
        **place(row),
        "source.port": row["opener_port"] if has_ports else None,
        "destination.port": row["answerer_port"] if has_ports else None,
        "source.packets": row["packets"],
        "destination.packets": row["packets_back"],
        "source.bytes": row["bytes"],
        "destination.bytes": row["bytes_back"],
        "network.bytes": row["bytes"] + row["bytes_back"],
        "network.packets": row["packets"] + row["packets_back"],
        "network.transport": TRANSPORTS.get(transport, f"ip-{transport}") if transport else None,
        "network.community_id": community(row) if has_ports else None,
        "network.protocol": row["protocol"],
        "ot.flow.ethertype": None if transport else f"0x{row['ethertype']:04x}",
        "ot.flow.source_payload": row["payload_bytes"],
        "ot.flow.destination_payload": row["payload_bytes_back"],
        **{f"ot.flow.{name}": row[name] for name in ("state", "ending", "retransmissions", "gaps", "gap_bytes",
                                                     "out_of_order", "duplicates")},
        "ot.evidence.frame": [row["first_frame"]] if row["first_frame"] else None,
    }  # fmt: skip
    identity = digest("flow", *(row[name] for name in key))
    return finished("flow", row["sequence"], identity, 1, fields, observer)


def health(row: Row, observer: Mapping[str, str]) -> Item:
    """Return the sensor's own counters at one moment."""
    counts = {name: value for name, value in row["counts"].items() if not isinstance(value, list)}
    lists = {f"ot.health.{name}": row["counts"].get(name, [])[:MAX_MANY] for name in ("standing", "interfaces")}
    counts = {**summed(counts), **counts}
    declared = {f"ot.health.{name}": value for name, value in counts.items() if f"ot.health.{name}" in COUNTERS}
    others = [f"{name}={value}" for name, value in counts.items() if f"ot.health.{name}" not in COUNTERS]
    time = instant(row["time"])
    fields: Flat = {
        "@timestamp": time,
        "event.kind": "metric",
        "event.created": time,
        **declared,
        "ot.health.other": others[:MAX_MANY],
        **lists,
    }
    identity = digest("health", row["time"], orjson.dumps(row["counts"], option=orjson.OPT_SORT_KEYS).decode())
    return finished("health", row["sequence"], identity, 1, fields, observer)


def summed(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counters of interfaces, such as "kernel_drops.span0", added up under the name they share."""
    found: dict[str, int] = {}
    for name, count in counts.items():
        what, _, interface = name.partition(".")
        if interface:
            found[what] = found.get(what, 0) + count
    return found


def message(row: Row, observer: Mapping[str, str]) -> Item:
    """Return one finding; its document was written when it was found."""
    document: dict[str, Any] = dict(row["document"])
    document["observer"] = nested(observer)["observer"]
    document["event"] = {**document["event"], "id": document_id(observer, "message", row["id"], 1)}
    document["event"]["sequence"] = row["sequence"]
    return Item(row["sequence"], "message", row["id"], 1, document)


BUILDERS: Final[dict[str, Callable[[Row, Mapping[str, str]], Item]]] = {
    "alert": alert,
    "asset": asset,
    "behaviour": behaviour,
    "flow": flow,
    "health": health,
    "message": message,
}


# --- What they share ----------------------------------------------------------------------------------


def finished(
    stream: str, sequence: int, identity: str, revision: int, fields: Flat, observer: Mapping[str, str]
) -> Item:
    """Return an item with what every document has."""
    whole = {
        "ecs.version": ecs.VERSION,
        "event.module": "otsensor",
        "event.dataset": f"otsensor.{stream}",
        "event.id": document_id(observer, stream, identity, revision),
        "event.sequence": sequence,
        **fields,
        **observer,
    }
    document = nested({name: value for name, value in whole.items() if value not in (None, "", [])})
    return Item(sequence, stream, identity, revision, document)


def seen(row: Row) -> Flat:
    """Return when something was seen; the document's time is the last."""
    first, last = row["first_time"], row["last_time"]
    ended = instant(last)
    return {
        "@timestamp": ended,
        "event.created": ended,
        "event.start": instant(first),
        "event.end": ended,
        "event.duration": last - first,
    }


def between(client: str, server: str) -> Flat:
    """Return who is at both ends."""
    fields: Flat = {}
    related = []
    for end, text in (("source", client), ("destination", server)):
        address, kind = ends(text)
        fields[f"{end}.address"] = text
        fields[f"{end}.{kind}"] = address
        if kind == "ip" and address not in related:
            related.append(address)
            fields["network.type"] = "ipv6" if ":" in address else "ipv4"
    fields["related.ip"] = related
    return fields


def community(row: Row) -> str:
    """Return the short name that other tools give the same conversation; "" where it is not over IP."""
    try:
        opener, answerer = (ipaddress.ip_address(row[end]).packed for end in ("opener", "answerer"))
    except ValueError:
        return ""
    ports = [row[end].to_bytes(2, "big") for end in ("opener_port", "answerer_port")]
    return named(row["transport"], opener, ports[0], answerer, ports[1])


@functools.lru_cache(maxsize=65_536)
def ends(text: str) -> tuple[str, str]:
    """Return an address as ECS writes it, and which kind it is: "ip" or "mac"."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return text.replace(":", "-").upper(), "mac"
    return text, "ip"


def place(row: Row) -> Flat:
    """Return the point of observation."""
    outer, _, inner = row["vlan"].partition(".")
    return {
        "ot.site": row["site"],
        "ot.segment": row["segment"],
        "ot.vlan": row["vlan"],
        "ot.tunnel": row["tunnel"],
        "network.vlan.id": outer,
        "network.inner.vlan.id": inner,
    }


def outcome(counts: Mapping[str, int]) -> str:
    """Return ECS's word for how exchanges ended: one word where all ended alike."""
    ended = {name for name in ("accepted", "refused") if counts.get(name)}
    others = any(count for name, count in counts.items() if name not in ("accepted", "refused"))
    if others or len(ended) != 1:
        return "unknown"
    return "success" if "accepted" in ended else "failure"


def durations(row: Row, name: str) -> Flat:
    """Return one statistic of durations."""
    count = row[f"{name}_count"]
    if not count:
        return {}
    return {
        f"ot.behaviour.{name}.count": count,
        f"ot.behaviour.{name}.mean_ms": row[f"{name}_sum"] // count / NS_IN_MS,
        f"ot.behaviour.{name}.min_ms": row[f"{name}_min"] / NS_IN_MS,
        f"ot.behaviour.{name}.max_ms": row[f"{name}_max"] / NS_IN_MS,
    }


def article(noun: str) -> str:
    """Return a noun with its article."""
    return f"an {noun}" if noun[:1] in "aeiou" else f"a {noun}"
