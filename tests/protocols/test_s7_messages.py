"""Every function of S7comm, as it is written on the wire and as it is read."""

import struct

import pytest
from s7_kit import (
    NOTHING,
    Talk,
    ack,
    answer,
    answer_user,
    any_item,
    ask_user,
    job,
    mode_transition,
    octets,
    pi_service,
    plc_stop,
    read,
    szl,
    targets,
    transfer,
    u16,
    value,
    values,
    write,
    written,
)

from sensor.contract import ACCEPTED, ACTIONS, REFUSED
from sensor.protocols.s7comm.faults import known_area, known_subfunction
from sensor.protocols.s7comm.names import AREAS, FUNCTIONS, PI_SERVICES, SUBFUNCTIONS


def test_setup_communication_asks_and_agrees():
    asked, agreed = job(b"\xf0\0\0\1\0\2\3\xc0"), answer(b"\xf0\0\0\1\0\1\0\xf0")
    exchange, request, response = Talk().both(asked, agreed)
    assert (request.operation, request.action, exchange.significant) == ("setup_communication", "connect", False)
    assert request.fields() == {
        "s7comm.rosctr": 1,
        "s7comm.pdu_reference": 1,
        "s7comm.function": "setup_communication",
        "s7comm.function_code": 0xF0,
        "s7comm.requested_amq_calling": 1,
        "s7comm.requested_amq_called": 2,
        "s7comm.requested_pdu_length": 960,
    }
    assert response.fields()["s7comm.amq_called"] == 1
    assert response.fields()["s7comm.amq_calling"] == 1
    assert response.fields()["s7comm.pdu_length"] == 240


def test_a_read_names_every_variable_and_its_value():
    items = [
        any_item(db=300, byte=2, kind=4),
        any_item(area=0x83, byte=5, bit=3, kind=1),
        any_item(area=0x82, kind=8, count=2),
        any_item(area=0x1D, kind=29, count=3),
    ]
    brought = [
        value(b"\xff\xfe", 4),
        b"\xff\x03\x00\x01\x01",
        value(struct.pack(">ff", 1.5, -2.25), 7),
        value(bytes(6), 9),
    ]
    exchange, request, response = Talk().both(read(*items), values(*brought))
    assert (request.operation, request.action, request.kind) == ("read_var", "read", "request")
    assert (exchange.outcome, exchange.significant) == (ACCEPTED, False)
    assert targets(request) == ["DB300.DBB 2-3", "MX5.3", "QB 0-7", "T 0-2"]
    assert request.fields()["s7comm.items"] == ["DB300.DBX2.0 WORD 1", "M5.3 BOOL 1", "Q0.0 REAL 2", "T0 TIMER 3"]
    assert request.fields()["s7comm.areas"] == ["data_block", "flag", "output", "timer"]
    assert request.fields()["s7comm.area_codes"] == [0x84, 0x83, 0x82, 0x1D]
    assert request.fields()["s7comm.db_numbers"] == [300]
    assert request.fields()["s7comm.addresses"] == [16, 43, 0, 0]
    assert request.fields()["s7comm.item_types"] == ["WORD", "BOOL", "REAL", "TIMER"]
    assert request.fields()["s7comm.item_lengths"] == [1, 1, 2, 3]
    assert response.fields()["s7comm.read_values"] == ["65534", "true", "1.5 -2.25", "0 0 0"]
    assert response.fields()["s7comm.read_numbers"] == [65534.0, 1.0, 1.5, -2.25, 0.0, 0.0, 0.0]
    assert response.fields()["s7comm.return_names"] == ["success"] * 4


@pytest.mark.parametrize(
    ("kind", "count", "size", "wire", "text", "numbers"),
    [
        (1, 1, 3, b"\x00", "false", [0.0]),
        (2, 1, 4, b"\x80", "128", [128.0]),
        (2, 4, 4, b"\xde\xad\xbe\xef", "deadbeef", []),
        (3, 5, 4, b"PUMP1", "PUMP1", []),
        (5, 1, 5, b"\xff\xff", "-1", [-1.0]),
        (6, 1, 4, b"\xff\xff\xff\xff", "4294967295", [4294967295.0]),
        (7, 1, 6, b"\xff\xff\xff\xfe", "-2", [-2.0]),
        (8, 1, 7, b"\x7f\xc0\0\0", "nan", []),
        (15, 1, 9, b"\x24\1\2\3\4\5\6\7", "2401020304050607", []),
    ],
)
def test_values_are_read_by_the_type_that_was_asked_for(kind, count, size, wire, text, numbers):
    part = b"\xff\x03\x00\x01" + wire if size == 3 else value(wire, size)
    _, _, response = Talk().both(read(any_item(kind=kind, count=count)), values(part))
    assert response.values == [text]
    assert response.numbers == numbers


