"""Frames from the wire: rings of the kernel, opened with privileges and read without.

The rule it lives by: nothing is ever sent, and nothing is lost without a name and a counter.
"""

from __future__ import annotations

from sensor.capture.live.errors import LiveError
from sensor.capture.live.live import Live
from sensor.capture.live.recordedfiles import RecordingSettings, ready
from sensor.capture.live.recording import Recording
from sensor.capture.live.sockets import open_sockets, remarks
from sensor.capture.live.span import RingSettings, SpanSocket

__all__ = [
    "Live",
    "LiveError",
    "Recording",
    "RecordingSettings",
    "RingSettings",
    "SpanSocket",
    "open_sockets",
    "ready",
    "remarks",
]
