"""Every function both ways, from the specification's own examples where it has one; every field and every oddity."""

import pytest
from modbus_kit import rtu, tcp

from sensor.contract import ACTIONS, COMPLETED, STARTED, Malformed
from sensor.protocols.modbus import PROTOCOLS
from sensor.protocols.modbus.dissector import ModbusDissector
from sensor.protocols.modbus.fields import ANOMALIES, FIELDS

UNIT = 1  # the kit's


def fields(pdu, **more):
    """What a request and its response say beyond the header."""
    return pdu, {f"modbus.{name}": value for name, value in more.items()}


# request, response, operation, action, targets, shape without the unit; fields of both
GOLDEN = [
    (  # 6.1: read discrete outputs 20-38
        *("read_coils", "read", ["coil 19-37"], "0100130013"),
        fields("0100130013", address=19, quantity=19, reference=["000020-000038"]),
        fields("0103CD6B05", byte_count=3, values=[1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1]),
    ),
    (  # 6.2: read inputs 197-218
        *("read_discrete_inputs", "read", ["discrete_input 196-217"], "0200C40016"),
        fields("0200C40016", address=196, quantity=22, reference=["100197-100218"]),
        fields("0203ACDB35", byte_count=3, values=[int(b) for b in "0011010111011011101011"]),
    ),
    (  # 6.3: read registers 108-110
        *("read_holding_registers", "read", ["holding_register 107-109"], "03006B0003"),
        fields("03006B0003", address=107, quantity=3, reference=["400108-400110"]),
        fields("0306022B00000064", byte_count=6, values=[555, 0, 100]),
    ),
    (  # 6.4: read input register 9
        *("read_input_registers", "read", ["input_register 8"], "0400080001"),
        fields("0400080001", address=8, quantity=1, reference=["300009"]),
        fields("0402000A", byte_count=2, values=[10]),
    ),
    (  # 6.5: write coil 173 on
        *("write_single_coil", "write", ["coil 172"], "0500AC"),
        fields("0500ACFF00", address=172, write_values=[1], reference=["000173"]),
        fields("0500ACFF00", address=172, write_values=[1]),
    ),
    (
        *("write_single_coil", "write", ["coil 65535"], "05FFFF"),
        fields("05FFFF0000", address=65535, write_values=[0], reference=["065536"]),
        fields("05FFFF0000", write_values=[0]),
    ),
    (  # 6.6: write register 2 to 3
        *("write_single_register", "write", ["holding_register 1"], "060001"),
        fields("0600010003", address=1, write_values=[3], reference=["400002"]),
        fields("0600010003", address=1, write_values=[3]),
    ),
    (  # 6.7
        *("read_exception_status", "diagnose", [], "07"),
        fields("07"),
        fields("076D", exception_status=0x6D),
    ),
    (  # 6.8: return query data
        *("return_query_data", "diagnose", [], "080000"),
        fields("080000A537", subfunction_code=0, subfunction="return_query_data", diagnostic_data=[0xA537]),
        fields("080000A537", subfunction_code=0, diagnostic_values=[0xA537]),
    ),
    (  # 6.8.1 subfunction 1, clearing the event log as well
        *("restart_communications_option", "restart", [], "080001"),
        fields("080001FF00", subfunction="restart_communications_option", diagnostic_data=[0xFF00]),
        fields("080001FF00"),
    ),
    (
        *("force_listen_only_mode", "stop", [], "080004"),
        fields("0800040000", subfunction_code=4, subfunction="force_listen_only_mode"),
        fields("0800040000"),
    ),
    (
        *("return_bus_message_count", "diagnose", [], "08000B"),
        fields("08000B0000", subfunction_code=11),
        fields("08000B1234", diagnostic_values=[0x1234]),
    ),
    (  # 6.9: 264 events, a command still being worked on
        *("get_comm_event_counter", "diagnose", [], "0B"),
        fields("0B"),
        fields("0BFFFF0108", event_status=0xFFFF, event_count=264),
    ),
    (  # 6.10: 264 events, 289 messages, two events
        *("get_comm_event_log", "diagnose", [], "0C"),
        fields("0C"),
        fields(
            "0C08000001080121" + "2000",
            byte_count=8,
            event_status=0,
            event_count=264,
            message_count=289,
            events=["event_0x20", "communication_restart"],
        ),
    ),
    (
        *("get_comm_event_log", "diagnose", [], "0C"),
        fields("0C"),
        fields(
            "0C0B00000001000104" + "D2" + "4341" + "80",
            events=[
                "entered_listen_only",
                "receive:communication_error:character_overrun:broadcast",
                "send:read_exception:abort_exception",
                "send:read_exception",
                "receive",
            ],
        ),
    ),
    (  # 6.11: write coils 20-29
        *("write_multiple_coils", "write", ["coil 19-28"], "0F0013000A"),
        fields(
            "0F0013000A02CD01",
            address=19,
            quantity=10,
            request_byte_count=2,
            write_values=[1, 0, 1, 1, 0, 0, 1, 1, 1, 0],
        ),
        fields("0F0013000A", address=19, quantity=10, reference=["000020-000029"]),
    ),
    (  # 6.12: write registers 2 and 3
        *("write_multiple_registers", "write", ["holding_register 1-2"], "1000010002"),
        fields("100001000204000A0102", quantity=2, request_byte_count=4, write_values=[10, 258]),
        fields("1000010002", address=1, quantity=2),
    ),
    (  # 6.13 with a one-byte identifier, as a real device answers
        *("report_server_id", "identify", [], "11"),
        fields("11"),
        fields("110900FF57696E67706174", byte_count=9, server_id="00", run_indicator=True),
    ),
    (  # 6.13 with a text and the indicator behind it
        *("report_server_id", "identify", [], "11"),
        fields("11"),
        fields("1105504C432100", server_id="504c4321", server_text="PLC!", run_indicator=False),
    ),
    (
        *("report_server_id", "identify", [], "11"),
        fields("11"),
        fields("1103504C07", server_id="504c07", server_text="PL\ufffd"),
    ),
    (  # 6.14: two groups of registers
        *("read_file_record", "file", ["file 4 1-2", "file 3 9-10"], "140E0600040001000206000300090002"),
        fields(
            "140E0600040001000206000300090002",
            request_byte_count=14,
            file_number=[4, 3],
            record_number=[1, 9],
            record_length=[2, 2],
        ),
        fields("140C05060DFE0020050633CD0040", byte_count=12, values=[0x0DFE, 0x20, 0x33CD, 0x40]),
    ),
    (  # 6.15
        *("write_file_record", "file", ["file 4 7-9"], "1506000400070003"),
        fields("150D0600040007000306AF04BE100D", file_number=[4], write_values=[0x06AF, 0x04BE, 0x100D]),
        fields("150D0600040007000306AF04BE100D", byte_count=13, record_number=[7], record_length=[3]),
    ),
    (  # 6.16
        *("mask_write_register", "write", ["holding_register 4"], "160004"),
        fields("16000400F20025", address=4, and_mask=0xF2, or_mask=0x25, reference=["400005"]),
        fields("16000400F20025", address=4, and_mask=0xF2, or_mask=0x25),
    ),
    (  # 6.17: read six from 4, write three from 15
        *(
            "read_write_multiple_registers",
            "write",
            ["holding_register 3-8", "holding_register 14-16"],
            "1700030006000E0003",
        ),
        fields(
            "1700030006000E00030600FF00FF00FF",
            read_address=3,
            read_quantity=6,
            write_address=14,
            write_quantity=3,
            request_byte_count=6,
            write_values=[255, 255, 255],
            reference=["400004-400009", "400015-400017"],
        ),
        fields("170C00FE0ACD00010003000D00FF", byte_count=12, values=[254, 2765, 1, 3, 13, 255]),
    ),
    (  # 6.18
        *("read_fifo_queue", "read", ["holding_register 1246"], "1804DE"),
        fields("1804DE", address=1246, reference=["401247"]),
        fields("180006000201B81284", byte_count=6, fifo_count=2, values=[440, 4740]),
    ),
    (  # 6.20: CANopen, whose contents are another specification's
        *("canopen_general_reference", "other", [], "2B0D"),
        fields("2B0D010203", mei_type_code=13, mei_type="canopen_general_reference", request_data="010203"),
        fields("2B0D0405", mei_type_code=13, data="0405"),
    ),
    (  # 6.21, basic identification, two of three objects
        *("read_device_identification", "identify", ["device_id basic 0"], "2B0E0100"),
        fields("2B0E0100", mei_type_code=14, read_device_id_code=1, object_id=0),
        fields(
            "2B0E0101FF0202" + "0016436F6D70616E79206964656E74696669636174696F6E" + "010750726F64756374",
            mei_type="read_device_identification",
            conformity_level=1,
            more_follows=True,
            next_object_id=2,
            object_ids=[0, 1],
            vendor="Company identification",
            product_code="Product",
        ),
    ),
    (  # all that remain, and one of the vendor's own
        *("read_device_identification", "identify", ["device_id extended 2"], "2B0E0302"),
        fields("2B0E0302", read_device_id_code=3),
        fields(
            "2B0E0383000006020556322E31310303752E720402504E05024D4E0602554180024F4B",
            conformity_level=0x83,
            more_follows=False,
            revision="V2.11",
            url="u.r",
            product_name="PN",
            model_name="MN",
            application="UA",
            objects=["0x80=OK"],
        ),
    ),
    (  # UMAS, read off a Quantum
        *("umas_read_id", "identify", [], "5A02"),
        fields("5A0002", umas_session=0, umas_function_code=2, umas_function="read_id"),
        fields(
            "5A00FE10FF5A010100000070020000270009000800000000000E3134302043505520333131203130010101000000001100",
            umas_status=0xFE,
            vendor="Schneider Electric",
            revision="2.70",
            model_name="140 CPU 311 10",
        ),
    ),
    (
        *("umas_stop_plc", "stop", [], "5A41"),
        fields("5A0141FF00", umas_session=1, umas_function="stop_plc", request_data="ff00"),
        fields("5A01FE", umas_status=0xFE, umas_session=1),
    ),
    (  # its upload is what everybody else calls a download
        *("umas_upload_block", "program_download", [], "5A31"),
        fields("5A0131000101000200ABCD", umas_function_code=0x31),
        fields("5A01FE0001", data="0001"),
    ),
    (
        *("function_66", "other", [], "42"),
        fields("42CAFE", function="function_66", function_class="user_defined", request_data="cafe"),
        fields("42BABE", data="babe"),
    ),
]


