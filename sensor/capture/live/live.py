"""The live capture of one worker: its interfaces' frames as Blocks, in time, until it is stopped.

The rule it lives by: time goes on whatever the wire does. A quiet network gives empty Blocks that carry the time up to
which everything was given, so that what waits for time to pass never waits for a frame.
"""

import select
import socket
import time
from collections.abc import Iterator, Sequence
from typing import Final

from librt.strings import read_i64_le
from mypy_extensions import i64

from sensor.capture.block import RECORD, Block, Interface
from sensor.capture.live import ledger
from sensor.capture.live.order import HOLD_NS, Ordered, onward
from sensor.capture.live.recording import Recording
from sensor.capture.live.span import RETIRE_NS, SpanSocket
from sensor.capture.live.tap import Tap

QUIET_NS: Final = 100_000_000  # after so long without a frame an empty Block carries the time
LOOK_NS: Final = 1_000_000_000  # how often interfaces and the kernel's losses are looked at
FLUSH_NS: Final = 2 * RETIRE_NS  # after a stop: until the block that the kernel fills now was given to us
DRAIN_NS: Final = 1_000_000_000  # after a stop: what a slow reader has not read by then is counted and left


class Live:
    """Reads the sockets of one worker.

    Frames are of source 0, numbered from 1, or, where they are recorded, of the file they were written to, with their
    number there; `names` says what a source is called. A record's interface tells on which of `interfaces` it was seen,
    in the order of the sockets.
    """

    def __init__(
        self, sockets: Sequence[SpanSocket], hold_ns: i64 = HOLD_NS, recording: Recording | None = None
    ) -> None:
        self.interfaces = [Interface(span.link_type, span.settings.snap_length, span.name) for span in sockets]
        self.taps: list[Tap] = []
        for number, span in enumerate(sockets):
            span.ledger.inherit()
            self.taps.append(Tap(span, number, self.interfaces))
        self.ordered = Ordered(self.taps, hold_ns) if len(self.taps) > 1 else None
        self.recording = recording
        self.names: dict[int, str] = recording.names if recording is not None else {}
        self.names[0] = "+".join([tap.name for tap in self.taps])
        self.frames: i64 = 0  # given so far
        self.time: i64 = 0  # of the last frame or empty Block, ns
        self.stopping: i64 = 0  # monotonic ns since when; 0: it goes on
        self.marked = False
        self.spoke: i64 = time.monotonic_ns()  # when the last Block was given
        self.looked: i64 = self.spoke
        self.own_clock = any(tap.hardware for tap in self.taps)
        # From the kernel's clock to the time up to which everything was given; learnt where hardware gives the times.
        waits: i64 = 1 if self.ordered is None else 2  # for its block to be given, then for the other interfaces
        self.ahead: i64 = -waits * (RETIRE_NS + hold_ns)
        self.poll = select.poll()
        self.watched: dict[int, Tap] = {}
        self.watch()

    def blocks(self) -> Iterator[Block]:
        """Yield the frames, or the time at least each QUIET_NS."""
        while True:
            block = self.next()
            if block is None:
                break
            yield block
            self.done()
        for tap in self.taps:
            tap.count_losses()
            tap.ledger.add(ledger.UNREAD, tap.port.unread())
        if self.recording is not None:
            self.recording.close()

    def stop(self) -> None:
        """Let `blocks` end with what was received up to now; safe to call from a signal handler."""
        if self.stopping == 0:
            self.stopping = time.monotonic_ns()

    def counts(self) -> dict[str, int]:
        """Return every counter by name and interface; they grow, over restarts of the worker too."""
        found: dict[str, int] = {}
        for tap in self.taps:
            tap.count_losses()
            for slot, name in enumerate(ledger.NAMES):
                found[f"{name}.{tap.name}"] = int(tap.ledger.get(slot))
        if self.recording is not None:
            for slot, name in enumerate(ledger.RECORDING_NAMES, ledger.WRITTEN):
                found[name] = int(self.taps[0].ledger.get(slot))
        return found

    def state(self) -> dict[str, str]:
        """Return for each interface "up", "down" or "gone"; under "write" "on", or what keeps a recording from it."""
        found = {tap.name: tap.state for tap in self.taps}
        if self.recording is not None:
            found["write"] = self.recording.trouble or "on"
        return found

    def close(self) -> None:
        """Let the rings go; the sockets stay open."""
        for tap in self.taps:
            tap.close()

    # --- How it goes on -------------------------------------------------------------------------------

    def next(self) -> Block | None:
        """Return the next Block; None at the end."""
        while True:
            now: i64 = time.monotonic_ns()
            if now - self.looked >= LOOK_NS:
                self.look(now)
            ending = self.stopping != 0 and self.ending(now)
            block = None if ending and now - self.stopping >= DRAIN_NS else self.take(ending)
            if block is not None:
                self.spoke = now
                return self.numbered(block)
            if ending:
                return None
            if now - self.spoke >= QUIET_NS:
                self.spoke = now
                return self.empty()
            self.wait(now)

    def take(self, ending: bool) -> Block | None:
        """Return what the interfaces have."""
        if self.ordered is not None:
            return self.ordered.take(ending)
        return self.taps[0].take()

    def numbered(self, block: Block) -> Block:
        """Give a Block's frames their numbers."""
        block.number = self.frames + 1
        self.frames += block.last - block.first
        if self.recording is not None:
            self.recording.take(block, self.interfaces)
        newest = read_i64_le(block.index, (block.last - 1) * RECORD)
        if self.own_clock:
            self.ahead = newest - time.time_ns()
        self.time = onward(self.time, newest)
        return block

    def empty(self) -> Block:
        """Return the time up to which everything was given, by the clock that times the frames."""
        block = Block(b"", b"", 0, 0, 0, self.frames + 1, 0, self.interfaces)
        self.time = onward(self.time, time.time_ns() + self.ahead)
        block.time = self.time
        if self.recording is not None:
            self.recording.tick(self.time)
        return block

    def done(self) -> None:
        """The Block given last was worked through."""
        if self.ordered is not None:
            self.ordered.done()
        else:
            self.taps[0].done(0)

    def ending(self, now: i64) -> bool:
        """Tell whether everything that will come has come; sees to it, after a stop, that it does."""
        if not self.marked:
            self.marked = True
            for tap in self.taps:
                tap.port.mark()
        return now - self.stopping >= FLUSH_NS

    def wait(self, now: i64) -> None:
        """Sleep until a ring has something, or something else is due."""
        left = self.spoke + QUIET_NS - now
        if self.ordered is not None:
            patience = self.ordered.patience(now)
            if patience >= 0:
                left = min(left, patience)
        if self.stopping != 0:
            left = min(left, self.stopping + FLUSH_NS - now)
        for handle, event in self.poll.poll(int(max(left // 1_000_000, 0)) + 1):
            if event & ~select.POLLIN:
                self.watched[handle].port.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                self.look(now)

    def look(self, now: i64) -> None:
        """Look after the interfaces, and at what the kernel has lost."""
        self.looked = now
        for tap in self.taps:
            tap.look()
            tap.count_losses()
        self.watch()
        self.watch()

    def watch(self) -> None:
        """Let `wait` wake up for the sockets that are in use now."""
        for handle in self.watched:
            self.poll.unregister(handle)
        self.watched = {tap.port.sock.fileno(): tap for tap in self.taps}
        for handle in self.watched:
            self.poll.register(handle, select.POLLIN)
