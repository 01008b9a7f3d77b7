"""`type: lines`: ECS documents in a file, one JSON object a line, for whatever carries files or tails them.

The rule it lives by: a line is whole or not there, and once: after a crash the last line in the file says where to go
on. On a full disk nothing is lost: the items wait in the outbox.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar, Final

import orjson

from sensor.keys.key import Key
from sensor.ship.destination import Destination, Sent, Settings, Unreachable
from sensor.ship.feed import NotCarried, carried, taken_up
from sensor.ship.rotating import RotatingFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sensor.ship.documents import Item
    from sensor.ship.ends import End

MAX_SIZE: Final = 100_000_000  # bytes of a file
MAX_AGE: Final = 86_400.0  # s; at midnight UTC
KEPT: Final = 30  # files put aside: a month of days


class Lines(Destination):
    """Appends documents to a file that is put aside by size and age."""

    KEYS: ClassVar[Mapping[str, Key]] = {
        "path": Key("the file", "file", required=True, written=True),
        "max_size": Key("size at which the file is put aside and a new one begun", "bytes", MAX_SIZE),
        "max_age": Key("period at whose turn it is put aside: 1h at each full hour, 1d at midnight UTC", "seconds",
                       MAX_AGE),
        "keep": Key("how many files put aside are kept; 0: all", "number", KEPT),
        "sync": Key("whether lines must be on the disk before they count", "flag", default=True),
    }  # fmt: skip

    @classmethod
    def ends(cls, settings: Settings) -> Sequence[End]:  # noqa: ARG003  # whatever they are
        """Return nobody."""
        return ()

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        values = settings.values
        self.file = RotatingFile(
            values["path"], int(values["max_size"]), values["max_age"], int(values["keep"]), sync=values["sync"]
        )
        self.written = 0
        self.repeats_skipped = 0
        self._feed, self._upto = "", 0  # of the last line in the file

    def send(self, items: Sequence[Item]) -> Sent:
        """Append items, all or none."""
        try:
            if self.file.open():
                self._feed, self._upto = last_written(self.file.last_line())
            self._append(items)
        except OSError as error:
            self.file.close()
            raise Unreachable(f"{self.file.path}: {error.strerror or error}") from error
        return Sent(len(items))

    def _append(self, items: Sequence[Item]) -> None:
        known = sum(item.sequence <= self._upto for item in items) if self._feed == self.feed else 0
        fresh = items[known:]
        if fresh:
            after = items[known - 1].sequence if known else self.after
            documents = carried(fresh, self.feed, after, time.time_ns())
            lines = [orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in documents]
            while lines:
                fit = self.file.fitting(lines)
                self.file.append(b"".join(lines[:fit]))
                self._feed, self._upto = self.feed, fresh[fit - 1].sequence
                self.written += fit
                lines, fresh = lines[fit:], fresh[fit:]
        self.repeats_skipped += known

    def idle(self) -> None:
        """Put a file of an earlier period aside, also where nothing new is written."""
        if self.file.due():
            self.file.rotate()

    def counts(self) -> Mapping[str, int]:
        """Return what was counted, by name."""
        return {
            "lines_written": self.written,
            "repeats_skipped": self.repeats_skipped,
            "files_put_aside": self.file.rotations,
            "files_removed": self.file.removed,
            "torn_bytes": self.file.torn_bytes,
        }

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def last_written(line: bytes) -> tuple[str, int]:
    """Return feed and sequence of a line; nothing where it is none of ours."""
    try:
        found = taken_up(orjson.loads(line))
    except (orjson.JSONDecodeError, NotCarried):
        return "", 0
    return found.feed, found.item.sequence
