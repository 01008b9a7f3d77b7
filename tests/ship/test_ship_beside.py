"""A shipper is forked beside a sensor: it says how far it has got, is started again, and ends with its parent."""

import json
import os
import pathlib
import resource
import select
import signal
import socket
import subprocess
import sys
import textwrap
import time

import pytest
from ship_kit import OBSERVER, Fake, alert, fill
from ship_kit import settings as elastic

from sensor import config
from sensor.ship import beside as module
from sensor.ship.beside import Beside, files_read, folders_written
from sensor.ship.lag import Hearing, Lag, Telling
from sensor.ship.outbox import Outbox
from sensor.ship.settings import Limits
from sensor.store.database import StoreError
from sensor.store.store import Store

ROOT = pathlib.Path(module.__file__).parents[2]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "plant.db"


@pytest.fixture
def born():
    """Make a shipper beside this process; it is ended with the test."""
    made = []

    def make(path, *destinations, limits=None, **options):
        made.append(Beside(path, destinations, limits or Limits(), OBSERVER, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def to_lines(tmp_path, more=""):
    """Return the settings of a file of JSON lines, through the configuration."""
    where = tmp_path / "lines.yml"
    where.write_text(f"destinations:\n  - type: lines\n    path: out/feed.ndjson\n{more}")
    (tmp_path / "out").mkdir(exist_ok=True)
    return config.load(where).destinations[0]


def lines(tmp_path):
    found = tmp_path / "out" / "feed.ndjson"
    return [json.loads(line) for line in found.read_text().splitlines()] if found.exists() else []


def until(beside, true, seconds=20.0):
    """Hear what is told until something is true; return what was said."""
    said, ends = [], time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, (said, dict(beside.lags))
        select.select([beside.descriptor], [], [], 0.2)
        said += beside.take()
    return said


def children(pid):
    return [int(one) for one in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def gone(pid, seconds=20.0):
    """Say whether a process ends in time."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_what_is_written_is_shipped_and_how_far_is_told(tmp_path, path, born):
    beside = born(path, to_lines(tmp_path))
    with Store(path) as store:
        for number in range(50):
            store.alert(alert(number))
    until(beside, lambda: "lines" in beside.lags and beside.lags["lines"].shipped == 50)
    lag = beside.lags["lines"]
    assert (lag.waiting, lag.behind, lag.rejected, lag.reason, lag.broken) == (0, 0, 0, "", False)
    assert beside.ended() is None
    with Store(path) as store:
        store.alert(alert(50))
    assert beside.finish() == module.WHOLE  # what is left is shipped at the end
    assert len(lines(tmp_path)) == 51


def test_a_server_that_is_not_there_is_told_and_does_not_hold_up_the_end(path, born):
    beside = born(path, elastic("http://127.0.0.1:9"), patience=0.5)
    fill(path, range(20), (1, 10))
    until(beside, lambda: "soc" in beside.lags and beside.lags["soc"].reason and beside.lags["soc"].waiting == 40)
    began = time.monotonic()
    assert beside.finish() == module.LEFT
    assert time.monotonic() - began < 10
    outbox = Outbox(path)
    assert outbox.waiting("soc") == 40
    assert outbox.waiting("soc", most=7) == 7
    outbox.close()


def test_a_destination_that_cannot_work_stops_no_other(tmp_path, path, born):
    broken = elastic("http://127.0.0.1:9", tmp_path, api_key_file=tmp_path / "nowhere")
    beside = born(path, broken, to_lines(tmp_path))
    fill(path, range(5))
    said = until(beside, lambda: len(beside.lags) == 2 and beside.lags["lines"].shipped == 5
                 and beside.lags["soc"].broken)  # fmt: skip
    assert any("nowhere" in one for one in said)
    assert "nowhere" in beside.lags["soc"].reason
    assert beside.finish() == module.LEFT


def test_one_that_dies_is_started_again_and_loses_nothing(tmp_path, path, born):
    beside = born(path, to_lines(tmp_path))
    fill(path, range(10))
    until(beside, lambda: "lines" in beside.lags and beside.lags["lines"].shipped == 10)
    (first,) = children(beside.pid)
    os.kill(first, signal.SIGKILL)
    fill(path, range(10, 20))
    said = until(beside, lambda: beside.lags["lines"].shipped == 20)
    assert "the shipper has died (-9); it is started again" in said
    assert children(beside.pid) != [first]
    assert beside.finish() == module.WHOLE
    assert sorted(one["event"]["sequence"] for one in lines(tmp_path)) == list(range(1, 21))


def test_a_keeper_that_was_killed_is_told_as_trouble_and_its_shipper_ships_on(tmp_path, path, born):
    beside = born(path, to_lines(tmp_path))
    fill(path, range(10))
    until(beside, lambda: "lines" in beside.lags and beside.lags["lines"].shipped == 10)
    assert beside.trouble == ""
    (shipper,) = children(beside.pid)
    os.kill(beside.pid, signal.SIGKILL)
    assert gone(beside.pid)
    assert beside.trouble == "its keeper has ended (-9), and another can only be made by a start"
    fill(path, range(10, 20))
    until(beside, lambda: beside.lags["lines"].shipped == 20)
    assert not beside.over
    os.kill(shipper, signal.SIGKILL)
    until(beside, lambda: beside.over)


def test_an_end_that_was_ordered_is_no_trouble(path, born):
    beside = born(path)
    assert beside.finish() in (module.WHOLE, module.LEFT)
    assert beside.trouble == ""


def test_told_to_stop_it_stops_at_once(path, born):
    beside = born(path, elastic("http://127.0.0.1:9"), patience=60.0)
    fill(path, range(20))
    until(beside, lambda: "soc" in beside.lags)
    (shipper,) = children(beside.pid)
    began = time.monotonic()
    beside.stop()
    assert time.monotonic() - began < 10
    assert gone(shipper)
    assert beside.ended() == module.LEFT


def test_it_waits_for_a_store_that_is_not_there_yet(path, born):
    beside = born(path, elastic("http://127.0.0.1:9"))
    time.sleep(0.5)
    assert beside.ended() is None
    assert beside.finish() == module.LEFT


PARENT = """
    import pathlib, sys, time
    from sensor import config
    from sensor.ship.beside import Beside
    path = pathlib.Path(sys.argv[1])
    found = config.load(pathlib.Path(sys.argv[2]))
    beside = Beside(path, found.destinations, found.outbox, found.observer)
    print(beside.pid, flush=True)
    time.sleep(60)
"""


def test_it_ships_the_rest_and_ends_when_its_parent_was_killed(tmp_path, path):
    to_lines(tmp_path)
    fill(path, range(10))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT), path, tmp_path / "lines.yml"],
        stdout=subprocess.PIPE, env=environment, text=True,
    )  # fmt: skip
    keeper = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert gone(keeper)
    assert len(lines(tmp_path)) == 10


def test_it_holds_nothing_of_its_parents_and_is_nicer(tmp_path, path, born):
    mine = [socket.socket(), (tmp_path / "mine").open("w")]
    fill(path, range(1))
    beside = born(path, to_lines(tmp_path))
    until(beside, lambda: "lines" in beside.lags)
    (shipper,) = children(beside.pid)
    held = {pathlib.Path(f"/proc/self/fd/{one.fileno()}").readlink() for one in mine}
    for pid in (beside.pid, shipper):
        links = set()
        for one in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            try:
                links.add(one.readlink())
            except FileNotFoundError:
                continue
        assert held & links == set()
        nice = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[16])
        assert nice == min(os.getpriority(os.PRIO_PROCESS, 0) + module.NICENESS, 19)
        # Forked, not executed: it may have given that right up.
        assert pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() == pathlib.Path("/proc/self/cmdline").read_bytes()
    for one in mine:
        one.close()


def test_whoever_has_the_store_open_may_not_fork_one(path):
    with Store(path), pytest.raises(StoreError, match="is open when its shipper is forked"):
        Beside(path, (), Limits(), OBSERVER)


def test_it_is_confined_after_it_has_imported_and_the_shipper_with_it(path, born):
    def confine():
        assert "elasticsearch" in sys.modules
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))

    beside = born(path, elastic("http://127.0.0.1:9"), confine=confine)
    fill(path, range(1))
    until(beside, lambda: "soc" in beside.lags)
    (shipper,) = children(beside.pid)
    (limit,) = [one for one in pathlib.Path(f"/proc/{shipper}/limits").read_text().splitlines() if "open files" in one]
    assert limit.split()[3:5] == ["200", "200"]


def test_without_destinations_it_keeps_the_store_within_its_limits(path, born):
    fill(path, range(300), (1, 10))
    beside = born(path, limits=Limits(max_size=1))
    until(beside, lambda: beside.counts.get("outbox_expired_alert") == 600)
    assert beside.finish() == module.WHOLE


def test_into_an_elasticsearch(path, born):
    fake = Fake()
    fake.faults = ["lost"]
    try:
        beside = born(path, elastic(fake.url))
        fill(path, range(30), (1, 10))
        until(beside, lambda: "soc" in beside.lags and beside.lags["soc"].shipped == 60)
        assert len({identity for _, _, identity, _ in fake.history}) == len(fake.history) == 60
        assert beside.finish() == module.WHOLE
    finally:
        fake.close()


# --- The pipe -----------------------------------------------------------------------------------------


@pytest.fixture
def pipe():
    heard, telling = os.pipe()
    yield Hearing(heard), Telling(telling)
    for one in (heard, telling):
        os.close(one)


LAG = Lag("soc", 5, 7, 1, 0, 3, "HTTP 503", broken=False)


def test_what_nobody_takes_is_not_waited_with_and_comes_another_time(pipe):
    hearing, telling = pipe
    for size in (1000, 1):
        while telling._write({"said": "x" * size}):
            pass
    telling.lag(LAG)
    telling.say("lost")
    assert telling.untold == 1
    assert len(hearing.take()) > 10
    telling.lag(LAG)
    assert hearing.take() == []
    assert hearing.lags == {"soc": LAG}


def test_what_has_not_changed_is_not_told_again(pipe):
    hearing, telling = pipe
    telling.lag(LAG)
    telling.lag(LAG)
    telling.counts({"rejected_dropped": 2})
    telling.counts({"rejected_dropped": 2})
    assert len(os.read(hearing.descriptor, 65_536).splitlines()) == 2


def test_lines_are_put_together_and_nonsense_stops_nobody(pipe):
    hearing, telling = pipe
    for part in (b'{"sa', b'id": "one"}\n{"said": 5}\nnonsense\n{"lag": {}}\n', b'{"counts": {"a": 1}}\n{"said": "tw'):
        os.write(telling.descriptor, part)
    assert hearing.take() == ["one"]
    assert hearing.counts == {"a": 1}
    os.write(telling.descriptor, b'o"}\n')
    assert hearing.take() == ["two"]
    assert hearing.take() == []


def test_a_confinement_can_ask_which_files_are_needed(tmp_path):
    where = tmp_path / "c.yml"
    where.write_text(
        "destinations:\n"
        "  - {type: lines, path: out/feed.ndjson}\n"
        "  - {type: elasticsearch, hosts: 'https://es:9200', ca: ca.pem, api_key_file: key}\n"
        "  - {type: syslog, address: siem, transport: tls, ca: ca.pem}\n"
    )
    found = config.load(where).destinations
    assert files_read(found) == [tmp_path / "key", tmp_path / "ca.pem", tmp_path / "ca.pem"]
    assert folders_written(found, tmp_path / "db" / "plant.db") == [tmp_path / "db", tmp_path / "out"]
