"""The filter's program, run here by an interpreter of our own: what it decides, for both architectures."""

import pathlib
import re
import struct

import pytest

from sensor.guard import calls, landlock, policy, roles
from sensor.guard.confine import confine
from sensor.guard.program import (
    ALLOW,
    ARCHITECTURES,
    KILL,
    LONGEST,
    MISSING,
    REFUSE,
    Check,
    Rule,
    assemble,
    has,
    lacks,
)  # fmt: skip
from sensor.guard.protection import ABSENT, ON, Protection
from tests.guard import attempts
from tests.guard.inside import inside

MACHINES = sorted(ARCHITECTURES)
OPENAT2 = 437
HEADER = pathlib.Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")


def decide(code, machine, number, *arguments):
    """Run a program as the kernel does; jumps only go forward."""
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("<iIQ6Q", number, ARCHITECTURES[machine], 0, *(one & (2**64 - 1) for one in padded))
    at, accumulator = 0, 0
    program = list(struct.iter_unpack("=HBBI", code))
    while True:
        operation, if_true, if_false, constant = program[at]
        at += 1
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, constant)
        elif operation == 0x54:
            accumulator &= constant
        elif operation == 0x15:
            at += if_true if accumulator == constant else if_false
        elif operation == 0x35:
            at += if_true if accumulator >= constant else if_false
        elif operation == 0x25:
            at += if_true if accumulator > constant else if_false
        else:
            assert operation == 0x06
            return constant


def decider(rules, machine):
    code, numbers = assemble(rules, machine), calls.numbers(machine)
    return lambda name, *arguments: decide(code, machine, numbers[name], *arguments)


@pytest.mark.parametrize("machine", MACHINES)
def test_the_first_rule_whose_tests_hold_decides(machine):
    asked = decider(
        [
            Rule(["socket"], KILL, (Check(0, (17, 44)), Check(1, (3,), mask=0xF))),
            Rule(["socket"], ALLOW, (Check(0, (1, 2, 10)),)),
            Rule(["clone"], KILL, (has(0, 0x7E020000),)),
            Rule(["clone"], ALLOW),
            Rule(["openat"], ALLOW, (lacks(2, 0x3),)),
            Rule(["sendto"], ALLOW, (Check(0, (7, 8), among=False), Check(4, (0,)), Check(4, (0,), high=True))),
            Rule(["fcntl"], ALLOW, (Check(0, ()),)),
            Rule(["clone3"], MISSING),
        ],
        machine,
    )
    assert [asked("socket", 17, 3 | 0x80000), asked("socket", 44, 3), asked("socket", 17, 2)] == [KILL, KILL, REFUSE]
    assert [asked("socket", family, 1) for family in (1, 2, 10, 16)] == [ALLOW, ALLOW, ALLOW, REFUSE]
    assert [asked("clone", 17), asked("clone", 0x10000011), asked("clone", 0x20000)] == [ALLOW, KILL, KILL]
    assert [asked("openat", 0, 0, flags) for flags in (0, 0x80000, 1, 2)] == [ALLOW, ALLOW, REFUSE, REFUSE]
    assert [asked("sendto", 5, 0, 0, 0, where) for where in (0, 1, 1 << 32)] == [ALLOW, REFUSE, REFUSE]
    assert [asked("sendto", number) for number in (6, 7, 8, 9)] == [ALLOW, REFUSE, REFUSE, ALLOW]
    assert asked("fcntl", 0) == REFUSE
    assert asked("clone3") == MISSING


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_nobody_speaks_of_are_refused_and_young_ones_missing(machine):
    code = assemble([Rule(["read"], ALLOW)], machine)
    assert decide(code, machine, calls.numbers(machine)["read"]) == ALLOW
    assert decide(code, machine, 300) == REFUSE
    assert decide(code, machine, 500) == MISSING


def test_the_same_calls_by_another_door_end_the_process():
    code = assemble([Rule(["read"], ALLOW)], "x86_64")
    assert decide(code, "x86_64", 0x40000000) == KILL  # x32's read
    assert decide(code, "aarch64", 63) == KILL  # another architecture's


