"""Signed webhooks against a real HTTP server that checks the signature and can be told to misbehave."""

import contextlib
import http.server
import json
import socket
import ssl
import threading
import time

import pytest
from ways_kit import certificates, destination, free_port, hand, items

from sensor.ship.destination import SettingsError, Unreachable
from sensor.ship.signature import secret_bytes, sign, verify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Hook:
    """Takes webhooks; `answers` are for the next requests, `poison` is an id it never takes."""

    def __init__(self, tls: ssl.SSLContext | None = None):
        self.answers: list = []
        self.taken: list[int] = []
        self.ids: list[str] = []
        self.paths: list[str] = []
        self.poison: set[int] = set()
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                hook.request(self)

            def do_CONNECT(self):
                hook.tunnel(self)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}/hooks/T0KEN"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def request(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        identity = handler.headers["webhook-id"]
        self.ids.append(identity)
        self.paths.append(handler.path)
        stamp, signature = handler.headers["webhook-timestamp"], handler.headers["webhook-signature"]
        assert verify(secret_bytes(SECRET), identity, stamp, body, signature, time.time())
        answer = self.answers.pop(0) if self.answers else 200
        if callable(answer):
            answer(handler)
            return
        documents = json.loads(body)["data"]
        numbers = [document["event"]["sequence"] for document in documents]
        assert all(document["event"]["ingested"] for document in documents)
        if answer == 200 and self.poison & set(numbers):
            answer = 422
        if answer == 200:
            self.taken += numbers
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        self.reply(handler, status, b"bad <document>" if status == 422 else b"", headers)

    def reply(self, handler, status, body=b"", headers=()):
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **dict(headers)}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def tunnel(self, handler):
        host, port = handler.path.split(":")
        handler.send_response(200)
        handler.end_headers()
        with socket.create_connection((host, int(port))) as far:
            ends = (handler.connection, far), (far, handler.connection)
            threads = [threading.Thread(target=pump, args=pair, daemon=True) for pair in ends]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        handler.close_connection = True

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def pump(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def hook():
    made = Hook()
    yield made
    made.close()


@pytest.fixture
def ways(tmp_path):
    (tmp_path / "secret").write_text(SECRET + "\n")
    opened = []

    def make(url, **given):
        text = f"- type: webhook\n  url: {url}\n  secret_file: secret\n"
        made = destination(tmp_path, text + "".join(f"  {key}: {value}\n" for key, value in given.items()))
        opened.append(made)
        return made

    yield make
    for one in opened:
        one.close()


def test_the_signature_is_that_of_standard_webhooks():
    # The vector that the specification's reference libraries are tested with.
    secret = secret_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_signature_is_refused_for_another_body_id_time_or_secret():
    secret = secret_bytes("any text")
    signed = sign(secret, "msg_1", 1_000, b"body")
    assert verify(secret, "msg_1", "1000", b"body", f"v1,x {signed}", 1_200.0)
    for changed in (
        (b"other", "msg_1", "1000", b"body", signed, 1_000.0),
        (secret, "msg_2", "1000", b"body", signed, 1_000.0),
        (secret, "msg_1", "1001", b"body", signed, 1_000.0),
        (secret, "msg_1", "1000", b"bodz", signed, 1_000.0),
        (secret, "msg_1", "1000", b"body", signed, 1_301.0),
        (secret, "msg_1", "-1000", b"body", signed, 1_000.0),
        (secret, "msg_1", "1000", b"body", "v1," + "\u00e4", 1_000.0),
    ):
        assert not verify(*changed)


def test_documents_are_taken_in_requests_of_a_few(hook, ways):
    made = ways(hook.url, documents=3)
    assert hand(made, items(*range(1, 9))).acknowledged == 8
    assert hook.taken == list(range(1, 9))
    assert len(hook.ids) == 3
    assert set(hook.paths) == {"/hooks/T0KEN"}


def test_sent_again_a_request_has_the_same_id(hook, ways):
    made = ways(hook.url)
    hook.answers = [500]
    with pytest.raises(Unreachable):
        hand(made, items(1, 2))
    hand(made, items(1, 2))
    hand(made, items(3))
    assert hook.ids[0] == hook.ids[1] != hook.ids[2]


def test_a_document_that_is_refused_stands_alone_in_the_end(hook, ways):
    hook.poison = {5}
    sent = hand(ways(hook.url), items(*range(1, 9)))
    assert sent.acknowledged == 8
    assert [(one.sequence, why) for one, why in sent.rejected] == [(5, "422: bad <document>")]
    assert sorted(hook.taken) == [1, 2, 3, 4, 6, 7, 8]


@pytest.mark.parametrize(
    ("answer", "wait"),
    [((429, {"Retry-After": "7"}), 7.0), ((503, {}), 0.0), ((429, {"Retry-After": "Fri, 31 Dec 1999"}), 0.0)],
)
def test_a_busy_receiver_is_given_time(hook, ways, answer, wait):
    made = ways(hook.url, documents=2)
    hook.answers = [200, answer]
    sent = hand(made, items(1, 2, 3, 4, 5))
    assert (sent.acknowledged, sent.retry_after) == (2, wait)
    assert hand(made, items(3, 4, 5)).acknowledged == 3
    assert hook.taken == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("status", [301, 302, 401, 403, 404, 405, 410, 500, 502])
def test_a_matter_of_the_set_up_loses_nothing(hook, ways, status):
    made = ways(hook.url, documents=1)
    hook.answers = [200, (status, {"Location": "http://127.0.0.1:1/"})]
    assert hand(made, items(1, 2)).acknowledged == 1
    hook.answers = [status]
    with pytest.raises(Unreachable, match=rf"^http://127.0.0.1 answers {status}$"):  # without the path's token
        hand(made, items(2))
    assert hook.taken == [1]


def dribble(handler):
    with contextlib.suppress(OSError):
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 600:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            time.sleep(0.05)


def flood(handler):
    with contextlib.suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n")
        for _ in range(200):
            handler.wfile.write(b"x" * 65_536)


def garbage(handler):
    handler.wfile.write(b"\x00\xff\x00\xff\r\n\r\n")
    handler.close_connection = True


def hang_up(handler):
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("fault", [dribble, garbage, hang_up])
def test_what_is_no_answer_is_none_and_ends_in_time(hook, ways, fault):
    made = ways(hook.url, timeout="1s")
    hook.answers = [fault]
    began = time.monotonic()
    with pytest.raises(Unreachable):
        hand(made, items(1))
    assert time.monotonic() - began < 3
    assert hand(made, items(1)).acknowledged == 1
    assert hook.taken == [1]


def test_of_an_endless_answer_the_status_counts(hook, ways):
    made = ways(hook.url)
    hook.answers = [flood]
    assert hand(made, items(1)).acknowledged == 1
    assert hand(made, items(2)).acknowledged == 1
    assert hook.taken == [2]


def test_a_connection_closed_while_it_was_idle_is_made_anew(hook, ways):
    made = ways(hook.url)
    hand(made, items(1))
    made.poster._connection.sock.shutdown(socket.SHUT_RDWR)
    assert hand(made, items(2)).acknowledged == 1
    assert hook.taken == [1, 2]


def test_nobody_there(ways):
    with pytest.raises(Unreachable, match="Connection refused"):
        hand(ways(f"http://127.0.0.1:{free_port()}/"), items(1))


def test_tls_by_a_ca_a_stranger_and_a_proxy(tmp_path, ways):
    folder = certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    safe, proxy = Hook(context), Hook()
    try:
        assert hand(ways(safe.url, ca="ca.crt"), items(1)).acknowledged == 1
        with pytest.raises(Unreachable, match="certificate verify failed"):
            hand(ways(safe.url, ca="stranger.crt"), items(2))
        with pytest.raises(Unreachable, match="certificate verify failed"):
            hand(ways(safe.url), items(2))
        assert hand(ways(safe.url, ca="ca.crt", proxy=f"http://127.0.0.1:{proxy.port}"), items(2)).acknowledged == 1
        assert safe.taken == [1, 2]
        plain = Hook()
        assert hand(ways(plain.url, proxy=f"http://127.0.0.1:{proxy.port}"), items(3)).acknowledged == 1
        assert proxy.paths == [plain.url]
        plain.close()
    finally:
        safe.close()
        proxy.close()


@pytest.mark.parametrize(
    ("given", "complaint"),
    [({"url": "ftp://x/"}, "url: expected https://"), ({"url": "https://me:pw@x/"}, "without a user"),
     ({"url": "https://x/", "ca": "nowhere.crt"}, "ca, certificate or key: No such file"),
     ({"url": "https://x/", "documents": "0"}, "documents: at least 1")],
)  # fmt: skip
def test_what_cannot_work_is_said_with_its_place(ways, given, complaint):
    with pytest.raises(SettingsError, match=complaint) as told:
        ways(**given)
    assert "otsensor.yml:2" in str(told.value)


def test_a_webhook_without_a_secret_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="a webhook is signed"):
        destination(tmp_path, "- type: webhook\n  url: https://x/\n")
    (tmp_path / "secret").write_text("whsec_!!")
    with pytest.raises(SettingsError, match="what follows whsec_ is not base64"):
        destination(tmp_path, "- type: webhook\n  url: https://x/\n  secret_file: secret\n")