def test_without_its_request_a_value_is_read_by_its_own_size():
    parts = [b"\xff\x03\x00\x01\x01", value(b"\xff\xff", 5), value(b"\xff\xff\xff\xff", 6), value(b"\x3f\x80\0\0", 7)]
    assert Talk().said(values(*parts)).values == ["true", "-1", "-1", "1"]


def test_a_refused_variable_refuses_the_read():
    exchange, _, response = Talk().both(
        read(any_item(), any_item(db=9), any_item(db=10)),
        values(value(b"\x07"), b"\x0a\x00\x00\x04", b"\x05\x00\x00\x00"),
    )
    assert (exchange.outcome, exchange.code, exchange.significant) == (REFUSED, 0x0A, True)
    assert response.fields()["s7comm.return_codes"] == [255, 10, 5]
    assert response.fields()["s7comm.return_names"] == ["success", "object_does_not_exist", "invalid_address"]
    assert response.values == ["7", "", ""]
    assert response.anomalies == []


def test_a_write_is_looked_at_each_time_and_its_values_are_not_in_its_shape():
    shapes = set()
    for octet in (b"\x01", b"\x02"):
        asked = write([any_item(area=0x82), any_item(byte=4, kind=5)], [value(octet), value(b"\0\x09", 5)])
        exchange, request, response = Talk().both(asked, written(255, 255))
        shapes.add(exchange.shape)
        assert (exchange.outcome, exchange.significant, request.action) == (ACCEPTED, True, "write")
        assert request.fields()["s7comm.written_values"] == [str(octet[0]), "9"]
        assert request.fields()["s7comm.written_numbers"] == [float(octet[0]), 9.0]
        assert response.fields()["s7comm.return_codes"] == [255, 255]
    assert len(shapes) == 1


def test_a_write_refused_in_part_is_refused():
    asked = write([any_item(), any_item(db=2)], [value(b"\1"), value(b"\2")])
    exchange, _, _ = Talk().both(asked, written(255, 3))
    assert (exchange.outcome, exchange.code) == (REFUSED, 3)


@pytest.mark.parametrize(
    ("item", "text", "target"),
    [
        (
            b"\x12\x0c\xb0\x02" + b"\x04\0\x05\0\x10" + b"\x02\0\x06\0\0",
            "DB5.DBX16.0 BYTE 4 DB6.DBX0.0 BYTE 2",
            "DB5.DBB 16-19",
        ),
        (
            b"\x12\x0e\xb2\xff\x8a\x0e\0\x05\x12\x34\x56\x78\x20\0\0\x09",
            "DB5 symbol 12345678/9",
            "DB5 symbol 12345678/9",
        ),
        (b"\x12\x0a\xb2\xff\0\0\0\x52\xab\xcd\xef\x01", "M symbol abcdef01/", "M symbol abcdef01/"),
        (
            b"\x12\x08\x82\x41\0\x01\0\x02\x7f\x03",
            "NCK area 2 unit 1 module 0x7f column 1 line 2 count 3",
            "NCK area 2 unit 1 module 0x7f column 1 2-4",
        ),
        (b"\x12\x0a\xa2\0\0\0\0\0\0\x64\0\x02", "drive parameter 100.2", "drive parameter 100.2"),
        (any_item(area=0x85, db=4, byte=1), "DI4.DIX1.0 BYTE 1", "DI4.DIB 1"),
        (any_item(area=0x80, byte=256, kind=4), "P256.0 WORD 1", "PB 256-257"),
        (any_item(area=0x1C, kind=28), "C0 COUNTER 1", "C 0"),
    ],
)  # fmt: skip
def test_every_way_to_address_a_variable(item, text, target):
    message = Talk().said(read(item))
    assert message.anomalies == []
    assert message.fields()["s7comm.items"] == [text]
    assert targets(message)[0] == target


