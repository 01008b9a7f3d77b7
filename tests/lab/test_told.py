"""The verdict on a run's alerts is no softer than what it says."""

import pytest

from tests.lab.told import LATE, NOTICED, Deed, Trouble, unexplained, unnoticed, untold

SCAN = Deed("scan", 1_000 * LATE, 1_001 * LATE, frozenset({"scan", "new-client"}))
KILLED = Trouble(1_000 * NOTICED, "sensor-impaired", "worker_died at 1:")
DIED = "What the sensor sees has holes, worker_died at 1: started anew 1 times"


def alert(rule, first, last, sentence="", state="closed"):
    return {"rule": rule, "first_time": first, "last_time": last, "sentence": sentence, "state": state}


@pytest.mark.parametrize(("first", "last", "missing"), [
    (1_000, 1_000, []),
    (1_002, 1_002, []),  # a little late
    (10, 1_001, []),  # begun before, and gone on
    (10, 2_000, []),
    (10, 999, [("scan", "scan")]),
    (1_003, 1_004, [("scan", "scan")]),
])  # fmt: skip
def test_an_attack_must_be_told_at_its_time(first, last, missing):
    alerts = [alert("scan", first * LATE, last * LATE), alert("new-client", 10 * LATE, 10 * LATE)]
    assert untold(alerts, [SCAN], {"new-client"}) == missing


def test_each_attack_is_asked_after_and_what_is_new_once_need_not_come_again():
    again = SCAN._replace(name="again", begin=2_000 * LATE, end=2_001 * LATE)
    alerts = [alert(rule, 1_000 * LATE, 1_000 * LATE) for rule in SCAN.rules]
    assert untold(alerts, [SCAN, again], {"new-client"}) == [("again", "scan")]
    assert untold([], [SCAN], {"new-client"}) == [("scan", "new-client"), ("scan", "scan")]


def test_an_alert_must_begin_with_an_attack_that_raises_it():
    assert unexplained([alert("scan", SCAN.begin, 10**18)], [SCAN], set()) == []
    assert unexplained([alert("scan", SCAN.begin - 1, SCAN.begin)], [SCAN], set()) == ["scan"]
    assert unexplained([alert("stop", SCAN.begin, SCAN.begin)], [SCAN], set()) == ["stop"]
    assert unexplained([alert("stop", 0, 0)], [SCAN], {"stop"}) == []


@pytest.mark.parametrize(("rule", "sentence", "first", "missing"), [
    ("sensor-impaired", DIED, KILLED.time + NOTICED, []),
    ("sensor-impaired", DIED, KILLED.time + NOTICED + 1, [KILLED.words]),
    ("sensor-impaired", DIED.replace("1:", "0:"), KILLED.time, [KILLED.words]),
    ("sensor-blind", DIED, KILLED.time, [KILLED.words]),
])  # fmt: skip
def test_trouble_must_be_told_soon_by_its_own_name(rule, sentence, first, missing):
    alerts = [alert(rule, first, first, sentence)]
    assert unnoticed(alerts, [KILLED], 10**18) == missing
    assert unnoticed(alerts, [KILLED], KILLED.time + NOTICED - 1) == []


def test_trouble_that_is_told_already_and_goes_on_is_told():
    for state, missing in (("open", []), ("closed", [KILLED.words])):
        before = alert("sensor-impaired", 10, KILLED.time - 1, DIED, state)
        assert unnoticed([before], [KILLED], 10**18) == missing
