"""What Modbus's numbers are called: functions, exceptions, diagnostics, encapsulated interfaces, UMAS.

Names are those of the Application Protocol V1.1b3 (functions: chapter 6, exceptions: chapter 7, reserved codes:
annex A) in snake case; codes older than it as the Modicon reference guide PI-MBUS-300 has them; UMAS (function 90,
unpublished) as those who read it off the wire call it.
"""

from typing import Final

FUNCTIONS: Final[dict[int, str]] = {
    1: "read_coils",
    2: "read_discrete_inputs",
    3: "read_holding_registers",
    4: "read_input_registers",
    5: "write_single_coil",
    6: "write_single_register",
    7: "read_exception_status",
    8: "diagnostics",
    9: "program_484",
    10: "poll_484",
    11: "get_comm_event_counter",
    12: "get_comm_event_log",
    13: "program_controller",
    14: "poll_controller",
    15: "write_multiple_coils",
    16: "write_multiple_registers",
    17: "report_server_id",
    18: "program_884",
    19: "reset_comm_link",
    20: "read_file_record",
    21: "write_file_record",
    22: "mask_write_register",
    23: "read_write_multiple_registers",
    24: "read_fifo_queue",
    43: "encapsulated_interface_transport",
    90: "umas",
}
PUBLIC: Final = frozenset((1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 15, 16, 17, 20, 21, 22, 23, 24, 43))
RESERVED: Final = frozenset((9, 10, 13, 14, 41, 42, 90, 91, 125, 126, 127))
USER_DEFINED: Final = frozenset((*range(65, 73), *range(100, 111)))

ACTIONS: Final[dict[int, str]] = {
    1: "read",
    2: "read",
    3: "read",
    4: "read",
    5: "write",
    6: "write",
    7: "diagnose",
    8: "diagnose",
    11: "diagnose",
    12: "diagnose",
    15: "write",
    16: "write",
    17: "identify",
    20: "file",
    21: "file",
    22: "write",
    23: "write",
    24: "read",
}

EXCEPTIONS: Final[dict[int, str]] = {
    1: "illegal_function",
    2: "illegal_data_address",
    3: "illegal_data_value",
    4: "server_device_failure",
    5: "acknowledge",
    6: "server_device_busy",
    7: "negative_acknowledge",
    8: "memory_parity_error",
    10: "gateway_path_unavailable",
    11: "gateway_target_device_failed_to_respond",
}

DIAGNOSTICS: Final[dict[int, str]] = {
    0: "return_query_data",
    1: "restart_communications_option",
    2: "return_diagnostic_register",
    3: "change_ascii_input_delimiter",
    4: "force_listen_only_mode",
    10: "clear_counters_and_diagnostic_register",
    11: "return_bus_message_count",
    12: "return_bus_communication_error_count",
    13: "return_bus_exception_error_count",
    14: "return_server_message_count",
    15: "return_server_no_response_count",
    16: "return_server_nak_count",
    17: "return_server_busy_count",
    18: "return_bus_character_overrun_count",
    20: "clear_overrun_counter_and_flag",
}
DIAGNOSTIC_ACTIONS: Final[dict[int, str]] = {1: "restart", 4: "stop"}

INTERFACES: Final[dict[int, str]] = {13: "canopen_general_reference", 14: "read_device_identification"}
INTERFACE_ACTIONS: Final[dict[int, str]] = {14: "identify"}

READ_DEVICE_IDS: Final[dict[int, str]] = {1: "basic", 2: "regular", 3: "extended", 4: "individual"}

# Objects of Read Device Identification, as fields "modbus.<name>" (6.21, table of object ids)
OBJECTS: Final[dict[int, str]] = {
    0: "vendor",
    1: "product_code",
    2: "revision",
    3: "url",
    4: "product_name",
    5: "model_name",
    6: "application",
}

