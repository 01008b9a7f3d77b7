"""A stage for one scenario: the network, the players in their namespaces, and the tap that records them."""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from .network import SENSOR, SPAN, enter
from .story import Story

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.process import BaseProcess

    from .network import Network

LISTENING = (("tcp", "0A"), ("udp", "07"))  # tables in /proc/net, and a listening socket's state there
PR_SET_PDEATHSIG = 1  # linux/prctl.h
START_SECONDS = 60  # a controller that does not listen by then is broken; a loaded machine is slow
_processes = multiprocessing.get_context("fork")


class Stage:
    """Plays deeds in hosts' namespaces; a deed is a function that takes the story."""

    def __init__(self, folder: Path, network: Network) -> None:
        self.network = network
        self.story = folder / "story"
        self.capture = folder / "capture"
        self.players: list[BaseProcess] = []
        self.tap: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Build the network; nobody is there yet."""
        self.network.__enter__()
        return self

    def __exit__(self, *problem: object) -> None:
        """Stop the tap, send everybody home, remove the network."""
        self._stop_recording()
        for player in self.players:
            player.kill()
            player.join()
        self.network.__exit__(*problem)

    def serve(self, name: str, deed: Callable[..., None], port: int, **arguments: Any) -> BaseProcess:
        """Start a controller and wait until it listens."""
        player = self.begin(name, deed, **arguments)
        self.await_port(name, player, port)
        return player

    def await_port(self, name: str, player: BaseProcess, port: int) -> None:
        """Wait until a host that was begun listens."""
        wanted, patience = f":{port:04X}", time.monotonic() + START_SECONDS
        while player.is_alive() and time.monotonic() < patience:
            for table, state in LISTENING:
                for line in Path(f"/proc/{player.pid}/net/{table}").read_text().splitlines()[1:]:
                    words = line.split()
                    if words[1].endswith(wanted) and words[3] == state:
                        return
            time.sleep(0.1)
        raise TimeoutError(f"{name} does not listen on port {port}")

    def begin(self, name: str, deed: Callable[..., None], **arguments: Any) -> BaseProcess:
        """Let a host do something while the play goes on."""
        player = _processes.Process(
            target=_play, args=(self.network.namespace(name), name, self.story, deed, arguments), daemon=True
        )
        player.start()
        self.players.append(player)
        return player

    def act(self, name: str, deed: Callable[..., None], **arguments: Any) -> None:
        """Let a host do something and wait until it is done."""
        player = self.begin(name, deed, **arguments)
        player.join()
        if player.exitcode:
            raise RuntimeError(f"{name}: {deed.__name__} failed")

    def record(self) -> None:
        """Switch the tap on."""
        listen = (
            f"tcpdump -i {SPAN} -w {self.capture} -Z root -s 0 -B 8192 --immediate-mode --time-stamp-precision=nano"
        )
        command = f"ip netns exec {self.network.namespace(SENSOR)} {listen}".split()
        self.tap = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        if self.tap.stderr is None or "listening" not in self.tap.stderr.readline():
            raise RuntimeError("the tap does not listen")

    def _stop_recording(self) -> None:
        if self.tap is not None:
            time.sleep(0.3)
            self.tap.terminate()
            self.tap.communicate()


def _play(namespace: str, name: str, story: Path, deed: Callable[..., None], arguments: dict[str, Any]) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # nobody plays on when the stage has crashed
    logging.disable()  # the libraries report each refusal that is meant to happen
    enter(namespace)
    deed(Story(story, name), **arguments)
