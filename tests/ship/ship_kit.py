"""A store with alerts in it, and an Elasticsearch made of fifty lines that can be told to misbehave."""

import contextlib
import gzip
import http.server
import json
import pathlib
import socket
import ssl
import threading
import time

from sensor.alert.alert import CLOSED, OPEN, Alert
from sensor.detect.rule import Rule
from sensor.ship.destination import Filter, Settings
from sensor.ship.elastic.client import KEYS
from sensor.ship.lane import Lane
from sensor.store.store import Store

SECOND = 1_000_000_000
OBSERVER = {"observer.name": "here", "observer.version": "1"}
RULE = Rule(
    id="4f0f7a5e-0000-4000-8000-000000000001", name="a-rule", title="A rule", level="high", description="It is a rule.",
    author="us", version="2026-01-01", license="Apache-2.0", references=(), techniques=("T0855",),
    tactics=("impair-process-control",), path=pathlib.Path("rule.yml"), line=1, explanation="It matters.",
    response="Wait.", sentence="{source} wrote to {destination}", service="modbus",
)  # fmt: skip


def alert(number: int, count: int = 1, state: str = OPEN, **fields) -> Alert:
    """Return one alert as of one revision."""
    about = {"source.address": "10.0.0.1", "source.ip": "10.0.0.1", "destination.address": "10.0.0.2",
             "destination.ip": "10.0.0.2", "network.protocol": "modbus", "ot.site": "works", "ot.unit": str(number),
             **fields}  # fmt: skip
    revision = len(str(count)) + (state == CLOSED)
    made = Alert(f"{number:032x}", RULE, (str(number),), number * SECOND, (number + count) * SECOND, about)
    made.count, made.revision, made.state, made.told = count, revision, state, count
    return made


def fill(path: pathlib.Path, numbers, counts=(1,)) -> None:
    """Write alerts with a revision for each count."""
    with Store(path) as store:
        for number in numbers:
            for count in counts:
                store.alert(alert(number, count))


def settings(url: str, folder: pathlib.Path = pathlib.Path(), kinds=("alert",), **given) -> Settings:
    """Return the settings of an Elasticsearch."""
    values = {**{name: key.default for name, key in KEYS.items()}, "hosts": (url,), **given}
    return Settings("soc", "elasticsearch", values, Filter(frozenset(kinds)), folder, "otsensor.yml:3")


def lane(path: pathlib.Path, where: Settings, said: list | None = None) -> Lane:
    """Return a lane to it."""
    return Lane(path, where, OBSERVER, (said if said is not None else []).append)


def shipped(one: Lane, seconds: float = 20.0) -> bool:
    """Run a lane in a thread until everything is shipped; return whether it is."""
    thread = threading.Thread(target=one.run)
    one.look()
    thread.start()
    ends = time.monotonic() + seconds
    while not one.drained and thread.is_alive() and time.monotonic() < ends:
        time.sleep(0.005)
    one.stop()
    thread.join(10)
    assert not thread.is_alive()
    return one.drained


