"""Syslog against the real rsyslogd of Debian over UDP, TCP and TLS, and against receivers that misbehave."""

import contextlib
import json
import pathlib
import signal
import socket
import subprocess
import threading
import time

import pytest
from ways_kit import FEED, absent, certificates, destination, free_port, hand, item, items, needed

from sensor.ship import channel
from sensor.ship.destination import SettingsError, Unreachable

CONFIGURATION = """
global(workDirectory="{folder}" maxMessageSize="256k" defaultNetstreamDriverCAFile="{folder}/ca.crt"
  defaultNetstreamDriverCertFile="{folder}/server.crt" defaultNetstreamDriverKeyFile="{folder}/server.key")
module(load="imudp")
module(load="imtcp")
template(name="told" type="list") {{
  property(name="pri") constant(value="\\t") property(name="hostname") constant(value="\\t")
  property(name="app-name") constant(value="\\t") property(name="msgid") constant(value="\\t")
  property(name="timereported" dateFormat="rfc3339") constant(value="\\t")
  property(name="structured-data") constant(value="\\t") property(name="msg") constant(value="\\n") }}
ruleset(name="all") {{ action(type="omfile" file="{folder}/told" template="told" asyncWriting="off") }}
input(type="imudp" address="127.0.0.1" port="{udp}" ruleset="all")
input(type="imtcp" address="127.0.0.1" port="{tcp}" ruleset="all")
input(type="imtcp" address="127.0.0.1" port="{tls}" ruleset="all" streamDriver.name="gtls" streamDriver.mode="1"
  streamDriver.authMode="anon")
"""


class Rsyslogd:
    """A syslog daemon of our own."""

    def __init__(self, folder: pathlib.Path):
        self.program = needed("rsyslogd", "rsyslog rsyslog-gnutls")
        if not list(pathlib.Path("/usr/lib").glob("*/rsyslog/lmnsd_gtls.so")):
            absent("rsyslogd without TLS: install it (Debian: apt install rsyslog-gnutls)")
        self.folder = certificates(folder)
        self.ports = {"udp": free_port(socket.SOCK_DGRAM), "tcp": free_port(), "tls": free_port()}
        (folder / "conf").write_text(CONFIGURATION.format(folder=folder, **self.ports))
        self.process = None
        self.start()

    def start(self):
        command = [self.program, "-n", "-f", str(self.folder / "conf"), "-i", str(self.folder / "pid")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        for name in ("tcp", "tls"):
            wait_for(lambda port=self.ports[name]: reachable(port))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)

    def told(self, number: int) -> list[list[str]]:
        """Return the messages, once there are so many."""
        path = self.folder / "told"
        wait_for(lambda: path.exists() and len(path.read_bytes().splitlines()) >= number)
        return [line.split("\t") for line in path.read_text().splitlines()]

    def address(self, transport: str) -> str:
        return f"127.0.0.1:{self.ports[transport]}"


