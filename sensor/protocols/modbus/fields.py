"""Every word Modbus adds to rules and documents, and every oddity it can show.

Sections are those of the Application Protocol V1.1b3; "MBAP" is Messaging on TCP/IP V1.0b, 3.1.3.
"""

from sensor.vocabulary import Anomaly, Field

FIELDS: tuple[Field, ...] = (
    # --- Header
    Field("modbus.framing", "keyword", "How the message was framed: tcp (MBAP header, on TCP or UDP) or rtu (serial frame with CRC)", "MBAP", identity=True, values=("tcp", "rtu")),
    Field("modbus.transaction_id", "long", "Transaction identifier, chosen by the client", "MBAP", tshark="mbtcp.trans_id"),
    Field("modbus.protocol_id", "long", "Protocol identifier; 0 is Modbus", "MBAP", tshark="mbtcp.prot_id"),
    Field("modbus.length", "long", "Bytes that follow the length field in the request", "MBAP", unit="bytes", tshark="mbtcp.len"),
    Field("modbus.response_length", "long", "Bytes that follow the length field in the response", "MBAP", unit="bytes", tshark="mbtcp.len"),
    Field("modbus.unit_id", "long", "Unit identifier: the device behind a gateway, 0 or 255 often the server itself", "MBAP", tshark="mbtcp.unit_id", identity=True),
    # --- Function
    Field("modbus.function_code", "long", "Function code, without the exception bit", "4.1", tshark="modbus.func_code", identity=True),
    Field("modbus.function", "keyword", "Name of the function", "6", identity=True),
    Field("modbus.function_class", "keyword", "What the specification says of the code", "5", identity=True, values=("public", "reserved", "user_defined", "unassigned", "invalid")),
    Field("modbus.exception_code", "long", "Why the server refused", "7", tshark="modbus.exception_code", identity=True),
    Field("modbus.exception", "keyword", "Name of the exception code", "7", identity=True),
    # --- What is read or written
    Field("modbus.address", "long", "First address, counted from 0", "6", tshark="modbus.reference_num", identity=True),
    Field("modbus.quantity", "long", "Number of coils, inputs or registers", "6", tshark="modbus.word_cnt", identity=True),
    Field("modbus.reference", "keyword", "The same addresses as the classical reference, counted from 1 with the space's digit: 400101-400140", "4.4", many=True, identity=True),
    Field("modbus.read_address", "long", "First register that function 23 reads", "6.17", tshark="modbus.read_reference_num", identity=True),
    Field("modbus.read_quantity", "long", "Registers that function 23 reads", "6.17", tshark="modbus.read_word_cnt", identity=True),
    Field("modbus.write_address", "long", "First register that function 23 writes", "6.17", tshark="modbus.write_reference_num", identity=True),
    Field("modbus.write_quantity", "long", "Registers that function 23 writes", "6.17", tshark="modbus.write_word_cnt", identity=True),
    Field("modbus.request_byte_count", "long", "Byte count said in the request", "6", unit="bytes", tshark="modbus.byte_cnt"),
    Field("modbus.byte_count", "long", "Byte count said in the response", "6", unit="bytes", tshark="modbus.byte_cnt"),
    Field("modbus.values", "long", "Values the server gave: registers as unsigned words, coils and inputs as 0 or 1", "6", many=True),
    Field("modbus.write_values", "long", "Values to be written: registers as unsigned words, coils as 0 or 1", "6", many=True),
    Field("modbus.and_mask", "long", "AND mask of function 22", "6.16", tshark="modbus.and_mask"),
    Field("modbus.or_mask", "long", "OR mask of function 22", "6.16", tshark="modbus.or_mask"),
    Field("modbus.fifo_count", "long", "Registers waiting in the queue that function 24 reads", "6.18"),
    # --- Files
    Field("modbus.file_number", "long", "File of each sub-request of functions 20 and 21", "6.14", many=True, identity=True),
    Field("modbus.record_number", "long", "First record of each sub-request", "6.14", many=True, identity=True),
    Field("modbus.record_length", "long", "Registers of each sub-request", "6.14", many=True, identity=True),
    # --- Diagnostics
    Field("modbus.subfunction_code", "long", "Sub-function of function 8", "6.8", tshark="modbus.diagnostic_code", identity=True),
    Field("modbus.subfunction", "keyword", "Name of the sub-function of function 8", "6.8", identity=True),
    Field("modbus.diagnostic_data", "long", "Data words of a diagnostic request", "6.8", many=True),
    Field("modbus.diagnostic_values", "long", "Data words of a diagnostic response: a counter, a register, an echo", "6.8", many=True),
    Field("modbus.exception_status", "long", "The eight exception status outputs, one bit each", "6.7"),
    Field("modbus.event_status", "long", "0xFFFF: an earlier command is still being worked on", "6.9", tshark="modbus.ev_status"),
    Field("modbus.event_count", "long", "Messages completed since the restart or clearing", "6.9", tshark="modbus.ev_count"),
    Field("modbus.message_count", "long", "Messages processed since the restart or clearing", "6.10", tshark="modbus.ev_msg_count"),
    Field("modbus.events", "keyword", "Communication event log, newest first", "6.10", many=True),
    # --- Identity
    Field("modbus.server_id", "keyword", "Server identifier of function 17, hexadecimal", "6.13", fact="server_id"),
    Field("modbus.server_text", "keyword", "Text in the answer to function 17", "6.13", fact="server_text"),
    Field("modbus.run_indicator", "boolean", "Whether the server says it is running", "6.13"),
    Field("modbus.mei_type_code", "long", "Encapsulated interface type of function 43", "6.19", tshark="modbus.mei", identity=True),
    Field("modbus.mei_type", "keyword", "Name of the encapsulated interface", "6.19", identity=True),
    Field("modbus.read_device_id_code", "long", "Which identification is asked for: 1 basic, 2 regular, 3 extended, 4 one object", "6.21", tshark="modbus.read_device_id", identity=True),
    Field("modbus.object_id", "long", "First object asked for", "6.21", identity=True),
    Field("modbus.object_ids", "long", "Objects in the answer", "6.21", tshark="modbus.object_id", many=True),
    Field("modbus.conformity_level", "long", "Which identification the device supports; 0x80: single objects too", "6.21", tshark="modbus.conformity_level"),
    Field("modbus.more_follows", "boolean", "Whether a further request is needed for the remaining objects", "6.21"),
    Field("modbus.next_object_id", "long", "Object to ask for next", "6.21", tshark="modbus.next_object_id"),
    Field("modbus.vendor", "keyword", "Object 0, VendorName; for UMAS the vendor it belongs to", "6.21", fact="vendor"),
    Field("modbus.product_code", "keyword", "Object 1, ProductCode", "6.21", fact="product_code"),
    Field("modbus.revision", "keyword", "Object 2, MajorMinorRevision; for UMAS the firmware", "6.21", fact="firmware"),
    Field("modbus.url", "keyword", "Object 3, VendorUrl", "6.21", fact="url"),
    Field("modbus.product_name", "keyword", "Object 4, ProductName", "6.21", fact="product_name"),
    Field("modbus.model_name", "keyword", "Object 5, ModelName; for UMAS the CPU", "6.21", fact="model"),
    Field("modbus.application", "keyword", "Object 6, UserApplicationName", "6.21", fact="application"),
    Field("modbus.objects", "keyword", "Further objects, as 0x80=text", "6.21", many=True),
    # --- UMAS, function 90
    Field("modbus.umas_function_code", "long", "UMAS function asked for", identity=True),
    Field("modbus.umas_function", "keyword", "Name of the UMAS function; its upload goes from the station to the controller", identity=True),
    Field("modbus.umas_session", "long", "Reservation key, 0 without a reservation"),
    Field("modbus.umas_status", "long", "0xFE done, 0xFD refused", identity=True),
    # --- What has no structure of its own
    Field("modbus.request_data", "keyword", "First bytes of a request without a known structure, hexadecimal"),
    Field("modbus.data", "keyword", "First bytes of a response without a known structure, hexadecimal"),
)  # fmt: skip

