"""From a frame's bytes to its Segment: a straight line for the many, a walk through the headers for the rest.

The rule it lives by: every frame gets exactly one kind and is counted there, whatever its bytes; what the straight
line takes, the walk would have made the same of.
"""

from typing import Final

from librt.strings import read_i16_be, read_i32_be
from mypy_extensions import i64

from sensor.decode.ethernet import LINK_ETHERNET, ethernet, link, mpls, ppp
from sensor.decode.fragments import Fragments
from sensor.decode.frame import (
    ETHERNET,
    EXTENSIONS,
    FRAGMENTED,
    IPV4,
    IPV6,
    MPLS,
    TRANSPORT,
    Frame,
)
from sensor.decode.ip import authentication, extensions, ipv4, ipv6
from sensor.decode.kinds import FLOWING, KIND_NAMES, NESTED_TOO_DEEP, TCP, UDP
from sensor.decode.oddities import ODDITY_NAMES, PAYLOAD_CUT
from sensor.decode.segment import Segment
from sensor.decode.transport import portless, tcp, udp
from sensor.decode.tunnel import GENEVE_PORT, IPIP, Paths, gre, udp_tunnel

MAX_LAYERS: Final = 32  # steps of one walk: four tunnels with tags and fragments take about twenty


class Decoder:
    """Decodes one frame after another into its one Segment."""

    def __init__(self) -> None:
        self.segment = Segment()
        self.frame = Frame(self.segment)
        self.fragments = Fragments()
        self.paths = Paths()
        self.straight_tcp: i64 = 0
        self.straight_udp: i64 = 0
        self.walked: list[int] = [0] * len(KIND_NAMES)

    def decode(self, data: bytes, start: i64, captured: i64, original: i64, link_type: i64, time: i64) -> i64:
        """Fill `segment` from the frame `data[start:start+captured]` and return its kind.

        The straight line: Ethernet II, at most one VLAN tag, IPv4 without options or fragments, TCP or UDP.
        """
        end = start + captured
        if link_type != LINK_ETHERNET or captured < 34 or end > len(data):
            return self.walk(data, start, captured, original, link_type, time)
        ip = start + 14
        vlan: i64 = 0
        kind = i64(read_i32_be(data, start + 12)) & 0xFFFFFFFF  # ethertype, version and header length, service
        if kind >> 16 == 0x8100:
            vlan = kind & 0x0FFF
            if vlan != 0:
                vlan |= 0x1000
            ip = start + 18
            kind = i64(read_i32_be(data, start + 16)) & 0xFFFFFFFF
        total = i64(read_i16_be(data, ip + 2)) & 0xFFFF
        stop = ip + total
        if kind >> 8 != 0x080045 or stop > end or total < 28 or i64(read_i16_be(data, ip + 6)) & 0x3FFF != 0:
            return self.walk(data, start, captured, original, link_type, time)
        life = i64(read_i32_be(data, ip + 8)) & 0xFFFFFFFF  # time to live, protocol, header checksum
        words = (
            (i64(read_i32_be(data, ip)) & 0xFFFFFFFF)
            + (i64(read_i32_be(data, ip + 4)) & 0xFFFFFFFF)
            + life
            + (i64(read_i32_be(data, ip + 12)) & 0xFFFFFFFF)
            + (i64(read_i32_be(data, ip + 16)) & 0xFFFFFFFF)
        )
        if words % 0xFFFF != 0:
            return self.walk(data, start, captured, original, link_type, time)
        protocol = life >> 16 & 0xFF
        if protocol == 6:
            taken = self.take_tcp(data, ip + 20, stop)
        else:
            taken = protocol == 17 and self.take_udp(data, ip + 20, total - 20)
        if not taken:
            return self.walk(data, start, captured, original, link_type, time)
        segment = self.segment
        segment.time = time
        segment.length = original
        segment.oddity = 0
        segment.frame = data
        segment.mac_at = start
        segment.ethertype = 0x0800
        segment.vlan = vlan
        segment.tunnel = b""
        segment.tunnel_text = ""
        segment.version = 4
        segment.protocol = protocol
        segment.key = data[ip + 12 : ip + 24]
        segment.ip_id = i64(read_i16_be(data, ip + 4)) & 0xFFFF
        segment.ttl = life >> 24
        segment.data = data
        segment.end = stop
        segment.missing = 0
        return segment.kind

    def take_tcp(self, data: bytes, at: i64, stop: i64) -> bool:
        """Fill in the TCP header, on the straight line; false when it is not whole."""
        if at + 20 > stop:
            return False
        word = i64(read_i32_be(data, at + 12)) & 0xFFFFFFFF  # offset, flags, window
        header = word >> 28 << 2
        if header < 20 or at + header > stop:
            return False
        self.straight_tcp += 1
        segment = self.segment
        segment.kind = TCP
        ports = i64(read_i32_be(data, at)) & 0xFFFFFFFF
        segment.source_port = ports >> 16
        segment.destination_port = ports & 0xFFFF
        segment.sequence = i64(read_i32_be(data, at + 4)) & 0xFFFFFFFF
        segment.acknowledgement = i64(read_i32_be(data, at + 8)) & 0xFFFFFFFF
        segment.flags = word >> 16 & 0xFF
        segment.window = word & 0xFFFF
        segment.checksum = i64(read_i16_be(data, at + 16)) & 0xFFFF
        segment.start = at + header
        return True

    def take_udp(self, data: bytes, at: i64, size: i64) -> bool:
        """Fill in the UDP header, on the straight line; false when its length is not `size`, or for a tunnel."""
        ports = i64(read_i32_be(data, at)) & 0xFFFFFFFF
        word = i64(read_i32_be(data, at + 4)) & 0xFFFFFFFF  # length, checksum
        port = ports & 0xFFFF
        if word >> 16 != size or port in (4789, 8472, GENEVE_PORT):
            return False
        self.straight_udp += 1
        segment = self.segment
        segment.kind = UDP
        segment.source_port = ports >> 16
        segment.destination_port = port
        segment.sequence = 0
        segment.acknowledgement = 0
        segment.flags = 0
        segment.window = 0
        segment.checksum = word & 0xFFFF
        segment.start = at + 8
        return True

    def walk(self, data: bytes, start: i64, captured: i64, original: i64, link_type: i64, time: i64) -> i64:
        """Peel header after header; the result is what `decode` promises, for every frame."""
        frame = self.frame
        segment = self.segment
        frame.begin(data, start, captured, original, time)
        step = link(frame, link_type)
        for _ in range(MAX_LAYERS):
            if step >= 0:
                break
            step = self.peel(step)
        else:
            step = NESTED_TOO_DEEP
        segment.kind = step
        segment.data = frame.data
        segment.start = min(frame.at, frame.end)
        segment.end = frame.end
        segment.missing = 0
        if step >= FLOWING and frame.wire > frame.end:
            segment.missing = frame.wire - max(frame.at, frame.end)
            if captured < original:
                frame.note(PAYLOAD_CUT)
        self.walked[step] += 1
        return step

    def peel(self, step: i64) -> i64:
        """Take one header off and return what comes next, or the kind."""
        frame = self.frame
        if step == ETHERNET:
            return ethernet(frame)
        if step == IPV4:
            return ipv4(frame)
        if step == IPV6:
            return ipv6(frame)
        if step == EXTENSIONS:
            return extensions(frame)
        if step == TRANSPORT:
            return self.transport(frame)
        if step == FRAGMENTED:
            return self.fragments.take(frame)
        return mpls(frame) if step == MPLS else ppp(frame)

    def transport(self, frame: Frame) -> i64:
        """What IP carries: the end of the walk, or a tunnel."""
        protocol = frame.segment.protocol
        if protocol == 6:
            return tcp(frame)
        if protocol == 17:
            kind = udp(frame)
            return udp_tunnel(frame, self.paths) if kind == UDP else kind
        if protocol == 47:
            return gre(frame, self.paths)
        if protocol == 4:
            return self.paths.enter(frame, IPIP, 0, IPV4)
        if protocol == 41:
            return self.paths.enter(frame, IPIP, 0, IPV6)
        if protocol == 51:
            return authentication(frame)
        return portless(frame)

    def kinds(self) -> dict[str, int]:
        """Return how many frames were of each kind met; they add up to the frames given."""
        counts = list(self.walked)
        counts[TCP] += self.straight_tcp
        counts[UDP] += self.straight_udp
        return {KIND_NAMES[i]: counts[i] for i in range(len(counts)) if counts[i] != 0}

    def counts(self) -> dict[str, int]:
        """Return how often each oddity met was noted."""
        odd = self.frame.odd
        return {ODDITY_NAMES[i]: odd[i] for i in range(len(odd)) if odd[i] != 0}
