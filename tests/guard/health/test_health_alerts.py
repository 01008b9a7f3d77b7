"""A concern is one alert: raised, grown, closed, in the store, and a document that stands for itself."""

import functools

import orjson
import pytest
from health_kit import HOME, MINUTE, START, Span

from sensor import ecs
from sensor.alert.book import AlertBook
from sensor.alert.document import document
from sensor.detect.concern import Concern
from sensor.detect.detector import Detector
from sensor.detect.fields import CONCERNS
from sensor.detect.ruleset import RuleSet, default_rules
from sensor.inventory.inventory import Inventory
from sensor.recorder import Recorder
from sensor.ship import documents
from sensor.store.reader import Reader
from sensor.store.store import Store
from sensor.vocabulary import vocabulary


@functools.cache
def rules():
    return RuleSet.load([default_rules()])


@pytest.fixture
def recorder(tmp_path):
    with Store(tmp_path / "health.db") as store:
        yield Recorder(Inventory({}, {}), Detector(rules()), AlertBook(), store, None)


def concern(kind="kernel_drops", where="span0", minutes=0, **more):
    return Concern(kind, where, "12 frames dropped", "none", START, START + minutes * MINUTE, **more)


def flat(tree, name=""):
    for key, value in tree.items():
        full = f"{name}.{key}" if name else key
        yield from flat(value, full) if isinstance(value, dict) else ((full, value),)


def test_a_concern_is_one_alert_that_grows_and_is_closed(recorder):
    for minutes in range(15):
        recorder.health(concern(minutes=minutes))
    (alert,) = recorder.raised.values()
    assert (alert.rule.name, alert.rule.level, alert.count, alert.state) == ("sensor-blind", "high", 15, "open")
    assert alert.revision == 2  # at the first and at the tenth
    assert "kernel_drops at span0: 12 frames dropped; expected none" in alert.sentence
    recorder.health(concern(minutes=20, over=True))
    assert (alert.state, alert.count, alert.last_time) == ("closed", 15, START + 20 * MINUTE)
    assert recorder.concerns == {}
    recorder.health(concern(minutes=30))
    assert len(recorder.raised) == 2  # it has come again: another alert


def test_two_places_are_two_alerts(recorder):
    places = [("works", "cell", "20", ""), ("works", "cell", "30", "")]
    for one in (
        concern(),
        concern(where="span1"),
        *(concern("one_way", "untagged", place=place) for place in places),
    ):
        recorder.health(one)
    assert len(recorder.raised) == 4
    recorder.health(concern(where="span1", over=True))
    assert [alert.state for alert in recorder.raised.values()] == ["open", "closed", "open", "open"]


def test_an_end_without_a_beginning_is_nothing(recorder):
    recorder.health(concern(over=True))
    assert recorder.raised == {}


@pytest.mark.parametrize("kind", CONCERNS)
def test_every_concern_alerts_and_its_document_is_in_the_vocabulary(recorder, kind):
    recorder.health(concern(kind, "10.0.0.5", place=("works", "cell 1", "20", ""), address="10.0.0.5"))
    (alert,) = recorder.raised.values()
    made = dict(flat(document(alert, sequence=1)))
    assert set(made) <= set(vocabulary().fields)
    assert made["ot.health.kind"] == kind
    assert made["ot.health.since"] == "2023-11-14T22:13:20Z"
    assert made["destination.ip"] == "10.0.0.5"
    assert made["network.vlan.id"] == "20"
    assert made["event.category"] == ["network"]  # nobody has broken in
    assert "unknown" not in made["event.reason"]
    assert not [name for name in made if name.startswith("threat.")]
    single = {field.name for field in ecs.FIELDS if not field.many}
    assert not [name for name, value in made.items() if name in single and isinstance(value, list)]


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        ("10.0.0.5", {"destination.ip": "10.0.0.5"}),
        ("fe80::a:b:c:d", {"destination.ip": "fe80::a:b:c:d"}),
        ("00:1b:1b:00:00:01", {"destination.mac": "00-1B-1B-00-00-01"}),
        ("", {}),
    ],
)
def test_a_silent_machine_stands_as_the_destination(recorder, address, fields):
    recorder.health(concern("talker_silent", "it", address=address))
    (alert,) = recorder.raised.values()
    assert {name: value for name, value in alert.fields.items() if name in ("destination.ip", "destination.mac")} == (
        fields
    )


def test_standing_concerns_and_interfaces_are_in_the_health_rows_and_documents(recorder, tmp_path):
    recorder.health(concern())
    counts = {"frames": 3, "concerns_open": 1, "frames.span0": 5, "kernel_drops.span0": 2, "kernel_drops.span1": 1}
    recorder.store.health(counts, recorder.concerns.values(), {"span0": "up", "span1": "gone"})
    recorder.store.commit()
    with Reader(tmp_path / "health.db") as reader:
        (row,) = [dict(one) for one in reader.database.execute("SELECT * FROM health_reports")]
    row["counts"] = orjson.loads(row["counts"])
    made = dict(flat(documents.item("health", row).document))
    assert made["ot.health.standing"] == ["kernel drops (span0): 12 frames dropped; expected none"]
    assert made["ot.health.interfaces"] == ["span0 up", "span1 gone"]
    assert made["ot.health.concerns_open"] == 1
    assert (made["ot.health.frames"], made["ot.health.kernel_drops"]) == (3, 3)
    assert "kernel_drops.span1=1" in made["ot.health.other"]
    assert set(made) <= set(vocabulary().fields)


def test_a_span_that_goes_blind_ends_as_a_closed_alert(recorder):
    span = Span()
    for seen in (*[{}] * 3, *[{"frames_cut": 900}] * 12, *[{}] * 5):
        for one in span.window(((HOME, "10.0.0.5"),), **seen):
            recorder.health(one)
    (alert,) = recorder.raised.values()
    assert (alert.rule.name, alert.count, alert.state) == ("sensor-impaired", 12, "closed")
