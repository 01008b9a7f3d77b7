"""Each thing an intruder would try works without protection, and fails with it: for every role, by each means alone.

An attempt that fails in an unprotected child already proves nothing on this machine, and is skipped.
"""

import os
import socket

import pytest

from sensor.guard import account, capabilities, kernel, landlock, places, policy, roles, seccomp
from sensor.guard.confine import confine
from sensor.guard.landlock import Reach
from sensor.guard.protection import ON
from tests.guard import attempts
from tests.guard.inside import inside

pytestmark = pytest.mark.usefixtures("root")

needs_seccomp = pytest.mark.skipif(
    kernel.machine() is None or not seccomp.available(), reason="seccomp filters are absent here"
)
LANDLOCK = landlock.version() if os.uname().sysname == "Linux" else 0


def needs_landlock(version):
    return pytest.mark.skipif(version > LANDLOCK, reason=f"needs Landlock {version}; this kernel's is {LANDLOCK}")


def confined(role, **given):
    """Put everything up."""
    made = {"recorder": lambda: policy.recorder(user="nobody", **given), "worker": lambda: policy.worker(**given),
            "shipper": lambda: policy.shipper(user="nobody", ports=(), lookups=False, **given)}  # fmt: skip
    return lambda: confine(made[role]())


def filtered(role):
    """Put the filter up and nothing else: user, capabilities and files are as they were."""
    return lambda: seccomp.install(getattr(roles, role)(), role)


def restricted(**reach):
    """Put Landlock up and nothing else."""
    return lambda: landlock.restrict(Reach(system=tuple(policy.common()), **reach))


def without_capabilities():
    """Become nobody, as `confine` does it, and nothing else."""
    capabilities.lower()
    account.become(account.nobody())
    capabilities.drop()


def show(attempt, *ways):
    """Show that it works without protection and fails in each of these ways; return how the last one failed."""
    outcome = inside(attempt)
    if not outcome.worked:
        pytest.skip(f"not even root can here: {outcome.error}")
    for way in ways:
        outcome = inside(way, attempt)
        assert outcome.stopped, outcome
    return outcome


# --- What only an intruder wants ends the process -----------------------------------------------------

HOSTILE = {
    "packet socket": attempts.packet_socket, "raw socket": attempts.raw_socket, "audit socket": attempts.audit_socket,
    "program": attempts.run_a_program, "bpf": attempts.load_bpf, "io_uring": attempts.rings,
    "perf": attempts.perf, "userfaultfd": attempts.page_faults, "keys": attempts.keys,
    "user namespace": attempts.new_user_space, "user namespace by clone": attempts.forked_user_space,
    "another's namespace": attempts.join_spaces, "hostname": attempts.own_hostname,
}  # fmt: skip


@needs_seccomp
@pytest.mark.parametrize("role", ["recorder", "worker", "shipper"])
@pytest.mark.parametrize("attempt", HOSTILE.values(), ids=HOSTILE)
def test_what_only_an_intruder_wants_ends_the_process(attempt, role):
    assert show(attempt, filtered(role)).signal == 31  # SIGSYS


@needs_seccomp
@pytest.mark.parametrize("role", ["recorder", "worker", "shipper"])
def test_other_processes_cannot_be_looked_into(sibling, role):
    for attempt in (attempts.trace, attempts.read_memory):
        assert show(lambda attempt=attempt: attempt(sibling), filtered(role)).signal == 31


@needs_seccomp
@pytest.mark.parametrize("role", ["recorder", "worker", "shipper"])
def test_nothing_is_typed_into_the_terminal_of_who_started_it(role):
    leader, terminal = os.openpty()
    try:
        assert show(lambda: attempts.type_into(terminal), filtered(role)).signal == 31
    finally:
        os.close(leader)
        os.close(terminal)


@needs_seccomp
@pytest.mark.parametrize("role", ["recorder", "worker", "shipper"])
def test_nothing_is_mounted_and_no_root_is_changed(place, role):
    folder = place / "mounted"
    folder.mkdir()
    for attempt in (attempts.mount, attempts.change_root):
        assert show(lambda attempt=attempt: attempt(folder), filtered(role)).signal == 31


