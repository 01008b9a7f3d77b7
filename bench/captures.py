"""Write the two captures of the benchmark: a plant's traffic, a million packets each.

Mixed: 60 % Modbus (20 masters x 25 PLCs), 15 % DNP3, 15 % S7, 10 % IT. *steady*: each connection cycles through its own
4 to 12 polls, as masters do; one in ten writes a set point among them. *distinct*: nearly every request asks for
something else. The same seed gives the same bytes.
"""

from __future__ import annotations

import argparse
import pathlib
import random
import struct
import sys
from typing import TYPE_CHECKING

from bench import dnp3, modbus, s7

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = pathlib.Path(__file__).parent
KINDS = ("steady", "distinct")
SHARES = (("modbus", 0.60), ("dnp3", 0.15), ("s7", 0.15), ("it", 0.10))
ACKS = 0.39  # of the answers are acknowledged by an empty segment of their own
START = 1_750_000_000_000_000  # us
STEP = 20  # us between packets: a 50,000 packets a second mirror port

LEAST = 60  # bytes of an Ethernet frame without its check sequence

Exchange = tuple[bytes, bytes]


def checksum(data: bytes) -> bytes:
    """Return the Internet checksum (RFC 1071): a frame with a wrong one is another case, for every reader."""
    return (0xFFFF - int.from_bytes(data + b"\0" * (len(data) & 1), "big") % 0xFFFF).to_bytes(2, "big")


class Connection:
    """One TCP connection: it knows its headers and sequence numbers."""

    def __init__(self, client: int, server: int, port: int, exchanges: Callable[[], Exchange]) -> None:
        self.ends = (client, server)
        self.ports = (49152 + (client * 31 + server) % 16000, port)
        self.sequence = [1000, 5000]
        self.identification = [1, 1]
        self.exchanges = exchanges

    def frame(self, direction: int, payload: bytes, flags: int = 0x18) -> bytes:
        """Return the next frame of one direction."""
        source, destination = self.ends[direction], self.ends[1 - direction]
        addresses = struct.pack(">II", 0x0A000000 + source, 0x0A000000 + destination)
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(payload), self.identification[direction], 0x4000, 64, 6, 0)
        tcp = struct.pack(
            ">HHIIBBHHH", self.ports[direction], self.ports[1 - direction],
            self.sequence[direction], self.sequence[1 - direction], 0x50, flags, 8192, 0, 0,
        )  # fmt: skip
        around = addresses + struct.pack(">HH", 6, 20 + len(payload))  # the pseudo-header
        self.identification[direction] = self.identification[direction] % 65535 + 1
        self.sequence[direction] = (self.sequence[direction] + len(payload) + (flags & 2) // 2) & 0xFFFFFFFF
        frame = (
            b"\x00\x1b\x1b" + destination.to_bytes(3, "big") + b"\x00\x0e\x8c" + source.to_bytes(3, "big") + b"\x08\x00"
            + ip[:10] + checksum(ip + addresses) + addresses
            + tcp[:16] + checksum(around + tcp + payload) + tcp[18:] + payload
        )  # fmt: skip
        return frame.ljust(LEAST, b"\x00")

    def handshake(self) -> Iterator[bytes]:
        """Open it."""
        yield self.frame(0, b"", 0x02)
        yield self.frame(1, b"", 0x12)
        yield self.frame(0, b"", 0x10)

    def turn(self, chance: random.Random) -> Iterator[bytes]:
        """Ask, answer, and sometimes acknowledge."""
        request, response = self.exchanges()
        yield self.frame(0, request)
        yield self.frame(1, response)
        if chance.random() < ACKS:
            yield self.frame(0, b"", 0x10)


def record(data: bytes) -> bytes:
    """Wrap bytes as TLS application data (RFC 8446, 5.1)."""
    return b"\x17\x03\x03" + struct.pack(">H", len(data)) + data


def it_exchange(chance: random.Random) -> Exchange:
    """Return an encrypted-looking exchange of the office network."""
    return record(chance.randbytes(chance.randrange(60, 400))), record(chance.randbytes(chance.randrange(200, 1400)))


def connections(steady: bool, chance: random.Random) -> dict[str, list[Connection]]:
    """Return the plant's connections by kind."""

    def many(
        kind: Callable[[int], Callable[[], Exchange]], port: int, first: int, masters: int, servers: int
    ) -> list[Connection]:
        return [
            Connection(first + m, first * 100 + m * servers + s, port, kind(s))
            for m in range(masters)
            for s in range(servers)
        ]

    return {
        "modbus": many(lambda _: modbus.station(steady, chance), 502, 10, 20, 25),
        "dnp3": many(lambda s: dnp3.station(steady, chance, s), 20000, 30, 5, 20),
        "s7": many(lambda _: s7.station(steady, chance), 102, 40, 5, 20),
        "it": many(lambda _: lambda: it_exchange(chance), 443, 60, 15, 10),
    }


def frames(steady: bool, packets: int, seed: int) -> Iterator[bytes]:
    """Yield the frames of one capture."""
    chance = random.Random(seed)
    plant = connections(steady, chance)
    kinds = [kind for kind, _ in SHARES]
    weights = [share for _, share in SHARES]
    turns = dict.fromkeys(kinds, 0)
    written = 0
    for connection in (one for many in plant.values() for one in many):
        for frame in connection.handshake():
            written += 1
            yield frame
    while written < packets:
        for kind in chance.choices(kinds, weights, k=1000):
            connection = plant[kind][turns[kind] % len(plant[kind])]
            turns[kind] += 1
            for frame in connection.turn(chance):
                written += 1
                yield frame
            if written >= packets:
                break


def least_frames(packets: int, seed: int) -> Iterator[bytes]:
    """Yield frames of the least size: the plant's connections acknowledge and acknowledge."""
    plant = [one for many in connections(True, random.Random(seed)).values() for one in many]
    for connection in plant:
        yield from connection.handshake()
    for number in range(packets):
        yield plant[number // 2 % len(plant)].frame(number % 2, b"", 0x10)


def write(path: pathlib.Path, kind: str, packets: int, seed: int = 1) -> None:
    """Write one capture of exactly `packets` packets."""
    made = least_frames(packets, seed) if kind == "minimum" else frames(kind == "steady", packets, seed)
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, frame in zip(range(packets), made, strict=False):
            time = START + number * STEP
            file.write(struct.pack("<IIII", time // 1_000_000, time % 1_000_000, len(frame), len(frame)) + frame)


def ready(kind: str, packets: int, folder: pathlib.Path = HERE) -> pathlib.Path:
    """Return one of the captures; it is written anew when what writes it has changed since."""
    path = folder / f"{kind}-{packets}.pcap"
    writers = [pathlib.Path(str(module.__file__)) for module in (sys.modules[__name__], modbus, dnp3, s7)]
    if not path.exists() or path.stat().st_mtime < max(writer.stat().st_mtime for writer in writers):
        part = path.with_suffix(".part")  # an interrupted one is no capture
        write(part, kind, packets)
        part.replace(path)
    return path


def main() -> None:
    """Write both captures beside this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--folder", type=pathlib.Path, default=HERE)
    options = parser.parse_args()
    for kind in KINDS:
        print(ready(kind, options.packets, options.folder))


if __name__ == "__main__":
    main()
