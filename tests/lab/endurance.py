"""An hour of the lab, with everything that may befall a sensor: `make endurance`, as root.

The rule it lives by: trouble is made at known times and what it must show is known beforehand; the verdict is a list of
claims, each with the figures it rests on.

    python -P tests/lab/endurance.py --minutes 60 --picture docs/images/endurance.svg
"""

import argparse
import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))  # last, so that an installed sensor goes before the source tree

from pcaps.make.network import SPAN  # noqa: E402
from tests.lab import cast, curves, declaration, lab  # noqa: E402
from tests.lab.measuring import Measuring, arrived, children, is_worker  # noqa: E402
from tests.lab.span import SpanWatch  # noqa: E402
from tests.line import line_kit  # noqa: E402

ROUND = 300.0  # s of one round of troubles; a shorter run has one, quicker
SETTLED = 15.0  # s until whoever comes is a newcomer
DISK = "96m"  # of the store's file system
WORKERS = 2
GROWTH, GROWTH_BYTES = 0.05, 4_000_000  # what memory may grow from the second quarter to the last
END_SECONDS = 2.5  # the two that are promised, and what it takes to see it
BROKEN = "title: broken\nlogsource: {product: ot}\ndetection: {a: {ot.no_such_field: 1}, condition: a}\n"
# What several attacks make together, and what they leave behind
TOGETHER = {"ot-controller-sweep", "ot-reconnaissance-then-command", "modbus-function-scan", "dnp3-restart-seen"}


class Endurance:
    """One run: the plant, the sensor on it, and the troubles."""

    def __init__(self, stage, folder, minutes):
        self.stage, self.folder, self.length = stage, folder, minutes * 60
        self.namespace = stage.network.namespace(cast.ONCE)
        self.plant = lab.Lab(stage)
        self.attacks = itertools.cycle(one for one in declaration.attacks() if one.by == "laptop")
        self.troubles = []  # seconds, what
        self.played = []
        self.db = folder / "disk" / "endurance.db"
        self.rules = folder / "rules"
        self.log = folder / "watch.log"

    def run(self):
        """Play from start to end."""
        self.begin_watch()
        self.before = arrived(self.namespace)
        self.span = SpanWatch(self.stage.network, cast.ONCE)
        self.plant.open()
        self.measuring = Measuring(self.process.pid, self.db)
        self.rest(SETTLED)
        while self.now() < self.length:
            self.round(min(ROUND, self.length) / ROUND)
        self.plant.close()
        self.rest(3)
        self.arrived = arrived(self.namespace) - self.before
        self.end_watch()

    def now(self):
        """Return seconds since the start."""
        return time.monotonic() - self.measuring.began

    def rest(self, seconds):
        """Let time pass, sampling each second."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.measuring.sample()
            time.sleep(min(1.0, left))

    def keep(self, folder):
        """Copy what the run leaves."""
        folder.mkdir(parents=True, exist_ok=True)
        for path in (self.log, *self.db.parent.glob(f"{self.db.name}*")):
            shutil.copy(path, folder)
        measured = {"troubles": self.troubles, "samples": [one._asdict() for one in self.measuring.samples]}
        (folder / "measured.json").write_text(json.dumps(measured))

    # --- The sensor -----------------------------------------------------------------------------------

    def begin_watch(self):
        """Start the sensor on its own small disk, and wait until it hears."""
        self.db.parent.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "endurance", str(self.db.parent)], check=True)
        self.db.parent.chmod(0o777)
        shutil.copytree(ROOT / "rules", self.rules)
        for path in (self.folder, self.rules, *self.rules.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        config = self.folder / "otsensor.yml"
        config.write_text(
            f"rules: [{self.rules}]\nhealth: {{every: 1s}}\n"
            f"watch: {{interfaces: [{SPAN}], workers: {WORKERS}, ring_size: 8 MB}}\n"
        )
        command = line_kit.command("watch", "--config", config, "--db", self.db, "--log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", self.namespace, *command], cwd=ROOT, stdout=log, stderr=log
            )
        until = time.monotonic() + 60
        while len(self.workers()) < WORKERS:
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(self.log.read_text())
            time.sleep(0.2)
        time.sleep(2)

    def workers(self):
        """Return the capture workers that run."""
        return [pid for pid in children(self.process.pid) if is_worker(pid)]

    def end_watch(self):
        """End it in order, and note how long it took."""
        asked = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.took = time.monotonic() - asked
        self.measuring.counts = self.measuring.read_counts()
        self.sent = self.span.seen()
        self.span.close()

    # --- Troubles -------------------------------------------------------------------------------------

    def round(self, scale):
        """Make each trouble, a good while apart."""
        for trouble in (
            self.attack, self.reload, self.kill_worker, self.attack, self.reload_broken, self.take_down,
            self.attack, self.fill_disk, self.kill_worker, self.power_cycle,
        ):  # fmt: skip
            began = time.monotonic()
            trouble()
            self.rest(max(1.0, 30.0 * scale - (time.monotonic() - began)))

    def note(self, what):
        """Remember when trouble was made."""
        self.troubles.append((self.now(), what))
        print(f"{self.now():7.1f} s  {what}", flush=True)

    def attack(self):
        """Play the next attack of the declaration."""
        attack = next(self.attacks)
        self.note("attack")
        self.stage.act(attack.by, attack.act())
        self.rest(attack.rest)
        self.played.append(attack)

    def reload(self):
        """Let it read its rules again."""
        self.note("reload")
        self.process.send_signal(signal.SIGHUP)

    def reload_broken(self):
        """Give it a rule that is none, and take it away again."""
        self.note("reload")
        broken = self.rules / "broken.yml"
        broken.write_text(BROKEN)
        broken.chmod(0o644)
        self.process.send_signal(signal.SIGHUP)
        self.rest(6)
        broken.unlink()

    def kill_worker(self):
        """End a worker at once, as the kernel does when memory is short."""
        self.note("worker killed")
        os.kill(self.workers()[0], signal.SIGKILL)

    def take_down(self):
        """Take the interface down for eight seconds."""
        self.note("interface down")
        for state, seconds in (("down", 8), ("up", 0)):
            subprocess.run(["ip", "-n", self.namespace, "link", "set", SPAN, state], check=True)
            self.rest(seconds)

    def fill_disk(self):
        """Leave no byte on the store's disk for twelve seconds."""
        self.note("disk full")
        filler = self.db.parent / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(65_536))
        self.rest(12)
        filler.unlink()

    def power_cycle(self):
        """Restart the controllers that an attack may have stopped, and who polls them."""
        for name in ("filter", "intake", "hmi", "historian"):
            self.plant.restart(name, pause=0.2)

    # --- The verdict ----------------------------------------------------------------------------------

    def verdict(self):
        """Yield each claim: whether it holds, in words, with its figures."""
        counts, span = self.measuring.counts, self.measuring.span
        made = {what: sum(one == what for _, one in self.troubles) for what in curves.MARKS}
        for name in ("recorder", "workers", "keeper"):
            early, late = self.level(name, 0.25, 0.5), self.level(name, 0.75, 1.0)
            flat = late - early <= max(GROWTH * early, GROWTH_BYTES)
            yield flat, f"memory of {name}: {early / 1e6:.1f} MB in the second quarter, {late / 1e6:.1f} in the last"
        told = span("frames") + span("kernel_drops")
        yield (
            self.arrived == told,
            (
                f"frames: {self.arrived} arrived; {span('frames')} taken, {span('kernel_drops')} dropped by the kernel"
                f" (of those taken {span('lost_with_worker')} were lost with a worker)"
            ),
        )
        died = counts.get("workers_died", 0)
        yield died == made["worker killed"], f"workers: {made['worker killed']} killed, {died} counted"
        reloads, refused = counts.get("reloads", 0), counts.get("reloads_refused", 0)
        yield (
            (refused > 0) == (reloads > 0) and reloads + refused == made["reload"],
            (f"reloads: {made['reload']} asked for, {reloads} done, {refused} refused for a broken rule"),
        )
        failed = counts.get("commits_failed", 0)
        yield failed >= made["disk full"], f"disk: {made['disk full']} times full, {failed} commits failed and counted"
        yield from self.verdict_on_alerts()
        yield (
            self.process.returncode == 0 and self.took < END_SECONDS,
            (f"end: {self.took:.2f} s after SIGTERM, exit code {self.process.returncode}"),
        )
        yield self.sent == ([], 0), f"sent on the span link: {self.sent[1]} frames"

    def verdict_on_alerts(self):
        """Yield what became of the attacks, and of the sensor's own troubles."""
        done = line_kit.otsensor("alerts", "--db", self.db, "--format", "json")
        rules = {json.loads(line)["rule"] for line in done.stdout.splitlines()}
        wanted = {rule for attack in self.played for rule in attack.alerts}
        missing = sorted(wanted - rules)
        yield (
            not missing,
            f"alerts: {len(wanted)} rules expected of {len(self.played)} attacks, missing: {missing or 'none'}",
        )
        own = {rule for rule in rules if rule.startswith("sensor-")}
        others = sorted(rules - wanted - own - TOGETHER)
        yield not others, f"alerts that no attack explains: {others or 'none'}"
        yield bool(own), f"alerts about the sensor itself: {sorted(own) or 'none'}"

    def level(self, name, start, end):
        """Return the mean memory of a part of the run."""
        part = [getattr(one, name) for one in self.measuring.samples if start <= one.time / self.now_at_end() <= end]
        return sum(part) / max(1, len(part))

    def now_at_end(self):
        """Return the length of the run as sampled."""
        return self.measuring.samples[-1].time


