"""The columns of each listing, for people.

The rule it lives by: a row comes from the store, so that `read` and a later `otsensor assets` show the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from sensor.console.tables import Column, safe
from sensor.console.words import cadence, duration, moment, size

if TYPE_CHECKING:
    from collections.abc import Mapping

LEVEL_STYLES: Final = {
    "critical": "bold white on red", "high": "bold red", "medium": "yellow", "low": "cyan", "informational": "dim",
}  # fmt: skip
ACTION_STYLES: Final = {
    "write": "yellow", "operate": "yellow", "select": "yellow", "stop": "bold red", "start": "red", "restart": "bold red",
    "program_download": "bold red", "program_upload": "magenta", "identify": "cyan", "time_set": "yellow", "file": "magenta",
}  # fmt: skip


def level(row: Mapping[str, Any]) -> Text:
    """Return a severity level in its colour."""
    return Text(str(row["level"]), style=LEVEL_STYLES.get(row["level"], ""))


def operation(row: Mapping[str, Any]) -> Text:
    """Return an operation in the colour of its action."""
    return Text(str(row["operation"]).replace("_", " "), style=ACTION_STYLES.get(row["action"], ""))


def unit_and_target(row: Mapping[str, Any]) -> Text:
    """Return whom inside the server and what: "unit 3: holding_register 100-139"."""
    unit = f"unit {row['unit']}" if row["unit"] else ""
    return safe(": ".join(part for part in (unit, row["target"]) if part))


def outcomes(row: Mapping[str, Any]) -> Text:
    """Return how it ended, where that is not "always accepted"."""
    found = row["outcomes"]
    if set(found) == {"accepted"}:
        return Text("accepted", style="dim")
    return Text(", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in found.items()), style="yellow")


def listed(values: list[str], most: int = 3) -> str:
    """Return the first few of some values."""
    return ", ".join(values[:most]) + (f" +{len(values) - most}" if len(values) > most else "")


def mean(row: Mapping[str, Any], name: str) -> str:
    """Return a mean latency."""
    value = row[f"{name}_mean"]
    return duration(value) if value else ""


VIEWS: Final[dict[str, tuple[Column, ...]]] = {
    "assets": (
        Column("address", lambda r: safe(r["address"])),
        Column("name", lambda r: safe(r["name"])),
        Column("role", lambda r: Text(r["role"].replace("_", " "), style="bold")),
        Column("why", lambda r: safe(r["reason"]), wrap=True, ratio=4),
        Column("vendor, model", lambda r: safe(", ".join(v for v in (r["vendor"], r["model"]) if v)), wrap=True, ratio=2),
        Column("units", lambda r: safe(listed([u.split(" ", 1)[-1] for u in r["units"]], 4))),
        Column("serves", lambda r: safe(listed(r["serves"])), wrap=True, ratio=2),
        Column("vlan", lambda r: safe(r["vlan"])),
        Column("MAC", lambda r: safe(listed(r["macs"], 1))),
    ),
    "behaviours": (
        Column("client", lambda r: safe(r["client"])),
        Column("server", lambda r: safe(r["server"])),
        Column("protocol", lambda r: safe(r["protocol"])),
        Column("does", operation),
        Column("to", unit_and_target, wrap=True, ratio=3),
        Column("times", lambda r: f"{r['count']:,}", right=True),
        Column("how often", lambda r: cadence(r["interval_mean"] or 0), right=True),
        Column("answered in", lambda r: mean(r, "latency"), right=True),
        Column("outcome", outcomes, wrap=True, ratio=1),
    ),
    "alerts": (
        Column("level", level),
        Column("what happened", lambda r: safe(r["sentence"]), wrap=True, ratio=5),
        Column("times", lambda r: f"{r['count']:,}", right=True),
        Column("first seen (UTC)", lambda r: moment(r["first_time"])),
        Column("ATT&CK", lambda r: " ".join(r["techniques"])),
    ),
    "flows": (
        Column("opener", lambda r: safe(f"{r['opener']}:{r['opener_port']}" if r["opener_port"] else r["opener"])),
        Column("answerer", lambda r: safe(f"{r['answerer']}:{r['answerer_port']}" if r["answerer_port"] else r["answerer"])),
        Column("protocol", lambda r: safe(r["protocol"] or r["transport"])),
        Column("state", lambda r: safe(r["state"])),
        Column("packets", lambda r: f"{r['packets']:,} / {r['packets_back']:,}", right=True),
        Column("bytes", lambda r: f"{size(r['bytes'])} / {size(r['bytes_back'])}", right=True),
        Column("first seen (UTC)", lambda r: moment(r["first_time"])),
        Column("lasted", lambda r: duration(r["last_time"] - r["first_time"]), right=True),
        Column("lost, repeated, doubled", lambda r: f"{r['gaps']}, {r['retransmissions']}, {r['duplicates']}"),
    ),
}  # fmt: skip