def test_items_and_values_of_odd_length_are_filled_up():
    short = b"\x12\x07\xb0\x01\x04\0\x05\0\x10"
    _, request, response = Talk().both(read(short, any_item()), values(value(b"\xff\1\2\3\4", 9), value(b"\x05")))
    assert request.fields()["s7comm.items"] == ["DB5.DBX16.0 BYTE 4", "DB1.DBX0.0 BYTE 1"]
    assert response.values == ["ff01020304", "5"]
    assert request.anomalies == response.anomalies == []


def test_a_refused_job_names_class_and_code():
    exchange, _, response = Talk().both(read(any_item()), answer(b"\x04\x00", error=0x8104))
    assert (exchange.outcome, exchange.code, exchange.significant) == (REFUSED, 0x8104, True)
    fields = response.fields()
    assert (fields["s7comm.error_class"], fields["s7comm.error_code"]) == (0x81, 4)
    assert (fields["s7comm.error_number"], fields["s7comm.error"]) == (0x8104, "service_not_implemented")


def test_a_bare_acknowledgement_answers_any_job():
    exchange, _, response = Talk().both(transfer(0x1D), ack(0xD241))
    assert (exchange.outcome, exchange.code) == (REFUSED, 0xD241)
    assert response.fields()["s7comm.error"] == "not_permitted_in_protection_level"
    assert response.operation == "start_upload"


def test_a_download_is_the_work_of_the_station_that_programs():
    talk = Talk()
    _, request, _ = talk.both(transfer(0x1A, rest=b"\x0d1000216000088"), answer(b"\x1a"))
    assert request.fields()["s7comm.load_memory_length"] == 216
    assert request.fields()["s7comm.code_length"] == 88
    assert request.fields()["s7comm.file_name"] == "_0A00001P"
    assert request.fields()["s7comm.block_filesystems"] == ["passive"]
    assert targets(request) == ["DB 1"]
    for function, brought in ((0x1B, answer(b"\x1b\x01", b"\0\x04\0\xfb\1\2\3\4")), (0x1C, answer(b"\x1c"))):
        begun = talk.answer(transfer(function))  # the controller asks
        exchange = talk.ask(brought)
        assert exchange is begun
        assert (exchange.client, exchange.outcome, exchange.significant) == (0, ACCEPTED, True)
        assert talk.request(exchange).fields()["s7comm.initiator"] == "server"
        assert talk.request(exchange).action == "program_download"
        assert targets(talk.request(exchange)) == ["DB 1"]
    fields = talk.response(talk.done[1]).fields()
    assert (fields["s7comm.more_follows"], fields["s7comm.part_length"]) == (True, 4)


def test_an_upload():
    talk = Talk()
    _, request, response = talk.both(transfer(0x1D, b"_0800001A"), answer(b"\x1d\0\1\0\0\0\0\x07\x070000216"))
    assert (targets(request), request.action) == (["OB 1"], "program_upload")
    assert response.fields()["s7comm.upload_id"] == 7
    assert response.fields()["s7comm.block_length"] == 216
    _, request, response = talk.both(job(b"\x1e\0\0\0\0\0\0\x07"), answer(b"\x1e\0", b"\0\x02\0\xfb\1\2"))
    assert request.fields()["s7comm.upload_id"] == 7
    assert response.fields()["s7comm.more_follows"] is False
    exchange, request, _ = talk.both(job(b"\x1f\0\0\0\0\0\0\x07"), answer(b"\x1f"))
    assert (request.operation, exchange.significant) == ("end_upload", True)


@pytest.mark.parametrize(
    ("name", "block", "operation", "action", "target", "extra"),
    [
        (b"P_PROGRAM", b"", "plc_start", "start", "P_PROGRAM", {"s7comm.pi_meaning": "start_program"}),
        (b"P_PROGRAM", b"C ", "plc_start", "start", "P_PROGRAM C", {"s7comm.pi_arguments": ["C "]}),
        (b"_INSE", b"\1\0000A00001P", "pi_service", "program_download", "_INSE DB 1", {"s7comm.block_numbers": [1]}),
        (b"_DELE", b"\1\0000E00012B", "pi_service", "program_download", "_DELE FB 12", {"s7comm.block_types": ["FB"]}),
        (b"_MODU", b"EP", "pi_service", "program_download", "_MODU EP", {"s7comm.pi_meaning": "copy_ram_to_rom"}),
        (b"_GARB", b"", "pi_service", "other", "_GARB", {"s7comm.pi_meaning": "compress_memory"}),
        (b"_N_F_DELE", b"\x05P01\x00X\x03A.B", "pi_service", "file", "_N_F_DELE P01\0X A.B", {}),
        (b"_NEVER", b"", "pi_service", "other", "_NEVER", {"s7comm.pi_service": "_NEVER"}),
    ],
)
def test_program_invocations(name, block, operation, action, target, extra):
    exchange, request, _ = Talk().both(pi_service(name, block), answer(b"\x28"))
    assert (request.operation, request.action, exchange.significant) == (operation, action, True)
    assert targets(request) == [target]
    assert request.fields().items() >= extra.items()


