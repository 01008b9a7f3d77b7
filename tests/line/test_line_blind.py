"""What `otsensor read` says of captures that do not show everything, and of those that do."""

import json
import struct

import pytest

from tests.line import line_kit
from tests.line.line_kit import PCAPS, SECOND, otsensor, reading

FORGED = line_kit.ROOT / "tests" / "rules" / "captures"
WELL = [name for name in line_kit.OWN if name not in ("one-way.pcap", "mirror-doubled.pcap")]


def kinds(*paths):
    return [(one.kind, one.over) for one in reading(*paths).run().concerns.values()]


@pytest.mark.parametrize("name", WELL)
def test_a_whole_capture_is_no_concern(name):
    assert kinds(PCAPS / name) == []


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (PCAPS / "one-way.pcap", "one_way"),
        (PCAPS / "mirror-doubled.pcap", "doubled"),
        (FORGED / "forged-holes.pcap", "gaps"),
    ],
)
def test_what_a_capture_does_not_show_is_told_at_its_end(path, kind):
    done = otsensor("read", path)
    assert f"unseen   {kind.replace('_', ' ')} (" in done.stderr
    assert done.returncode == 0
    told = json.loads(otsensor("read", path, "--json").stdout)
    assert [one["kind"] for one in told["concerns"]] == [kind]
    assert told["counts"]["concerns_open"] == 1
    (report,) = (json.loads(row) for (row,) in reports(path))
    assert report["standing"][0].startswith(kind.replace("_", " "))


def reports(path):
    found = reading(path).run()
    return found.store.database.execute("SELECT counts FROM health_reports").fetchall()


def cut(path, tmp_path, snap):
    """The same capture, of each frame only the first bytes."""
    data = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, snap, 1)]
    for time, frame in line_kit.frames_of(path):
        head = struct.pack("<IIII", time // SECOND, time % SECOND, len(frame[:snap]), len(frame))
        data += [head, frame[:snap]]
    (tmp_path / "cut.pcap").write_bytes(b"".join(data))
    return tmp_path / "cut.pcap"


def test_a_snap_length_is_told(tmp_path):
    assert ("cut", False) in kinds(cut(PCAPS / "plant.pcapng", tmp_path, 60))


def test_two_captures_a_year_apart_are_no_silence(tmp_path):
    frames = line_kit.frames_of(PCAPS / "plant.pcapng")
    later = line_kit.pcap(tmp_path / "later.pcap", [(time + 31_536_000 * SECOND, frame) for time, frame in frames])
    assert kinds(PCAPS / "plant.pcapng", later) == []
