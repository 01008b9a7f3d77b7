"""What a whole program costs: CPU time and peak memory, as the kernel counted them.

The rule it lives by: a number without its program having done its work is no number, so a failure ends the benchmark.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Mapping, Sequence


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """What one run took."""

    seconds: float  # CPU time, user and system, of all its threads, start included
    memory: int  # bytes at most resident


class Failed(Exception):  # noqa: N818  # its message is for people
    """A program that did not do its work."""


def run(command: Sequence[str], folder: pathlib.Path, environment: Mapping[str, str] | None = None) -> Cost:
    """Run a program in a folder and return what it cost."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said,
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            said.seek(0)
            text = said.read().decode(errors="replace").strip()
            raise Failed(f"{' '.join(command)}\nended with {process.returncode}:\n{text[-2000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)
