"""Each destination goes its own way: what one does holds up no other, and nothing stops one for good."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from ship_kit import OBSERVER, alert, fill, shipped

import sensor
from sensor import cli
from sensor.ship import lane as lanes
from sensor.ship.claim import claim
from sensor.ship.destination import Destination, Filter, Sent, Settings, SettingsError, Unreachable
from sensor.ship.lane import Lane
from sensor.ship.outbox import Outbox
from sensor.ship.settings import Limits
from sensor.ship.shipper import Shipper
from sensor.store.database import StoreError
from sensor.store.store import Store
from tests.disks import disk, make_read_only

PACKAGE = pathlib.Path(sensor.__file__).parents[1]  # installed, or the source tree: the same as the tests


class Kept(Destination):
    """Keeps what it is given, and does what `answers` say first."""

    def __init__(self, where):
        super().__init__(where)
        self.answers = []
        self.items = []
        self.told = []
        self.closed = False

    def send(self, items):
        self.told.append((self.feed, self.after))
        answer = self.answers.pop(0) if self.answers else Sent(len(items))
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer = answer(items)
        self.items += items[: answer.acknowledged]
        return answer

    def close(self):
        self.closed = True


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(lanes, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(lanes, "LONGEST_WAIT", 0.01)
    monkeypatch.setattr(lanes, "INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr(lanes, "BATCH_ITEMS", 4)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "plant.db"
    fill(path, range(10))
    return path


def lane_to(path, destination, name="soc", said=None, **filters):
    where = Settings(name, "kept", {}, Filter(**filters))
    return Lane(path, where, OBSERVER, (said if said is not None else []).append, lambda _: destination)


def kept(*answers):
    made = Kept(Settings("soc", "kept", {}))
    made.answers = list(answers)
    return made


def sequences(destination):
    return [item.sequence for item in destination.items]


def test_batches_go_out_in_order_and_each_says_what_went_before(path):
    one = kept()
    assert shipped(lane_to(path, one))
    assert sequences(one) == list(range(1, 11))
    assert [after for _, after in one.told] == [0, 4, 8]
    assert len({feed for feed, _ in one.told}) == 1
    assert one.closed


def test_what_a_filter_leaves_out_is_no_gap_for_who_listens(path):
    with Store(path) as store:
        store.health({"frames": 1})
        store.alert(alert(11))
    one = kept()
    assert shipped(lane_to(path, one, kinds=frozenset({"alert"})))
    assert sequences(one) == [*range(1, 11), 12]
    assert one.told[-1][1] == 8
    fill(path, [12])
    two = kept()
    assert shipped(lane_to(path, two, kinds=frozenset({"alert"})))
    assert (sequences(two), two.told[0][1]) == ([13], 12)


def test_part_of_a_batch_moves_the_cursor_so_far(path):
    one = kept(Sent(1, (), 0.001), Sent(0, (), 0.001), Sent(3), Unreachable("gone"), RuntimeError("no"))
    said = []
    assert shipped(lane_to(path, one, said=said))
    assert sequences(one) == list(range(1, 11))
    assert said == [
        "soc: it has no room at present; trying again", "soc: shipping again", "soc: gone; trying again",
        "soc: shipping again",
    ]  # fmt: skip


def test_a_document_that_we_cannot_send_is_set_aside_and_the_rest_goes_on(path):
    one = kept()

    def poisoned(items):
        if any(item.sequence == 6 for item in items):
            raise ZeroDivisionError("six")
        return Sent(len(items))

    one.answers = [poisoned] * 50
    assert shipped(lane_to(path, one))
    assert sequences(one) == [1, 2, 3, 4, 5, 7, 8, 9, 10]
    outbox = Outbox(path)
    (letter,) = outbox.rejected()
    assert (letter["sequence"], letter["reason"]) == (6, "a fault of ours: ZeroDivisionError: six")
    outbox.close()


def test_a_cursor_that_cannot_be_written_is_waited_for_and_nothing_is_sent_twice(path, monkeypatch):
    advance, refusals = Outbox.advance, [StoreError(path, "database or disk is full", "room")] * 3

    def full(self, *arguments):
        if refusals:
            raise refusals.pop()
        advance(self, *arguments)

    monkeypatch.setattr(Outbox, "advance", full)
    one, said = kept(), []
    assert shipped(lane_to(path, one, said=said))
    assert sequences(one) == list(range(1, 11))
    assert "disk is full" in said[0]


def test_one_that_cannot_work_says_so_and_ends(path):
    def broken(_):
        raise SettingsError("otsensor.yml:3: no such file")

    one = Lane(path, Settings("soc", "kept", {}), OBSERVER, [].append, broken)
    assert not shipped(one)
    assert one.broken == "otsensor.yml:3: no such file"


def test_one_that_hangs_holds_up_no_other(path, monkeypatch):
    free = threading.Event()
    hangs, works = kept(lambda _: free.wait(20) and Sent(0, (), 0.001)), kept()
    by_name = {"a": hangs, "b": works}
    monkeypatch.setattr(lanes.kinds, "make", lambda where: by_name[where.name])
    monkeypatch.setattr(Lane.__init__, "__defaults__", (lambda where: by_name[where.name],))
    shipper = Shipper(path, [Settings(name, "kept", {}) for name in "ab"], Limits(), OBSERVER, [].append)
    shipper.start()
    assert not shipper.drain(0.5, lambda: True)
    assert (sequences(works), sequences(hangs)) == (list(range(1, 11)), [])
    free.set()
    assert shipper.drain(5, lambda: True)
    assert sequences(hangs) == list(range(1, 11))
    shipper.tick()
    shipper.stop()


# --- The command --------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "otsensor.yml"
    path.write_text("sensor: here\ndestinations:\n  - type: lines\n    path: out.json\n    kinds: [alert, asset]\n")
    return path


def lines(config):
    return [json.loads(line) for line in (config.parent / "out.json").read_bytes().splitlines()]


def otsensor(*arguments, **options):
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    command = [sys.executable, "-m", "sensor.cli", *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options
    )


def finished(process, seconds=60):
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out, err


def test_once_ships_what_is_there_and_status_says_so(path, config, capsys):
    code, _, err = finished(otsensor("ship", "--db", path, "--config", config, "--once"))
    assert (code, err) == (0, "")
    assert [document["event"]["sequence"] for document in lines(config)] == list(range(1, 11))
    assert cli.main(["ship", "--db", str(path), "--config", str(config), "--status", "--format", "json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["destination"], row["shipped"], row["rejected"], row["waiting"]) == ("lines", 10, 0, 0)
    assert cli.main(["ship", "--db", str(path), "--rejected"]) == 0
    assert cli.main(["ship", "--db", str(path), "--forget", "other"]) == 2
    assert "known: lines" in capsys.readouterr().err
    assert cli.main(["ship", "--db", str(path), "--forget", "lines"]) == 0
    assert cli.main(["ship", "--db", str(path), "--status", "--format", "json"]) == 0
    assert capsys.readouterr().out == ""


def test_the_store_is_the_one_of_the_configuration_where_none_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["ship", "--status"]) == 2
    assert "no store: give --db FILE" in capsys.readouterr().err
    Store(tmp_path / "plant.db").close()
    (tmp_path / "own.yml").write_text(f"db: {tmp_path / 'plant.db'}\n")
    assert cli.main(["ship", "--status", "--config", "own.yml"]) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [("site: a\n", "names no destinations"), ("destinations:\n  - {type: elasticsearch, hosts: es}\n", "no address")],
)
def test_what_cannot_be_shipped_ends_with_two(path, tmp_path, text, said):
    config = tmp_path / "c.yml"
    config.write_text(text)
    code, _, err = finished(otsensor("ship", "--db", path, "--config", config, "--once"))
    assert code == 2
    assert said in err


def test_a_dead_destination_ends_with_one_and_keeps_everything(path, tmp_path):
    config = tmp_path / "c.yml"
    config.write_text("destinations:\n  - {type: elasticsearch, hosts: 'http://127.0.0.1:9'}\n")
    code, _, err = finished(otsensor("ship", "--db", path, "--config", config, "--once", "--patience", "0.2"))
    assert code == 1
    assert "nobody listens there" in err
    assert "not all is shipped; it is kept" in err


def test_one_that_does_not_answer_is_given_up_and_that_is_said(path, tmp_path):
    config = tmp_path / "c.yml"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"http://127.0.0.1:{silent.getsockname()[1]}"
        config.write_text(f"destinations:\n  - {{type: elasticsearch, hosts: '{host}', timeout: 1s}}\n")
        code, _, err = finished(otsensor("ship", "--db", path, "--config", config, "--once", "--patience", "0.2"))
    assert code == 1
    assert re.search(r"elasticsearch: (took nothing for 0.2 s|no answer within the time given); not all is", err)


def test_it_goes_on_until_it_is_told_to_end(path, config):
    process = otsensor("ship", "--db", path, "--config", config)
    ends = time.monotonic() + 30
    while not (config.parent / "out.json").exists() and time.monotonic() < ends:
        time.sleep(0.05)
    fill(path, range(10, 13))
    while len(lines(config)) < 13 and time.monotonic() < ends:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert finished(process)[0] == 0
    assert [document["event"]["sequence"] for document in lines(config)] == list(range(1, 14))


def test_a_store_is_shipped_by_one_process_at_a_time(path, config):
    held = claim(path)
    code, _, err = finished(otsensor("ship", "--db", path, "--config", config, "--once"))
    assert code == 2
    assert f"is being shipped by process {os.getpid()}; expected one shipper for each store" in err
    held.close()
    assert finished(otsensor("ship", "--db", path, "--config", config, "--once"))[0] == 0
    process = otsensor("ship", "--db", path, "--config", config)
    ends = time.monotonic() + 20
    while str(process.pid) not in path.with_name("plant.db-shipper").read_text() and time.monotonic() < ends:
        time.sleep(0.02)
    process.kill()
    process.communicate()
    claim(path).close()


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@needs_root
@pytest.mark.parametrize("link", [pathlib.Path.hardlink_to, pathlib.Path.symlink_to])
@pytest.mark.parametrize(("store", "other_is"), [(None, 0), (0, 0), (1234, 0), (1234, 1235), (None, 1234)])
def test_a_claim_writes_to_no_file_that_has_another_name(tmp_path, link, store, other_is):
    if store is not None:
        owned(tmp_path / "plant.db", store)
    other = owned(tmp_path / "somebody-elses", other_is)
    link(tmp_path / "plant.db-shipper", other)
    with pytest.raises(StoreError, match=r"plant.db-shipper: .*links.*; expected a file of its own"):
        claim(tmp_path / "plant.db")
    assert other.read_text() == "kept"


def owned(path, uid):
    path.write_text("kept")
    os.chown(path, uid, uid)
    return path


@needs_root
@pytest.mark.parametrize(("store", "ourselves"), [(1234, 0), (None, 1234)])
def test_a_copy_by_links_of_the_owners_own_files_ends_no_claim(tmp_path, monkeypatch, store, ourselves):
    if store is not None:
        owned(tmp_path / "plant.db", store)
    (tmp_path / "backup").hardlink_to(owned(tmp_path / "plant.db-shipper", 1234))
    monkeypatch.setattr(os, "geteuid", lambda: ourselves)
    with claim(tmp_path / "plant.db"):
        assert (tmp_path / "plant.db-shipper").read_text() == f"{os.getpid()}\n"


def test_a_claim_is_made_in_no_pipe(tmp_path):
    os.mkfifo(tmp_path / "plant.db-shipper")
    with pytest.raises(StoreError, match=r"is no regular file"):
        claim(tmp_path / "plant.db")


def test_beside_a_reading_everything_is_shipped_at_its_end(pcaps, tmp_path, config):
    reading = ("read", pcaps / "plant.pcapng", "--db", tmp_path / "p.db", "--config", config, "--ship", "--quiet")
    assert finished(otsensor(*reading)) == (0, "", "")
    first = lines(config)
    assert {document["event"]["dataset"] for document in first} == {"otsensor.alert", "otsensor.asset"}
    assert finished(otsensor(*reading)) == (0, "", "")
    assert lines(config) == first


def test_a_dead_server_does_not_stop_a_reading(pcaps, tmp_path):
    config = tmp_path / "c.yml"
    config.write_text("destinations:\n  - {type: elasticsearch, hosts: 'http://127.0.0.1:9'}\n")
    reading = ("read", pcaps / "plant.pcapng", "--db", tmp_path / "p.db", "--config", config, "--ship", "--quiet")
    code, _, err = finished(otsensor(*reading))
    assert code == 1
    assert "nobody listens there" in err
    outbox = Outbox(tmp_path / "p.db")
    assert outbox.waiting("elasticsearch") > 100
    outbox.close()


@pytest.mark.parametrize(("options", "said"), [((), "--ship needs --db"), (("--db", "x.db"), "names no destinations")])
def test_ship_beside_a_reading_says_what_it_lacks(pcaps, tmp_path, options, said, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["read", str(pcaps / "plant.pcapng"), "--ship", *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x.db").exists()


def test_a_read_only_store_is_said_and_nothing_is_sent(config, tmp_path):
    with disk(tmp_path / "ro") as folder:
        store = folder / "plant.db"
        fill(store, range(3))
        make_read_only(folder)
        code, _, err = finished(otsensor("ship", "--db", store, "--config", config, "--once"))
        assert code == 2
        assert "a file that can be read and written" in err
        assert not (config.parent / "out.json").exists()
