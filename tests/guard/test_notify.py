"""What systemd hears: by real datagram sockets, named and abstract, also from a confined process."""

import os
import socket

import pytest

from sensor.guard import policy
from sensor.guard.confine import confine
from sensor.guard.notify import Notify
from tests.guard.inside import inside


@pytest.fixture(params=["named", "abstract"])
def manager(request, tmp_path, monkeypatch):
    """A socket as systemd has it."""
    name = str(tmp_path / "notify") if request.param == "named" else f"@otsensor-notify-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name if name[0] == "/" else "\0" + name[1:])
        listener.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield listener


def heard(manager):
    found = []
    while True:
        try:
            found.append(manager.recv(4096).decode())
        except BlockingIOError:
            return found


def test_a_life_as_the_manager_hears_it(manager):
    notify = Notify()
    notify.ready("listening on span0")
    notify.status("12 frames/s\nno\x20 drops")
    notify.reloading()
    notify.ready()
    notify.stopping("writing")
    notify.close()
    told = heard(manager)
    assert told[:2] == ["READY=1\nSTATUS=listening on span0", "STATUS=12 frames/s no drops"]
    reloading, since = told[2].split("\n")
    assert reloading == "RELOADING=1"
    assert int(since.removeprefix("MONOTONIC_USEC=")) > 0
    assert told[3:] == ["READY=1", "STOPPING=1\nSTATUS=writing"]


def test_signs_of_life_come_as_often_as_is_due(manager, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    notify = Notify()
    assert notify.every == 10
    for _ in range(25):
        notify.alive()
        now[0] += 1
    assert heard(manager) == ["WATCHDOG=1"] * 3
    notify.close()


@pytest.mark.parametrize(("given", "process"), [("", ""), ("soon", ""), ("30000000", "1")])
def test_nobody_waits_for_signs_of_life(manager, monkeypatch, given, process):
    monkeypatch.setenv("WATCHDOG_USEC", given)
    monkeypatch.setenv("WATCHDOG_PID", process)
    notify = Notify()
    notify.alive()
    assert (notify.every, heard(manager)) == (0, [])
    notify.close()


@pytest.mark.usefixtures("root")
def test_a_confined_process_still_speaks(manager):
    def confined():
        notify = Notify()
        confine(policy.recorder(user="nobody"))
        notify.ready("confined")
        return notify.lost

    assert inside(confined).value == 0
    assert heard(manager) == ["READY=1\nSTATUS=confined"]


def test_a_manager_that_does_not_read_holds_nobody_up(manager):
    notify = Notify()
    for _ in range(5_000):
        notify.status("busy")
    assert notify.lost > 0
    heard(manager)
    notify.status("again")
    assert heard(manager) == ["STATUS=again"]
    notify.close()


@pytest.mark.parametrize("name", ["", "/nonexistent/notify", "@otsensor-nobody", "vsock:2:1234"])
def test_without_a_manager_it_is_silent(monkeypatch, name):
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    notify = Notify()
    notify.ready()
    assert (notify.socket, notify.lost) == (None, 0)
    notify.close()
