"""The programs that are measured, and how each is told to read a capture.

The rule it lives by: everybody does what they would do in earnest: otsensor with its rules and its database, Suricata
with its OT parsers and its records.
"""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = pathlib.Path(__file__).parents[1]
ITERATE = "import sensor, sys\nfor message in sensor.read(sys.argv[1]): pass"

# One thread, nothing written but the records named; everything else as Suricata has it when nobody says otherwise.
# Its OT parsers are off by default, and Modbus streams are followed to their end, as its own file advises.
SURICATA = """%YAML 1.1
---
logging: {default-log-level: error, outputs: [{console: {enabled: no}}]}
stats: {enabled: no}
outputs:
  - eve-log: {enabled: yes, filetype: regular, filename: eve.json, types: [TYPES]}
app-layer:
  protocols:
    modbus: {enabled: yes, stream-depth: 0, detection-ports: {dp: 502}}
    dnp3: {enabled: yes, detection-ports: {dp: 20000}}
    tls: {enabled: yes, detection-ports: {dp: 443}}
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Program:
    """One way of reading a capture."""

    part: str  # what `--only` calls it
    name: str
    command: Callable[[pathlib.Path, pathlib.Path], list[str]]  # of the capture and an empty folder
    at_home: bool = False  # runs in the source tree instead of the empty folder
    slow: bool = False  # reads the short capture


def compiled(capture: pathlib.Path, folder: pathlib.Path) -> list[str]:
    """`otsensor read` as installed, with database and rules."""
    return [*installed("-m", "sensor.cli"), "read", str(capture), "--quiet", "--db", str(folder / "bench.db")]


def pure(capture: pathlib.Path, folder: pathlib.Path) -> list[str]:
    """Do the same with the source tree."""
    return [
        sys.executable, "-m", "sensor.cli", "read", str(capture), "--quiet", "--db", str(folder / "bench.db"),
    ]  # fmt: skip


def messages(capture: pathlib.Path, folder: pathlib.Path) -> list[str]:
    """Write every message as a JSON line, too."""
    return [*compiled(capture, folder), "--messages", str(folder / "messages.jsonl")]


def iterate(capture: pathlib.Path, _folder: pathlib.Path) -> list[str]:
    """Take every message as an object, as another program does."""
    return [*installed("-c", ITERATE), str(capture)]


def installed(*arguments: str) -> list[str]:
    """Return the call of this Python with what is installed: -P leaves the folder we are in out of its path."""
    return [sys.executable, "-P", *arguments]


def suricata(types: str) -> Callable[[pathlib.Path, pathlib.Path], list[str]]:
    """Return the call of Suricata with these kinds of records, without rules."""

    def command(capture: pathlib.Path, folder: pathlib.Path) -> list[str]:
        settings, rules = folder / "suricata.yaml", folder / "no.rules"
        settings.write_text(SURICATA.replace("TYPES", types))
        rules.touch()
        return [
            "suricata", "-c", str(settings), "-S", str(rules), "--runmode", "single", "-r", str(capture),
            "-l", str(folder),
        ]  # fmt: skip

    return command


def programs() -> list[Program]:
    """Return what can be measured here; the first is what the others are compared with."""
    found = [
        Program("compiled", "otsensor read --quiet --db", compiled),
        Program("messages", "the same + --messages", messages),
        Program("messages", "for message in sensor.read()", iterate),
    ]
    if shutil.which("suricata"):
        found += [
            Program("suricata", "Suricata, alert + flow", suricata("alert, flow")),
            Program("suricata", "the same + Modbus and DNP3 records", suricata("alert, flow, modbus, dnp3")),
        ]
    found.append(Program("pure", "otsensor read, uncompiled", pure, at_home=True, slow=True))
    return found
