"""What a card's driver says of itself; linux/ethtool.h, by the ioctl SIOCETHTOOL.

The rule it lives by: it uses the requests that get, never one that sets; what a driver does not know is None or empty.
"""

from __future__ import annotations

import array
import errno
import fcntl
import socket
import struct
from typing import TYPE_CHECKING, Final, NamedTuple, Self

if TYPE_CHECKING:
    from types import TracebackType

SIOCETHTOOL: Final = 0x8946
SETTINGS, DRIVER, RING, PAUSE, STRINGS, STATISTICS, PRIVATE_FLAGS, SETS, FEATURES, TIMES = (
    0x01, 0x03, 0x10, 0x12, 0x1B, 0x1D, 0x27, 0x37, 0x3A, 0x41,
)  # fmt: skip
OF_STATISTICS, OF_PRIVATE_FLAGS, OF_FEATURES = 1, 2, 4  # string sets
NAME_LENGTH: Final = 32
MOST: Final = 8_192  # names in a set; cards with a counter for each queue have some thousands
UNKNOWN: Final = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOTTY, errno.EPERM, errno.ENODEV)
NO_SPEED: Final = (0, 0xFFFF, 0xFFFF_FFFF)
RX_HARDWARE: Final = 1 << 2  # SOF_TIMESTAMPING_RX_HARDWARE
FILTER_ALL: Final = 1 << 1  # HWTSTAMP_FILTER_ALL


class Speed(NamedTuple):
    """How the link runs."""

    megabits: int
    half: bool  # one at a time may speak


class Rings(NamedTuple):
    """Descriptors of the receive ring."""

    most: int
    now: int


class Feature(NamedTuple):
    """One offload."""

    on: bool
    fixed: bool  # the driver lets nobody change it


class Times(NamedTuple):
    """Whether the card stamps what it receives."""

    some: bool
    all: bool  # every frame, and not only those of a time protocol


class Card:
    """One interface's driver."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def __enter__(self) -> Self:
        """Use it for a while."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let it go."""
        self.socket.close()

    def ask(self, request: bytes) -> bytes | None:
        """Send a request; return it as the kernel filled it in, None where the driver does not know it."""
        held = array.array("B", request)
        address, _ = held.buffer_info()
        asked = self.name.encode().ljust(16, b"\0")[:16] + struct.pack("@P", address) + bytes(16)
        try:
            fcntl.ioctl(self.socket.fileno(), SIOCETHTOOL, asked)
        except OSError as error:
            if error.errno in UNKNOWN:
                return None
            raise
        return held.tobytes()

    def driver(self) -> str:
        """Return the driver's name."""
        answer = self.ask(struct.pack("=I192x", DRIVER))
        return text(answer[4:36]) if answer else ""

    def speed(self) -> Speed | None:
        """Return how the link runs."""
        answer = self.ask(struct.pack("=I40x", SETTINGS))
        if answer is None:
            return None
        low, duplex = struct.unpack_from("=HB", answer, 12)
        megabits = struct.unpack_from("=H", answer, 28)[0] << 16 | low
        return Speed(megabits, duplex == 0) if megabits not in NO_SPEED else None

    def rings(self) -> Rings | None:
        """Return the size of the receive ring."""
        answer = self.ask(struct.pack("=I32x", RING))
        if answer is None:
            return None
        most, _, _, _, now = struct.unpack_from("=5I", answer, 4)
        return Rings(most, now) if most else None

    def pause(self) -> bool | None:
        """Say whether the card sends pause frames."""
        answer = self.ask(struct.pack("=I12x", PAUSE))
        return bool(struct.unpack_from("=I", answer, 12)[0]) if answer else None

    def times(self) -> Times | None:
        """Say what the card stamps."""
        answer = self.ask(struct.pack("=I40x", TIMES))
        if answer is None:
            return None
        kinds, _, _, _, _, _, filters = struct.unpack_from("=IiI3II", answer, 4)
        return Times(bool(kinds & RX_HARDWARE), bool(kinds & RX_HARDWARE and filters & FILTER_ALL))

    def features(self) -> dict[str, Feature]:
        """Return the offloads, by the kernel's names (rx-gro …)."""
        names = self.names(OF_FEATURES)
        words = (len(names) + 31) // 32
        answer = self.ask(struct.pack("=II", FEATURES, words) + bytes(16 * words)) if names else None
        if answer is None:
            return {}
        found = {}
        for at, name in enumerate(names):
            available, _, active, _ = struct.unpack_from("=4I", answer, 8 + 16 * (at // 32))
            found[name] = Feature(bool(active >> at % 32 & 1), not available >> at % 32 & 1)
        return found

    def private_flags(self) -> dict[str, bool]:
        """Return the driver's own switches."""
        names = self.names(OF_PRIVATE_FLAGS)
        answer = self.ask(struct.pack("=II", PRIVATE_FLAGS, 0)) if names else None
        flags = struct.unpack_from("=I", answer, 4)[0] if answer else 0
        return {name: bool(flags >> at & 1) for at, name in enumerate(names)} if answer else {}

    def statistics(self) -> dict[str, int]:
        """Return the driver's own counters."""
        names = self.names(OF_STATISTICS)
        answer = self.ask(struct.pack("=II", STATISTICS, len(names)) + bytes(8 * len(names))) if names else None
        return dict(zip(names, struct.unpack_from(f"={len(names)}Q", answer, 8), strict=True)) if answer else {}

    def names(self, which: int) -> list[str]:
        """Return the names of a string set."""
        answer = self.ask(struct.pack("=IIQI", SETS, 0, 1 << which, 0))
        if answer is None or not struct.unpack_from("=Q", answer, 8)[0]:
            return []
        count = min(struct.unpack_from("=I", answer, 16)[0], MOST)
        answer = self.ask(struct.pack("=III", STRINGS, which, count) + bytes(NAME_LENGTH * count))
        if answer is None:
            return []
        count = min(count, struct.unpack_from("=I", answer, 8)[0])
        return [text(answer[12 + NAME_LENGTH * at : 12 + NAME_LENGTH * (at + 1)]) for at in range(count)]


def text(raw: bytes) -> str:
    """Return a name."""
    return raw.split(b"\0", 1)[0].decode("ascii", "replace")