def test_a_nc_service_has_counted_arguments():
    message = Talk().said(pi_service(b"_N_F_RENA", b"\x03A/B\x03C/D"))
    assert message.fields()["s7comm.pi_arguments"] == ["A/B", "C/D"]


def test_stopping_the_controller():
    exchange, request, _ = Talk().both(plc_stop(), answer(b"\x29"))
    assert (request.operation, request.action, exchange.significant) == ("plc_stop", "stop", True)
    assert request.fields()["s7comm.pi_service"] == "P_PROGRAM"


def test_status_lists_say_what_a_module_is():
    order = b"6ES7 315-2EH14-0AB0 "
    records = [
        u16(1) + order + b"\0\xc0\0\4\0\1",
        u16(6) + order + b"\0\xc0\0\4\0\5",
        u16(7) + b"Boot Loader         " + b"\0\xc0V\3\2\6",
    ]
    exchange, request, response = Talk().both(
        ask_user(4, 1, octets(b"\0\x11\0\0")), answer_user(4, 1, szl(0x11, 0, *records))
    )
    assert (request.operation, request.action, exchange.significant) == ("szl_read", "identify", True)
    assert targets(request) == ["SZL 0x0011 0"]
    fields = response.fields()
    assert fields["s7comm.order_number"] == "6ES7 315-2EH14-0AB0"
    assert fields["s7comm.hardware_order_number"] == "6ES7 315-2EH14-0AB0"
    assert fields["s7comm.hardware_version"] == "5"
    assert fields["s7comm.firmware_version"] == "V3.2.6"
    assert (fields["s7comm.szl_id"], fields["s7comm.szl_index"]) == (0x11, 0)
    assert (fields["s7comm.szl_record_length"], fields["s7comm.szl_record_count"]) == (28, 3)
    assert fields["s7comm.szl_name"] == "module_identification"


def test_status_lists_say_what_a_module_is_called():
    names = {
        1: "SAAP7",
        2: "CPU 315",
        3: "Plant",
        4: "Original",
        5: "S C-1",
        7: "CPU 315-2",
        8: "MMC 1",
        10: "OEM",
        11: "Hall",
    }
    records = [u16(index) + name.encode().ljust(32, b"\0") for index, name in names.items()]
    fields = Talk().said(answer_user(4, 1, szl(0x1C, 0, *records)), 1).fields()
    said = ("station_name", "module_name", "plant_identification", "copyright", "serial_number", "module_type")
    said += ("memory_card_serial_number", "oem", "location")
    assert [fields[f"s7comm.{name}"] for name in said] == list(names.values())


def test_status_lists_say_limits_protection_mode_and_lamps():
    talk = Talk()
    fields = talk.said(answer_user(4, 1, szl(0x131, 1, u16(1) + u16(480) + u16(32) + bytes(34)))).fields()
    assert (fields["s7comm.max_pdu_length"], fields["s7comm.max_connections"]) == (480, 32)
    fields = talk.said(
        answer_user(4, 1, szl(0x132, 4, u16(4) + u16(1) + u16(3) + u16(3) + u16(2) + bytes(30)))
    ).fields()
    assert fields["s7comm.protection_selector"] == 1
    assert (fields["s7comm.protection_parameter"], fields["s7comm.protection_level"]) == (3, 3)
    assert fields["s7comm.mode_selector"] == "run_p"
    fields = talk.said(answer_user(4, 1, szl(0x424, 0, b"\x51\x42\xff\x84" + bytes(16)))).fields()
    assert (fields["s7comm.mode"], fields["s7comm.previous_mode"]) == ("stop", "run")
    fields = talk.said(answer_user(4, 1, szl(0x74, 0, b"\0\4\0\0", b"\0\5\1\0", b"\0\1\1\1"))).fields()
    assert fields["s7comm.leds"] == ["stop", "group_error blinking"]


