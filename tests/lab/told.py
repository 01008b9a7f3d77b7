"""What a run's alerts tell of what was done in it: of each attack at its time, of each trouble of the sensor's own.

The rule it lives by: an alert grows and tells its first and last time only. So one that began before an attack and went
on after it counts for it; and what is news once, as a new client is, need not come again.
"""

from typing import NamedTuple

SECOND = 1_000_000_000
LATE = 5 * SECOND  # until the last of an attack is seen
NOTICED = 90 * SECOND  # until trouble must be told: what is judged by the minute, and how often that is looked at


class Deed(NamedTuple):
    """Something done: from when to when (ns), and which alerts it must raise."""

    name: str
    begin: int
    end: int
    rules: frozenset


class Trouble(NamedTuple):
    """Trouble made for the sensor: when (ns), which rule tells it, and with which words."""

    time: int
    rule: str
    words: str


def untold(alerts, deeds, once):
    """Return which deeds lack which alerts at their time; of a rule in `once` one from before will do."""
    return [
        (deed.name, rule) for deed in deeds for rule in sorted(deed.rules) if not any(
            one["rule"] == rule and one["first_time"] <= deed.end + LATE
            and (rule in once or one["last_time"] >= deed.begin) for one in alerts
        )
    ]  # fmt: skip


def unexplained(alerts, deeds, together):
    """Return the rules of alerts that began when no deed was done that raises them, but for those of several deeds."""
    return sorted({
        one["rule"] for one in alerts if one["rule"] not in together and not any(
            one["rule"] in deed.rules and deed.begin <= one["first_time"] <= deed.end + LATE for deed in deeds
        )
    })  # fmt: skip


def unnoticed(alerts, troubles, end):
    """Return the words of each trouble that no alert tells soon; those just before the end have not had the time."""
    return [
        trouble.words for trouble in troubles if trouble.time + NOTICED <= end and not any(
            one["rule"] == trouble.rule and trouble.words in one["sentence"]
            and one["first_time"] <= trouble.time + NOTICED
            and (one["state"] == "open" or one["last_time"] >= trouble.time) for one in alerts
        )
    ]  # fmt: skip
