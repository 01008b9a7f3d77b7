"""DNP3's code tables: functions, indications, objects, control codes, statuses (IEEE 1815-2012, annex A and clause 4).

The rule it lives by: a code without an entry is reserved and is written with its number, never guessed.
"""

from typing import Final

# Clause 9.2.4.1: link functions of a primary (PRM = 1) and a secondary station
PRIMARY_FUNCTIONS: Final = {
    0: "reset_link_states",
    1: "reset_user_process",
    2: "test_link_states",
    3: "confirmed_user_data",
    4: "unconfirmed_user_data",
    9: "request_link_status",
}
SECONDARY_FUNCTIONS: Final = {
    0: "ack",
    1: "nack",
    11: "link_status",
    14: "not_functioning",
    15: "not_supported",
}

# Clause 9.2.5: addresses 0xFFF0-0xFFFB are reserved; 0xFFFC is "this outstation, whatever its address"
SELF_ADDRESS: Final = 0xFFFC
BROADCASTS: Final = {0xFFFD: "no_confirm", 0xFFFE: "confirm", 0xFFFF: "optional_confirm"}

# Table 4-2: application functions
FUNCTIONS: Final = {
    0: "confirm",
    1: "read",
    2: "write",
    3: "select",
    4: "operate",
    5: "direct_operate",
    6: "direct_operate_no_response",
    7: "immediate_freeze",
    8: "immediate_freeze_no_response",
    9: "freeze_and_clear",
    10: "freeze_and_clear_no_response",
    11: "freeze_at_time",
    12: "freeze_at_time_no_response",
    13: "cold_restart",
    14: "warm_restart",
    15: "initialize_data",
    16: "initialize_application",
    17: "start_application",
    18: "stop_application",
    19: "save_configuration",
    20: "enable_unsolicited",
    21: "disable_unsolicited",
    22: "assign_class",
    23: "delay_measurement",
    24: "record_current_time",
    25: "open_file",
    26: "close_file",
    27: "delete_file",
    28: "get_file_info",
    29: "authenticate_file",
    30: "abort_file",
    31: "activate_configuration",
    32: "authenticate_request",
    33: "authenticate_request_no_response",
    129: "response",
    130: "unsolicited_response",
    131: "authenticate_response",
}

# What each function means in the words common to all protocols. Freezing copies counters and changes nothing the
# process sees; freeze-and-clear sets them to zero. Classes and saved or activated configurations change the device.
ACTIONS: Final = {
    1: "read",
    2: "write",
    3: "select",
    4: "operate",
    5: "operate",
    6: "operate",
    9: "write",
    10: "write",
    13: "restart",
    14: "restart",
    15: "start",
    16: "start",
    17: "start",
    18: "stop",
    19: "write",
    20: "subscribe",
    21: "subscribe",
    22: "write",
    23: "diagnose",
    24: "time_set",
    25: "file",
    26: "file",
    27: "file",
    28: "file",
    29: "authenticate",
    30: "file",
    31: "write",
    32: "authenticate",
    33: "authenticate",
    130: "read",
    131: "authenticate",
}

# Clause 4.2.2.6: internal indications; bits 0-7 are IIN1.0-IIN1.7, bits 8-15 IIN2.0-IIN2.7
IIN_BITS: Final = (
    "broadcast",
    "class_1_events",
    "class_2_events",
    "class_3_events",
    "need_time",
    "local_control",
    "device_trouble",
    "device_restart",
    "no_func_code_support",
    "object_unknown",
    "parameter_error",
    "event_buffer_overflow",
    "already_executing",
    "config_corrupt",
    "reserved_2_6",
    "reserved_2_7",
)

# Annex A.8.1 (g12v1): the control code is operation type (bits 0-3), queue (4), clear (5), trip-close (6-7)
CONTROL_OPERATIONS: Final = ("nul", "pulse_on", "pulse_off", "latch_on", "latch_off")
TRIP_CLOSE: Final = ("nul", "close", "trip", "reserved")

# Annex A.8.1 and A.23: what an outstation says of a control
CONTROL_STATUS: Final = {
    0: "success",
    1: "timeout",
    2: "no_select",
    3: "format_error",
    4: "not_supported",
    5: "already_active",
    6: "hardware_error",
    7: "local",
    8: "too_many_objects",
    9: "not_authorized",
    10: "automation_inhibit",
    11: "processing_limited",
    12: "out_of_range",
    13: "downstream_local",
    14: "already_complete",
    15: "blocked",
    16: "canceled",
    17: "blocked_other_master",
    18: "downstream_fail",
    126: "non_participating",
    127: "undefined",
}

# Clause 11.6: flags bits 0-4 of all points; bits 5 and 6 by group
FLAGS: Final = ("online", "restart", "comm_lost", "remote_forced", "local_forced")
FLAG_5: Final = {
    **dict.fromkeys((1, 2, 3, 4), "chatter_filter"),
    **dict.fromkeys((20, 21, 22, 23), "rollover"),
    **dict.fromkeys((30, 31, 32, 33, 40, 42), "over_range"),
}
FLAG_6: Final = {
    **dict.fromkeys((20, 21, 22, 23), "discontinuity"),
    **dict.fromkeys((30, 31, 32, 33, 40, 42), "reference_error"),
}