def test_a_polled_status_list_is_routine_and_a_refused_one_is_not():
    asked = ask_user(4, 1, octets(b"\x04\x24\0\0"))
    exchange, request, _ = Talk().both(asked, answer_user(4, 1, szl(0x424, 0, bytes(20))))
    assert (request.action, exchange.significant) == ("diagnose", False)
    exchange, _, response = Talk().both(asked, answer_user(4, 1, error=0xD401))
    assert (exchange.outcome, exchange.code, exchange.significant) == (REFUSED, 0xD401, True)
    assert response.fields()["s7comm.error"] == "information_function_unavailable"
    assert "s7comm.error_class" not in response.fields()


def test_block_lists_and_block_info():
    talk = Talk()
    brought = answer_user(3, 1, octets(b"08\0\x0f0A\1\0"))
    _, request, response = talk.both(ask_user(3, 1), brought)
    assert request.operation == "block_list"
    assert (response.fields()["s7comm.block_types"], response.fields()["s7comm.block_counts"]) == (
        ["OB", "DB"],
        [15, 256],
    )
    _, request, response = talk.both(ask_user(3, 2, octets(b"0B")), answer_user(3, 2, octets(b"\0\1\x22\5\0\2\x22\5")))
    assert (request.operation, targets(request)) == ("block_list_of_type", ["SDB"])
    assert response.fields()["s7comm.block_numbers"] == [1, 2]
    exchange, request, _ = talk.both(ask_user(3, 3, octets(b"0A00042A")), answer_user(3, 3, error=0xD209))
    assert (request.operation, targets(request), exchange.code) == ("block_info", ["DB 42"], 0xD209)
    assert request.fields()["s7comm.block_filesystems"] == ["active"]


def test_the_clock_is_read_and_set():
    clock = octets(b"\0\x19\x16\x02\x08\x23\x08\x10\x12\x32")
    exchange, request, response = Talk().both(ask_user(7, 1), answer_user(7, 1, clock))
    assert (request.operation, request.action, exchange.significant) == ("clock_read", "read", False)
    assert response.fields()["s7comm.clock"] == "2016-02-08T23:08:10.123"
    exchange, request, _ = Talk().both(ask_user(7, 2, clock), answer_user(7, 2))
    assert (request.operation, request.action, exchange.significant) == ("clock_set", "time_set", True)
    assert request.fields()["s7comm.clock"] == "2016-02-08T23:08:10.123"
    nonsense = octets(b"\0\x19\x16\x13\x08\x23\x08\x10\x12\x32")
    assert "s7comm.clock" not in Talk().said(ask_user(7, 2, nonsense)).fields()


def test_a_password_is_an_authentication_and_never_a_field():
    exchange, request, _ = Talk().both(ask_user(5, 1, octets(b"\x34\x37\2\6\x32\x35\0\x40")), answer_user(5, 1))
    assert (request.operation, request.action, exchange.significant) == ("password", "authenticate", True)
    assert not any("3437" in str(value) for value in request.fields().values())
    assert b"\x34\x37" not in exchange.shape


def test_cyclic_data():
    talk = Talk()
    items = any_item(db=300, kind=4) + any_item(area=0x83)
    asked = ask_user(2, 1, octets(u16(2) + b"\1\5" + items))
    brought = answer_user(2, 1, octets(u16(2) + value(b"\0\7") + value(b"\1")))
    exchange, request, response = talk.both(asked, brought)
    assert (request.operation, request.action, exchange.significant) == ("cyclic_read", "subscribe", False)
    assert request.fields()["s7comm.cyclic_interval_ms"] == 5000
    assert targets(request) == ["DB300.DBB 0-1", "MB 0"]
    assert response.values == ["0007", "1"]
    pushed = talk.answer(answer_user(2, 1, octets(u16(1) + value(b"\0\7")), kind=0))
    message = talk.response(pushed)
    assert (message.operation, message.action, message.kind) == ("cyclic_read_data", "read", "unsolicited")
    assert pushed.significant is False
    _, request, _ = talk.both(ask_user(2, 4, octets(b"\1\2")), answer_user(2, 4))
    assert (request.operation, request.action) == ("cyclic_unsubscribe", "subscribe")


