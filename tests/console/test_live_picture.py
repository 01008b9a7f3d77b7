"""The picture fits every terminal, is legible without colour, and shows what matters most."""

import dataclasses
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live_kit import LEVELS, NOW, NS, scene, troubled
from rich.cells import cell_len
from rich.console import Console

from sensor.console.live.picture import Picture, drawn
from sensor.console.live.pieces import chart, plain
from sensor.console.live.scene import MAX_ALERTS, MAX_NEWEST, AlertRow, ConcernRow, InterfaceRow, Scene

SIZES = [(80, 24), (100, 30), (120, 36), (160, 48), (200, 60)]
HOSTILE = [
    "\x1b[2J\x1b]0;owned\x07", "a\nb\rc\td", "[bold red]markup[/] [link=http://x]", "\u202egnp.exe",
    "\u200b\ufeff" * 50,
    "漢字" * 80,
    "e\u0301\u0301" * 60, "x" * 100_000, "\ud800", "", "a" * 30 + " " + "b" * 300, "\x9b31m",
]  # fmt: skip


def texts(made, width, height):
    return ["".join(text for text, _ in line) for line in drawn(made, width, height)]


def fits(made, width, height):
    found = texts(made, width, height)
    assert len(found) == height
    assert {cell_len(line) for line in found} == {width}
    assert all(line.isprintable() for line in found)
    return found


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("made", [Scene, scene, troubled], ids=["nothing", "busy", "troubled"])
def test_it_is_as_large_as_the_terminal(made, width, height):
    fits(made(), width, height)


@settings(max_examples=60, deadline=None)
@given(st.integers(20, 220), st.integers(1, 80))
def test_it_is_as_large_as_any_terminal(width, height):
    fits(troubled(), width, height)
    fits(scene(), width, height)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize(("width", "height"), [(80, 24), (160, 48)])
def test_nothing_from_the_wire_moves_the_cursor_or_breaks_the_picture(text, width, height):
    made = scene(text[:15], text)
    made.sensor = made.place = made.store = made.store_trouble = text
    made.say(NOW, text)
    fits(made, width, height)
    printed = shown(made, width, height)
    assert printed.replace("\n", "").isprintable()


@given(st.text(max_size=40))
@settings(max_examples=100, deadline=None)
def test_no_text_whatever_breaks_it(text):
    fits(scene(text, text), 80, 24)


def shown(made, width, height):
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    console.print(Picture(made), height=height, end="")
    return console.file.getvalue()


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_what_matters_most_stays_on_every_terminal(width, height):
    text = "\n".join(texts(troubled(), width, height))
    for said in (
        "BLIND", "no traffic (span1): for 3 min", "lost in the last minute: kernel_drops.span0 1,204", "frames/s",
        "critical", "10.0.0.9 stopped the controller 10.0.0.21", "modbus", "siem",
    ):  # fmt: skip
        assert said in text, said


def test_a_calm_sensor_says_so_and_a_troubled_one_does_not():
    assert "watching, nothing lost" in texts(scene(), 80, 24)[0]
    assert "BLIND" in texts(troubled(), 80, 24)[0]
    assert "nothing lost" not in "\n".join(texts(troubled(), 120, 36))


UNSHIPPED = ConcernRow("shipper ended (the shipper): its keeper has ended (-9)", NOW, "shipper_ended")


@pytest.mark.parametrize(
    ("ns", "told"), [(0, "up 0 s"), (400_000_000, "up 0 s"), (3_700_000_000, "up 3 s"), (193 * NS, "up 3 min 13 s")]
)
def test_the_first_line_says_how_long_it_has_been_up_in_whole_seconds(ns, told):
    made = dataclasses.replace(scene(), started=NOW - ns)
    assert f"  {told}  " in texts(made, 80, 24)[0]


@pytest.mark.parametrize(
    ("changed", "badge"),
    [({"concerns": ()}, "LOSING FRAMES"), ({"concerns": (), "losing": {}}, "NOT RECORDING"),
     ({"concerns": (UNSHIPPED,), "losing": {}}, "NOT RECORDING"),
     ({"concerns": (UNSHIPPED,), "losing": {}, "store_trouble": ""}, "SHIPPER DOWN"),
     ({"concerns": (), "losing": {}, "store_trouble": ""}, "WORKER DOWN"),
     ({"concerns": (), "losing": {}, "store_trouble": "", "workers": ()}, "watching")],
)  # fmt: skip
def test_the_gravest_trouble_is_named_in_the_first_line(changed, badge):
    made = dataclasses.replace(troubled(), **changed)
    assert badge in texts(made, 80, 24)[0]


