"""The view on a real terminal: never waited for, and left as it was found."""

import fcntl
import os
import pty
import signal
import struct
import sys
import termios
import time
import tty

import pytest
from live_kit import scene, troubled
from rich.console import Console

from sensor.console.live import view as module
from sensor.console.live.patient import Patient
from sensor.console.live.view import LiveView
from sensor.guard import policy
from sensor.guard.confine import confine

ENTERED, LEFT = b"\x1b[?1049h", b"\x1b[?1049l"
HIDDEN, SHOWN = b"\x1b[?25l", b"\x1b[?25h"


class Terminal:
    """Both ends of a terminal."""

    def __init__(self):
        self.reader, writer = pty.openpty()
        tty.setraw(writer)
        os.set_blocking(self.reader, False)
        self.resize(80, 24)
        self.file = os.fdopen(writer, "w", encoding="utf-8")

    def resize(self, width, height):
        fcntl.ioctl(self.reader, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def printed(self):
        found = b""
        try:
            while part := os.read(self.reader, 65_536):
                found += part
        except BlockingIOError:
            pass
        return found

    def close(self):
        self.file.close()
        os.close(self.reader)


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setattr(module, "LEAST_SECONDS", 0.0)
    made = Terminal()
    yield made
    made.close()


def console(terminal, **size):
    return Console(file=terminal.file, force_terminal=True, color_system="256", **size)


def test_the_terminal_is_left_as_it_was_found(terminal):
    with LiveView(console(terminal, width=80, height=24)) as view:
        view.begin(scene())
        view.second(troubled())
        told = terminal.printed()
        assert ENTERED in told
        assert HIDDEN in told
        assert b"BLIND" in told
        assert told.count(b"otsensor") >= 2
    told = terminal.printed()
    assert LEFT in told
    assert SHOWN in told
    assert view.console.file is terminal.file


def test_also_when_something_goes_wrong(terminal):
    view = LiveView(console(terminal, width=80, height=24))

    def watch():
        with view:
            view.show(scene())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        watch()
    assert LEFT in terminal.printed()
    view.close()
    view.end(scene())
    assert terminal.printed() == b""


def test_it_does_not_draw_more_often_than_anybody_reads(terminal, monkeypatch):
    monkeypatch.setattr(module, "LEAST_SECONDS", 60.0)
    with LiveView(console(terminal, width=80, height=24)) as view:
        for _ in range(50):
            view.show(scene())
        assert terminal.printed().count(b"north-1") <= 2  # rich draws once at its start, and once for us


def test_a_stopped_terminal_is_not_waited_for(terminal):
    with LiveView(console(terminal, width=200, height=60)) as view:
        began = time.monotonic()
        for _ in range(60):  # some megabytes, which nobody reads
            view.show(troubled())
        assert time.monotonic() - began < 20
        assert view.patient.waiting
        assert len(view.patient.waiting) < 200_000
        terminal.printed()
        assert view.patient.ready() or terminal.printed()
    began = time.monotonic()
    view.close()
    assert time.monotonic() - began < 2


def test_what_is_set_on_our_end_is_not_set_for_the_shell(terminal):
    with LiveView(console(terminal, width=80, height=24)) as view:
        view.show(scene())
        assert os.get_blocking(terminal.file.fileno())
        assert view.patient.own is not None
        assert not os.get_blocking(view.patient.own)


def test_a_terminal_that_has_gone_away_ends_nothing(monkeypatch):
    monkeypatch.setattr(module, "LEAST_SECONDS", 0.0)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    made = Terminal()
    view = LiveView(console(made, width=80, height=24))
    view.show(scene())
    os.close(made.reader)
    for _ in range(3):
        view.show(scene())
    assert view.patient.gone
    view.close()
    made.file.close()
    signal.signal(signal.SIGHUP, before)


def test_it_follows_the_size_of_the_terminal(terminal, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("LINES", raising=False)
    monkeypatch.setattr(sys, "__stdout__", terminal.file)
    monkeypatch.setattr(sys, "__stdin__", terminal.file)
    monkeypatch.setattr(sys, "__stderr__", terminal.file)
    monkeypatch.setattr("rich.console._STD_STREAMS", (terminal.file.fileno(),))
    with LiveView(console(terminal)) as view:
        for width, height in ((80, 24), (160, 48), (40, 10)):
            terminal.resize(width, height)
            terminal.printed()
            view.show(scene())
            told = terminal.printed()
            assert told.count(b"\n") == height - 1, (width, height)


def test_what_the_watch_says_stands_below_the_picture(terminal):
    with LiveView(console(terminal, width=80, height=24)) as view:
        made = scene()
        view.begin(made)
        view.say("worker 1 was started again")
        view.second(made)
        assert b"worker 1 was started again" in terminal.printed()


def test_a_pipe_nobody_reads_is_not_waited_for():
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as file:
        patient = Patient(file, limit=100_000)
        for _ in range(2_000):
            patient.write("x" * 200)
            patient.flush()
        assert patient.dropped
        assert os.get_blocking(writer)
        os.close(reader)
        assert patient.ready()
        assert patient.gone
        patient.close()


def test_a_log_on_a_full_disk_goes_on_when_there_is_room_again(tmp_path, monkeypatch):
    write = os.write

    def full(*_):
        raise OSError(28, "No space left on device")

    with (tmp_path / "log").open("w") as file:
        patient = Patient(file, limit=1_000)
        monkeypatch.setattr(os, "write", full)
        for number in range(100):
            patient.write(f"line {number:03}, of about forty letters in all\n")
            patient.flush()
        assert patient.dropped > 50
        monkeypatch.setattr(os, "write", write)
        patient.write("lost as well\n")
        patient.flush()
        patient.write("and on it goes\n")
        patient.flush()
        patient.close()
    told = (tmp_path / "log").read_text().splitlines()
    assert (told[0], told[-1]) == ("line 000, of about forty letters in all", "and on it goes")


def confined_view():
    """Show two pictures on this process's terminal, after giving up whatever the recorder gives up."""
    terminal = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  # not what pytest puts in its place
    view = LiveView(Console(file=terminal, force_terminal=True, color_system="256"))
    confine(policy.recorder(user="nobody"))
    before = termios.tcgetattr(1)
    view.begin(troubled())
    now = termios.tcgetattr(1)
    assert not now[3] & (termios.ECHO | termios.ICANON)
    assert now[3] & termios.ISIG
    assert now[6][termios.VSUSP] == b"\0"
    assert now[6][termios.VINTR] == b"\x03"
    view.second(scene("漢字"))
    view.close()
    assert termios.tcgetattr(1) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to have something to give up")
def test_it_draws_and_hushes_the_keyboard_also_when_the_process_is_confined(monkeypatch):
    monkeypatch.setattr(module, "LEAST_SECONDS", 0.0)
    child, reader = pty.fork()
    if child == 0:
        try:
            confined_view()
            os._exit(0)
        except BaseException as error:  # noqa: BLE001  # told to the test by the terminal
            os.write(1, repr(error).encode())
        os._exit(1)
    told = b""
    try:
        while part := os.read(reader, 65_536):
            told += part
    except OSError:  # the other end is closed
        pass
    os.close(reader)
    assert os.waitpid(child, 0)[1] == 0, told[-500:]
    assert ENTERED in told
    assert told.endswith(LEFT)
    assert "漢字".encode() in told
