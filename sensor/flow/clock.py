"""Capture time as the table keeps it: it may stand still or jump, and idle times are right all the same.

The rule it lives by: `steady` never goes back; sweeps happen at whole seconds of capture time, so that a live capture
(ticked by a quiet interface) and its replay do the same.
"""

from typing import Final

from mypy_extensions import i64

SECOND: Final = 1_000_000_000
DISORDER: Final = 10 * SECOND  # backwards by less is disorder between queues or files; by more, the clock was set
LEAP: Final = 10 * SECOND  # forward by more: the clock was set, or nobody listened; live, a quiet interface ticks
NEVER: Final = -(1 << 62)


class Clock:
    """The latest capture time, and a steady time that adds up how it went on."""

    def __init__(self) -> None:
        self.time: i64 = NEVER  # latest capture time, ns since 1970
        self.offset: i64 = 0  # added to it: the steady time
        self.sweep_at: i64 = NEVER  # the next whole second
        self.alarm_at: i64 = NEVER  # that, or the earlier time for which somebody asked: until then nothing is due
        self.backwards: i64 = 0
        self.resets: i64 = 0
        self.leaps: i64 = 0

    def advance(self, time: i64) -> bool:
        """Take a capture time; say whether a whole second has begun since the last sweep."""
        if time < self.time:
            self.backwards += 1
            if self.time - time > DISORDER:
                self.resets += 1
                self.offset += self.time - time
                self.time = time
                self.sweep_at = self.second() + SECOND
            return False
        first = self.time == NEVER
        if not first and time - self.time > LEAP:
            self.leaps += 1
        self.time = time
        if time < self.sweep_at:
            return False
        self.sweep_at = self.second() + SECOND
        return not first

    def second(self) -> i64:
        """Return the whole second of the latest capture time, ns."""
        return self.time // SECOND * SECOND

    def steady(self) -> i64:
        """Return a time that never goes back, ns."""
        return self.time + self.offset