def reachable(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def wait_for(condition, seconds: float = 15.0):
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("rsyslog")


@pytest.fixture(scope="module")
def running(folder):
    made = Rsyslogd(folder)
    yield made
    made.stop()


@pytest.fixture
def rsyslogd(running):
    (running.folder / "told").unlink(missing_ok=True)
    running.process.send_signal(signal.SIGHUP)  # closes its files
    wait_for(lambda: str(running.folder / "told") not in open_files(running.process.pid))
    return running


def open_files(process: int) -> str:
    found = []
    for link in pathlib.Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            found.append(str(link.readlink()))
    return " ".join(found)


def way(folder, address, **given):
    text = f"- type: syslog\n  address: {json.dumps(address)}\n"
    return destination(folder, text + "".join(f"  {key}: {value}\n" for key, value in given.items()))


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
@pytest.mark.parametrize("form", ["json", "cef"])
def test_rsyslogd_reads_every_field(rsyslogd, transport, form):
    made = way(rsyslogd.folder, rsyslogd.address(transport), transport=transport, format=form, ca="ca.crt")
    found = [item(3, message="ä\nb | = \\"), item(7, event={**item(7).document["event"], "severity": 99})]
    assert hand(made, found, after=2).acknowledged == 2
    told = rsyslogd.told(2)
    made.close()
    head = [[line[0], *line[1:4]] for line in told]
    assert head == [["131", "north-1", "otsensor", "alert"], ["130", "north-1", "otsensor", "alert"]]
    assert told[0][4] == "2026-11-23T13:28:43.257522Z"
    assert told[0][5] == f'[otsensor@32473 feed="{FEED}" sequence="3" after="2" id="{3:032x}"]'
    assert 'sequence="7" after="3"' in told[1][5]
    if form == "json":
        documents = [json.loads(line[6]) for line in told]
        assert [one["event"]["sequence"] for one in documents] == [3, 7]
        assert documents[0]["message"] == "ä\nb | = \\"
    else:
        assert told[0][6].startswith("CEF:0|otsensor|otsensor|")
        assert r"msg=ä\nb | \= \\ " in told[0][6]


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_long_documents_arrive_whole(rsyslogd, transport):
    made = way(rsyslogd.folder, rsyslogd.address(transport), transport=transport, ca="ca.crt")
    long = [item(number, message="x" * 50_000) for number in range(1, 21)]
    hand(made, long)
    assert [len(json.loads(line[6])["message"]) for line in rsyslogd.told(20)] == [50_000] * 20
    made.close()


def test_a_receiver_that_was_started_anew_misses_nothing(rsyslogd):
    made = way(rsyslogd.folder, rsyslogd.address("tcp"), transport="tcp")
    hand(made, items(1))
    rsyslogd.told(1)
    rsyslogd.stop()
    rsyslogd.start()
    with pytest.raises(Unreachable, match="closed the connection"):  # else the batch would vanish without an error
        hand(made, items(2), after=1)
    assert hand(made, items(2), after=1).acknowledged == 1
    assert len(rsyslogd.told(2)) == 2
    rsyslogd.stop()
    for _ in range(2):
        with pytest.raises(Unreachable):
            hand(made, items(3), after=2)
    rsyslogd.start()
    assert hand(made, items(3), after=2).acknowledged == 1
    assert len(rsyslogd.told(3)) == 3
    made.close()


def test_lines_are_read_where_a_receiver_cannot_count(rsyslogd):
    made = way(rsyslogd.folder, rsyslogd.address("tcp"), transport="tcp", framing="lines")
    hand(made, items(*range(1, 51)))
    assert len(rsyslogd.told(50)) == 50
    made.close()


def test_a_strangers_certificate_is_not_trusted(rsyslogd):
    for ca in ({"ca": "stranger.crt"}, {}):
        made = way(rsyslogd.folder, rsyslogd.address("tls"), transport="tls", **ca)
        with pytest.raises(Unreachable, match="certificate verify failed"):
            hand(made, items(1))
        made.close()


def test_what_does_not_fit_into_a_datagram_is_rejected_with_its_size(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.bind(("127.0.0.1", 0))
        made = way(tmp_path, f"127.0.0.1:{far.getsockname()[1]}", max_bytes="2 kB", copies=2)
        sent = hand(made, [item(1), item(2, message="x" * 2_000), item(3)])
        assert sent.acknowledged == 3
        ((refused, why),) = sent.rejected
        assert refused.sequence == 2
        assert why.endswith("at most 2,000 go at once")
        found = [far.recv(65_536) for _ in range(4)]
        assert [b'sequence="1"' in one for one in found] == [True, False, True, False]
        assert b'sequence="3" after="2"' in found[1]  # so that the far side knows of the one that never came
        made.close()


def test_datagrams_keep_to_their_rate(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.bind(("127.0.0.1", 0))
        made = way(tmp_path, f"127.0.0.1:{far.getsockname()[1]}", rate=200)
        began = time.monotonic()
        hand(made, items(*range(1, 81)))
        assert 0.3 < time.monotonic() - began < 2
        made.close()


def test_ipv6(tmp_path):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as far:
        try:
            far.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
        made = way(tmp_path, f"[::1]:{far.getsockname()[1]}")
        hand(made, items(1))
        assert b'sequence="1"' in far.recv(65_536)
        made.close()


def test_a_receiver_that_takes_nothing_is_given_up_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr(channel, "TIMEOUT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as far:
        far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        made = way(tmp_path, f"127.0.0.1:{far.getsockname()[1]}", transport="tcp")
        began = time.monotonic()
        with pytest.raises(Unreachable):
            hand(made, [item(number, message="x" * 200_000) for number in range(1, 60)])
        assert time.monotonic() - began < 5
        made.close()


def hang_up(listening):
    listening.accept()[0].close()


def test_a_stream_counts_when_the_other_kernel_has_it(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as far:
        made = way(tmp_path, f"127.0.0.1:{far.getsockname()[1]}", transport="tcp")
        threading.Timer(0.2, lambda: hang_up(far)).start()
        hand(made, items(1))
        time.sleep(0.3)
        with pytest.raises(Unreachable):
            hand(made, items(2), after=1)
        made.close()


@pytest.mark.parametrize(
    ("given", "complaint"),
    [({"address": "a b"}, "is no host"), ({"address": "2001:db8::1"}, "IPv6 stands in brackets"),
     ({"address": "x:70000"}, "is no host"), ({"address": "x", "facility": 24}, "not within 0 to 23"),
     ({"address": "x", "transport": "tls", "ca": "nowhere"}, "No such file")],
)  # fmt: skip
def test_what_cannot_work_is_said_with_its_place(tmp_path, given, complaint):
    with pytest.raises(SettingsError, match=complaint):
        way(tmp_path, **given)


def test_a_name_that_does_not_resolve_is_a_state_of_the_world(tmp_path):
    made = way(tmp_path, "nowhere.invalid")
    with pytest.raises(Unreachable, match=r"nowhere\.invalid port 514"):
        hand(made, items(1))
    made.close()
