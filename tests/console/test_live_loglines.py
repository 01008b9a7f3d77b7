"""One line for each thing that happened, safe to print, and JSON for collectors."""

import dataclasses
import io
import json

import pytest
from live_kit import NOW, NS, scene, troubled

from sensor.console.live.ending import ending
from sensor.console.live.loglines import MAX_ASSETS, LogLines
from sensor.console.live.scene import AlertRow, AssetRow, BehaviourRow, Scene


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def log(clock):
    return LogLines(io.StringIO(), clock=clock)


def told(log):
    text = log.stream.file.getvalue()
    log.stream.file.seek(0)
    log.stream.file.truncate()
    return text.splitlines()


def test_the_start_tells_settings_and_protections(log):
    made = troubled()
    made.settings = ("2 workers", "filter: not port 22")
    log.begin(made)
    start, *protections = told(log)
    assert (
        start == "2027-01-15T08:00:00.000Z info          start: watching span0, span1; 2 workers; filter: not port 22"
    )
    assert [line.split()[1] for line in protections] == ["info", "warning"]
    assert protections[1].endswith("landlock is absent: kernel 5.10")


def test_an_alert_is_told_with_its_level_and_sentence(log):
    log.alert(AlertRow("a", NOW, "high", "a PLC was stopped", 3, "Stop"))
    log.alert(AlertRow("a", NOW, "high", "a PLC was stopped", 3, "Stop", state="closed"))
    first, second = told(log)
    assert first.endswith(" high          alert: a PLC was stopped (3 times) [Stop]")
    assert "alert: closed: a PLC was stopped" in second


def test_routine_is_told_once_a_minute_and_what_changes_at_once(log, clock):
    made = scene()
    log.begin(made)
    told(log)
    for _ in range(59):
        clock.now += NS
        log.second(made)
    assert told(log) == []
    clock.now += NS
    log.second(made)
    (status,) = told(log)
    assert " info          status: 0 frames/s, 3,000 frames in 1 h 0 min, 0 lost; 9 assets, 5 alerts; store" in status


def test_troubles_are_told_when_they_begin_and_when_they_end(log):
    log.begin(scene())
    told(log)
    wrong = troubled()
    log.second(wrong)
    log.second(wrong)
    lines = told(log)
    for said in (
        "error         worker: worker 0 has died", "warning       worker: worker 0 was started again",
        "warning       concern: begins: one way", "error         concern: begins: no traffic",
        "error         trouble: store: disk full", "warning       trouble: siem: Connection refused",
        "warning       dropped: kernel_drops.span0 1,204 since told last",
    ):  # fmt: skip
        assert len([line for line in lines if said in line]) == 1, said
    log.second(scene())
    lines = told(log)
    for said in ("concern: over: one way", "trouble: store: well again", "trouble: siem: well again"):
        assert len([line for line in lines if said in line]) == 1, said


def test_an_interface_that_goes_is_told(log):
    made = scene()
    log.begin(made)
    told(log)
    made.interfaces[0].state = "gone"
    log.second(made)
    assert told(log)[0].endswith("warning       interface: span0 is gone")
    made.interfaces[0].state = "up"
    log.second(made)
    assert told(log)[0].endswith("info          interface: span0 is up")


def test_a_flood_of_drops_is_told_once_a_minute(log, clock):
    made = Scene(time=NOW)
    log.begin(made)
    told(log)
    for number in range(1, 61):
        made.losses = {"kernel_drops.span0": number}
        clock.now += NS
        log.second(made)
    lines = [line for line in told(log) if "dropped:" in line]
    assert len(lines) == 1
    assert "kernel_drops.span0 1 since told last" in lines[0]
    made.losses = {"kernel_drops.span0": 90}
    clock.now += NS
    log.second(made)
    assert "kernel_drops.span0 89 since told last" in told(log)[0]


def test_a_scan_of_thousands_is_told_by_their_number(log, clock):
    log.begin(scene())
    told(log)
    for number in range(5_000):
        log.asset(AssetRow(NOW, f"10.0.{number >> 8}.{number & 255}"))
    assert len(told(log)) == MAX_ASSETS
    clock.now += 60 * NS
    log.second(scene())
    assert f"and {5_000 - MAX_ASSETS:,} more new ones" in told(log)[0]


def test_behaviours_are_told_only_to_whom_asks(clock):
    row = BehaviourRow(NOW, "a", "b", "modbus", "write coil", "accepted")
    quiet, asked = LogLines(io.StringIO(), clock=clock), LogLines(io.StringIO(), behaviours=True, clock=clock)
    quiet.behaviour(row)
    asked.behaviour(row)
    assert told(quiet) == []
    assert told(asked)[0].endswith("behaviour: a to b: modbus write coil: accepted")


HOSTILE = "a\nb\x1b[2J\u202e\ud800\x00"


def test_no_line_is_broken_or_moves_the_cursor_whatever_it_says(log):
    log.alert(AlertRow(HOSTILE, NOW, "high", HOSTILE, 1, HOSTILE))
    log.asset(AssetRow(NOW, HOSTILE, HOSTILE))
    lines = told(log)
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)


def test_json_is_one_object_a_line(clock):
    log = LogLines(io.StringIO(), as_json=True, clock=clock)
    log.begin(troubled())
    log.alert(AlertRow("i", NOW, "high", HOSTILE, 3, "Stop"))
    log.second(troubled())
    clock.now += 60 * NS
    log.second(troubled())
    log.say("first\nsecond", "warning")
    lines = [json.loads(line) for line in told(log)]
    assert all({"time", "level", "event", "message"} <= line.keys() for line in lines)
    (alert,) = [line for line in lines if line["event"] == "alert"]
    assert (alert["level"], alert["count"], alert["rule"]) == ("high", 3, "Stop")
    (status,) = [line for line in lines if line["event"] == "status"]
    assert status["losses"] == {"kernel_drops.span0": 1204}
    assert [line["message"] for line in lines if line["event"] == "watch"] == ["first", "second"]


def test_the_end_says_what_was_lost_last():
    printed = [getattr(one, "plain", "") for one in ending(troubled(), {})]
    assert printed[0] == "span0, span1: 3,000 frames, 187.5 KiB in 1 h 0 min"
    assert printed[-1] == "lost  kernel_drops.span0 1,204"
    well = dataclasses.replace(scene(), losses={})
    assert [getattr(one, "plain", "") for one in ending(well, {})][-1] == "Nothing was lost."
