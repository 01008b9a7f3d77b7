"""Each way to be blind is told once, goes on as one concern, and ends; and what is well is left in peace."""

import itertools

import pytest
from health_kit import DAY, HOME, HOUR, MINUTE, SECOND, START, Span, kinds

from sensor.detect.fields import BLINDING, CONCERNS
from sensor.guard.health import silence, standing, usual
from sensor.guard.health.settings import HealthSettings
from sensor.guard.health.span import SpanQuality

PLC = (HOME, "10.0.0.5")
HMI = (HOME, "10.0.0.9")
VLAN = ("works", "cell", "20", "")

WELL = {"frames": 1000, "talks": 12, "checksums_sampled": 60, "stream_bytes": 50_000}

# What grows in a minute, and the concern that it is.
SHARES = [
    ("one_way", {"talks": 12, "one_way": 12}),
    ("gaps", {"stream_bytes": 50_000, "gap_bytes": 3_000, "gaps": 20}),
    ("cut", {"frames_cut": 400}),
    ("doubled", {"mirror_duplicates": 500}),
    ("long_frames", {"frames_long": 30}),
    ("checksums_unfinished", {"checksums_sampled": 60, "checksums_unfinished": 30}),
    ("table_full", {"flows_evicted": 1}),
    ("clock_step", {"time_resets": 1}),
    ("clock_step", {"time_leaps": 1}),
]


def test_a_span_that_is_well_says_nothing():
    span = Span()
    assert span.run(5 * 60, (PLC, HMI), **WELL) == []
    assert span.quality.counts() == {
        "concerns": 0, "concerns_open": 0, "concerns_hushed": 0, "rhythms_refused": 0,
    }  # fmt: skip


@pytest.mark.parametrize(("kind", "seen"), SHARES, ids=[f"{kind} {next(iter(seen))}" for kind, seen in SHARES])
def test_a_share_begins_goes_on_and_ends_as_one_concern(kind, seen):
    span = Span()
    span.run(3, **WELL)
    bad = span.run(5, **{"frames": 1000, **seen})
    assert kinds(bad) == [(kind, False)] * 5
    assert len({one.since for one in bad}) == 1
    assert bad[-1].time - bad[0].time == 4 * MINUTE
    assert [one.kind for one in span.quality.concerns()] == [kind]
    assert span.run(2, **WELL) == []  # two windows without it are no peace yet
    (over,) = span.run(1, **WELL)
    assert (over.kind, over.over, over.since, over.where) == (kind, True, bad[0].since, bad[0].where)
    assert span.quality.concerns() == []
    assert span.quality.counts()["concerns"] == 1


def test_what_flaps_is_one_concern():
    span = Span()
    told = [one for turn in range(20) for one in span.window(**WELL, frames_cut=500 * (turn % 2))]
    assert {one.over for one in told} == {False}
    assert len({one.since for one in told}) == 1


@pytest.mark.parametrize(
    "seen",
    [
        {"talks": 12, "one_way": 5},
        {"talks": 2, "one_way": 2},
        {"stream_bytes": 50_000, "gap_bytes": 900, "gaps": 20},
        {"stream_bytes": 50_000, "gap_bytes": 30_000, "gaps": 1},  # one leap of one stream
        {"stream_bytes": 2_000, "gap_bytes": 1_000, "gaps": 9},
        {"frames_cut": 9},
        {"mirror_duplicates": 200},
        {"frames_long": 9},
        {"checksums_sampled": 60, "checksums_unfinished": 11},
        {"checksums_sampled": 19, "checksums_unfinished": 19},
    ],
)
def test_too_little_and_too_seldom_is_no_concern(seen):
    assert Span().run(1, **{"frames": 1000, **seen}) == []


def test_what_a_quiet_window_lacks_the_next_ones_add():
    span = Span()
    assert span.run(2, frames=10, talks=1, one_way=1) == []
    assert kinds(span.run(1, frames=10, talks=1, one_way=1)) == [("one_way", False)]


def test_a_machine_that_was_switched_off_is_no_one_way_mirror():
    one_off = Span()
    for _ in range(60):
        one_off.see(100, talks=2, one_way=2, fallen=2)
        assert one_off.look() == []
    many = Span()
    for _ in range(6):
        many.see(100, talks=4, one_way=4, fallen=4)
        many.look()
    assert kinds(many.told) == [("one_way", False)]


def test_each_network_is_judged_alone_and_named():
    span = Span()
    span.see(500, talks=12)
    (told,) = span.window(frames=500, place=VLAN, talks=12, one_way=12)
    assert (told.where, told.place) == ("VLAN 20", VLAN)
    assert "12 of 12" in told.found


