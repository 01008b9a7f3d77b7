"""`health:` of the configuration: what the sensor tells of itself, and from where on it is a concern.

The rule it lives by: a threshold is declared here with its default and its meaning, and nowhere else.

The defaults were tried on the shipped captures and on hundreds of strangers': what a healthy mirror shows lies far
below, what a broken one shows far above.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from sensor.keys.key import key

if TYPE_CHECKING:
    from sensor.keys.key import Address

DAY = 86_400.0  # s


def percent(meaning: str, default: float) -> Any:
    """Declare a share of one window from which on something is a concern."""
    return key(f"{meaning}, in percent", "number", default, least=0, most=100)


@dataclasses.dataclass(frozen=True, slots=True)
class HealthSettings:
    """`health:`, what the sensor tells of itself; times in seconds, shares in percent."""

    listen: Address | None = key(
        "IP address and port where Prometheus may ask; off unless given", "address", example="127.0.0.1:9464"
    )
    listen_anywhere: bool = key(
        "allow that address to be one for all of this machine's: 0.0.0.0, ::", "flag", default=False
    )
    every: float = key("how often a health report is kept in the store", "seconds", 60.0, least=1, most=DAY)
    window: float = key("over how long shares are judged", "seconds", 60.0, least=10, most=DAY)
    calm: int = key("windows without a sign of it after which a concern is over", "whole", 3, least=1, most=1_000)
    no_traffic_after: float = key(
        "silence of everything that is a concern; three times the usual pause where that is longer", "seconds", 60.0,
        least=10, most=DAY,
    )  # fmt: skip
    known_after: float = key(
        "how long a network or machine must have been heard regularly for its silence to matter", "seconds", 3_600.0,
        least=60,
    )  # fmt: skip
    silent_after: float = key("shortest silence of a network or machine that is a concern", "seconds", 180.0, least=30)
    pauses: float = key("how many times its longest usual pause that silence must last", "number", 4, least=1, most=100)
    traffic_fallen: float = percent("frames of what was usual, under which traffic has fallen", 10)
    kernel_drops: float = percent("frames that the kernel drops", 0.1)
    one_way: float = percent("TCP conversations of which only one side is heard", 50)
    gaps: float = percent("bytes missing from TCP streams", 2)
    cut: float = percent("frames cut short", 1)
    unparsed: float = percent("bytes of a protocol that cannot be read", 20)
    doubled: float = percent("frames that come twice (a mirror that doubles everything makes it 50)", 25)
    long_frames: float = percent("frames longer than Ethernet has them", 1)
    checksums_unfinished: float = percent("TCP checksums not filled in, of those looked at", 20)
