"""The far side of one-way lines: what has come, what is missing, and what waits to be shipped on.

The rule it lives by: a document is taken once. What came, which numbers it covers and how far a file was read are
written in one transaction, so that neither a crash nor a line sent twice makes a hole or a repeat.
"""

from __future__ import annotations

import dataclasses
import secrets
import sqlite3
import time
from typing import TYPE_CHECKING, Any, Final

import orjson

from sensor.ship.covered import Covered
from sensor.ship.documents import Item
from sensor.ship.outbox import EVERY, SCANNED, Batch, Outbox, Reading, Writing
from sensor.store import tables
from sensor.store.database import StoreError, complaint, connect, is_empty
from sensor.store.tables import Table

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterable, Iterator, Mapping

    from sensor.ship.destination import Filter
    from sensor.ship.feed import Carried

APPLICATION: Final = 0x4F545231  # "OTR1"
VERSION: Final = 1  # of the schema
MAX_FEEDS: Final = 1_000  # a feed is one way out of one sensor
REMOVED: Final = 2_000  # rows of one transaction

RECEIVED = Table(
    "received",
    ("sequence INTEGER", "stream TEXT", "id TEXT", "revision INT", "level TEXT", "site TEXT", "segment TEXT",
     "document TEXT"),
    ("sequence",),
)  # fmt: skip
FEEDS = Table(
    "feeds",
    ("feed TEXT", "sensor TEXT", "taken INT", "repeats INT", "time INT", "told INT", "revision INT"),
    ("feed",),
)
RANGES = Table("ranges", ("feed TEXT", "after INT", "upto INT"), ("feed", "after"))
FILES = Table("files", ("device INT", "inode INT", "head TEXT", "offset INT"), ("device", "inode"))
TABLES: Final = (tables.META, tables.CURSORS, tables.REJECTED, tables.OUTBOX_COUNTS, RECEIVED, FEEDS, RANGES, FILES)


@dataclasses.dataclass(slots=True)
class Feed:
    """One way out of one sensor, as the far side sees it."""

    id: str
    sensor: str
    taken: int = 0
    repeats: int = 0
    time: int = 0  # ns, wall clock, when something came last
    told: int = 0  # how many numbers were missing when it was told last
    revision: int = 0  # of what was told
    covered: Covered = dataclasses.field(default_factory=Covered)

    def row(self) -> tuple[Any, ...]:
        """Return it as a row."""
        return (self.id, self.sensor, self.taken, self.repeats, self.time, self.told, self.revision)

    def holes(self) -> list[tuple[int, int]]:
        """Return what is missing: first and last number of each hole, from the first number on."""
        before = [(1, self.covered.ranges[0][0])] if self.covered.ranges and self.covered.ranges[0][0] > 0 else []
        return [*before, *self.covered.holes()]

    def missing(self) -> int:
        """Return how many numbers are missing."""
        return sum(last - first + 1 for first, last in self.holes())


