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
    "critical": "bold white on red",
    "high": "bold red",
    "medium": "yellow",
    "low": "cyan",
    "informational": "dim",
}
ACTION_STYLES: Final = {
    **dict.fromkeys(("stop", "restart", "program_download"), "bold red"),
    "start": "red",
    **dict.fromkeys(("write", "operate", "select", "time_set"), "yellow"),
    **dict.fromkeys(("program_upload", "file"), "magenta"),
    "identify": "cyan",
}
TRANSPORTS: Final = {
    1: "icmp",
    2: "igmp",
    6: "tcp",
    17: "udp",
    47: "gre",
    50: "esp",
    51: "ah",
    58: "icmpv6",
    89: "ospf",
    103: "pim",
    112: "vrrp",
    132: "sctp",
}
ETHERTYPES: Final = {
    0x0800: "ip",
    0x0806: "arp",
    0x86DD: "ipv6",
    0x8892: "profinet",
    0x88A4: "ethercat",
    0x88B8: "goose",
    0x88BA: "sv",
    0x88CC: "lldp",
    0x88F7: "ptp",
    0x888E: "eapol",
    0x88E3: "mrp",
    0x8809: "slow protocols",
}
QUIET_OUTCOMES: Final = frozenset(("unsolicited", "no_answer_due"))  # nothing was asked, so nothing failed


def level(row: Mapping[str, Any]) -> Text:
    """Return a severity level in its colour."""
    return Text(str(row["level"]), style=LEVEL_STYLES.get(row["level"], ""))


def operation(row: Mapping[str, Any]) -> Text:
    """Return an operation in the colour of its action."""
    return Text(str(row["operation"]).replace("_", " "), style=ACTION_STYLES.get(row["action"], ""))


def target(row: Mapping[str, Any]) -> Text:
    """Return what it is done to: "holding register 100-139"."""
    return safe(str(row["target"]).replace("_", " "))


def units(row: Mapping[str, Any]) -> Text:
    """Return the units that answered, whatever the protocol."""
    return safe(listed(list(dict.fromkeys(unit.split(" ", 1)[-1] for unit in row["units"])), 4))


def services(row: Mapping[str, Any]) -> Text:
    """Return what an asset serves; a port whose protocol was recognised is not named twice."""
    known = {name.split("/")[1] for name in row["serves"] if "/" in name and not name.startswith(("tcp/", "udp/"))}
    return safe(
        listed([name for name in row["serves"] if not (name.startswith(("tcp/", "udp/")) and name[4:] in known)])
    )


def outcomes(row: Mapping[str, Any]) -> Text:
    """Return how it ended where that is not simply "accepted": "3 refused"."""
    odd = {name: count for name, count in row["outcomes"].items() if name != "accepted"}
    if not odd:
        return Text("accepted", style="dim")
    told = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in odd.items())
    return Text(told, style="dim" if set(odd) <= QUIET_OUTCOMES else "yellow")


def make(row: Mapping[str, Any]) -> Text:
    """Return vendor, model and firmware, as far as they are known."""
    return safe(", ".join(value for value in (row["vendor"], row["model"], row["firmware"]) if value))


def end_of(row: Mapping[str, Any], end: str) -> Text:
    """Return one end of a flow: address and port."""
    port = row[f"{end}_port"]
    return safe(f"{row[end]}:{port}" if port else row[end])


def carried(row: Mapping[str, Any]) -> str:
    """Return what carries a flow, by name: "tcp", "arp"."""
    number, ethertype = row["transport"], row["ethertype"]
    if number or not ethertype:
        return TRANSPORTS.get(number, f"ip protocol {number}")
    return ETHERTYPES.get(ethertype, f"ethertype {ethertype:04x}")


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
        Column("why", lambda r: safe(r["reason"]), wrap=True, ratio=3),
        Column("vendor, model", make, wrap=True, ratio=3, drop=4),
        Column("units", units, drop=2),
        Column("serves", services, drop=3),
        Column("vlan", lambda r: safe(r["vlan"]), drop=5),
        Column("MAC", lambda r: safe(listed(r["macs"], 1)), drop=1),
    ),
    "behaviours": (
        Column("client", lambda r: safe(r["client"])),
        Column("server", lambda r: safe(r["server"])),
        Column("protocol", lambda r: safe(r["protocol"]), drop=3),
        Column("does", operation, wrap=True, ratio=2),
        Column("unit", lambda r: safe(r["unit"])),
        Column("to", target, wrap=True, ratio=3),
        Column("times", lambda r: f"{r['count']:,}", right=True),
        Column("how often", lambda r: cadence(r["interval_mean"] or 0), right=True, drop=2),
        Column("answered in", lambda r: mean(r, "latency"), right=True, drop=1),
        Column("outcome", outcomes, wrap=True, ratio=2),
    ),
    "alerts": (
        Column("level", level),
        Column("what happened", lambda r: safe(r["sentence"]), wrap=True, ratio=5),
        Column("times", lambda r: f"{r['count']:,}", right=True),
        Column("first seen (UTC)", lambda r: moment(r["first_time"]), drop=2),
        Column("ATT&CK", lambda r: " ".join(r["techniques"]), drop=1),
    ),
    "flows": (
        Column("opener", lambda r: end_of(r, "opener")),
        Column("answerer", lambda r: end_of(r, "answerer")),
        Column("protocol", lambda r: safe(r["protocol"] or carried(r))),
        Column("state", lambda r: safe(r["state"]), drop=4),
        Column("seen", lambda r: Text("one way" if r["one_way"] else "", style="dim"), drop=5),
        Column("packets", lambda r: f"{r['packets']:,} / {r['packets_back']:,}", right=True),
        Column("bytes", lambda r: f"{size(r['bytes'])} / {size(r['bytes_back'])}", right=True),
        Column("first seen (UTC)", lambda r: moment(r["first_time"]), drop=3),
        Column("lasted", lambda r: duration(r["last_time"] - r["first_time"]), right=True, drop=2),
        Column("lost, repeated, doubled", lambda r: f"{r['gaps']}, {r['retransmissions']}, {r['duplicates']}", drop=1),
    ),
}  # fmt: skip