# Spaces of addresses, and the digit that leads the classical reference
SPACES: Final[dict[int, str]] = {
    1: "coil",
    2: "discrete_input",
    3: "holding_register",
    4: "input_register",
    5: "coil",
    6: "holding_register",
    15: "coil",
    16: "holding_register",
    22: "holding_register",
    23: "holding_register",
    24: "holding_register",
}
REFERENCE_DIGITS: Final[dict[str, str]] = {
    "coil": "0",
    "discrete_input": "1",
    "input_register": "3",
    "holding_register": "4",
}

# UMAS's own words are reversed: its "upload" carries the strategy from the station to the controller.
UMAS: Final[dict[int, str]] = {
    0x01: "init_comm",
    0x02: "read_id",
    0x03: "read_project_info",
    0x04: "read_plc_info",
    0x06: "read_card_info",
    0x0A: "repeat",
    0x10: "take_plc_reservation",
    0x11: "release_plc_reservation",
    0x12: "keep_alive",
    0x20: "read_memory_block",
    0x21: "write_memory_block",
    0x22: "read_variables",
    0x23: "write_variables",
    0x24: "read_coils_registers",
    0x25: "write_coils_registers",
    0x26: "read_data_dictionary",
    0x30: "initialize_upload",
    0x31: "upload_block",
    0x32: "end_strategy_upload",
    0x33: "initialize_download",
    0x34: "download_block",
    0x35: "end_strategy_download",
    0x39: "read_eth_master_data",
    0x40: "start_plc",
    0x41: "stop_plc",
    0x50: "monitor_plc",
    0x58: "check_plc",
    0x70: "read_io_object",
    0x71: "write_io_object",
    0x73: "get_status_module",
}
UMAS_ACTIONS: Final[dict[int, str]] = {
    0x01: "connect",
    0x02: "identify",
    0x03: "identify",
    0x04: "diagnose",
    0x06: "identify",
    0x0A: "diagnose",
    0x20: "read",
    0x21: "write",
    0x22: "read",
    0x23: "write",
    0x24: "read",
    0x25: "write",
    0x26: "read",
    0x30: "program_download",
    0x31: "program_download",
    0x32: "program_download",
    0x33: "program_upload",
    0x34: "program_upload",
    0x35: "program_upload",
    0x39: "read",
    0x40: "start",
    0x41: "stop",
    0x50: "diagnose",
    0x58: "diagnose",
    0x70: "read",
    0x71: "write",
    0x73: "diagnose",
}

# Events of Get Comm Event Log (6.10): the type is in the upper bits, details below.
RECEIVE_EVENTS: Final[dict[int, str]] = {
    0x02: "communication_error",
    0x10: "character_overrun",
    0x20: "listen_only",
    0x40: "broadcast",
}
SEND_EVENTS: Final[dict[int, str]] = {
    0x01: "read_exception",
    0x02: "abort_exception",
    0x04: "busy_exception",
    0x08: "nak_exception",
    0x10: "write_timeout",
    0x20: "listen_only",
}


def function(code: int) -> str:
    """Return the name of a function; one without a name is called by its number."""
    return FUNCTIONS.get(code) or f"function_{code}"


def function_class(code: int) -> str:
    """Return what the specification says of a function code (4.1, 5, annex A)."""
    if code in PUBLIC:
        return "public"
    if code in RESERVED:
        return "reserved"
    if code in USER_DEFINED:
        return "user_defined"
    return "unassigned" if 0 < code < 128 else "invalid"


def event(code: int) -> str:
    """Return one byte of the communication event log in words."""
    if code == 0x00:
        return "communication_restart"
    if code == 0x04:
        return "entered_listen_only"
    if code & 0x80:
        return _with_details("receive", RECEIVE_EVENTS, code)
    if code & 0xC0 == 0x40:
        return _with_details("send", SEND_EVENTS, code)
    return f"event_0x{code:02x}"


def _with_details(kind: str, details: dict[int, str], code: int) -> str:
    return ":".join([kind, *(name for bit, name in details.items() if code & bit)])