ANOMALIES: tuple[Anomaly, ...] = (
    # --- Of one message
    Anomaly("bad_protocol_id", "The protocol identifier is not 0", "MBAP"),
    Anomaly("length_out_of_range", "The length field is over 254 and the function is not UMAS", "MBAP"),
    Anomaly("pdu_too_short", "The message ends before its function's fields do", "6"),
    Anomaly("pdu_too_long", "Bytes follow the function's fields", "6"),
    Anomaly("byte_count_mismatch", "The byte count differs from the bytes there, or from the quantity asked for", "6"),
    Anomaly("quantity_out_of_range", "The quantity is 0 or over the function's limit", "6"),
    Anomaly("address_overflow", "Address and quantity reach beyond 65,536", "4.4"),
    Anomaly("bad_coil_value", "A single coil is written with neither 0x0000 nor 0xFF00", "6.5"),
    Anomaly("echo_mismatch", "The answer does not repeat what it has to repeat of the request", "6"),
    Anomaly("unknown_exception", "An exception code the specification does not have", "7"),
    Anomaly("reserved_function", "A function code that is reserved or invalid", "annex A"),
    Anomaly("unassigned_function", "A public function code without a meaning", "5"),
    Anomaly("unknown_subfunction", "A diagnostic sub-function that is reserved", "6.8"),
    Anomaly("unknown_mei_type", "An encapsulated interface other than 13 and 14", "6.19"),
    Anomaly("bad_read_device_id", "A device identification code outside 1 to 4", "6.21"),
    Anomaly("bad_reference_type", "A file sub-request whose reference type is not 6", "6.14"),
    Anomaly("record_out_of_range", "A file number 0, or a record number over 9,999", "6.14"),
    # --- Of pairing
    Anomaly("transaction_mismatch", "The answer carries another transaction identifier than the only request it can belong to"),
    Anomaly("unit_mismatch", "The answer to a transaction came from another unit than the one asked"),
    Anomaly("answered_twice", "One transaction was answered again, with the same bytes"),
    Anomaly("answered_differently", "One transaction was answered again, with other bytes"),
    Anomaly("answer_without_question", "An answer to nothing that was asked, in a conversation seen whole so far"),
    Anomaly("broadcast_answered", "A serial broadcast was answered", "Serial Line 2.1"),
    Anomaly("pending_overflow", "So many requests were unanswered that the oldest was given up"),
    Anomaly("role_reversed", "A request came from the server's side"),
)  # fmt: skip
