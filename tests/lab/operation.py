"""Normal operation: who polls what, how often, and what an operator does on a good day.

The rule it lives by: nothing here may raise an alert above low, whoever watches; what would is a fault of the sensor's.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from snap7.error import S7Error

from pcaps.make import booster, dnp3_master, filters, historian, hmi, intake, modbus_client, tower
from pcaps.make.modbus_client import Order
from pcaps.make.plant import DNP3_PORT, MODBUS_PORT, S7_PORT
from tests.lab import office

RETRY = 2.0  # s after which the control room calls again
OUTLET = 1


def control_room(story):
    """Poll everything as the captures' control room does, and the reservoir, which reports by itself."""
    tasks = (
        lambda: _wells(story),
        lambda: hmi.booster(story, orders=12),
        lambda: _filters(story),
        lambda: _reservoir(story),
    )
    for task in tasks:
        threading.Thread(target=task, daemon=True).start()
        time.sleep(0.1)
    _tower(story)


def _wells(story):
    """The operator raises the level set point twice and switches a pump."""
    pump = {"address": 2, "value": True, "device_id": 1}
    orders = [
        Order(6, "write_register", hmi.SET_POINT),
        Order(9, "write_coil", pump),
        Order(15, "write_register", hmi.SET_POINT),
    ]
    modbus_client.poll(story, "intake", hmi.INTAKE, 1.0, orders)


def _filters(story):
    """Poll the filters; whoever is hung up on calls again."""
    while True:
        with contextlib.suppress(S7Error, OSError):
            hmi.filters(story)
        time.sleep(RETRY)


def _tower(story):
    """The operator closes and opens the inlet valve, selecting it first, and moves the alarm."""
    master = dnp3_master.Master(story, "tower", retry=RETRY)
    master.start()
    master.poll(2.0, integrity=20)
    time.sleep(6)
    master.operate(dnp3_master.TRIP, 0, select=True)
    time.sleep(2)
    master.operate(dnp3_master.CLOSE, 0, select=True)
    master.set_point(700, 0, select=True)
    threading.Event().wait()


def _reservoir(story):
    """Events come unasked; everything is read now and then."""
    master = dnp3_master.Master(story, "reservoir", retry=RETRY)
    master.start()
    master.poll(30.0, integrity=60)
    time.sleep(5)
    master.operate(dnp3_master.LATCH_ON, OUTLET, select=True)
    threading.Event().wait()


class Role(NamedTuple):
    """What somebody does; a server has a port by which one sees that it is there."""

    deed: Callable
    port: int = 0
    arguments: dict = {}  # noqa: RUF012 - never written


ROLES = {
    "intake": Role(intake.serve, MODBUS_PORT),
    "booster": Role(booster.serve, MODBUS_PORT),
    "filter": Role(filters.serve, S7_PORT),
    "tower": Role(tower.serve, DNP3_PORT),
    "reservoir": Role(tower.serve, DNP3_PORT, {"unsolicited": True}),
    "server": Role(office.serve, office.HTTP_PORT),
    "hmi": Role(control_room),
    "historian": Role(historian.everything),
    "office": Role(office.use),
}


def day(lab, seconds):
    """Let an ordinary day of so many seconds pass: the wells' controller and the control room restart once each."""
    began = time.monotonic()
    time.sleep(seconds * 0.45)
    lab.restart("intake")
    time.sleep(seconds * 0.15)
    lab.restart("hmi")
    time.sleep(max(0.0, seconds - (time.monotonic() - began)))
