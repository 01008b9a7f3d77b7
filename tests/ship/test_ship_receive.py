"""The far side of one-way lines: what is lost is named exactly, what comes twice is dropped, whatever else comes."""

import contextlib
import json
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ways_kit import certificates, configured, destination, hand, item, items

from sensor import cli
from sensor.commands import receive as command
from sensor.ship import schema
from sensor.ship.covered import Covered
from sensor.ship.destination import Filter
from sensor.ship.feed import NotCarried, carried, feed_id, taken_up
from sensor.ship.folder import Folder
from sensor.ship.ledger import Ledger
from sensor.ship.listen import DatagramListener, Inlet, StreamListener
from sensor.ship.missing import ranges
from sensor.ship.receive import Receiver
from sensor.store.database import StoreError

ALL = Filter()


# --- Numbers ------------------------------------------------------------------------------------------

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 8)), max_size=30)


@given(spans=SPANS)
def test_ranges_are_what_a_set_would_say(spans):
    covered, model = Covered(), set()
    for after, length in spans:
        covered.add(after, after + length)
        model |= set(range(after + 1, after + length + 1))
    assert [number in covered for number in range(60)] == [number in model for number in range(60)]
    top = covered.ranges[-1][1] if covered.ranges else 0
    bottom = covered.ranges[0][0] if covered.ranges else 0
    missing = {number for first, last in covered.holes() for number in range(first, last + 1)}
    assert missing == set(range(bottom + 1, top + 1)) - model
    assert covered.missing() == len(missing)
    assert covered.ranges == sorted(covered.ranges)
    assert all(low[1] < high[0] for low, high in zip(covered.ranges, covered.ranges[1:], strict=False))


@given(numbers=st.sets(st.integers(1, 60), min_size=1), lost=st.sets(st.integers(1, 60)), order=st.randoms())
def test_what_is_missing_is_what_was_lost_whatever_the_filter_left_out(numbers, lost, order):
    """`numbers` pass the filter; of these some are lost, the rest come in any order, some twice."""
    sent = [taken_up(one) for one in carried(items(*sorted(numbers)), "f", 0, 1)]
    came = [one for one in sent if one.item.sequence not in lost]
    order.shuffle(came)
    covered = Covered()
    for one in [*came, *came[:3]]:
        covered.add(one.after, one.item.sequence)
    gone = sorted(numbers & lost)
    top = max((one.item.sequence for one in came), default=0)
    known = {n for first, last in holes(covered) for n in range(first, last + 1)}
    assert {n for n in gone if n < top} == {n for n in gone if n in known}
    assert not {one.item.sequence for one in came} & known


def holes(covered):
    before = [(1, covered.ranges[0][0])] if covered.ranges and covered.ranges[0][0] else []
    return [*before, *covered.holes()]


def test_too_many_holes_are_closed_from_the_oldest_on():
    covered = Covered((number, number + 1) for number in range(0, 100, 2))
    assert covered.bound(10) == 40
    assert len(covered.ranges) == 10
    assert covered.missing() == 9


def test_ranges_are_written_as_people_do():
    assert ranges([(3, 5), (9, 9)]) == "3-5, 9"
    assert ranges([(n, n) for n in range(1, 12)], 3) == "1, 2, 3 and 8 more"


@pytest.mark.parametrize("spoil", ["event", "ot", "id", "after", "same", "stream", "bool", "list", "text", "huge"])
def test_what_is_no_document_of_a_feed_is_refused(spoil):
    (document,) = carried(items(5), "f", 4, 1)
    feed = document["ot"]["feed"]
    changes = {
        "event": lambda: document.pop("event"), "ot": lambda: document.update(ot=3), "id": lambda: feed.update(id=""),
        "after": lambda: feed.update(after=-1), "same": lambda: feed.update(after=5),
        "stream": lambda: document["event"].update(dataset="otsensor.nothing"),
        "bool": lambda: feed.update(sequence=True), "list": lambda: feed.update(subject=["a"]),
        "text": lambda: document["event"].update(id=7), "huge": lambda: feed.update(revision=1 << 64),
    }  # fmt: skip
    changes[spoil]()
    with pytest.raises(NotCarried):
        taken_up(document)
    for other in (None, [], 3, "text"):
        with pytest.raises(NotCarried):
            taken_up(other)