def test_messages_are_subscribed_to_under_a_name():
    message = Talk().said(ask_user(4, 2, octets(b"\x81\0HmiRtm  \x09\0")))
    assert (message.operation, message.action) == ("message_service", "subscribe")
    assert message.fields()["s7comm.subscribed_events"] == 0x81
    assert message.fields()["s7comm.subscriber"] == "HmiRtm"


@pytest.mark.parametrize(("subfunction", "operation"), [(8, "modify_variable"), (9, "force"), (2, "variable_status")])
def test_variables_are_watched_modified_and_forced(subfunction, operation):
    parameters = bytes(18) + b"\2\0"
    items = u16(2) + b"\x01\x06\0\0\0\0" + b"\x72\x01\0\x05\0\x08"
    changes = subfunction != 2
    data = items + (b"\xff\4\0\x08\1" if changes else b"")
    exchange = Talk().ask(ask_user(1, subfunction, octets(u16(20) + u16(len(data)) + parameters + data)))
    message = Talk().request(exchange)
    assert (message.operation, message.action) == (operation, "write" if changes else "read")
    assert exchange.significant is changes
    assert targets(message) == ["MB 0-5", "DB5.DBB 8-9"]
    assert message.fields()["s7comm.items"] == ["M0 BYTE 6", "DB5.DBX8 WORD 1"]
    assert exchange.shape.endswith(items)


@pytest.mark.parametrize(("mode", "name"), [(0, "stop"), (2, "run"), (4, "hold"), (77, "mode_77")])
def test_the_controllers_own_word_that_its_mode_changed(mode, name):
    talk = Talk()
    exchange = talk.answer(mode_transition(mode))
    message = talk.response(exchange)
    assert (exchange.client, exchange.significant) == (0, True)
    assert (message.operation, message.kind, targets(message)) == ("mode_transition", "unsolicited", [name])
    assert message.fields().get("s7comm.mode", name) == name  # a mode nobody knows is only a target
    assert message.anomalies == []


def test_groups_without_more_to_say_are_named():
    said = {
        pair: Talk().said(ask_user(*pair)).operation for pair in ((1, 12), (15, 1), (6, 3), (4, 18), (2, 9), (9, 1))
    }
    assert said == {
        (1, 12): "memory_reset",
        (15, 1): "nc_request_download",
        (6, 3): "pbc_data",
        (4, 18): "alarm_s_indication",
        (2, 9): "cyclic_services_9",
        (9, 1): "group_9_1",
    }


def test_numerical_controls_have_types_of_their_own():
    talk = Talk()
    talk.ask(ask_user(15, 6, kind=7))
    exchange = talk.answer(answer_user(15, 6, kind=11))
    assert (exchange.outcome, talk.request(exchange).action) == (ACCEPTED, "program_upload")
    assert talk.request(exchange).fields()["s7comm.userdata_type"] == "nc_request"


def test_names_and_the_hot_paths_tables_agree():
    numbers = {(group, subfunction) for group in range(16) for subfunction in range(256)}
    known = {pair for pair in numbers if known_subfunction(*pair)}
    assert {pair for pair in known if pair[0] not in (0, 6)} == set(SUBFUNCTIONS)
    assert {area for area in range(256) if known_area(area)} == set(AREAS)


def test_every_action_is_one_of_the_houses():
    actions = {action for _, action in (*FUNCTIONS.values(), *SUBFUNCTIONS.values(), *PI_SERVICES.values())}
    assert actions <= ACTIONS


def test_nothing_to_say_is_no_fault():
    assert Talk().said(answer_user(7, 2, NOTHING)).anomalies == []


def test_two_bits_of_one_byte_are_two_targets():
    said = [Talk().said(write([any_item(area=0x83, bit=bit, kind=1)], [b"\0\3\0\1\1"])) for bit in (3, 5)]
    assert [targets(message) for message in said] == [["MX0.3"], ["MX0.5"]]
    (target,) = Talk().said(read(any_item(db=1, byte=4, bit=2, kind=1))).targets
    assert (target.space, target.first, target.last, str(target)) == ("DB1.DBX", 34, 34, "DB1.DBX4.2")
