"""A seccomp filter as the kernel runs it: classic BPF, made from rules; seccomp(2), filter.txt of the kernel.

The rule it lives by: the first rule of a call whose every test holds decides; a call nobody speaks of is refused.
"""

from __future__ import annotations

import dataclasses
import errno
import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from sensor.guard.calls import numbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ALLOW: Final = 0x7FFF_0000
KILL: Final = 0x8000_0000  # the process, not the thread: what is left of a taken process is of no use to us
REFUSE: Final = 0x0005_0000 | errno.EPERM
MISSING: Final = 0x0005_0000 | errno.ENOSYS  # libraries then fall back to an older call

# Calls from here on are younger than the libraries that must live without them: they take ENOSYS, and not always EPERM.
YOUNG: Final = 424
FOREIGN: Final = 0x4000_0000  # the x32 numbers of x86_64: the same calls by another door

ARCHITECTURES: Final = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT = 0, 4, 16  # in struct seccomp_data
LOAD, AND, GIVE = 0x20, 0x54, 0x06  # BPF_LD|W|ABS, BPF_ALU|AND|K, BPF_RET|K
EQUAL, OVER, ABOVE = 0x15, 0x35, 0x25  # BPF_JMP|JEQ, JGE and JGT, with a constant
FARTHEST: Final = 255  # instructions a jump reaches
LONGEST: Final = 4096  # instructions the kernel takes


class Instruction(NamedTuple):
    """One instruction: jumps count from the next one on."""

    code: int
    constant: int
    if_true: int = 0
    if_false: int = 0


class Check(NamedTuple):
    """A look at one argument, of which the kernel uses the low 32 bits; `high` looks at the others."""

    argument: int
    values: tuple[int, ...]
    mask: int = 0xFFFF_FFFF
    among: bool = True  # the masked argument is among the values; False: it is not
    high: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """What happens to some calls where every test holds."""

    calls: Sequence[str]
    action: int
    tests: tuple[Check, ...] = ()


def has(argument: int, some: int) -> Check:
    """Test that an argument has at least one of these bits."""
    return Check(argument, (0,), mask=some, among=False)


def lacks(argument: int, all_of: int) -> Check:
    """Test that an argument has none of these bits."""
    return Check(argument, (0,), mask=all_of)


def assemble(rules: Iterable[Rule], machine: str) -> bytes:
    """Return the program for one architecture."""
    program = [
        Instruction(LOAD, ARCHITECTURE_AT), Instruction(EQUAL, ARCHITECTURES[machine], 1, 0), Instruction(GIVE, KILL),
        Instruction(LOAD, NUMBER_AT), Instruction(OVER, FOREIGN, 0, 1), Instruction(GIVE, KILL),
    ]  # fmt: skip
    for number, own in by_call(rules, machine).items():
        block = decide(own, number)
        program += [Instruction(EQUAL, number, 0, reach(len(block))), *block]
    program += [Instruction(OVER, YOUNG, 0, 1), Instruction(GIVE, MISSING), Instruction(GIVE, REFUSE)]
    if len(program) > LONGEST:
        raise ValueError(f"a filter of {len(program)} instructions; the kernel takes {LONGEST}")
    return b"".join(struct.pack("=HBBI", one.code, one.if_true, one.if_false, one.constant) for one in program)


def by_call(rules: Iterable[Rule], machine: str) -> dict[int, list[Rule]]:
    """Return the rules of each call in order; of calls that only always pass, the kernel keeps a table of its own."""
    known = numbers(machine)
    found: dict[int, list[Rule]] = {}
    for rule in rules:
        for name in rule.calls:
            if name in known:
                found.setdefault(known[name], []).append(rule)
    return found


def decide(rules: Sequence[Rule], number: int) -> list[Instruction]:
    """Return the block that decides about one call."""
    block: list[Instruction] = []
    for rule in rules:
        block += guarded(rule.tests, [Instruction(GIVE, rule.action)])
        if not rule.tests:
            return block
    return [*block, Instruction(GIVE, MISSING if number >= YOUNG else REFUSE)]


def guarded(tests: Sequence[Check], block: list[Instruction]) -> list[Instruction]:
    """Return a block that is run only where every test holds, and is else passed over."""
    for test in reversed(tests):
        block = checked(test, block)
    return block


def checked(test: Check, block: list[Instruction]) -> list[Instruction]:
    """Return a block behind one check."""
    if not test.values:  # nothing is among no values
        return [] if test.among else block
    load = [Instruction(LOAD, ARGUMENTS_AT + 8 * test.argument + (4 if test.high else 0))]
    if test.mask != 0xFFFF_FFFF:
        load.append(Instruction(AND, test.mask))
    jumps: list[Instruction] = []  # made from the last to the first, each knowing how far it is to the block
    for first, last in reversed(runs(test.values)):
        found, missed = len(jumps), 0  # on to the block; to the next comparison
        if not jumps:
            missed = len(block)
        if not test.among:
            found, missed = found + len(block), 0
        if first == last:
            jumps.insert(0, Instruction(EQUAL, first, reach(found), reach(missed)))
        else:
            inner = Instruction(ABOVE, last, reach(missed), reach(found))
            jumps = [Instruction(OVER, first, 0, reach(missed + 1)), inner, *jumps]
    return [*load, *jumps, *block]


def runs(values: Iterable[int]) -> list[tuple[int, int]]:
    """Return numbers as runs, so that many in a row cost no more than two."""
    found: list[tuple[int, int]] = []
    for value in sorted(set(values)):
        if found and value == found[-1][1] + 1:
            found[-1] = (found[-1][0], value)
        else:
            found.append((value, value))
    return found


def reach(distance: int) -> int:
    """Return a jump's distance; raise ValueError for one too far."""
    if distance > FARTHEST:
        raise ValueError(f"a jump over {distance} instructions; {FARTHEST} is the farthest")
    return distance
