"""After a restart nothing that was known is news, and no regular client a newcomer."""

import pathlib
import sqlite3
import time

import pytest

from sensor.capture.files import Captures
from sensor.config import Config
from sensor.decode.kinds import TCP
from sensor.flow.flow import Flow
from sensor.handover.records import unpacked
from sensor.handover.teller import Teller
from sensor.pipeline import Line
from sensor.store.reader import Reader
from sensor.watching.parts import Asked, Known, Recording
from sensor.watching.recorder import Onlooker
from tests.handover.handover_kit import pieces
from tests.line import line_kit

MINUTE = 60_000_000_000  # ns


class Looks(Onlooker):
    def __init__(self):
        self.behaviours, self.alerts, self.assets = [], [], []

    def news(self, finding):
        self.behaviours.append(finding)

    def alert(self, alert):
        self.alerts.append(alert)

    def asset(self, asset):
        self.assets.append(asset)


@pytest.fixture
def known():
    with line_kit.shipped_rules_once():
        return Known.load(Config())


@pytest.fixture
def begin(tmp_path, known):
    made = []

    def recording(name="plant.db"):
        made.append(Recording(Asked(Config(), ("span0",), tmp_path / name), known))
        made[-1].recorder.onlooker = Looks()
        return made[-1]

    yield recording
    for one in made:
        one.store.close()


def play(recording, name):
    """Play a capture as one worker would tell it; return what an onlooker saw."""
    sent = []
    teller = Teller(sent.append, lambda: 0)
    line = Line(teller, recording.known.protocols, False, {})
    mirror = recording.mirror()
    teller.file(0, "span0")
    for block in Captures([line_kit.PCAPS / name]).blocks():
        for piece in pieces(block):
            line.run(piece)
            teller.tick(line.time)
            for data in sent:
                mirror.play(unpacked(data))
            sent.clear()
            recording.recorder.tick(line.time)
    line.finish()
    teller.finish()
    for data in sent:
        mirror.play(unpacked(data))
    recording.recorder.end(recording.registry.behaviours, recording.sources, {})
    recording.store.close()
    return recording.recorder.onlooker


@pytest.mark.parametrize("name", ["modbus-polling.pcapng", "dnp3-polling.pcapng", "s7-polling.pcapng", "vlan.pcap"])
def test_what_was_known_is_no_news(begin, name):
    assert play(begin(), name).behaviours
    again = play(begin(), name)
    assert (again.behaviours, again.assets, again.alerts) == ([], [], [])


def test_what_is_new_after_a_restart_is_news_and_a_late_client_a_newcomer(begin):
    play(begin(), "modbus-polling.pcapng")
    again = play(begin(), "plant.pcapng")
    first = play(begin("other.db"), "plant.pcapng")
    assert {(f.behaviour.identity()) for f in again.behaviours} < {(f.behaviour.identity()) for f in first.behaviours}
    intruder = {alert.rule.name for alert in again.alerts if alert.fields.get("source.address") == "192.168.10.66"}
    assert intruder >= {"modbus-write-by-newcomer", "ot-controller-sweep"}


def test_a_role_outlives_a_restart(begin):
    recording = begin()
    play(recording, "plant.pcapng")
    roles = {a.endpoint.text: recording.inventory.role(a.endpoint).name for a in recording.inventory.shown()}
    again = begin()
    remembered = {a.endpoint.text: again.inventory.role(a.endpoint).name for a in again.inventory.shown()}
    told = {
        text: role for text, role in roles.items() if role not in ("scanner", "client", "host", "server", "unheard")
    }
    assert told
    assert {text: remembered[text] for text in told} == told


def test_what_is_only_remembered_is_not_written_as_seen(begin, tmp_path):
    play(begin(), "modbus-polling.pcapng")
    play(begin(), "s7-polling.pcapng")
    with Reader(tmp_path / "plant.db") as reader:
        runs = [run["run"] for run in reader.rows("runs")]
        protocols = [{row["protocol"] for row in reader.rows("behaviours", run)} for run in runs]
    assert protocols == [{"modbus"}, {"s7comm", "cotp"}]


def test_what_was_not_seen_for_a_month_is_forgotten(begin, monkeypatch):
    play(begin(), "modbus-polling.pcapng")
    monkeypatch.setattr("sensor.watching.recall.MONTH_NS", -1)
    assert begin().recalled == 0


def test_one_time_in_the_future_makes_nothing_that_was_known_news(begin, tmp_path):
    play(begin(), "modbus-polling.pcapng")
    known = begin().recalled
    with sqlite3.connect(tmp_path / "plant.db") as database:
        database.execute("UPDATE behaviours SET last_time = ? WHERE rowid = 1", (time.time_ns() + 10**18,))
    assert begin().recalled == known > 1


def flood(recording, addresses, time):
    """Open conversations from so many addresses to one controller, and end them unanswered."""
    network = recording.registry.network("", "", "", "")
    server = recording.registry.endpoint(network, bytes((10, 0, 0, 1)), "10.0.0.1")
    for number in addresses:
        address = number.to_bytes(4, "big")
        flow = Flow(number, recording.registry.endpoint(network, address, address.hex()), server, address)
        flow.kind, flow.transport, flow.first_time, flow.last_time = TCP, 6, time, time
        recording.recorder.opened(flow)
        recording.recorder.closed(flow)
    recording.recorder.tick(time)
    recording.recorder.routine(time, [], [])


def test_a_flood_of_forged_addresses_fills_neither_memory_nor_store(begin, monkeypatch, tmp_path):
    monkeypatch.setattr("sensor.inventory.inventory.MAX_ASSETS", 100)
    recording = begin()
    for minute in range(1, 40):
        flood(recording, range(0x0B000000 + 300 * minute, 0x0B000000 + 300 * minute + 200), minute * MINUTE)
        assert len(recording.inventory.assets) <= 100
        assert len(recording.recorder.known) <= 100
        assert len(recording.store._assets.told) <= 100
    recording.recorder.end([], [], {})
    recording.store.close()
    with Reader(tmp_path / "plant.db") as reader:
        assert len(list(reader.rows("assets"))) <= 100
    assert recording.recorder.counts()["assets_forgotten"] > 3_000


def test_what_was_not_seen_for_a_month_takes_no_room(begin, monkeypatch):
    play(begin(), "vlan.pcap")
    monkeypatch.setattr("sensor.watching.recall.MONTH_NS", -MINUTE)
    assert begin().registry.networks == {}


def test_a_file_of_alerts_that_cannot_be_written_ends_nothing(tmp_path, known):
    asked = Asked(Config(), ("span0",), tmp_path / "other.db", alerts=pathlib.Path("/dev/full"))
    recording = Recording(asked, known)
    recording.recorder.onlooker = Looks()
    assert play(recording, "s7-stop.pcapng").alerts
    assert recording.recorder.counts()["alert_lines_failed"] > 0
