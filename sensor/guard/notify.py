"""What systemd is told of a service: ready, alive, reloading, stopping; sd_notify(3).

The rule it lives by: it never waits and never fails. A sensor whose manager does not listen goes on listening itself.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import Final

ADDRESS: Final = "NOTIFY_SOCKET"
WATCHDOG_MICROSECONDS: Final = "WATCHDOG_USEC"
WATCHDOG_PROCESS: Final = "WATCHDOG_PID"
OFTEN: Final = 3  # signs of life within the time after which we would be taken for dead
LONGEST_STATUS: Final = 400  # characters; it is one line of `systemctl status`


class Notify:
    """Speaks to the service manager that started us; silent where there is none.

    Made before confinement: afterwards there are no new sockets. Only the main process is heard.
    """

    def __init__(self) -> None:
        self.every = interval()  # s between two signs of life; 0: nobody waits for them
        self.socket: socket.socket | None = None
        self.lost = 0  # messages that could not be sent
        self.alive_at = 0.0
        address = os.environ.get(ADDRESS, "")
        if address[:1] in ("/", "@"):
            with contextlib.suppress(OSError):
                self.socket = connected(address)

    def ready(self, status: str = "") -> None:
        """Say that everything is open and frames are looked at; also after a reload."""
        self.send("READY=1", status_line(status))

    def alive(self) -> None:
        """Give a sign of life, no oftener than is due; call it whenever the main loop comes round."""
        now = time.monotonic()
        if self.every and now - self.alive_at >= self.every:
            self.alive_at = now
            self.send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Say in one line how it is."""
        self.send(status_line(text))

    def reloading(self) -> None:
        """Say that rules and configuration are read again; `ready` ends it."""
        self.send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self, status: str = "") -> None:
        """Say that the end has begun."""
        self.send("STOPPING=1", status_line(status))

    def send(self, *lines: str) -> None:
        """Send one message; what cannot be sent at once is counted and forgotten."""
        if self.socket is None:
            return
        try:
            self.socket.send("\n".join(filter(None, lines)).encode())
        except OSError:
            self.lost += 1

    def close(self) -> None:
        """Let the socket go."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None


def connected(address: str) -> socket.socket:
    """Return a socket to the manager; connected, so that it may be used when nothing can be connected any more."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        made.setblocking(False)
        made.connect("\0" + address[1:] if address.startswith("@") else address)
    except OSError:
        made.close()
        raise
    return made


def interval() -> float:
    """Return the seconds between two signs of life; 0 where none are waited for, or not from this process."""
    given, process = os.environ.get(WATCHDOG_MICROSECONDS, ""), os.environ.get(WATCHDOG_PROCESS, "")
    if not given.isdigit() or process not in ("", str(os.getpid())):
        return 0.0
    return int(given) / 1e6 / OFTEN


def status_line(text: str) -> str:
    """Return a status as one line; empty for none."""
    return f"STATUS={' '.join(text.split())[:LONGEST_STATUS]}" if text else ""
