"""What the sensor does all day still works where everything is put up: nothing here may fail for being confined."""

import contextlib
import io
import os
import pathlib
import selectors
import signal
import socket
import sqlite3
import threading
import time
import traceback

import lz4.frame
import orjson
import pytest
import zstandard
from rich.console import Console
from rich.live import Live
from rich.table import Table

from sensor.guard import mute, policy
from sensor.guard.confine import confine
from tests.guard.inside import inside

pytestmark = pytest.mark.usefixtures("root")


def recorder(store, **given):
    return lambda: confine(policy.recorder(user="nobody", store=store, **given)) and None


def shipper(store, **given):
    return lambda: confine(policy.shipper(user="nobody", store=store, **given)) and None


def worker(*folders, **given):
    return lambda: confine(policy.worker(writes=folders, **given)) and None


def keep_rows(path):
    """Write, read, sort and vacuum more than fits into SQLite's memory."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        assert database.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
        database.execute("PRAGMA cache_size = -64")
        database.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT UNIQUE)")
        database.execute("BEGIN")
        rows = ((f"{n * 7919 % 20000:>05} {'x' * 200}",) for n in range(20_000))
        database.executemany("INSERT INTO t (text) VALUES (?)", rows)
        database.execute("UPDATE t SET text = text || 'y'")  # a statement that must be able to be undone by itself
        database.execute("COMMIT")
        (count,) = database.execute("SELECT count(*) FROM (SELECT text FROM t ORDER BY text || n DESC)").fetchone()
        database.execute("CREATE TEMP TABLE other AS SELECT * FROM t")
        database.execute("VACUUM")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return count


def test_the_store_is_written_and_read(store):
    for role in (recorder, shipper):
        path = store / f"{role.__name__}.db"
        assert inside(role(store), lambda path=path: keep_rows(path)).value == 20_000
        assert path.stat().st_size > 4_000_000


def test_the_store_that_was_opened_before_goes_on(store):
    def opened_before():
        database = sqlite3.connect(store / "before.db", isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE t (n)")
        for path in store.iterdir():
            os.chown(path, 65534, 65534)
        confine(policy.recorder(user="nobody", store=store))
        database.execute("INSERT INTO t VALUES (1)")
        database.close()
        return keep_rows(store / "next.db")

    outcome = inside(opened_before)
    assert outcome.value == 20_000, outcome


def test_libraries_work(store):
    def work():
        text = orjson.dumps({"a": list(range(1000))})
        assert zstandard.decompress(zstandard.compress(text)) == text
        assert lz4.frame.decompress(lz4.frame.compress(text)) == text
        shown = io.StringIO()
        console = Console(file=shown, force_terminal=True, width=80)
        with Live(console=console, auto_refresh=False) as live:
            table = Table("what")
            table.add_row("seen")
            live.update(table, refresh=True)
        assert time.strftime("%Y", time.localtime())
        return "seen" in shown.getvalue()

    assert inside(recorder(store), work).value is True
    assert inside(worker(), work).value is True
    assert inside(shipper(store), work).value is True


def test_a_recorder_makes_workers_hears_them_and_ends_them(store):
    """Fork, a worker's own policy on top, a socket pair, selectors, signals, an end."""

    def supervise():
        confine(policy.recorder(user="nobody", store=store))
        ours, theirs = socket.socketpair()
        child = os.fork()
        if child == 0:
            confine(policy.worker())
            theirs.sendall(b"batch")
            os.write(theirs.fileno(), b" more")
            signal.pause()
        with selectors.DefaultSelector() as selector:
            selector.register(ours, selectors.EVENT_READ)
            heard = b""
            while len(heard) < 10 and selector.select(timeout=20):
                heard += ours.recv(100)
        os.kill(child, signal.SIGTERM)
        return [heard.decode(), os.waitpid(child, 0)[1]]

    assert inside(supervise).value == ["batch more", signal.SIGTERM]


def test_a_listener_that_was_opened_before_still_serves(store):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            peer, _ = listener.accept()
            with peer:
                peer.sendall(peer.recv(100).upper())

        def ask():
            with socket.create_connection(listener.getsockname()) as peer:
                peer.sendall(b"metrics")
                answers.append(peer.recv(100))

        answers = []
        thread = threading.Timer(0.2, ask)  # after the fork
        thread.start()
        assert inside(recorder(store), serve).worked
        thread.join()
        assert answers == [b"METRICS"]