@pytest.mark.parametrize("is_rtu", [False, True], ids=["tcp", "rtu"])
@pytest.mark.parametrize(("operation", "action", "targets", "shape", "asks", "answers"), GOLDEN)
def test_golden(operation, action, targets, shape, asks, answers, is_rtu):
    wrap = rtu if is_rtu else tcp
    request, response = wrap(asks[0]), wrap(answers[0])
    dissector = ModbusDissector(is_rtu)
    assert dissector.frame(request, 0, len(request), 0) == len(request)
    assert dissector.glance(request, 0, len(request), 0, 1000) == STARTED
    exchange = dissector.exchange
    assert exchange.shape == bytes([UNIT]) + bytes.fromhex(shape)
    assert exchange.request == request
    assert dissector.frame(response, 0, len(response), 1) == len(response)
    assert dissector.glance(response, 0, len(response), 1, 1500) == COMPLETED
    assert dissector.exchange is exchange
    assert exchange.latency() == 500
    for wire, direction, asked, wanted, kind in (
        (request, 0, b"", asks[1], "request"),
        (response, 1, request, answers[1], "response"),
    ):
        message = dissector.dissect(wire, 0, len(wire), direction, asked)
        found = message.fields()
        assert (message.kind, message.operation, message.action, message.unit) == (kind, operation, action, str(UNIT))
        assert message.action in ACTIONS
        assert message.anomalies == []
        assert {name: found.get(name) for name in wanted} == wanted
        assert found["modbus.framing"] == ("rtu" if is_rtu else "tcp")
        if not is_rtu:
            assert found["modbus.transaction_id"] == 1
            assert found["modbus.length" if kind == "request" else "modbus.response_length"] == len(wire) - 6
    assert [str(target) for target in dissector.dissect(request, 0, len(request), 0, b"").targets] == targets


