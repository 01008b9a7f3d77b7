"""Rows of a scene, from what the recorder has at hand.

The rule it lives by: a row is text and numbers; it keeps no finding, flow or frame alive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensor.console.live.scene import AlertRow, AssetRow, BehaviourRow, InterfaceRow, ProtocolRow
from sensor.contract import OUTCOME_NAMES, REFUSED, UNANSWERED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from sensor.alert.alert import Alert
    from sensor.behaviour.behaviour import Behaviour
    from sensor.behaviour.finding import Finding
    from sensor.inventory.asset import Asset
    from sensor.inventory.conduct import Role

FAILED = (OUTCOME_NAMES[REFUSED], OUTCOME_NAMES[UNANSWERED])


def behaviour_row(finding: Finding, names: Mapping[str, str] | None = None) -> BehaviourRow:
    """Return a finding as it is shown; `names` are what people call their machines."""
    names, behaviour = names or {}, finding.behaviour
    client, server = behaviour.client.text, behaviour.server.text
    return BehaviourRow(
        time=int(finding.time()), client=names.get(client, client), server=names.get(server, server),
        protocol=behaviour.protocol, words=words(behaviour.operation, behaviour.target_text(), behaviour.unit),
        outcome=OUTCOME_NAMES[finding.exchange.outcome].replace("_", " "), action=behaviour.action, news=finding.news,
    )  # fmt: skip


def stored_behaviour_row(row: Mapping[str, Any]) -> BehaviourRow:
    """Return a behaviour of the store as it is shown."""
    outcome = max(row["outcomes"].items(), key=lambda entry: entry[1], default=("", 0))[0]
    return BehaviourRow(
        time=row["first_time"], client=row["client"], server=row["server"], protocol=row["protocol"],
        words=words(row["operation"], row["target"], row["unit"]), outcome=outcome.replace("_", " "),
        action=row["action"], news="operation",
    )  # fmt: skip


def words(operation: str, target: str, unit: str) -> str:
    """Write what is done: "write single register, holding register 100, unit 3"."""
    parts = (operation, target, f"unit {unit}" if unit else "")
    return ", ".join(part.replace("_", " ") for part in parts if part)


def alert_row(alert: Alert) -> AlertRow:
    """Return an alert as it is shown."""
    return AlertRow(
        id=alert.id, time=int(alert.last_time), level=alert.rule.level, sentence=alert.sentence, count=int(alert.count),
        rule=alert.rule.title, revision=alert.revision, state=alert.state,
    )  # fmt: skip


def stored_alert_row(row: Mapping[str, Any]) -> AlertRow:
    """Return an alert of the store as it is shown."""
    return AlertRow(
        id=row["id"], time=row["last_time"], level=row["level"], sentence=row["sentence"], count=row["count"],
        rule=row["title"], revision=row["revision"], state=row["state"],
    )  # fmt: skip


def asset_row(asset: Asset, role: Role) -> AssetRow:
    """Return a machine as it is shown."""
    vendor, model = asset.fact("vendor"), asset.told("model", "product_name", "product_code")
    return AssetRow(
        time=int(asset.first_time), address=asset.endpoint.text, name=asset.name or asset.fact("device_name"),
        role=role.name.replace("_", " "), vendor=", ".join(part for part in (vendor, model) if part),
    )  # fmt: skip


def stored_asset_row(row: Mapping[str, Any]) -> AssetRow:
    """Return a machine of the store as it is shown."""
    vendor = ", ".join(part for part in (row["vendor"], row["model"]) if part)
    return AssetRow(row["first_time"], row["address"], row["name"], row["role"].replace("_", " "), vendor)


def protocol_rows(behaviours: Iterable[Behaviour]) -> list[ProtocolRow]:
    """Return what was exchanged in each protocol: a pass over all behaviours, so not each second in a large plant."""
    found: dict[str, ProtocolRow] = {}
    for behaviour in behaviours:
        row = found.get(behaviour.protocol)
        if row is None:
            row = found[behaviour.protocol] = ProtocolRow(behaviour.protocol)
        row.exchanges += behaviour.count
        row.behaviours += 1
        if behaviour.accepted < behaviour.count:
            outcomes = behaviour.outcomes()
            row.refused += sum(outcomes.get(name, 0) for name in FAILED)
    return list(found.values())


def interface_rows(taps: Mapping[str, int], states: Mapping[str, str]) -> list[InterfaceRow]:
    """Return interfaces from counters named "frames.span0", "bytes.span0", "kernel_drops.span0", "own_drops.span0"."""
    return [
        InterfaceRow(
            name, state, taps.get(f"frames.{name}", 0), taps.get(f"bytes.{name}", 0),
            taps.get(f"kernel_drops.{name}", 0), taps.get(f"own_drops.{name}", 0),
        )
        for name, state in states.items()
    ]  # fmt: skip