class Ledger(Outbox):
    """Takes what comes over one-way lines, and is the outbox from which it is shipped on."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.observer: Mapping[str, str] = {}
        self.database = opened(path)
        self.counted: dict[str, int] = {}
        self.sequence = 0
        self.feeds: dict[str, Feed] = {}
        self._recall()

    def _recall(self) -> None:
        """Take over what the file says."""
        with Reading(self):
            self.sequence = self._last()
            self.feeds = {row[0]: Feed(*row) for row in self.database.execute("SELECT * FROM feeds")}
            for feed, after, upto in self.database.execute("SELECT * FROM ranges ORDER BY feed, after"):
                self.feeds[feed].covered.add(after, upto)

    # --- What comes -----------------------------------------------------------------------------------

    def take(self, arrived: Iterable[Carried], position: tuple[int, int, str, int] | None = None) -> int:
        """Take documents; `position`: device, inode, head and offset of the file they were read from. Return how many.

        All of it is kept, or nothing.
        """
        fresh: list[Item] = []
        touched: dict[str, Feed] = {}
        for one in arrived:
            feed = self._feed(one)
            if feed is not None:
                touched[feed.id] = feed
                if self._is_new(feed, one):
                    fresh.append(one.item)
        try:
            self.put(fresh, touched, position)
        except StoreError:  # such as a full disk: what was not kept has not come
            self._recall()
            raise
        return len(fresh)

    def _feed(self, one: Carried) -> Feed | None:
        feed = self.feeds.get(one.feed)
        if feed is None:
            if len(self.feeds) >= MAX_FEEDS:
                self.count("feeds_refused")
                return None
            feed = self.feeds[one.feed] = Feed(one.feed, sensor_of(one.item))
        feed.time = time.time_ns()
        return feed

    def _is_new(self, feed: Feed, one: Carried) -> bool:
        if one.item.sequence in feed.covered:
            feed.repeats += 1
            return False
        feed.covered.add(one.after, one.item.sequence)
        if given_up := feed.covered.bound():
            self.count("numbers_given_up", given_up)
        feed.taken += 1
        return True

    def put(
        self, items: Iterable[Item], feeds: Mapping[str, Feed], position: tuple[int, int, str, int] | None = None
    ) -> None:
        """Write items behind those that wait, the feeds they came on, and how far a file was read."""
        rows = [received(item, self.sequence + number) for number, item in enumerate(items, 1)]
        with Writing(self):
            execute = self.database.executemany
            execute(RECEIVED.insert(), rows)
            execute(tables.META.insert(), [("sequence", str(self.sequence + len(rows)))])
            execute(FEEDS.insert(), [feed.row() for feed in feeds.values()])
            execute("DELETE FROM ranges WHERE feed = ?", [(feed,) for feed in feeds])
            execute(RANGES.insert(), [(f.id, *ends) for f in feeds.values() for ends in f.covered.ranges])
            execute(FILES.insert(), [position] if position is not None else [])
            execute(tables.OUTBOX_COUNTS.insert(), list(self.counted.items()))
        self.sequence += len(rows)
        self.counted.clear()

    def count(self, name: str, number: int = 1) -> None:
        """Count something; it is written with the next that comes."""
        self.counted[name] = self.counted.get(name, 0) + number

    def read_upto(self, device: int, inode: int, head: str) -> int:
        """Return how far a file was read; 0 where it is another one by its head."""
        question = "SELECT offset FROM files WHERE device = ? AND inode = ? AND head = ?"
        with Reading(self):
            found = self.database.execute(question, (device, inode, head)).fetchone()
        return int(found[0]) if found else 0

    # --- What goes on ---------------------------------------------------------------------------------

    def read(self, after: int, limit: int, allowed: Filter) -> Batch:
        """Return up to `limit` items behind a number that pass a filter; see Outbox.read."""
        batch, seen = Batch(after), 0
        with Reading(self):
            for row in self._received(after):
                if len(batch.items) >= limit or seen >= SCANNED * limit:
                    batch.more = True
                    return batch
                batch.through, seen = row["sequence"], seen + 1
                if row["stream"] in allowed.kinds and allowed.takes(row):
                    batch.items.append(item_of(row))
            batch.through = max(batch.through, self._last())
        return batch

    def _received(self, after: int) -> Iterator[dict[str, Any]]:
        statement = f"SELECT {', '.join(RECEIVED.names)} FROM received WHERE sequence > ? ORDER BY sequence"  # noqa: S608
        for row in self.database.execute(statement, (after,)):
            yield dict(zip(RECEIVED.names, row, strict=True))

    def waiting(self, destination: str, allowed: Filter | None = None, most: int = EVERY) -> int:  # noqa: ARG002  # see Outbox
        """Return how many documents are behind a destination's cursor."""
        after = self.cursor(destination).sequence
        with Reading(self):
            counted = "SELECT count(*) FROM (SELECT 1 FROM received WHERE sequence > ? LIMIT ?)"
            found = self.database.execute(counted, (after, most)).fetchone()
        return int(found[0])

    def keep(self, max_bytes: float) -> int:
        """Remove what every destination has, and beyond a size the oldest of what waits; return how many of those."""
        settled = min((one.sequence for one in self.cursors().values()), default=0)
        while self._remove(settled):
            pass
        dropped = 0
        while self.size() > max_bytes and (removed := self._remove(self.sequence)):
            dropped += removed
            self.count("dropped_for_room", removed)
        return dropped

    def _remove(self, upto: int) -> int:
        oldest = "SELECT sequence FROM received WHERE sequence <= ? ORDER BY sequence LIMIT ?"
        with Writing(self):
            statement = f"DELETE FROM received WHERE sequence IN ({oldest})"  # noqa: S608
            return self.database.execute(statement, (upto, REMOVED)).rowcount

    def size(self) -> int:
        """Return the bytes in use; freed pages are used again."""
        names = ("page_count", "freelist_count", "page_size")
        pages, free, each = (self.database.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
        return int((pages - free) * each)


def opened(path: pathlib.Path) -> sqlite3.Connection:
    """Open or make a ledger; raise StoreError."""
    database = connect(str(path), path)
    try:
        if is_empty(database):
            database.execute("PRAGMA journal_mode = WAL")
            make(database)
        else:
            check(database, path)
        database.execute("PRAGMA synchronous = FULL")  # nobody sends it again: what was taken survives a power failure
    except sqlite3.Error as error:
        database.close()
        raise complaint(path, error) from error
    except StoreError:
        database.close()
        raise
    return database


def make(database: sqlite3.Connection) -> None:
    """Make the tables."""
    database.execute("BEGIN")
    for table in TABLES:
        database.execute(table.create())
    database.execute(tables.META.insert(), ("store", secrets.token_hex(8)))
    database.execute(f"PRAGMA application_id = {APPLICATION}")
    database.execute(f"PRAGMA user_version = {VERSION}")
    database.execute("COMMIT")


def check(database: sqlite3.Connection, path: pathlib.Path) -> None:
    """Raise StoreError where a file is not a ledger of this version."""
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION:
        raise StoreError(path, "a database of something else", "a ledger made by otsensor receive, or a new file")
    if version != VERSION:
        raise StoreError(path, f"a ledger of version {version}", f"version {VERSION}")


def received(item: Item, sequence: int) -> tuple[Any, ...]:
    """Return an item as a row."""
    document = item.document
    ot = document.get("ot")
    ot = ot if isinstance(ot, dict) else {}
    tags = document.get("tags")
    level = tags[0] if item.stream == "alert" and isinstance(tags, list) and tags else None
    words = (level, ot.get("site"), ot.get("segment"))
    kept = [word if isinstance(word, str) else None for word in words]
    return (sequence, item.stream, item.id, item.revision, *kept, orjson.dumps(document).decode())


def item_of(row: Mapping[str, Any]) -> Item:
    """Return a row as an item; its number is the ledger's, the document keeps the sensor's."""
    return Item(row["sequence"], row["stream"], row["id"], row["revision"], orjson.loads(row["document"]))


def sensor_of(item: Item) -> str:
    """Return the name of the sensor a document comes from."""
    observer = item.document.get("observer")
    name = observer.get("name") if isinstance(observer, dict) else None
    return name[:256] if isinstance(name, str) else ""
