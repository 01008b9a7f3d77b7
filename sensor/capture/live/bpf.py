# mypyc: off: runs once at start
"""Classic BPF: programs as the kernel takes them (linux/filter.h), and a small assembler for our own.

The rule it lives by: jumps are written as names and become distances in one place.
"""

from __future__ import annotations

import ctypes
import struct
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable

MAX_INSTRUCTIONS: Final = 4096  # BPF_MAXINSNS: the kernel takes no longer program
FARTHEST: Final = 255  # instructions a conditional jump can skip

# Instruction classes, and the parts their codes are made of
LD, LDX, ST, STX, ALU, JMP, RET, MISC = range(8)
W, H, B = 0x00, 0x08, 0x10
ABS, IND, LEN, MSH = 0x20, 0x40, 0x80, 0xA0
K, X, A = 0x00, 0x08, 0x10
ADD, MUL, AND, RSH, XOR = 0x00, 0x20, 0x50, 0x70, 0xA0
JA, JEQ = 0x00, 0x10
TAX: Final = 0x00

# Beyond the packet: what the kernel knows of it, and its headers wherever the packet begins (SKF_*)
AD: Final = 0xFFFF_F000
AD_PROTOCOL: Final = AD
AD_VLAN_TAG: Final = AD + 44
AD_VLAN_TAG_PRESENT: Final = AD + 48
AD_VLAN_TPID: Final = AD + 60
LINK_HEADER: Final = 0xFFE0_0000


class Instruction(NamedTuple):
    """One instruction; a jump's distances count from the one behind it."""

    code: int
    k: int = 0
    jt: int = 0
    jf: int = 0


class If(NamedTuple):
    """If A equals `k` go on at the label `to`, else with the next line."""

    k: int
    to: str


class Go(NamedTuple):
    """Go on at the label `to`."""

    to: str


Line = Instruction | If | Go | str  # a text is the label of the line behind it


def assemble(lines: Iterable[Line]) -> list[Instruction]:
    """Return a program with its labels made distances."""
    kept: list[Instruction | If | Go] = []
    labels: dict[str, int] = {}
    for line in lines:
        if isinstance(line, str):
            labels[line] = len(kept)
        else:
            kept.append(line)
    program = []
    for at, line in enumerate(kept):
        if isinstance(line, If):
            program.append(Instruction(JMP | JEQ | K, line.k, labels[line.to] - at - 1, 0))
        elif isinstance(line, Go):
            program.append(Instruction(JMP | JA, labels[line.to] - at - 1))
        else:
            program.append(line)
    return program


def pack(program: Iterable[Instruction]) -> bytes:
    """Return an array of struct sock_filter."""
    return b"".join(struct.pack("=HBBI", one.code, one.jt, one.jf, one.k) for one in program)


def unpack(packed: bytes) -> list[Instruction]:
    """Return the program in an array of struct sock_filter."""
    return [Instruction(code, k, jt, jf) for code, jt, jf, k in struct.iter_unpack("=HBBI", packed)]


def hand_over(sock: socket.socket, level: int, option: int, packed: bytes) -> None:
    """Give the kernel a program as the value of a socket's option (struct sock_fprog)."""
    held = ctypes.create_string_buffer(packed, len(packed))
    sock.setsockopt(level, option, struct.pack("@HP", len(packed) // 8, ctypes.addressof(held)))
