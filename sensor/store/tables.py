"""The tables of the store, each column declared once: from here come the schema, the statements and the readers.

The rule it lives by: times are capture time in integer nanoseconds; lists and maps are JSON. A column that is not
declared here does not exist. Rows with a `sequence` are shipped; each number is given once and none is left out, so a
row that is rewritten leaves what it was in the table `<name>_before` until everybody who ships has taken it.
"""

import dataclasses
from collections.abc import Iterable
from typing import Final

APPLICATION: Final = 0x4F545331  # "OTS1": says whose file it is, in SQLite's own header
VERSION: Final = 3  # of the schema
OLDEST: Final = 2  # the first schema of which nothing but tables has changed since: they are added


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """One table: columns as "name type", the key, and what happens when a key comes again."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    again: str = "replace"  # replace, ignore, or the SET part of an upsert
    json: frozenset[str] = frozenset()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the columns' names."""
        return tuple(column.split()[0] for column in self.columns)

    def create(self) -> str:
        """Return the statement that makes the table."""
        return f"CREATE TABLE {self.name} ({', '.join(self.columns)}, PRIMARY KEY ({', '.join(self.key)})) STRICT"

    @property
    def numbered(self) -> int:
        """Return the place of the column `sequence`, -1 when the table is not shipped."""
        return self.names.index("sequence") if "sequence" in self.names else -1

    def insert(self) -> str:
        """Return the statement that writes a row."""
        verb = {"replace": "INSERT OR REPLACE", "ignore": "INSERT OR IGNORE"}.get(self.again, "INSERT")
        marks = ", ".join("?" * len(self.columns))
        upsert = f" ON CONFLICT DO UPDATE SET {self.again}" if verb == "INSERT" else ""
        return f"{verb} INTO {self.name} ({', '.join(self.names)}) VALUES ({marks}){upsert}"


PLACE: Final = ("site TEXT", "segment TEXT", "vlan TEXT", "tunnel TEXT")
SEEN: Final = ("first_time INT", "last_time INT")
WIDER: Final = "first_time = min(first_time, excluded.first_time), last_time = max(last_time, excluded.last_time)"


def taken(names: Iterable[str]) -> str:
    """Return the SET part that takes these columns from the new row."""
    return ", ".join(f"{name} = excluded.{name}" for name in names)


def before(table: Table) -> Table:
    """Return the table that keeps what rows were before they were rewritten."""
    columns = tuple("sequence INTEGER" if column == "sequence INT" else column for column in table.columns)
    return Table(f"{table.name}_before", columns, ("sequence",), json=table.json)


def keeping(table: Table) -> str:
    """Return the trigger that keeps a row which is about to be rewritten and which somebody has yet to ship."""
    old = ", ".join(f"old.{name}" for name in table.names)
    unshipped = "old.sequence > (SELECT min(sequence) FROM cursors)"
    keep = f"INSERT INTO {table.name}_before VALUES ({old})"  # noqa: S608  # our own names
    trigger = f"CREATE TRIGGER {table.name}_rewritten BEFORE UPDATE OF sequence ON {table.name}"
    return f"{trigger} WHEN {unshipped} BEGIN {keep}; END"


def durations(name: str) -> tuple[str, ...]:
    """Return the columns of one statistic of durations, ns."""
    whole = (f"{name}_{what} INT" for what in ("count", "sum", "min", "max"))
    return (*whole, f"{name}_buckets TEXT")


