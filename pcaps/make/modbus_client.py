"""A Modbus client's session with one server, which tells the story as it goes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from pymodbus.client import ModbusTcpClient, ModbusUdpClient
from pymodbus.exceptions import ModbusException

from .modbus_framing import TCP, Framing
from .plant import address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .story import Story

OPERATIONS = {  # pymodbus's method: the sensor's operation and action
    "read_coils": ("read_coils", "read"),
    "read_holding_registers": ("read_holding_registers", "read"),
    "read_input_registers": ("read_input_registers", "read"),
    "write_coil": ("write_single_coil", "write"),
    "write_register": ("write_single_register", "write"),
    "write_coils": ("write_multiple_coils", "write"),
    "write_registers": ("write_multiple_registers", "write"),
    "mask_write_register": ("mask_write_register", "write"),
    "readwrite_registers": ("read_write_multiple_registers", "write"),
    "read_exception_status": ("read_exception_status", "diagnose"),
    "report_device_id": ("report_server_id", "identify"),
    "read_device_information": ("read_device_identification", "identify"),
    "diag_query_data": ("return_query_data", "diagnose"),
    "diag_restart_communication": ("restart_communications_option", "restart"),
    "diag_force_listen_only": ("force_listen_only_mode", "stop"),
    "diag_clear_counters": ("clear_counters_and_diagnostic_register", "diagnose"),
    "diag_get_comm_event_counter": ("get_comm_event_counter", "diagnose"),
    "diag_get_comm_event_log": ("get_comm_event_log", "diagnose"),
    "read_fifo_queue": ("read_fifo_queue", "read"),
}
PATIENCE = 1.0  # seconds a client waits for its answer


class Read(NamedTuple):
    """One thing a client reads again and again."""

    method: str
    address: int
    count: int
    unit: int


class Order(NamedTuple):
    """Something an operator does `after` so many seconds."""

    after: float
    method: str
    arguments: dict[str, Any]


class Session:
    """One connection to one server."""

    def __init__(self, story: Story, target: str, framing: Framing = TCP) -> None:
        self.story = story
        self.target = target
        kind = ModbusUdpClient if framing.udp else ModbusTcpClient
        self.client = kind(address(target), port=framing.port, framer=framing.framer, timeout=PATIENCE, retries=0)
        self.client.connect()

    def close(self) -> None:
        """End the connection."""
        self.client.close()

    def ask(self, method: str, **arguments: Any) -> str:
        """Send one request and return how it ended."""
        try:
            answer = getattr(self.client, method)(**arguments)
        except (ModbusException, OSError):
            return "unanswered"
        if answer is None:  # none is due: force listen only
            return "no_answer_due"
        return "refused" if answer.isError() else "accepted"

    def act(self, method: str, **arguments: Any) -> str:
        """Send one request and tell it."""
        operation, action = OPERATIONS[method]
        words = [operation, *(f"{key}={value}" for key, value in _spelled(arguments).items())]
        return self.story.act(self.target, action, "modbus", " ".join(words), lambda: self.ask(method, **arguments))


def _spelled(arguments: dict[str, Any]) -> dict[str, str]:
    """Return arguments under the story's names, lists without blanks; the unit comes first."""
    names = {"device_id": "unit"}
    spelled = {names.get(key, key): str(value).replace(" ", "") for key, value in arguments.items()}
    return {"unit": spelled.pop("unit", "1"), **spelled}


def poll(
    story: Story,
    target: str,
    reads: Sequence[Read],
    every: float,
    orders: Sequence[Order] = (),
    framing: Framing = TCP,
) -> None:
    """Read the same things for ever, and carry out the orders when they are due."""
    session, waiting, began = Session(story, target, framing), list(orders), time.monotonic()
    for read in reads:
        name = OPERATIONS[read.method][0]
        detail = f"{name} unit={read.unit} address={read.address} count={read.count} every={every}s"
        story.tell(target, "read", "modbus", detail, "accepted")
    while True:
        for read in reads:
            session.ask(read.method, address=read.address, count=read.count, device_id=read.unit)
        while waiting and time.monotonic() - began >= waiting[0].after:
            order = waiting.pop(0)
            session.act(order.method, **order.arguments)
        time.sleep(every - (time.monotonic() - began) % every)
