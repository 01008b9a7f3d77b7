"""All alerts that are open: one for each cause, however often it comes.

The rule it lives by: the first sight is told at once, then the tenth, the hundredth, the thousandth, every new outcome
and every change of state; in between it is only counted. An alert not heard of for a day is closed, whether or not
anything else happens. Open alerts are bounded: the one not heard of for longest is closed, which is told, and counted.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from sensor.alert.alert import CLOSED, Alert, begin
from sensor.detect.detector import Match

MAX_OPEN: Final = 10_000  # nobody works through so many; a flood of forged causes ends here
QUIET_NS: Final = 24 * 3600 * 1_000_000_000  # a cause that comes again after a day is a new alert

Cause = tuple[str, tuple[str, ...]]


class AlertBook:
    """Takes matches, returns the alerts that have something to tell."""

    def __init__(self, max_open: int = MAX_OPEN) -> None:
        self.max_open = max_open
        self.open: OrderedDict[Cause, Alert] = OrderedDict()  # the longest unheard first
        self.raised = 0
        self.closed_for_room = 0

    def take(self, matches: Iterable[Match]) -> list[Alert]:
        """Count matches in; return every alert with a new revision, in order."""
        told = []
        for match in matches:
            cause = (match.rule.id, match.key)
            alert = self.open.get(cause)
            if alert is not None and match.time - alert.last_time > QUIET_NS:
                told += self.close(cause)
                alert = None
            if alert is None:
                told += self.make_room()
                alert = self.open[cause] = begin(match)
                self.raised += 1
            else:
                self.open.move_to_end(cause)
            alert.grow(match)
            if worth_telling(alert):
                told.append(revise(alert))
        return told

    def quiet(self, time: int) -> list[Alert]:
        """Capture time has gone on to `time`, ns: close what was not heard of for a day."""
        told = []
        while self.open and time - next(iter(self.open.values())).last_time > QUIET_NS:
            told += self.close(next(iter(self.open)))
        return told

    def over(self, matches: Iterable[Match]) -> list[Alert]:
        """Close the alerts of causes that have ended."""
        told = []
        for match in matches:
            alert = self.open.get((match.rule.id, match.key))
            if alert is not None:
                alert.last_time = max(alert.last_time, match.time)
                told += self.close((match.rule.id, match.key))
        return told

    def make_room(self) -> list[Alert]:
        """Close the alert not heard of for longest when there are too many."""
        if len(self.open) < self.max_open:
            return []
        self.closed_for_room += 1
        return self.close(next(iter(self.open)))

    def close(self, cause: Cause) -> list[Alert]:
        """Close one alert and tell it."""
        alert = self.open.pop(cause)
        alert.state = CLOSED
        return [revise(alert)]

    def finish(self) -> list[Alert]:
        """The capture is over: return the alerts whose count has grown since they were told last."""
        return [revise(alert) for alert in self.open.values() if alert.count != alert.told]

    def counts(self) -> dict[str, int]:
        """Return what was counted, by name."""
        return {"alerts": self.raised, "alerts_open": len(self.open), "alerts_closed_for_room": self.closed_for_room}


def worth_telling(alert: Alert) -> bool:
    """Say whether it ended as never before, or the count has reached the next power of ten since it was told last."""
    return len(alert.outcomes) > alert.outcomes_told or len(str(alert.count)) > len(str(alert.told)) or alert.told == 0


def revise(alert: Alert) -> Alert:
    """Make the next revision."""
    alert.revision += 1
    alert.told = alert.count
    alert.outcomes_told = len(alert.outcomes)
    return alert