META = Table("meta", ("name TEXT", "value TEXT"), ("name",))
RUNS = Table("runs", ("run INTEGER", "version TEXT"), ("run",))
CAPTURES = Table(
    "captures",
    ("run INT", "number INT", "path TEXT", "format TEXT", "packing TEXT", "size INT", "frames INT", "bytes INT", *SEEN,
     "drops INT", "comments TEXT", "damage TEXT", "oddities TEXT"),
    ("run", "number"),
    json=frozenset({"comments", "oddities"}),
)  # fmt: skip
ASSETS = Table(
    "assets",
    ("id TEXT", "sequence INT", *PLACE, "address TEXT", "name TEXT", "role TEXT", "reason TEXT", "vendor TEXT",
     "model TEXT", "firmware TEXT", "macs TEXT", "serves TEXT", "uses TEXT", "units TEXT", *SEEN, "revision INT",
     "digest TEXT"),
    ("id",),
    taken(("sequence", "name", "role", "reason", "vendor", "model", "firmware", "macs", "serves", "uses", "units",
           "digest")) + ", revision = max(revision + 1, excluded.revision), " + WIDER,
    frozenset({"macs", "serves", "uses", "units"}),
)  # fmt: skip
FACTS = Table(
    "facts",
    ("asset TEXT", "attribute TEXT", "value TEXT", "source TEXT", "confidence REAL", *SEEN, "file TEXT", "frame INT"),
    ("asset", "attribute", "value", "source"),
    "confidence = max(confidence, excluded.confidence), " + WIDER,
)
BEHAVIOUR: Final = (
    "id TEXT", "run INT", "sequence INT", *PLACE, "client TEXT", "server TEXT", "protocol TEXT", "operation TEXT",
    "action TEXT", "unit TEXT", "target TEXT", "targets TEXT", "ranged INT", "count INT", *SEEN, "outcomes TEXT",
    "codes TEXT", *durations("latency"), *durations("interval"),
)  # fmt: skip
BEHAVIOURS = Table(
    "behaviours",
    BEHAVIOUR,
    ("id", "run"),
    taken(column.split()[0] for column in BEHAVIOUR[2:]),
    json=frozenset({"targets", "outcomes", "codes", "latency_buckets", "interval_buckets"}),
)
FLOWS = Table(
    "flows",
    ("run INT", "number INT", "sequence INT", *PLACE, "opener TEXT", "opener_port INT", "answerer TEXT",
     "answerer_port INT", "transport INT", "ethertype INT", "protocol TEXT", "state TEXT", "ending TEXT",
     "packets INT", "packets_back INT", "bytes INT", "bytes_back INT", "payload_bytes INT", "payload_bytes_back INT",
     "retransmissions INT", "gaps INT", "gap_bytes INT", "out_of_order INT", "duplicates INT", *SEEN,
     "first_file INT", "first_frame INT", "community_id TEXT", "one_way INT"),
    ("run", "number"),
)  # fmt: skip
ALERT: Final = (
    "id TEXT", "run INT", "revision INT", "state TEXT", "rule TEXT", "rule_id TEXT", "title TEXT", "level TEXT",
    "severity INT", "protocol TEXT", "source TEXT", "destination TEXT", "unit TEXT", "operation TEXT", "target TEXT",
    "outcome TEXT", "count INT", "values_counted INT", *SEEN, "sentence TEXT", "explanation TEXT", "response TEXT",
    "techniques TEXT", "tactics TEXT", *PLACE,
)  # fmt: skip
ALERTS = Table(
    "alerts",
    ALERT,
    ("id",),
    taken(column.split()[0] for column in ALERT[1:])  # reading less of a capture again does not shrink an alert
    + " WHERE excluded.count > count OR (excluded.count = count AND excluded.state <= state)",
    json=frozenset({"techniques", "tactics"}),
)
# `version` grows with what an alert has counted, whichever way it grew there: its revisions are numbered by reading.
REVISIONS = Table(
    "alert_revisions",
    ("alert TEXT", "version INT", "sequence INTEGER", "run INT", "revision INT", "time INT", "count INT", "state TEXT",
     "level TEXT", *PLACE[:2], "document TEXT"),
    ("sequence",),
    json=frozenset({"document"}),
)  # fmt: skip
EVIDENCE = Table("evidence", ("alert TEXT", "ordinal INT", "file TEXT", "frame INT", "time INT"), ("alert", "ordinal"))
ODDITIES = Table(
    "oddities",
    ("run INT", *PLACE, "sender TEXT", "receiver TEXT", "protocol TEXT", "kind TEXT", "count INT", *SEEN,
     "first_frame INT", "sample TEXT"),
    ("run", "site", "segment", "vlan", "tunnel", "sender", "receiver", "protocol", "kind"),
    "count = count + excluded.count, " + WIDER,
)  # fmt: skip
HEALTH = Table("health", ("run INT", "name TEXT", "value INT"), ("run", "name"))
# Its counts are a map of names to numbers, with two lists of lines beside: "standing", the concerns, and "interfaces".
REPORTS = Table(
    "health_reports",
    ("sequence INTEGER", "run INT", "time INT", "counts TEXT"),
    ("sequence",),
    json=frozenset({"counts"}),
)
MESSAGES = Table(
    "messages",
    ("sequence INTEGER", "run INT", "id TEXT", "time INT", *PLACE[:2], "document TEXT"),
    ("sequence",),
    json=frozenset({"document"}),
)

# --- For shipping -------------------------------------------------------------------------------------
CURSORS = Table(
    "cursors",
    ("destination TEXT", "sequence INT", "last INT", "shipped INT", "rejected INT", "time INT"),
    ("destination",),
)
MARKS = Table("outbox_marks", ("sequence INTEGER", "time INT"), ("sequence",), "ignore")  # how old a row is
REJECTED = Table(
    "rejected",
    ("destination TEXT", "sequence INT", "stream TEXT", "id TEXT", "revision INT", "reason TEXT", "time INT",
     "document TEXT"),
    ("destination", "sequence"),
    json=frozenset({"document"}),
)  # fmt: skip
OUTBOX_COUNTS = Table("outbox_counts", ("name TEXT", "value INT"), ("name",), "value = value + excluded.value")

# What goes first when the disk stays full
EXPENDABLE: Final = (
    "assets_seen", "assets_gone", "facts_gone", "messages", "flows", "health", "health_reports", "facts", "behaviours",
    "captures", "assets", "evidence", "alerts", "alert_revisions",
)  # fmt: skip

REWRITTEN: Final = (ASSETS, BEHAVIOURS)
TABLES: Final = (
    META, RUNS, CAPTURES, ASSETS, FACTS, BEHAVIOURS, FLOWS, ALERTS, REVISIONS, EVIDENCE, ODDITIES, HEALTH, REPORTS,
    MESSAGES, CURSORS, MARKS, REJECTED, OUTBOX_COUNTS, *map(before, REWRITTEN),
)  # fmt: skip
INDEXES: Final = (
    "CREATE INDEX assets_by_sequence ON assets (sequence)",
    "CREATE INDEX behaviours_by_sequence ON behaviours (sequence)",
    "CREATE INDEX flows_by_sequence ON flows (sequence)",
    "CREATE INDEX revisions_by_alert ON alert_revisions (alert, version)",
    *map(keeping, REWRITTEN),
)
