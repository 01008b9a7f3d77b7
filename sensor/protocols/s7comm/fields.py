"""Every word of S7comm: fields and anomalies.

No specification is public: a section names the manual "System Software for S7-300/400, System and Standard Functions"
where it describes the content, such as system status lists (SZL).
"""

from sensor.protocols.s7comm.names import AREAS, FILESYSTEMS, FUNCTIONS, GROUPS, MODES, SUBFUNCTIONS, TYPES
from sensor.protocols.s7comm.szl import LEDS, MODE_STATES, SELECTOR_POSITIONS
from sensor.vocabulary import Anomaly, Field

_FUNCTION_NAMES = tuple(name for name, _ in (*FUNCTIONS.values(), *SUBFUNCTIONS.values()))

FIELDS: tuple[Field, ...] = (
    # Header
    Field("s7comm.rosctr", "long", "Kind of PDU: 1 job, 2 acknowledgement, 3 acknowledgement with data, 7 user data", tshark="s7comm.header.rosctr"),
    Field("s7comm.pdu_reference", "long", "Number that ties an answer to its request", tshark="s7comm.header.pduref"),
    Field("s7comm.function", "keyword", f"What is done, such as {', '.join(_FUNCTION_NAMES[1:4])}", identity=True),
    Field("s7comm.function_code", "long", "Function of a job, as a number", tshark="s7comm.param.func", identity=True),
    Field("s7comm.initiator", "keyword", "Said where the controller asks its programming station, in a download", identity=True, values=("server",)),
    Field("s7comm.error_class", "long", "Error class in the header of an answer", tshark="s7comm.header.errcls", identity=True),
    Field("s7comm.error_code", "long", "Error code in the header of an answer", tshark="s7comm.header.errcod", identity=True),
    Field("s7comm.error_number", "long", "Error class and code as one number, from header or user data", tshark="s7comm.param.errcod", identity=True),
    Field("s7comm.error", "keyword", "Why a request was refused", identity=True),
    # Setup communication
    Field("s7comm.requested_amq_calling", "long", "Parallel jobs asked for, from the caller", tshark="s7comm.param.maxamq_calling"),
    Field("s7comm.requested_amq_called", "long", "Parallel jobs asked for, from the called", tshark="s7comm.param.maxamq_called"),
    Field("s7comm.requested_pdu_length", "long", "Longest PDU asked for", unit="bytes", tshark="s7comm.param.pdu_length"),
    Field("s7comm.amq_calling", "long", "Parallel jobs agreed, from the caller", tshark="s7comm.param.maxamq_calling"),
    Field("s7comm.amq_called", "long", "Parallel jobs agreed, from the called", tshark="s7comm.param.maxamq_called"),
    Field("s7comm.pdu_length", "long", "Longest PDU agreed", unit="bytes", tshark="s7comm.param.pdu_length"),
    # Variables
    Field("s7comm.item_count", "long", "Number of variables", tshark="s7comm.param.itemcount"),
    Field("s7comm.items", "keyword", "Each variable in STEP 7's way: DB300.DBX2.0 WORD 1", many=True),
    Field("s7comm.item_syntaxes", "keyword", "How each variable is addressed: s7any, db_read, symbolic, nck", many=True),
    Field("s7comm.areas", "keyword", f"Area of each variable: {', '.join(name for _, name in AREAS.values())}", many=True, identity=True),
    Field("s7comm.area_codes", "long", "Area of each variable, as a number", tshark="s7comm.param.item.area", many=True, identity=True),
    Field("s7comm.db_numbers", "long", "Data block of each variable that lies in one", tshark="s7comm.param.item.db", many=True, identity=True),
    Field("s7comm.addresses", "long", "Address of each variable in bits; number of a counter or timer", tshark="s7comm.param.item.address", many=True),
    Field("s7comm.item_types", "keyword", "Type of each variable's elements: BOOL, WORD, REAL", many=True),
    Field("s7comm.item_type_codes", "long", "Type of each variable's elements, as a number", tshark="s7comm.param.item.transp_size", many=True),
    Field("s7comm.item_lengths", "long", "Number of elements of each variable", tshark="s7comm.param.item.length", many=True),
    Field("s7comm.return_codes", "long", "How the access to each variable ended; 255 is success", tshark="s7comm.data.returncode", many=True),
    Field("s7comm.return_names", "keyword", "How the access to each variable ended", many=True),
    Field("s7comm.read_values", "keyword", "Values read or sent cyclically, one for each variable; octets in hexadecimal", many=True),
    Field("s7comm.read_numbers", "double", "Those values that are numbers", many=True),
    Field("s7comm.written_values", "keyword", "Values written, one for each variable; octets in hexadecimal", many=True),
    Field("s7comm.written_numbers", "double", "Those values that are numbers", many=True),
    # Blocks
    Field("s7comm.file_name", "keyword", "Name of the file transferred: _0A00001P", tshark="s7comm.param.blockcontrol.filename"),
    Field("s7comm.block_types", "keyword", "Type of each block: OB, DB, SDB, FC, SFC, FB, SFB", many=True),
    Field("s7comm.block_numbers", "long", "Number of each block", many=True),
    Field("s7comm.block_counts", "long", "How many blocks there are of each type", many=True),
    Field("s7comm.block_filesystems", "keyword", f"File system of each block: {', '.join(FILESYSTEMS.values())}", many=True),
    Field("s7comm.load_memory_length", "long", "Load memory a block to be downloaded needs", unit="bytes"),
    Field("s7comm.code_length", "long", "Length of a block's code", unit="bytes"),
    Field("s7comm.block_length", "long", "Length of a block to be uploaded", unit="bytes"),
    Field("s7comm.part_length", "long", "Octets of a block in this message", unit="bytes"),
    Field("s7comm.more_follows", "boolean", "More of the block is to follow"),
    Field("s7comm.upload_id", "long", "Number the controller gave to an upload", tshark="s7comm.data.blockcontrol.uploadid"),
    # Program invocation
    Field("s7comm.pi_service", "keyword", "Service invoked: P_PROGRAM, _INSE, _DELE, _MODU, _GARB", tshark="s7comm.param.pistart.servicename", identity=True),
    Field("s7comm.pi_meaning", "keyword", "What the service does: start_program, insert_block, copy_ram_to_rom", identity=True),
    Field("s7comm.pi_arguments", "keyword", "What the service is given", many=True, identity=True),
    # User data
    Field("s7comm.userdata_type", "keyword", "Request, response or sent unasked; of the NC or not", values=tuple(TYPES.values())),
    Field("s7comm.function_group", "keyword", "Function group of user data", identity=True, values=tuple(GROUPS.values())),
    Field("s7comm.function_group_code", "long", "Function group of user data, as a number", tshark="s7comm.param.userdata.funcgroup", identity=True),
    Field("s7comm.subfunction_code", "long", "Subfunction of user data, as a number", tshark="s7comm.param.userdata.subfunc", identity=True),
    Field("s7comm.sequence_number", "long", "Number of a running job of user data", tshark="s7comm.param.userdata.seq_num"),
    Field("s7comm.cyclic_interval_ms", "long", "How often the data is to be sent", unit="ms"),
    Field("s7comm.subscribed_events", "long", "Which messages are subscribed to: 1 mode transition, 2 system diagnostics, 4 user diagnostics, 128 alarms"),
    Field("s7comm.subscriber", "keyword", "Name under which messages are subscribed to"),
    Field("s7comm.clock", "date", "The controller's clock, read or set; its zone is not said"),
    Field("s7comm.mode", "keyword", "Operating mode the controller is in", values=tuple(dict.fromkeys((*MODES.values(), *MODE_STATES.values())))),
    Field("s7comm.previous_mode", "keyword", "Operating mode the controller was in before", "SZL 0x0424", values=tuple(MODE_STATES.values())),
    # System status lists
    Field("s7comm.szl_id", "long", "System status list", tshark="s7comm.data.userdata.szl_id", identity=True),
    Field("s7comm.szl_index", "long", "Index in the list", tshark="s7comm.data.userdata.szl_index", identity=True),
    Field("s7comm.szl_name", "keyword", "What the list is about", identity=True),
    Field("s7comm.szl_record_length", "long", "Length of one record", unit="bytes"),
    Field("s7comm.szl_record_count", "long", "Number of records"),
    Field("s7comm.order_number", "keyword", "Order number of the module (MLFB)", "SZL 0x0011 index 1", fact="product_code"),
    Field("s7comm.hardware_order_number", "keyword", "Order number of the basic hardware", "SZL 0x0011 index 6"),
    Field("s7comm.hardware_version", "keyword", "Version of the basic hardware", "SZL 0x0011 index 6", fact="hardware_version"),
    Field("s7comm.firmware_version", "keyword", "Version of the basic firmware", "SZL 0x0011 index 7", fact="firmware"),
    Field("s7comm.station_name", "keyword", "Name of the automation system", "SZL 0x001C index 1", fact="device_name"),
    Field("s7comm.module_name", "keyword", "Name of the module", "SZL 0x001C index 2", fact="module_name"),
    Field("s7comm.plant_identification", "keyword", "Plant designation of the module", "SZL 0x001C index 3", fact="location"),
    Field("s7comm.copyright", "keyword", "Copyright entry", "SZL 0x001C index 4"),
    Field("s7comm.serial_number", "keyword", "Serial number of the module", "SZL 0x001C index 5", fact="serial_number"),
    Field("s7comm.module_type", "keyword", "Type name of the module: CPU 315-2 PN/DP", "SZL 0x001C index 7", fact="model"),
    Field("s7comm.memory_card_serial_number", "keyword", "Serial number of the memory card", "SZL 0x001C index 8"),
    Field("s7comm.oem", "keyword", "OEM identification", "SZL 0x001C index 10"),
    Field("s7comm.location", "keyword", "Location designation", "SZL 0x001C index 11"),
    Field("s7comm.max_pdu_length", "long", "Longest PDU the module can do", "SZL 0x0131 index 1", unit="bytes"),
    Field("s7comm.max_connections", "long", "Connections the module can have", "SZL 0x0131 index 1"),
    Field("s7comm.protection_selector", "long", "Protection level set by the mode selector", "SZL 0x0132 index 4"),
    Field("s7comm.protection_parameter", "long", "Protection level set in the parameters", "SZL 0x0132 index 4"),
    Field("s7comm.protection_level", "long", "Protection level in force: 1 none, 2 write, 3 read and write", "SZL 0x0132 index 4"),
    Field("s7comm.mode_selector", "keyword", "Position of the mode selector", "SZL 0x0132 index 4", values=tuple(SELECTOR_POSITIONS.values())),
    Field("s7comm.leds", "keyword", f"Lamps that are lit: {', '.join(list(LEDS.values())[:6])}", "SZL 0x0074", many=True),
)  # fmt: skip

ANOMALIES: tuple[Anomaly, ...] = (
    Anomaly("header_truncated", "The message is shorter than its header, or begins with another protocol's number"),
    Anomaly("length_mismatch", "Lengths of parameters and data do not add up to the message"),
    Anomaly("unknown_rosctr", "A kind of PDU that does not exist"),
    Anomaly("unknown_function", "A function or subfunction that has no name"),
    Anomaly("item_count_mismatch", "The address items do not fill the parameters as their count says"),
    Anomaly("item_malformed", "An address item without its mark, of unknown syntax, or of a length its syntax does not have"),
    Anomaly("unknown_area", "An address in an area that does not exist"),
    Anomaly("value_length_mismatch", "The data items do not fill the data as their count and lengths say"),
    Anomaly("parameters_malformed", "The parameters do not have the form of their function"),
    Anomaly("unknown_userdata_type", "User data that is neither request nor response nor sent unasked"),
    Anomaly("response_without_request", "An answer to a question nobody asked, while both directions were heard"),
    Anomaly("response_items_differ", "An answer for more or fewer variables than were asked for"),
)  # fmt: skip
