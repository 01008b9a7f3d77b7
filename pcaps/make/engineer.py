"""The engineering station: documents, corrects and repairs; what it does is legitimate."""

from __future__ import annotations

import datetime as dt
import struct
import time
from typing import TYPE_CHECKING

from snap7.type import Block

from . import dnp3_master, modbus_client, s7_client
from .filters import PROGRAMME

if TYPE_CHECKING:
    from .story import Story

PAUSE = 0.4  # seconds between two clicks, shortened
ORDER_LISTS = ((0x0011, 0), (0x001C, 0), (0x0131, 1), (0x0232, 4), (0x0424, 0))


def identify_modbus(story: Story, target: str) -> None:
    """Ask a Modbus device who it is, in the three depths and the older way."""
    session = modbus_client.Session(story, target)
    for depth in (1, 2, 3):
        session.act("read_device_information", device_id=1, read_code=depth)
        time.sleep(PAUSE)
    session.act("read_device_information", device_id=1, read_code=4, object_id=1)
    session.act("report_device_id", device_id=1)
    session.close()


def identify_s7(story: Story) -> None:
    """Read order number, names, limits, protection and mode; the last list is one the controller does not have."""
    session = s7_client.Session(story, "filter", s7_client.PG)
    for number, index in (*ORDER_LISTS, (0x00A0, 0)):
        session.szl(number, index)
        time.sleep(PAUSE)
    session.close()


def clock(story: Story) -> None:
    """Compare the controller's clock and set it."""
    session = s7_client.Session(story, "filter", s7_client.PG)
    session.act("read", "clock_read", "get_plc_datetime")
    time.sleep(PAUSE)
    session.act("time_set", "clock_set", "set_plc_datetime", dt.datetime.now(tz=dt.UTC).replace(tzinfo=None))
    time.sleep(PAUSE)
    session.act("read", "clock_read", "get_plc_datetime")
    session.close()


def upload(story: Story) -> None:
    """List the blocks, save the filter programme and the set points; DB99 is not there."""
    session = s7_client.Session(story, "filter", s7_client.PG)
    session.act("diagnose", "block_list", "list_blocks")
    session.act("diagnose", "block_list_of_type type=DB", "list_blocks_of_type", Block.DB, 100)
    session.act("diagnose", f"block_info block=DB{PROGRAMME}", "get_block_info", Block.DB, PROGRAMME)
    time.sleep(PAUSE)
    for number in (PROGRAMME, 2, 99):
        session.act("program_upload", f"start_upload block=DB{number}", "full_upload", Block.DB, number)
        time.sleep(PAUSE)
    session.close()


def download(story: Story) -> None:
    """Change the filter programme and make it lasting; DB99 is refused."""
    session = s7_client.Session(story, "filter", s7_client.PG)
    session.act("authenticate", "password", "set_session_password", "quelle")
    changed = bytearray(b"".join(struct.pack(">HHf", step, 35 + 5 * step, 4.5 + step / 8) for step in range(75)))
    session.act("program_download", f"request_download block=DB{PROGRAMME}", "download", changed, PROGRAMME)
    time.sleep(PAUSE)
    session.act("program_download", "pi_service service=_MODU", "copy_ram_to_rom")
    time.sleep(PAUSE)
    session.act("program_download", "request_download block=DB99", "download", changed, 99)
    session.act("authenticate", "password_clear", "clear_session_password")
    session.close()


def restart_filter(story: Story) -> None:
    """Look at the mode, start the controller again, look once more."""
    session = s7_client.Session(story, "filter", s7_client.PG)
    session.szl(0x0424)
    time.sleep(PAUSE)
    session.act("start", "plc_start service=P_PROGRAM hot", "plc_hot_start")
    time.sleep(PAUSE)
    session.szl(0x0424)
    session.close()


def cold_start(story: Story) -> None:
    """Stop the controller and start it cold, as after a change of hardware."""
    session = s7_client.Session(story, "filter", s7_client.PG)
    session.act("stop", "plc_stop", "plc_stop")
    time.sleep(PAUSE)
    session.act("start", "plc_start service=P_PROGRAM cold", "plc_cold_start")
    session.close()


def compress(story: Story) -> None:
    """Compress the controller's memory."""
    session = s7_client.Session(story, "filter", s7_client.PG)
    session.act("other", "pi_service service=_GARB", "compress", 1000)
    session.close()


def repair_wells(story: Story) -> None:
    """Put the wells' set points back."""
    session = modbus_client.Session(story, "intake")
    session.act("write_registers", device_id=1, address=0, values=[430, 650, 640, 0, 480, 250])
    session.close()


def configure_tower(story: Story) -> None:
    """Freeze the counters and assign events to classes; absent points and a dead band are refused."""
    master = dnp3_master.Master(story, "tower")
    master.start()
    master.freeze()
    time.sleep(PAUSE)
    master.assign_class(group=30)
    master.assign_class(group=110)
    time.sleep(PAUSE)
    master.dead_band(0, 5)
    master.close()


def maintenance(story: Story) -> None:
    """Do a day's work: identify, save, set the clock, improve the filter programme."""
    identify_modbus(story, "intake")
    time.sleep(2)
    identify_s7(story)
    time.sleep(1)
    upload(story)
    time.sleep(2)
    clock(story)
    time.sleep(2)
    download(story)


def repair(story: Story) -> None:
    """Undo what the intruder did."""
    restart_filter(story)
    time.sleep(2)
    repair_wells(story)