def test_each_protocol_is_judged_alone():
    span = Span()
    span.speak("modbus", payload_bytes=10_000, skipped_bytes=6_000)
    span.speak("dnp3", payload_bytes=10_000, skipped_bytes=100)
    (told,) = span.run(1)
    assert (told.kind, told.where) == ("unparsed", "modbus")
    span.speak("dnp3", unread_bytes=9_000, payload_bytes=1_000)
    assert [one.where for one in span.run(1)] == ["dnp3"]


# --- Silence ------------------------------------------------------------------------------------------


def test_no_traffic_is_told_within_a_minute_and_ends_with_the_first_frame():
    span = Span()
    span.run(20, (PLC,), **WELL)
    silent = [span.look() for _ in range(12)]
    first = next(told for told in silent if told)
    assert kinds(first) == [("no_traffic", False)]
    assert silent.index(first) == 5
    assert first[0].found == "no frame for 60 s"
    assert first[0].since == START + 20 * MINUTE
    assert {one.kind for told in silent for one in told} == {"no_traffic"}  # not that its machines are silent as well
    span.see(1)
    assert ("no_traffic", True) in kinds(span.look())


def test_what_goes_on_is_told_once_a_window():
    span = Span()
    span.interfaces = {"span0": "down"}
    told = span.run(5, (PLC,), **WELL)
    assert kinds(told) == [("interface_down", False)] * 6  # when it begins, and at the end of each of five minutes
    assert len({one.since for one in told}) == 1


def test_a_span_that_never_spoke_is_told():
    span = Span()
    told = [one for _ in range(8) for one in span.look()]
    assert {one.kind for one in told} == {"no_traffic"}
    assert told[0].since == START


def test_a_span_that_pauses_by_habit_may_pause():
    span = Span()
    for _ in range(30):
        span.see(10)
        for _ in range(5):
            assert span.look() == []
    assert [one for _ in range(10) for one in span.look()] == []  # three times 50 s, of which 40 are over
    assert kinds(span.look()) == [("no_traffic", False)]


def test_a_machine_that_was_always_heard_is_missed_and_welcome_back():
    span = Span()
    span.run(70, (PLC, HMI), **WELL)
    told = span.run(4, (HMI,), **WELL)
    assert {(one.kind, one.where, one.address, one.place) for one in told} == {
        ("talker_silent", "10.0.0.5", "10.0.0.5", HOME)
    }
    span.see(10)
    (over,) = span.look((PLC, HMI))
    assert (over.kind, over.over) == ("talker_silent", True)


@pytest.mark.parametrize("minutes", [5, 55])
def test_a_machine_not_known_for_long_is_not_missed(minutes):
    span = Span()
    span.run(minutes, (PLC, HMI), **WELL)
    assert span.run(120, (HMI,), **WELL) == []


def test_a_machine_that_comes_and_goes_is_not_missed():
    span = Span()
    for _ in range(20):
        span.run(10, (HMI, PLC), **WELL)
        span.run(30, (HMI,), **WELL)
    assert span.told == []


def test_a_pause_that_came_twice_is_a_habit():
    span = Span()
    told = []
    for _ in range(4):
        span.run(70, (HMI, PLC), **WELL)
        told.append(bool(span.run(30, (HMI,), **WELL)))
    assert told == [True, True, False, False]


def test_a_silent_network_is_one_concern_and_excuses_its_machines():
    span = Span()
    machines = [(VLAN, f"10.2.0.{number}") for number in range(40)]
    for _ in range(70 * 6):
        span.see(200)
        span.see(200, place=VLAN)
        span.look((HMI, *machines))
    told = span.run(10, (HMI,), **WELL)
    assert {(one.kind, one.where, one.place) for one in told} == {("network_silent", "VLAN 20", VLAN)}


def test_many_silent_machines_are_told_up_to_a_bound_and_counted():
    span = Span()
    machines = [(HOME, f"10.3.{number // 200}.{number % 200}") for number in range(100)]
    span.run(70, (HMI, *machines), **WELL)
    told = span.run(5, (HMI,), **WELL)
    assert len({one.where for one in told}) == silence.MAX_TOLD
    assert span.quality.counts()["concerns_hushed"] > 0


def test_whoever_is_silent_for_long_is_forgotten(monkeypatch):
    monkeypatch.setattr(silence, "FORGOTTEN", 2 * HOUR)
    span = Span()
    span.run(70, (PLC, HMI), **WELL)
    span.run(3 * 60, (HMI,), **WELL)
    mine = [one.over for one in span.told if one.kind == "talker_silent"]
    assert mine[-1]
    assert mine.count(True) == 1
    assert span.quality.concerns() == []


