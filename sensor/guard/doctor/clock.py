"""Is the clock right: every frame's time comes from it; adjtimex(2).

The rule it lives by: the kernel is asked whether somebody keeps its clock; no time server is.
"""

from __future__ import annotations

import ctypes
import pathlib
from typing import TYPE_CHECKING, Final

from sensor.guard import kernel
from sensor.guard.doctor.finding import NOTE, WARNING, WELL, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

ABOUT: Final = "clock"
UNSYNCHRONISED: Final = 0x40  # STA_UNSYNC
MOST_ERROR: Final = 100_000  # us; correlating with other sensors' records needs better
SOURCE: Final = pathlib.Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
SLOW_SOURCES: Final = ("hpet", "acpi_pm", "jiffies", "refined-jiffies")


class Timex(ctypes.Structure):
    """struct timex; asked with no modes it changes nothing."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 32),
    )


def examine() -> Iterator[Finding]:
    """Look at the clock."""
    asked = Timex()
    if kernel.libc.adjtimex(ctypes.byref(asked)) < 0:
        yield Finding(NOTE, ABOUT, "synchronised", "the kernel does not tell whether the clock is kept right")
    elif asked.status & UNSYNCHRONISED:
        yield Finding(
            WARNING,
            ABOUT,
            "synchronised",
            "nobody keeps the clock right: times of frames and alerts drift",
            "NTP or PTP",
            "timedatectl set-ntp true, or chronyd with a server of the plant",
        )
    elif asked.maxerror > MOST_ERROR:
        yield Finding(
            WARNING,
            ABOUT,
            "synchronised",
            f"the clock may be {asked.maxerror / 1e6:.1f} s wrong",
            "less than 0.1 s",
            "see to the time server: chronyc tracking",
        )
    else:
        yield Finding(WELL, ABOUT, "synchronised", f"is kept right, within {asked.maxerror / 1e3:.0f} ms")
    try:
        source = SOURCE.read_text(encoding="ascii").strip()
    except OSError:
        return
    if source in SLOW_SOURCES:
        yield Finding(
            WARNING,
            ABOUT,
            "source",
            f"is read from {source}, which takes long for each frame",
            "tsc",
            "see the firmware's settings, or boot with tsc=reliable where the processor has an invariant one",
        )
