"""A shipper beside a reading, for `otsensor read --ship`.

The rule it lives by: a process of its own, so that a slow or dead destination never holds up the reading.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys


class Beside:
    """A shipper in a process of its own, beside a reading."""

    def __init__(self, db: pathlib.Path, config: pathlib.Path) -> None:
        package = pathlib.Path(__file__).parents[2]
        path = os.pathsep.join(filter(None, (str(package), os.environ.get("PYTHONPATH"))))
        command = [sys.executable, "-m", "sensor.cli", "ship", "--db", str(db), "--config", str(config), "--until-eof"]
        self.process = subprocess.Popen(  # noqa: S603  # our own program
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is for the reading
        )  # fmt: skip

    def finish(self) -> int:
        """Let it ship the rest; return its exit code. A Ctrl-C meanwhile ends it at once."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            return self.process.wait()
        except KeyboardInterrupt:
            self.process.terminate()
            return self.process.wait()
