"""What a watch knows from before: after a restart nothing that was known is news, and no regular client a newcomer.

The rule it lives by: memory is what the store holds. What has not been seen for a month is forgotten, and would be
news again.
"""

from __future__ import annotations

import ipaddress
import time
from typing import TYPE_CHECKING, Any, Final

from sensor.behaviour.behaviour import Behaviour, ending
from sensor.contract import OUTCOME_NAMES, Target
from sensor.handover.records import Known
from sensor.inventory.asset import Fact
from sensor.inventory.inventory import address_of
from sensor.store.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sensor.contract import Endpoint
    from sensor.handover.registry import Registry
    from sensor.watching.parts import Recording

MONTH_NS: Final = 31 * 24 * 3600 * 1_000_000_000
HABITS: Final = "habits"  # the store's note of what is usual on the span
MAX_RECALLED: Final = 50_000  # behaviours: seconds of a start, and less than half of what the tables hold


def recall(recording: Recording) -> int:
    """Fill inventory, registry and acquaintances from the store; return how many behaviours are remembered."""
    with Reader(recording.asked.db) as reader:
        recording.habits = reader.note(HABITS)
        since = min(reader.newest(), time.time_ns()) - MONTH_NS  # one time in the future must not age all others
        rows = list(reader.known(since, MAX_RECALLED))
        recall_assets(recording, reader, since)
    # Exact targets before the ranges that came of them, and clients in the order in which they came.
    for row in sorted(rows, key=lambda row: (row["ranged"], row["first_time"])):
        recall_behaviour(recording, row)
    return len(rows)


def recall_assets(recording: Recording, reader: Reader, since: int) -> None:
    """Remember the machines heard since a time, with what is known of them."""
    inventory, known = recording.inventory, {}
    for row in reader.rows("assets"):
        if row["last_time"] < since:  # nor does its network take room
            continue
        endpoint = endpoint_of(recording.registry, row, row["address"])
        asset = inventory.asset(endpoint, row["first_time"]) if endpoint else None
        if asset is None:
            continue
        known[row["id"]] = asset
        asset.heard, asset.last_time = True, row["last_time"]
        recording.recorder.known.add(address_of(asset.endpoint))
        for mac in row["macs"]:
            asset.endpoint.mac = bytes.fromhex(mac.replace(":", ""))
            inventory.see_mac(asset)
        asset.serves.update(dict.fromkeys(row["serves"]))
        asset.uses.update(dict.fromkeys(row["uses"]))
        asset.units.update({tuple(unit.split(" ", 1)): None for unit in row["units"]})
    for row in reader.rows("facts"):
        if row["asset"] in known:
            names = ("attribute", "value", "source", "confidence", "first_time", "last_time")
            known[row["asset"]].learn(Fact(*(row[name] for name in names)))


def recall_behaviour(recording: Recording, row: Mapping[str, Any]) -> None:
    """Remember one behaviour: that it is known, what it says about both ends, and since when they know each other."""
    client, server = (endpoint_of(recording.registry, row, row[end]) for end in ("client", "server"))
    if client is None or server is None:
        return
    what = (row["protocol"], row["operation"], row["action"], row["unit"])
    targets = [tuple(target) for target in row["targets"]]
    recording.registry.behaviour(
        client, server, Known(0, client.number, server.number, *what, targets, bool(row["ranged"]))
    )
    before = Behaviour(client, server, *what, [Target(*target) for target in targets], bool(row["ranged"]))
    before.count, before.first_time, before.last_time = row["count"], row["first_time"], row["last_time"]
    before.accepted = row["outcomes"].get("accepted", 0)
    before.others = {
        ending(OUTCOME_NAMES.index(name), 0): n for name, n in row["outcomes"].items() if name != "accepted"
    }
    recording.inventory.remember(before)
    recording.detector.acquaintances.remember(before)


def endpoint_of(registry: Registry, row: Mapping[str, Any], text: str) -> Endpoint | None:
    """Return the endpoint a row names; None for what is no address, as where a table was full."""
    try:
        address = bytes.fromhex(text.replace(":", "")) if text.count(":") == 5 else ipaddress.ip_address(text).packed
    except ValueError:
        return None
    network = registry.network(row["site"], row["segment"], row["vlan"], row["tunnel"])
    return registry.endpoint(network, address, text)
