"""The plant to practise on: an ordinary day raises nothing above low; each attack is told whole and called by its name.

Both sensors watch each play, one on a good mirror and one that is given every frame twice, and must say the same. The
short form plays the day and the attacks marked so; OTSENSOR_LAB=1 (make lab) plays every attack.
"""

import os
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

from pcaps.make import story
from pcaps.make.network import remove
from tests.lab import cast, declaration, lab, span
from tests.lab.sensors import Sensor
from tests.lab.span import SpanWatch

MISSING = lab.missing()
pytestmark = [
    pytest.mark.lab,
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

WHOLE = os.environ.get("OTSENSOR_LAB") == "1"
ATTACKS = declaration.attacks()
PLAYED = [attack for attack in ATTACKS if WHOLE or attack.short]
ACQUAINTED = 14.0  # s; after ten with the server, whoever comes is a newcomer
DAY = 60.0 if WHOLE else 24.0
LAX = {"szl_read": "accepted"}  # its refusal is only in a return code of the data, where no controller has it
QUIET = {"informational", "low"}


@pytest.fixture
def folder():
    """A folder that a user without rights may enter."""
    with tempfile.TemporaryDirectory(prefix="otsensor-lab-") as made:
        path = Path(made)
        path.chmod(0o755)
        yield path


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    from pcaps.make.stage import Stage  # noqa: PLC0415

    lab.sweep()
    with Stage(tmp_path_factory.mktemp("stage"), lab.network()) as stage:
        yield stage


class Watched:
    """A play that two sensors watch, and what they have found."""

    def __init__(self, stage, folder):
        self.stage = stage
        network = stage.network
        self.sensors = {name: Sensor(network.namespace(name), folder / name) for name in cast.MIRRORS}
        self.spans = {name: SpanWatch(network, name) for name in cast.MIRRORS}
        self.plant = lab.Lab(stage)

    def __enter__(self):
        self.stage.story.unlink(missing_ok=True)
        for sensor in self.sensors.values():
            sensor.begin()
        for sensor in self.sensors.values():
            sensor.await_listening()
        self.plant.open()
        return self

    def __exit__(self, *problem):
        try:
            if problem[0] is None:
                for sensor in self.sensors.values():
                    sensor.stop()
        finally:
            self.plant.close()
            for sensor in self.sensors.values():
                sensor.kill()
            self.sent = {name: watch.seen() for name, watch in self.spans.items()}
            for watch in self.spans.values():
                watch.close()

    def commands(self, mirror, actor):
        """What a sensor saw the actor send, each with its outcome and how often."""
        address, found = declaration.address(actor), Counter()
        for row in self.sensors[mirror].rows("behaviours"):
            if row["client"] == address:
                what = (row["server"], row["protocol"], row["operation"], row["unit"], row["target"])
                outcomes = {name: count for name, count in row["outcomes"].items() if name != "unsolicited"}
                found.update({declaration.Command(*what, outcome): count for outcome, count in outcomes.items()})
        return found

    def told(self, actor):
        """What the actor says it has sent: server, protocol, operation, outcome."""
        steps = [step for step in story.read(self.stage.story) if step.actor == actor]
        return Counter(
            (declaration.address(one.target), one.protocol, operation, LAX.get(operation, one.outcome))
            for one in steps
            for operation in one.detail.split()[:1]
        )


def test_an_ordinary_day_raises_nothing_above_low(stage, folder):
    with Watched(stage, folder) as day:
        from tests.lab import operation  # noqa: PLC0415

        operation.day(day.plant, DAY)
    for mirror, sensor in day.sensors.items():
        told = [(one["level"], one["sentence"]) for one in sensor.rows("alerts") if one["level"] not in QUIET]
        assert told == [], mirror
        seen = {(cast.name_of(row["client"]), row["operation"]) for row in sensor.rows("behaviours")}
        assert {
            ("hmi", "write_single_register"),
            ("hmi", "operate"),
            ("hmi", "unsolicited_response"),
            ("hmi", "enable_unsolicited"),
            ("historian", "read_var"),
        } <= seen, mirror
    assert day.sent == {name: ([], 0) for name in cast.MIRRORS}


@pytest.mark.parametrize("attack", PLAYED, ids=lambda attack: attack.name)
def test_an_attack_is_told_whole_and_named_for_what_it_is(stage, folder, attack):
    with Watched(stage, folder) as play:
        time.sleep(ACQUAINTED)
        stage.act(attack.by, attack.act())
        time.sleep(attack.rest)
    sent = Counter()
    for command, often in attack.commands.items():
        sent[command.server, command.protocol, command.operation, command.outcome] += often
    assert play.told(attack.by) <= sent, "the actor has not sent what is declared"
    for mirror, sensor in play.sensors.items():
        assert play.commands(mirror, attack.by) == attack.commands, mirror
        alerts = sensor.rows("alerts")
        assert Counter(one["rule"] for one in alerts) == attack.alerts, (mirror, [one["sentence"] for one in alerts])
        actors = {one["rule"]: cast.name_of(one["source"]) for one in alerts}
        assert actors == {rule: attack.seen_at.get(rule, attack.by) for rule in actors}, mirror
        servers = {command.server for command in attack.commands}
        assert not servers or {one["destination"] for one in alerts} <= {*servers, ""}, mirror
    assert play.sent == {name: ([], 0) for name in cast.MIRRORS}


def test_a_frame_from_the_sensor_would_be_seen(stage):
    """The proof that nothing is sent is worth what it can notice."""
    watch, frame = SpanWatch(stage.network, cast.ONCE), bytes(60)
    span.send(stage.network, cast.ONCE, frame)
    frames, counted = watch.seen()
    watch.close()
    assert (frames, counted) == ([frame], 1)


def test_removing_one_lab_leaves_another_alone(stage):
    """Whoever starts a plant removes what is left of an earlier one; another's must not be among it."""
    remove(cast.PEOPLE)
    remove(f"{cast.PREFIX}1-")  # of a process with another number
    lab.sweep()
    assert Path("/run/netns", stage.network.switch).exists()


def test_each_rule_an_attack_expects_is_shipped_and_each_attack_has_its_deed():
    from sensor.detect.ruleset import RuleSet, default_rules  # noqa: PLC0415

    shipped = {rule.name for rule in RuleSet.load([default_rules()]).alerting()}
    assert {rule for attack in ATTACKS for rule in attack.alerts} <= shipped
    assert all(callable(attack.act()) for attack in ATTACKS)
    assert sum(attack.short for attack in ATTACKS) >= 3
