"""The sensor under test, in its namespace, on its span port; and what it has kept.

The rule it lives by: it is started and asked by its own commands, as whoever runs a plant does.
"""

import json
import subprocess
import time

from pcaps.make.network import SPAN
from tests.line import line_kit

START_SECONDS = 60.0  # a loaded machine is slow
ARRIVE_SECONDS = 1.0  # until what is on the wire has been told, routine counts included


class Sensor:
    """One run of the sensor into one database."""

    def __init__(self, namespace, folder):
        self.inside = ["ip", "netns", "exec", namespace]
        folder.mkdir()
        folder.chmod(0o755)  # it becomes a user without rights
        self.db = folder / "lab.db"
        self.log = folder / "log"
        self.process = None

    def begin(self, *options):
        """Start it."""
        command = line_kit.command("watch", SPAN, "--db", self.db, "--log", *options)
        with self.log.open("w") as log:
            self.process = subprocess.Popen([*self.inside, *command], cwd=line_kit.ROOT, stdout=log, stderr=log)

    def await_listening(self):
        """Return when nothing can be missed any more: it says so once its rings are there."""
        until = time.monotonic() + START_SECONDS
        while f"watching {SPAN}" not in self.log.read_text():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(self.log.read_text())
            time.sleep(0.1)

    def stop(self):
        """End it in order and wait until everything is written."""
        time.sleep(ARRIVE_SECONDS)
        self.process.terminate()
        assert self.process.wait(30) == 0, self.log.read_text()

    def kill(self):
        """End it at once, whatever state it is in."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def rows(self, what):
        """Return what it has kept: behaviours, alerts, assets or flows."""
        done = line_kit.otsensor(what, "--db", self.db, "--format", "json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]