def test_exceptions_are_named():
    dissector = ModbusDissector()
    request = tcp("0300000001")
    for code, name in (
        *(
            (1, "illegal_function"),
            (2, "illegal_data_address"),
            (3, "illegal_data_value"),
            (4, "server_device_failure"),
        ),
        *((5, "acknowledge"), (6, "server_device_busy"), (7, "negative_acknowledge"), (8, "memory_parity_error")),
        *((10, "gateway_path_unavailable"), (11, "gateway_target_device_failed_to_respond"), (200, "exception_200")),
    ):
        response = tcp(bytes([0x83, code]))
        message = dissector.dissect(response, 0, len(response), 1, request)
        assert message.operation == "read_holding_registers"
        assert message.fields()["modbus.exception_code"] == code
        assert message.fields()["modbus.exception"] == name
        assert message.fields()["modbus.function_code"] == 3
        assert message.anomalies == (["unknown_exception"] if code == 200 else [])


def test_exception_is_named_after_what_was_asked():
    request, response = tcp("0800040000"), tcp("880B")
    message = ModbusDissector().dissect(response, 0, len(response), 1, request)
    assert (message.operation, message.action) == ("force_listen_only_mode", "stop")


# oddity, request, response (None: only a request)
ODD = [
    ("pdu_too_short", "0300", None),
    ("pdu_too_short", "03006B0003", "03"),
    ("pdu_too_short", "0500AC", None),
    ("pdu_too_short", "16000000", None),
    ("pdu_too_short", "5A00", None),
    ("pdu_too_short", "08", None),
    ("pdu_too_short", "080000", None),
    ("pdu_too_short", "2B0E01", None),
    ("pdu_too_short", "07", "87"),
    ("pdu_too_long", "03006B000300", None),
    ("pdu_too_long", "0500ACFF0000", None),
    ("pdu_too_long", "06000100030000", None),
    ("pdu_too_long", "0700", None),
    ("pdu_too_long", "03006B0003", "830200"),
    ("pdu_too_long", "080000123450", None),
    ("byte_count_mismatch", "03006B0003", "0304022B0000"),
    ("byte_count_mismatch", "03006B0003", "0306022B0000"),
    ("byte_count_mismatch", "0100130013", "0102CD6B"),
    ("byte_count_mismatch", "0F0013000A03CD0100", None),
    ("byte_count_mismatch", "0F0013000A02CD", None),
    ("byte_count_mismatch", "100001000202000A", None),
    ("byte_count_mismatch", "1700030006000E00030400FF00FF", None),
    ("byte_count_mismatch", "1700030001000E00010200FF", "17020001FF"),
    ("byte_count_mismatch", "1804DE", "180006000301B81284"),
    ("byte_count_mismatch", "11", "1105504C"),
    ("byte_count_mismatch", "0C", "0C0400000108"),
    ("byte_count_mismatch", "140806000400010002FF", None),
    ("byte_count_mismatch", "150D0600040007000406AF04BE100D", None),
    ("byte_count_mismatch", "140706000400010002", "140306060D"),
    ("quantity_out_of_range", "0100130000", None),
    ("quantity_out_of_range", "01000007D1", None),
    ("quantity_out_of_range", "020000FFFF", None),
    ("quantity_out_of_range", "030000007E", None),
    ("quantity_out_of_range", "0400000000", None),
    ("quantity_out_of_range", "0F000007B1F7" + "00" * 247, None),
    ("quantity_out_of_range", "100000007CF8" + "00" * 248, None),
    ("quantity_out_of_range", "170000007E0000000102" + "0000", None),
    ("quantity_out_of_range", "170000000100000000" + "00", None),
    ("quantity_out_of_range", "1804DE", "1800420020" + "0000" * 32),
    ("quantity_out_of_range", "140706000400010000", None),
    ("quantity_out_of_range", "1400", None),
    ("address_overflow", "03FFFF0002", None),
    ("address_overflow", "0FFFF8000A020000", None),
    ("address_overflow", "17FFFF0002000000010200FF", None),
    ("bad_coil_value", "0500ACFF01", None),
    ("bad_coil_value", "0500AC0001", None),
    ("echo_mismatch", "0500ACFF00", "0500AC0000"),
    ("echo_mismatch", "0600010003", "0600020003"),
    ("echo_mismatch", "100001000204000A0102", "1000010001"),
    ("echo_mismatch", "16000400F20025", "16000400F20024"),
    ("echo_mismatch", "080000A537", "080000A538"),
    ("echo_mismatch", "08000B0000", "08000C0000"),
    ("echo_mismatch", "15090600040007000106AF", "1509060004000700010000"),
    ("echo_mismatch", "2B0E0100", "2B0D01"),
    ("unknown_exception", "03006B0003", "8309"),
    ("reserved_function", "00", None),
    ("reserved_function", "0900", None),
    ("reserved_function", "7D02", None),
    ("unassigned_function", "1900", None),
    ("unknown_subfunction", "0800050000", None),
    ("unknown_subfunction", "0800130000", None),
    ("unknown_mei_type", "2B0F00", None),
    ("bad_read_device_id", "2B0E0500", None),
    ("bad_reference_type", "140707000400010002", None),
    ("bad_reference_type", "140706000400010001", "140403070DFE"),
    ("record_out_of_range", "140706000000010002", None),
    ("record_out_of_range", "140706000427100001", None),
]