def test_a_dead_interface_makes_nobody_silent_and_no_second_concern():
    span = Span()
    span.interfaces = {"span0": "up"}
    span.run(70, (PLC, HMI), **WELL)
    span.interfaces = {"span0": "down"}
    down = [one for _ in range(60) for one in span.look()]
    assert {one.kind for one in down} == {"interface_down"}
    assert {one.where for one in down} == {"span0"}
    span.interfaces = {"span0": "up"}
    back = span.run(3, (PLC, HMI), **WELL)
    assert [kind for kind in kinds(back) if kind != ("interface_down", False)] == [("interface_down", True)]


def test_what_has_a_state_and_is_no_interface_is_no_dead_one():
    span = Span()
    span.interfaces = {"span0": "up", "write": "on"}
    assert span.run(2, **WELL) == []


def test_an_interface_no_longer_listened_on_is_no_concern():
    span = Span()
    span.interfaces = {"span0": "up", "span1": "gone"}
    span.run(1, **WELL)
    span.interfaces = {"span0": "up"}
    span.run(1, **WELL)
    assert span.quality.concerns() == []


@pytest.mark.parametrize("step", [-HOUR, HOUR, 30 * DAY])
def test_a_clock_that_is_set_makes_nobody_silent(step):
    span = Span()
    span.run(70, (PLC, HMI), **WELL)
    span.time += step
    span.run(10, (PLC, HMI), **WELL)
    assert span.told == []


# --- Much less than usual -----------------------------------------------------------------------------


def test_traffic_that_falls_is_told_until_it_is_back():
    span = Span()
    span.run(15, **WELL)
    told = span.run(90, frames=50)
    assert set(kinds(told)) == {("traffic_fallen", False)}
    assert "about 1,000" in told[0].expected
    assert kinds(span.run(3, **WELL)) == [("traffic_fallen", True)]


def test_traffic_fallen_for_long_is_the_usual(monkeypatch):
    monkeypatch.setattr(usual, "ACCEPTED_AFTER", 2 * HOUR)
    span = Span()
    span.run(15, **WELL)
    span.run(3 * 60, frames=50)
    assert span.quality.concerns() == []
    assert kinds(span.told)[-1] == ("traffic_fallen", True)


# --- Drops, workers, the store ------------------------------------------------------------------------


def test_kernel_drops_are_told_for_each_interface():
    span = Span()
    span.drops = {"kernel_drops.span0": 0, "kernel_drops.span1": 0, "truncated": 0}
    span.run(1, **WELL)
    span.drops = {"kernel_drops.span0": 0, "kernel_drops.span1": 40, "truncated": 900}
    (told,) = span.run(1, **WELL)
    assert (told.kind, told.where) == ("kernel_drops", "span1")
    assert told.found == "40 frames dropped beside 1,000 read"
    assert kinds(span.run(4, **WELL)) == [("kernel_drops", True)]


def test_one_drop_in_a_million_frames_is_counted_and_no_concern():
    span = Span()
    span.drops = {"kernel_drops.span0": 1}
    assert span.run(1, frames=1_000_000) == []


def test_own_drops_are_told_by_their_name():
    span = Span()
    span.drops = {"handover_dropped": 3}
    (told,) = span.run(1, **WELL)
    assert (told.kind, told.where, told.found) == ("own_drops", "handover_dropped", "3 dropped")


def test_a_worker_that_died_is_told_once_for_each_death():
    span = Span()
    span.restarts = {"worker 0": 0}
    assert span.run(1, **WELL) == []
    span.restarts = {"worker 0": 1}
    assert [(one.kind, one.where) for one in span.run(1, **WELL)] == [("worker_died", "worker 0")]
    assert kinds(span.run(4, **WELL)) == [("worker_died", True)]


def test_a_worker_that_begins_anew_takes_nothing_back():
    span = Span()
    span.run(12, **WELL, frames_cut=1)
    span.totals = dict.fromkeys(span.totals, 0)
    span.counts = {}
    span.lanes = {HOME: dict.fromkeys(span.lanes[HOME], 0)}
    assert span.run(12, **WELL) == []


def test_several_workers_are_one_span():
    spans = [Span(), Span()]
    quality = spans[0].quality
    for span, cut in zip(spans, (0, 100), strict=True):
        span.see(600, frames_cut=cut)
        span.quality = quality
    quality.judge(START)
    quality.hear(spans[0].pulse(), "one")
    quality.hear(spans[1].pulse(), "two")
    (told,) = quality.judge(START + MINUTE)
    assert told.found.startswith("100 of 1,200 frames")


