"""The reply to a bulk request, judged action by action.

The rule it lives by: nothing counts as arrived but an item that says so. A reply that is not whole says nothing about
what arrived.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from sensor.ship.destination import Unreachable

ARRIVED: Final = (200, 201)
CONFLICT: Final = 409  # it is there already, or something newer is
AGAIN: Final = (429, 500, 502, 503, 504)
OURS: Final = (401, 403, 404)  # not the document's fault: privileges, or `otsensor setup elasticsearch`
MAX_REASON: Final = 500  # characters


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one action."""

    action: str  # "create" or "index"
    arrived: bool
    repeated: bool = False  # it was there before
    again: bool = False  # no room at present
    reason: str = ""


def judge(body: Any, expected: int) -> list[Verdict]:
    """Return a verdict for each action; raise Unreachable when the reply does not speak of every one."""
    items = body.get("items") if isinstance(body, dict) else None
    if not isinstance(items, list) or len(items) != expected:
        many = len(items) if isinstance(items, list) else "no"
        raise Unreachable(f"the reply speaks of {many} of {expected} documents")
    return [verdict(item) for item in items]


def verdict(item: Any) -> Verdict:
    """Judge one."""
    if not isinstance(item, dict) or len(item) != 1:
        raise Unreachable("the reply is not what a bulk request is answered with")
    ((action, result),) = item.items()
    status = result.get("status") if isinstance(result, dict) else None
    if not isinstance(status, int):
        raise Unreachable("the reply has no status for a document")
    error = result.get("error")
    reason = f"{action}: {said(error) or f'status {status}'}"
    if status in ARRIVED:
        if result.get("failure_store") == "used":
            return Verdict(action, arrived=False, reason=f"{action}: put into the failure store{cause(result)}")
        if result.get("result") == "noop":
            return Verdict(action, arrived=False, reason=f"{action}: dropped by an ingest pipeline")
        return Verdict(action, arrived=True)
    if status == CONFLICT:
        return Verdict(action, arrived=True, repeated=True)
    if status in AGAIN:
        return Verdict(action, arrived=False, again=True, reason=reason)
    if status in OURS:
        raise Unreachable(f"{reason}; `otsensor doctor elasticsearch` tells more")
    return Verdict(action, arrived=False, reason=reason)


def said(error: Any) -> str:
    """Return an error's type and reason, the innermost one first, where mapping errors say what they mean."""
    if not isinstance(error, dict):
        return str(error)[:MAX_REASON] if error else ""
    inner = said(error.get("caused_by"))
    outer = f"{error.get('type')}: {error.get('reason')}"
    return (f"{outer} ({inner})" if inner else outer)[:MAX_REASON]


def cause(result: Any) -> str:
    """Return why the failure store was used, where the server says so."""
    return f": {said(result.get('error'))}" if result.get("error") else ""