@pytest.mark.parametrize(("oddity", "asks", "answers"), ODD)
def test_oddities(oddity, asks, answers):
    dissector = ModbusDissector()
    dissector.lean = 8  # it is known who is the client, or the malformed would be judged by its looks
    request = tcp(asks)
    assert dissector.glance(request, 0, len(request), 0, 1) == STARTED
    exchange = dissector.exchange
    message = dissector.dissect(request, 0, len(request), 0, b"")
    if answers is not None:
        response = tcp(answers)
        assert dissector.glance(response, 0, len(response), 1, 2) == COMPLETED
        assert dissector.exchange is exchange
        message = dissector.dissect(response, 0, len(response), 1, request)
    assert oddity in message.anomalies
    assert exchange.significant


def test_header_oddities():
    dissector = ModbusDissector()
    foreign = tcp("0300000001", protocol=7)
    assert dissector.frame(foreign, 0, len(foreign), 0) == len(foreign)
    assert dissector.dissect(foreign, 0, len(foreign), 0, b"").anomalies == ["bad_protocol_id"]
    dissector.glance(foreign, 0, len(foreign), 0, 1)
    assert dissector.exchange.significant
    long = tcp("41" + "00" * 300)
    assert dissector.frame(long, 0, len(long), 0) == len(long)
    assert dissector.dissect(long, 0, len(long), 0, b"").anomalies == ["length_out_of_range"]
    umas = tcp("5A0020" + "00" * 1000)
    assert dissector.frame(umas, 0, len(umas), 0) == len(umas)
    assert dissector.dissect(umas, 0, len(umas), 0, b"").anomalies == []
    with pytest.raises(Malformed):
        dissector.dissect(umas, 0, 7, 0, b"")


