"""`type: stdout`: ECS documents as JSON lines on standard output, for pipes and for looking.

The rule it lives by: what was written to the pipe counts as sent; nobody can know more about a pipe.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import orjson

from sensor.ship.destination import Destination, Sent, Unreachable
from sensor.ship.feed import carried

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sensor.ship.destination import Settings
    from sensor.ship.documents import Item
    from sensor.ship.ends import End


class Stdout(Destination):
    """Writes documents to standard output."""

    @classmethod
    def ends(cls, settings: Settings) -> Sequence[End]:  # noqa: ARG003  # whatever they are
        """Return nobody."""
        return ()

    def send(self, items: Sequence[Item]) -> Sent:
        """Write items."""
        lines = [orjson.dumps(one) for one in carried(items, self.feed, self.after, time.time_ns())]
        try:
            sys.stdout.buffer.write(b"\n".join((*lines, b"")))
            sys.stdout.buffer.flush()
        except OSError as error:
            raise Unreachable(f"standard output: {error.strerror or error}") from error
        return Sent(len(items))
