"""Real captures as a tap with two ports gives them: one side's frames come too soon, and what is found is the same."""

from __future__ import annotations

import collections
import struct

import pytest

from sensor.capture.block import RECORD
from sensor.capture.files import Captures
from sensor.decode import kinds
from sensor.decode.decoder import Decoder
from sensor.decode.segment import SYN
from sensor.flow.early import HOLD_BACK
from sensor.flow.table import reverse
from tests.line import line_kit
from tests.line.line_kit import EVERY, PCAPS, reading

LARGEST = 20_000  # bytes of a stranger's capture: half of them
SKEWED = [path for path in EVERY if path.parent == PCAPS or path.stat().st_size <= LARGEST]


def segments_of(path):
    """Every frame of an Ethernet capture: time, bytes, kind, key, whether a SYN; None for other links."""
    decoder, found = Decoder(), []
    for block in Captures([path]).blocks():
        for record in range(block.first, block.last):
            time, offset, size, original, interface = struct.unpack_from("<qiiii", block.index, record * RECORD)
            link = block.interfaces[interface].link_type
            if link != 1 or size != original:
                return None
            kind = decoder.decode(block.data, offset, size, original, link, time)
            segment = decoder.segment
            frame = block.data[offset : offset + size]
            found.append((time, frame, kind, (segment.vlan, segment.tunnel, segment.key), bool(segment.flags & SYN)))
    return found


def skewed(frames, skew):
    """Let what servers send come `skew` ns too soon, each direction in its order.

    Where a connection's beginning was not captured, from when both sides were heard: who comes late cannot know more.
    """
    heard = collections.defaultdict(set)
    earliest, moved = {}, []
    for number, (seen, frame, kind, key, began) in enumerate(frames):
        time = seen
        if kind in (kinds.TCP, kinds.UDP):
            vlan, tunnel, ends = key
            both = {key, (vlan, tunnel, reverse(ends))}
            talk = heard[min(both)]
            if ends[-4:-2] < ends[-2:] and talk == both:  # the lower port is the server's
                time = seen - skew
            if talk != both:
                talk.update(both if began or kind == kinds.UDP else {key})
                if talk == both and not began and kind == kinds.TCP:
                    earliest.update(dict.fromkeys(both, seen))
            time = earliest[key] = max(time, earliest.get(key, time))
        moved.append((time, number, frame))
    return [(time, frame) for time, _, frame in sorted(moved)]


def found(path):
    """What was found, without where and when."""
    read = reading(path)
    behaviours = {
        (b.client.text, b.server.text, b.protocol, b.operation, b.unit, b.target_text()): (b.count, b.outcomes())
        for b in read.behaviours
    }
    ends = ("source.ip", "destination.ip")
    alerts = [(a.rule.name, *(str(a.fields.get(end)) for end in ends), a.count) for a in read.alerts]
    return read, behaviours, sorted(alerts)


@pytest.mark.parametrize("path", SKEWED, ids=lambda path: path.name)
def test_answers_before_their_questions_change_nothing(path, tmp_path):
    frames = segments_of(path)
    if frames is None:
        pytest.skip("not Ethernet, or cut")
    straight, behaviours, alerts = found(line_kit.pcap(tmp_path / "straight.pcap", skewed(frames, 0)))
    if straight.counts["held_back_in_vain"]:
        pytest.skip("its questions are missing")
    for skew in (100_000, HOLD_BACK - 1):
        read, *same = found(line_kit.pcap(tmp_path / f"{skew}.pcap", skewed(frames, skew)))
        assert same == [behaviours, alerts]
        assert read.counts["buffered_bytes"] == 0
        assert read.counts["gaps"] == straight.counts["gaps"]


def test_such_a_tap_is_put_in_order_not_ignored(tmp_path):
    """The test above would pass as well if nothing had to be held back."""
    frames = segments_of(PCAPS / "plant.pcapng")
    read, _, _ = found(line_kit.pcap(tmp_path / "tap.pcap", skewed(frames, HOLD_BACK - 1)))
    assert read.counts["held_back"] > 1000
    assert all(b.latency is None or b.latency.min >= 0 for b in read.behaviours)
