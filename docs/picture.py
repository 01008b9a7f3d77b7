"""Draw what the README's first command prints, from a run of it: docs/images/read.svg.

Run by `make picture`.
"""

import io
import os
import pathlib
import subprocess
import sys
import tempfile

from rich.console import Console
from rich.text import Text

IMAGE = pathlib.Path(__file__).with_name("images") / "read.svg"
COLUMNS = 150
ALERTS = 14


def printed() -> str:
    """Return what the command prints on a terminal, colours included."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "sensor.cli", "read", "pcaps/plant.pcapng", "--db", f"{folder}/plant.db"]
        terminal = {**os.environ, "COLUMNS": str(COLUMNS), "FORCE_COLOR": "1", "TERM": "xterm-256color"}
        run = subprocess.run([*command, "--top", str(ALERTS)], env=terminal, capture_output=True, text=True, check=True)
    return run.stdout.replace(f"{folder}/", "")


def main() -> None:
    """Write the picture."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text.from_ansi("$ otsensor read pcaps/plant.pcapng --db plant.db\n" + printed()))
    console.save_svg(str(IMAGE), title="otsensor")


if __name__ == "__main__":
    main()