ROLES = {
    "recorder": roles.recorder, "worker": roles.worker, "shipper": roles.shipper,
    "recorder that ships": lambda mute: roles.recorder(mute, ships=True),
    "worker that writes": lambda mute: roles.worker(mute, writes=True),
}  # fmt: skip


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("role", ROLES)
def test_each_role_on_each_architecture(role, machine):
    mute = [*range(10, 74), 80, 82, 83, *range(90, 1000)]
    asked = decider(ROLES[role](tuple(mute)), machine)
    assert {asked("write", number) for number in (0, 9, 74, 79, 81, 84, 89, 1000)} == {ALLOW}
    assert {asked(name) for name in calls.group("hostile") if name in calls.numbers(machine)} == {KILL}
    assert asked("socket", 17, 3) == KILL
    assert {
        asked(name, number) for name in ("write", "writev", "sendto", "sendmsg", "dup", "dup3") for number in mute
    } == {REFUSE}
    assert (
        asked("write", 5) == asked("read", 10) == asked("recvmsg", 10) == asked("futex") == asked("exit_group") == ALLOW
    )
    assert asked("clone3") == MISSING
    assert decide(assemble(ROLES[role](()), machine), machine, OPENAT2) == MISSING  # its flags cannot be looked at
    assert asked("openat", 0, 0, 0) == ALLOW
    assert asked("openat", 0, 0, 0x241) == (REFUSE if role == "worker" else ALLOW)
    ships = role in ("shipper", "recorder that ships")
    assert asked("socket", 2, 1) == asked("connect", 5) == asked("recvmsg", 5) == (ALLOW if ships else REFUSE)
    forks = role.startswith("recorder")
    assert asked("clone", 17) == asked("wait4") == (ALLOW if forks else REFUSE)
    assert asked("clone", 0x3D0F00) == (REFUSE if role.startswith("worker") else ALLOW)  # a thread
    assert asked("mmap", 0, 4096, 6) == asked("mprotect", 0, 4096, 7) == REFUSE
    assert asked("mmap", 0, 4096, 5) == (REFUSE if role.startswith("worker") else ALLOW)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("role", ROLES)
def test_the_kernel_takes_it_for_its_length(role, machine):
    assert len(assemble(ROLES[role](tuple(range(10, 200, 2))), machine)) / 8 < LONGEST


def test_more_listening_sockets_than_a_jump_reaches_over_are_told():
    with pytest.raises(ValueError, match="255 is the farthest"):
        assemble(roles.worker(tuple(range(0, 600, 2))), "x86_64")


def test_a_group_that_is_none_is_no_empty_one():
    with pytest.raises(KeyError, match="writting"):
        calls.group("reading", "writting")


@pytest.mark.skipif(not HEADER.exists(), reason="needs the kernel's headers (linux-libc-dev) of x86_64")
def test_the_numbers_are_the_kernels_own():
    told = dict(re.findall(r"#define __NR_(\w+) (\d+)", HEADER.read_text()))
    ours = calls.numbers("x86_64")
    assert {name: number for name, number in ours.items() if int(told.get(name, number)) != number} == {}
    assert len(set(ours) & set(told)) > 200


def test_no_number_stands_for_two_calls():
    for machine in MACHINES:
        numbers = calls.numbers(machine).values()
        assert len(set(numbers)) == len(numbers)


# --- Older kernels ------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(1, 7))
@pytest.mark.skipif(landlock.version() < 6, reason="needs a kernel that can do all of it")
def test_an_older_landlock_denies_what_it_can_and_says_what_it_cannot(monkeypatch, version):
    monkeypatch.setattr(landlock, "version", lambda: version)
    found = [Protection(*one) for one in inside(lambda: landlock.restrict(landlock.Reach())).value]
    assert [one.state for one in found] == [ON, ON if version >= 4 else ABSENT, ON if version >= 6 else ABSENT]
    assert all("this kernel's Landlock is version" in one.why for one in found if one.state == ABSENT)
    assert inside(lambda: landlock.restrict(landlock.Reach()), lambda: attempts.read("/etc/passwd")).stopped


def test_a_kernel_without_landlock_is_told_and_the_rest_goes_on(monkeypatch):
    monkeypatch.setattr(landlock, "version", lambda: 0)
    found = {name: state for name, state, _ in inside(lambda: confine(policy.worker())).value}
    assert [found[f"landlock {what}"] for what in ("files", "network", "scopes")] == [ABSENT] * 3
    assert found["seccomp"] in (ON, ABSENT)


def test_another_architecture_is_told_and_the_rest_goes_on(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    found = {name: (state, why) for name, state, why in inside(lambda: confine(policy.worker())).value}
    assert found["seccomp"] == (ABSENT, "calls are filtered on x86_64 and aarch64 only")
    assert found["no new privileges"][0] == ON
