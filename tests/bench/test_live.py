"""Measuring on a span port: the sender sends what it says, and the search finds the rate."""

import json
import os
import struct
import subprocess
import sys
import time

import pytest
from rich.console import Console

from bench import captures, live, report, span
from sensor.capture.live import Live, RingSettings, open_sockets
from tests.capture.forging import records
from tests.capture.wire import stop_after, wire

PACKETS = 2000


@pytest.mark.parametrize("kind", live.KINDS)
def test_the_sender_sends_every_frame_in_order_at_the_rate_asked_for(tmp_path, kind):
    path = tmp_path / "sent.pcap"
    captures.write(path, kind, PACKETS)
    with wire() as net:
        with net.inside():
            opened = open_sockets(["span0"], 1, RingSettings())
        command = ["ip", "netns", "exec", net.name, sys.executable, "bench/sender.py", path, "out0", "4000", "500"]
        done = subprocess.run(command, input="\n\n", capture_output=True, text=True, check=True, timeout=60)
        reader = Live(opened[0])
        timer = stop_after(reader, 0.1)
        seen = [b.data[at : at + size] for b in reader.blocks() for _, at, size, _, _ in records(b.index)]
        timer.join()
        reader.close()
        opened[0][0].close()
    ready, warm, told = done.stdout.splitlines()
    assert (ready, warm) == ("ready", "warm")
    assert json.loads(told)["frames"] == PACKETS - 500
    assert 0.35 < json.loads(told)["seconds"] < 2
    assert seen == frames_of(path)


def frames_of(path):
    data, at, found = path.read_bytes(), 24, []
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        found.append(data[at + 16 : at + 16 + size])
        at += 16 + size
    return found


def test_frames_of_the_least_size_are_of_the_least_size(tmp_path):
    captures.write(tmp_path / "least.pcap", "minimum", PACKETS)
    assert {len(frame) for frame in frames_of(tmp_path / "least.pcap")} == {60}


class Slow:
    """A program that loses what is beyond its rate."""

    name = "slow"

    def __init__(self, rate):
        self.rate = rate


def pretended(listener, _capture, rate, _inside):
    reached = min(rate, 900_000) if rate else 900_000
    lost = max(0, int(1000 * (1 - listener.rate / reached)))
    return live.Trial(1000, reached, 1000 - lost, lost, 0.0, 0.5, 1.0)


@pytest.mark.parametrize("rate", [100_000, 333_000, 850_000])
def test_the_search_ends_near_the_rate_and_below(monkeypatch, rate):
    monkeypatch.setattr(live, "attempt", pretended)
    full, best = live.highest(Slow(rate), None, (), 8)
    assert full.rate == 900_000
    assert rate - 5000 < best.rate <= rate * 1.001


def test_who_is_faster_than_the_sender_is_told_so(monkeypatch):
    monkeypatch.setattr(live, "attempt", pretended)
    full, best = live.highest(Slow(2_000_000), None, (), 8)
    assert full is best
    out = Console(width=200, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    out.print(report.live("steady", 1000, [("fast", full, best), ("lame", full, None)]))
    text = out.export_text()
    assert "900 (the sender's limit)" in text
    assert "none" in text
    out.file.close()


@pytest.mark.parametrize(
    ("trial", "held"),
    [
        (live.Trial(1000, 1.0, 1000, 0, 0.1, 1, 1), True),
        (live.Trial(1000, 1.0, 1000, 1, 0.1, 1, 1), False),
        (live.Trial(1000, 1.0, 999, 0, 0.1, 1, 1), False),
        (live.Trial(1000, 1.0, 1000, 0, 0.9, 1, 1), False),
    ],
)
def test_a_rate_is_held_where_nothing_is_lost_and_nothing_waits(trial, held):
    assert trial.held is held


def test_the_time_of_a_program_and_its_children_is_counted():
    busy = "import time\nwhile time.process_time() < 0.4: pass\ntime.sleep(60)"  # more than the kernel's ticks hide
    command = [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}])"]
    with subprocess.Popen(command) as process:
        end = time.monotonic() + 20
        while span.cpu_seconds(process.pid) < 0.3 and time.monotonic() < end:
            time.sleep(0.05)
        used = span.cpu_seconds(process.pid)
        subprocess.run(["pkill", "-P", str(process.pid)], check=False)
        process.kill()
    assert 0.3 <= used < 2
