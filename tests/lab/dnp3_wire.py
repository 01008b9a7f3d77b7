"""A DNP3 master's requests made by hand, for what a decent master does not send (IEEE 1815, clauses 4, 8 and 9).

The rule it lives by: one request, one answer, told to the story; no start-up sequence, as attackers' scripts have none.
"""

from __future__ import annotations

import socket
import struct

from pcaps.make.plant import DNP3_PORT, MASTER_ADDRESS, OUTSTATIONS, address

PATIENCE = 2.0  # s for an answer
SELECT, OPERATE, DIRECT_OPERATE = 3, 4, 5
FREEZE_AND_CLEAR, INITIALIZE_APPLICATION, ACTIVATE_CONFIGURATION = 9, 16, 31
COLD_RESTART, WARM_RESTART, DISABLE_UNSOLICITED = 13, 14, 21
STOP_APPLICATION, OPEN_FILE, DELETE_FILE = 18, 25, 27
READ, WRITE = 1, 2
BROADCAST = 0xFFFF  # to all, no confirmation asked
REFUSING = 0x07  # IIN2.0-2.2: no such function, object, or parameter
CLASSES = b"".join(bytes((60, variation, 0x06)) for variation in (2, 3, 4))
EVERYTHING = CLASSES + bytes((60, 1, 0x06))


def crc(data: bytes) -> bytes:
    """Return the link layer's check of a block."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA6BC if value & 1 else 0)
    return struct.pack("<H", value ^ 0xFFFF)


def framed(destination: int, source: int, segment: bytes) -> bytes:
    """Return a link frame: unconfirmed user data of a master."""
    header = struct.pack("<BBBBHH", 0x05, 0x64, 5 + len(segment), 0xC4, destination, source)
    blocks = [segment[at : at + 16] for at in range(0, len(segment), 16)]
    return header + crc(header) + b"".join(block + crc(block) for block in blocks)


def application(frame: bytes) -> bytes:
    """Return the application layer of an answer that fits one frame."""
    blocks = [frame[at : at + 18][:-2] for at in range(10, len(frame), 18)]
    return b"".join(blocks)[1:]


def latch(index: int, code: int = 3, status: int = 0) -> bytes:
    """Return a control relay output block: latch on is 3, trip 0x81, close 0x41."""
    return bytes((12, 1, 0x17, 1, index, code, 1)) + struct.pack("<IIB", 100, 100, status)


def file_command(name: bytes, mode: int) -> bytes:
    """Return a file command object (g70v3): mode 0 deletes, 1 reads, 2 writes."""
    body = struct.pack("<HH6xHIIHHH", 26, len(name), 0x1FF, 0, 0xFFFF_FFFF if mode == 2 else 0, mode, 1024, 1) + name
    return struct.pack("<BBBBH", 70, 3, 0x5B, 1, len(body)) + body


class Line:
    """One connection to an outstation, from which a station takes the control room's place."""

    def __init__(self, story, target, own=MASTER_ADDRESS):
        self.story, self.target, self.own = story, target, own
        self.sequence = 0
        self.socket = socket.create_connection((address(target), DNP3_PORT), PATIENCE)

    def close(self):
        """End the connection."""
        self.socket.close()

    def ask(self, action, detail, function, objects=b"", *, to=None):
        """Send one request, wait for its answer, and tell it."""
        to = OUTSTATIONS[self.target] if to is None else to
        self.sequence = (self.sequence + 1) % 16
        segment = bytes((0xC0 | self.sequence, 0xC0 | self.sequence, function)) + objects

        def deed():
            self.socket.sendall(framed(to, self.own, segment))
            return "no_answer_due" if to >= 0xFFFD else self._outcome(function, objects)

        return self.story.act(self.target, action, "dnp3", detail, deed)

    def _outcome(self, function, objects):
        self.socket.settimeout(PATIENCE)
        try:
            answer = self._answer()
        except OSError:
            return "unanswered"
        echoed = function in (SELECT, OPERATE, DIRECT_OPERATE)
        refused = answer[3] & REFUSING or (echoed and answer[4 + len(objects) - 1])
        return "refused" if refused else "accepted"

    def _answer(self):
        """Read frames until one answers this request; what the outstation says unasked is left unconfirmed."""
        while True:
            head = self._exactly(10)
            user = head[2] - 5
            said = application(head + self._exactly(user + 2 * -(-user // 16)))
            if said and said[1] == 0x81 and said[0] & 0x0F == self.sequence:
                return said

    def _exactly(self, size):
        found = b""
        while len(found) < size:
            more = self.socket.recv(size - len(found))
            if not more:
                raise ConnectionError
            found += more
        return found
