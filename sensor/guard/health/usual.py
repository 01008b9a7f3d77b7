"""How much traffic is usual, and whether there is far less of it.

The rule it lives by: the median of an hour's windows is what is usual; while traffic has fallen, nothing is learned,
until it has been so for a day, which makes it the usual.
"""

from __future__ import annotations

import statistics
from collections import deque
from typing import Final

from sensor.guard.health.verdict import ALL, Verdict

REMEMBERED: Final = 60  # windows
ENOUGH: Final = 10  # windows before anything is usual
LEAST: Final = 100  # frames in a usual window: less comes and goes by chance
ACCEPTED_AFTER: Final = 86_400 * 1_000_000_000  # ns: a plant that was shut down


class Usual:
    """The frames of the last windows."""

    def __init__(self, percent: float) -> None:
        self.percent = percent
        self.windows: deque[int] = deque(maxlen=REMEMBERED)
        self.fallen_since = 0

    def judge(self, frames: int, time: int) -> Verdict:
        """Take the frames of one window, and judge them."""
        usual = statistics.median(self.windows) if len(self.windows) >= ENOUGH else 0
        fallen = usual >= LEAST and 100 * frames < self.percent * usual
        if fallen and self.fallen_since and abs(time - self.fallen_since) > ACCEPTED_AFTER:
            self.windows.clear()
            fallen = False
        if not fallen:
            self.windows.append(frames)
            self.fallen_since = 0
        elif not self.fallen_since:
            self.fallen_since = time
        found = f"{frames:,} frames in a window"
        return Verdict("traffic_fallen", ALL, fallen, found, f"about {usual:,.0f}, as in the hour before")
