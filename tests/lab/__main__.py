"""The plant for people: `python -m tests.lab`, as root, from the project's folder.

The rule it lives by: it stays until Ctrl-C and leaves nothing; attacks are played from a second terminal.
"""

import argparse
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.lab import cast, declaration, lab

HOLD = 3600.0  # s between two looks at a quiet plant


def up():
    """Play normal operation until Ctrl-C."""
    from pcaps.make.stage import Stage  # noqa: PLC0415 - the stacks may be absent

    with tempfile.TemporaryDirectory() as folder, Stage(Path(folder), lab.network(cast.PEOPLE)) as stage:
        plant = lab.Lab(stage)
        plant.open()
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        print("The plant is at work. In another terminal, as root:\n")
        sensor = f"{cast.PEOPLE}{cast.ONCE}"
        otsensor = Path(sys.executable).with_name("otsensor")
        print(f"    ip netns exec {sensor} {otsensor} watch span0 --db {tempfile.gettempdir()}/lab.db")
        print(f"    {sys.executable} -m tests.lab attack NAME\n")
        print("Ctrl-C ends it.")
        try:
            while True:
                time.sleep(HOLD)
        except KeyboardInterrupt:
            plant.close()


def attack(name):
    """Play one attack in the plant that is up; return the exit code."""
    known = {one.name: one for one in declaration.attacks()}
    if name not in known:
        print(f"there is no attack {name}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    one = known[name]
    if not Path("/run/netns", f"{cast.PEOPLE}{one.by}").exists():
        print("the plant is not up: python -m tests.lab up", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder, "story")
        player = multiprocessing.get_context("fork").Process(target=play, args=(one, told))
        player.start()
        player.join()
        lines = told.read_text().splitlines() if told.exists() else []
    for line in lines:
        print("  ".join(line.split("\t")[1:]))
    print(f"Expected alerts: {', '.join(one.alerts)}")
    return int(player.exitcode != 0)


def play(one, told):
    """Be whoever does it, in his namespace."""
    from pcaps.make.network import enter  # noqa: PLC0415
    from pcaps.make.story import Story  # noqa: PLC0415

    enter(f"{cast.PEOPLE}{one.by}")
    one.act()(Story(told, one.by))


def listed():
    """Print every attack with what follows."""
    for one in declaration.attacks():
        print(f"{one.name:28} {', '.join(sorted(one.alerts))}")


def main():
    """Do what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description="a plant to practise on")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("up", help="let the plant work until Ctrl-C")
    verbs.add_parser("list", help="list the attacks, with the alerts that follow")
    verbs.add_parser("attack", help="play one attack in the plant that is up").add_argument("name")
    asked = parser.parse_args()
    if asked.verb == "list":
        listed()
        return 0
    if lab.missing():
        print(lab.missing(), file=sys.stderr)
        return 2
    if asked.verb == "attack":
        return attack(asked.name)
    os.umask(0o022)
    up()
    return 0


if __name__ == "__main__":
    sys.exit(main())
