"""A span port in a network namespace, a sender on its other end, and the command `otsensor watch` on it."""

import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[2]
PCAPS = ROOT / "pcaps"
OTSENSOR = [sys.executable, *(["-P"] if sys.flags.safe_path else []), "-m", "sensor.cli"]
SETTINGS = ("tso", "off", "gso", "off", "gro", "off", "tx", "off", "rx", "off")


def why_not():
    """Return why no span port can be made here, "" where one can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [tool for tool in ("ip", "ethtool") if not shutil.which(tool)]
    return f"{' and '.join(missing)} missing; Debian: apt install iproute2 ethtool" if missing else ""


class Span:
    """Namespaces with `span0` (and more) and the other ends `out0` ..."""

    def __init__(self, interfaces=1):
        self.name = f"otsensor-test-{os.getpid()}"
        self.interfaces = [f"span{number}" for number in range(interfaces)]
        run("ip", "netns", "add", self.name)
        self.inside("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        for number, name in enumerate(self.interfaces):
            self.link(name, f"out{number}")

    def link(self, name, other):
        self.inside("ip", "link", "add", name, "type", "veth", "peer", "name", other)
        for end in (name, other):
            self.inside("ethtool", "-K", end, *SETTINGS)
            self.inside("ip", "link", "set", end, "up", "arp", "off")

    def inside(self, *command):
        run("ip", "netns", "exec", self.name, *command)

    def send(self, capture, interface="out0", rate=2_000):
        """Send the frames of a capture, at so many a second, in their order."""
        self.inside(sys.executable, str(ROOT / "tests" / "watching" / "send.py"), str(capture), interface, str(rate))

    def ask(self, url):
        """Return what an address in the namespace answers."""
        self.inside("ip", "link", "set", "lo", "up")
        ask = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=5).read().decode())"
        command = ["ip", "netns", "exec", self.name, sys.executable, "-c", ask, f"http://{url}"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def sent(self, interface):
        """Return how many frames have left by an interface."""
        path = f"/sys/class/net/{interface}/statistics/tx_packets"
        done = subprocess.run(
            ["ip", "netns", "exec", self.name, "cat", path], capture_output=True, text=True, check=True
        )
        return int(done.stdout)

    def close(self):
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}{done.stdout}"


class Watch:
    """One `otsensor watch`."""

    def __init__(self, span, *options, folder=None, log=None):
        self.span = span
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="otsensor-watch-"))
        self.folder.chmod(0o755)
        self.db = self.folder / "plant.db"
        self.log = pathlib.Path(log) if log is not None else self.folder / "log"
        named = [] if any(option.startswith("span") for option in options) else span.interfaces
        command = ["ip", "netns", "exec", span.name, *OTSENSOR, "watch", *named, "--db", str(self.db), *options]
        with self.log.open("a") as out:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, "COLUMNS": "200"},
            )

    def said(self):
        return self.log.read_text(encoding="utf-8")

    def until(self, condition, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return
            assert self.process.poll() is None, self.said()
            time.sleep(0.05)
        raise AssertionError(self.said())

    def listening(self):
        """Wait until its workers run."""
        self.until(self.workers)
        time.sleep(0.3)
        return self

    def workers(self):
        """Return the process numbers of the capture workers."""
        found = []
        for pid in children(self.process.pid):
            try:
                name = pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()
            except OSError:
                continue
            if name.startswith("otsensor-w"):
                found.append(pid)
        return found

    def rows(self, kind):
        """List what the store has by now."""
        command = [*OTSENSOR, kind, "--db", str(self.db), "--format", "json"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def health(self):
        """Return the newest counters in the store."""
        with sqlite3.connect(f"file:{self.db}?mode=ro", uri=True) as database:
            return dict(database.execute("SELECT name, value FROM health WHERE run = (SELECT max(run) FROM runs)"))

    def end(self, number=signal.SIGTERM, seconds=5):
        """End it; return its exit code and how long that took."""
        began = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(seconds)
        return code, time.monotonic() - began

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def children(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(one) for one in text.split()]
