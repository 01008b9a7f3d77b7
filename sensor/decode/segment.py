"""What decoding makes of one frame: the headers' values, and where the payload lies.

The rule it lives by: one Segment per worker, overwritten by each frame; who keeps one keeps a copy.
"""

from typing import Final

from mypy_extensions import i64

# TCP flags
FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
PSH: Final = 0x08
ACK: Final = 0x10


class Segment:
    """The innermost packet of a frame, after VLAN tags, tunnels and reassembled fragments."""

    def __init__(self) -> None:
        # The frame
        self.time: i64 = 0  # capture time, ns
        self.number: i64 = 0  # frame number in its file, from 1
        self.source: i64 = 0  # index of the file
        self.interface: i64 = 0  # index of the capture interface within the file
        self.length: i64 = 0  # bytes on the wire
        self.kind: i64 = 0  # one of decode.kinds
        self.oddity: i64 = 0  # the first that was noted, one of decode.oddities; 0 when nothing was wrong
        # Link: (frame, mac_at) is where destination and source MAC lie; mac_at < 0 when there are none
        self.frame = b""
        self.mac_at: i64 = -1
        self.ethertype: i64 = 0  # the innermost; 802.3: DSAP and SSAP, or the protocol of a vendor's SNAP
        self.vlan: i64 = 0  # stack of tags, 0 when untagged: each tag shifts left 13 and adds 0x1000 | VLAN id
        self.tunnel = b""  # outer path, as a key: b"" when there is none; the same for both directions
        self.tunnel_text = ""  # the same for people: "gre 192.0.2.1<>192.0.2.2", outermost first
        # Network: `key` is source address, destination address, source port, destination port as on the wire:
        # 12 bytes IPv4, 36 bytes IPv6; for other frames source MAC, destination MAC, ethertype (14 bytes)
        self.version: i64 = 0  # 4, 6, 0 for other frames
        self.protocol: i64 = 0  # IP protocol number
        self.key = b""
        self.ip_id: i64 = 0  # IPv4 identification, 0 for IPv6
        self.ttl: i64 = 0
        # Transport
        self.source_port: i64 = 0
        self.destination_port: i64 = 0
        self.sequence: i64 = 0
        self.acknowledgement: i64 = 0
        self.flags: i64 = 0
        self.window: i64 = 0
        self.checksum: i64 = 0  # TCP or UDP checksum as on the wire: helps to tell a doubled frame from a repeat
        # Payload: data[start:end]; `missing` bytes behind it were cut by the snap length, or by a mirror
        self.data = b""
        self.start: i64 = 0
        self.end: i64 = 0
        self.missing: i64 = 0

    def begin(self, data: bytes, time: i64, length: i64) -> None:
        """Forget the frame before; `number`, `source` and `interface` are the caller's."""
        self.time = time
        self.length = length
        self.oddity = 0
        self.frame = data
        self.mac_at = -1
        self.ethertype = 0
        self.vlan = 0
        self.tunnel = b""
        self.tunnel_text = ""
        self.data = data
        self.start = self.end = self.missing = 0
        self.forget_packet()

    def copy(self) -> "Segment":
        """Return it with bytes of its own, fit to be kept; the frame before the payload is not kept."""
        other = Segment()
        other.time = self.time
        other.number = self.number
        other.source = self.source
        other.interface = self.interface
        other.length = self.length
        other.kind = self.kind
        other.ethertype = self.ethertype
        other.vlan = self.vlan
        other.tunnel = self.tunnel
        other.tunnel_text = self.tunnel_text
        other.version = self.version
        other.protocol = self.protocol
        other.key = self.key
        other.ip_id = self.ip_id
        other.ttl = self.ttl
        other.source_port = self.source_port
        other.destination_port = self.destination_port
        other.sequence = self.sequence
        other.acknowledgement = self.acknowledgement
        other.flags = self.flags
        other.window = self.window
        other.checksum = self.checksum
        other.data = self.data[self.start : self.end]
        other.end = self.end - self.start
        other.missing = self.missing
        return other

    def forget_packet(self) -> None:
        """Forget the network and transport headers: another packet was found inside."""
        self.version = 0
        self.protocol = 0
        self.key = b""
        self.ip_id = 0
        self.ttl = 0
        self.source_port = 0
        self.destination_port = 0
        self.sequence = 0
        self.acknowledgement = 0
        self.flags = 0
        self.window = 0
        self.checksum = 0
