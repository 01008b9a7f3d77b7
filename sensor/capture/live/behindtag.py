# mypyc: off: runs once at start
"""A filter program for frames as they are on the wire, rewritten for frames whose outer VLAN tag the kernel took off.

The rule it lives by: each read of the tag becomes a read of what the kernel keeps of it, each read behind it one four
bytes earlier; what cannot be rewritten is refused.
"""

from __future__ import annotations

from typing import Final

from sensor.capture.live import bpf
from sensor.capture.live.bpf import Instruction

START: Final = 12  # of the tag in the frame: behind the MACs
END: Final = 16
TAG: Final = END - START
WIDTHS: Final = {bpf.W: 4, bpf.H: 2, bpf.B: 1}


def behind_tag(program: list[Instruction]) -> list[Instruction]:
    """Return the twin of a program; raises ValueError where a read reaches over the tag's edge."""
    pieces = [rewritten(one) for one in program]
    starts = [0]
    for piece in pieces:
        starts.append(starts[-1] + len(piece))
    twin: list[Instruction] = []
    for at, piece in enumerate(pieces):
        *before, last = piece
        if last.code & 7 == bpf.JMP:
            last = moved(last, at, starts)
        twin += [*before, last]
    return twin


def moved(jump: Instruction, at: int, starts: list[int]) -> Instruction:
    """Return a jump with the distances it has between the pieces."""
    if jump.code == bpf.JMP | bpf.JA:
        return jump._replace(k=starts[at + 1 + jump.k] - starts[at + 1])
    jt = starts[at + 1 + jump.jt] - starts[at + 1]
    jf = starts[at + 1 + jump.jf] - starts[at + 1]
    if max(jt, jf) > bpf.FARTHEST:
        raise ValueError("a program too long for its jumps")
    return jump._replace(jt=jt, jf=jf)


def rewritten(one: Instruction) -> list[Instruction]:
    """Return what one instruction becomes."""
    kind, mode, size = one.code & 7, one.code & 0xE0, one.code & 0x18
    if kind == bpf.LD and mode == bpf.LEN:
        return [one, Instruction(bpf.ALU | bpf.ADD | bpf.K, TAG)]
    if kind == bpf.LDX and mode == bpf.LEN:
        raise ValueError("the frame's length as an offset")
    if kind == bpf.LD and mode == bpf.ABS and one.k < bpf.AD:
        return absolute(one, WIDTHS[size])
    # Where such a read is nearer, it belongs to what was tested to be no tag at all, and is not reached.
    if (kind == bpf.LD and mode == bpf.IND) or (kind == bpf.LDX and mode == bpf.MSH):
        return [one._replace(k=one.k - TAG)] if one.k >= END else [one]
    return [one]


def absolute(one: Instruction, width: int) -> list[Instruction]:
    """Return what a read at a fixed place becomes."""
    if one.k + width <= START:
        return [one]
    if one.k >= END:
        return [one._replace(k=one.k - TAG)]
    word = bpf.AD_VLAN_TPID if one.k < START + 2 else bpf.AD_VLAN_TAG
    kept = Instruction(bpf.LD | bpf.W | bpf.ABS, word)
    if width == 2 and one.k in (START, START + 2):
        return [kept]
    if width == 1:
        high = one.k in (START, START + 2)
        part = Instruction(bpf.ALU | bpf.RSH | bpf.K, 8) if high else Instruction(bpf.ALU | bpf.AND | bpf.K, 0xFF)
        return [kept, part]
    raise ValueError(f"{width} bytes at offset {one.k} of the frame")