# Annex A.28 (g70)
FILE_MODES: Final = {0: "none", 1: "read", 2: "write", 3: "append"}
FILE_TYPES: Final = {0: "directory", 1: "file"}
FILE_STATUS: Final = {
    0: "success",
    1: "permission_denied",
    2: "invalid_mode",
    3: "not_found",
    4: "locked",
    5: "too_many_open",
    6: "invalid_handle",
    7: "write_block_size",
    8: "communications_lost",
    9: "cannot_abort",
    16: "not_opened",
    17: "handle_expired",
    18: "buffer_overrun",
    19: "fatal",
    20: "block_sequence",
    255: "undefined",
}

# Annex A.45 (g120v7): authentication errors
AUTHENTICATION_ERRORS: Final = {
    1: "authentication_failed",
    2: "unexpected_response",
    3: "no_response",
    4: "aggressive_mode_not_supported",
    5: "mac_algorithm_not_supported",
    6: "key_wrap_not_supported",
    7: "authorization_failed",
    8: "update_key_change_not_permitted",
    9: "invalid_signature",
    10: "invalid_certification_data",
    11: "unknown_user",
    12: "max_session_key_status_exceeded",
}
AUTHENTICATION_OBJECTS: Final = {
    1: "challenge",
    2: "reply",
    3: "aggressive_mode_request",
    4: "session_key_status_request",
    5: "session_key_status",
    6: "session_key_change",
    7: "error",
    8: "user_certificate",
    9: "mac",
    10: "user_status_change",
    11: "update_key_change_request",
    12: "update_key_change_reply",
    13: "update_key_change",
    14: "update_key_change_signature",
    15: "update_key_change_confirmation",
}

# Annex A.1 (g0): device attributes that say who a device is, as fields of their own
IDENTITY_ATTRIBUTES: Final = {
    206: "secondary_operator",
    207: "primary_operator",
    208: "system_name",
    242: "software_version",
    243: "hardware_version",
    244: "owner",
    245: "location",
    246: "id_code",
    247: "name",
    248: "serial_number",
    249: "subset",
    250: "model",
    252: "manufacturer",
}
ATTRIBUTES: Final = {
    196: "configuration_id",
    197: "configuration_version",
    198: "configuration_build_date",
    199: "configuration_change_date",
    200: "configuration_signature",
    201: "configuration_signature_algorithm",
    202: "master_resource_id",
    203: "altitude",
    204: "longitude",
    205: "latitude",
    209: "secure_authentication_version",
    210: "security_statistics_count",
    211: "user_attributes_support",
    212: "master_data_set_prototypes",
    213: "outstation_data_set_prototypes",
    214: "master_data_sets",
    215: "outstation_data_sets",
    216: "max_binary_outputs_per_request",
    217: "local_timing_accuracy",
    218: "timing_accuracy_duration",
    219: "analog_output_events",
    220: "max_analog_output_index",
    221: "analog_outputs",
    222: "binary_output_events",
    223: "max_binary_output_index",
    224: "binary_outputs",
    225: "frozen_counter_events",
    226: "frozen_counters",
    227: "counter_events",
    228: "max_counter_index",
    229: "counters",
    230: "frozen_analog_inputs",
    231: "analog_input_events",
    232: "max_analog_input_index",
    233: "analog_inputs",
    234: "double_bit_events",
    235: "max_double_bit_index",
    236: "double_bits",
    237: "binary_input_events",
    238: "max_binary_input_index",
    239: "binary_inputs",
    240: "max_transmit_fragment",
    241: "max_receive_fragment",
    254: "all_attributes",
    255: "attribute_list",
    **IDENTITY_ATTRIBUTES,
}


def function_name(code: int) -> str:
    """Name an application function: "read", or "function_34" for a reserved code."""
    return FUNCTIONS.get(code, f"function_{code}")


def link_function_name(code: int, primary: bool) -> str:
    """Name a link function: "unconfirmed_user_data", or "link_function_7" for a reserved code."""
    return (PRIMARY_FUNCTIONS if primary else SECONDARY_FUNCTIONS).get(code, f"link_function_{code}")


def iin_names(iin: int) -> list[str]:
    """Name the indication bits that are set in `iin` (IIN1 in the low octet)."""
    return [name for bit, name in enumerate(IIN_BITS) if iin >> bit & 1]


def status_name(status: int) -> str:
    """Name a control status: "success", or "status_42" for a reserved code."""
    return CONTROL_STATUS.get(status, f"status_{status}")


def flag_names(group: int, flags: int) -> list[str]:
    """Name what a point's flags say beyond "online": "offline" where they do not even say that."""
    said = [] if flags & 1 else ["offline"]
    said += [FLAGS[bit] for bit in range(1, 5) if flags >> bit & 1]
    if flags & 0x20 and group in FLAG_5:
        said.append(FLAG_5[group])
    if flags & 0x40 and group in FLAG_6:
        said.append(FLAG_6[group])
    return said


def refusal_name(code: int) -> str:
    """Name an exchange's refusal code: control status | IIN2 error bits << 8 | file status << 16."""
    said = [IIN_BITS[8 + bit] for bit in range(3) if code >> 8 >> bit & 1]
    if code & 0xFF:
        said.append("control " + status_name(code & 0xFF))
    if code >> 16:
        said.append("file " + FILE_STATUS.get(code >> 16, f"status_{code >> 16}"))
    return ", ".join(said)
