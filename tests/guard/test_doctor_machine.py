"""What the doctor says of the machine, the user, the files, and the confinement it has tried."""

import dataclasses
import os
import pathlib
import resource
import subprocess

import pytest

from sensor.guard import account, capabilities, policy, rehearsal
from sensor.guard.calls import rows
from sensor.guard.doctor import clock, machine, rights
from sensor.guard.doctor.finding import NOTE, WARNING, WELL, WRONG
from sensor.guard.doctor.want import Want
from sensor.guard.landlock import Reach
from sensor.guard.program import ALLOW, Rule
from sensor.guard.protection import ABSENT, OFF, ON, GuardError, Protection
from tests.guard.inside import inside

WANT = Want(("lo",), user="nobody")
NOBODY = account.nobody()


def by_check(findings):
    return {one.check: one for one in findings}


# --- Clock and machine --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error", "level", "words"),
    [
        (0x40, 0, WARNING, "nobody keeps the clock right"),
        (0, 2_500_000, WARNING, "may be 2.5 s wrong"),
        (0, 5_000, WELL, "within 5 ms"),
    ],
)
def test_the_clock(monkeypatch, status, error, level, words):
    def answer(where):
        where._obj.status, where._obj.maxerror = status, error
        return 0

    monkeypatch.setattr(clock.kernel, "libc", type("Libc", (), {"adjtimex": staticmethod(answer)}))
    found = by_check(clock.examine())["synchronised"]
    assert (found.level, words in found.found) == (level, True)


def test_the_clocks_state_is_the_kernels_own():
    timex = clock.Timex()
    code = clock.kernel.libc.adjtimex(clock.ctypes.byref(timex))
    assert (code == 5) == bool(timex.status & clock.UNSYNCHRONISED)  # TIME_ERROR
    assert timex.modes == 0


def test_a_slow_source_of_time(monkeypatch, tmp_path):
    monkeypatch.setattr(clock, "SOURCE", tmp_path / "current")
    clock.SOURCE.write_text("hpet\n")
    assert by_check(clock.examine())["source"].level == WARNING
    clock.SOURCE.write_text("tsc\n")
    assert "source" not in by_check(clock.examine())


@pytest.mark.usefixtures("root")
def test_rings_are_tried_and_leave_nothing():
    found = by_check(machine.rings())["rings"]
    assert (found.level, "TPACKET_V3 rings and fanout" in found.found) == (WELL, True)
    without = inside(lambda: account.become(NOBODY) and None, lambda: list(next(machine.rings()))).value
    assert (without[0], "no right to" in without[3]) == (NOTE, True)


@pytest.mark.parametrize(("version", "level"), [(0, WARNING), (3, NOTE), (5, NOTE), (6, WELL), (9, WELL)])
def test_landlock(monkeypatch, version, level):
    monkeypatch.setattr(machine.landlock, "version", lambda: version)
    assert by_check(machine.sandboxes())["landlock"].level == level


def test_memory_that_does_not_hold_the_rings(monkeypatch):
    monkeypatch.setattr(machine, "available", lambda: 1_000_000_000)
    for size, level in ((100_000_000, WELL), (600_000_000, WARNING), (1_200_000_000, WRONG)):
        assert by_check(machine.memory(dataclasses.replace(WANT, ring_size=size)))["rings"].level == level
    assert by_check(machine.memory(dataclasses.replace(WANT, ring_size=200_000_000, workers=6)))["rings"].level == WRONG


def test_limits():
    def limited(soft, hard, workers=1):
        want = dataclasses.replace(WANT, workers=workers)
        step = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))  # noqa: E731
        outcome = inside(step, lambda: [list(one) for one in machine.limits(want) if one.check == "files"])
        return outcome.value[0]

    assert limited(1024, 1024)[0] == WELL
    assert limited(100, 1024)[0] == WARNING
    assert limited(100, 100)[0] == WRONG
    assert limited(512, 512, workers=64)[0] == WRONG


# --- User and files -----------------------------------------------------------------------------------


def test_a_user_that_is_not_there():
    (found,) = rights.examine(dataclasses.replace(WANT, user="otsensr"))
    assert (found.level, found.mend) == (WRONG, rights.MAKE.format("otsensr"))


@pytest.mark.usefixtures("root")
def test_whom_it_would_run_as():
    assert by_check(rights.whom(WANT, NOBODY))["user"].level == WELL
    assert by_check(rights.whom(dataclasses.replace(WANT, user="otsensor"), NOBODY))["user"].level == NOTE
    assert by_check(rights.whom(dataclasses.replace(WANT, user="root"), account.find("root")))["user"].level == WARNING