# --- The ledger ---------------------------------------------------------------------------------------


def arriving(*numbers, after=None, feed="f"):
    """Return documents as they come: each after the one before it, or after `after`."""
    found = []
    for number in numbers:
        (document,) = carried([item(number)], feed, number - 1 if after is None else after, 1)
        found.append(taken_up(document))
    return found


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path / "ledger.db")
    yield made
    made.close()


def numbers(ledger, after=0):
    return [one.document["event"]["sequence"] for one in ledger.read(after, 1_000, ALL).items]


def test_a_ledger_takes_each_once_and_remembers(tmp_path, ledger):
    assert ledger.take(arriving(1, 2, 5)) == 3
    assert ledger.take(arriving(2, 5, 3)) == 1
    ledger.close()
    again = Ledger(tmp_path / "ledger.db")
    feed = again.feeds["f"]
    assert (feed.sensor, feed.taken, feed.repeats, feed.holes()) == ("north-1", 4, 2, [(4, 4)])
    assert again.take(arriving(1, 2, 3, 4, 5)) == 1
    assert numbers(again) == [1, 2, 5, 3, 4]
    assert again.feeds["f"].missing() == 0
    again.close()


def test_feeds_are_kept_apart(ledger):
    ledger.take([*arriving(1, 3), *arriving(1, 2, feed="g")])
    assert {name: feed.holes() for name, feed in ledger.feeds.items()} == {"f": [(2, 2)], "g": []}


def test_what_went_before_the_first_that_came_is_missing_too(ledger):
    ledger.take(arriving(4))
    assert ledger.feeds["f"].holes() == [(1, 3)]


def test_a_full_disk_forgets_nothing_and_takes_it_again(ledger):
    ledger.take(arriving(1))
    ledger.database.execute(f"PRAGMA max_page_count = {ledger.database.execute('PRAGMA page_count').fetchone()[0]}")
    many = [taken_up(one) for one in carried([item(n, message="x" * 3_000) for n in range(2, 60)], "f", 1, 1)]
    with pytest.raises(StoreError, match="full"):
        ledger.take(many)
    assert ledger.feeds["f"].taken == 1
    ledger.database.execute("PRAGMA max_page_count = 1000000")
    assert ledger.take(many) == 58
    assert numbers(ledger) == list(range(1, 60))


def test_what_everybody_has_goes_and_beyond_the_bound_the_oldest(ledger):
    ledger.register("soc")
    ledger.take(arriving(*range(1, 11)))
    ledger.advance("soc", 4, ledger.read(0, 4, ALL).items)
    assert ledger.keep(1e9) == 0
    assert numbers(ledger) == list(range(5, 11))
    assert ledger.keep(0) == 6
    ledger.put([], {})
    assert ledger.counts()["dropped_for_room"] == 6
    assert ledger.take(arriving(3)) == 0  # it is remembered all the same


def test_a_filter_chooses_also_here(ledger):
    ledger.take([taken_up(one) for one in carried([item(1), item(2, stream="flow"), item(3, tags=["low"])], "f", 0, 1)])
    chosen = Filter(kinds=frozenset(("alert",)), levels=frozenset(("high",)))
    batch = ledger.read(0, 10, chosen)
    assert [one.document["event"]["sequence"] for one in batch.items] == [1]
    assert batch.through == 3
    elsewhere = Filter(sites=frozenset(("south",)))
    assert ledger.read(0, 10, elsewhere).items == []


def test_another_file_is_not_taken_for_a_ledger(tmp_path):
    (tmp_path / "a").write_bytes(b"not a database at all, but long enough to be looked at")
    with pytest.raises(StoreError):
        Ledger(tmp_path / "a")


