# mypyc: off: runs once at start, and when an interface comes back
"""Dealing frames out to several workers, so that each pair of hosts has one.

A worker pairs questions with answers, puts fragments together and learns who talks to whom: all of that is known of a
pair, so the kernel is given a program that depends on nothing but the two addresses, whichever comes first.
The rule it lives by: what the two directions of a pair have in common decides.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from sensor.capture.live import bpf, kernel
from sensor.capture.live.bpf import Go, If, Instruction

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from sensor.capture.live.span import Fanout

IPV4: Final = 0x0800
IPV6: Final = 0x86DD
TAGS: Final = (0x8100, 0x88A8)  # an inner tag: the kernel has taken the outer one off
TAG: Final = 4
# Addresses of one subnet differ in few bits: this spreads them before the remainder is taken (2^32 / golden ratio).
SPREAD: Final = 0x9E37_79B1


def program() -> bytes:
    """Return the program: a number for each packet, whose remainder by the number of workers the kernel takes."""
    return bpf.pack(bpf.assemble(lines()))


def lines() -> Iterator[bpf.Line]:
    """Yield it; the kernel shows it a packet from the network header on."""
    yield Instruction(bpf.LD | bpf.W | bpf.ABS, bpf.AD_PROTOCOL)
    yield If(IPV4, "ipv4")
    yield If(IPV6, "ipv6")
    for tag in TAGS:
        yield If(tag, "tagged")
    yield Go("other")
    yield "tagged"
    yield Instruction(bpf.LD | bpf.H | bpf.ABS, 2)
    yield If(IPV4, "tagged ipv4")
    yield If(IPV6, "tagged ipv6")
    yield "other"
    yield from together([bpf.LINK_HEADER + 2, bpf.LINK_HEADER + 8])  # the last four bytes of both MACs
    yield Go("spread")
    for name, start in (("", 0), ("tagged ", TAG)):
        yield f"{name}ipv4"
        yield from together([start + 12, start + 16])
        yield Go("spread")
        yield f"{name}ipv6"
        yield from together([start + at for at in range(8, 40, 4)])
        yield Go("spread")
    yield "spread"
    yield Instruction(bpf.ALU | bpf.MUL | bpf.K, SPREAD)
    yield Instruction(bpf.ALU | bpf.RSH | bpf.K, 16)
    yield Instruction(bpf.RET | bpf.A)


def together(places: list[int]) -> Iterator[bpf.Line]:
    """Yield what makes A the exclusive or of the words at these places."""
    yield Instruction(bpf.LD | bpf.W | bpf.ABS, places[0])
    for place in places[1:]:
        yield Instruction(bpf.MISC | bpf.TAX)
        yield Instruction(bpf.LD | bpf.W | bpf.ABS, place)
        yield Instruction(bpf.ALU | bpf.XOR | bpf.X)


def join(sock: socket.socket, fanout: Fanout, generation: int) -> None:
    """Make a bound socket one of its interface's group; raises OSError where the kernel refuses."""
    kind = kernel.PACKET_FANOUT_CBPF if fanout.program else kernel.PACKET_FANOUT_HASH
    group = (fanout.first_id + generation) & 0xFFFF
    flags = kind | kernel.PACKET_FANOUT_FLAG_IGNORE_OUTGOING
    sock.setsockopt(kernel.SOL_PACKET, kernel.PACKET_FANOUT, struct.pack("=I", group | flags << 16))
    if fanout.program:
        bpf.hand_over(sock, kernel.SOL_PACKET, kernel.PACKET_FANOUT_DATA, fanout.program)
