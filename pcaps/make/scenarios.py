"""What is played for each capture. A scenario's docstring is its line in README.md."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from . import booster, engineer, filter, historian, hmi, intake, intruder, tower  # noqa: A004
from .plant import DNP3_PORT, HOSTS, MODBUS_PORT, S7_PORT

if TYPE_CHECKING:
    from collections.abc import Callable

    from .stage import Stage


class Scenario(NamedTuple):
    """One capture: its file, what is played, and what the tap does."""

    file: str
    play: Callable[[Stage], None]
    mirror: dict[str, list[str]] | None = None
    vlan: int = 0

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.file.rpartition(".")[0]

    @property
    def meaning(self) -> str:
        """What the capture shows."""
        return " ".join((self.play.__doc__ or "").split())


def _controllers(stage: Stage) -> None:
    stage.serve("intake", intake.serve, MODBUS_PORT)
    stage.serve("booster", booster.serve, MODBUS_PORT)
    stage.serve("filter", filter.serve, S7_PORT)
    stage.serve("tower", tower.serve, DNP3_PORT)


def plant(stage: Stage) -> None:
    """A waterworks' morning: polling with two operator commands, maintenance, an intruder from scan to stop, the repair."""
    _controllers(stage)
    stage.record()
    stage.begin("hmi", hmi.everything)
    time.sleep(1)
    stage.begin("historian", historian.everything)
    time.sleep(65)
    stage.act("engineer", engineer.maintenance)
    time.sleep(20)
    stage.act("laptop", intruder.attack)
    time.sleep(12)
    stage.act("engineer", engineer.repair)
    time.sleep(10)


ALL = (Scenario("plant.pcapng", plant),)
assert HOSTS  # noqa: S101