# --- Listeners ----------------------------------------------------------------------------------------


def came(inlet, number, seconds=10.0):
    found, ends = [], time.monotonic() + seconds
    while len(found) < number and time.monotonic() < ends:
        found += inlet.take(1_000, 0.05)
    return sorted(one.item.sequence for one in found)


@contextlib.contextmanager
def listening(kind, *more):
    inlet = Inlet()
    listener = kind(inlet, "127.0.0.1", 0, *more)
    listener.start()
    try:
        yield inlet, listener
    finally:
        inlet.ending.set()
        listener.join(10)


def way(folder, listener, **given):
    text = f"- type: syslog\n  address: 127.0.0.1:{listener.port}\n"
    return destination(folder, text + "".join(f"  {key}: {value}\n" for key, value in given.items()))


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_what_syslog_sends_a_listener_takes(tmp_path, transport):
    more = []
    if transport == "tls":
        folder = certificates(tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.crt", folder / "server.key")
        more = [context]
    kind = DatagramListener if transport == "udp" else StreamListener
    with listening(kind, *more) as (inlet, listener):
        made = way(tmp_path, listener, transport=transport, ca="ca.crt", rate=0)
        hand(made, items(*range(1, 201)))
        assert came(inlet, 200) == list(range(1, 201))
        assert not inlet.counts
        made.close()


NOISE = [b"<1>1 - - - - - - " + rest for rest in (b"{}", b"[", b"[" * 60_000)] + [b"99 <1>1", b"9999999999 "]


@pytest.mark.parametrize("seed", range(4))
def test_garbage_is_counted_and_stops_nobody(tmp_path, seed):
    chance = random.Random(seed)
    with listening(StreamListener) as (inlet, listener), listening(DatagramListener) as (other, datagrams):
        far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for _ in range(30):
            noise = chance.choice([chance.randbytes(chance.randrange(300)), *NOISE])
            far.sendto(noise, ("127.0.0.1", datagrams.port))
            with socket.create_connection(("127.0.0.1", listener.port)) as near, contextlib.suppress(OSError):
                near.sendall(noise)
        far.close()
        for transport, one, where in (("tcp", listener, inlet), ("udp", datagrams, other)):
            made = way(tmp_path, one, transport=transport)
            hand(made, items(1, 2, 3))
            assert came(where, 3) == [1, 2, 3]
            made.close()
        assert sum(other.counts.values()) == 30
        assert listener.is_alive()
        assert datagrams.is_alive()


# --- Folders ------------------------------------------------------------------------------------------


def written(folder, name, numbers, mode="wb"):
    """Write documents as lines, each after the one before."""
    data = b"".join(orjson.dumps(one) + b"\n" for n in numbers for one in carried([item(n)], "f", n - 1, 1))
    with (folder / name).open(mode) as file:
        file.write(data)
    return data


def test_files_are_tailed_put_aside_copied_and_read_once(tmp_path, ledger):
    arriving_in = tmp_path / "in"
    arriving_in.mkdir()
    inlet = Inlet()
    folder = Folder(arriving_in, inlet, ledger)
    data = written(arriving_in, "a.ndjson", range(1, 11))
    assert (folder.read(), folder.read()) == (10, 0)
    with (arriving_in / "a.ndjson").open("ab") as file:
        file.write(orjson.dumps(next(carried(items(11), "f", 10, 1)))[:50])
    assert folder.read() == 0  # half a line
    (arriving_in / "a.ndjson").write_bytes(data)
    (arriving_in / "a.ndjson").rename(arriving_in / "a.20261123.ndjson")
    written(arriving_in, "a.ndjson", range(11, 15))
    assert folder.read() == 4
    (arriving_in / "copy.ndjson").write_bytes(data)
    written(arriving_in, "b.ndjson.part", range(20, 22))
    written(arriving_in, ".hidden", range(20, 22))
    (arriving_in / "sub").mkdir()
    os.mkfifo(arriving_in / "pipe")
    assert folder.read() == 0
    assert ledger.feeds["f"].repeats == 10
    assert ledger.feeds["f"].holes() == []
    with (arriving_in / "noise.ndjson").open("wb") as file:
        file.write(b"\xff\xfe\n{}\n\n[]\n" + orjson.dumps(next(carried(items(15), "f", 14, 1))) + b"\n")
    assert folder.read() == 1
    assert dict(inlet.counts) == {"not_json": 1, "not_of_a_feed": 2}


def test_another_file_with_the_same_inode_is_read_from_its_start(tmp_path, ledger):
    folder = Folder(tmp_path / "in", Inlet(), ledger)
    (tmp_path / "in").mkdir()
    written(tmp_path / "in", "a", range(1, 5))
    folder.read()
    with (tmp_path / "in" / "a").open("r+b") as file:  # the same inode, other content, as long
        file.truncate(0)
    written(tmp_path / "in", "a", range(5, 9))
    assert folder.read() == 4


def test_a_line_without_end_is_passed_over(tmp_path, ledger, monkeypatch):
    monkeypatch.setattr("sensor.ship.folder.STEP", 4_096)
    (tmp_path / "in").mkdir()
    inlet = Inlet()
    folder = Folder(tmp_path / "in", inlet, ledger)
    (tmp_path / "in" / "a").write_bytes(b"x" * 20_000 + b"\n")
    written(tmp_path / "in", "a", [1], "ab")
    assert folder.read() == 1
    assert inlet.counts["lines_too_long"] == 4


# --- The whole ----------------------------------------------------------------------------------------


def receiver(tmp_path, folders=(), text="- type: lines\n  path: far/got.ndjson\n", **more):
    said = []
    made = Receiver(tmp_path / "l.db", Inlet(), folders, configured(tmp_path, text), 1e9, said.append, **more)
    made.said = said
    return made


def arrived(tmp_path):
    found = [json.loads(line) for path in (tmp_path / "far").glob("*") for line in path.read_bytes().splitlines()]
    return [one for one in found if one.get("rule", {}).get("id") != "otsensor-one-way-loss"], [
        one for one in found if one.get("rule", {}).get("id") == "otsensor-one-way-loss"
    ]


def test_lost_datagrams_are_named_and_the_rest_ships_on(tmp_path):
    """A relay between loses some, doubles some and swaps some; what is missing is exactly what it lost."""
    chance = random.Random(7)
    made = receiver(tmp_path, grace=0.05)
    listener = DatagramListener(made.inlet, "127.0.0.1", 0)
    listener.start()
    lost = set()
    between = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    between.bind(("127.0.0.1", 0))
    sender = destination(tmp_path, f"- type: syslog\n  address: 127.0.0.1:{between.getsockname()[1]}\n  rate: 0\n")
    sender.feed = feed_id("a store", "syslog")
    chosen = sorted(chance.sample(range(1, 1_000), 300))  # a filter leaves out the others
    held = []
    for at in range(0, 300, 50):
        hand(sender, items(*chosen[at : at + 50]), after=chosen[at - 1] if at else 0)
        for number in chosen[at : at + 50]:
            datagram = between.recv(65_536)
            if chance.random() < 0.1 and number not in (chosen[0], chosen[-1]):
                lost.add(number)
                continue
            held += [datagram] * (2 if chance.random() < 0.1 else 1)
    chance.shuffle(held)
    for datagram in held:
        between.sendto(datagram, ("127.0.0.1", listener.port))
    made.start()
    ends = time.monotonic() + 20
    feed = feed_id("a store", "syslog")

    def missing():
        known = made.ledger.feeds.get(feed)
        return {n for first, last in known.holes() for n in range(first, last + 1)} if known else set()

    # On a busy machine the rest comes in after the first look.
    while time.monotonic() < ends and (missing() & set(chosen) != lost or not made.ledger.feeds[feed].told):
        made.step()
    found = made.ledger.feeds[feed]
    assert missing() & set(chosen) == lost
    assert found.repeats == len(held) - (300 - len(lost))
    assert made.finish(5.0, lambda: True)
    made.stop()
    documents, alerts = arrived(tmp_path)
    assert sorted(one["event"]["sequence"] for one in documents) == sorted(set(chosen) - lost)
    assert all(one["ot"]["feed"]["id"] != feed for one in documents)  # now they are on a feed of this side
    assert alerts[-1]["ot"]["alert"]["count"] == found.missing()
    assert alerts[-1]["ot"]["alert"]["state"] == "open"
    assert alerts[-1]["observer"]["name"] == "north-1"
    assert any("are missing: " in text for text in made.said)
    between.close()
    sender.close()


def test_what_comes_late_after_all_closes_the_alert(tmp_path):
    (tmp_path / "in").mkdir()
    made = receiver(tmp_path, [tmp_path / "in"])
    written(tmp_path / "in", "2", range(6, 9))
    made.read_folders()
    made.start()
    assert made.finish(5.0, lambda: True)
    written(tmp_path / "in", "1", range(1, 6))
    made.read_folders()
    assert made.finish(5.0, lambda: True)
    made.stop()
    documents, alerts = arrived(tmp_path)
    assert sorted(one["event"]["sequence"] for one in documents) == list(range(1, 9))
    told = [
        (one["ot"]["alert"]["state"], one["ot"]["alert"]["count"], one["ot"]["alert"]["revision"]) for one in alerts
    ]
    assert told == [("open", 5, 1), ("closed", 0, 2)]
    assert {fault for one in [*documents, *alerts] for fault in schema.faults(one)} == set()
    assert len({one["event"]["id"] for one in alerts}) == 2
    assert len({one["ot"]["alert"]["id"] for one in alerts}) == 1


def test_two_diodes_in_a_row(tmp_path):
    (tmp_path / "in").mkdir()
    written(tmp_path / "in", "a", range(1, 30))
    first = receiver(tmp_path, [tmp_path / "in"])
    first.read_folders()
    first.start()
    assert first.finish(5.0, lambda: True)
    first.stop()
    (tmp_path / "second").mkdir()
    second = receiver(tmp_path / "second", [tmp_path / "far"])
    assert second.read_folders() == 29
    (feed,) = second.ledger.feeds.values()
    assert (feed.missing(), feed.sensor) == (0, "north-1")
    assert numbers(second.ledger) == list(range(1, 30))
    second.start()
    second.stop()


def test_a_hole_that_is_young_is_not_told_yet(tmp_path):
    made = receiver(tmp_path)
    made.ledger.take(arriving(1, 3))
    made.weigh()
    assert made.said == []
    made.ledger.take(arriving(2))
    made.weigh()
    assert made.said == []
    made.ledger.take(arriving(5))
    made.weigh()
    made.weigh()
    assert made.said == ["1 documents of sensor north-1 on the one-way line f are missing: 4"]
    made.weigh()
    assert len(made.said) == 1
    made.stop()


COMMAND = [sys.executable, "-m", "sensor.cli", "receive"]


def test_killed_at_any_moment_each_is_shipped_on(tmp_path, pytestconfig):
    configured(tmp_path, "- type: lines\n  path: far/got.ndjson\n  sync: false\n")
    (tmp_path / "in").mkdir()
    arguments = [*COMMAND, "--ledger", tmp_path / "l.db", "--folder", tmp_path / "in", "--config",
                 tmp_path / "otsensor.yml"]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(pytestconfig.rootpath)}
    for turn in range(4):
        written(tmp_path / "in", f"f{turn}", range(turn * 500 + 1, turn * 500 + 501))
        process = subprocess.Popen(arguments, env=environment, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0.5, 1.6))
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = subprocess.run([*arguments, "--once"], env=environment, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    documents, alerts = arrived(tmp_path)
    assert sorted(one["event"]["sequence"] for one in documents) == list(range(1, 2_001))
    assert [one["ot"]["alert"]["state"] for one in alerts[-1:]] in ([], ["closed"])


def run(tmp_path, capsys, *arguments):
    code = cli.main(["receive", "--ledger", str(tmp_path / "l.db"), *map(str, arguments)])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_the_command_takes_a_folder_reports_and_says_what_is_missing(tmp_path, capsys):
    configured(tmp_path, "- type: lines\n  path: far/got.ndjson\n")
    (tmp_path / "in").mkdir()
    written(tmp_path / "in", "a", [1, 2, 5])
    code, _, err = run(tmp_path, capsys, "--folder", tmp_path / "in", "--config", tmp_path / "otsensor.yml", "--once")
    assert code == 1
    assert err == "2 documents of sensor north-1 on the one-way line f are missing: 3-4\n"
    code, out, _ = run(tmp_path, capsys, "--report", "--format", "json")
    assert code == 1
    told = json.loads(out)
    assert (told["taken"], told["missing"], told["ranges"]) == (3, 2, [[3, 4]])
    code, out, _ = run(tmp_path, capsys, "--report")
    assert "north-1" in out
    assert "3-4" in out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [([], "names no destinations"), (["--config", "otsensor.yml"], "name where documents come from"),
     (["--config", "otsensor.yml", "--folder", "nowhere"], "nowhere: no such folder"),
     (["--config", "otsensor.yml", "--udp", "0", "--once"], "--once reads folders"),
     (["--config", "otsensor.yml", "--tls", "0"], "--tls needs --certificate and --key"),
     (["--report"], "is not there")],
)  # fmt: skip
def test_options_that_do_not_go_together_are_said_so(tmp_path, capsys, monkeypatch, arguments, complaint):
    monkeypatch.chdir(tmp_path)
    configured(tmp_path, "- type: stdout\n")
    code, _, err = run(tmp_path, capsys, *arguments)
    assert code == 2
    assert complaint in err


