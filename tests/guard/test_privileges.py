"""What is given up stays given up: user, groups, capabilities, set-uid programs, dumps."""

import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from sensor.guard import account, capabilities, kernel, policy
from sensor.guard.confine import confine
from sensor.guard.protection import ABSENT, OFF, ON, GuardError, Protection, lacking
from tests.guard import attempts
from tests.guard.inside import inside

root_only = pytest.mark.usefixtures("root")
NOBODY = account.nobody()


def for_a_while():
    """Become nobody as careless programs do, so that the way back is open."""
    os.setegid(NOBODY.gid)
    os.seteuid(NOBODY.uid)


def for_good():
    capabilities.lower()
    account.become(NOBODY)
    capabilities.drop()


def after(protect, program, *arguments):
    """Run a program in a child behind a protection; return what it prints."""

    def run():
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(writing, 1)
            os.execv(program, [str(program), *arguments])
        os.close(writing)
        os.waitpid(child, 0)
        return os.read(reading, 65536).decode()

    return inside(protect, run).value


@root_only
def test_the_user_is_another_and_there_is_no_way_back():
    assert inside(for_a_while, attempts.rise, os.geteuid).value == 0
    assert inside(for_good, attempts.rise).stopped
    assert inside(lambda: confine(policy.recorder(user="nobody")), attempts.rise).stopped


@root_only
def test_no_group_is_kept():
    groups = inside(lambda: os.setgroups([0, 4, 27]), os.getgroups).value
    assert groups == [0, 4, 27]
    assert inside(lambda: os.setgroups([0, 4, 27]), for_good, os.getgroups).value == []
    assert inside(for_good, lambda: [*os.getresuid(), *os.getresgid()]).value == [NOBODY.uid] * 3 + [NOBODY.gid] * 3


@root_only
def test_a_user_is_found_by_name_and_number_and_the_usual_one_may_be_missing(monkeypatch):
    assert account.find("nobody") == account.find(str(NOBODY.uid)) == NOBODY
    assert account.find("54321") == ("54321", 54321, 54321)
    monkeypatch.setattr(
        account.pwd, "getpwnam", dict.__getitem__.__get__({NOBODY.name: account.pwd.getpwuid(NOBODY.uid)})
    )
    assert account.find("otsensor") == NOBODY
    with pytest.raises(GuardError, match="there is no 'otsensr' here"):
        account.find("otsensr")


@root_only
def test_who_is_told_to_stay_root_stays_without_capabilities():
    user, powers = inside(lambda: confine(policy.recorder(user="root"))[:2]).value
    assert user == ["user", OFF, "told to stay root"]
    assert powers[1] == ON


@root_only
def test_all_capabilities_are_gone_from_every_set():
    assert set(inside(capabilities.held).value.values()) != {0}
    assert set(inside(for_good, capabilities.held).value.values()) == {0}
    assert inside(for_good, lambda: sorted(capabilities.bounding())).value == []


@root_only
def test_root_itself_gets_nothing_back_by_running_a_program():
    def dropped_only():
        capabilities.drop()

    def lowered_too():
        capabilities.lower()
        capabilities.drop()

    status = "/proc/self/status"
    assert powers(after(dropped_only, "/bin/cat", status)) != 0
    assert powers(after(lowered_too, "/bin/cat", status)) == 0


@root_only
def test_the_ways_of_root_are_locked():
    """Root's id alone gives no capabilities any more, and who has them all cannot change that back."""

    def open_up():
        kernel.prctl(kernel.SET_SECUREBITS, 0)

    assert inside(open_up).worked
    assert inside(capabilities.lower, open_up).stopped
    assert inside(capabilities.lower, lambda: kernel.prctl(kernel.GET_SECUREBITS)).value == capabilities.SECUREBITS


@root_only
def test_confined_nothing_of_it_is_left_out():
    def left():
        confine(policy.recorder(user="nobody"))
        return [sorted(capabilities.bounding()), kernel.prctl(kernel.GET_SECUREBITS), *capabilities.held().values()]

    assert inside(left).value == [[], capabilities.SECUREBITS, 0, 0, 0]


def powers(status):
    (line,) = [one for one in status.splitlines() if one.startswith("CapEff:")]
    return int(line.split()[1], 16)


