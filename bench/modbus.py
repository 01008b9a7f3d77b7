"""Modbus/TCP exchanges for the benchmark (Modbus Application Protocol V1.1b3)."""

from __future__ import annotations

import itertools
import random
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# function -> bytes of answer for a quantity
READS = {1: lambda n: (n + 7) // 8, 2: lambda n: (n + 7) // 8, 3: lambda n: 2 * n, 4: lambda n: 2 * n}


def poll(chance: random.Random, units: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return unit, function, address and quantity of one read."""
    function = chance.choice((1, 2, 3, 3, 3, 4))
    return chance.choice(units), function, chance.randrange(0, 40000), chance.randrange(1, 60)


def station(steady: bool, chance: random.Random) -> Callable[[], tuple[bytes, bytes]]:
    """Return what makes a connection's next exchange."""
    units = (1, 2, 3) if chance.random() < 0.1 else (1,)  # one in ten is a gateway to a serial line
    polls = [poll(chance, units) for _ in range(chance.randrange(4, 13))]
    if steady and chance.random() < 0.1:
        polls.append((1, 6, chance.randrange(0, 1000), 0))
    cycle = itertools.cycle(polls)
    transaction = itertools.count(1)

    def exchange() -> tuple[bytes, bytes]:
        unit, function, address, quantity = next(cycle) if steady else poll(chance, units)
        number = next(transaction) & 0xFFFF
        if function == 6:
            frame = struct.pack(">HHHBBHH", number, 0, 6, unit, 6, address, chance.randrange(65536))
            return frame, frame
        size = READS[function](quantity)
        return (
            struct.pack(">HHHBBHH", number, 0, 6, unit, function, address, quantity),
            struct.pack(">HHHBBB", number, 0, 3 + size, unit, function, size) + chance.randbytes(size),
        )

    return exchange
