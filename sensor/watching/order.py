"""Batches of several workers in the order of capture time.

The rule it lives by: the earliest goes first, and only when every other worker has told a time not before it. A worker
that tells nothing holds up the others for `PATIENCE` at most.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sensor.handover.records import Batch

PATIENCE: Final = 0.5  # s: five times what a ring takes to give a block that is not full


class Order:
    """What has arrived and was not played yet."""

    def __init__(self) -> None:
        self.queues: dict[int, deque[tuple[float, Batch]]] = {}
        self.told: dict[int, int] = {}  # capture time up to which a worker has told everything, ns
        self.overtaken = 0  # batches that went before a silent worker had its say

    def join(self, worker: int) -> None:
        """A worker has begun."""
        self.queues[worker] = deque()
        self.told[worker] = 0

    def leave(self, worker: int) -> Iterator[Batch]:
        """A worker has ended: nobody waits for it; yield what it has told."""
        self.told.pop(worker, None)
        for _, batch in self.queues.pop(worker, ()):
            yield batch

    def put(self, worker: int, batch: Batch, now: float) -> None:
        """Take a batch that arrived at `now`, s on the monotonic clock."""
        self.queues[worker].append((now, batch))
        self.told[worker] = batch.time  # earlier than before where the clock was set back

    def ready(self, now: float) -> Iterator[tuple[int, Batch]]:
        """Yield the batches whose turn it is, with their workers."""
        while True:
            waiting = [(queue[0][1].time, worker) for worker, queue in self.queues.items() if queue]
            if not waiting:
                return
            time, worker = min(waiting)
            since, batch = self.queues[worker][0]
            if min(self.told.values()) < time:
                if now - since < PATIENCE:
                    return
                self.overtaken += 1
            self.queues[worker].popleft()
            yield worker, batch
