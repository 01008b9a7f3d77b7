"""Real captures: as many frames as the index says, and the times and lengths that tshark says."""

import csv
import shutil
import subprocess

import pytest

# tshark, which counted for the index, does not know this link type; the file holds four frames
UNCOUNTED = {"the-tcpdump-group__libpcap__tests_filter_brcm-tag-stp.pcap": 4}
DAMAGED = {"the-tcpdump-group__libpcap__tests_shb-option-too-long.pcapng"}


@pytest.fixture(scope="module")
def index(shared):
    with (shared / "INDEX.tsv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_every_frame_is_found(shared, index, read):
    wrong = []
    for row in index:
        captures, frames = read(shared / "files" / row["file"])
        packets = UNCOUNTED.get(row["file"], int(row["packets"]))
        damaged = bool(captures.sources[0].damage)
        if len(frames) != packets or damaged != (row["file"] in DAMAGED):
            wrong.append((row["file"], packets, len(frames), captures.sources[0].damage))
    assert len(index) > 400
    assert wrong == []


def test_times_and_lengths_are_those_of_tshark(shared, index, read):
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not there")
    kinds = {}
    for row in index:  # the smallest of each kind
        key = (row["format"], row["linktype"])
        if key not in kinds or int(row["bytes"]) < int(kinds[key]["bytes"]):
            kinds[key] = row
    rows = [row for row in kinds.values() if int(row["packets"])] + [r for r in index if "gopacket" in r["file"]][:12]
    for row in rows:
        path = shared / "files" / row["file"]
        fields = ["frame.time_epoch", "frame.cap_len", "frame.len"]
        asked = [word for field in fields for word in ("-e", field)]
        said = subprocess.run(
            ["tshark", "-n", "-r", str(path), "-T", "fields", *asked], capture_output=True, text=True, check=False
        ).stdout.splitlines()
        captures, frames = read(path)
        assert len(said) == len(frames)
        for line, frame in zip(said, frames, strict=True):
            time, captured, original = line.split("\t")
            if time and "frames without a time" not in captures.sources[0].oddities:
                seconds, _, fraction = time.partition(".")
                assert abs(int(seconds) * 10**9 + int(fraction.ljust(9, "0")[:9]) - frame[0]) <= 1, path
            assert (int(captured), max(int(original), int(captured))) == (len(frame[1]), frame[2]), path
