"""A watch that sees less than it should says so: on a real interface, through worker, recorder, rules and store."""

import pathlib
import tempfile

import pytest

from tests.watching import span_kit
from tests.watching.span_kit import PCAPS

if why := span_kit.why_not():
    pytest.skip(why, allow_module_level=True)

pytestmark = pytest.mark.slow  # windows of ten seconds have to pass

SETTINGS = "health: {window: 10s, calm: 1, no_traffic_after: 10s, every: 2s}\n"


@pytest.fixture
def watch(span):
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are for root alone
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        config = folder / "otsensor.yml"
        config.write_text(SETTINGS)
        made = span_kit.Watch(span, "--config", str(config))
        yield made.listening()
        made.close()


def alerts(watch):
    """The state of each alert about the sensor itself, by what its sentence names."""
    kinds = ("one_way", "no_traffic", "doubled")
    return {kind: row["state"] for row in watch.rows("alerts") for kind in kinds if f" {kind} at " in row["sentence"]}


def test_a_one_way_mirror_and_then_silence_are_alerts_that_end(span, watch):
    span.send(PCAPS / "one-way.pcap")
    watch.until(lambda: alerts(watch).get("one_way") == "open", 40)
    watch.until(lambda: alerts(watch).get("no_traffic") == "open", 40)
    watch.until(lambda: watch.health().get("concerns_open") == 2, 10)
    for _ in range(4):
        span.send(PCAPS / "modbus-polling.pcapng", rate=100)  # both directions, some seconds each
    watch.until(lambda: alerts(watch) == {"one_way": "closed", "no_traffic": "closed"}, 60)


def test_a_doubled_mirror_is_told_and_is_nothing_above_low(span, watch):
    span.send(PCAPS / "mirror-doubled.pcap")
    watch.until(lambda: alerts(watch).get("doubled") == "open", 40)
    levels = {row["level"] for row in watch.rows("alerts") if "no_traffic" not in row["sentence"]}
    assert levels == {"low"}