def test_every_declared_field_is_seen():
    seen = set()
    for *_, asks, answers in GOLDEN:
        request, response = tcp(asks[0]), tcp(answers[0])
        dissector = ModbusDissector()
        seen |= set(dissector.dissect(request, 0, len(request), 0, b"").fields())
        seen |= set(dissector.dissect(response, 0, len(response), 1, request).fields())
    refusal = tcp("8302")
    seen |= set(ModbusDissector().dissect(refusal, 0, len(refusal), 1, b"").fields())
    assert seen == {field.name for field in FIELDS}


def test_every_declared_anomaly_of_a_message_is_produced():
    of_pairing = {
        *("transaction_mismatch", "unit_mismatch", "answered_twice", "answered_differently"),
        *("answer_without_question", "broadcast_answered", "pending_overflow", "role_reversed"),
    }
    of_header = {"bad_protocol_id", "length_out_of_range"}
    assert {oddity for oddity, _, _ in ODD} | of_header | of_pairing == {anomaly.name for anomaly in ANOMALIES}


def test_hostile_text_is_shown_but_not_trusted():
    response = tcp("2B0E0101000001" + "0006" + b"\x1b[2J\n\xff".hex())
    assert (
        ModbusDissector().dissect(response, 0, len(response), 1, b"").fields()["modbus.vendor"]
        == "\ufffd[2J\ufffd\ufffd"
    )


def test_response_without_its_request_keeps_all_bits():
    response = tcp("0103CD6B05")
    dissector = ModbusDissector()
    dissector.lean = 8
    assert len(dissector.dissect(response, 0, len(response), 1, b"").values) == 24


def test_offers_two_protocols():
    assert [(protocol.name, protocol.transports) for protocol in PROTOCOLS] == [
        ("modbus", ("tcp", "udp")),
        ("modbus_rtu", ("tcp",)),
    ]
    assert [protocol.dissector().protocol for protocol in PROTOCOLS] == ["modbus", "modbus"]
