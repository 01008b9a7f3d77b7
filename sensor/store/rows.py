"""What the line has found, as rows in the order of the tables' columns.

The rule it lives by: a row is a plain tuple made in one expression: it is the price of every new thing.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from sensor.alert.alert import Alert, clean
from sensor.alert.document import document
from sensor.behaviour.behaviour import Behaviour, Durations
from sensor.capture.source import Source
from sensor.contract import Conversation, Network
from sensor.detect.concern import Concern
from sensor.detect.rule import text_of
from sensor.flow.community import community_id
from sensor.flow.flow import Flow
from sensor.inventory.asset import Asset, Fact
from sensor.store.tables import TABLES

Row = tuple[Any, ...]
NO_DURATIONS: Final[Row] = (0, 0, None, None, None)
NUMBERED: Final = {table.name: table.numbered for table in TABLES} | {"behaviours_told": 0, "assets_told": 0}
UNTOLD: Final = 0  # the sequence of a row that has gone on since it was told, and waits for its time
NUMBER: Final = re.compile(r"(?<![\w.:])\d+(?![\w.:])")  # one that counts, and no part of an address
MAX_SQL: Final = (1 << 63) - 1  # SQLite's integers have 64 bits and a sign


def json(value: Any) -> str:
    """Return a value as JSON text; integers beyond 64 bits cannot come from a frame."""
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def place(network: Network) -> Row:
    """Return the point of observation."""
    return (network.site, network.segment, network.vlan, network.tunnel)


def capture(source: Source, run: int) -> Row:
    """Return what was read from one file."""
    return (
        run, source.number, source.path, source.format, source.packing, source.size, source.frames, source.bytes,
        source.first_time, source.last_time, source.drops, json([clean(text) for text in source.comments]),
        source.damage, json(source.oddities),
    )  # fmt: skip


def asset(asset: Asset, identity: str, sequence: int, role: tuple[str, str]) -> Row:
    """Return an asset as it is now; its revision is the time it was last seen, if nothing later is known."""
    macs = [mac.hex(":") for mac in asset.macs]
    units = [f"{protocol} {unit}" for protocol, unit in asset.units]
    known = (
        asset.name or asset.fact("device_name"), *role, asset.fact("vendor"),
        asset.told("model", "product_name", "product_code"), asset.fact("firmware"), json(macs),
        json(list(asset.serves)), json(list(asset.uses)), json(units),
    )  # fmt: skip
    return (
        identity, sequence, *place(asset.endpoint.network), asset.endpoint.text, *known, asset.first_time,
        asset.last_time, asset.last_time, digest(known),
    )  # fmt: skip


def digest(known: Row) -> str:
    """Return what tells whether anything has changed; a count in a reason has when it is ten times as large."""
    text = NUMBER.sub(lambda found: "9" * len(found[0]), "\x1f".join(map(clean, known)))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def fact(fact: Fact, identity: str, file: str) -> Row:
    """Return one fact about an asset."""
    return (
        identity, fact.attribute, fact.value, fact.source, fact.confidence, fact.first_time, fact.last_time, file,
        fact.number,
    )  # fmt: skip


def behaviour(behaviour: Behaviour, identity: str, run: int, sequence: int) -> Row:
    """Return a behaviour with its statistics."""
    target = behaviour.target_text()
    targets = json([(target.space, target.first, target.last) for target in behaviour.targets])
    if behaviour.others:
        outcomes, codes = json(behaviour.outcomes()), json(behaviour.codes())
    else:
        outcomes, codes = f'{{"accepted":{behaviour.accepted}}}', "{}"
    return (
        identity, run, sequence, *place(behaviour.client.network), behaviour.client.text,
        behaviour.server.text, behaviour.protocol, behaviour.operation, behaviour.action, behaviour.unit, target,
        targets, behaviour.ranged, behaviour.count, behaviour.first_time, behaviour.last_time, outcomes, codes,
        *durations(behaviour.latency), *durations(behaviour.interval),
    )  # fmt: skip


def meaning(behaviour: Behaviour) -> int:
    """Return what tells, within this process, whether more of a behaviour has changed than its counts."""
    told = (behaviour.ranged, behaviour.target_text(), *sorted(behaviour.outcomes()), *sorted(behaviour.codes()))
    return hash(told)


def durations(found: Durations | None) -> Row:
    """Return one statistic of durations."""
    if found is None:
        return NO_DURATIONS
    return (found.count, min(found.sum, MAX_SQL), found.min, found.max, json(found.buckets))


def flow(flow: Flow, run: int, sequence: int) -> Row:
    """Return a conversation that has ended."""
    forth, back = flow.forth, flow.back
    protocol = flow.dissector.protocol if flow.dissector is not None else ""
    return (
        run, flow.number, sequence, *place(flow.opener.network), flow.opener.text, flow.opener_port,
        flow.answerer.text, flow.answerer_port, flow.transport, flow.ethertype, protocol, flow.state_name(),
        flow.ending, forth.packets, back.packets, forth.bytes, back.bytes, forth.payload_bytes, back.payload_bytes,
        forth.retransmissions + back.retransmissions, forth.gaps + back.gaps, forth.gap_bytes + back.gap_bytes,
        forth.out_of_order + back.out_of_order, forth.mirror_duplicates + back.mirror_duplicates, flow.first_time,
        flow.last_time, flow.first_source, flow.first_number, community_id(flow), flow.one_way(),
    )  # fmt: skip


def alert(alert: Alert, run: int) -> Row:
    """Return an alert as it is now."""
    rule, fields = alert.rule, alert.fields
    words = ("network.protocol", "source.address", "destination.address", "ot.unit", "ot.operation", "ot.target")
    return (
        alert.id, run, alert.revision, alert.state, rule.name, rule.id, rule.title, rule.level, alert.severity,
        *(text_of(fields.get(word)) for word in words), text_of(fields.get("ot.outcome")), alert.count, alert.values,
        alert.first_time, alert.last_time, alert.sentence, rule.explanation, rule.response, json(rule.techniques),
        json(rule.tactics), *(text_of(fields.get(f"ot.{name}")) for name in ("site", "segment", "vlan", "tunnel")),
    )  # fmt: skip


def revision(alert: Alert, run: int, sequence: int, files: Sequence[str], observer: Mapping[str, str]) -> Row:
    """Return one revision of an alert, with its document; the sequence goes into the document when it is shipped."""
    fields = alert.fields
    return (
        alert.id, alert.version, sequence, run, alert.revision, alert.last_time, alert.count, alert.state,
        alert.rule.level, text_of(fields.get("ot.site")), text_of(fields.get("ot.segment")),
        json(document(alert, files, observer)),
    )  # fmt: skip


def oddity_key(talk: Conversation, kind: str, direction: int) -> tuple[str, ...]:
    """Return what makes two oddities one row."""
    protocol = talk.dissector.protocol if talk.dissector is not None else ""
    sender, receiver = talk.sender(direction), talk.sender(1 - direction)
    return (*place(sender.network), sender.text, receiver.text, protocol, kind)


def mended(row: Row) -> Row:
    """Return a row with what SQLite cannot hold replaced: broken letters, numbers beyond 64 bits."""
    return tuple([clean(v) if isinstance(v, str) else clipped(v) if type(v) is int else v for v in row])


def clipped(number: int) -> int:
    """Return a number within 64 bits and a sign."""
    return max(-MAX_SQL - 1, min(number, MAX_SQL))


def clipped_all(counts: Mapping[str, int]) -> dict[str, int]:
    """Return counters as JSON readers take them."""
    return {clean(name): clipped(int(value)) for name, value in counts.items()}


def report(
    sequence: int,
    run: int,
    time: int,
    counts: Mapping[str, int],
    concerns: Iterable[Concern],
    interfaces: Mapping[str, str],
) -> Row:
    """Return one report of the sensor's own health."""
    told: dict[str, Any] = dict(clipped_all(counts))
    standing = [clean(one.text) for one in concerns]
    states = [clean(f"{name} {state}") for name, state in interfaces.items()]
    told.update({name: lines for name, lines in (("standing", standing), ("interfaces", states)) if lines})
    return (sequence, run, time, json(told))


def renumbered(name: str, waiting: list[Row], ahead: int) -> list[Row]:
    """Return rows of one table with their sequence numbers moved on."""
    at = NUMBERED.get(name, -1)
    if at < 0:
        return waiting
    return [(*row[:at], row[at] + ahead, *row[at + 1 :]) if row[at] != UNTOLD else row for row in waiting]
