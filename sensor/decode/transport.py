"""TCP (RFC 9293), UDP (RFC 768), and everything else over IP: where the conversation's key is made.

The rule it lives by: a header that the receiver would refuse ends the frame with a name; a payload cut by the snap
length is still a segment, with what is missing counted.
"""

from typing import Final

from mypy_extensions import i64

from sensor.decode.frame import Frame, u16, u32
from sensor.decode.kinds import BAD_HEADER, BAD_LENGTH, ICMP, OTHER_IP, TCP, UDP
from sensor.decode.oddities import TCP_OFFSET_BAD, UDP_LENGTH_BAD, UDP_LENGTH_MISMATCH

NO_PORTS: Final = b"\0\0\0\0"


def tcp(frame: Frame) -> i64:
    """RFC 9293, 3.1. Options cut by the snap length are no loss: nobody here reads them."""
    lack = frame.lacks(20)
    if lack != 0:
        return lack
    data = frame.data
    at = frame.at
    header = i64(data[at + 12]) >> 4 << 2
    if header < 20 or at + header > frame.wire:
        frame.note(TCP_OFFSET_BAD)
        return BAD_HEADER
    segment = frame.segment
    set_ports(frame)
    segment.sequence = u32(data, at + 4)
    segment.acknowledgement = u32(data, at + 8)
    segment.flags = i64(data[at + 13])
    segment.window = u16(data, at + 14)
    segment.checksum = u16(data, at + 16)
    frame.at = at + header
    return TCP


def udp(frame: Frame) -> i64:
    """RFC 768. A length of 0 is a jumbogram's or a sending host's: to the end."""
    lack = frame.lacks(8)
    if lack != 0:
        return lack
    at = frame.at
    length = u16(frame.data, at + 4)
    stop = at + length
    if length != 0 and (length < 8 or stop > frame.wire):
        frame.note(UDP_LENGTH_BAD)
        return BAD_LENGTH
    if length != 0 and stop < frame.wire:
        frame.note(UDP_LENGTH_MISMATCH)
        frame.narrow(stop)
    set_ports(frame)
    frame.segment.checksum = u16(frame.data, at + 6)
    frame.at = at + 8
    return UDP


def set_ports(frame: Frame) -> None:
    """Make the key of addresses and ports: one slice where no options or extensions stand between them."""
    segment = frame.segment
    data = frame.data
    at = frame.at
    begin = frame.addresses_at
    behind = begin + frame.addresses_size
    if behind == at:
        segment.key = data[begin : at + 4]
    else:
        segment.key = data[begin:behind] + data[at : at + 4]
    segment.source_port = u16(data, at)
    segment.destination_port = u16(data, at + 2)


def portless(frame: Frame) -> i64:
    """ICMP and every other protocol: addresses, and ports of 0; the payload begins with its header."""
    segment = frame.segment
    begin = frame.addresses_at
    segment.key = frame.data[begin : begin + frame.addresses_size] + NO_PORTS
    return ICMP if segment.protocol in (1, 58) else OTHER_IP
