"""`make soak`: shipper and server are killed at random moments while alerts keep coming and rollovers are forced.

In the end every revision of every alert is there exactly once. Run it as a program, or a few kills of it as a test.
"""

import argparse
import json
import pathlib
import random
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.append(str(pathlib.Path(__file__).parents[2]))  # behind an installed one

import elastic_server
from feed import Feed, Writer, is_well

from sensor.ship.outbox import Outbox


def until_it_ships(feed: Feed) -> float:
    """Return how long a shipper that was just started takes until its cursor moves (s, at least 1)."""
    began = time.monotonic()
    outbox = Outbox(feed.db)
    before = outbox.cursor("soc").shipped
    while outbox.cursor("soc").shipped == before:
        assert time.monotonic() - began < 300, "nothing arrives:\n" + feed.log.read_text()[-2000:]
        time.sleep(0.05)
    outbox.close()
    return max(time.monotonic() - began, 1.0)


def soak(feed: Feed, kills: int, server_kills: int, rate: float, dice: random.Random, say=lambda _text: None) -> dict:
    """Kill both again and again; return the account."""
    feed.set_up()
    writer = Writer(feed.db, rate)
    doom = ["shipper"] * kills + ["server"] * server_kills
    dice.shuffle(doom)
    killed, rollovers = {"shipper": 0, "server": 0}, 0
    shipper = feed.start()
    try:
        until_it_ships(feed)  # the first documents make the streams
        shipper.kill()
        shipper.wait()
        shipper = feed.start()
        pace = until_it_ships(feed)
        say(f"a shipper takes {pace:.1f} s to its first acknowledgement")
        for number, what in enumerate(doom):
            # From the first instruction of a new process to a few requests later, also on a busy machine.
            time.sleep(dice.uniform(0.05, 2 * pace))
            if dice.random() < 0.5:
                rollovers += feed.roll_over()
            if what == "server":
                feed.server.kill()
                time.sleep(dice.uniform(0.0, 3.0))
                feed.server.start()
            else:
                assert shipper.poll() is None, "the shipper ended by itself:\n" + feed.log.read_text()[-2000:]
                shipper.kill()
                shipper.wait()
                rollovers += dice.random() < 0.3 and feed.roll_over()
                shipper = feed.start()
            killed[what] += 1
            if number % 10 == 9:
                say(f"{number + 1} of {len(doom)} kills, {writer.written:,} revisions written, {rollovers} rollovers")
    finally:
        writer.stop()
        shipper.kill()
        shipper.wait()
    feed.ship("--once", "--patience", "60")
    return {**feed.account(), "shipper_kills": killed["shipper"], "server_kills": killed["server"],
            "rollovers": rollovers, "written": writer.written}  # fmt: skip


def main() -> int:
    """Run the soak."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--server-kills", type=int, default=20)
    options.add_argument("--rate", type=float, default=300.0, help="revisions a second")
    options.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    given = options.parse_args()
    print(f"seed {given.seed}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the server ends with us
    server = elastic_server.started()
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as folder:
            feed = Feed(server, pathlib.Path(folder), "soak")
            found = soak(feed, given.kills, given.server_kills, given.rate, random.Random(given.seed),
                         lambda text: print(f"{time.monotonic() - began:.0f} s: {text}", flush=True))  # fmt: skip
    finally:
        server.stop()
    print(json.dumps({**found, "seconds": round(time.monotonic() - began)}))
    print("every revision is there exactly once" if is_well(found) else "FAILED")
    return 0 if is_well(found) else 1


if __name__ == "__main__":
    sys.exit(main())
