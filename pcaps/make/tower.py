"""The water tower's remote terminal unit, a DNP3 outstation by yadnp3 that takes one connection at a time.

Binary inputs: 0 inlet valve open, 1 outlet valve open, 2 door open, 3 mains failed. Analog inputs: 0 level (cm),
1 flow (l/s), 2 pressure (kPa), 3 battery (0.1 V). Binary outputs: 0 inlet valve, 1 outlet valve.
Analog output: 0 high level alarm (cm).
"""

from __future__ import annotations

import itertools
import math
import queue
import time
from typing import TYPE_CHECKING, Any

import opendnp3 as dnp3

from .plant import DNP3_PORT, MASTER_ADDRESS, OUTSTATIONS

if TYPE_CHECKING:
    from .story import Story

POINTS = 4  # of each type
COLD_RESTART_MS, WARM_RESTART_MS = 4000, 1500


class _Commands(dnp3.ICommandHandler):
    """Takes commands for the outputs that exist and refuses the others."""

    def Select(self, _: Any, index: int) -> Any:  # noqa: N802
        return dnp3.CommandStatus.SUCCESS if index < 2 else dnp3.CommandStatus.NOT_SUPPORTED

    def Operate(self, command: Any, index: int, *_: Any) -> Any:  # noqa: N802
        return self.Select(command, index)


class _Application(dnp3.IOutstationApplication):
    """Takes the time and does restarts, which the main loop carries out."""

    def __init__(self, restarts: queue.SimpleQueue[float]) -> None:
        super().__init__()
        self.restarts = restarts
        self.knows_time = False

    def SupportsWriteAbsoluteTime(self) -> bool:  # noqa: N802
        return True

    def WriteAbsoluteTime(self, _: Any) -> bool:  # noqa: N802
        self.knows_time = True
        return True

    def GetApplicationIIN(self) -> Any:  # noqa: N802
        indications = dnp3.ApplicationIIN()
        indications.needTime = not self.knows_time
        return indications

    def SupportsAssignClass(self) -> bool:  # noqa: N802
        return True

    def ColdRestartSupport(self) -> Any:  # noqa: N802
        return dnp3.RestartMode.SUPPORTED_DELAY_FINE

    def ColdRestart(self) -> int:  # noqa: N802
        self.knows_time = False
        self.restarts.put(COLD_RESTART_MS / 1000)
        return COLD_RESTART_MS

    def WarmRestartSupport(self) -> Any:  # noqa: N802
        return dnp3.RestartMode.SUPPORTED_DELAY_FINE

    def WarmRestart(self) -> int:  # noqa: N802
        self.restarts.put(WARM_RESTART_MS / 1000)
        return WARM_RESTART_MS


def _configuration(link_address: int, *, unsolicited: bool) -> Any:
    database = dnp3.DatabaseConfig(POINTS)
    database.time_and_interval = {}  # tshark calls g50v4 malformed
    database.octet_string = {}
    config = dnp3.OutstationStackConfig(database)
    config.outstation.eventBufferConfig = dnp3.EventBufferConfig.AllTypes(50)
    config.outstation.params.allowUnsolicited = unsolicited
    config.link.LocalAddr, config.link.RemoteAddr = link_address, MASTER_ADDRESS
    return config


def _now() -> Any:
    return dnp3.DNPTime(time.time_ns() // 1_000_000, dnp3.TimestampQuality.SYNCHRONIZED)


def _measure(outstation: Any, second: int) -> None:
    updates, online, now = dnp3.UpdateBuilder(), dnp3.Flags(0x01), _now()
    level = 655 + round(20 * math.sin(second / 60))
    for index, value in enumerate((level, 18 + second // 8 % 3, 62, 137)):
        updates.Update(dnp3.Analog(value, online, now), index)
    for index, state in enumerate((True, True, second % 30 == 9, False)):
        updates.Update(dnp3.Binary(state, online, now), index)
    updates.Update(dnp3.Counter(90_210 + second // 5, online, now), 0)
    outstation.Apply(updates.Build())


class _Terminal:
    """The outstation with what must stay alive beside it: the library keeps no references."""

    def __init__(self, link_address: int, *, unsolicited: bool) -> None:
        self.config = _configuration(link_address, unsolicited=unsolicited)
        self.restarts: queue.SimpleQueue[float] = queue.SimpleQueue()
        self.commands, self.application = _Commands(), _Application(self.restarts)
        self.listener = dnp3.IChannelListener()
        self.manager = dnp3.DNP3Manager(1)
        self.channel: Any = None
        self.outstation: Any = None

    def start(self) -> None:
        everywhere = dnp3.IPEndpoint("0.0.0.0", DNP3_PORT)
        one_at_a_time = dnp3.ServerAcceptMode.CloseExisting
        quiet = dnp3.LogLevels.none()
        self.channel = self.manager.AddTCPServer("tower", quiet, one_at_a_time, everywhere, self.listener)
        self.outstation = self.channel.AddOutstation("tower", self.commands, self.application, self.config)
        self.outstation.Enable()

    def restart(self, seconds: float) -> None:
        """Answer first, then go away for the announced time."""
        time.sleep(0.3)
        self.channel.Shutdown()
        time.sleep(seconds)
        self.start()


def serve(story: Story, *, unsolicited: bool = False) -> None:
    """Be a terminal unit like the tower's until killed; it speaks unasked only when told so."""
    terminal = _Terminal(OUTSTATIONS[story.actor], unsolicited=unsolicited)
    terminal.start()
    for second in itertools.count():
        _measure(terminal.outstation, second)
        try:
            terminal.restart(terminal.restarts.get(timeout=1))
        except queue.Empty:
            continue
