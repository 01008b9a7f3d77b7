"""What a sensor ships that runs for a day: behaviours and assets written each minute, a health report with them.

Run it as a program: `python tests/elastic/live_day.py --behaviours 300 --assets 100`.
"""

import argparse
import pathlib
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).parents[2]))  # behind an installed one

from sensor.behaviour.behaviour import Behaviour
from sensor.contract import ACCEPTED, Endpoint, Exchange, Network, Target
from sensor.inventory.asset import Asset
from sensor.ship.elastic.budget import measured
from sensor.ship.outbox import Outbox
from sensor.store.store import Store

MINUTE = 60_000_000_000  # ns
BEGAN = 1_800_000_000_000_000_000
NETWORK = Network(0, "works", "cell 1", "", "")


def endpoint(number: int) -> Endpoint:
    """Return one of 254 machines."""
    return Endpoint(number, NETWORK, bytes((10, 1, 0, number)), f"10.1.0.{number}")


def behaviour(number: int) -> Behaviour:
    """Return one of many polls."""
    client, server = endpoint(1), endpoint(2 + number % 200)
    return Behaviour(
        client, server, "modbus", "read_holding_registers", "read", str(number), [Target("x", 1, 9)], False
    )


def live(store: Store, behaviours: list[Behaviour], assets: list[Asset]) -> None:
    """Write a day, minute by minute."""
    for minute in range(24 * 60):
        now = BEGAN + minute * MINUTE
        for one in behaviours:
            exchange = Exchange("modbus", b"", 0, now)
            exchange.response_time, exchange.outcome = now + 5_000_000, ACCEPTED
            one.count_in(exchange)
            store.behaviour(one)
        for asset in assets:
            asset.last_time = now
            store.asset(asset, ("controller", f"answered {7 + 50 * minute} modbus requests of 2 clients"))
        store.health({"frames": minute * 60_000, "exchanges": minute * 6_000})
        store.tick(now)


def main() -> None:
    """Measure."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--behaviours", type=int, default=300)
    options.add_argument("--assets", type=int, default=100)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "live.db"
        with Store(path) as store:
            outbox = Outbox(path)
            outbox.register("soc")  # which takes nothing, so that all that was told is there in the end
            outbox.close()
            assets = [Asset(endpoint(number), BEGAN, BEGAN) for number in range(1, given.assets + 1)]
            live(store, [behaviour(number) for number in range(given.behaviours)], assets)
        for one in measured(path):
            print(f"{one.stream}: {one.documents:,} documents, {one.bytes / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
