"""What a shipper is told from outside: to ship the rest and end, or to end at once.

The rule it lives by: an order may come from a signal handler at any instruction, so it takes no lock: a flag is set,
and a byte in a pipe wakes whoever waits.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from typing import Any, Final

CHUNK: Final = 65_536


class Orders:
    """Orders, and waiting for them."""

    def __init__(self, end_of: int | None = None, *, ending: bool = False) -> None:
        """`end_of`: a file descriptor whose end is the order to ship the rest and end, as a parent's death brings."""
        self.ending = ending  # what is left is shipped
        self.stopping = False  # at once
        self._end_of = end_of
        self._before: dict[signal.Signals, Any] = {}  # handlers
        self._woken, self._wake = os.pipe()
        for one in (self._woken, self._wake):
            os.set_blocking(one, False)

    def stop_on(self, *signals: signal.Signals) -> None:
        """Take these signals as the order to end at once."""
        for one in signals:
            self._before[one] = signal.signal(one, lambda _number, _frame: self.stop())

    def stop(self) -> None:
        """End at once; also from a signal handler."""
        self.stopping = True
        with contextlib.suppress(BlockingIOError):  # full of bytes that wake as well
            os.write(self._wake, b"x")

    def wait(self, seconds: float) -> None:
        """Wait for an order, but no longer than that."""
        waited = [self._woken]
        if self._end_of is not None and not self.ending:
            waited.append(self._end_of)
        found, _, _ = select.select(waited, [], [], seconds)
        if self._end_of in found:
            self.ending = at_end(self._end_of)
        if self._woken in found:
            with contextlib.suppress(BlockingIOError):
                os.read(self._woken, CHUNK)

    def close(self) -> None:
        """Let go of the pipe and of the signals."""
        for one, handler in self._before.items():
            signal.signal(one, handler)
        os.close(self._woken)
        os.close(self._wake)


def at_end(descriptor: int | None) -> bool:
    """Read what there is; say whether it has ended."""
    try:
        return descriptor is None or not os.read(descriptor, CHUNK)
    except BlockingIOError:
        return False
    except OSError:  # a terminal that has gone
        return True
