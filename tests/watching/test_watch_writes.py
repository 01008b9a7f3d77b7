"""`otsensor watch` with a rotating capture: alerts name file and frame, and neither a full disk nor a kill stops it."""

import contextlib
import os
import pathlib
import signal
import sqlite3
import subprocess
import tempfile
import time

import pytest

from sensor.capture.evidence import frames_at
from tests.disks import disk
from tests.watching import span_kit

if why := span_kit.why_not():
    pytest.skip(why, allow_module_level=True)

pytestmark = pytest.mark.slow  # each begins processes of its own, and waits for seconds to pass

PLANT = span_kit.PCAPS / "plant.pcapng"
UNSENT = "write_lost"


@pytest.fixture
def folder():
    """A folder that the user a watch becomes can reach."""
    with tempfile.TemporaryDirectory(prefix="otsensor-writes-") as name:
        path = pathlib.Path(name)
        path.chmod(0o755)
        yield path


@contextlib.contextmanager
def writing(span, folder, captures, *options):
    settings = folder / "otsensor.yml"
    settings.write_text(f"watch:\n  write: {{folder: {captures}, file_size: 150000}}\n")
    watch = span_kit.Watch(span, "--config", str(settings), *options, folder=folder)
    try:
        yield watch.listening()
    finally:
        watch.close()


def evidence(watch):
    with sqlite3.connect(watch.db) as database:
        return list(database.execute("SELECT file, frame, time FROM evidence"))


def time_of(file, frame):
    (block,) = frames_at(file, [frame])
    return int.from_bytes(block.index[block.first * 24 : block.first * 24 + 8], "little")


@pytest.mark.parametrize("workers", [1, 2])
def test_every_frame_that_an_alert_names_is_in_the_file_it_names(span, folder, workers):
    captures = folder / "captures"
    with writing(span, folder, captures, "--workers", str(workers)) as watch:
        span.send(PLANT)
        time.sleep(1)
        assert watch.end()[0] == 0
        named = evidence(watch)
        there = [time_of(file, frame) for file, frame, _ in named]
        health = watch.health()
    assert len(named) > 50
    assert len({file for file, _, _ in named}) > 1
    assert {pathlib.Path(file).parent for file, _, _ in named} == {captures}
    assert there == [seen for _, _, seen in named]
    assert health["written"] == health["frames.span0"] > 5000
    assert health[UNSENT] == 0


def test_a_killed_worker_leaves_its_file_and_the_next_one_goes_on(span, folder):
    captures = folder / "captures"
    with writing(span, folder, captures) as watch:
        span.send(span_kit.PCAPS / "s7-stop.pcapng")
        watch.until(lambda: list(captures.glob("*.pcapng")))
        time.sleep(0.5)
        (before,) = watch.workers()
        os.kill(before, signal.SIGKILL)
        watch.until(lambda: watch.workers() not in ([], [before]))
        time.sleep(0.5)
        span.send(span_kit.PCAPS / "modbus-write.pcapng")
        time.sleep(0.5)
        assert watch.end()[0] == 0
        named = evidence(watch)
        there = [time_of(file, frame) for file, frame, _ in named]
    assert len({file for file, _, _ in named}) == 2
    assert there == [seen for _, _, seen in named]


def test_a_folder_that_the_user_cannot_write_is_named_with_what_to_do(span, folder):
    captures = folder / "captures"
    captures.mkdir()  # root's
    command = [*span_kit.OTSENSOR, "watch", "span0", "--db", str(folder / "w.db"), "--write", str(captures)]
    done = subprocess.run(["ip", "netns", "exec", span.name, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"write folder {captures}: Permission denied for the user " in done.stderr
    assert "; expected chown " in done.stderr


def test_a_full_disk_stops_the_writing_and_not_the_watching(span, folder):
    with disk(folder / "captures", "200k", "777") as captures, writing(span, folder, captures) as watch:
        span.send(PLANT)
        time.sleep(1)
        assert watch.end()[0] == 0
        health, alerts, named = watch.health(), watch.rows("alerts"), evidence(watch)
        kept = sorted(captures.glob("*.pcapng"))
        assert all(frames_at(path, [1]) for path in kept)
    assert health["written"] + health[UNSENT] == health["frames.span0"]
    assert min(health["written"], health[UNSENT]) > 0
    assert health["write_failures"] > 0
    assert len(alerts) > 20
    assert {"span0"} < {file for file, _, _ in named}
