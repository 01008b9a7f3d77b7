"""Single findings as documents, for those who want each command and each refusal: optional, and within a budget.

The rule it lives by: this is what rules see, one document for each new behaviour and each significant exchange; reads
that go on and on are never among them. A stream of messages is how a store grows twentyfold: each behaviour has a share
of an hour, the whole has a budget of a day, and what goes beyond either is counted by name.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

import orjson

from sensor import ecs
from sensor.alert.alert import capped
from sensor.alert.document import digest, instant, nested, single, together
from sensor.flow.community import community_id
from sensor.flow.flow import Flow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sensor.detect.event import ExchangeSighting

SHARE: Final = (
    60  # documents of one behaviour an hour, beside what is new: a master that writes its heartbeat each second
)
HOUR: Final = 3_600_000_000_000  # ns
DAY: Final = 24 * HOUR
MAX_DAYS: Final = 8  # whose volume is remembered: captures of several days may be read at once, in any order


class Messages:
    """Decides which findings become documents, and makes them."""

    def __init__(self, budget: float) -> None:
        """`budget`: bytes a day of capture time."""
        self.budget = budget
        self.kept = self.repeated = self.over_budget = 0
        self._hour = -1
        self._shares: dict[str, int] = {}
        self._days: OrderedDict[int, int] = OrderedDict()

    def take(self, sighting: ExchangeSighting, files: Sequence[str]) -> tuple[str, str] | None:
        """Return id and document (JSON) of a finding; None where it is one too many."""
        identity = sighting.finding.behaviour.identity()
        if not sighting.finding.news and not self._has_share(identity, sighting.time):
            self.repeated += 1
            return None
        used = self._used(sighting.time)
        if used >= self.budget:
            self.over_budget += 1
            return None
        text = orjson.dumps(document(sighting, files)).decode()
        self._days[sighting.time // DAY] = used + len(text)
        self.kept += 1
        return subject(sighting, identity), text

    def _has_share(self, identity: str, time: int) -> bool:
        if time // HOUR != self._hour:
            self._hour = time // HOUR
            self._shares.clear()
        count = self._shares[identity] = self._shares.get(identity, 0) + 1
        return count <= SHARE

    def _used(self, time: int) -> int:
        used = self._days.setdefault(time // DAY, 0)
        while len(self._days) > MAX_DAYS:
            self._days.popitem(last=False)
        return used

    def counts(self) -> dict[str, int]:
        """Return what was counted, by name."""
        return {
            "messages_kept": self.kept,
            "messages_repeated": self.repeated,
            "messages_over_budget": self.over_budget,
        }


def subject(sighting: ExchangeSighting, identity: str) -> str:
    """Return the id of one exchange: the same capture read again gives the same."""
    exchange, talk = sighting.finding.exchange, sighting.talk
    ports = (talk.opener_port, talk.answerer_port)
    times = (exchange.request_time, exchange.response_time)
    return digest("message", identity, *ports, *times, exchange.request.hex(), exchange.response.hex())


def document(sighting: ExchangeSighting, files: Sequence[str]) -> dict[str, Any]:
    """Return the document, without what depends on who ships it."""
    fields = single({name: capped(value) for name, value in sighting.described().items()})
    exchange, talk, frames = sighting.finding.exchange, sighting.talk, sighting.frames()
    first, last = exchange.request_time or exchange.response_time, sighting.time
    flat = {
        **fields,
        "@timestamp": instant(last),
        "ecs.version": ecs.VERSION,
        "message": capped(sentence(fields)),
        "event.kind": "event",
        "event.category": ["network"],
        "event.type": ["protocol"],
        "event.module": "otsensor",
        "event.dataset": "otsensor.message",
        "event.created": instant(last),
        "event.start": instant(first),
        "event.end": instant(last),
        "event.duration": max(last - first, 0),
        "network.community_id": community_id(talk) if isinstance(talk, Flow) else "",
        "related.ip": together(fields, "source.ip", "destination.ip"),
        "related.hosts": together(fields, "ot.source.asset.name", "ot.destination.asset.name"),
        "ot.evidence.file": [files[frame.source] if frame.source < len(files) else "" for frame in frames],
        "ot.evidence.frame": [frame.number for frame in frames],
        "ot.evidence.time": [instant(frame.time) for frame in frames],
    }
    return nested({name: value for name, value in flat.items() if value not in (None, "", [])})


def sentence(fields: dict[str, Any]) -> str:
    """Say in one line who did what to whom, and how it ended."""
    unit = f" unit {fields['ot.unit']}" if fields.get("ot.unit") else ""
    what = ", ".join(fields.get("ot.target", [])[:3])
    whom = f"{fields['destination.address']}{unit}{f' ({what})' if what else ''}"
    ended = str(fields.get("ot.outcome", "")).replace("_", " ")
    return f"{fields['source.address']}: {fields['ot.operation']} on {whom}, {ended}"
