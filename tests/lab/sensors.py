"""The sensor under test, in its namespace, on its span port; and what it has kept.

The rule it lives by: it is started and asked by its own commands, as whoever runs a plant does.
"""

import json
import signal
import subprocess
import time

from pcaps.make.network import SPAN
from tests.line import line_kit

LISTENING = f"listening on {SPAN}".encode()


class Sensor:
    """One run of the sensor into one database."""

    def __init__(self, namespace, folder):
        self.inside = ["ip", "netns", "exec", namespace]
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.db = folder / "lab.db"
        self.capture = folder / "lab.pcap"
        self.tap = self.keep = self.process = None

    def start(self):
        """Listen: return when nothing can be missed any more."""
        listen = ["tcpdump", "-i", SPAN, "-w", "-", "-U", "-Z", "root", "-s", "0", "-B", "8192"]
        read = line_kit.command("read", "-", "--db", self.db, "--quiet")
        piped = {"stdout": subprocess.PIPE}
        self.tap = subprocess.Popen([*self.inside, *listen], stderr=subprocess.PIPE, **piped)
        self.keep = subprocess.Popen(["tee", str(self.capture)], stdin=self.tap.stdout, **piped)
        self.process = subprocess.Popen(
            [*self.inside, *read], stdin=self.keep.stdout, stderr=subprocess.PIPE, cwd=line_kit.ROOT
        )
        self.tap.stdout.close()
        self.keep.stdout.close()
        if LISTENING not in self.tap.stderr.readline():
            raise RuntimeError("the tap does not listen")

    def stop(self):
        """End it in order and wait until everything is written."""
        time.sleep(0.5)  # what is on the wire arrives
        self.tap.send_signal(signal.SIGTERM)
        _, complaints = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, complaints.decode()

    def kill(self):
        """End it at once, whatever state it is in, and leave nothing open."""
        for one in (self.tap, self.keep, self.process):
            if one is not None:
                one.kill()
                one.wait()
                if one.stderr is not None:
                    one.stderr.close()

    def rows(self, what):
        """Return what it has kept: behaviours, alerts, assets or flows."""
        done = line_kit.otsensor(what, "--db", self.db, "--format", "json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]
