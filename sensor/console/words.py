"""Numbers as people read them.

The rule it lives by: the unit always stands beside the number.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

NS: Final = 1_000_000_000
SIZES: Final = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
DAY: Final = 86_400


def size(count: float) -> str:
    """Write a number of bytes: "186.2 MiB"."""
    for step, name in SIZES:
        if count >= step:
            return f"{count / step:,.1f} {name}"
    return f"{count:,.0f} B"


def duration(ns: float) -> str:
    """Write a duration given in ns: "12.3 ms", "4 min 10 s"."""
    seconds = ns / NS
    if not seconds:
        return "0 s"
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    if seconds < DAY:
        return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"
    return f"{int(seconds // DAY)} d {int(seconds % DAY // 3600)} h"


def cadence(ns: float) -> str:
    """Write how often something happens, from its mean interval in ns: "4.0/s", "every 12 s"."""
    if ns <= 0:
        return ""
    if ns < 1.5 * NS:
        return f"{NS / ns:.1f}/s"
    return f"every {duration(ns)}"


def moment(ns: int) -> str:
    """Write a capture time (ns since 1970) in UTC: "2026-11-23 12:30:00.123"."""
    seconds, rest = divmod(ns, NS)
    try:
        at = dt.datetime.fromtimestamp(seconds, dt.UTC)
    except (OverflowError, ValueError, OSError):
        return f"{ns} ns"
    return f"{at:%Y-%m-%d %H:%M:%S}.{rest // 1_000_000:03d}"


def plural(count: int, noun: str) -> str:
    """Write a count with its noun: "1 frame", "1,234 frames"."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