@root_only
def test_set_uid_programs_give_nothing(place):
    program = place / "id"
    shutil.copy("/usr/bin/id", program)
    program.chmod(0o4755)

    def other_user():
        os.setresgid(*[NOBODY.gid] * 3)
        os.setresuid(*[NOBODY.uid] * 3)

    def protected():
        other_user()
        capabilities.no_new_privileges()

    if after(other_user, program, "-u").strip() != "0":
        pytest.skip("set-uid programs give nothing here anyway (nosuid)")
    assert after(protected, program, "-u").strip() == str(NOBODY.uid)


@root_only
def test_its_own_user_cannot_look_into_it():
    """Whoever else runs as that user, a web server that was taken, say, sees nothing of the sensor."""

    def other_user():
        os.setresgid(*[NOBODY.gid] * 3)
        os.setresuid(*[NOBODY.uid] * 3)

    def looked_into(protect):
        child = os.fork()
        if child == 0:
            other_user()
            kernel.prctl(kernel.SET_DUMPABLE, 1)  # the change of user has switched it off by the way
            protect()
            signal.raise_signal(signal.SIGSTOP)
            os._exit(0)
        os.waitpid(child, os.WUNTRACED)
        try:
            return inside(other_user, lambda: attempts.trace(child))
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)

    assert looked_into(lambda: None).worked
    assert looked_into(capabilities.no_dumps).stopped


@root_only
def test_no_core_is_written_and_the_limit_cannot_be_lifted():
    def lift():
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (4096, 4096))
        except ValueError as error:
            raise PermissionError(1, str(error)) from None

    assert inside(for_good, lift).worked or resource.getrlimit(resource.RLIMIT_CORE)[1] == 0
    assert inside(capabilities.no_dumps, for_good, lift).stopped


def test_a_second_thread_would_stay_unconfined_so_it_is_refused():
    waiting = threading.Event()
    thread = threading.Thread(target=waiting.wait)
    thread.start()
    running = len(list(pathlib.Path("/proc/self/task").iterdir()))  # ours, and what the test runner has
    try:
        with pytest.raises(GuardError, match=f"{running} threads run already"):
            confine(policy.worker())
    finally:
        waiting.set()
        thread.join()


@root_only
def test_everything_that_protects_is_told_and_on_where_the_kernel_has_it():
    found = [Protection(*one) for one in inside(lambda: confine(policy.recorder(user="nobody"))).value]
    assert [one.name for one in found] == [
        "user", "capabilities", "no new privileges", "no dumps", "write xor execute", "landlock files",
        "landlock network", "landlock scopes", "seccomp",
    ]  # fmt: skip
    assert all(one.state in (ON, ABSENT) and one.why for one in found)


@root_only
def test_without_a_sandbox_user_and_capabilities_are_dropped_all_the_same_and_it_is_told():
    found = [Protection(*one) for one in inside(lambda: confine(policy.recorder(user="nobody", sandbox=False))).value]
    assert {one.name: one.state for one in found if one.state != OFF} == dict.fromkeys(
        ("user", "capabilities", "no new privileges", "no dumps"), ON
    )
    assert list(lacking(found))[-1] == "protection off: seccomp: asked for: sandbox is off"


@root_only
def test_who_is_no_root_can_still_give_up_what_it_has():
    def ordinary():
        os.setgroups([])
        os.setresgid(*[NOBODY.gid] * 3)
        os.setresuid(*[NOBODY.uid] * 3)

    found = [Protection(*one) for one in inside(ordinary, lambda: confine(policy.recorder(user="otsensor"))).value]
    assert {one.state for one in found} <= {ON, ABSENT}
    assert found[0].why == f"user {NOBODY.uid}, as it was started, no other groups"
    assert "the bounding set is not" in found[1].why


@root_only
def test_what_should_work_and_does_not_is_raised(monkeypatch):
    monkeypatch.setattr(account.os, "setresuid", lambda *_: None)  # a kernel that says yes and does nothing
    with pytest.raises(GuardError, match="user: became"):
        unwrapped(inside(lambda: confine(policy.recorder(user="nobody"))))


def unwrapped(outcome):
    assert outcome.error.startswith("GuardError: ")
    raise GuardError(outcome.error)


def test_a_folder_that_is_not_there_is_named():
    missing = pathlib.Path("/nonexistent/rules")
    outcome = inside(lambda: confine(policy.worker(writes=[missing])))
    assert outcome.error == "GuardError: landlock: /nonexistent/rules: No such file or directory"


def test_nothing_is_imported_that_a_sensor_without_confinement_needs_not():
    script = "import sys; import sensor.guard.confine, sensor.guard.policy; print('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