def test_a_destination_that_cannot_work_ends_it_and_what_came_is_kept(tmp_path, capsys):
    configured(tmp_path, "- type: webhook\n  url: https://x/\n  secret_env: OTSENSOR_TEST_NO_SUCH_VARIABLE\n")
    (tmp_path / "in").mkdir()
    written(tmp_path / "in", "a", [1, 2])
    code, _, err = run(tmp_path, capsys, "--folder", tmp_path / "in", "--config", tmp_path / "otsensor.yml", "--once")
    assert code == 2
    assert "OTSENSOR_TEST_NO_SUCH_VARIABLE is not set" in err
    assert run(tmp_path, capsys, "--report")[0] == 0


def test_a_running_receiver_takes_datagrams_and_ends_when_told(tmp_path, capsys, monkeypatch):
    """In this process, so that its listeners' ports are known."""
    configured(tmp_path, "- type: lines\n  path: far/got.ndjson\n")
    ports, real = [], command.listeners

    def watched(options, inlet):
        for one in real(options, inlet):
            ports.append(one.port)
            yield one

    monkeypatch.setattr(command, "listeners", watched)

    def feed():
        while len(ports) < 2:
            time.sleep(0.01)
        for port, transport, numbers_ in zip(ports, ("udp", "tcp"), ((1, 2), (3, 4)), strict=True):
            text = f"- type: syslog\n  address: 127.0.0.1:{port}\n  transport: {transport}\n"
            (tmp_path / transport).mkdir()
            made = destination(tmp_path / transport, text)
            hand(made, items(*numbers_), after=numbers_[0] - 1)
            made.close()
        ends = time.monotonic() + 15
        while time.monotonic() < ends and len(arrived(tmp_path)[0]) < 4:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    (tmp_path / "far").mkdir()
    thread = threading.Thread(target=feed)
    thread.start()
    code, _, err = run(tmp_path, capsys, "--udp", "127.0.0.1:0", "--tcp", "127.0.0.1:0", "--config",
                       tmp_path / "otsensor.yml")  # fmt: skip
    thread.join()
    assert (code, err) == (0, "")
    assert sorted(one["event"]["sequence"] for one in arrived(tmp_path)[0]) == [1, 2, 3, 4]
