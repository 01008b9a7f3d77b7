"""Classic BPF as the kernel runs it, for the programs that cannot be tried without a network."""

import struct

from sensor.capture.live import bpf

ALU = {
    0x00: lambda a, b: a + b, 0x10: lambda a, b: a - b, 0x20: lambda a, b: a * b, 0x30: lambda a, b: a // b if b else 0,
    0x40: lambda a, b: a | b, 0x50: lambda a, b: a & b, 0x60: lambda a, b: a << b, 0x70: lambda a, b: a >> b,
    0xA0: lambda a, b: a ^ b,
}  # fmt: skip
TESTS = {0x10: lambda a, b: a == b, 0x20: lambda a, b: a > b, 0x30: lambda a, b: a >= b, 0x40: lambda a, b: bool(a & b)}
SIZES = {bpf.W: 4, bpf.H: 2, bpf.B: 1}


class OutsideError(Exception):
    """A read beyond the packet: the kernel ends the program with 0."""


def fetch(packet, at, size, around):
    if at in around:
        return around[at]
    if at >= bpf.LINK_HEADER:
        packet, at = around["link"], at - bpf.LINK_HEADER
    if at + size > len(packet):
        raise OutsideError
    return int.from_bytes(packet[at : at + size], "big")


def run(packed, packet, around=None):
    """Return what a program returns; `around` has the words beside the packet by offset, and its link header."""
    try:
        return execute([*struct.iter_unpack("=HBBI", packed)], packet, around or {bpf.AD_VLAN_TAG_PRESENT: 0})
    except OutsideError:
        return 0


def execute(program, packet, around):
    a = x = at = 0
    memory = [0] * 16
    while True:
        code, jt, jf, k = program[at]
        at += 1
        kind, mode, size = code & 7, code & 0xE0, SIZES.get(code & 0x18, 0)
        if kind in (bpf.LD, bpf.LDX):
            if mode == 0:
                value = k
            elif mode == 0x60:
                value = memory[k]
            elif mode == bpf.LEN:
                value = len(packet)
            elif mode == bpf.MSH:
                value = 4 * (fetch(packet, k, 1, around) & 0xF)
            else:
                value = fetch(packet, k + (x if mode == bpf.IND else 0), size, around)
            a, x = (value, x) if kind == bpf.LD else (a, value)
        elif kind in (bpf.ST, bpf.STX):
            memory[k] = a if kind == bpf.ST else x
        elif kind == bpf.ALU:
            a = -a if code & 0xF0 == 0x80 else ALU[code & 0xF0](a, x if code & bpf.X else k)
            a &= 0xFFFF_FFFF
        elif kind == bpf.JMP:
            operand = x if code & bpf.X else k
            at += k if code & 0xF0 == 0 else (jt if TESTS[code & 0xF0](a, operand) else jf)
        elif kind == bpf.RET:
            return a if code & bpf.A else k
        else:
            a, x = (x, x) if code & 0xF8 else (a, a)
