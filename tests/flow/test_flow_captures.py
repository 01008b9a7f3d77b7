"""Real captures of other networks, hostile ones among them: nothing breaks, and tshark sees the same frames."""

import csv
import gzip
import os
import pathlib

import pytest
from flow_kit import Notes

from sensor.capture.block import RECORD
from sensor.capture.files import Captures
from sensor.decode.decoder import Decoder
from sensor.decode.kinds import FLOWING
from sensor.flow.table import Flows
from sensor.protocols import discovery

CAPTURES = pathlib.Path(
    os.environ.get("OTSENSOR_CAPTURES", pathlib.Path(__file__).parents[2].parent / "shared" / "captures"),
)
pytestmark = pytest.mark.skipif(not (CAPTURES / "files").is_dir(), reason="the shared captures are not here")
LARGEST = 300_000  # bytes: all but a dozen


class Line:
    """A capture read from its file to the sink."""

    def __init__(self, path):
        self.sink = Notes()
        self.flows = Flows(self.sink, discovery.find(), True, {})
        decoder = Decoder()
        segment = decoder.segment
        self.flowing = 0
        for block in Captures([path]).blocks():
            for record in range(block.first, block.last):
                at = record * RECORD
                time, offset, captured, original, interface = (
                    int.from_bytes(block.index[at + low : at + high], "little", signed=True)
                    for low, high in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 24))
                )
                segment.number, segment.source, segment.interface = block.number + record, block.source, interface
                link = block.interfaces[interface].link_type
                if decoder.decode(block.data, offset, captured, original, link, time) >= FLOWING:
                    self.flowing += 1
                    self.flows.see(segment)
        self.flows.finish()
        self.counts = self.flows.counts()


def test_every_capture_is_read_to_its_end_within_the_bounds():
    read = 0
    for path in sorted((CAPTURES / "files").iterdir()):
        if path.stat().st_size > LARGEST:
            continue
        line = Line(path)
        seen = sum(flow.packets(0) + flow.packets(1) for flow in line.sink.ended)
        assert seen + line.counts["mirror_duplicates"] == line.counts["frames"] == line.flowing, path
        assert len(line.sink.flows) == len(line.sink.ended), path
        assert line.counts["flows"] == line.counts["buffered_bytes"] == 0, path
        assert line.flows.framing.faults.failures == [], path
        read += 1
    assert read > 400


@pytest.mark.parametrize(
    ("name", "copies"),
    [
        ("ntop__nDPI__tests_cfgs_default_pcap_dnp3.pcap", 362),
        ("ITI__ICS-Security-Tools__pcaps_s7_S7-1511-opc-request-all-types.pcap", 23),
        ("EmreEkin__ICS-Pcaps__IEC61850_mmsy.pcap", 335),
        ("ITI__ICS-Security-Tools__pcaps_bro_modbus_modbusBig.pcap", 0),
    ],
)
def test_doubled_frames_are_found_where_they_are(name, copies):
    assert Line(CAPTURES / "files" / name).counts["mirror_duplicates"] == copies


def test_every_frame_in_which_tshark_finds_modbus_brings_a_message():
    checked = 0
    for truth in sorted((CAPTURES / "truth").glob("*.modbus.tsv.gz")):
        path = CAPTURES / "files" / truth.name.removesuffix(".modbus.tsv.gz")
        with gzip.open(truth, "rt", errors="replace", newline="") as file:
            wanted = {int(row["frame.number"]) for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}
        found = {message.number for message in Line(path).sink.messages if message.protocol.startswith("modbus")}
        assert wanted <= found, path
        checked += len(wanted)
    assert checked > 10_000
