"""What is due while a watch goes on: none of it ends the watch, and a reload takes what it says it takes."""

import argparse
import dataclasses

import pytest

from sensor.commands import watch
from sensor.config import Config, ConfigError
from sensor.console.live.face import Face
from sensor.guard.health.silence import SECOND, Rhythm
from sensor.guard.notify import Notify
from sensor.watching.duties import AT_START, Duties
from sensor.watching.parts import Known, Recording
from sensor.watching.showing import Showing
from tests.line import line_kit

AT_RELOAD = {"assets", "rules", "health"}


class Heard(Face):
    """A face that keeps what is said."""

    def __init__(self):
        self.lines = []

    def say(self, text, level="info"):
        self.lines.append((level, text))


class Nobody:
    """A crew without workers."""

    ending, members, time = False, (), 0

    def counts(self):
        return {}

    taps = restarts = states = counts

    def qualities(self):
        return ()


def options(*arguments):
    parser = argparse.ArgumentParser()
    watch.add(parser.add_subparsers())
    return parser.parse_args(["watch", *map(str, arguments)])


@pytest.fixture
def begin(tmp_path):
    made = []

    def duties(*arguments):
        asked = watch.asked_for(options("span0", "--db", tmp_path / "plant.db", *arguments))
        with line_kit.shipped_rules_once():
            recording = Recording(asked, Known.load(asked.config))
        made.append(recording)
        showing = Showing(Heard(), asked)
        found = Duties(recording, showing, None, Notify())
        showing.begin(recording)
        return found

    yield duties
    for one in made:
        one.store.close()


def said(duties):
    return [text for _, text in duties.showing.face.lines]


def test_what_the_command_line_asks_for_holds_after_a_reload(begin, tmp_path):
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "own.yml").write_text(RULE)
    (tmp_path / "otsensor.yml").write_text("site: north\n")
    duties = begin("--config", tmp_path / "otsensor.yml", "--rules", rules, "--workers", "2", "--site", "south")
    (tmp_path / "otsensor.yml").write_text("site: north\nassets: {192.0.2.1: intake PLC}\n")
    duties.reload()
    assert said(duties) == ["reloaded: 1 rules"]
    assert duties.config.site == "south"
    assert duties.recording.inventory.names == duties.showing.names == {"192.0.2.1": "intake PLC"}


def test_what_only_a_start_can_change_stays_as_it_was_and_is_said(begin, tmp_path):
    (tmp_path / "otsensor.yml").write_text("site: north\nhealth: {every: 60 s}\n")
    duties = begin("--config", tmp_path / "otsensor.yml")
    (tmp_path / "otsensor.yml").write_text("site: south\nhealth: {every: 5 s, listen: '127.0.0.1:9464'}\n")
    duties.reload()
    duties.reload()
    assert (duties.config.site, duties.config.health.every) == ("north", 5)
    assert said(duties).count("site: has changed, and takes effect at the next start") == 2
    assert "health.listen: has changed, and takes effect at the next start" in said(duties)


def test_every_key_is_taken_at_a_reload_or_said_to_wait_for_a_start():
    assert {field.name for field in dataclasses.fields(Config)} == AT_RELOAD | {*AT_START}


@pytest.mark.parametrize("ended", [True, False])
def test_what_was_usual_on_the_span_is_known_to_the_next_watch(begin, ended):
    duties, crew = begin(), Nobody()
    who = (("", "", "", ""), "192.0.2.1")
    duties.quality.talkers.known[who] = Rhythm(-3_600 * SECOND)
    crew.time = 1_700_000_000 * SECOND
    if ended:
        duties.end(crew)
    else:
        duties.second(crew)
        duties.recording.store.close()
    assert list(begin().quality.talkers.known) == [who]


@pytest.mark.parametrize("part", ["tick", "routine", "concerns"])
def test_a_fault_of_ours_ends_no_watch_and_is_counted_and_said_once_a_minute(begin, part):
    duties = begin()
    setattr(duties.recording.recorder, part, lambda *_: 1 / 0)
    for _ in range(3):
        duties.second(Nobody())
    assert duties.failed >= 3
    assert [level for level, text in duties.showing.face.lines if "fault of ours" in text] == ["error"]


@pytest.mark.parametrize(("option", "value"), [("--workers", "0"), ("--filter", ""), ("--user", "")])
def test_an_option_that_is_given_is_not_passed_over(option, value, tmp_path):
    (tmp_path / "otsensor.yml").write_text("watch: {workers: 3, filter: not port 22, user: someone}\n")
    asked = watch.asked_for(options("span0", "--db", "x.db", "--config", tmp_path / "otsensor.yml", option, value))
    assert str(getattr(asked.config.watch, option.strip("-"))) == value


def test_without_interface_or_store_it_says_where_they_would_stand():
    with pytest.raises(ConfigError, match="watch: interfaces"):
        watch.asked_for(options())
    with pytest.raises(ConfigError, match="--db FILE"):
        watch.asked_for(options("span0"))


RULE = """\
title: Reads seen
id: 1b1a0b4e-0a0e-4c3b-8a1a-5d7a4f1f0001
status: test
level: low
description: For a test.
logsource: {product: ot, service: modbus}
detection:
  selection:
    ot.operation: read_holding_registers
  condition: selection
otsensor:
  explanation: For a test.
  response: Nothing.
  sentence: "{source.address} did it"
"""
