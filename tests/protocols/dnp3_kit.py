"""DNP3 frames made from what they say, with a CRC of its own, and a conversation to put them through."""

from sensor.contract import ALONE, COMPLETED, LINK, PART, STARTED
from sensor.protocols.dnp3.dissector import Dnp3Dissector

SECOND = 1_000_000_000
MASTER, OUTSTATION = 3, 10

__all__ = ["ALONE", "COMPLETED", "LINK", "PART", "STARTED"]


def crc(data):
    """The CRC-16/DNP bit by bit, as the specification draws it."""
    value = 0
    for octet in data:
        value ^= octet
        for _ in range(8):
            value = value >> 1 ^ 0xA6BC if value & 1 else value >> 1
    return (value ^ 0xFFFF).to_bytes(2, "little")


def frame(user=b"", control=0xC4, destination=OUTSTATION, source=MASTER):
    """A link frame."""
    header = b"\x05\x64" + bytes([5 + len(user), control])
    header += destination.to_bytes(2, "little") + source.to_bytes(2, "little")
    blocks = [user[at : at + 16] for at in range(0, len(user), 16)]
    return header + crc(header) + b"".join(block + crc(block) for block in blocks)


def request(function, objects=b"", sequence=0, control=0xC0, transport=0xC0, **link):
    """A request of one frame."""
    return frame(bytes([transport, control | sequence, function]) + objects, **link)


def response(objects=b"", sequence=0, iin=0, control=0xC0, function=129, transport=0xC0, **link):
    """A response of one frame."""
    link = {"control": 0x44, "destination": MASTER, "source": OUTSTATION} | link
    text = bytes([transport, control | sequence, function]) + iin.to_bytes(2, "little") + objects
    return frame(text, **link)


def segments(text, size=249, first=0, **link):
    """A fragment in as many frames as it takes."""
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    frames = []
    for number, part in enumerate(parts):
        octet = (first + number) % 64 | (0x40 if number == 0 else 0) | (0x80 if number == len(parts) - 1 else 0)
        frames.append(frame(bytes([octet]) + part, **link))
    return frames


FROM_OUTSTATION = {"control": 0x44, "destination": MASTER, "source": OUTSTATION}


def objects(group, variation, qualifier, rest=b""):
    """An object header and what follows it."""
    return bytes([group, variation, qualifier]) + rest


def crob(index=3, code=0x41, count=1, on=100, off=200, status=0):
    """One relay output block with a one-octet index, qualifier 0x17."""
    body = bytes([code, count]) + on.to_bytes(4, "little") + off.to_bytes(4, "little") + bytes([status])
    return objects(12, 1, 0x17, bytes([1, index]) + body)


CLASS_POLL = objects(60, 2, 6) + objects(60, 3, 6) + objects(60, 4, 6)


class Line:
    """A master (direction 0) and an outstation (direction 1); a second goes by with each frame."""

    def __init__(self):
        self.dissector = Dnp3Dissector()
        self.time = 0
        self.log = []

    def __call__(self, data, direction=None):
        """Put one frame through; return the result. The DIR bit gives the direction unless told."""
        if direction is None:
            direction = 0 if data[3] & 0x80 else 1
        self.time += SECOND
        assert self.dissector.frame(data, 0, len(data), direction) == len(data)
        result = self.dissector.glance(data, 0, len(data), direction, self.time)
        self.log.append((direction, result, self.exchange, self.dissector.whole or data))
        return result

    @property
    def exchange(self):
        return self.dissector.exchange

    def late(self):
        """Take the exchanges that ended without an answer."""
        late, self.dissector.late = self.dissector.late, []
        return late


def dissect(*frames, direction=None):
    """Dissect the frames of one message."""
    data = b"".join(frames)
    if direction is None:
        direction = 0 if data[3] & 0x80 else 1
    return Dnp3Dissector().dissect(data, 0, len(data), direction, b"")


def invariant(line):
    """Check that each message with an anomaly was marked as significant."""
    for direction, result, exchange, wire in line.log:
        if result != PART:
            message = line.dissector.dissect(wire, 0, len(wire), direction, b"")
            if message.anomalies and exchange is not None:
                assert exchange.significant, message.anomalies
