"""What the tests of the feed share: a writer of alerts, a shipper in a process of its own, and the final account.

The rule it lives by: the account is drawn from the store and from the server, never from what the shipper says.
"""

import collections
import os
import pathlib
import subprocess
import sys
import threading
import time

import sensor
from sensor.alert.alert import Alert
from sensor.detect.rule import Rule
from sensor.ship.elastic import templates
from sensor.store.store import Store

SECOND = 1_000_000_000
PACKAGE = pathlib.Path(sensor.__file__).parents[1]  # installed, or the source tree: the same as the tests
RULE = Rule(
    id="4f0f7a5e-0000-4000-8000-000000000001", name="a-rule", title="A rule", level="high", description="It is a rule.",
    author="us", version="2026-01-01", license="Apache-2.0", references=(), techniques=("T0855",),
    tactics=("impair-process-control",), path=pathlib.Path("rule.yml"), line=1, explanation="It matters.",
    response="Wait.", sentence="{source} wrote to {destination}", service="modbus",
)  # fmt: skip


def alert(number: int, count: int = 1) -> Alert:
    """Return one revision of one alert."""
    fields = {"source.address": "10.0.0.1", "source.ip": "10.0.0.1", "destination.address": "10.0.0.2",
              "destination.ip": "10.0.0.2", "network.protocol": "modbus", "ot.unit": str(number),
              "ot.site": "works"}  # fmt: skip
    now = time.time_ns()
    made = Alert(f"{number:032x}", RULE, (str(number),), now, now, fields)
    made.count = made.told = count
    made.revision = len(str(count))
    return made


class Writer:
    """Writes alerts in a thread: each gets three revisions, `rate` revisions a second."""

    def __init__(self, path: pathlib.Path, rate: float):
        self.path = path
        self.rate = rate
        self.written = 0
        self.stopped = threading.Event()
        Store(path).close()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        with Store(self.path) as store:
            began = time.monotonic()
            while not self.stopped.wait(0.02):
                for number in range(self.written, int((time.monotonic() - began) * self.rate)):
                    subject, step = divmod(number, 3)
                    store.alert(alert(subject, 10**step))
                    self.written = number + 1
                store.commit()

    def stop(self):
        self.stopped.set()
        self.thread.join()


