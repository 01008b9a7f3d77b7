"""What it costs to ship many documents: rate, memory, size of the store here and there.

Run it as a program: `python tests/elastic/volume.py --alerts 100000 --behaviours 1000000`.
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.append(str(pathlib.Path(__file__).parents[2]))  # behind an installed one

import elastic_server
from feed import Feed, alert

from sensor.behaviour.behaviour import Behaviour
from sensor.contract import ACCEPTED, Endpoint, Exchange, Network, Target
from sensor.store.store import Store

SECOND = 1_000_000_000
NETWORK = Network(0, "works", "cell 1", "", "")


def endpoint(number: int) -> Endpoint:
    """Return one of 65,536 machines."""
    high, low = divmod(number % 65_536, 256)
    return Endpoint(number, NETWORK, bytes((10, 1, high, low)), f"10.1.{high}.{low}")


def behaviours(number: int):
    """Yield so many different behaviours, each seen twice."""
    clients, servers = [endpoint(n) for n in range(20)], [endpoint(1000 + n) for n in range(500)]
    for n in range(number):
        client, server = clients[n % 20], servers[n // 20 % 500]
        first = n // 10_000 * 10
        found = Behaviour(client, server, "modbus", "read_holding_registers", "read", "1",
                          [Target("holding_register", first, first + 9)], False)  # fmt: skip
        for second in (1, 2):
            exchange = Exchange("modbus", b"", 0, (n + second) * SECOND)
            exchange.response_time, exchange.outcome = exchange.request_time + 5_000_000, ACCEPTED
            found.count_in(exchange)
        yield found


def fill(path: pathlib.Path, alerts: int, number: int) -> None:
    """Write the store."""
    with Store(path) as store:
        for n in range(alerts):
            store.alert(alert(n))
        for found in behaviours(number):
            store.behaviour(found, tell=True)


def shipped(feed: Feed) -> tuple[float, float, float]:
    """Ship in a process of its own; return seconds, its CPU seconds and its largest memory (MB)."""
    began = time.monotonic()
    process = os.posix_spawn(
        sys.executable, feed.command("ship", "--db", feed.db, "--config", feed.config, "--once", "--patience", "120"),
        feed.environment,
    )  # fmt: skip
    _, status, used = os.wait4(process, 0)
    seconds = time.monotonic() - began
    if status:
        raise SystemExit(f"the shipper ended with {status}")
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000


def size(path: pathlib.Path) -> float:
    """Return the size of a store on the disk, MB."""
    return sum(one.stat().st_size for one in path.parent.glob(path.name + "*")) / 1e6


def there(feed: Feed, index: str) -> str:
    """Return documents and size of an index or data stream."""
    feed.server.request("POST", f"{index}/_refresh")
    feed.server.request("POST", f"{index}/_flush")
    _, found = feed.server.request("GET", f"{index}/_stats/docs,store")
    about = found["_all"]["primaries"]
    return f"{about['docs']['count']:,} documents, {about['store']['size_in_bytes'] / 1e6:,.0f} MB"


def main() -> None:
    """Measure."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--alerts", type=int, default=100_000)
    options.add_argument("--behaviours", type=int, default=1_000_000)
    given = options.parse_args()
    server = elastic_server.started()
    try:
        for alerts, number in ((given.alerts, 0), (0, given.behaviours)):
            with tempfile.TemporaryDirectory() as folder:
                feed = Feed(server, pathlib.Path(folder), f"v{alerts}x{number}", "admin")
                feed.set_up()
                fill(feed.db, alerts, number)
                before = size(feed.db)
                seconds, cpu, memory = shipped(feed)
                many = alerts + number
                print(f"{alerts:,} alerts, {number:,} behaviours: {seconds:.1f} s, {many / seconds:,.0f} a second, "
                      f"{many / cpu:,.0f} per CPU second of the shipper, {memory:,.0f} MB at most; "
                      f"store {before:,.0f} MB before, {size(feed.db):,.0f} after")  # fmt: skip
                for index in [feed.stream("alert"), feed.state("alerts")] if alerts else [feed.stream("behaviour")]:
                    print(f"  {index}: {there(feed, index)}", flush=True)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