class Fake:
    """Answers like Elasticsearch, unless `faults` has something for the next bulk request."""

    def __init__(self, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None):
        self.faults: list = []  # names of methods, taken from the front
        self.generation = 0  # backing index of all data streams
        self.history: list[tuple[int, str, str, dict]] = []
        self.newest: dict[tuple[str, str], tuple[int, dict]] = {}
        self.bulks = 0
        self.searches = 0
        self.headers: list = []
        self.refused_ids: set[str] = set()
        self.max_body = 1 << 30
        self.may_search = True
        self.is_set_up = True
        self.working_on: list[str] = []  # marks of the requests in progress
        self.tunnels: list[str] = []
        self.leads_to = ("", 0)
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # one packet for an answer: the kernels wait for each other otherwise
            disable_nagle_algorithm = True

            def do_POST(self):
                fake.headers.append(self.headers)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                fake.request(self, gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)

            do_GET = do_PUT = do_POST  # noqa: N815  # the names http.server looks for

            def do_CONNECT(self):
                fake.tunnels.append(self.path)
                there = socket.create_connection(fake.leads_to)
                self.send_response(200)
                self.end_headers()
                self.wfile.flush()
                thread = threading.Thread(target=pump, args=(there, self.connection), daemon=True)
                thread.start()
                pump(self.connection, there)
                thread.join()
                there.close()
                self.close_connection = True

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_):
                pass

        self.server = Server((address, 0), Handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        host = f"[{address}]" if ":" in address else address
        self.url = f"http{'s' if tls else ''}://{host}:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    # --- As it should be --------------------------------------------------------------------------

    def request(self, handler, body: bytes):
        path = handler.path.split("?")[0]
        if path == "/_bulk":
            self.bulks += 1
            fault = self.faults.pop(0) if self.faults else "well"
            getattr(self, fault)(handler, body)
        elif path.endswith("/_search"):
            self.searches += 1
            if not self.may_search:
                self.answer(handler, 403, {"error": {"type": "security_exception", "reason": "no"}, "status": 403})
                return
            wanted = set(json.loads(body)["query"]["ids"]["values"])
            stream = path.split("/")[1]
            hits = [{"_id": one, "_index": s} for _, s, one, _ in self.history if s == stream and one in wanted]
            self.answer(handler, 200, {"hits": {"hits": hits}})
        elif path == "/_tasks":
            tasks = {str(n): {"headers": {"X-Opaque-Id": mark}} for n, mark in enumerate(self.working_on)}
            if self.may_search:
                self.answer(handler, 200, {"nodes": {"a": {"tasks": tasks}}})
            else:
                self.answer(handler, 403, {"error": {"type": "security_exception", "reason": "no"}, "status": 403})
        else:
            self.answer(handler, 200, {"_shards": {"total": 1, "successful": 1, "failed": 0}})

    def answer(self, handler, status: int, body, **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        usual = {"X_Elastic_Product": "Elasticsearch", "Content_Type": "application/json", "Content_Length": len(data)}
        handler.send_response(status)
        for name, value in {**usual, **headers}.items():
            handler.send_header(name.replace("_", "-"), str(value))
        handler.end_headers()
        handler.wfile.write(data)

    def execute(self, body: bytes, only=slice(None)) -> list[dict]:
        lines = [json.loads(line) for line in body.splitlines()]
        return [self.one(*pair) for pair in list(zip(lines[::2], lines[1::2], strict=True))[only]]

    def one(self, action: dict, document: dict) -> dict:
        ((kind, about),) = action.items()
        name, identity = about["_index"], about["_id"]
        if identity in self.refused_ids:
            error = {"type": "document_parsing_exception", "reason": "failed to parse field",
                     "caused_by": {"type": "illegal_argument_exception", "reason": "it is no number"}}  # fmt: skip
            return {kind: {"status": 400, "error": error}}
        if kind == "create":
            if not self.is_set_up:
                error = {"type": "index_not_found_exception", "reason": "require_data_stream"}
                return {kind: {"status": 404, "error": error}}
            if any((self.generation, name, identity) == known[:3] for known in self.history):
                return {kind: {"status": 409, "error": {"type": "version_conflict_engine_exception"}}}
            self.history.append((self.generation, name, identity, document))
        else:
            if self.newest.get((name, identity), (0,))[0] >= about["version"]:
                return {kind: {"status": 409, "error": {"type": "version_conflict_engine_exception"}}}
            self.newest[name, identity] = (about["version"], document)
        return {kind: {"status": 201, "_id": identity}}

    def well(self, handler, body):
        self.answer(handler, 200, {"took": 1, "errors": False, "items": self.execute(body)})

    # --- As it should not be ----------------------------------------------------------------------

    def too_many(self, handler, _):
        self.answer(
            handler, 429, {"error": {"type": "es_rejected_execution_exception"}, "status": 429}, Retry_After="0"
        )

    def unavailable(self, handler, _):
        self.answer(handler, 503, b"<html>no server is available</html>", Content_Type="text/html")

    def gateway(self, handler, body):
        self.execute(body)
        self.answer(handler, 504, b"gateway timeout", Content_Type="text/plain")

    def lost(self, handler, body):
        self.execute(body)
        self.hang_up(handler)

    def half_done(self, handler, body):
        pairs = body.count(b"\n") // 2
        self.execute(body, slice(0, pairs // 2))
        self.hang_up(handler)

    def half_told(self, handler, body):
        items = self.execute(body)
        self.answer(handler, 200, {"took": 1, "errors": False, "items": items[: len(items) // 2]})

    def empty(self, handler, body):
        self.execute(body)
        self.answer(handler, 200, {"took": 1, "errors": False, "items": []})

    def garbage(self, handler, body):
        self.execute(body)
        self.answer(handler, 200, b"\x00\xff{not json")

    def strange(self, handler, body):
        self.answer(handler, 200, {"items": [{"create": {"status": "fine"}} for _ in self.execute(body)]})

    def cut_short(self, handler, body):
        items = self.execute(body)
        self.answer(handler, 200, json.dumps({"items": items}).encode()[:40], Content_Length="400")
        self.hang_up(handler)

    def full(self, handler, body):
        items = []
        for number, pair in enumerate(zip(*[iter(body.splitlines())] * 2, strict=True)):
            kind = next(iter(json.loads(pair[0])))
            busy = {kind: {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": "full"}}}
            items.append(busy if number % 3 else self.one(*map(json.loads, pair)))
        self.answer(handler, 200, {"items": items})

    def forbidden(self, handler, body):
        error = {"type": "security_exception", "reason": "action is unauthorized"}
        kinds = [next(iter(json.loads(line))) for line in body.splitlines()[::2]]
        self.answer(handler, 200, {"items": [{kind: {"status": 403, "error": error}} for kind in kinds]})

    def failure_store(self, handler, body):
        items = self.execute(body)
        identity = items[0]["create"]["_id"]
        self.history = [known for known in self.history if known[2] != identity]
        items[0]["create"]["failure_store"] = "used"
        self.answer(handler, 200, {"items": items})

    def dropped(self, handler, body):
        items = self.execute(body)
        identity = items[0]["create"]["_id"]
        self.history = [known for known in self.history if known[2] != identity]
        items[0]["create"].update(status=200, result="noop")
        self.answer(handler, 200, {"items": items})

    def large(self, handler, body):
        self.faults.insert(0, "large")
        if len(body) > self.max_body:
            self.answer(handler, 413, b"too large", Content_Type="text/plain")
        else:
            self.well(handler, body)

    def somebody_else(self, handler, body):
        self.execute(body)
        self.answer(handler, 200, {"items": []}, X_Elastic_Product="Something")

    def loris(self, handler, body):
        self.execute(body)
        with contextlib.suppress(OSError):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Elastic-Product: Elasticsearch\r\nContent-Length: 9999\r\n\r\n")
            for _ in range(600):
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.05)

    def hang_up(self, handler):
        handler.close_connection = True
        with contextlib.suppress(OSError):
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_RDWR)


def pump(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes from one connection to another."""
    with contextlib.suppress(OSError):
        while data := one.recv(65_536):
            other.sendall(data)
    with contextlib.suppress(OSError):
        other.shutdown(socket.SHUT_WR)