class Feed:
    """A store, a configuration, and the shipper as its own process."""

    def __init__(self, server, folder: pathlib.Path, namespace: str, user: str = "shipper"):
        self.server = server
        self.namespace = namespace
        self.db = folder / "plant.db"
        self.config = folder / "otsensor.yml"
        keys = {"name": "soc", "hosts": server.url, "namespace": namespace, "user": user,
                "password_env": "OTSENSOR_TEST_PASSWORD", **({"ca": server.ca} if server.ca else {})}  # fmt: skip
        lines = "".join(f"    {name}: {value}\n" for name, value in keys.items())
        self.config.write_text(f"sensor: test\nsite: works\ndestinations:\n  - type: elasticsearch\n{lines}")
        path = os.pathsep.join([str(PACKAGE), os.environ.get("PYTHONPATH", "")])
        password = server.users.get(user, server.users["admin"])
        self.environment = {**os.environ, "PYTHONPATH": path, "OTSENSOR_TEST_PASSWORD": password}
        self.log = folder / "shipper.log"

    def command(self, *arguments) -> list[str]:
        return [sys.executable, "-m", "sensor.cli", *map(str, arguments)]

    def run(self, *arguments, code: int | tuple[int, ...] = 0) -> str:
        """Run a command of otsensor to its end; `code`: how it may end."""
        done = subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode in ((code,) if isinstance(code, int) else code), (
            done.returncode,
            done.stdout,
            done.stderr,
        )
        return done.stdout

    def ship(self, *arguments, code=0) -> str:
        return self.run("ship", "--db", self.db, "--config", self.config, *arguments, code=code)

    def start(self) -> subprocess.Popen:
        """Start the shipper."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self.command("ship", "--db", self.db, "--config", self.config), env=self.environment,
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def set_up(self):
        """Install the templates."""
        for kind, found in (("component", templates.component_templates()), ("index", templates.index_templates())):
            for name, body in found.items():
                status, answer = self.server.request("PUT", f"_{kind}_template/{name}", body)
                assert status == 200, answer

    def stream(self, kind: str) -> str:
        return f"{'metrics' if kind == 'health' else 'logs'}-otsensor.{kind}-{self.namespace}"

    def state(self, kind: str) -> str:
        return f"otsensor-{kind}-{self.namespace}"

    def roll_over(self) -> bool:
        """Force a rollover of the alerts' history."""
        try:
            return self.server.request("POST", f"{self.stream('alert')}/_rollover")[0] == 200
        except OSError:
            return False

    def everything(self, index: str, fields: object = True) -> list[dict]:
        """Every hit of an index or data stream, over all its backing indices, with its version; `fields`: _source."""
        self.server.request("POST", f"{index}/_refresh")
        status, opened = self.server.request("POST", f"{index}/_pit?keep_alive=1m")
        assert status == 200, opened
        pit = {"id": opened["id"], "keep_alive": "1m"}
        order = [{"event.sequence": "asc"}, {"_shard_doc": "asc"}]
        asked = {"size": 5000, "sort": order, "pit": pit, "version": True, "_source": fields}
        found: list[dict] = []
        while True:
            status, answer = self.server.request("POST", "_search", asked)
            assert status == 200, answer
            found += answer["hits"]["hits"]
            if len(answer["hits"]["hits"]) < 5000:
                self.server.request("DELETE", "_pit", {"id": pit["id"]})
                return found
            asked["search_after"] = found[-1]["sort"]

    def doubles(self) -> list[str]:
        """Tell of what is there twice: where it lies, and when it was sent."""
        by_sequence = collections.defaultdict(list)
        for hit in self.everything(self.stream("alert"), ["event.sequence", "event.ingested"]):
            event = hit["_source"]["event"]
            by_sequence[event["sequence"]].append(f"{hit['_index'][-6:]} {event['ingested']}")
        found = collections.Counter(" | ".join(sorted(where)) for where in by_sequence.values() if len(where) > 1)
        return [f"{count} documents: {where}" for where, count in sorted(found.items())]

    def account(self) -> dict[str, int]:
        """Return what is wrong, counted: all of it must be nothing. And how many there are."""
        with Store(self.db) as store:
            rows = store.database.execute("SELECT sequence, alert, version, count FROM alert_revisions").fetchall()
            dead = store.database.execute("SELECT count(*) FROM rejected").fetchone()[0]
        hits = self.everything(self.stream("alert"), ["event.sequence"])
        seen = collections.Counter(hit["_source"]["event"]["sequence"] for hit in hits)
        newest = {}
        for _, identity, version, count in rows:
            newest[identity] = max(newest.get(identity, (0, 0)), (version, count))
        states = {hit["_id"]: (hit["_version"], hit["_source"]["ot"]["alert"]["count"])
                  for hit in self.everything(self.state("alerts"), ["ot.alert.count"])}  # fmt: skip
        return {
            "revisions": len(rows),
            "alerts": len(newest),
            "backing_indices": len({hit["_index"] for hit in hits}),
            "lost": sum(row[0] not in seen for row in rows),
            "twice": sum(count - 1 for count in seen.values()),
            "strangers": len(set(seen) - {row[0] for row in rows}),
            "dead_letters": dead,
            "states_wrong": sum(states.get(identity) != found for identity, found in newest.items()),
            "states_too_many": len(set(states) - set(newest)),
        }


def is_well(account: dict[str, int]) -> bool:
    """Say whether everything is there once."""
    wrong = ("lost", "twice", "strangers", "dead_letters", "states_wrong", "states_too_many")
    return account["revisions"] > 0 and not any(account[name] for name in wrong)
