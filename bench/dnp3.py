"""DNP3 exchanges for the benchmark: class and range reads (IEEE 1815-2012)."""

from __future__ import annotations

import itertools
import random
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CLASSES = (bytes.fromhex("3c0206"), bytes.fromhex("3c02063c03063c0406"), bytes.fromhex("3c02063c03063c04063c0106"))


def crc_table() -> list[int]:
    """Return the table of the DNP3 CRC, polynomial 0x3D65 reflected."""
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA6BC if value & 1 else value >> 1
        table.append(value)
    return table


TABLE = crc_table()


def with_crc(block: bytes) -> bytes:
    """Append the CRC of one block."""
    value = 0
    for byte in block:
        value = (value >> 8) ^ TABLE[(value ^ byte) & 0xFF]
    return block + struct.pack("<H", ~value & 0xFFFF)


def link(control: int, destination: int, source: int, data: bytes) -> bytes:
    """Wrap one application fragment in a transport segment and a link frame."""
    data = b"\xc0" + data
    header = with_crc(struct.pack("<BBBBHH", 5, 0x64, 5 + len(data), control, destination, source))
    return header + b"".join(with_crc(data[at : at + 16]) for at in range(0, len(data), 16))


def poll(chance: random.Random, steady: bool) -> bytes:
    """Return the object headers of one read."""
    if steady and chance.random() < 0.5:
        return chance.choice(CLASSES)
    first = chance.randrange(0, 200)
    return bytes((30, 1, 0, first, min(255, first + chance.randrange(0, 8))))


def station(steady: bool, chance: random.Random, outstation: int) -> Callable[[], tuple[bytes, bytes]]:
    """Return what makes a connection's next exchange."""
    polls = [poll(chance, steady) for _ in range(chance.randrange(4, 13))]
    cycle = itertools.cycle(polls)
    sequence = itertools.cycle(range(16))

    def exchange() -> tuple[bytes, bytes]:
        headers = next(cycle) if steady else poll(chance, steady)
        number = 0xC0 | next(sequence)
        first, last = (headers[3], headers[4]) if headers[0] == 30 else (0, 3)
        points = b"".join(b"\x01" + chance.randbytes(4) for _ in range(first, last + 1))
        return (
            link(0xC4, 10 + outstation, 1, bytes((number, 1)) + headers),
            link(0x44, 1, 10 + outstation, bytes((number, 0x81, 0, 0, 30, 1, 0, first, last)) + points),
        )

    return exchange
