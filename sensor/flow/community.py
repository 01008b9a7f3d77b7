"""Community ID: the same short name for a flow in every tool that saw it (version 1 of the specification by Corelight).

The rule it lives by: an id is made only when somebody asks for it.
"""

import base64
import hashlib
from typing import Final

from mypy_extensions import i64

from sensor.flow.flow import Flow

ICMP: Final = 1
TCP: Final = 6
UDP: Final = 17
ICMPV6: Final = 58
SCTP: Final = 132  # its ports are not read here, so its flows get no id rather than a wrong one

# Types that are asked and answered: the answer's type stands where the other port would
ICMP_ANSWERS: Final = {8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 10: 9, 9: 10, 17: 18, 18: 17}
ICMPV6_ANSWERS: Final = {
    128: 129, 129: 128, 130: 131, 131: 130, 133: 134, 134: 133,
    135: 136, 136: 135, 139: 140, 140: 139, 144: 145, 145: 144,
}  # fmt: skip


def community_id(flow: Flow, seed: i64 = 0) -> str:
    """Return "1:" and the Base64 SHA-1 of both ends, "" for a flow without IP addresses."""
    key = flow.key
    size: i64 = 4 if len(key) < 36 else 16
    transport = flow.transport
    if len(key) < 12 or len(key) == 14 or transport == SCTP:
        return ""
    source = key[:size]
    destination = key[size : 2 * size]
    source_port = key[2 * size : 2 * size + 2]
    destination_port = key[2 * size + 2 :]
    two_way = True
    if transport in (ICMP, ICMPV6) and flow.icmp_type >= 0:
        answers = ICMP_ANSWERS if transport == ICMP else ICMPV6_ANSWERS
        two_way = flow.icmp_type in answers
        source_port = int(flow.icmp_type).to_bytes(2, "big")
        destination_port = int(answers.get(flow.icmp_type, flow.icmp_code)).to_bytes(2, "big")
    return named(transport, source, source_port, destination, destination_port, two_way, seed)


def named(
    transport: i64,
    source: bytes,
    source_port: bytes,
    destination: bytes,
    destination_port: bytes,
    two_way: bool = True,
    seed: i64 = 0,
) -> str:
    """Return the id of two ends as they stand in a packet: addresses of 4 or 16 bytes, ports of 2."""
    if two_way and (source, source_port) > (destination, destination_port):
        source, destination = destination, source
        source_port, destination_port = destination_port, source_port
    content = int(seed).to_bytes(2, "big") + source + destination + bytes([transport, 0])
    if transport in (TCP, UDP, ICMP, ICMPV6):
        content += source_port + destination_port
    return "1:" + base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode()
