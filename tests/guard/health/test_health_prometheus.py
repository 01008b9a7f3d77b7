"""The Prometheus page is read by Prometheus's own parser, and its door by whoever knocks, well or badly."""

import contextlib
import selectors
import socket
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sensor.detect.concern import Concern
from sensor.guard.health import endpoint, prometheus
from sensor.guard.health.endpoint import Endpoint, ListenError, open_listener
from sensor.guard.health.prometheus import GAUGES, exposition
from sensor.keys.key import Address
from sensor.ship.fields import HEALTH

TIME = 1_700_000_000_500_000_000
COUNTS = {
    "frames": 12, "flows": 3, "kernel_drops.span0": 1, "kernel_drops.span1": 0, "payload_cut": 2, "concern_cut": 1,
}  # fmt: skip


def parsed(page):
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def test_the_page_says_counters_interfaces_and_concerns():
    concern = Concern("one_way", "VLAN 20", "", "", 0, 0, place=("works", "", "20", ""))
    states = {"span0": "up", "span1": "gone", "write": "on"}
    page = exposition(COUNTS, states, [concern], TIME, {"version": "1", "sensor": "north"})
    assert parsed(page) == {
        ("otsensor_info", (("sensor", "north"), ("version", "1"))): 1,
        ("otsensor_capture_time_seconds", ()): 1_700_000_000.5,
        ("otsensor_interface_up", (("interface", "span0"),)): 1,
        ("otsensor_interface_up", (("interface", "span1"),)): 0,
        ("otsensor_concern", (("kind", "one_way"), ("site", "works"), ("vlan", "20"), ("where", "VLAN 20"))): 1,
        ("otsensor_frames_total", ()): 12,
        ("otsensor_flows", ()): 3,
        ("otsensor_interface_kernel_drops_total", (("interface", "span0"),)): 1,
        ("otsensor_interface_kernel_drops_total", (("interface", "span1"),)): 0,
        ("otsensor_payload_cut_total", ()): 2,
    }


def test_every_metric_has_its_meaning_and_type():
    families = {one.name: one for one in text_string_to_metric_families(exposition(COUNTS, {}, [], TIME, {}).decode())}
    assert families["otsensor_flows"].type == "gauge"
    assert families["otsensor_frames"].type == "counter"
    assert families["otsensor_frames"].documentation == HEALTH["frames"]
    assert all(one.documentation for one in families.values())
    assert set(HEALTH) >= GAUGES


HOSTILE = ('span"0', "a\\b", "two\nlines", "}{", "Zürich", "\ud800", "")


@pytest.mark.parametrize("text", HOSTILE)
def test_names_from_outside_break_no_page(text):
    concern = Concern("one_way", text, "", "", 0, 0, place=(text, text, "", ""))
    page = exposition({f"kernel_drops.{text}": 1, f"odd{text}": 2}, {text: "up"}, [concern] * 2, TIME, {"sensor": text})
    found = parsed(page)
    clean = text.encode("utf-8", "replace").decode()
    assert found["otsensor_interface_up", (("interface", clean),)] == 1
    assert [value for (name, _), value in found.items() if name == "otsensor_concern"] == [1]


def test_the_page_is_bounded(monkeypatch):
    monkeypatch.setattr(prometheus, "MAX_SERIES", 50)
    counts = {f"counter_{number}": 1 for number in range(1_000)}
    assert exposition(counts, {}, [], TIME, {}).count(b"\n") == 50


# --- The door -----------------------------------------------------------------------------------------


class Door:
    """An endpoint with the loop it lives in."""

    def __init__(self):
        self.made = 0
        self.troubles = ""
        self.selector = selectors.DefaultSelector()
        listener = open_listener(Address("127.0.0.1", 0), anywhere=False)
        self.address = listener.getsockname()
        self.endpoint = Endpoint(listener, self.page, lambda: self.troubles)
        self.endpoint.register(self.selector)

    def page(self):
        self.made += 1
        return b"otsensor_frames_total 1\n"

    def turn(self, turns=6):
        for _ in range(turns):
            for key, _ in self.selector.select(0.02):
                key.data()

    def knock(self, request=b""):
        client = socket.create_connection(self.address, timeout=2)
        if request:
            client.sendall(request)
        self.turn()
        return client

    def ask(self, request):
        """Return status, head and body of one answer."""
        with self.knock(request) as client:
            data = b""
            with contextlib.suppress(ConnectionResetError):
                while part := client.recv(65_536):
                    data += part
        head, _, body = data.partition(b"\r\n\r\n")
        return int(head.split()[1]) if head else 0, head.decode(), body.decode()


@pytest.fixture
def door():
    found = Door()
    yield found
    found.endpoint.close()
    found.selector.close()


def request(line):
    return f"{line}\r\nHost: sensor\r\nUser-Agent: Prometheus/3\r\n\r\n".encode()


def test_metrics_are_shown(door):
    status, head, body = door.ask(request("GET /metrics HTTP/1.1"))
    assert (status, body) == (200, "otsensor_frames_total 1\n")
    assert "text/plain; version=0.0.4" in head
    assert "Content-Length: 24" in head
    assert door.endpoint.connections == {}


def test_health_is_said_in_a_word_and_in_a_status(door):
    assert door.ask(request("GET /healthz HTTP/1.1"))[::2] == (200, "ok\n")
    door.troubles = "no traffic (the span): no frame for 60 s; expected some frames"
    assert door.ask(request("GET /healthz HTTP/1.1"))[::2] == (503, f"{door.troubles}\n")