def test_it_is_legible_without_colour_and_without_unicode():
    told = shown(troubled(), 80, 24)
    assert "\x1b[" not in told
    for word in (*LEVELS[:4], "info", "down", "BLIND", "refused"):
        assert word in told, word
    bare = plain(told)
    assert bare.isascii()
    assert len(bare.splitlines()) == len(told.splitlines())
    assert "! lost in the last minute" in bare
    assert cell_len(plain("漢字…")) == cell_len("漢字…")


def test_a_terminal_without_unicode_is_sent_none():
    console = Console(file=io.TextIOWrapper(io.BytesIO(), encoding="ascii"), width=80, height=24)
    console.print(Picture(scene()), height=24, end="")
    console.file.flush()
    assert console.file.buffer.getvalue().isascii()


def test_no_color_is_heeded(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(file=io.StringIO(), width=80, height=24, force_terminal=True)
    console.print(Picture(troubled()), height=24, end="")
    printed = console.file.getvalue()
    assert not any(f"\x1b[{code}m" in printed for code in ("31", "1;31", "41", "36"))
    assert "\x1b[1m" in printed  # what is bold without colour stays bold


def test_the_gravest_alerts_stand_first_and_a_flood_of_small_ones_hides_none():
    made = Scene(time=NOW)
    made.take_alert(AlertRow("grave", NOW - 3_600 * NS, "critical", "the plant was stopped"))
    for number in range(MAX_ALERTS + 50):
        made.take_alert(AlertRow(f"s{number}", NOW - number, "low", "somebody looked"))
    assert len(made.alerts) == MAX_ALERTS
    assert made.foremost()[0].id == "grave"
    assert "the plant was stopped" in "\n".join(texts(made, 80, 24))
    assert made.alert_counts == {"critical": 1, "low": MAX_ALERTS + 50}


def test_an_alert_of_yesterday_gives_way_to_one_of_today():
    made = Scene(time=NOW)
    made.take_alert(AlertRow("old", NOW - 25 * 3_600 * NS, "critical", "old"))
    made.take_alert(AlertRow("new", NOW, "low", "new"))
    assert [row.id for row in made.foremost()] == ["new", "old"]


def test_a_revision_replaces_the_alert_and_is_counted_once():
    made = Scene(time=NOW)
    for revision in (1, 2, 3):
        made.take_alert(AlertRow("a", NOW, "high", "again", 10**revision, revision=revision))
    assert (len(made.alerts), made.alert_counts, made.alerts["a"].count) == (1, {"high": 1}, 1_000)


def test_months_of_watching_cost_no_more_than_a_minute():
    made = scene(alerts=0)
    for number in range(1_000):
        made.take_interfaces([InterfaceRow("span0", "up", number)])
        made.take_losses({f"drop{number}": number for number in range(number)})
        made.take_behaviour(made.behaviours[0])
        made.take_asset(made.assets[0])
        made.say(number, "again")
    kept = (made.behaviours, made.assets, made.said, made.rates, made.lost, made.losses)
    assert max(map(len, kept)) <= 200
    assert len(made.behaviours) == MAX_NEWEST


def test_rates_come_from_what_was_counted_a_second_ago():
    made = Scene()
    made.take_interfaces([InterfaceRow("a", "up", 10_000, 10**6)])
    assert made.interfaces[0].rate == 0  # nobody knows over how long
    made.take_interfaces([InterfaceRow("a", "up", 10_500, 10**6 + 640)], 0.5)
    assert (made.interfaces[0].rate, made.interfaces[0].byte_rate) == (1_000, 1_280)
    made.take_interfaces([InterfaceRow("a", "up", 100, 0)])  # counted anew by a worker started again
    assert made.interfaces[0].rate == 0
    assert list(made.rates)[-3:] == [0, 1_000, 0]


def test_what_is_lost_now_is_told_apart_from_what_was_lost_once():
    made = Scene()
    made.take_losses({"a": 5})
    for _ in range(3):
        made.take_losses({"a": 5, "b": 2})
    assert (made.losses, made.losing) == ({"a": 5, "b": 2}, {"b": 2})
    for _ in range(60):
        made.take_losses({"a": 5, "b": 2})
    assert made.losing == {}


def test_bars_stand_on_zero_and_what_was_dropped_is_marked():
    (row,) = chart([0, 1, 50, 100], [False, False, False, True], 1)
    assert "".join(text for text, _ in row) == " ▁▄█"
    assert row[-1] == ("█", "bold red")
    upper, lower = chart([25, 100], [False, False], 2)
    assert ["".join(text for text, _ in row) for row in (upper, lower)] == [" █", "▄█"]
