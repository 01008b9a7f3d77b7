"""How much a sensor ships: documents and bytes of each stream, measured on a store, beside what is allowed a day.

Run as `python -m sensor.ship.elastic.budget STORE`. The rule it lives by: a stream without a budget is how a product
fills its own store.
"""

from __future__ import annotations

import pathlib
import sys
from typing import Final, NamedTuple

import orjson

from sensor.ship.destination import MESSAGE, STREAMS, Filter
from sensor.ship.documents import stamped
from sensor.ship.elastic.templates import STREAM
from sensor.ship.outbox import Outbox
from sensor.store.reader import Reader

BATCH: Final = 1000
EVERYTHING: Final = Filter(frozenset((*STREAMS, MESSAGE)))
DAY: Final = 86_400.0  # s
MEGABYTE: Final = 1e6
NS: Final = 1e9


class Volume(NamedTuple):
    """What one stream of a store comes to."""

    stream: str
    documents: int
    bytes: int  # as they are sent, before packing
    largest: int  # bytes

    def a_day(self, seconds: float) -> float:
        """Return the megabytes a day at this rate."""
        return self.bytes / MEGABYTE * DAY / seconds if seconds else 0.0


def measured(path: pathlib.Path) -> list[Volume]:
    """Return the volume of every stream."""
    sizes: dict[str, list[int]] = {stream: [] for stream in STREAM}
    outbox = Outbox(path)
    try:
        after, more = 0, True
        while more:
            batch = outbox.read(after, BATCH, EVERYTHING)
            for item in batch.items:
                sizes[item.stream].append(len(orjson.dumps(stamped(item, 0, "default"))))
            after, more = batch.through, batch.more
    finally:
        outbox.close()
    return [Volume(stream, len(found), sum(found), max(found)) for stream, found in sizes.items() if found]


def covered(path: pathlib.Path) -> tuple[float, int]:
    """Return the capture time a store covers (s), each file for itself, and the frames.

    A clock that jumps makes a file of decades: the time of such files does not count, their documents do.
    """
    with Reader(path) as reader:
        files = [row for row in reader.rows("captures") if row["frames"]]
    spans = [(row["last_time"] - row["first_time"]) / NS for row in files]
    return sum(span for span in spans if 0 <= span <= DAY), sum(row["frames"] for row in files)


def report(path: pathlib.Path) -> str:
    """Return the table."""
    seconds, frames = covered(path)
    lines = [
        f"{frames:,} frames in {seconds / 3600:,.1f} hours of capture",
        f"{'stream':<10} {'documents':>10} {'bytes each':>11} {'largest':>9} {'MB':>8} {'MB a day':>9} {'budget':>8}",
    ]
    for one in measured(path):
        each = one.bytes // max(one.documents, 1)
        lines.append(
            f"{one.stream:<10} {one.documents:>10,} {each:>11,} {one.largest:>9,} {one.bytes / MEGABYTE:>8.2f} "
            f"{one.a_day(seconds):>9.2f} {STREAM[one.stream].budget_mb:>8,}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(report(pathlib.Path(sys.argv[1])))
