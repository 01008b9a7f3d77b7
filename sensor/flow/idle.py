"""Flows by how long they have been idle: one list for each class of timeout, the longest idle first.

The rule it lives by: a ring of links through the flows themselves, so that every step is exact and takes the same time.
"""

from mypy_extensions import i64

from sensor.flow.flow import Flow, nobody


class Idle:
    """The flows of one class; `ring` stands before the oldest and behind the newest."""

    def __init__(self, timeout: i64) -> None:
        self.timeout = timeout  # ns
        self.ring = nobody()

    def add(self, flow: Flow) -> None:
        """Put a flow behind the newest."""
        ring = self.ring
        last = ring.older
        flow.older = last
        flow.newer = ring
        last.newer = flow
        ring.older = flow

    def remove(self, flow: Flow) -> None:
        """Take a flow out, which then points to itself no longer than its caller likes."""
        flow.older.newer = flow.newer
        flow.newer.older = flow.older

    def touch(self, flow: Flow) -> None:
        """Make a flow the newest."""
        ring = self.ring
        if ring.older is not flow:
            older = flow.older
            newer = flow.newer
            older.newer = newer
            newer.older = older
            last = ring.older
            flow.older = last
            flow.newer = ring
            last.newer = flow
            ring.older = flow

    def oldest(self) -> Flow | None:
        """Return the longest idle flow, None when there is none."""
        flow = self.ring.newer
        return None if flow is self.ring else flow
