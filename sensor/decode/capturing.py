"""What frames tell of how they were captured: cut, glued together, or taken before the network card had them.

The rule it lives by: it costs the ordinary frame two comparisons; checksums are looked at in one TCP segment of
thirty-two, and without reading what they are made of.

A host that leaves checksums to its network card writes the sum of the pseudo-header (RFC 9293, 3.1) into the field,
for the card to go on with. Such a value in a capture says that it was made on the sending host.
"""

from typing import Final

from librt.strings import read_i16_be
from mypy_extensions import i64

from sensor.decode.segment import Segment

LONGEST: Final = 1_600  # bytes: an Ethernet frame with two tags, within a tunnel with its own headers
SAMPLED: Final = 31  # a mask over the record's number: each costs 40 ns
IPV4_PLAIN: Final = 0x45  # version and header length without options


class Capturing:
    """Counts what is unusual about the capturing of one worker's frames."""

    def __init__(self) -> None:
        self.cut: i64 = 0  # by the snap length
        self.long: i64 = 0  # longer than Ethernet has them: glued together by the network card, or jumbo frames
        self.sampled: i64 = 0
        self.unfinished: i64 = 0  # TCP checksums among those sampled

    def unusual(self, captured: i64, original: i64) -> None:
        """Count a frame that is not there whole, or too long."""
        if captured < original:
            self.cut += 1
        if original > LONGEST:
            self.long += 1

    def sample(self, segment: Segment) -> None:
        """Look at one TCP segment's checksum; those in tunnels or with IP options are let pass."""
        ip = segment.mac_at + (18 if segment.vlan != 0 else 14)
        data = segment.frame
        if segment.version != 4 or segment.mac_at < 0 or segment.tunnel or segment.data is not data:
            return
        if ip + 40 > len(data) or data[ip] != IPV4_PLAIN or segment.vlan > 0x1FFF:
            return
        self.sampled += 1
        if unfinished(segment.checksum, data, ip + 12, segment.end + segment.missing - ip - 20):
            self.unfinished += 1

    def counts(self) -> dict[str, int]:
        """Return everything counted, by name."""
        return {
            "frames_cut": self.cut,
            "frames_long": self.long,
            "checksums_sampled": self.sampled,
            "checksums_unfinished": self.unfinished,
        }


def unfinished(checksum: i64, data: bytes, addresses: i64, length: i64) -> bool:
    """Say whether a TCP checksum is only the sum of the pseudo-header, with or without the length, or nothing."""
    total: i64 = 6  # the protocol's number
    for at in range(addresses, addresses + 8, 2):
        total += i64(read_i16_be(data, at)) & 0xFFFF
    return checksum == 0 or checksum == folded(total) or checksum == folded(total + length)


def folded(total: i64) -> i64:
    """Return a sum with its carries added in."""
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total
