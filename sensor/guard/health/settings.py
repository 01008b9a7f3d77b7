"""`health:` of the configuration: how often it is looked, and from where on it is a concern.

The rule it lives by: a threshold is declared here with its default and its reason, and nowhere else.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from sensor.ship.destination import Key
from sensor.ship.settings import checked, mapping

if TYPE_CHECKING:
    import yaml

    from sensor.ship.settings import Problems

# Percentages are of one window. The defaults were tried on the shipped captures and on hundreds of strangers': what a
# healthy mirror shows lies far below, what a broken one shows far above.
KEYS: Final = {
    "listen": Key("address and port of the Prometheus endpoint, such as 127.0.0.1:9464; off unless given"),
    "listen_anywhere": Key("allow an address that stands for all of this machine's (0.0.0.0, ::)", "flag", False),
    "every": Key("how often counters are written into the store", "seconds", 60.0),
    "window": Key("over how long shares are judged", "seconds", 60.0),
    "calm": Key("windows without a sign of it after which a concern is over", "number", 3),
    "no_traffic_after": Key(
        "silence of everything that is a concern; three times the usual pause if that is longer", "seconds", 60.0
    ),
    "known_after": Key(
        "how long a network or machine must have been heard regularly for its silence to matter", "seconds", 3600.0
    ),
    "silent_after": Key("shortest silence of a network or machine that is a concern", "seconds", 180.0),
    "pauses": Key("how many times its longest usual pause a silence must last", "number", 4),
    "traffic_fallen": Key("frames, in percent of what was usual, under which traffic has fallen", "number", 10),
    "kernel_drops": Key("frames dropped by the kernel, percent", "number", 0.1),
    "one_way": Key("TCP conversations of which one side is heard, percent", "number", 50),
    "gaps": Key("bytes missing from TCP streams, percent", "number", 2),
    "cut": Key("frames cut short, percent", "number", 1),
    "unparsed": Key("bytes of a protocol that could not be read, percent", "number", 20),
    "doubled": Key("frames copied twice, percent of all; a mirror of both directions makes it 50", "number", 25),
    "long_frames": Key("frames longer than Ethernet has them, percent", "number", 1),
    "checksums_unfinished": Key("TCP checksums not filled in, percent of those sampled", "number", 20),
}
PERCENT: Final = tuple(name for name in KEYS if "percent" in KEYS[name].meaning)


@dataclasses.dataclass(frozen=True, slots=True)
class HealthSettings:
    """The checked `health:`; times in seconds, shares in percent."""

    listen: str | None = None
    listen_anywhere: bool = KEYS["listen_anywhere"].default
    every: float = KEYS["every"].default
    window: float = KEYS["window"].default
    calm: float = KEYS["calm"].default
    no_traffic_after: float = KEYS["no_traffic_after"].default
    known_after: float = KEYS["known_after"].default
    silent_after: float = KEYS["silent_after"].default
    pauses: float = KEYS["pauses"].default
    traffic_fallen: float = KEYS["traffic_fallen"].default
    kernel_drops: float = KEYS["kernel_drops"].default
    one_way: float = KEYS["one_way"].default
    gaps: float = KEYS["gaps"].default
    cut: float = KEYS["cut"].default
    unparsed: float = KEYS["unparsed"].default
    doubled: float = KEYS["doubled"].default
    long_frames: float = KEYS["long_frames"].default
    checksums_unfinished: float = KEYS["checksums_unfinished"].default


def health(node: yaml.Node, problems: Problems) -> HealthSettings:
    """Return the checked `health:`; what is wrong goes to `problems`."""
    given = mapping(node, problems)
    values: dict[str, Any] = checked(node, KEYS, problems)
    for name in PERCENT:
        if not 0 <= values[name] <= 100:
            problems.add(given[name], f"{name}: {values[name]} is no percentage")
    for name, least in (("every", 1), ("window", 10), ("calm", 1), ("pauses", 1)):
        if values[name] < least:
            problems.add(given[name], f"{name}: {values[name]:g} is less than {least}")
    return HealthSettings(**values)
