"""The line, joined: frames in at the left, findings out at the right.

The rule it lives by: each stage is handed the native `Sink` it gives to; nobody reaches past a neighbour.
"""

from librt.strings import read_i32_le, read_i64_le
from librt.vecs import vec
from mypy_extensions import i64

from sensor.behaviour.finding import Findings
from sensor.behaviour.learner import Learner
from sensor.capture.block import RECORD, Block
from sensor.contract import Protocol
from sensor.decode.capturing import LONGEST, SAMPLED, Capturing
from sensor.decode.decoder import Decoder
from sensor.decode.kinds import FLOWING, KIND_NAMES, TCP
from sensor.flow.table import Flows


class Line:
    """Everything up to the behaviours, for the Blocks of one worker."""

    def __init__(
        self,
        findings: Findings,
        protocols: list[Protocol],
        messages: bool,
        places: dict[tuple[int, int], tuple[str, str]],
    ) -> None:
        self.learner = Learner(findings)
        self.flows = Flows(self.learner, protocols, messages, places)
        self.decoder = Decoder()
        self.capturing = Capturing()
        self.flowing: i64 = FLOWING  # kinds of frames from here on are handed to `flows`
        self.kinds: dict[int, vec[i64]] = {}  # source -> frames of each kind
        self.frames: i64 = 0
        self.bytes: i64 = 0  # on the wire
        self.time: i64 = 0  # capture time, ns, of the last frame

    def run(self, block: Block) -> None:
        """Take one Block through the line."""
        if block.first == block.last:
            self.time = block.time
            self.flows.tick(block.time)
            return
        kinds = self.kinds.get(block.source)
        if kinds is None:
            kinds = vec[i64]([0] * len(KIND_NAMES))
            self.kinds[block.source] = kinds
        data, index, decoder, flows = block.data, block.index, self.decoder, self.flows
        segment, flowing, capturing = decoder.segment, self.flowing, self.capturing
        longest, sampled = i64(LONGEST), i64(SAMPLED)
        segment.source = block.source
        links = vec[i64]([interface.link_type for interface in block.interfaces])
        for record in range(block.first, block.last):
            at = record * RECORD
            time = read_i64_le(index, at)
            interface = i64(read_i32_le(index, at + 20))
            original = i64(read_i32_le(index, at + 16))
            captured = i64(read_i32_le(index, at + 12))
            self.bytes += original
            if captured < original or original > longest:
                capturing.unusual(captured, original)
            segment.time = time
            segment.number = block.number + record
            segment.interface = interface
            kind = decoder.decode(
                data,
                i64(read_i32_le(index, at + 8)),
                captured,
                original,
                links[interface],
                time,
            )
            self.time = time
            kinds[kind] += 1
            if kind >= flowing:
                if record & sampled == 0 and kind == TCP:
                    capturing.sample(segment)
                flows.see(segment)
        self.frames += block.last - block.first

    def finish(self) -> None:
        """End every conversation: the capture is over."""
        self.flows.finish()

    def counts(self) -> dict[str, int]:
        """Return every counter of the line, by name."""
        return {**self.decoder.counts(), **self.capturing.counts(), **self.flows.counts(), **self.learner.counts()}

    def pulse(self) -> dict[str, object]:
        """Return what can be said of the quality of what is seen, as plain values; to be asked some seconds apart."""
        return {
            **self.flows.pulse(),
            "time": self.time,
            "frames": self.frames,
            "bytes": self.bytes,
            "counts": self.counts(),
        }

    def frames_by_kind(self, source: int) -> dict[str, int]:
        """Return the frames of one file by kind; they add up to the file."""
        kinds = self.kinds.get(source)
        if kinds is None:
            return {}
        return {name: kinds[number] for number, name in enumerate(KIND_NAMES) if kinds[number]}
