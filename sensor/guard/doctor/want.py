"""What the sensor is meant to do here, which decides what is wrong.

The rule it lives by: it is the same as `otsensor watch` would be told; the doctor has no wishes of its own.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pathlib


@dataclasses.dataclass(frozen=True, slots=True)
class Want:
    """What is meant to be."""

    interfaces: tuple[str, ...]
    workers: int = 1
    promiscuous: bool = True
    hardware_times: bool = False
    ring_size: int = 64 * 10**6  # bytes for each interface and worker
    allow_addresses: bool = False
    user: str = "otsensor"
    sandbox: bool = True
    db: pathlib.Path | None = None
    write: pathlib.Path | None = None  # folder of captures
    reads: tuple[pathlib.Path, ...] = ()  # rules, protocols, the configuration's folder
    seconds: float = 5.0  # to listen
