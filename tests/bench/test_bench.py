"""The benchmark measures what it says: right captures, real cuts, honest failures."""

import collections
import importlib.util
import os
import pathlib
import sys

import pytest

import sensor
from bench import captures, programs, report
from bench.process import Cost, Failed, run

ROOT = pathlib.Path(__file__).parents[2]
PACKETS = 6000


@pytest.fixture(scope="module", params=captures.KINDS)
def capture(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / f"{request.param}.pcap"
    captures.write(path, request.param, PACKETS)
    return path


@pytest.fixture(scope="module")
def stages():
    spec = importlib.util.spec_from_file_location("bench_stages", ROOT / "bench" / "stages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    for name in ("one", "other"):
        captures.write(tmp_path / name, "steady", packets=500)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_captures_hold_what_they_say_and_nothing_odd(capture):
    reading = sensor.read(capture).run()
    assert reading.frames_by_kind() == {"tcp": PACKETS}
    assert reading.recorder.oddities == {}
    exchanges = collections.Counter()
    for behaviour in reading.behaviours:
        exchanges[behaviour.protocol] += behaviour.count
        assert set(behaviour.outcomes()) <= {"accepted", "unanswered"}  # the last of all are cut off
    assert exchanges.keys() == {"modbus", "dnp3", "s7comm"}
    assert exchanges["modbus"] > exchanges["dnp3"] + exchanges["s7comm"]


def test_a_frame_has_right_checksums():
    connection = captures.Connection(1, 2, 502, lambda: (b"odd", b"even"))
    frame = connection.frame(0, b"odd")
    ip, tcp = frame[14:34], frame[34:57]
    around = ip[12:20] + b"\0\x06" + len(tcp).to_bytes(2, "big")
    assert captures.checksum(ip) == captures.checksum(around + tcp) == b"\xff\xff"  # nothing is left over
    assert len(frame) == 60


def test_distinct_asks_for_something_else_nearly_every_time(tmp_path):
    asked = {}
    for kind in captures.KINDS:
        captures.write(tmp_path / kind, kind, PACKETS)
        reading = sensor.read(tmp_path / kind).run()
        asked[kind] = len(reading.behaviours) / reading.counts["exchanges"]
    assert asked["steady"] < asked["distinct"] > 0.9


def test_a_capture_is_written_once_and_anew_when_its_writer_changed(tmp_path, monkeypatch):
    path = captures.ready("steady", 100, tmp_path)
    path.write_bytes(b"kept")
    assert captures.ready("steady", 100, tmp_path).read_bytes() == b"kept"
    newer = path.stat().st_mtime + 10
    monkeypatch.setattr(captures.modbus, "__file__", str(tmp_path / "newer.py"))
    (tmp_path / "newer.py").touch()
    os.utime(tmp_path / "newer.py", (newer, newer))
    assert captures.ready("steady", 100, tmp_path).stat().st_size > 100


def test_each_cut_reads_everything_and_goes_no_further(capture, stages):
    reached = {}
    for stage in stages.STAGES:
        right = stages.recorder(stage, str(capture.parent)) if stage in stages.STAGES[5:] else None
        line = stages.line(stage, right or stages.Findings())
        if stage != "capture":
            for block in stages.Captures([str(capture)]).blocks():
                line.run(block)
            line.finish()
            assert line.frames == PACKETS
        counts = line.counts()
        reached[stage] = tuple(counts[name] > 0 for name in ("flows_opened", "messages", "behaviours"))
        if right is not None:
            reached[stage] += tuple(not isinstance(part, stages.Nothing) for part in (right.detector, right.store))
            right.store.close()
    none, half, left = (False, False, False), (True, True, False), (True, True, True)
    assert reached == {
        "capture": none, "decode": none, "flow": (True, False, False), "protocols": half, "behaviour": left,
        "inventory": (*left, False, False), "detect": (*left, True, False), "alert": (*left, True, False),
        "store": (*left, True, True),
    }  # fmt: skip
    assert all(stages.measure(str(capture), stage) > 0 for stage in stages.STAGES)


def test_a_program_is_measured_and_one_that_fails_is_told(tmp_path):
    cost = run([sys.executable, "-c", "x = bytes(50_000_000); sum(range(10**6))"], tmp_path)
    assert cost.seconds > 0.005
    assert 50e6 < cost.memory < 500e6
    with pytest.raises(Failed, match=r"ended with 3:\nno such luck"):
        run([sys.executable, "-c", "import sys; print('no such luck', file=sys.stderr); sys.exit(3)"], tmp_path)


def test_the_uncompiled_build_is_run_from_the_tree_and_reads_the_short_capture(capture, tmp_path):
    (program,) = [one for one in programs.programs() if one.part == "pure"]
    assert program.at_home
    assert program.slow
    assert run(program.command(capture, tmp_path), programs.ROOT).seconds > 0
    assert (tmp_path / "bench.db").exists()


def test_a_peer_is_compared_round_by_round():
    ours = programs.Program("compiled", "otsensor", programs.compiled)
    theirs = programs.Program("suricata", "Suricata", programs.suricata("alert, flow"))
    costs = [[Cost(1.0, 50), Cost(2.0, 50)], [Cost(3.0, 60), Cost(4.0, 60)]]
    assert report.ratio(theirs, [ours, theirs], costs) == "2.50 (2.00-3.00)"
    assert report.ratio(ours, [ours, theirs], costs) == ""
    table = report.whole("steady", 1000, [ours, theirs], [1000, 1000], costs)
    assert table.row_count == 2
