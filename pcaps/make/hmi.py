"""The control room: polls everything, and its operator now and then sets a point or moves a valve."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from . import dnp3_master, modbus_client, s7_client
from .booster import UNITS
from .modbus_client import Order, Read
from .modbus_framing import TCP, Framing

if TYPE_CHECKING:
    from collections.abc import Callable

    from .story import Story

INTAKE = (Read("read_holding_registers", 0, 8, 1), Read("read_input_registers", 0, 8, 1), Read("read_coils", 0, 8, 1))
BOOSTER = tuple(Read("read_input_registers", 0, 5, unit) for unit in UNITS)
FILTER = "DB1.DBB0-19 DB2.DBB0-19 MB0-3"
SET_POINT = {"address": 0, "value": 430, "device_id": 1}
SPEED = {"address": 0, "values": [0x047F, 420], "device_id": 2}


def intake(story: Story, *, orders: float = 0) -> None:
    """Poll the wells each second; after so many seconds, if any, the operator raises the level set point."""
    modbus_client.poll(story, "intake", INTAKE, 1.0, [Order(orders, "write_register", SET_POINT)] if orders else ())


def booster(story: Story, *, orders: float = 0, framing: Framing = TCP) -> None:
    """Poll both drives each second; after so many seconds, if any, the operator speeds one up."""
    speed = [Order(orders, "write_registers", SPEED)] if orders else ()
    modbus_client.poll(story, "booster", BOOSTER, 1.0, speed, framing)


def filters(story: Story) -> None:
    """Poll the filters each second, three things in one request, as an operator panel."""
    session = s7_client.Session(story, "filter", s7_client.OP)
    items: list[dict[str, Any]] = [
        {"area": s7_client.DB, "db_number": 1, "start": 0, "size": 20},
        {"area": s7_client.DB, "db_number": 2, "start": 0, "size": 20},
        {"area": s7_client.FLAGS, "db_number": 0, "start": 0, "size": 4},
    ]
    story.tell("filter", "read", "s7comm", f"read_var {FILTER} every=1.0s", "accepted")
    while True:
        session.client.read_multi_vars(items)
        time.sleep(1)


def tower(story: Story, *, orders: tuple[float, ...] = (), events: float = 2.0) -> None:
    """Poll the tower's events; at the times given the operator closes and opens the inlet valve, selecting it first."""
    master = dnp3_master.Master(story, "tower")
    master.start()
    master.poll(events, integrity=60)
    for turn, pause in enumerate(orders):
        time.sleep(pause)
        master.operate((dnp3_master.TRIP, dnp3_master.CLOSE)[turn % 2], 0, select=True)
    while True:
        time.sleep(60)


def everything(story: Story) -> None:
    """Poll the whole plant and carry out the operator's orders."""
    tasks: list[Callable[[], None]] = [
        lambda: intake(story, orders=22),
        lambda: booster(story, orders=34),
        lambda: filters(story),
    ]
    for task in tasks:
        threading.Thread(target=task, daemon=True).start()
        time.sleep(0.3)
    tower(story, orders=(40, 6))