@pytest.mark.parametrize(("what", "kind"), [("store", "store_unwritable"), ("shipper", "shipper_ended")])
def test_what_ails_the_store_or_the_shipper_is_told_at_the_next_look_and_blinds(what, kind):
    span = Span()
    span.look()
    setattr(span, what, "disk full")
    span.see()
    (told,) = span.look()
    assert (told.kind, told.found) == (kind, "disk full")
    assert told.kind in BLINDING
    setattr(span, what, "")
    span.see()
    assert kinds([one for _ in range(3) for one in span.look()]) == [(kind, True)]


# --- Captures that are read ---------------------------------------------------------------------------


def test_a_capture_is_judged_by_its_counters_and_not_by_its_silence():
    span = Span(live=False)
    span.run(70, (PLC, HMI), **WELL)
    for _ in range(70):
        span.see(0, time_leaps=1)
        assert span.look((HMI,)) == []
    assert kinds(span.window(frames=1000, frames_cut=100)) == [("cut", False)]


def test_the_end_of_a_capture_is_the_end_of_a_window():
    span = Span(live=False)
    span.quality.judge(START)
    span.see(100, frames_cut=50)
    span.quality.hear(span.pulse())
    assert span.quality.judge(START + SECOND) == []
    assert kinds(span.quality.judge(START + 2 * SECOND, last=True)) == [("cut", False)]


# --- Bounds and settings ------------------------------------------------------------------------------


def test_a_flood_of_forged_machines_fills_no_table_and_hides_nobody(monkeypatch):
    monkeypatch.setattr(silence, "MAX_NEW", 100)
    span = Span()
    span.run(70, (PLC, HMI), **WELL)
    forged = ((HOME, f"10.{a}.{b}.{c}") for a, b, c in itertools.product(range(20, 200), range(200), range(200)))
    for _ in range(60):
        span.window((HMI, *itertools.islice(forged, 50)), **WELL)
    assert len(span.quality.talkers.new) <= 100
    assert {(one.kind, one.where) for one in span.told} == {("talker_silent", "10.0.0.5")}


def test_standing_concerns_are_bounded_and_what_is_left_out_is_counted(monkeypatch):
    monkeypatch.setattr(standing, "MAX_STANDING", 5)
    span = Span()
    span.drops = {f"drop_{number}": 1 for number in range(9)}
    span.run(1, **WELL)
    assert len(span.quality.concerns()) == 5
    assert span.quality.counts()["concerns_hushed"] == 4


@pytest.mark.parametrize("name", ["assets_refused", "networks_refused", "acquaintances_refused"])
def test_a_full_table_of_the_recorders_is_a_concern_as_one_of_the_lines_is(name):
    span = Span()
    span.run(2, **WELL)
    span.full = {name: 7}
    (concern,) = span.run(1, **WELL)
    assert (concern.kind, concern.where, concern.found) == ("table_full", name, "7 found no room")


def test_thresholds_are_settings():
    strict = Span(cut=0.5)
    assert kinds(strict.run(1, frames=1000, frames_cut=6)) == [("cut", False)]
    lax = SpanQuality(HealthSettings(no_traffic_after=600))
    lax.judge(START)
    assert [one for turn in range(1, 50) for one in lax.judge(START + turn * 10 * SECOND)] == []


def test_other_settings_are_taken_while_it_goes_on_and_nothing_known_is_lost():
    span = Span()
    span.run(70, (PLC, HMI), **WELL)
    span.quality.adopt(HealthSettings(cut=0.5, silent_after=40, pauses=1, calm=1, traffic_fallen=90))
    assert kinds(span.window((PLC, HMI), **WELL, frames_cut=6)) == [("cut", False)]
    assert kinds(span.window((PLC, HMI), **WELL)) == [("cut", True)]
    assert kinds(span.window((HMI,), **WELL))[0] == ("talker_silent", False)
    assert ("traffic_fallen", False) in kinds(span.window((PLC, HMI), frames=800))


def test_every_kind_that_can_be_told_is_declared():
    told = {one for one, _ in SHARES} | {
        "no_traffic", "interface_down", "kernel_drops", "own_drops", "store_unwritable", "traffic_fallen", "unparsed",
        "worker_died", "network_silent", "talker_silent", "shipper_ended",
    }  # fmt: skip
    assert told == set(CONCERNS)
