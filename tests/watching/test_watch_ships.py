"""A watch ships while it goes on: what it finds is on its way within seconds, single messages where asked for."""

import json
import os
import pathlib
import re
import signal
import tempfile
import time

import pytest

from sensor.ship.claim import claim
from tests.guard.memory import holds
from tests.watching import span_kit

if why := span_kit.why_not():
    pytest.skip(why, allow_module_level=True)

CONFIG = """
sensor: live-1
destinations:
  - type: lines
    path: out/feed.ndjson
    kinds: [alert, asset, behaviour, flow, health, message]
  - {type: lines, name: alarms, path: out/alarms.ndjson, kinds: alert, levels: critical}
  - {type: elasticsearch, hosts: 'http://127.0.0.1:9'}
"""


@pytest.fixture
def watch(span):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="otsensor-watch-"))  # where whoever it becomes may go
    (folder / "otsensor.yml").write_text(CONFIG)
    made = span_kit.Watch(span, "--config", str(folder / "otsensor.yml"), folder=folder)
    yield made
    made.close()


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_what_is_found_goes_out_while_it_goes_on_and_all_of_it_at_the_end(span, watch):
    feed = watch.folder / "out" / "feed.ndjson"
    watch.listening()
    span.send(span_kit.PCAPS / "s7-stop.pcapng")
    watch.until(lambda: any(one["event"]["dataset"] == "otsensor.alert" for one in lines(feed)))
    assert watch.end()[0] == 0
    ends = time.monotonic() + 20
    while time.monotonic() < ends and "otsensor.flow" not in {one["event"]["dataset"] for one in lines(feed)}:
        time.sleep(0.1)
    found = lines(feed)
    kinds = {one["event"]["dataset"].removeprefix("otsensor.") for one in found}
    assert kinds == {"alert", "asset", "behaviour", "flow", "health", "message"}
    assert {one["observer"]["name"] for one in found} == {"live-1"}
    assert len({one["event"]["id"] for one in found}) == len(found)
    stops = [one for one in found if one["event"]["dataset"] == "otsensor.message" and one["ot"]["action"] == "stop"]
    assert stops
    assert stops[0]["ot"]["evidence"]["file"] == ["span0"] * len(stops[0]["ot"]["evidence"]["frame"])
    alarms = lines(watch.folder / "out" / "alarms.ndjson")
    assert {one["event"]["severity"] for one in alarms} == {99}
    alerts = {row["id"] for row in watch.rows("alerts")}
    assert {one["ot"]["alert"]["id"] for one in found if one["event"]["dataset"] == "otsensor.alert"} == alerts


def test_what_goes_wrong_with_shipping_is_a_warning(watch):
    watch.listening()
    watch.until(lambda: "trying again" in watch.said())
    assert re.search(r"Z warning +watch: elasticsearch: .*; trying again", watch.said())


def test_a_store_that_somebody_else_ships_is_a_warning(span):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="otsensor-watch-"))
    with claim(folder / "plant.db"):
        watch = span_kit.Watch(span, folder=folder)
        watch.until(lambda: "is being shipped by process" in watch.said())
        said = watch.said()
        watch.close()
    assert re.search(r"Z warning +watch: .* is being shipped by process", said)


def test_a_shipper_that_nothing_keeps_alive_is_an_alert_and_the_watch_goes_on(watch):
    watch.listening()
    (keeper,) = {*span_kit.children(watch.process.pid)} - {*watch.workers()}
    os.kill(keeper, signal.SIGKILL)
    watch.until(lambda: "shipper ended (the shipper): its keeper has ended (-9)" in watch.said())
    watch.until(lambda: any(row["rule"] == "sensor-blind" for row in watch.rows("alerts")))
    assert watch.end()[0] == 0


def test_a_secret_in_the_environment_is_the_shippers_alone(span, monkeypatch):
    secret = "d2hzZWMgb2YgYSB0ZXN0IHdlYmhvb2s"
    monkeypatch.setenv("HOOK_SECRET", secret)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="otsensor-watch-"))
    hook = "destinations: [{type: webhook, url: 'https://127.0.0.1:9/', secret_env: HOOK_SECRET}]\n"
    (folder / "otsensor.yml").write_text(hook)
    watch = span_kit.Watch(span, "--config", str(folder / "otsensor.yml"), folder=folder).listening()
    workers = watch.workers()
    (keeper,) = {*span_kit.children(watch.process.pid)} - {*workers}
    having = [pid for pid in (keeper, watch.process.pid, *workers) if holds(pid, secret.encode())]
    assert having == [keeper]
    assert watch.end()[0] == 0
    watch.close()
