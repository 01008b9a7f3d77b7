"""Items into Elasticsearch: each revision once into a data stream, and the newest of alerts and assets into an index.

The rule it lives by: once in effect. A document's id says what it is, so a repeated `create` answers 409, which is
success; but only within one backing index. So whenever it is unknown what arrived (an answer was lost, the shipper has
just begun), the server is let finish what it still works on, and the ids are looked up before they are sent again. Only
what the server itself acknowledged, item by item, counts as arrived.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar, Final

import orjson

from sensor.ship.destination import Destination, Sent, Settings, Unreachable
from sensor.ship.documents import Item, data_stream, stamped, state, state_index
from sensor.ship.elastic import client
from sensor.ship.elastic.cluster import meaning
from sensor.ship.elastic.reply import Verdict, judge, said
from sensor.ship.ends import End, of_url

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sensor.keys.key import Key

MAX_BODY: Final = 8 << 20  # bytes of one request, before packing; servers take 100 MB, and work best on a tenth
MAX_LOOKED_UP: Final = 10_000  # hits of one search: the server's own window
OVERLOADED: Final = (429, 502, 503, 504)
TOO_LARGE: Final = 413
REFUSED: Final = (401, 403, 429)  # as a whole: nothing of it arrived
DOUBTFUL: Final = 2_000  # items after the cursor that may have arrived unseen: more than any request ever held
LACKING: Final = (400, 403, 404, 405, 410)  # a role without `monitor`, or a server that does not tell its tasks
RETRY_SECONDS: Final = 2.0  # after single items were refused for want of room


class Elasticsearch(Destination):
    """One cluster."""

    KEYS: ClassVar[Mapping[str, Key]] = client.KEYS
    NEEDS: ClassVar[tuple[str, ...]] = ("elasticsearch", "sensor.ship.elastic.node")

    @classmethod
    def ends(cls, settings: Settings) -> Sequence[End | None]:
        """Return the proxy, or else the nodes."""
        proxy = settings.values["proxy"]
        return [of_url(proxy)] if proxy else [of_url(host, client.PORT) for host in settings.values["hosts"]]

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.client = client.client(settings)
        self.namespace: str = settings.values["namespace"]
        self.doubtful = DOUBTFUL  # of so many of the next items it is not known whether they have arrived
        self.may_look_up = True
        self.may_ask = True  # what the server works on
        self.is_set_up = False  # the history takes documents: the templates are there, also the states'
        self.there: set[str] = set()  # ids of history documents that arrived, of items that are not settled
        self.limit = MAX_BODY
        self.found = {"looked_up": 0, "already_there": 0, "created": 0, "retried": 0, "lookups_refused": 0,
                      "waited_for": 0}  # fmt: skip

    def send(self, items: Sequence[Item]) -> Sent:
        """Send what fits into one request."""
        if self.doubtful > 0:
            self.look_up(items)
        sent = self.attempt(items)
        if not self.is_set_up and self.there:
            self.is_set_up = True
            sent = self.attempt(items)  # now with the states
        return sent

    def attempt(self, items: Sequence[Item]) -> Sent:
        """Send one request, and return how far the items are settled by it."""
        lines, taken, asked = self.request(items)
        verdicts = self.answered(lines, asked) if lines else {}
        if verdicts is None:  # too large: half of it next time
            if taken == 1:
                return Sent(1, [(items[0], "the server takes no request of this size")])
            self.limit = max(sum(map(len, lines)) // 2, 1)
            return Sent(0)
        if not self.is_set_up and self.there:
            return Sent(0)
        return self.settled(items[:taken], verdicts)

    # --- What is sent ---------------------------------------------------------------------------------

    def request(self, items: Sequence[Item]) -> tuple[list[bytes], int, list[str]]:
        """Return the lines for as many items as one request takes, how many those are, and whose each action is."""
        now = time.time_ns()
        newest = {(item.stream, item.id): item.sequence for item in items}
        lines: list[bytes] = []
        asked: list[str] = []  # event.id of the item each action belongs to
        size = taken = 0
        for item in items:
            actions = self.actions(item, now, is_newest=newest[item.stream, item.id] == item.sequence)
            size += sum(map(len, actions))
            if taken and size > self.limit:
                break
            lines += actions
            asked += [document_id(item)] * (len(actions) // 2)
            taken += 1
        return lines, taken, asked

    def actions(self, item: Item, now: int, *, is_newest: bool) -> list[bytes]:
        """Return an item's lines: into the history, and where it is the newest of its kind, as the state."""
        lines = []
        if document_id(item) not in self.there:
            index = data_stream(item.stream, self.namespace)
            action = {"create": {"_index": index, "_id": document_id(item), "require_data_stream": True}}
            lines += [orjson.dumps(action), orjson.dumps(stamped(item, now, self.namespace))]
        # A state must never make its index without our template: whether that is there, the history shows.
        newest = state(item) if is_newest and self.is_set_up else None
        if newest is not None:
            index = state_index(newest.kind, self.namespace)
            versioned = {"version": newest.version, "version_type": "external"}
            action = {"index": {"_index": index, "_id": newest.id, **versioned}}
            lines += [orjson.dumps(action), orjson.dumps(stamped(item, now))]
        return lines

    # --- What came of it ------------------------------------------------------------------------------

    def answered(self, lines: list[bytes], asked: list[str]) -> dict[str, list[Verdict]] | None:
        """Send a request; return the verdicts by document, None when it is too large. Raises Unreachable."""
        waits = f"{self.settings.values['timeout'] / 2:.0f}s"  # for a shard; so that its answer comes before we give up
        try:
            asking = self.client.options(opaque_id=self.mark)
            answer = asking.bulk(operations=lines, timeout=waits)  # type: ignore[arg-type]  # it takes lines as well
            body = answer.body
        except Exception as error:  # the client has a dozen; each means that we do not know
            status = getattr(error, "status_code", None)
            if status == TOO_LARGE:
                return None
            if status not in REFUSED:
                self.doubtful = DOUBTFUL
            raise unreachable(error) from error
        try:
            found = judge(body, len(asked))
        except Unreachable:
            self.doubtful = DOUBTFUL
            raise
        verdicts: dict[str, list[Verdict]] = {}
        for identity, verdict in zip(asked, found, strict=True):
            verdicts.setdefault(identity, []).append(verdict)
            self.count(identity, verdict)
        return verdicts

    def count(self, identity: str, verdict: Verdict) -> None:
        """Note one action's outcome."""
        if verdict.action == "create" and verdict.arrived:
            self.there.add(identity)
            self.found["already_there" if verdict.repeated else "created"] += 1
        self.found["retried"] += verdict.again

    def settled(self, items: Sequence[Item], verdicts: Mapping[str, Sequence[Verdict]]) -> Sent:
        """Return how far the items are settled, from the first on."""
        rejected: list[tuple[Item, str]] = []
        for number, item in enumerate(items):
            found = verdicts.get(document_id(item), ())
            if any(verdict.again for verdict in found):
                return Sent(number, rejected, RETRY_SECONDS)
            reasons = [verdict.reason for verdict in found if not verdict.arrived]
            if reasons:
                rejected.append((item, "; ".join(reasons)))
            self.there.discard(document_id(item))
            self.doubtful -= 1
        return Sent(len(items), rejected)

    # --- What had arrived -----------------------------------------------------------------------------

    def look_up(self, items: Sequence[Item]) -> None:
        """Find which history documents are there."""
        if not self.may_look_up:
            return
        self.let_finish()
        by_stream: dict[str, list[str]] = {}
        for item in items[:MAX_LOOKED_UP]:
            by_stream.setdefault(item.stream, []).append(document_id(item))
        found: set[str] = set()
        for stream, ids in by_stream.items():
            found |= self.present(data_stream(stream, self.namespace), ids)
        self.there |= found
        if found:  # then what comes after them may be there too
            self.doubtful, self.is_set_up = DOUBTFUL, True

    @property
    def mark(self) -> str:
        """What our requests carry, so that they are found among all that the server works on."""
        return f"otsensor-{self.feed}"

    def let_finish(self) -> None:
        """Raise Unreachable while the server works on a request of ours, perhaps of a shipper that was killed."""
        if not self.may_ask:
            return
        path, headers = "/_tasks?actions=indices:data/write/bulk*", {"accept": "application/json"}
        try:
            nodes = self.client.perform_request("GET", path, headers=headers).body["nodes"]
            tasks = [task for node in nodes.values() for task in node["tasks"].values()]
        except Exception as error:
            if getattr(error, "status_code", None) in LACKING:
                self.may_ask = False
                return
            raise unreachable(error) from error
        if any(task.get("headers", {}).get("X-Opaque-Id") == self.mark for task in tasks):
            self.found["waited_for"] += 1
            raise Unreachable("the server still works on what was sent before")

    def present(self, stream: str, ids: list[str]) -> set[str]:
        """Return which ids a data stream holds, in whichever of its backing indices."""
        asking: dict[str, Any] = {"index": stream, "ignore_unavailable": True, "allow_no_indices": True}
        query = {"ids": {"values": ids}}
        try:
            self.client.indices.refresh(**asking)
            answer = self.client.search(
                **asking, query=query, source=False, size=MAX_LOOKED_UP, allow_partial_search_results=False
            )
            found = {hit["_id"] for hit in answer.body["hits"]["hits"]}
        except Exception as error:
            if getattr(error, "status_code", None) == 403:  # a role that may only create
                self.may_look_up = False
                self.found["lookups_refused"] += 1
                return set()
            raise unreachable(error) from error
        self.found["looked_up"] += len(ids)
        return found

    def counts(self) -> Mapping[str, int]:
        """Return what was counted."""
        return self.found

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


def document_id(item: Item) -> str:
    """Return the id of an item's document in the history."""
    identity: str = item.document["event"]["id"]
    return identity


def unreachable(error: Exception) -> Unreachable:
    """Say in one line why a request failed; no credentials are in it."""
    status = getattr(error, "status_code", None)
    if status is None:
        return Unreachable(meaning(error))
    body = getattr(error, "body", None)
    reason = said(body.get("error")) if isinstance(body, dict) else ""
    means = {401: "user, password or API key is wrong", 403: "a privilege is missing"}.get(status)
    after = getattr(getattr(error, "meta", None), "headers", {}).get("retry-after", "")
    return Unreachable(
        ": ".join(filter(None, (f"HTTP {status}", means, reason))),
        float(after) if after.isdigit() else RETRY_SECONDS if status in OVERLOADED else None,
    )
