"""Forged ring blocks, laid out by the structures of linux/if_packet.h, and frames to put into them."""

import dataclasses
import ipaddress
import struct

VLAN, TPID, USER, UNFINISHED, GLUED, HARDWARE = 0x10, 0x40, 0x1, 0x8, 0x100, 0x8000_0000
MACS = bytes.fromhex("0200000000010200000000ff")


@dataclasses.dataclass
class Forged:
    """One frame of a ring, as the kernel hands it over: without its outer tag."""

    body: bytes
    seconds: int = 1_700_000_000
    nanoseconds: int = 0
    original: int | None = None
    status: int = 0
    tci: int = 0
    tpid: int = 0
    mac: int = 82  # where the kernel puts an Ethernet frame


def ring_block(frames, *, count=None, first=48, sequence=1, status=USER):
    """Return a TPACKET_V3 block with these frames."""
    out = bytearray()
    for number, frame in enumerate(frames):
        room = (frame.mac + len(frame.body) + 15) & ~15
        step = room if number + 1 < len(frames) else 0
        original = len(frame.body) if frame.original is None else frame.original
        head = struct.pack("=IIIIII", step, frame.seconds, frame.nanoseconds, len(frame.body), original, frame.status)
        head += struct.pack("=HHIIHHQ", frame.mac, frame.mac + 14, 0xDEADBEEF, frame.tci, frame.tpid, 0, 0)
        out += (head.ljust(frame.mac, b"\xcc")[: frame.mac] + frame.body).ljust(room, b"\xcc")
    count = len(frames) if count is None else count
    header = struct.pack("=IIIIIIQIIII", 3, 48, status, count, first, 48 + len(out), sequence, 1, 0, 1, 0)
    return header + bytes(out)


def records(index):
    """Return (time, offset, captured, original, interface) of each record."""
    return list(struct.iter_unpack("=qiiii", index))


def ipv4(source, destination, ports=(40000, 502), protocol=6, fragment=0):
    addresses = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    head = struct.pack(">BBHHHBBH", 0x45, 0, 40, 1, fragment, 64, protocol, 0) + addresses
    return b"\x08\x00" + head + struct.pack(">HHIIHHHH", *ports, 0, 0, 0x5018, 0, 0, 0)


def ipv6(source, destination):
    addresses = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    return b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, 20, 6, 64) + addresses + bytes(20)


def tag(tci, tpid=0x8100):
    return struct.pack(">HH", tpid, tci)
