"""What a document carries on a line that nothing comes back on, and how it is taken up again on the far side.

The rule it lives by: each document says which one went before it on this way (`ot.feed.after`), so that whoever listens
knows from the numbers alone what is missing, also where a filter left documents out. Sent twice, it says the same.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sensor.ship.documents import STREAMS, Item, stamped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MAX_NUMBER: Final = (1 << 63) - 1
MAX_WORD: Final = 256  # of an id or a name that came over the line


class Carried(NamedTuple):
    """A document that came over a one-way line."""

    feed: str  # id of the sensor's store and of the way the document went
    after: int  # sequence of the document that went before it there
    item: Item


class NotCarried(Exception):  # noqa: N818  # the sender's fault
    """A document that does not say from which feed it is, or not as we say it."""


def feed_id(store: str, destination: str) -> str:
    """Return the id of a feed: which store, and which way out of it (hex, 16 digits)."""
    return hashlib.blake2b(f"{store}\x1f{destination}".encode("utf-8", "replace"), digest_size=8).hexdigest()


def carried(items: Sequence[Item], feed: str, after: int, now_ns: int) -> Iterator[dict[str, Any]]:
    """Yield the documents as they go out; `after`: sequence of the item before the first."""
    for item in items:
        document = stamped(item, now_ns)
        told = {"id": feed, "sequence": item.sequence, "after": after, "subject": item.id, "revision": item.revision}
        document["ot"] = {**document.get("ot", {}), "feed": told}
        yield document
        after = item.sequence


def taken_up(document: Any) -> Carried:
    """Return a document that came, as an item; raise NotCarried. The feed's own words are taken off it."""
    event, ot = part(document, "event"), part(document, "ot")
    told = part(ot, "feed")
    dataset = word(event, "dataset")
    stream = dataset.removeprefix("otsensor.")
    if stream not in STREAMS or dataset == stream:
        raise NotCarried(f"event.dataset is {dataset[:64]!r}")
    word(event, "id")
    sequence, after = number(told, "sequence"), number(told, "after")
    if after >= sequence:
        raise NotCarried(f"it goes before itself: {sequence} after {after}")
    item = Item(sequence, stream, word(told, "subject"), number(told, "revision"), document)
    feed = word(told, "id")
    del ot["feed"]
    return Carried(feed, after, item)


def part(document: Any, name: str) -> dict[str, Any]:
    """Return an object within an object; raise NotCarried."""
    found = document.get(name) if isinstance(document, dict) else None
    if not isinstance(found, dict):
        raise NotCarried(f"{name} is missing")
    return found


def word(document: Mapping[str, Any], name: str) -> str:
    """Return a short text; raise NotCarried."""
    found = document.get(name)
    if not isinstance(found, str) or not 0 < len(found) <= MAX_WORD:
        raise NotCarried(f"{name} is no word")
    return found


def number(document: Mapping[str, Any], name: str) -> int:
    """Return a number from 0; raise NotCarried."""
    found = document.get(name)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= MAX_NUMBER:
        raise NotCarried(f"{name} is no number")
    return found
