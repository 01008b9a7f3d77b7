"""Frames the mirror doubled: a switch that copies ingress and egress shows each frame twice.

The rule it lives by: a copy agrees in everything the sender wrote below the payload and comes within moments; a
true retransmission has a new IP identification, or comes later than `WINDOW`.

Copies may interleave (A1 A2 A1' A2'), so the last few frames of a direction are remembered, each as two
fingerprints that hold all of sequence, acknowledgement, identification, checksum, length and flags: no accident.
"""

from typing import Final

from mypy_extensions import i64

from sensor.decode.kinds import TCP, UDP
from sensor.decode.segment import Segment

WINDOW: Final = 10_000_000  # ns; seen in captures: up to 0.9 ms; a full 1 MB switch buffer drains in 8 ms at 1 Gbit/s
SHORT_WINDOW: Final = 2_000_000  # where nothing numbers the packets (identification 0, no IP), a repeat may be true
LONG_AGO: Final = -(1 << 60)


class Recent:
    """The last four frames of one direction."""

    def __init__(self) -> None:
        self.first0: i64 = 0
        self.first1: i64 = 0
        self.first2: i64 = 0
        self.first3: i64 = 0
        self.second0: i64 = 0
        self.second1: i64 = 0
        self.second2: i64 = 0
        self.second3: i64 = 0
        self.time0: i64 = LONG_AGO
        self.time1: i64 = LONG_AGO
        self.time2: i64 = LONG_AGO
        self.time3: i64 = LONG_AGO

    def doubled(self, first: i64, second: i64, time: i64, window: i64) -> bool:
        """Say whether a frame with these fingerprints was seen within `window` ns; if not, remember it."""
        oldest = time - window
        if first == self.first0 and second == self.second0 and self.time0 >= oldest:
            return True
        if first == self.first1 and second == self.second1 and self.time1 >= oldest:
            return True
        if first == self.first2 and second == self.second2 and self.time2 >= oldest:
            return True
        if first == self.first3 and second == self.second3 and self.time3 >= oldest:
            return True
        self.first3 = self.first2
        self.first2 = self.first1
        self.first1 = self.first0
        self.first0 = first
        self.second3 = self.second2
        self.second2 = self.second1
        self.second1 = self.second0
        self.second0 = second
        self.time3 = self.time2
        self.time2 = self.time1
        self.time1 = self.time0
        self.time0 = time
        return False


def repeated(recent: Recent, segment: Segment) -> bool:
    """Say whether this frame is a copy the mirror made of one of the last frames of its direction."""
    length = (segment.end - segment.start + segment.missing) & 0x1FFFF
    ip_id = segment.ip_id
    second = ip_id << 33 | segment.checksum << 17 | length
    window: i64 = WINDOW if ip_id != 0 else SHORT_WINDOW
    if segment.kind == TCP:
        acknowledgement = segment.acknowledgement
        first = segment.sequence << 31 | acknowledgement >> 1
        second = (second << 8 | segment.flags) << 1 | acknowledgement & 1
        return recent.doubled(first, second, segment.time, window)
    if segment.kind == UDP and ip_id != 0 and segment.checksum != 0:
        return recent.doubled(0, second, segment.time, window)
    # A sending host's own capture has checksums not yet filled in: without an identification the payload decides.
    content = i64(hash(segment.data[segment.start : segment.end]))
    return recent.doubled(content, second, segment.time, window)