@pytest.mark.parametrize("attempt", [HOSTILE[name] for name in ("packet socket", "raw socket", "hostname")])
def test_without_capabilities_it_fails_also_where_there_is_no_filter(attempt):
    show(attempt, without_capabilities)


@pytest.mark.parametrize("role", ["recorder", "worker", "shipper"])
@pytest.mark.parametrize("attempt", HOSTILE.values(), ids=HOSTILE)
def test_it_fails_with_everything_put_up(attempt, role):
    show(attempt, confined(role))


# --- The network --------------------------------------------------------------------------------------


@needs_seccomp
@pytest.mark.parametrize("role", ["recorder", "worker"])
def test_who_does_not_ship_has_no_network(port, role):
    for attempt in (lambda: attempts.connect(port), attempts.listen, attempts.any_socket):
        show(attempt, filtered(role), confined(role))


@needs_landlock(4)
def test_who_ships_reaches_its_own_ports_only(port):
    def attempt():
        attempts.connect(port)

    show(attempt, restricted(connect=(port + 1,)), confined("shipper"))
    assert inside(restricted(connect=(port,)), attempt).worked
    assert inside(lambda: confine(policy.shipper(user="nobody", ports=(port,), lookups=False)), attempt).worked
    assert inside(lambda: confine(policy.shipper(user="nobody", lookups=False)), attempt).worked  # any port


@needs_landlock(4)
def test_who_ships_does_not_listen():
    show(attempts.listen, restricted(connect=None), confined("shipper"))


@needs_landlock(6)
def test_sockets_and_processes_outside_are_out_of_reach(sibling):
    name = f"otsensor-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as outside:
        outside.bind(f"\0{name}")
        outside.listen()
        show(lambda: attempts.abstract(name), restricted(), confined("recorder"), confined("shipper"))
    show(lambda: attempts.signal_(sibling), restricted(), confined("recorder"), confined("shipper"))


# --- Files --------------------------------------------------------------------------------------------


@needs_landlock(1)
@pytest.mark.parametrize("role", ["recorder", "worker", "shipper"])
def test_secrets_are_out_of_reach(secret, role):
    show(lambda: attempts.read("/etc/shadow"), restricted(), without_capabilities, confined(role))
    show(lambda: attempts.read(secret), restricted(), confined(role))
    show(lambda: attempts.read(secret.parent), restricted(), confined(role))


@needs_landlock(3)
@pytest.mark.parametrize("role", ["recorder", "worker", "shipper"])
def test_nothing_is_written_elsewhere(place, secret, store, role):
    for attempt in (attempts.append, attempts.shorten, attempts.rename):
        show(lambda attempt=attempt: attempt(secret), restricted(writes=(store,)), confined(role, writes=[store]))
    show(lambda: attempts.create(place / "new"), restricted(writes=(store,)), confined(role, writes=[store]))


@needs_landlock(1)
@pytest.mark.parametrize("role", ["recorder", "worker", "shipper"])
def test_the_program_itself_is_not_changed(role):
    for attempt in (attempts.write_into_package, attempts.change_package):
        show(attempt, restricted(), without_capabilities, confined(role))


@needs_landlock(2)
def test_what_is_in_reach_is_not_moved_out_and_nothing_in(store, secret):
    (store / "captured").write_text("frames")

    def out():
        (store / "captured").rename(store.parent / "captured").rename(store / "captured")

    def in_():
        (store / "linked").hardlink_to(secret)
        (store / "linked").unlink()

    show(out, restricted(writes=(store,)))
    show(in_, restricted(writes=(store,)))


# --- What a worker may not, though the recorder may ---------------------------------------------------


@needs_seccomp
@pytest.mark.parametrize("attempt", [attempts.fork, attempts.new_code, attempts.hidden_file])
def test_a_worker_makes_no_process_and_no_code(attempt):
    show(attempt, filtered("worker"), confined("worker"))


