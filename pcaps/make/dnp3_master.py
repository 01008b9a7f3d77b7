"""A DNP3 master by yadnp3, which tells the story as it goes.

Its calls return at once and answer later by callback; here each waits for its answer.
"""

from __future__ import annotations

import struct
import threading
import time
from typing import TYPE_CHECKING, Any

import opendnp3 as dnp3

from .plant import DNP3_PORT, MASTER_ADDRESS, OUTSTATIONS, address

if TYPE_CHECKING:
    from collections.abc import Callable

    from .story import Story

PATIENCE = 2  # seconds a master waits for a response
CLOSE = ("pulse_on close", dnp3.OperationType.PULSE_ON, dnp3.TripCloseCode.CLOSE)
TRIP = ("pulse_on trip", dnp3.OperationType.PULSE_ON, dnp3.TripCloseCode.TRIP)
LATCH_ON = ("latch_on", dnp3.OperationType.LATCH_ON, dnp3.TripCloseCode.NUL)
LATCH_OFF = ("latch_off", dnp3.OperationType.LATCH_OFF, dnp3.TripCloseCode.NUL)


STARTUP = {  # the library's own tasks: the action, what goes over the wire
    dnp3.MasterTaskType.DISABLE_UNSOLICITED: ("subscribe", "disable_unsolicited classes=1,2,3"),
    dnp3.MasterTaskType.CLEAR_RESTART: ("write", "write g80v1 index=7 value=0"),
    dnp3.MasterTaskType.STARTUP_INTEGRITY_POLL: ("read", "read classes=0,1,2,3"),
    dnp3.MasterTaskType.NON_LAN_TIME_SYNC: ("time_set", "write g50v1 after=delay_measurement"),
    dnp3.MasterTaskType.ENABLE_UNSOLICITED: ("subscribe", "enable_unsolicited classes=1,2,3"),
}


class _Application(dnp3.IMasterApplication):
    """Tells what the library does by itself after connecting or after a restart, and notes when it is through."""

    def __init__(self, story: Story, target: str) -> None:
        super().__init__()
        self.story = story
        self.target = target
        self.began = 0
        self.ready = threading.Event()
        self.results: list[Any] = []  # of the tasks it was given

    def OnTaskStart(self, *_: Any) -> None:  # noqa: N802
        self.began = time.time_ns()

    def OnTaskComplete(self, info: Any) -> None:  # noqa: N802
        if info.type == dnp3.MasterTaskType.USER_TASK:
            self.results.append(info.result)
        if info.type in STARTUP:
            action, detail = STARTUP[info.type]
            self.story.tell(self.target, action, "dnp3", detail, _task_outcome(info.result), self.began)
        if info.type == dnp3.MasterTaskType.ENABLE_UNSOLICITED:
            self.ready.set()


class Master:
    """One master on one connection to an outstation."""

    def __init__(self, story: Story, target: str, own: int = MASTER_ADDRESS, retry: float = 10) -> None:
        self.story = story
        self.target = target
        self.application = _Application(story, target)
        self.values, self.listener = dnp3.ISOEHandler(), dnp3.IChannelListener()
        self.manager = dnp3.DNP3Manager(1)
        pause = dnp3.TimeDuration.Milliseconds(int(retry * 1000))
        patience = dnp3.ChannelRetry(pause, pause)
        patience.reconnectDelay = pause
        there = [dnp3.IPEndpoint(address(target), DNP3_PORT)]
        quiet = dnp3.LogLevels.none()
        self.channel = self.manager.AddTCPClient("line", quiet, patience, there, "0.0.0.0", self.listener)
        config = dnp3.MasterStackConfig()
        config.master.responseTimeout = dnp3.TimeDuration.Seconds(PATIENCE)
        config.master.timeSyncMode = dnp3.TimeSyncMode.NonLAN
        config.link.LocalAddr, config.link.RemoteAddr = own, OUTSTATIONS[target]
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
        words = f"operate {detail} after=select" if select else f"direct_operate {detail}"
        return self._tell("operate", words, lambda done: send(command, index, done), _command_outcome)

    def operate_silently(self, control: tuple[str, Any, Any], index: int) -> None:
        """Operate a relay output with "direct operate, no response"; the answer that is not due is not waited for."""
        words, operation, trip_close = control
        code = operation.value | trip_close.value << 6
        point = bytes((12, 1, 0x17, 1, index, code, 1)) + struct.pack("<IIB", 100, 100, 0)
        self.story.tell(
            self.target, "operate", "dnp3", f"direct_operate_no_response g12v1 index={index} {words}", "no_answer_due"
        )
        self.master.PerformFunction("silently", dnp3.FunctionCode.DIRECT_OPERATE_NR, [dnp3.Header.Raw(point)])

    def disable_unsolicited(self) -> str:
        """Forbid the outstation to report by itself."""
        headers = [dnp3.Header.AllObjects(60, variation) for variation in (2, 3, 4)]
        function = dnp3.FunctionCode.DISABLE_UNSOLICITED
        return self.perform("subscribe", "disable_unsolicited classes=1,2,3", function, headers)

    def freeze(self) -> str:
        """Copy the counters into the frozen counters."""
        return self.perform(
            "other", "immediate_freeze g20v0", dnp3.FunctionCode.IMMED_FREEZE, [dnp3.Header.AllObjects(20, 0)]
        )

    def assign_class(self, group: int) -> str:
        """Put all points of a group into class 2."""
        headers = [dnp3.Header.AllObjects(60, 3), dnp3.Header.AllObjects(group, 0)]
        return self.perform("write", f"assign_class g60v3 g{group}v0", dnp3.FunctionCode.ASSIGN_CLASS, headers)

    def dead_band(self, index: int, value: int) -> str:
        """Set how far an analog input must move to be an event."""
        point = struct.pack("<BBBBBH", 34, 1, 0x17, 1, index, value)
        detail = f"write g34v1 index={index} value={value}"
        return self.perform("write", detail, dnp3.FunctionCode.WRITE, [dnp3.Header.Raw(point)])

    def restart(self, *, cold: bool) -> str:
        """Restart the outstation."""
        kind = dnp3.RestartType.COLD if cold else dnp3.RestartType.WARM
        name = "cold_restart" if cold else "warm_restart"
        return self._tell("restart", name, lambda done: self.master.Restart(kind, done), _restart_outcome)

    def perform(self, action: str, detail: str, function: Any, headers: list[Any]) -> str:
        """Send any function with these object headers; its answer is a task's result."""
        results = self.application.results

        def deed() -> str:
            before, patience = len(results), time.monotonic() + PATIENCE + 1
            self.master.PerformFunction(detail, function, headers)
            while len(results) == before and time.monotonic() < patience:
                time.sleep(0.02)
            return _task_outcome(results[-1]) if len(results) > before else "unanswered"

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
