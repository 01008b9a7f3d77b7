"""Fragments of one message in one direction (ISO 8073 clause 6.3, segmenting and reassembling).

The rule it lives by: class 0 does not number its fragments, so a lost one cannot be seen here; the caller tells of
gaps, and what was collected until then is forgotten.
"""

from typing import Final

from mypy_extensions import i64  # noqa: TC002  a compiled class needs it at run time

from sensor.protocols.iso.wire import MAX_TSDU

MAX_FRAGMENTS: Final = 1024  # the longest message in TPDUs of 128 octets, the smallest there are, is 512


class Train:
    """The fragments seen since the last end mark."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.payload: list[bytes] = []
        self.length: i64 = 0  # octets of `raw`
        self.odd = False  # a fragment's header was odd
        self.skipping = False  # too long: drop everything up to the end mark

    def running(self) -> bool:
        """Tell whether the next fragment is not the first."""
        return self.skipping or self.length > 0

    def add(self, packet: bytes, payload: bytes) -> bool:
        """Take one fragment; return False when the train has become too long and was dropped."""
        if self.length + len(packet) > MAX_TSDU or len(self.raw) >= MAX_FRAGMENTS:
            self.forget()
            self.skipping = True
            return False
        self.raw.append(packet)
        self.payload.append(payload)
        self.length += len(packet)
        return True

    def forget(self) -> None:
        """Begin anew."""
        self.raw = []
        self.payload = []
        self.length = 0
        self.odd = False
        self.skipping = False
