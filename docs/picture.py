"""Draw what people see, as `make picture` does.

docs/images/read.svg is a run of the README's first command; docs/images/watch.svg the shipped plant, second by second
as it would have come from a span port.
"""

import io
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
from collections import Counter

from rich.console import Console
from rich.text import Text

import sensor
from sensor.capture.block import RECORD
from sensor.capture.files import Captures
from sensor.console.live import rows
from sensor.console.live.picture import Picture
from sensor.console.live.scene import InterfaceRow, ProtocolRow, Scene, WorkerRow
from sensor.reading import Reading

IMAGES = pathlib.Path(__file__).with_name("images")
PLANT = "pcaps/plant.pcapng"
COLUMNS = 150
ALERTS = 14
WATCH = (132, 40)  # columns and lines
NS = 1_000_000_000


def printed() -> str:
    """Return what the command prints on a terminal, colours included."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "sensor.cli", "read", PLANT, "--db", f"{folder}/plant.db"]
        terminal = {**os.environ, "COLUMNS": str(COLUMNS), "FORCE_COLOR": "1", "TERM": "xterm-256color"}
        run = subprocess.run([*command, "--top", str(ALERTS)], env=terminal, capture_output=True, text=True, check=True)
    return run.stdout.replace(f"{folder}/", "")


def watched() -> Scene:
    """Return the scene at the end of the plant's capture."""
    reading = sensor.read(PLANT).run()
    frames, sizes = seconds()
    scene = Scene(time=(max(frames) + 1) * NS, started=min(frames) * NS, sensor="north-1", place="north-works / cell-1")
    tap = InterfaceRow("span0")
    for second in range(min(frames) - 1, max(frames) + 1):
        tap.frames, tap.bytes = tap.frames + frames[second], tap.bytes + sizes[second]
        scene.take_interfaces([tap])
    fill(scene, reading)
    scene.workers = [WorkerRow(0, 1, alive=True, share=0.01)]
    scene.store, scene.store_bytes = "plant.db", 700_000
    scene.protections = [(name, "on", "") for name in ("user", "capabilities", "seccomp", "Landlock")]
    return scene


def fill(scene: Scene, reading: Reading) -> None:
    """Put into a scene what was found."""
    span = (scene.time - scene.started) / NS
    found = rows.protocol_rows(reading.behaviours)
    scene.take_protocols([ProtocolRow(row.name) for row in found])
    scene.take_protocols(found, span)
    for row in sorted(reading.rows("assets"), key=lambda row: row["first_time"]):
        scene.take_asset(rows.stored_asset_row(row))
    for row in sorted(reading.rows("behaviours"), key=lambda row: row["first_time"]):
        scene.take_behaviour(rows.stored_behaviour_row(row))
    for alert in reading.alerts:
        scene.alert_counts[alert.rule.level] = scene.alert_counts.get(alert.rule.level, 0) + 1
        scene.alerts[alert.id] = rows.alert_row(alert)


def seconds() -> tuple[Counter[int], Counter[int]]:
    """Return frames and bytes of each second of the capture."""
    frames: Counter[int] = Counter()
    sizes: Counter[int] = Counter()
    for block in Captures([PLANT]).blocks():
        records = block.index[block.first * RECORD : block.last * RECORD]
        for time, _, _, original, _ in struct.iter_unpack("<qiiii", records):
            frames[time // NS] += 1
            sizes[time // NS] += original
    return frames, sizes


def main() -> None:
    """Write the pictures."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text.from_ansi(f"$ otsensor read {PLANT} --db plant.db\n" + printed()))
    console.save_svg(str(IMAGES / "read.svg"), title="otsensor")
    width, height = WATCH
    console = Console(record=True, width=width, height=height, file=io.StringIO(), force_terminal=True)
    console.print(Picture(watched()), height=height, end="")
    console.save_svg(str(IMAGES / "watch.svg"), title="otsensor watch span0")


if __name__ == "__main__":
    main()
