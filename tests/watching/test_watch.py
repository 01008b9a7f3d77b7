"""`otsensor watch` on a real interface: what it finds, how it ends, what it survives."""

import contextlib
import os
import pathlib
import signal
import socket
import tempfile
import time

import pytest

from sensor.detect.ruleset import RuleSet, default_rules
from sensor.ship.fields import HEALTH, WATCHING
from sensor.vocabulary import vocabulary
from tests.disks import disk
from tests.line import line_kit
from tests.watching import span_kit

if why := span_kit.why_not():
    pytest.skip(why, allow_module_level=True)

pytestmark = pytest.mark.slow  # each begins processes of its own, and waits for seconds to pass

SAME = ("client", "server", "protocol", "operation", "action", "unit", "target", "count", "outcomes")


@pytest.fixture
def watching(span):
    made = []

    def begin(*options, on=span, **named):
        made.append(span_kit.Watch(on, *options, **named))
        return made[-1].listening()

    yield begin
    for one in made:
        one.close()


def told(rows):
    return sorted(tuple(str(row[name]) for name in SAME) for row in rows)


def read(capture, folder):
    """Return the behaviours that reading the same capture gives."""
    from sensor.reading import read as read_capture  # noqa: PLC0415

    reading = read_capture(capture, db=folder / "read.db").run()
    found = reading.rows("behaviours")
    reading.close()
    return told(found)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_shipper_has_its_claim_however_many_sockets_listen(watching, workers):
    watch = watching("--workers", str(workers))
    claim = watch.db.with_name(f"{watch.db.name}-shipper")
    watch.until(lambda: claim.read_text().strip().isdigit(), seconds=15)
    assert "died" not in watch.said()


