"""The shipped plant by several ways at once, each with its own filter, and over a one-way line to the far side."""

import collections
import json
import shutil

import pytest
from ways_kit import configured, free_port

from sensor import cli
from sensor import config as configuration
from sensor.ship.destination import Filter
from sensor.ship.listen import Inlet, StreamListener
from sensor.ship.outbox import Outbox


@pytest.fixture(scope="module")
def plant(tmp_path_factory, pcaps):
    path = tmp_path_factory.mktemp("ways") / "plant.db"
    assert cli.main(["read", str(pcaps / "plant.pcapng"), "--db", str(path), "--quiet", "--site", "north"]) == 0
    return path


@pytest.fixture
def store(plant, tmp_path):
    return shutil.copy(plant, tmp_path / "plant.db")


def written(folder):
    return [json.loads(line) for path in sorted(folder.iterdir()) for line in path.read_bytes().splitlines()]


def documents(store, allowed=None):
    outbox = Outbox(store, configuration.load(store.parent / "otsensor.yml").observer)
    try:
        return outbox.read(0, 100_000, allowed or Filter()).items
    finally:
        outbox.close()


def ids(found):
    return sorted(one["event"]["id"] for one in found)


def ship(store, tmp_path, *more):
    return cli.main(["ship", "--db", str(store), "--config", str(tmp_path / "otsensor.yml"), "--once", *more])


def test_several_at_once_and_a_dead_one_holds_up_nobody(store, tmp_path):
    inlet = Inlet()
    listener = StreamListener(inlet, "127.0.0.1", 0)
    listener.start()
    configured(
        tmp_path,
        f"""
        - type: lines
          path: all/feed.ndjson
        - type: lines
          name: grave
          path: grave/feed.ndjson
          kinds: alert
          levels: [high, critical]
        - type: lines
          name: elsewhere
          path: south/feed.ndjson
          sites: south
        - type: syslog
          address: 127.0.0.1:{listener.port}
          transport: tcp
          kinds: [alert, asset]
        - type: syslog
          name: dead
          address: 127.0.0.1:{free_port()}
          transport: tcp
        """,
    )
    try:
        assert ship(store, tmp_path, "--patience", "1") == 1  # the dead one
        whole = documents(store)
        found = written(tmp_path / "all")
        assert ids(found) == ids([one.document for one in whole])
        assert [one["ot"]["feed"]["after"] for one in found[1:]] == [
            one["ot"]["feed"]["sequence"] for one in found[:-1]
        ]
        grave = written(tmp_path / "grave")
        assert {one["tags"][0] for one in grave} == {"high", "critical"}
        assert ids(grave) == ids([i.document for i in whole if i.stream == "alert" and i.document["tags"][0] != "low"
                                  and i.document["tags"][0] != "medium"])  # fmt: skip
        assert {one["event"]["dataset"] for one in written(tmp_path / "south")} <= {"otsensor.health"}
        came = inlet.take(10_000, 5)
        assert collections.Counter(one.item.stream for one in came) == {
            stream: sum(item.stream == stream for item in whole) for stream in ("alert", "asset")
        }
        assert ship(store, tmp_path, "--patience", "1") == 1
        assert len(written(tmp_path / "all")) == len(whole)  # a second time adds nothing
    finally:
        inlet.ending.set()
        listener.join(10)


def test_over_a_one_way_line_the_far_side_has_all_and_knows_it(store, tmp_path, capsys):
    configured(tmp_path, "- type: lines\n  path: diode/feed.ndjson\n  kinds: [alert, asset, flow]\n  max_size: 90 kB\n")
    assert ship(store, tmp_path) == 0
    sent = documents(store, Filter(kinds=frozenset(("alert", "asset", "flow"))))
    far = tmp_path / "far"
    far.mkdir()
    configured(far, "- type: lines\n  path: got/feed.ndjson\n")
    arguments = ["receive", "--ledger", str(far / "l.db"), "--folder", str(tmp_path / "diode"), "--config",
                 str(far / "otsensor.yml"), "--once"]  # fmt: skip
    assert len(list((tmp_path / "diode").iterdir())) > 3
    lost = sorted((tmp_path / "diode").iterdir())[1]
    kept = lost.rename(tmp_path / "forgotten")
    gone = [json.loads(line)["ot"]["feed"]["sequence"] for line in kept.read_bytes().splitlines()]
    assert cli.main(arguments) == 1
    told = capsys.readouterr().err
    name = configuration.load(tmp_path / "otsensor.yml").observer["observer.name"]
    first, last = told.split("missing: ")[1].strip().split("-")
    assert f" documents of sensor {name} on" in told
    assert int(first) <= gone[0] <= gone[-1] == int(last)
    shutil.copy(kept, tmp_path / "diode")
    assert cli.main(arguments) == 0
    assert "have come" in capsys.readouterr().err
    got = [one for one in written(far / "got") if one.get("rule", {}).get("id") != "otsensor-one-way-loss"]
    assert ids(got) == ids([one.document for one in sent])
    assert {one["event"]["id"]: one["event"]["sequence"] for one in got} == {
        one.document["event"]["id"]: one.sequence for one in sent
    }