def test_a_head_is_answered_without_its_body(door):
    status, head, body = door.ask(request("HEAD /metrics HTTP/1.1"))
    assert (status, body) == (200, "")
    assert "Content-Length: 24" in head


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET / HTTP/1.1", 404),
        ("GET /metrics/../../etc/passwd HTTP/1.1", 404),
        ("POST /metrics HTTP/1.1", 405),
        ("DELETE /healthz HTTP/1.0", 405),
        ("GET /metrics?name[]=up HTTP/1.1", 200),
        ("GET /metrics", 400),
        ("\x16\x03\x01\x02\x00\x01\x00\x01", 400),
        ("", 400),
        ("GET  /metrics HTTP/1.1", 400),
        ("GET /metrics SMTP/1.1", 400),
    ],
)
def test_only_two_questions_are_answered(door, line, status):
    assert door.ask(request(line))[0] == status
    assert door.endpoint.counts()["scrapes_refused"] == (status != 200)


def test_a_request_may_come_in_pieces(door):
    whole = request("GET /metrics HTTP/1.1")
    with door.knock() as client:
        for at in range(0, len(whole), 7):
            client.sendall(whole[at : at + 7])
            door.turn(1)
        door.turn()
        assert client.recv(15) == b"HTTP/1.1 200 OK"


def test_a_head_without_end_is_refused(door):
    with door.knock(b"GET /metrics HTTP/1.1\r\n") as client:
        client.sendall(b"X: " + b"a" * 8_000)
        door.turn()
        assert client.recv(12) == b"HTTP/1.1 431"


def test_whoever_says_nothing_is_shown_out_and_hinders_nobody(door):
    slow = [door.knock(b"GET /met") for _ in range(endpoint.MAX_CONNECTIONS + 5)]
    assert len(door.endpoint.connections) == endpoint.MAX_CONNECTIONS
    assert door.ask(request("GET /metrics HTTP/1.1"))[0] == 200
    door.endpoint.look(time.monotonic() + endpoint.MAX_SECONDS)
    assert door.endpoint.connections == {}
    assert door.endpoint.counts()["scrapes_dropped"] == len(slow)
    for client in slow:
        client.close()


def test_who_makes_room_in_the_turn_in_which_it_speaks_ends_no_loop(door):
    clients = [door.knock() for _ in range(endpoint.MAX_CONNECTIONS)]
    clients.append(socket.create_connection(door.address, timeout=2))
    clients[0].sendall(request("GET /metrics HTTP/1.1"))
    door.turn(1)  # the door and the oldest connection wake the loop at once, and the door comes first
    assert len(door.endpoint.connections) == endpoint.MAX_CONNECTIONS
    assert door.ask(request("GET /metrics HTTP/1.1"))[0] == 200
    for client in clients:
        client.close()


def test_whoever_takes_nothing_of_a_long_answer_is_shown_out(door):
    door.page = door.endpoint.metrics = lambda: b"x" * 50_000_000
    with door.knock(request("GET /metrics HTTP/1.1")):
        assert len(door.endpoint.connections) == 1
        door.endpoint.look(time.monotonic() + endpoint.MAX_SECONDS)
        assert door.endpoint.connections == {}


def test_a_long_answer_comes_whole(door):
    door.endpoint.metrics = lambda: b"x" * 3_000_000
    with door.knock(request("GET /metrics HTTP/1.1")) as client:
        client.setblocking(False)
        data, until = b"", time.monotonic() + 5
        while time.monotonic() < until:
            door.turn(1)
            with contextlib.suppress(BlockingIOError):
                part = client.recv(1 << 20)
                if not part:
                    break
                data += part
    assert data.endswith(b"x" * 3_000_000)


def test_whoever_hangs_up_is_forgotten(door):
    for _ in range(30):
        client = door.knock()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset instead of an end
        client.close()
        door.turn(2)
    assert door.endpoint.connections == {}


def test_asking_often_costs_one_page_a_second(door):
    for _ in range(5):
        door.ask(request("GET /metrics HTTP/1.1"))
    assert door.made <= 2


def test_a_turn_takes_a_few_of_many_who_knock(door):
    clients = [socket.create_connection(door.address, timeout=2) for _ in range(endpoint.MAX_ACCEPTED + 4)]
    door.endpoint.accept()
    assert len(door.endpoint.connections) == endpoint.MAX_ACCEPTED
    door.turn()
    assert len(door.endpoint.connections) == len(clients)
    for client in clients:
        client.close()


def test_without_descriptors_the_door_is_shut_until_the_next_look(door):
    listener = door.endpoint.listener

    class Full:
        fileno = listener.fileno

        def accept(self):
            raise OSError(24, "Too many open files")

    door.endpoint.listener = Full()
    door.endpoint.accept()
    assert door.selector.select(0) == []
    door.endpoint.listener = listener
    door.endpoint.look()
    assert door.ask(request("GET /metrics HTTP/1.1"))[0] == 200


# --- Where it listens ---------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_all_addresses_are_refused_unless_asked_for(host):
    with pytest.raises(ListenError, match="answers on every address"):
        open_listener(Address(host, 0), anywhere=False)
    with contextlib.suppress(ListenError), open_listener(Address(host, 0), anywhere=True) as listener:
        assert listener.getsockname()[0] == host


def test_what_cannot_be_listened_on_is_told_with_its_place(door):
    taken = Address(*door.address)
    with pytest.raises(ListenError, match=f"listen: {taken}: .*in use"):
        open_listener(taken, anywhere=False)
    with pytest.raises(ListenError, match="an address of this machine"):
        open_listener(Address("192.0.2.1", 0), anywhere=False)
    with pytest.raises(ListenError, match="is a group"):
        open_listener(Address("224.0.0.1", 0), anywhere=False)
