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
from tests.lab.measuring import Measuring, arrived, children, is_worker, name_of  # noqa: E402
from tests.lab.span import SpanWatch  # noqa: E402
from tests.lab.told import Deed, Trouble, unexplained, unnoticed, untold  # noqa: E402
from tests.line import line_kit  # noqa: E402

ROUND = 300.0  # s of one round of troubles; a shorter run has one, quicker
SETTLED = 15.0  # s until whoever comes is a newcomer
ATTACKS_A_ROUND = 3
DISK = "96m"  # of the store's file system
WORKERS = 2
GROWTH, GROWTH_BYTES = 0.05, 4_000_000  # what memory may grow from the third quarter to the last
END_SECONDS = 2.0  # as promised
# Of clients and functions that are new but once, and of reads, which are looked at when they are new
ONCE = {
    "modbus-new-client", "modbus-function-scan", "ot-controller-sweep", "dnp3-integrity-poll-by-newcomer",
    "s7-mode-read-by-newcomer", "s7-block-list-by-newcomer", "s7-io-read-by-newcomer",
}  # fmt: skip
BROKEN = "title: broken\nlogsource: {product: ot}\ndetection: {a: {ot.no_such_field: 1}, condition: a}\n"
UNWRITABLE = "store_unwritable at the store:"
# What several attacks make together, and what they leave behind
TOGETHER = {"ot-controller-sweep", "ot-reconnaissance-then-command", "modbus-function-scan", "dnp3-restart-seen"}


class Endurance:
    """One run: the plant, the sensor on it, and the troubles."""

    def __init__(self, stage, folder, minutes):
        self.stage, self.folder, self.length = stage, folder, minutes * 60
        self.namespace = stage.network.namespace(cast.ONCE)
        self.plant = lab.Lab(stage)
        # As many as are played in the first half: in the second nothing is new, and memory has no reason to grow.
        new = max(3, round(minutes * 60 / ROUND * ATTACKS_A_ROUND / 2))
        laptop = (one for one in declaration.attacks() if one.by == "laptop")
        self.attacks = itertools.cycle(list(itertools.islice(laptop, new)))
        self.troubles = []  # seconds, what
        self.deeds = []  # attacks, and when
        self.concerns = []  # what it must tell of itself
        self.turns = itertools.cycle(range(WORKERS))
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
        asked, self.ended = time.monotonic(), time.time_ns()
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

    def concern(self, rule, words, when=0):
        """Remember what it must tell of the trouble made now, or then (ns)."""
        self.concerns.append(Trouble(when or time.time_ns(), rule, words))

    def attack(self):
        """Play the next attack of the declaration."""
        attack, began = next(self.attacks), time.time_ns()
        self.note("attack")
        self.stage.act(attack.by, attack.act())
        self.rest(attack.rest)
        self.deeds.append(Deed(attack.name, began, time.time_ns(), frozenset(attack.alerts)))

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
        """End the next worker at once, as the kernel does when memory is short."""
        number = next(self.turns)
        self.note("worker killed")
        self.concern("sensor-impaired", f"worker_died at {number}:")
        (worker,) = (pid for pid in self.workers() if name_of(pid) == f"otsensor-w{number}")
        os.kill(worker, signal.SIGKILL)

    def take_down(self):
        """Take the interface down for eight seconds."""
        self.note("interface down")
        self.concern("sensor-blind", f"interface_down at {SPAN}:")
        for state, seconds in (("down", 8), ("up", 0)):
            subprocess.run(["ip", "-n", self.namespace, "link", "set", SPAN, state], check=True)
            self.rest(seconds)

    def fill_disk(self):
        """Leave no byte on the store's disk for twelve seconds."""
        self.note("disk full")
        began, failed = time.time_ns(), self.commits_failed()
        filler = self.db.parent / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(65_536))
        self.rest(12)
        filler.unlink()
        self.rest(3)
        if self.commits_failed() > failed:  # else the log had room from before, and everything was kept
            self.concern("sensor-blind", UNWRITABLE, began)

    def commits_failed(self):
        """Return how many commits have failed, as far as it has been told."""
        return self.measuring.counts.get("commits_failed", 0)

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
            early, late = self.level(name, 0.5, 0.75), self.level(name, 0.75, 1.0)
            flat = late - early <= max(GROWTH * early, GROWTH_BYTES)
            yield flat, f"memory of {name}: {early / 1e6:.1f} MB in the third quarter, {late / 1e6:.1f} in the last"
        taken, drops = span("frames"), span("kernel_drops")
        yield (
            self.arrived == taken + drops,
            f"frames: {self.arrived} arrived; {taken} taken, {drops} dropped by the kernel",
        )
        done, lost = span("frames_done"), span("lost_with_worker")
        yield taken == done + lost, f"frames taken: {taken}; {done} worked through, {lost} lost with a worker"
        died = counts.get("workers_died", 0)
        yield died == made["worker killed"], f"workers: {made['worker killed']} killed, {died} counted"
        reloads, refused = counts.get("reloads", 0), counts.get("reloads_refused", 0)
        yield (
            (refused > 0) == (reloads > 0) and reloads + refused == made["reload"],
            (f"reloads: {made['reload']} asked for, {reloads} done, {refused} refused for a broken rule"),
        )
        hit = sum(one.words == UNWRITABLE for one in self.concerns)
        failed = f"{self.commits_failed()} commits failed and counted"
        yield hit > 0, f"disk: {made['disk full']} times full, {failed} in {hit} of them"
        yield from self.verdict_on_alerts()
        yield (
            self.process.returncode == 0 and self.took < END_SECONDS,
            (f"end: {self.took:.2f} s after SIGTERM, exit code {self.process.returncode}"),
        )
        yield self.sent == ([], 0), f"sent on the span link: {self.sent[1]} frames"

    def verdict_on_alerts(self):
        """Yield what became of each attack, and of each of the sensor's own troubles."""
        done = line_kit.otsensor("alerts", "--db", self.db, "--format", "json")
        alerts = [json.loads(line) for line in done.stdout.splitlines()]
        others = [one for one in alerts if not one["rule"].startswith("sensor-")]
        missing = untold(alerts, self.deeds, ONCE)
        yield not missing, f"alerts: {len(self.deeds)} attacks, each at its time; missing: {missing or 'none'}"
        strange = unexplained(others, self.deeds, TOGETHER)
        yield not strange, f"alerts that began with no attack that explains them: {strange or 'none'}"
        unsaid = unnoticed(alerts, self.concerns, self.ended)
        yield not unsaid, f"own troubles: {len(self.concerns)} made, not told soon: {unsaid or 'none'}"

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
