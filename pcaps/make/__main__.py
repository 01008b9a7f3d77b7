"""Make the captures: `python -m pcaps.make [name …]`, as root, from the project's folder, with the extra `plant`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from . import pcapng, story
from .scenarios import ALL
from .stage import Stage

if TYPE_CHECKING:
    from .scenarios import Scenario

FOLDER = Path(__file__).parents[1]


def _comments(frames: list[pcapng.Frame], steps: list[story.Step]) -> dict[int, str]:
    """Return each step's words for the first frame at or after it; steps at one frame share its comment."""
    comments: dict[int, str] = {}
    at = 0
    for step in steps:
        while at < len(frames) and frames[at].time < step.time:
            at += 1
        if at < len(frames):
            words = f"{step.actor} > {step.target}: {step.detail} ({step.outcome})"
            comments[at] = f"{comments[at]}\n{words}" if at in comments else words
    return comments


def make(scenario: Scenario) -> None:
    """Play one scenario and write its capture and its story."""
    with tempfile.TemporaryDirectory() as folder:
        with Stage(Path(folder), scenario.mirror, scenario.vlan) as stage:
            scenario.play(stage)
        frames, steps = pcapng.read_pcap(stage.capture), story.read(stage.story)
    story.write(FOLDER / f"{scenario.name}.story.tsv", steps, frames[0].time)
    path = FOLDER / scenario.file
    if path.suffix == ".pcap":
        pcapng.write_pcap(path, frames)
    else:
        pcapng.write_pcapng(path, frames, _comments(frames, steps), scenario.meaning)
    print(f"{path.name}: {len(frames)} frames, {path.stat().st_size} bytes, {len(steps)} steps")


def main() -> int:
    """Make the captures named on the command line, or all."""
    if os.geteuid() != 0:
        print("network namespaces need root", file=sys.stderr)
        return 2
    wanted = sys.argv[1:] or [scenario.name for scenario in ALL]
    unknown = set(wanted) - {scenario.name for scenario in ALL}
    if unknown:
        print(f"no such scenario: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    for scenario in ALL:
        if scenario.name in wanted:
            make(scenario)
    return 0


if __name__ == "__main__":
    sys.exit(main())