@pytest.mark.parametrize("name", ["s7-stop.pcapng", "dnp3-operate.pcapng", "modbus-write.pcapng", "vlan.pcap"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_capture_played_on_the_span_gives_what_reading_it_gives(span, watching, tmp_path, name, workers):
    watch = watching("--workers", str(workers))
    span.send(span_kit.PCAPS / name)
    time.sleep(0.3)
    code, seconds = watch.end()
    assert (code, seconds < 2) == (0, True), (seconds, watch.said())
    assert told(watch.rows("behaviours")) == read(span_kit.PCAPS / name, tmp_path)


def test_what_is_new_is_in_the_store_within_two_seconds_and_survives_sigkill(span, watching):
    watch = watching()
    span.send(span_kit.PCAPS / "s7-stop.pcapng")
    time.sleep(2)
    before = [row["id"] for row in watch.rows("alerts")]
    assert before
    behaviours = {row["id"] for row in watch.rows("behaviours")}
    watch.end(signal.SIGKILL)
    assert [row["id"] for row in watch.rows("alerts")] == before
    assert {row["id"] for row in watch.rows("behaviours")} == behaviours
    again = watching(folder=watch.folder)
    span.send(span_kit.PCAPS / "modbus-write.pcapng")
    assert again.end()[0] == 0
    assert {row["protocol"] for row in again.rows("behaviours")} == {"s7comm", "cotp", "modbus"}


def test_killed_it_leaves_no_process_behind(watching):
    watch = watching("--workers", "2")
    family = [*span_kit.children(watch.process.pid)]
    assert len(family) >= 2
    watch.end(signal.SIGKILL)
    end = time.monotonic() + 5
    while time.monotonic() < end and any(pathlib.Path(f"/proc/{pid}").exists() for pid in family):
        time.sleep(0.05)
    assert not [pid for pid in family if pathlib.Path(f"/proc/{pid}").exists()]


def test_a_killed_worker_is_replaced_and_the_watch_goes_on(span, watching):
    watch = watching()
    span.send(span_kit.PCAPS / "modbus-polling.pcapng")
    first = watch.workers()
    os.kill(first[0], signal.SIGKILL)
    watch.until(lambda: watch.workers() and watch.workers() != first)
    time.sleep(0.3)
    span.send(span_kit.PCAPS / "s7-stop.pcapng")
    assert watch.end()[0] == 0
    assert {"modbus", "s7comm"} <= {row["protocol"] for row in watch.rows("behaviours")}
    assert watch.health()["workers_died"] == 1
    assert "another takes its place" in watch.said()


def test_who_answers_over_what_nobody_reads_is_written_with_its_mac_within_seconds(span, watching, tmp_path):
    watch = watching()
    span.send(line_kit.pcap(tmp_path / "open.pcap", line_kit.Talk(server=("10.0.0.2", 9999)).frames))
    macs = ["00:1b:1b:00:00:02"]
    watch.until(lambda: ("10.0.0.2", macs) in [(row["address"], row["macs"]) for row in watch.rows("assets")], 10)


@pytest.fixture
def readable():
    """A folder that whoever the sensor becomes can read: pytest's own are root's."""
    with tempfile.TemporaryDirectory(prefix="otsensor-rules-") as folder:
        pathlib.Path(folder).chmod(0o755)
        yield pathlib.Path(folder)


def test_sighup_reads_the_rules_shipped_again_and_they_are_all_there(watching):
    watch = watching()
    watch.process.send_signal(signal.SIGHUP)
    watch.until(lambda: "reloaded: " in watch.said())
    assert f"reloaded: {len(RuleSet.load([default_rules()]))} rules" in watch.said()
    assert watch.end()[0] == 0


def test_rules_that_cannot_be_read_any_more_leave_the_old_ones_running(span, watching, readable):
    (readable / "own.yml").write_text(RULE.format(title="Reads seen", operation="read_holding_registers"))
    watch = watching("--rules", str(readable))
    readable.chmod(0o700)  # whoever the sensor has become cannot look into it now
    watch.process.send_signal(signal.SIGHUP)
    watch.until(lambda: "not reloaded, the old rules and configuration stay" in watch.said())
    span.send(span_kit.PCAPS / "modbus-polling.pcapng")
    watch.until(lambda: [row["title"] for row in watch.rows("alerts")][:1] == ["Reads seen"])
    assert watch.end()[0] == 0


def test_sighup_takes_new_rules_and_a_broken_set_leaves_the_old_ones_running(span, watching, readable):
    rule = readable / "own.yml"
    rule.write_text(RULE.format(title="Reads seen", operation="read_holding_registers"))
    watch = watching("--rules", str(readable))
    rule.write_text(RULE.format(title="Broken", operation="[unclosed"))
    watch.process.send_signal(signal.SIGHUP)
    watch.until(lambda: "not reloaded" in watch.said())
    assert "own.yml" in watch.said()
    span.send(span_kit.PCAPS / "modbus-polling.pcapng")
    watch.until(lambda: [row["title"] for row in watch.rows("alerts")][:1] == ["Reads seen"])
    rule.write_text(RULE.format(title="Writes seen", operation="write_single_register"))
    watch.process.send_signal(signal.SIGHUP)
    watch.until(lambda: "reloaded: 1 rule" in watch.said())
    span.send(span_kit.PCAPS / "modbus-write.pcapng")
    watch.until(lambda: "Writes seen" in {row["title"] for row in watch.rows("alerts")})
    watch.end()
    counts = watch.health()
    assert (counts["reloads"], counts["reloads_refused"]) == (1, 1)


RULE = """\
title: {title}
id: 1b1a0b4e-0a0e-4c3b-8a1a-5d7a4f1f0001
status: test
level: low
description: For a test.
logsource: {{product: ot, service: modbus}}
detection:
  selection:
    ot.operation: {operation}
  condition: selection
otsensor:
  explanation: For a test.
  response: Nothing.
  sentence: "{{source.address}} did it"
"""


@pytest.fixture
def small_disk():
    """A disk of two megabytes, which can grow."""
    with tempfile.TemporaryDirectory(prefix="otsensor-disk-") as folder, disk(pathlib.Path(folder)) as small:
        yield small


def test_a_full_disk_ends_nothing_and_what_was_found_meanwhile_is_written_later(span, watching, small_disk):
    watch = watching(folder=small_disk, log=tempfile.mktemp(prefix="otsensor-log-"))  # not on that disk
    (small_disk / "ballast").write_bytes(bytes(2_000_000 - sum(f.stat().st_size for f in small_disk.iterdir())))
    with (small_disk / "ballast").open("ab") as ballast, contextlib.suppress(OSError):
        while True:
            os.write(ballast.fileno(), bytes(4096))
    span.send(span_kit.PCAPS / "s7-stop.pcapng")
    watch.until(lambda: "full" in watch.said())
    span.send(span_kit.PCAPS / "modbus-write.pcapng")
    time.sleep(2)
    assert watch.workers()
    (small_disk / "ballast").unlink()
    watch.until(lambda: {row["protocol"] for row in watch.rows("behaviours")} >= {"s7comm", "modbus"})
    assert "S7 controller stopped" in {row["title"] for row in watch.rows("alerts")}
    assert watch.end()[0] == 0
    assert watch.health()["commits_failed"] > 0


def test_a_worker_has_nothing_open_but_its_rings_and_its_channel(watching):
    watch = watching("--workers", "2", "--alerts", str(pathlib.Path(tempfile.mkdtemp()) / "alerts.json"))

    def opened():
        every = [one for pid in watch.workers() for one in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
        return {one.readlink().as_posix().split(":")[0] for one in every}

    watch.until(lambda: opened() == {"/dev/null", "socket"})


def test_a_second_watch_into_the_same_store_is_refused(span, watching):
    first = watching()
    second = span_kit.Watch(span, folder=first.folder, log=tempfile.mktemp(prefix="otsensor-log-"))
    assert second.process.wait(60) == 2
    assert f"plant.db: is being watched into by process {first.process.pid}" in second.said()
    assert first.end()[0] == 0
    assert watching(folder=first.folder).end()[0] == 0


def test_a_reload_asked_for_while_it_starts_is_done_when_it_has(span):
    watch = span_kit.Watch(span)
    watch.until((watch.folder / "plant.db-watch").exists)
    watch.process.send_signal(signal.SIGHUP)
    watch.until(lambda: "reloaded" in watch.said())
    assert watch.end()[0] == 0
    watch.close()


@pytest.mark.parametrize(("option", "path"), [("--db", "gone/x.db"), ("--alerts", "gone/alerts.json")])
def test_a_folder_that_is_not_there_is_told_with_its_option(span, option, path):
    watch = span_kit.Watch(span, option, path)
    assert watch.process.wait(60) == 2
    assert f"{option}" in watch.said()
    assert "gone is not there; expected" in watch.said()
    watch.close()


def test_an_interface_may_go_down_and_come_up_again(span, watching):
    watch = watching()
    span.inside("ip", "link", "set", "span0", "down")
    watch.until(lambda: "span0 is down" in watch.said())
    watch.until(lambda: "sensor-blind" in {row["rule"] for row in watch.rows("alerts")})
    span.inside("ip", "link", "set", "span0", "up")
    watch.until(lambda: "span0 is up" in watch.said())
    span.send(span_kit.PCAPS / "s7-stop.pcapng")
    assert watch.end()[0] == 0
    assert {row["protocol"] for row in watch.rows("behaviours")} >= {"s7comm"}


def test_nothing_is_sent_on_the_span_port(span, watching):
    watch = watching()
    before = span.sent("span0")
    span.send(span_kit.PCAPS / "plant.pcapng", rate=5_000)
    watch.end()
    assert watch.rows("behaviours")
    assert span.sent("span0") == before == 0


def test_an_interface_with_an_address_is_refused_with_the_command_that_mends_it(span):
    span.inside("ip", "address", "add", "192.0.2.7/24", "dev", "span0")
    watch = span_kit.Watch(span)
    assert watch.process.wait(60) == 2
    assert "192.0.2.7" in watch.said()
    assert "ip address flush dev span0" in watch.said()
    watch.close()


def test_systemd_is_told_of_ready_alive_reload_and_end(watching, monkeypatch, tmp_path):
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.bind(str(tmp_path / "notify"))
    listening.settimeout(0.05)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "600000")
    told = []

    def heard(word):
        with contextlib.suppress(TimeoutError):
            while True:
                told.extend(listening.recv(4096).decode().splitlines())
        return any(line.startswith(word) for line in told)

    watch = watching()
    for word in ("READY=1", "STATUS=watching span0", "WATCHDOG=1", "STATUS=0 frames/s"):
        watch.until(lambda word=word: heard(word))
    watch.process.send_signal(signal.SIGHUP)
    watch.until(lambda: heard("RELOADING=1"))
    watch.end()
    assert heard("STOPPING=1")
    listening.close()


def test_prometheus_may_ask_where_it_was_told_and_every_counter_has_its_meaning(span, watching, readable):
    (readable / "otsensor.yml").write_text("health: {listen: '127.0.0.1:9464'}\n")
    watch = watching("--config", str(readable / "otsensor.yml"))
    span.send(span_kit.PCAPS / "s7-stop.pcapng")
    watch.until(lambda: 'otsensor_interface_frames_total{interface="span0"} 104' in span.ask("127.0.0.1:9464/metrics"))
    assert span.ask("127.0.0.1:9464/healthz").strip()
    watch.end()
    unnamed = {name for name in watch.health() if name.split(".")[0] not in HEALTH | WATCHING}
    assert {name for name in unnamed if f"ot.health.{name}" not in vocabulary()} == set()
