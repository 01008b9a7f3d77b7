"""One capture worker: the left half of the line over the rings of all interfaces, and the hand-over.

The rule it lives by: it meets hostile bytes first, so it can do least. It writes to nothing but its channel (and the
captures it was told to keep), waits for nobody, and dies with its parent.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any, Final, NoReturn

from sensor.guard import mute
from sensor.handover import records
from sensor.handover.teller import Teller
from sensor.pipeline import Line
from sensor.watching.channel import Outgoing, Over

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Sequence

    from sensor.capture.block import Block
    from sensor.capture.live import Live
    from sensor.contract import Protocol

SECOND: Final = 1_000_000_000
QUALITY_NS: Final = 5 * SECOND  # between two looks at the quality of what is seen
FINISH_SECONDS: Final = 1.0  # to hand over what is left when it is told to end
PR_SET_PDEATHSIG: Final = 1
PR_SET_NAME: Final = 15
DESCRIPTORS: Final = 4_096  # more than this process ever has open


class Worker:
    """Takes Blocks through the line, and tells what comes of it."""

    def __init__(
        self, live: Live, channel: socket.socket, protocols: Sequence[Protocol], place: Callable[[str], tuple[str, str]]
    ) -> None:
        """`place`: site and segment of an interface by its name."""
        self.live = live
        self.place = place
        self.outgoing = Outgoing(channel)
        self.teller = Teller(self.outgoing.send, self.outgoing.waiting)
        self.places: dict[tuple[int, int], tuple[str, str]] = {}
        self.line = Line(self.teller, list(protocols), False, self.places)
        self.pulsed = 0
        self.judged = 0
        self.began = time.process_time_ns()

    def run(self) -> None:
        """Read until told to end; hand over what is left. What goes wrong is told, and raised again."""
        try:
            for block in self.live.blocks():
                self.take(block)
            self.line.finish()
        except Exception as error:
            self.teller.put(records.Said("".join(traceback.format_exception(error))[-records.MAX_SAID :]))
            raise
        finally:
            self.pulse()
            self.teller.finish()
            self.outgoing.finish(FINISH_SECONDS)

    def take(self, block: Block) -> None:
        """Take one Block through the line; tell what it brought."""
        for number, interface in enumerate(block.interfaces):
            if (block.source, number) not in self.places:
                self.places[block.source, number] = self.place(interface.name)
        self.name(block.source)
        self.line.run(block)
        now = int(self.line.time)
        if now - self.pulsed >= SECOND or now < self.pulsed:
            self.pulsed = now
            self.pulse()
        self.teller.tick(now)

    def name(self, source: int) -> None:
        """Tell what evidence shows for a source of frames, before anything refers to it."""
        self.teller.file(source, self.live.names.get(source, ""))

    def pulse(self) -> None:
        """Tell how the line is."""
        spent = time.process_time_ns() - self.began
        counts = {**self.line.counts(), "bytes": int(self.line.bytes), "cpu_ns": spent}
        self.teller.pulse(counts, self.live.counts(), self.quality(), self.live.state())

    def quality(self) -> dict[str, Any]:
        """Return what the line says about what it sees, now and then: it looks at every conversation."""
        now = int(self.line.time)
        if 0 <= now - self.judged < QUALITY_NS:
            return {}
        self.judged = now
        return self.line.pulse()


def enter(name: str, parent: int, keep: Iterable[int], run: Callable[[], None]) -> NoReturn:
    """Live as a process of its own after a fork, and end it, in whichever way; nothing of the parent's is cleaned up.

    `keep`: the descriptors it goes on with.
    """
    code = 1
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(PR_SET_NAME, name.encode()[:15], 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)  # it died before we asked to die with it
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)
        close_others(keep)
        gc.freeze()
        run()
        code = 0
    except Over:
        code = 0  # the recorder has ended
    except BaseException as error:  # noqa: BLE001  # whatever it is, it must not run on as a second parent
        print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
    finally:
        sys.stderr.flush()
        os._exit(code)


def close_others(keep: Iterable[int]) -> None:
    """Close every descriptor but the standard ones and those kept; of other workers' sockets keep the bare numbers."""
    keep = {*keep}
    last = 2
    for number in sorted({*keep, *mute.put_aside(keep), DESCRIPTORS}):
        if number > last:
            os.closerange(last + 1, number)
            last = number


def leave_standard(nowhere: int) -> None:
    """Let go of the standard descriptors, which may be a log: what goes wrong from here on is told by the channel."""
    for number in range(3):
        os.dup2(nowhere, number)
    os.close(nowhere)


def end_on_term(live: Live) -> None:
    """Let SIGTERM end a worker after what its rings hold."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: live.stop())
