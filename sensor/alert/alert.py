"""One alert: what happened, how often, on which evidence, what it means and what is safe to do.

The rule it lives by: its id is a hash of rule, subject and first evidence, never a row number, so reading the same
capture again gives the same alert; it grows by revisions that do not change any more.
"""

import dataclasses
import hashlib
from typing import Any, Final

from sensor.detect.detector import Match
from sensor.detect.event import ECS_OUTCOMES, Frame
from sensor.detect.rule import OUTCOMES, SEVERITY, Rule, render, short
from sensor.flow.community import community_id
from sensor.flow.flow import Flow

MAX_FRAMES: Final = 10  # the first ones: they show how it began; a scan's are counted
MAX_VALUES: Final = 32  # of one list in the fields an alert keeps; an FC 3 answer has 125 registers
MAX_INTEGER: Final = (1 << 63) - 1  # what JSON readers and Elasticsearch's long hold

# What says most about an alert, first: one accepted command matters more than any refusal beside it.
WEIGHT: Final = ("accepted", "no_answer_due", "orphan", "unsolicited", "unanswered", "pending", "refused")

OPEN: Final = "open"
CLOSED: Final = "closed"


@dataclasses.dataclass(slots=True)
class Alert:
    """One alert as of its latest revision."""

    id: str
    rule: Rule
    key: tuple[str, ...]
    first_time: int  # ns
    last_time: int
    fields: dict[str, Any]  # of the first event with the outcome that says most
    count: int = 0
    values: int = 0  # a correlation's different values
    revision: int = 0
    state: str = OPEN
    frames: list[Frame] = dataclasses.field(default_factory=list)
    frames_dropped: int = 0
    told: int = 0  # the count of the latest revision
    outcomes: list[str] = dataclasses.field(default_factory=list)  # all there were, in order
    outcomes_told: int = 0  # how many of them the latest revision knew
    done: list[str] = dataclasses.field(default_factory=list)  # targets of what was not refused
    refused: list[str] = dataclasses.field(default_factory=list)

    @property
    def sentence(self) -> str:
        """What happened, in one sentence."""
        event = {**self.fields, "ot.alert.count": self.count, "ot.alert.values": self.values}
        if len(self.outcomes) > 1 and "ot.outcome" in event:
            event["ot.outcome"] = self.how_it_ended()
        only_refused = [target for target in self.refused if target not in self.done]
        if self.done and only_refused:
            event["ot.target"] = f"{short(self.done)} (refused for {short(only_refused)})"
        return render(self.rule.sentence, event)

    def how_it_ended(self) -> str:
        """Write all outcomes, the one that says most first: "accepted; refused before"."""
        most = min(self.outcomes, key=WEIGHT.index)
        at = self.outcomes.index(most)
        before, after = ([OUTCOMES[one] for one in part] for part in (self.outcomes[:at], self.outcomes[at + 1 :]))
        parts = (OUTCOMES[most], before and f"{' and '.join(before)} before", after and f"later {', '.join(after)}")
        return "; ".join(part for part in parts if part)

    @property
    def severity(self) -> int:
        """21 low, 47 medium, 73 high, 99 critical."""
        return SEVERITY[self.rule.level]

    @property
    def version(self) -> int:
        """A number that grows with it, however it grew: with each count, and once more when it is closed."""
        return 2 * self.count + (self.state == CLOSED)

    def grow(self, match: Match) -> None:
        """Count one more match."""
        fired = match.fired
        self.count += fired.count if fired is not None and self.count == 0 else 1
        self.end(match)
        if fired is not None:
            self.values = max(self.values, len(fired.values))
        else:
            self.gather(match.sighting.kind.outcome, match.sighting.targets())
        self.first_time = min(self.first_time, match.time)
        self.last_time = max(self.last_time, match.time)
        if len(self.frames) >= MAX_FRAMES and fired is None:
            self.frames_dropped += 1
            return
        fresh = [frame for frame in match.frames() if frame not in self.frames]
        room = MAX_FRAMES - len(self.frames)
        self.frames += fresh[:room]
        self.frames_dropped += max(0, len(fresh) - room)

    def end(self, match: Match) -> None:
        """Note how it ended; the first event with the outcome that says most is the one an alert tells of."""
        outcome = match.sighting.kind.outcome
        if not outcome or outcome in self.outcomes:
            return
        most = min((WEIGHT.index(one) for one in self.outcomes), default=len(WEIGHT))
        self.outcomes.append(outcome)
        if WEIGHT.index(outcome) >= most:
            return
        if match.fired is not None:
            self.fields["event.outcome"] = ECS_OUTCOMES.get(outcome, "unknown")
            return
        if len(self.outcomes) > 1:
            self.fields = fields_of(match)
        self.gather(outcome, self.fields.get("ot.target", []))

    def gather(self, outcome: str, targets: list[str]) -> None:
        """Add what else it was done to, and apart from that what it was refused for."""
        known = self.refused if outcome == "refused" else self.done
        if len(known) < MAX_VALUES:
            known += [target for target in targets if target and target not in known][: MAX_VALUES - len(known)]
        if self.done or self.refused:
            self.fields["ot.target"] = self.done or self.refused


def begin(match: Match) -> Alert:
    """Return the alert that a match begins; it is not counted in yet."""
    fields = fields_of(match)
    first = match.frames()[:1]
    parts = (
        "1",
        match.rule.id,
        *match.key,
        *(f"{frame.number}@{frame.time}" for frame in first),
        str(match.time),
    )
    number = hashlib.blake2b("\x1f".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()
    return Alert(number, match.rule, match.key, match.time, match.time, fields)


def fields_of(match: Match) -> dict[str, Any]:
    """Return what an alert keeps of an event."""
    fields = {name: capped(value) for name, value in match.event().items()}
    talk = match.sighting.talk
    if isinstance(talk, Flow) and match.fired is None:
        fields["network.community_id"] = community_id(talk)
    return fields


def capped(value: Any) -> Any:
    """Return a value fit to be kept and written as JSON: of a list the first elements, text without broken letters."""
    if isinstance(value, list | tuple):
        return [capped(one) for one in value[:MAX_VALUES]]
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int) and not -MAX_INTEGER <= value <= MAX_INTEGER:
        return float(value)
    return value.hex() if isinstance(value, bytes) else value


def clean(text: str) -> str:
    """Return a text with what UTF-8 cannot say replaced."""
    return text.encode("utf-8", "replace").decode()
