"""One interface of one worker: its frames, its losses, and what has become of it.

An interface may go down and up, and be taken away and come back under the same name (a driver reloaded, a USB adapter
plugged in again). Down and up the kernel mends itself. What came back has another index: the socket is bound anew, or,
under a fanout, which a socket can never leave, the next of the sockets kept for it.
The rule it lives by: what waits in the old ring is read before the new one is.
"""

import time
from typing import Final

from mypy_extensions import i64

from sensor.capture.block import Block, Interface
from sensor.capture.live import binding, interface, ledger
from sensor.capture.live.kernel import BLOCK_FRAMES
from sensor.capture.live.plain import Plain
from sensor.capture.live.ring import Port, Ring
from sensor.capture.live.ringwalker import RingWalker
from sensor.capture.live.span import RETIRE_NS, SpanSocket
from sensor.capture.walker import u32

SETTLED: Final = 3 * RETIRE_NS  # after so long without an interface its last block was given to us


class Tap:
    """Reads one interface; its counters are the ledger's."""

    def __init__(self, span: SpanSocket, number: i64, interfaces: list[Interface]) -> None:
        self.span = span
        self.name: str = span.name
        self.ledger: ledger.Ledger = span.ledger
        self.interfaces = interfaces
        self.walker = RingWalker(number, span.link_type == 1)
        self.counted: list[int] = [0, 0, 0, 0, 0, 0]  # of the walker's counters, what the ledger has
        self.bytes: i64 = 0
        self.hardware: bool = span.hardware
        self.generation = self.used()
        self.port = self.open()
        self.next: Port | None = None  # of the interface that has come back, while the old one is read to its end
        self.next_from: i64 = 0  # monotonic ns
        self.state = ""
        self.index = self.bound_index()
        self.look()

    def used(self) -> i64:
        """Return which of the sockets is bound: a predecessor may have gone on to another."""
        number: i64 = 0
        for at, sock in enumerate(self.span.sockets):
            if sock.getsockname()[1] != 0:
                number = at
        return number

    def bound_index(self) -> i64:
        """Return the index of the interface that is heard, 0 where it is gone."""
        sock = self.port.sock
        return interface.index_of(sock, self.name) if sock.getsockname()[0] == self.name else 0

    def open(self) -> Port:
        """Return the reader of the socket in use."""
        sock = self.span.sockets[self.generation]
        blocks: int = self.span.ring_blocks
        if blocks:
            return Ring(sock, blocks)
        return Plain(sock, self.span.settings.snap_length)

    def take(self) -> Block | None:
        """Return the next frames; None where nothing has come."""
        data = self.port.take()
        if not data:
            if self.next is not None and time.monotonic_ns() >= self.next_from:
                self.count_losses()
                self.port.close()
                self.port, self.next = self.next, None
            return None
        walker = self.walker
        # Before they are looked at: if that should be the end of this worker, they are what it had in its hands.
        self.ledger.add(ledger.TAKEN, u32(data, BLOCK_FRAMES, False))
        walker.walk(data)
        self.count()
        if walker.frames == 0:
            return None
        return Block(walker.data, walker.index, 0, walker.frames, 0, 0, 0, self.interfaces)

    def count(self) -> None:
        """Carry the walker's counters over into the ledger."""
        walker, counted, book = self.walker, self.counted, self.ledger
        now = [walker.damaged, walker.truncated, walker.tagged, walker.unfinished, walker.glued]
        for at in range(len(now)):
            if now[at] != counted[at]:
                book.add(ledger.DAMAGED + at, now[at] - counted[at])
                counted[at] = now[at]
        if self.hardware and walker.hardware - counted[5] != walker.frames:
            book.add(ledger.SOFTWARE_TIMES, walker.frames - (walker.hardware - counted[5]))
        counted[5] = walker.hardware
        book.add(ledger.BYTES, walker.bytes - self.bytes)
        self.bytes = walker.bytes

    def done(self, waiting: i64) -> None:
        """All frames that were taken are worked through, but for some that wait."""
        book = self.ledger
        book.add(ledger.DONE, book.get(ledger.TAKEN) - waiting - book.get(ledger.DONE))

    def count_losses(self) -> None:
        """Add what the kernel dropped; reading its counters resets them."""
        drops, freezes = self.port.losses()
        self.ledger.add(ledger.KERNEL_DROPS, drops)
        self.ledger.add(ledger.KERNEL_FREEZES, freezes)

    def look(self) -> None:
        """See what has become of the interface, and hear it again where it has come back."""
        sock = self.port.sock
        index: i64 = interface.index_of(sock, self.name)
        if index not in (0, self.index) and self.next is None:
            self.hear_again(index)
        self.state = interface.condition(sock, self.name) if index == self.index else "gone"

    def hear_again(self, index: i64) -> None:
        """Bind to the interface that has come back; where that fails it is tried again with the next look."""
        span = self.span
        try:
            if span.fanout is None:
                binding.bind(span, self.generation)
            elif self.generation + 1 < len(span.sockets):
                binding.bind(span, self.generation + 1)
                self.generation += 1
                binding.give(span, self.generation, span.ring_blocks)
                self.next, self.next_from = self.open(), time.monotonic_ns() + SETTLED
            else:
                return
        except OSError:
            return
        self.index = index
        self.ledger.add(ledger.REBOUND, 1)

    def close(self) -> None:
        """Let the memory go."""
        self.port.close()
        if self.next is not None:
            self.next.close()