def test_a_worker_hears_and_writes_captures_below_its_own_folder(store):
    os.chown(store, 0, 0)  # a worker stays whoever its parent has become: here root, without capabilities
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003)) as listener:
        listener.bind(("lo", 0x0003))
        listener.setsockopt(263, 8, 1)  # PACKET_AUXDATA: the plain socket's way to VLAN tags

        def capture():
            confine(policy.worker(writes=[store]))
            listener.settimeout(20)
            frame, _, _, _ = listener.recvmsg(100, 100)
            listener.setsockopt(263, 1, bytes.fromhex("0100000001000600") + bytes(8))  # promiscuous, on the loopback
            path = store / "span0-1.pcap"
            path.write_bytes(frame)
            path.rename(store / "span0-2.pcap")
            (store / "span0-2.pcap").unlink()
            (store / "span0-3.pcap").write_bytes(frame)
            return len(frame)

        def speak():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaker:
                speaker.sendto(b"hello", ("127.0.0.1", 9))

        thread = threading.Timer(0.3, speak)  # after the fork
        thread.start()
        outcome = inside(capture)
        thread.join()
    assert outcome.value, outcome
    assert [path.name for path in store.iterdir()] == ["span0-3.pcap"]


def test_a_worker_that_lets_others_sockets_go_does_not_use_their_numbers_again(store):
    os.chown(store, 0, 0)
    with socket.socket(socket.AF_PACKET, 2, 0) as others, socket.socket(socket.AF_PACKET, 2, 0) as own:

        def write(let_go):
            confine(policy.recorder(user="root", store=store))
            let_go([own.fileno()])
            (store / "captured").write_bytes(b"frames")
            return [other.fileno() for other in (others, own) if mute.family(other.fileno()) == mute.AF_PACKET]

        outcome = inside(lambda: write(lambda _keep: os.close(others.fileno())))
        assert outcome.errno == 1  # the number of the other worker's socket, used again
        assert inside(lambda: write(mute.put_aside)).value == [own.fileno()]


def test_a_shipper_has_threads_and_looks_names_up(store):
    def ship():
        found = []
        threads = [threading.Thread(target=lambda: found.append(socket.getaddrinfo("localhost", 80))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(found)

    assert inside(shipper(store), ship).value == 3


def test_a_shipper_forked_by_a_recorder_that_leaves_it_room(store):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def supervise():
            shipping = policy.shipper(store=store, ports=(port,), lookups=False)
            confine(policy.recorder(user="nobody", store=store, shipping=shipping))
            child = os.fork()
            if child == 0:
                confine(policy.shipper(store=store, ports=(port,), lookups=False))
                threading.Thread(target=socket.create_connection, args=(("127.0.0.1", port),)).start()
                os._exit(0 if socket.create_connection(("127.0.0.1", port)) else 1)
            return os.waitpid(child, 0)[1]

        assert inside(supervise).value == 0


def test_rules_are_read_again_after_their_file_was_replaced(place, store):
    rules = place / "rules"
    rules.mkdir()
    (rules / "one.yml").write_text("title: old")

    def reload():
        confine(policy.recorder(user="nobody", store=store, reads=[rules]))
        (store / "ready").write_text("")
        deadline = time.monotonic() + 20
        while (found := (rules / "one.yml").read_text()) == "title: old" and time.monotonic() < deadline:
            time.sleep(0.05)
        return found

    def replace():
        deadline = time.monotonic() + 20
        while not (store / "ready").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        (place / "new.yml").write_text("title: new")
        (place / "new.yml").rename(rules / "one.yml")

    thread = threading.Timer(0.2, replace)
    thread.start()
    assert inside(reload).value == "title: new"
    thread.join()


def test_a_fault_of_ours_is_still_told_with_its_trace(store):
    def fail():
        try:
            pathlib.Path("/etc/shadow").read_text()
        except PermissionError:
            return traceback.format_exc()

    assert "PermissionError" in inside(recorder(store), fail).value
