"""What the Modbus tests share: frames wrapped both ways, and captures read through the line up to the framing."""

import os
import pathlib

from librt.strings import read_i32_le, read_i64_le

from sensor.capture.block import RECORD
from sensor.capture.files import Captures
from sensor.contract import Sink
from sensor.decode.decoder import Decoder
from sensor.decode.kinds import FLOWING
from sensor.flow.table import Flows
from sensor.protocols.modbus import PROTOCOLS

SECOND = 1_000_000_000
CAPTURES = pathlib.Path(
    os.environ.get("OTSENSOR_CAPTURES") or pathlib.Path(__file__).parents[2].parent / "shared" / "captures"
)


def crc(data):
    """The serial line's CRC, bit by bit as the specification draws it: not the table under test."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return value.to_bytes(2, "little")


def tcp(pdu, transaction=1, unit=1, protocol=0):
    body = bytes([unit]) + (bytes.fromhex(pdu) if isinstance(pdu, str) else pdu)
    return b"".join(n.to_bytes(2, "big") for n in (transaction, protocol, len(body))) + body


def rtu(pdu, unit=1):
    body = bytes([unit]) + (bytes.fromhex(pdu) if isinstance(pdu, str) else pdu)
    return body + crc(body)


class Ear(Sink):
    """Keeps what the framing loop gives."""

    def __init__(self):
        super().__init__()
        self.messages = []
        self.exchanges = []  # conversation, exchange, its last message
        self.oddities = []

    def message(self, talk, message):
        self.messages.append((talk, message))

    def exchange(self, talk, exchange, data, start, end):
        self.exchanges.append((talk, exchange, data[start:end]))

    def oddity(self, talk, kind, direction, time, number, sample):  # noqa: ARG002 - the contract's
        self.oddities.append((kind, number))


def hear(path):
    """Read a capture with the Modbus protocols only; return what was heard and how often a dissector failed."""
    ear = Ear()
    flows = Flows(ear, list(PROTOCOLS), True, {})
    decoder = Decoder()
    segment = decoder.segment
    for block in Captures([path]).blocks():
        for record in range(block.first, block.last):
            at = record * RECORD
            captured, original, interface = (read_i32_le(block.index, at + offset) for offset in (12, 16, 20))
            segment.time = read_i64_le(block.index, at)
            segment.number = block.number + record
            link = block.interfaces[interface].link_type
            offset = read_i32_le(block.index, at + 8)
            if decoder.decode(block.data, offset, captured, original, link, segment.time) >= FLOWING:
                flows.see(segment)
    flows.finish()
    return ear, flows.counts()["dissector_failed"]
