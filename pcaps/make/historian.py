"""The data logger: reads measured values slowly, never writes."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from . import modbus_client, s7_client
from .modbus_client import Read

if TYPE_CHECKING:
    from .story import Story

INTAKE = (Read("read_input_registers", 0, 16, 1),)
BOOSTER = (Read("read_input_registers", 0, 8, 1), Read("read_input_registers", 0, 8, 2))


def filters(story: Story) -> None:
    """Read the filters' process values each five seconds."""
    session = s7_client.Session(story, "filter", s7_client.BASIC)
    story.tell("filter", "read", "s7comm", "read_var DB1.DBB0-63 every=5.0s", "accepted")
    while True:
        session.client.db_read(1, 0, 64)
        time.sleep(5)


def wells(story: Story) -> None:
    """Read the wells' measured values each five seconds."""
    modbus_client.poll(story, "intake", INTAKE, 5.0)


def everything(story: Story) -> None:
    """Log the wells, the drives and the filters."""
    threading.Thread(target=filters, args=(story,), daemon=True).start()
    threading.Thread(target=wells, args=(story,), daemon=True).start()
    modbus_client.poll(story, "booster", BOOSTER, 5.0)
