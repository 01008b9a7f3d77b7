"""Whether a dead or slow server slows the capture: packets read for each CPU second of the reading process.

Run it as a program: `python tests/elastic/beside.py CAPTURE --frames 1000000 --rounds 5`.
"""

import argparse
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

TICK = os.sysconf("SC_CLK_TCK")


def silent() -> int:
    """Listen on a port, take connections, and never answer; return the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    kept = []

    def take():
        while True:
            kept.append(listener.accept()[0])

    threading.Thread(target=take, daemon=True).start()
    return listener.getsockname()[1]


def dripping() -> int:
    """Answer every request byte by byte, without end; return the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def drip(connection):
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Elastic-Product: Elasticsearch\r\nContent-Length: 99999\r\n\r\n")
            while True:
                connection.sendall(b" ")
                time.sleep(0.1)
        except OSError:
            connection.close()

    def take():
        while True:
            threading.Thread(target=drip, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=take, daemon=True).start()
    return listener.getsockname()[1]


def read(arguments: list[str], folder: pathlib.Path) -> tuple[float, float]:
    """Run `otsensor read`; return its own CPU seconds, without those of the shipper beside it, and the time it took."""
    command = [sys.executable, "-P", "-m", "sensor.cli", "read", *arguments, "--quiet", "--db", str(folder / "x.db")]
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    process.wait()
    return (int(fields[11]) + int(fields[12])) / TICK, time.monotonic() - began


def main() -> None:
    """Measure, in turn, several rounds."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("capture")
    options.add_argument("--frames", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    elastic = "destinations:\n  - type: elasticsearch\n    hosts: http://127.0.0.1:{}\n"
    ways = {
        "not shipping": None,
        "shipping to lines": "destinations:\n  - type: lines\n    path: out.ndjson\n",
        "a server that is not there": elastic.format(9),
        "a server that never answers": elastic.format(silent()),
        "a server that answers byte by byte": elastic.format(dripping()),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(given.rounds):
        for name, text in ways.items():
            with tempfile.TemporaryDirectory() as folder:
                arguments = [given.capture]
                if text is not None:
                    config = pathlib.Path(folder) / "c.yml"
                    config.write_text(text)
                    arguments += ["--config", str(config), "--ship"]
                cpu, _ = read(arguments, pathlib.Path(folder))
                found[name].append(given.frames / cpu)
    usual = statistics.median(found["not shipping"])
    for name, rates in found.items():
        middle = statistics.median(rates)
        spread = f"{min(rates) / 1e6:.2f}-{max(rates) / 1e6:.2f}"
        print(f"{name:36} {middle / 1e6:.2f} M packets per CPU second ({spread}), {middle / usual:.1%}")


if __name__ == "__main__":
    main()
