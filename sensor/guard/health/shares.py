"""Shares of what was seen: so many of so many frames, bytes or conversations are not as they should be.

The rule it lives by: nothing is said without enough to say it of; what a quiet window lacks, the next ones add.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from sensor.detect.concern import NOWHERE
from sensor.guard.health.verdict import ALL, Verdict, named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sensor.guard.health.growth import Growth
    from sensor.guard.health.settings import HealthSettings


@dataclasses.dataclass(frozen=True, slots=True)
class Ratio:
    """One share: its threshold is the setting of the same name."""

    kind: str
    group: str
    part: tuple[str, ...]
    whole: tuple[str, ...]
    least: int  # of the whole: less is no evidence
    found: str
    expected: str
    times: str = ""  # a counter that must have grown by `often` as well
    often: int = 0


RATIOS: Final = (
    Ratio("one_way", "network", ("one_way",), ("talks",), 3,
          "{part:,} of {whole:,} TCP conversations are heard from one side only",
          "both sides: the mirror must copy what its ports receive and what they send"),
    Ratio("gaps", "", ("gap_bytes",), ("stream_bytes", "gap_bytes"), 4_096,
          "{part:,} of {whole:,} bytes of TCP streams are missing",
          "whole streams: a mirror port that is fast enough for what is copied to it", "gaps", 5),
    Ratio("cut", "", ("frames_cut",), ("frames",), 20,
          "{part:,} of {whole:,} frames are cut short",
          "whole frames: no snap length, and a mirror that does not slice"),
    Ratio("unparsed", "protocol", ("skipped_bytes", "unread_bytes"), ("payload_bytes", "unread_bytes"), 4_096,
          "{part:,} of {whole:,} bytes could not be read", "messages of this protocol on its ports"),
    Ratio("doubled", "", ("mirror_duplicates",), ("frames",), 100,
          "{part:,} of {whole:,} frames came twice",
          "each frame once: ports that are mirrored in both directions show what passes between them twice"),
    Ratio("long_frames", "", ("frames_long",), ("frames",), 100,
          "{part:,} of {whole:,} frames are longer than Ethernet has them",
          "frames as they are on the wire: ethtool -K INTERFACE gro off lro off"),
    Ratio("checksums_unfinished", "", ("checksums_unfinished",), ("checksums_sampled",), 20,
          "{part:,} of {whole:,} TCP checksums looked at are not filled in",
          "frames from the wire: ethtool -K INTERFACE tx off on the host that is captured on"),
)  # fmt: skip


class Shares:
    """Adds growth up until there is enough of it to judge."""

    def __init__(self, settings: HealthSettings) -> None:
        self.settings = settings
        self.sums: Growth = {}  # as many as pulses have counters

    def add(self, growth: Growth) -> None:
        """Take what has grown."""
        sums = self.sums
        for key, count in growth.items():
            sums[key] = sums.get(key, 0) + count

    def judge(self) -> Iterator[Verdict]:
        """Judge every share of which there is enough, and forget what it was judged by."""
        judged: set[tuple[str, object, str]] = set()
        for ratio in RATIOS:
            for where in sorted({key[1] for key in self.sums if key[0] == ratio.group and key[2] in ratio.whole}):
                part, whole = self.total(ratio, where, ratio.part), self.total(ratio, where, ratio.whole)
                if whole < ratio.least:
                    continue
                judged |= {(ratio.group, where, name) for name in (*ratio.part, *ratio.whole, ratio.times)}
                yield self.verdict(ratio, where, part, whole)
        for key in judged:
            self.sums.pop(key, None)

    def total(self, ratio: Ratio, where: object, names: tuple[str, ...]) -> int:
        """Return the sum of some counters."""
        return sum(self.sums.get((ratio.group, where, name), 0) for name in names)

    def verdict(self, ratio: Ratio, where: object, part: int, whole: int) -> Verdict:
        """Judge one share."""
        often = self.sums.get((ratio.group, where, ratio.times), 0) >= ratio.often
        bad = often and part > 0 and 100 * part >= getattr(self.settings, ratio.kind) * whole
        place = where if isinstance(where, tuple) else NOWHERE
        text = named(place) if isinstance(where, tuple) else str(where) or ALL
        found = ratio.found.format(part=part, whole=whole)
        return Verdict(ratio.kind, text, bad, found, ratio.expected, place=place)
