"""The keyboard of a terminal while a picture is on it.

The rule it lives by: only Ctrl-C is heard. A key that is typed leaves no letter in the picture, Ctrl-Z does not blind
the sensor, Ctrl-S stops nothing, and what was typed meanwhile is no command for the shell afterwards.
"""

from __future__ import annotations

import contextlib
import os
import termios
from typing import Any, Final

# Where tcgetattr keeps them
INPUT: Final = 0
LOCAL: Final = 3
KEYS: Final = 6
UNHEARD: Final = (termios.VSUSP, termios.VSTOP, termios.VSTART)
DISABLED: Final = b"\x00"  # _POSIX_VDISABLE on Linux


class Keyboard:
    """Hushes a terminal's keys and gives them back."""

    def __init__(self, descriptor: int | None) -> None:
        self.descriptor = descriptor
        self.before: list[Any] | None = None

    def hush(self) -> None:
        """Let no key but Ctrl-C do anything; a process in the background may not, and would be stopped for trying."""
        if self.descriptor is None or self.before is not None:
            return
        with contextlib.suppress(OSError, termios.error):
            if os.tcgetpgrp(self.descriptor) != os.getpgrp():
                return
            before, hushed = termios.tcgetattr(self.descriptor), termios.tcgetattr(self.descriptor)
            hushed[INPUT] &= ~termios.IXON
            hushed[LOCAL] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON)
            for key in UNHEARD:
                hushed[KEYS][key] = DISABLED
            termios.tcsetattr(self.descriptor, termios.TCSANOW, hushed)
            self.before = before

    def restore(self, *, forget: bool) -> None:
        """Give the keys back; `forget` what was typed, for which the terminal has to take what is written to it."""
        before, self.before = self.before, None
        if self.descriptor is None or before is None:
            return
        with contextlib.suppress(OSError, termios.error):
            if os.tcgetpgrp(self.descriptor) == os.getpgrp():
                termios.tcsetattr(self.descriptor, termios.TCSAFLUSH if forget else termios.TCSANOW, before)
