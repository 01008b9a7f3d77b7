"""Sigma correlations, watched as capture time goes by: counts, distinct values, one after the other.

The rule it lives by: a window slides, and keeps only what can still matter: the last n events or values of a group,
where n is the number that fires. Groups are bounded; the one not heard of for longest makes room, and is counted.
"""

import dataclasses
from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Any, Final

from sensor.detect.event import Frame
from sensor.detect.rule import Rule

MAX_GROUPS: Final = 4096  # of one correlation; a plant has fewer hosts, a flood of forged ones ends here
MAX_NUMBER: Final = 1000  # events or values one group keeps; more is a statistic, not a correlation
FRAMES_EACH: Final = 2  # a request and its response

Entry = tuple[int, tuple[Frame, ...], Any]  # time, evidence, value


@dataclasses.dataclass(frozen=True, slots=True)
class Fired:
    """A correlation's condition holds: over these frames, with these values."""

    count: int
    values: tuple[Any, ...]
    frames: tuple[Frame, ...]
    field: str = ""  # whose values they are


@dataclasses.dataclass(slots=True)
class Correlation:
    """One correlation rule with the state of all its groups."""

    rule: Rule
    kind: str  # event_count, value_count, temporal, temporal_ordered
    sources: tuple[str, ...]  # ids of the rules that feed it, in order
    span_ns: int
    number: int  # fires at this many
    group_by: dict[str, tuple[str, ...]]  # id of a source -> the fields that make its group
    value: str = ""  # the field whose values are counted
    groups: OrderedDict[tuple[str, ...], "Group"] = dataclasses.field(default_factory=OrderedDict)
    groups_evicted: int = 0

    def take(self, source: int, key: tuple[str, ...], time: int, frames: tuple[Frame, ...], value: Any) -> Fired | None:
        """Take one match of the source with this index; return what fired."""
        group = self.groups.get(key)
        if group is None:
            if len(self.groups) >= MAX_GROUPS:
                self.groups.popitem(last=False)
                self.groups_evicted += 1
            group = GROUPS[self.kind](self.number, self.span_ns, self.value)
            self.groups[key] = group
        else:
            self.groups.move_to_end(key)
        return group.take((time, frames[:FRAMES_EACH], value), source)


class Group:
    """What one group of a correlation remembers."""

    def __init__(self, number: int, span_ns: int, field: str) -> None:
        self.number = number
        self.span_ns = span_ns
        self.field = field

    def take(self, entry: Entry, source: int) -> Fired | None:
        """Take one match; return what fired."""
        raise NotImplementedError


class EventCount(Group):
    """At least so many events within the span."""

    def __init__(self, number: int, span_ns: int, field: str) -> None:
        super().__init__(number, span_ns, field)
        self.entries: deque[Entry] = deque(maxlen=number)

    def take(self, entry: Entry, source: int) -> Fired | None:  # noqa: ARG002  # all sources count alike
        """It fires when the last `number` events lie within the span."""
        self.entries.append(entry)
        if len(self.entries) < self.number or entry[0] - self.entries[0][0] > self.span_ns:
            return None
        return Fired(self.number, (), evidence(self.entries))


class ValueCount(Group):
    """At least so many different values within the span."""

    def __init__(self, number: int, span_ns: int, field: str) -> None:
        super().__init__(number, span_ns, field)
        self.entries: OrderedDict[Any, Entry] = OrderedDict()  # latest entry of each value, oldest first

    def take(self, entry: Entry, source: int) -> Fired | None:  # noqa: ARG002  # all sources count alike
        """It fires when the last `number` values lie within the span."""
        if entry[2] is None:
            return None
        self.entries[entry[2]] = entry
        self.entries.move_to_end(entry[2])
        while entry[0] - next(iter(self.entries.values()))[0] > self.span_ns:
            self.entries.popitem(last=False)
        if len(self.entries) > self.number:
            self.entries.popitem(last=False)
        if len(self.entries) < self.number:
            return None
        return Fired(self.number, tuple(self.entries), evidence(self.entries.values()), self.field)


class Temporal(Group):
    """Every source at least once within the span, in any order."""

    def __init__(self, number: int, span_ns: int, field: str) -> None:
        super().__init__(number, span_ns, field)
        self.latest: dict[int, Entry] = {}

    def take(self, entry: Entry, source: int) -> Fired | None:
        """It fires when the latest entries of all sources lie within the span."""
        self.latest[source] = entry
        recent = [one for one in self.latest.values() if entry[0] - one[0] <= self.span_ns]
        if len(recent) < self.number:
            return None
        return Fired(self.number, (), evidence(recent))


class TemporalOrdered(Group):
    """Every source within the span, one after the other."""

    def __init__(self, number: int, span_ns: int, field: str) -> None:
        super().__init__(number, span_ns, field)
        self.chains: dict[int, tuple[Entry, ...]] = {}  # the latest chain that got as far as this source

    def take(self, entry: Entry, source: int) -> Fired | None:
        """It fires when a chain that began within the span is complete."""
        before = self.chains.get(source - 1, ())
        if source and (not before or entry[0] - before[0][0] > self.span_ns):
            return None
        chain = (*before, entry)
        self.chains[source] = chain
        if source + 1 < self.number:
            return None
        return Fired(self.number, (), evidence(chain))


def evidence(entries: Iterable[Entry]) -> tuple[Frame, ...]:
    """Return the frames of some entries, in order."""
    return tuple(frame for entry in entries for frame in entry[1])


GROUPS: Final[dict[str, type[Group]]] = {
    "event_count": EventCount,
    "value_count": ValueCount,
    "temporal": Temporal,
    "temporal_ordered": TemporalOrdered,
}
