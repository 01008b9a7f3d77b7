"""Make the captures: `python -m pcaps.make [name …]`, as root, from the project's folder, with the extra `plant`."""

from __future__ import annotations

import bisect
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from . import pcapng, readme, story
from .network import SENSOR, Network
from .plant import BY_NAME, HOSTS
from .scenarios import ALL
from .stage import Stage

if TYPE_CHECKING:
    from .scenarios import Scenario

FOLDER = Path(__file__).parents[1]


def _comments(frames: list[pcapng.Frame], steps: list[story.Step]) -> dict[int, str]:
    """Return each step's words for its actor's next frame; steps at one frame share its comment."""
    sent: dict[bytes, list[int]] = {}
    for index, frame in enumerate(frames):
        sent.setdefault(frame.data[6:12], []).append(index)
    comments: dict[int, str] = {}
    for step in steps:
        own = sent.get(bytes.fromhex(BY_NAME[step.actor].mac.replace(":", "")), [])
        at = bisect.bisect_left(own, step.time, key=lambda index: frames[index].time)
        if at < len(own):
            words = f"{step.actor} > {step.target}: {step.detail} ({step.outcome})"
            earlier = comments.get(own[at])
            comments[own[at]] = f"{earlier}\n{words}" if earlier else words
    return comments


def make(scenario: Scenario) -> None:
    """Play one scenario and write its capture and its story."""
    with tempfile.TemporaryDirectory() as folder:
        mirrors = {SENSOR: scenario.mirror} if scenario.mirror else None
        with Stage(Path(folder), Network(HOSTS, mirrors)) as stage:
            scenario.play(stage)
        frames, steps = pcapng.read_pcap(stage.capture), story.read(stage.story)
    if scenario.vlan:
        frames = [pcapng.tagged(frame, scenario.vlan) for frame in frames]
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
    readme.renew(FOLDER)
    return 0


if __name__ == "__main__":
    sys.exit(main())
