"""One watch from its first frame to its last: a single loop over workers, signals and time.

The rule it lives by: one process, one thread. What arrives is taken in turns, what is due is done once a second, and
nothing here waits for anything but the next of these.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import time
from typing import TYPE_CHECKING, Final

from sensor.watching.crew import Crew, Member

if TYPE_CHECKING:
    from collections.abc import Callable

    from sensor.ship.beside import Beside
    from sensor.watching.duties import Duties
    from sensor.watching.parts import Recording

TURN_SECONDS: Final = 0.1  # the longest wait for something to happen
SECOND: Final = 1.0
END_SECONDS: Final = 1.0  # for the workers to hand over what they have; with the writing it makes less than two


class Session:
    """The supervisor and recorder of one watch."""

    def __init__(
        self, recording: Recording, duties: Duties, workers: int, run_worker: Callable[[int, socket.socket], None],
        beside: Beside | None,
    ) -> None:  # fmt: skip
        self.duties = duties
        self.beside = beside
        self.claim: object = None  # on the store, held for as long as this is
        self.selector = selectors.DefaultSelector()
        self.crew = Crew(workers, self.selector, run_worker, recording.mirror, duties.say)
        self.asked_to_end = False
        self.asked_to_reload = False
        self.second_at = 0.0

    def run(self) -> None:
        """Watch until SIGTERM or SIGINT."""
        with Signals(self):
            if self.beside is not None:
                self.selector.register(self.beside.descriptor, selectors.EVENT_READ, self.hear_shipper)
            self.crew.begin(time.monotonic())
            self.duties.begin(self.selector)
            while not self.asked_to_end:
                self.turn()
            self.end()

    def turn(self) -> None:
        """Take what has arrived, and do what is due."""
        for key, _ in self.selector.select(TURN_SECONDS):
            if isinstance(key.data, Member):
                self.crew.hear(key.data, time.monotonic())
            else:
                key.data()
        now = time.monotonic()
        self.crew.play(now)
        self.duties.notify.alive()
        if self.asked_to_reload:
            self.asked_to_reload = False
            self.duties.reload()
        if now - self.second_at >= SECOND:
            self.second_at = now
            self.crew.look(now)
            self.duties.second(self.crew)

    def hear_shipper(self) -> None:
        """Take what the shipper tells; that nobody is left to tell, which is not by itself, is said once."""
        if self.beside is None:
            return
        for line in self.beside.take():
            self.duties.say(line, "warning")  # it tells of troubles, and of their end to whoever was told of them
        if self.beside.over:
            self.selector.unregister(self.beside.descriptor)
            self.duties.say("the shipper has ended: what is found waits in the store until the next start", "error")

    def end(self) -> None:
        """Take what the workers still have, and write everything."""
        self.duties.notify.stopping()
        self.crew.stop()
        self.crew.finish(END_SECONDS)
        self.duties.end(self.crew)
        if self.beside is not None:
            self.beside.end()
        self.selector.close()


class Signals:
    """SIGTERM and SIGINT end a session, SIGHUP reloads; a second SIGINT ends at once."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.before: dict[signal.Signals, object] = {}
        self.wakeful, self.waker = socket.socketpair()

    def __enter__(self) -> None:
        for end in (self.wakeful, self.waker):
            end.setblocking(False)
        signal.set_wakeup_fd(self.waker.fileno(), warn_on_full_buffer=False)
        self.session.selector.register(self.wakeful, selectors.EVENT_READ, self.woken)
        handlers = {
            signal.SIGTERM: self.end, signal.SIGINT: self.end, signal.SIGHUP: self.reload, signal.SIGCHLD: self.nothing,
        }  # fmt: skip
        self.before = {number: signal.signal(number, handler) for number, handler in handlers.items()}

    def __exit__(self, *_error: object) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self.before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self.wakeful.close()
        self.waker.close()

    def woken(self) -> None:
        """Empty the pipe that woke the loop."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.wakeful.fileno(), 4_096):
                pass

    def end(self, number: int, _frame: object) -> None:
        """End after the present turn."""
        self.session.asked_to_end = True
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def reload(self, _number: int, _frame: object) -> None:
        """Reload after the present turn."""
        self.session.asked_to_reload = True

    def nothing(self, _number: int, _frame: object) -> None:
        """Only wake the loop: a child has ended."""