def main():
    """Run, tell the verdict, draw the picture; 1 when a claim does not hold."""
    options = argparse.ArgumentParser(description="an hour of the lab, with everything that may befall a sensor")
    options.add_argument("--minutes", type=float, default=60.0)
    options.add_argument("--keep", type=Path, help="keep the sensor's log and store, and what was measured, here")
    options.add_argument("--picture", type=Path, help="write the curve of memory into this SVG file")
    asked = options.parse_args()
    if lab.missing():
        print(lab.missing(), file=sys.stderr)
        return 2
    from pcaps.make.stage import Stage  # noqa: PLC0415 - the stacks may be absent

    lab.sweep()
    folder = Path(tempfile.mkdtemp(prefix="endurance-"))
    folder.chmod(0o755)
    try:
        with Stage(folder, lab.network()) as stage:
            run = Endurance(stage, folder, asked.minutes)
            run.run()
            if asked.keep:
                run.keep(asked.keep)
            claims = list(run.verdict())
    finally:
        subprocess.run(["umount", "-l", str(folder / "disk")], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)
    if asked.picture:
        title = f"Memory of otsensor watch over {asked.minutes:g} minutes of the lab, with trouble"
        asked.picture.write_text(curves.drawn(run.measuring.samples, run.troubles, title))
    for holds, words in claims:
        print("holds " if holds else "FAILS ", words)
    return 0 if all(holds for holds, _ in claims) else 1


if __name__ == "__main__":
    sys.exit(main())
