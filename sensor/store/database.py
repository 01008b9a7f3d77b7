"""Opening a store: a new file, one of ours, or a clear word about what it is instead.

The rule it lives by: nothing is written to a file that is not ours, and a newer schema is left alone.
"""

import os
import pathlib
import secrets
import sqlite3
from typing import Final

from sensor.store.tables import APPLICATION, INDEXES, OLDEST, TABLES, VERSION

BUSY_SECONDS: Final = 5.0  # another process may hold the file while it writes a batch
CACHE_KIB: Final = 65_536
CHECKPOINT_PAGES: Final = 8_000  # 32 MB: random keys touch the same pages again before they are copied


class StoreError(Exception):
    """A store cannot be used: which file, what was found, what was expected."""

    def __init__(self, path: pathlib.Path | str, found: str, expected: str) -> None:
        super().__init__(path, found, expected)
        self.path = path
        self.found = found
        self.expected = expected

    def __str__(self) -> str:
        return f"{self.path}: {self.found}; expected {self.expected}"


def open_for_writing(path: pathlib.Path | None) -> sqlite3.Connection:
    """Open or make a store; None: a file nobody else sees, gone when closed, that does not grow in memory."""
    if path is None:
        connection = connect("")
        connection.execute("PRAGMA journal_mode = OFF")
        make(connection)
        return connection
    if path.is_dir():
        raise StoreError(path, "is a folder", "a file")
    connection = connect(str(path), path)
    try:
        if is_empty(connection):
            connection.execute("PRAGMA journal_mode = WAL")
            make(connection)
        else:
            check(connection, path)
            connection.execute("PRAGMA journal_mode = WAL")
            bring_up_to_date(connection)
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute("PRAGMA temp_store = MEMORY")  # a confined process may have no folder for temporary files
        connection.execute("PRAGMA synchronous = NORMAL")  # a crash loses the last batch at most, never the file
    except sqlite3.Error as error:
        connection.close()
        raise complaint(path, error) from error
    except StoreError:
        connection.close()
        raise
    return connection


def open_for_reading(path: pathlib.Path) -> sqlite3.Connection:
    """Open a store that exists; nothing is written to it."""
    if not path.is_file():
        raise StoreError(path, "is not there" if not path.exists() else "is not a file", "a store made by --db")
    connection = connect(f"{path.absolute().as_uri()}?{how_to_read(path)}", path)
    try:
        check(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise complaint(path, error) from error
    except StoreError:
        connection.close()
        raise
    return connection


def how_to_read(path: pathlib.Path) -> str:
    """Return SQLite's parameter: a store at rest on a medium that cannot be written needs no index of its log made."""
    log = path.with_name(f"{path.name}-wal")
    at_rest = not log.exists() or log.stat().st_size == 0
    return "immutable=1" if at_rest and not os.access(path.absolute().parent, os.W_OK) else "mode=ro"


def connect(name: str, path: pathlib.Path | None = None) -> sqlite3.Connection:
    """Connect; transactions are begun and committed by whoever writes."""
    try:
        connection = sqlite3.connect(name, timeout=BUSY_SECONDS, isolation_level=None, uri=name.startswith("file:"))
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    except sqlite3.Error as error:
        raise complaint(path or name, error) from error
    return connection


def is_empty(connection: sqlite3.Connection) -> bool:
    """Say whether the file holds nothing yet."""
    return not connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()


def make(connection: sqlite3.Connection) -> None:
    """Make the tables."""
    connection.execute("BEGIN")
    for table in TABLES:
        connection.execute(table.create())
    for index in INDEXES:
        connection.execute(index)
    # The store's own id: one made anew begins its numbers again, and whoever listens behind a diode must see that.
    connection.execute("INSERT INTO meta VALUES ('store', ?)", (secrets.token_hex(8),))
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Add the tables that an older schema has not."""
    if connection.execute("PRAGMA user_version").fetchone()[0] == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    for table in TABLES:
        if table.name not in there:
            connection.execute(table.create())
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def check(connection: sqlite3.Connection, path: pathlib.Path) -> None:
    """Raise StoreError when the file is not a store of this schema."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION:
        found = "an empty file" if is_empty(connection) else "a database of something else"
        raise StoreError(path, found, "a store made by otsensor")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if not OLDEST <= version <= VERSION:
        whose = "a newer otsensor" if version > VERSION else "an older otsensor"
        raise StoreError(path, f"schema version {version}, made by {whose}", f"version {VERSION}")
    for table in TABLES:
        columns = tuple(row[1] for row in connection.execute(f"PRAGMA table_info({table.name})"))
        if columns != table.names and (columns or version == VERSION):
            raise StoreError(path, f"table {table.name} with {len(columns)} columns", f"{len(table.names)} columns")


def complaint(path: pathlib.Path | str, error: sqlite3.Error) -> StoreError:
    """Say what SQLite found wrong with a file."""
    text = str(error)
    if "not a database" in text or "malformed" in text:
        return StoreError(path, f"not a usable database ({text})", "a store made by otsensor, or a new file")
    if "locked" in text:
        return StoreError(path, "in use by another process", "a store nobody writes to")
    return StoreError(path, text, "a file that can be read and written")
