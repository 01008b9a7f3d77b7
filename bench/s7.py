"""S7comm exchanges for the benchmark: Read Var over TPKT and COTP (RFC 1006)."""

from __future__ import annotations

import itertools
import random
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

Item = tuple[int, int, int]  # data block, first byte, length in bytes


def item(chance: random.Random) -> Item:
    """Return one address to read."""
    return chance.randrange(1, 200), chance.randrange(0, 2000), chance.randrange(1, 40)


def station(steady: bool, chance: random.Random) -> Callable[[], tuple[bytes, bytes]]:
    """Return what makes a connection's next exchange."""
    polls = [[item(chance) for _ in range(chance.randrange(1, 5))] for _ in range(chance.randrange(4, 13))]
    cycle = itertools.cycle(polls)
    reference = itertools.count(1)

    def exchange() -> tuple[bytes, bytes]:
        items = next(cycle) if steady else [item(chance) for _ in range(chance.randrange(1, 5))]
        number = next(reference) & 0xFFFF
        asked = b"".join(
            struct.pack(">BBBBHHBBH", 0x12, 0x0A, 0x10, 0x02, length, block, 0x84, 0, at * 8 & 0xFFFF)
            for block, at, length in items
        )
        values = [struct.pack(">BBH", 0xFF, 0x04, length * 8) + chance.randbytes(length) for _, _, length in items]
        # Every value but the last is filled up to an even length.
        answered = b"".join(value + b"\0" * (len(value) & 1) for value in values[:-1]) + values[-1]
        return (
            tpkt(struct.pack(">BBHHHH", 0x32, 1, 0, number, 2 + len(asked), 0) + bytes((4, len(items))) + asked),
            tpkt(
                struct.pack(">BBHHHHBB", 0x32, 3, 0, number, 2, len(answered), 0, 0) + bytes((4, len(items))) + answered
            ),
        )

    return exchange


def tpkt(data: bytes) -> bytes:
    """Wrap one S7 message in COTP DT and TPKT."""
    return struct.pack(">BBHBBB", 3, 0, 7 + len(data), 2, 0xF0, 0x80) + data
