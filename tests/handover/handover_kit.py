"""A capture read with the hand-over in the middle: the worker's half, bytes, and the recorder's half."""

from librt.strings import read_i64_le

from sensor.behaviour.finding import Findings
from sensor.capture.block import RECORD, Block
from sensor.handover.mirror import Mirror
from sensor.handover.records import unpacked
from sensor.handover.registry import Registry
from sensor.handover.teller import Teller
from sensor.pipeline import Line
from sensor.protocols import discovery
from tests.line import line_kit

PIECE = 60_000_000  # ns: as often as a ring gives its blocks


class Relay:
    """One worker and its mirror, joined by bytes."""

    def __init__(self, reading, registry):
        self.sent = []
        self.mirror = Mirror(registry, reading.recorder, reading.protocols)
        self.teller = Teller(self.sent.append, lambda: 0)
        self.line = Line(self.teller, reading.protocols, False, {})

    def run(self, block):
        self.line.run(block)
        self.deliver()

    def finish(self):
        self.line.finish()
        self.teller.finish()
        self.deliver()

    def deliver(self):
        self.teller.tick(self.line.time)
        for data in self.sent:
            self.mirror.play(unpacked(data))
        self.sent.clear()
        assert not self.mirror.failed, self.mirror.said


def protocols():
    return discovery.find(())


def mirror():
    """A mirror in front of nobody."""
    findings = Findings()
    return Mirror(Registry(findings), findings, protocols())


class Relayed:
    """A reading whose line runs behind the hand-over."""

    def __init__(self, path, workers=1):
        self.reading = line_kit.reading(path)
        self.registry = Registry(self.reading.recorder)
        self.reading.store.files = self.registry.names
        self.relays = [self.relay() for _ in range(workers)]
        self.reading.line = self.relays[0].line

    def relay(self):
        relay = Relay(self.reading, self.registry)
        for source in self.reading.captures.sources:
            relay.teller.file(source.number, source.path)
        return relay

    def pieces(self):
        for block in self.reading.captures.blocks():
            yield from pieces(block)

    def tick(self):
        self.reading.recorder.tick(max(int(relay.line.time) for relay in self.relays))

    def finish(self):
        for relay in self.relays:
            relay.finish()
        recorder, sources = self.reading.recorder, self.reading.captures.sources
        recorder.finish(self.registry.behaviours, sources, self.relays[0].line.counts())
        self.reading.done = True
        return self.reading


def relayed(path):
    """Read a capture through one worker."""
    made = Relayed(path)
    for piece in made.pieces():
        made.relays[0].run(piece)
        made.tick()
    return made.finish()


def split_by_pair(path):
    """Read a capture through two workers, each of which sees some pairs of hosts."""
    made = Relayed(path, workers=2)
    for piece in made.pieces():
        for number, relay in enumerate(made.relays):
            relay.run(only(piece, lambda frame, number=number: pair_of(frame) % 2 == number))
        made.tick()
    return made.finish()


def restarted(path, at):
    """Read a capture through a worker that dies after a share of it, and another that takes its place."""
    made = Relayed(path)
    whole = list(made.pieces())
    for count, piece in enumerate(whole):
        if count == int(len(whole) * at):
            made.relays[0].mirror.lost()
            made.relays[0] = made.relay()
        made.relays[0].run(piece)
        made.tick()
    return made.finish()


def pair_of(frame):
    """Tell which pair of hosts a frame is of, the same both ways."""
    if frame[12:14] == b"\x08\x00":
        return sum(frame[26:34])
    return sum(frame[:12])


def only(block, wanted):
    """Return those frames of a block that are wanted; an empty one still tells the time."""
    kept = []
    for record in range(block.first, block.last):
        one = block.index[record * RECORD : (record + 1) * RECORD]
        offset, length = int.from_bytes(one[8:12], "little"), int.from_bytes(one[12:16], "little")
        if wanted(block.data[offset : offset + length]):
            kept.append(one)
    index = b"".join(kept)
    made = Block(block.data, index, 0, len(kept), block.source, block.number, block.offset, block.interfaces)
    made.time = read_i64_le(block.index, (block.last - 1) * RECORD)
    return made


def pieces(block):
    """Cut a block where its frames are apart in time."""
    first = block.first
    while first < block.last:
        until = read_i64_le(block.index, first * RECORD) + PIECE
        last = first + 1
        while last < block.last and read_i64_le(block.index, last * RECORD) <= until:
            last += 1
        yield Block(block.data, block.index, first, last, block.source, block.number, block.offset, block.interfaces)
        first = last


def found(reading, kind):
    """Return what was found of one kind, without numbers that differ from run to run.

    How well the sensor sees is judged beside the hand-over, so alerts about that are left out.
    """
    rows = [dict(row) for row in reading.rows(kind) if not row.get("rule", "").startswith("sensor-")]
    for row in rows:
        for name in ("number", "run", "sequence", "revision"):
            row.pop(name, None)
    return sorted(rows, key=repr)
