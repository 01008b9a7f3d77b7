"""A DNP3 master by yadnp3, which tells the story as it goes.

Its calls return at once and answer later by callback; here each waits for its answer.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import opendnp3 as dnp3

from .plant import DNP3_PORT, MASTER_ADDRESS, OUTSTATION_ADDRESS, address

if TYPE_CHECKING:
    from collections.abc import Callable

    from .story import Story

PATIENCE = 2  # seconds a master waits for a response
CLOSE = ("pulse_on close", dnp3.OperationType.PULSE_ON, dnp3.TripCloseCode.CLOSE)
TRIP = ("pulse_on trip", dnp3.OperationType.PULSE_ON, dnp3.TripCloseCode.TRIP)
LATCH_ON = ("latch_on", dnp3.OperationType.LATCH_ON, dnp3.TripCloseCode.NUL)
LATCH_OFF = ("latch_off", dnp3.OperationType.LATCH_OFF, dnp3.TripCloseCode.NUL)


class _Application(dnp3.IMasterApplication):
    """Notes when the start-up tasks are done."""

    def __init__(self) -> None:
        super().__init__()
        self.ready = threading.Event()
        self.results: list[Any] = []

    def OnTaskComplete(self, info: Any) -> None:  # noqa: N802
        self.results.append(info)
        if info.type == dnp3.MasterTaskType.ENABLE_UNSOLICITED:
            self.ready.set()


class Master:
    """One master on one connection to the tower."""

    def __init__(self, story: Story, target: str, own: int = MASTER_ADDRESS, retry: float = 10) -> None:
        self.story = story
        self.target = target
        self.application, self.values, self.listener = _Application(), dnp3.ISOEHandler(), dnp3.IChannelListener()
        self.manager = dnp3.DNP3Manager(1)
        pause = dnp3.TimeDuration.Milliseconds(int(retry * 1000))
        patience = dnp3.ChannelRetry(pause, pause)
        patience.reconnectDelay = pause
        there = [dnp3.IPEndpoint(address(target), DNP3_PORT)]
        quiet = dnp3.LogLevels.none()
        self.channel = self.manager.AddTCPClient(
            "line", quiet, patience, there, "0.0.0.0", self.listener
        )
        config = dnp3.MasterStackConfig()
        config.master.responseTimeout = dnp3.TimeDuration.Seconds(PATIENCE)
        config.master.timeSyncMode = dnp3.TimeSyncMode.NonLAN
        config.link.LocalAddr, config.link.RemoteAddr = own, OUTSTATION_ADDRESS
        self.master = self.channel.AddMaster("master", self.values, self.application, config)

    def start(self) -> None:
        """Connect and wait until the start-up sequence is through."""
        self.master.Enable()
        self.application.ready.wait(5)

    def poll(self, events: float, integrity: float) -> None:
        """Read events and everything, again and again."""
        some, every = dnp3.ClassField(False, True, True, True), dnp3.ClassField.AllClasses()
        self.master.AddClassScan(some, dnp3.TimeDuration.Milliseconds(int(events * 1000)), self.values)
        self.master.AddClassScan(every, dnp3.TimeDuration.Milliseconds(int(integrity * 1000)), self.values)
        for detail in (f"read classes=1,2,3 every={events}s", f"read classes=0,1,2,3 every={integrity}s"):
            self.story.tell(self.target, "read", "dnp3", detail, "accepted")

    def close(self) -> None:
        """End the connection."""
        self.manager.Shutdown()

    def operate(self, control: tuple[str, Any, Any], index: int, *, select: bool) -> str:
        """Operate a relay output, with or without selecting it first."""
        words, operation, trip_close = control
        block = dnp3.ControlRelayOutputBlock(operation, trip_close)
        detail = f"g12v1 index={index} {words}"
        return self._command(detail, block, index, select=select)

    def set_point(self, value: int, index: int, *, select: bool) -> str:
        """Write an analog output."""
        return self._command(f"g41v2 index={index} value={value}", dnp3.AnalogOutputInt16(value), index, select=select)

    def _command(self, detail: str, command: Any, index: int, *, select: bool) -> str:
        send = self.master.SelectAndOperate if select else self.master.DirectOperate
        name = "select_operate" if select else "direct_operate"
        return self._tell("operate", f"{name} {detail}", lambda done: send(command, index, done), _command_outcome)

    def restart(self, *, cold: bool) -> str:
        """Restart the outstation."""
        kind = dnp3.RestartType.COLD if cold else dnp3.RestartType.WARM
        name = "cold_restart" if cold else "warm_restart"
        return self._tell("restart", name, lambda done: self.master.Restart(kind, done), _restart_outcome)

    def perform(self, action: str, detail: str, function: Any, headers: list[Any]) -> str:
        """Send any function with these object headers."""
        before = len(self.application.results)

        def deed() -> str:
            self.master.PerformFunction(detail, function, headers)
            for _ in range(50):
                for info in self.application.results[before:]:
                    if info.type == dnp3.MasterTaskType.USER_TASK:
                        return _task_outcome(info.result)
                threading.Event().wait(0.05)
            return "unanswered"

        return self.story.act(self.target, action, "dnp3", detail, deed)

    def _tell(self, action: str, detail: str, send: Callable[[Any], None], judge: Callable[[Any], str]) -> str:
        def deed() -> str:
            answered, outcome = threading.Event(), ["unanswered"]

            def done(result: Any) -> None:
                outcome[0] = judge(result)
                answered.set()

            send(done)
            answered.wait(PATIENCE + 3)
            return outcome[0]

        return self.story.act(self.target, action, "dnp3", detail, deed)


def _task_outcome(summary: Any) -> str:
    if summary == dnp3.TaskCompletion.SUCCESS:
        return "accepted"
    return "refused" if summary == dnp3.TaskCompletion.FAILURE_BAD_RESPONSE else "unanswered"


def _command_outcome(result: Any) -> str:
    outcome = _task_outcome(result.summary)
    states = [point.status for point in result.to_list()]
    refused = any(state != dnp3.CommandStatus.SUCCESS for state in states)
    return "refused" if outcome == "accepted" and refused else outcome


def _restart_outcome(result: Any) -> str:
    return _task_outcome(result.summary)