@pytest.mark.usefixtures("root")
def test_what_the_user_cannot_write_or_read_is_found_and_its_command_mends_it(place):
    config, folder = place / "etc", place / "store"
    config.mkdir(mode=0o700)
    want = dataclasses.replace(WANT, db=folder / "otsensor.db", reads=(config,))
    (folder_,) = [one for one in rights.files(want, NOBODY) if one.check == "folder"]
    assert (folder_.level, folder_.found) == (WRONG, f"{folder} is not there")
    run(folder_.mend)
    assert by_check(rights.files(want, NOBODY))["folder"].level == WELL
    want.db.touch(mode=0o600)
    os.chown(folder, 0, 0)
    for check, level in (("folder", WRONG), ("store", WRONG), ("read", WARNING)):
        found = by_check(rights.files(want, NOBODY))
        assert found[check].level == level, found
        run(found[check].mend)
    assert {check: one.level for check, one in by_check(rights.files(want, NOBODY)).items() if check != "program"} == {
        "folder": WELL
    }


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(("mode", "level"), [(0o777, WRONG), (0o755, NOTE), (0o750, WELL)])
def test_a_store_that_is_everybodys(store, mode, level):
    store.chmod(mode)
    found = by_check(rights.files(dataclasses.replace(WANT, db=store / "otsensor.db"), NOBODY))["folder"]
    assert found.level == level
    if found.mend:
        run(found.mend)
        assert by_check(rights.shared(store))["folder"].level != level


@pytest.mark.usefixtures("root")
def test_a_program_that_its_user_cannot_read_or_may_change(place, monkeypatch):
    hidden, open_ = place / "hidden", place / "open"
    hidden.mkdir(mode=0o700)
    open_.mkdir()
    open_.chmod(0o777)
    monkeypatch.setattr(rights.places, "python", lambda: [hidden, open_])
    unreadable, changeable = rights.program(NOBODY)
    assert (unreadable.level, str(hidden) in unreadable.found) == (WARNING, True)
    assert (changeable.level, str(open_) in changeable.found) == (WRONG, True)
    run(changeable.mend)
    assert [one.found for one in rights.program(NOBODY)] == [unreadable.found]


def run(command):
    subprocess.run(command, shell=True, check=True)


# --- Confinement, as it would be ----------------------------------------------------------------------


@pytest.mark.usefixtures("root")
def test_the_confinement_is_tried_and_this_process_stays_as_it_is(store):
    before = [os.getuid(), capabilities.held(), pathlib.Path("/etc/passwd").read_text()]
    found = {one.check: one for one in rights.confinement(dataclasses.replace(WANT, db=store / "otsensor.db"))}
    assert {one.level for one in found.values()} <= {WELL, WARNING}
    assert found["landlock files"].found.startswith(
        ("landlock files on: writes: " + str(store), "landlock files absent")
    )
    assert [os.getuid(), capabilities.held(), pathlib.Path("/etc/passwd").read_text()] == before
    subprocess.run(["true"], check=True)


@pytest.mark.usefixtures("root")
def test_what_was_asked_off_is_a_warning():
    found = {one.check: one.level for one in rights.confinement(dataclasses.replace(WANT, sandbox=False))}
    assert {found[name] for name in ("seccomp", "landlock files", "write xor execute")} == {WARNING}
    assert found["user"] == WELL


@pytest.mark.usefixtures("root")
def test_a_protection_that_was_put_up_and_does_not_hold_is_off():
    everything = Rule([row["name"] for row in rows()], ALLOW)
    loose = policy.Policy("recorder", "nobody", Reach(reads=(pathlib.Path("/"),)), (everything,))
    states = {one.name: one.state for one in rehearsal.rehearse(loose)}
    assert (states["seccomp"], states["landlock files"]) == (OFF, OFF)
    assert states["user"] == ON


@pytest.mark.usefixtures("root")
def test_a_protection_that_holds_off_nothing_is_wrong(monkeypatch):
    told = Protection("seccomp", OFF, "put up, and yet this worked: Try to run a program")
    monkeypatch.setattr(rights, "rehearse", lambda _: [told, Protection("landlock scopes", ABSENT, "needs Linux 6.12")])
    assert [one.level for one in rights.confinement(WANT)] == [WRONG, WARNING]


def test_what_cannot_be_put_up_is_wrong(monkeypatch):
    def refuse(_):
        raise GuardError("landlock: No such file")

    monkeypatch.setattr(rights, "rehearse", refuse)
    (found,) = rights.confinement(WANT)
    assert (found.level, found.found) == (WRONG, "landlock: No such file")


def test_a_policy_that_cannot_be_put_up_is_raised_by_the_rehearsal():
    with pytest.raises(GuardError, match="/nonexistent: No such file"):
        rehearsal.rehearse(policy.Policy("worker", None, Reach(reads=(pathlib.Path("/nonexistent"),)), ()))
