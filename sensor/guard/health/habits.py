"""What is usual on a span, kept over a restart: whoever falls silent while nobody listens is missed all the same.

The rule it lives by: only what had become regular is kept, and of times only how long they lasted, for steady time
begins anew: the silence of before goes on where the watch begins again. A span that is another now has no habits yet.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Annotated, TypeAlias

import msgspec

from sensor.guard.health.silence import MAX_KNOWN, Rhythm
from sensor.guard.health.usual import REMEMBERED

if TYPE_CHECKING:
    from sensor.guard.health.span import SpanQuality

Place: TypeAlias = tuple[str, str, str, str]  # site, segment, VLAN, tunnel
Long = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]  # ns


class Habit(msgspec.Struct, array_like=True):
    """How regularly a network, or a machine on it, was heard."""

    place: Place
    address: str  # "": the network
    heard: Long  # from the first sign of life to the last
    silent: Long  # since then
    longest: Long
    usual: Long


class Habits(msgspec.Struct):
    """Everything that is usual."""

    span: str  # of what: a span that is called, filtered or judged otherwise is another
    networks: Annotated[list[Habit], msgspec.Meta(max_length=MAX_KNOWN)]
    talkers: Annotated[list[Habit], msgspec.Meta(max_length=MAX_KNOWN)]
    windows: Annotated[list[Long], msgspec.Meta(max_length=REMEMBERED)]  # frames of each


def told(quality: SpanQuality, span: str) -> str:
    """Return what is usual on a span, as text."""
    now = quality.sound
    networks = [habit(place, "", one, now) for place, one in quality.networks.known.items()]
    talkers = [habit(place, address, one, now) for (place, address), one in quality.talkers.known.items()]
    return msgspec.json.encode(Habits(span, networks, talkers, list(quality.usual.windows))).decode()


def habit(place: Place, address: str, rhythm: Rhythm, now: int) -> Habit:
    """Return how regularly somebody was heard until now."""
    return Habit(place, address, rhythm.last - rhythm.first, now - rhythm.last, rhythm.longest, rhythm.usual)


def recall(quality: SpanQuality, text: str, span: str) -> bool:
    """Take what was usual before a quality that begins; return whether there was anything, and of the same span."""
    try:
        habits = msgspec.json.decode(text, type=Habits)
    except (msgspec.DecodeError, RecursionError):
        return False
    if habits.span != span:
        return False
    quality.networks.known = {one.place: rhythm(one) for one in habits.networks}
    quality.talkers.known = {(one.place, one.address): rhythm(one) for one in habits.talkers}
    quality.usual.windows = deque(habits.windows, REMEMBERED)
    return True


def rhythm(habit: Habit) -> Rhythm:
    """Return the rhythm of somebody who was heard before steady time began."""
    made = Rhythm(-habit.silent - habit.heard)
    made.last, made.longest, made.usual = -habit.silent, habit.longest, habit.usual
    return made
