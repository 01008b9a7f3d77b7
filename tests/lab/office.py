"""The server of the office side: web pages, a login that greets like SSH, names and time; and who uses it.

The rule it lives by: it is traffic that is always there beside a plant's controllers, and for which no sensor may cry.
"""

import contextlib
import http.server
import itertools
import socket
import socketserver
import struct
import threading
import time

from pcaps.make.plant import address

HTTP_PORT, LOGIN_PORT, NAMES_PORT, TIME_PORT = 80, 22, 53, 123
NTP_EPOCH = 2_208_988_800  # seconds from 1900 to 1970
PATIENCE = 1.0


class _Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"<h1>shift log</h1>{self.path}".encode() * 20
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class _LoginServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True  # the lab opens again within seconds


class _Login(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")
        self.request.recv(256)


class _Names(socketserver.BaseRequestHandler):
    def handle(self):
        question, wire = self.request
        answer = question[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + question[12:]
        there = b"\xc0\x0c\x00\x01\x00\x01" + struct.pack(">IH", 300, 4) + socket.inet_aton(address("server"))
        wire.sendto(answer + there, self.client_address)


class _Time(socketserver.BaseRequestHandler):
    def handle(self):
        question, wire = self.request
        now = struct.pack(">II", int(time.time()) + NTP_EPOCH, 0)
        wire.sendto(bytes((0x24, 2, 6, 0xEC)) + bytes(20) + question[40:48] + now + now, self.client_address)


def serve(_):
    """Be the server until killed."""
    services = (
        (http.server.ThreadingHTTPServer, HTTP_PORT, _Pages),
        (_LoginServer, LOGIN_PORT, _Login),
        (socketserver.UDPServer, NAMES_PORT, _Names),
        (socketserver.UDPServer, TIME_PORT, _Time),
    )
    for kind, port, handler in services[::-1]:  # the web pages last: whoever waits for them has all
        server = kind(("0.0.0.0", port), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Event().wait()


def use(_):
    """Ask for names, the time, a page, and knock at the login: again and again, as office machines do."""
    for turn in itertools.count():
        with contextlib.suppress(OSError):
            _ask(
                NAMES_PORT,
                struct.pack(">HHHHHH", turn & 0xFFFF, 0x0100, 1, 0, 0, 0) + b"\x06server\x00\x00\x01\x00\x01",
            )
            _ask(TIME_PORT, bytes((0x23, 0, 6, 0xEC)) + bytes(44))
            _say(HTTP_PORT, f"GET /log/{turn} HTTP/1.0\r\n\r\n".encode())
            if turn % 4 == 0:
                _say(LOGIN_PORT, b"SSH-2.0-PuTTY_Release_0.78\r\n")
        time.sleep(3)


def _ask(port, question):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.settimeout(PATIENCE)
        wire.sendto(question, (address("server"), port))
        wire.recv(512)


def _say(port, words):
    with socket.create_connection((address("server"), port), PATIENCE) as wire:
        wire.sendall(words)
        while wire.recv(4096):
            pass
