"""How much the counters of a worker's pulse have grown since its last one.

The rule it lives by: frames only grow; a worker that shows fewer than before has begun anew, and everything it shows
has grown since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# What grew: a group ("", "network", "protocol"), which one of the group (a network's place), the counter's name.
Key = tuple[str, Any, str]
Growth = dict[Key, int]

TOTALS: Final = ("frames", "bytes", "stream_bytes")
FEW: Final = 3  # conversations whose other side fell silent: fewer may be a machine that was switched off


def flat(pulse: Mapping[str, Any]) -> Growth:
    """Return every counter of a pulse by its key."""
    found: Growth = {("", "", name): count for name, count in pulse["counts"].items()}
    found.update({("", "", name): pulse[name] for name in TOTALS})
    for site, segment, vlan, tunnel, frames, _time, talks, one_way, fallen in pulse["lanes"]:
        counts = {"frames": frames, "talks": talks, "one_way": one_way, "fallen": fallen}
        for name, count in counts.items():
            key = ("network", (site, segment, vlan, tunnel), name)
            found[key] = found.get(key, 0) + count
    for protocol, counts in pulse["protocols"].items():
        found.update({("protocol", protocol, name): count for name, count in counts.items()})
    return found


def grown(before: Growth, after: Growth) -> Growth:
    """Return what has grown, and by how much; a machine or two that fell silent say nothing of the mirror."""
    total = ("", "", "frames")
    known = before if after.get(total, 0) >= before.get(total, 0) else {}
    more = {key: count - known.get(key, 0) for key, count in after.items() if count > known.get(key, 0)}
    for group, where, name in [key for key in more if key[2] == "fallen"]:
        few = more[group, where, name]
        if few < FEW:
            more[group, where, "one_way"] = more.get((group, where, "one_way"), 0) - few
            more[group, where, "talks"] = more.get((group, where, "talks"), 0) - few
    return more