@needs_seccomp
def test_a_worker_without_a_folder_of_its_own_opens_nothing_for_writing(place):
    path = place / "there"
    path.write_text("something")
    show(lambda: attempts.append(path), filtered("worker"))
    show(lambda: attempts.create(place / "new"), filtered("worker"))
    assert inside(filtered("worker"), lambda: attempts.read(path)).worked


@needs_seccomp
def test_a_worker_signals_nobody_but_itself(sibling):
    show(lambda: attempts.signal_(sibling), filtered("worker"))
    assert inside(filtered("worker"), lambda: attempts.signal_(os.getpid())).worked


@needs_seccomp
def test_a_worker_is_held_by_its_parents_filter_as_well():
    """What the recorder may not, its children may not, whatever they put up themselves."""
    outcome = inside(filtered("recorder"), lambda: os.WTERMSIG(status_of(attempts.packet_socket)))
    assert outcome.value == 31


def status_of(attempt):
    child = os.fork()
    if child == 0:
        attempt()
        os._exit(0)
    return os.waitpid(child, 0)[1]


# --- Memory -------------------------------------------------------------------------------------------


@needs_seccomp
@pytest.mark.parametrize("role", ["recorder", "worker", "shipper"])
def test_memory_that_is_written_is_never_run(role):
    show(attempts.written_code, filtered(role), confined(role))


def test_memory_that_is_written_is_never_run_where_there_is_no_filter():
    if inside(lambda: capabilities.no_written_code().state).value != ON:
        pytest.skip("this kernel cannot deny it")
    show(attempts.written_code, capabilities.no_written_code)


# --- Sockets that listen on a plant never speak -------------------------------------------------------


def speak(listener):
    """Send a frame of a kind that nobody takes, on the loopback."""
    listener.send(bytes(12) + b"\x88\xb5" + bytes(46))


WAYS = {
    "send": speak,
    "write": lambda listener: os.write(listener.fileno(), bytes(60)),
    "writev": lambda listener: os.writev(listener.fileno(), [bytes(60)]),
    "sendto": lambda listener: listener.sendto(bytes(60), ("lo", 0x88B5)),
    "sendmsg": lambda listener: listener.sendmsg([bytes(60)]),
    "a copy": lambda listener: speak(listener.dup()),
    "a copy by dup": lambda listener: os.write(os.dup(listener.fileno()), bytes(60)),
    "a copy by dup2": lambda listener: os.write(os.dup2(listener.fileno(), 200), bytes(60)),
}


@needs_seccomp
@pytest.mark.parametrize("role", ["recorder", "worker", "shipper"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_nothing_is_sent_on_a_socket_that_listens(way, role):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as listener:
        listener.bind(("lo", 0))
        show(lambda: way(listener), confined(role))
        unmuted = inside(confined(role, mute=()), lambda: speak(listener))
        assert unmuted.worked  # the same, had it not been found


@needs_seccomp
def test_a_socket_that_listens_is_not_handed_round():
    """Passed through a local socket it would have another number."""

    def round_about(listener):
        one, other = socket.socketpair()
        socket.send_fds(one, [b"x"], [listener.fileno()])
        _, numbers, _, _ = socket.recv_fds(other, 1, 1)
        os.write(numbers[0], bytes(60))

    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as listener:
        listener.bind(("lo", 0))
        show(lambda: round_about(listener), confined("recorder"))


@needs_seccomp
def test_a_child_that_cannot_list_its_sockets_finds_them_all_the_same():
    def childs_own():
        confine(policy.recorder(user="nobody", mute=()))
        return list(policy.muted(None))

    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as one, socket.socket(socket.AF_PACKET, 2, 0) as two:
        assert inside(childs_own).value == [one.fileno(), two.fileno()]


def test_the_places_that_are_read_hold_no_secrets():
    everything = [*policy.common(), *places.devices(), *places.statistics(["lo"])]
    assert not {"/", "/etc", "/root", "/home", "/var", "/proc", "/sys", "/dev"} & set(map(str, everything))
