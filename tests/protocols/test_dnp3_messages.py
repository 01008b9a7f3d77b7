"""What DNP3 messages say, from frames written by hand after IEEE 1815-2012, and the fields that say it."""

import pytest
from dnp3_kit import CLASS_POLL, FROM_OUTSTATION, crob, dissect, frame, objects, request, response, segments

from sensor.contract import ACTIONS, MORE, NO, YES, Malformed
from sensor.protocols.dnp3 import PROTOCOLS, names
from sensor.protocols.dnp3.fields import ANOMALIES, FIELDS
from sensor.protocols.dnp3.problems import NAMES
from sensor.protocols.dnp3.wire import crc as word_crc

DECLARED = {field.name: field for field in FIELDS}
PYTHON = {"keyword": str, "long": int, "double": float, "boolean": bool, "date": str}
seen = set()


def fields(message):
    """Return a message's fields, checked against their declarations."""
    found = message.fields()
    for name, value in found.items():
        seen.add(name)
        field = DECLARED[name]
        assert isinstance(value, list) == field.many, name
        for item in value if field.many else [value]:
            assert type(item) is PYTHON[field.type], name
            assert not field.values or item in field.values, (name, item)
    return found


def targets(message):
    return [str(target) for target in message.targets]


def test_crc_is_that_of_the_specification():
    assert word_crc(b"123456789", 0, 9) == 0xEA82  # its catalogued check value
    assert word_crc(bytes.fromhex("056405c903000400"), 0, 8) == 0x71BD  # a link status request of a real master


def test_probe_wants_a_header_crc():
    (protocol,) = PROTOCOLS
    poll = request(1, CLASS_POLL)
    assert protocol.probe(poll, 0, len(poll), 0) == YES
    assert all(protocol.probe(poll, 0, end, 0) == MORE for end in range(1, 10))
    assert protocol.probe(b"\x05\x65" + poll[2:], 0, len(poll), 0) == NO
    assert protocol.probe(poll[:8] + b"\0\0" + poll[10:], 0, len(poll), 0) == NO
    assert protocol.probe(b"\x06", 0, 1, 0) == NO


def test_a_class_poll():
    message = dissect(request(1, CLASS_POLL, sequence=5))
    assert (message.kind, message.operation, message.action, message.unit) == ("request", "read", "read", "10")
    assert targets(message) == ["class 1", "class 2", "class 3"]
    assert message.anomalies == []
    found = fields(message)
    assert found["dnp3.objects"] == ["g60v2", "g60v3", "g60v4"]
    assert found["dnp3.qualifiers"] == [6]
    assert (found["dnp3.link.source"], found["dnp3.link.destination"]) == (3, 10)
    assert (found["dnp3.master"], found["dnp3.outstation"]) == (3, 10)
    assert (found["dnp3.application.sequence"], found["dnp3.function_code"]) == (5, 1)
    assert (found["dnp3.link.from_master"], found["dnp3.link.function"]) == (True, "unconfirmed_user_data")
    assert (found["dnp3.transport.first"], found["dnp3.transport.final"]) == (True, True)


def test_a_link_frame_without_user_data():
    message = dissect(frame(control=0xC9))
    assert (message.kind, message.operation, message.unit) == ("link", "request_link_status", "10")
    answer = dissect(frame(control=0x1B, destination=3, source=10))
    assert (answer.operation, answer.unit) == ("link_status", "10")
    assert fields(answer)["dnp3.link.data_flow_control"] is True
    assert "dnp3.function" not in fields(message)


@pytest.mark.parametrize(("address", "name"), names.BROADCASTS.items())
def test_broadcasts_are_named(address, name):
    assert fields(dissect(request(1, CLASS_POLL, destination=address)))["dnp3.broadcast"] == name


def test_every_function_has_a_name_and_an_action():
    assert sorted(names.FUNCTIONS) == [*range(34), 129, 130, 131]
    assert set(names.ACTIONS.values()) <= ACTIONS
    for code, name in names.FUNCTIONS.items():
        text = request(code) if code < 128 else response(function=code, control=0xD0 if code == 130 else 0xC0)
        message = dissect(text)
        assert (message.operation, message.anomalies) == (name, [])


@pytest.mark.parametrize("code", [34, 100, 127, 128, 132, 255])
def test_a_reserved_function_is_said(code):
    text = request(code, b"\1\2\3") if code < 128 else response(b"\1\2\3", function=code)
    message = dissect(text)
    assert (message.operation, message.anomalies) == (f"function_{code}", ["reserved_function"])


def test_each_indication_bit_has_its_name():
    for bit, name in enumerate(names.IIN_BITS):
        found = fields(dissect(response(iin=1 << bit)))
        assert found["dnp3.iin_bits"] == [name]
        assert found["dnp3.iin"] == int.from_bytes((1 << bit).to_bytes(2, "little"), "big")


RANGES = [
    (0x00, bytes([1, 9]), "g30 1-9"),
    (0x01, bytes([1, 0, 9, 1]), "g30 1-265"),
    (0x02, bytes([1, 0, 0, 0, 9, 0, 1, 0]), "g30 1-65545"),
    (0x06, b"", "g30"),
    (0x07, bytes([4]), "g30"),
    (0x08, bytes([4, 0]), "g30"),
    (0x09, bytes([4, 0, 0, 0]), "g30"),
    (0x17, bytes([3, 4, 5, 9]), "g30 4-5, g30 9"),
    (0x28, bytes([2, 0, 4, 1, 5, 1]), "g30 260-261"),
    (0x39, bytes([1, 0, 0, 0, 4, 0, 0, 1]), "g30 16777220"),
]


@pytest.mark.parametrize(("qualifier", "rest", "said"), RANGES)
def test_each_qualifier_is_walked(qualifier, rest, said):
    message = dissect(request(1, objects(30, 2, qualifier, rest) + objects(60, 1, 6)))
    assert ", ".join(targets(message)) == said + ", class 0"
    assert message.anomalies == []


@pytest.mark.parametrize("qualifier", [0x03, 0x04, 0x05, 0x0A, 0x0B, 0x0C, 0x16, 0x70, 0x77, 0x80, 0xED])
def test_a_qualifier_that_is_not_allowed(qualifier):
    assert "qualifier_not_allowed" in dissect(request(1, objects(30, 2, qualifier, bytes(8)))).anomalies


@pytest.mark.parametrize(
    ("text", "anomaly"),
    [
        (request(1, objects(30, 2, 0, bytes([9, 1]))), "reversed_range"),
        (request(1, objects(30, 2, 1, bytes([9, 1]))), "objects_truncated"),
        (request(1, objects(31, 77, 6)), "unknown_object"),
        (request(1, objects(255, 0, 6)), "unknown_object"),
        (response(objects(30, 0, 0, bytes([1, 1, 0]))), "unknown_object"),
        (request(1, CLASS_POLL + b"\1\2"), "trailing_bytes"),
        (response(objects(30, 2, 0, bytes([0, 9]) + bytes(29))), "objects_truncated"),
        (response(objects(30, 2, 6)), "qualifier_not_allowed"),
        (response(objects(70, 4, 0x5B, bytes([1, 200, 0]) + bytes(9))), "objects_truncated"),
        (request(5, crob(code=0x05)), "reserved_control_code"),
        (request(5, crob(code=0xC1)), "reserved_control_code"),
        (request(5, objects(12, 1, 7, bytes([1]) + bytes(11))), "qualifier_not_allowed"),
        (request(34), "reserved_function"),
        (request(1, CLASS_POLL, control=0x80), "bad_application_control"),
        (request(1, CLASS_POLL, control=0xE0), "bad_application_control"),
        (response(control=0xD0), "bad_application_control"),
        (response(function=130), "bad_application_control"),
        (response(iin=0x4000), "reserved_iin"),
        (frame(bytes([0xC0, 0xC0])), "application_header_truncated"),
        (frame(bytes([0xC0, 0xC0, 129, 0]), **FROM_OUTSTATION), "application_header_truncated"),
        (frame(b"\xc0"), "application_header_truncated"),
        (frame(control=0xC7), "reserved_link_function"),
        (frame(control=0x02), "reserved_link_function"),
        (frame(control=0xC4), "link_data_mismatch"),
        (frame(b"\xc0\xc0\1", control=0xC0), "link_data_mismatch"),
        (request(1, CLASS_POLL[:-1], transport=0x41), "unfinished_fragment"),
        (request(1, CLASS_POLL, transport=0x81), "unfinished_fragment"),
        (request(1, CLASS_POLL, transport=0x41) + request(1, CLASS_POLL, transport=0x83), "transport_sequence_break"),
        (response(control=0x80, sequence=1) + response(control=0x40, sequence=3), "fragment_sequence_break"),
    ],
)  # fmt: skip
def test_an_anomaly_is_found(text, anomaly):
    assert anomaly in dissect(text).anomalies


def test_long_messages_have_caps():
    many = b"\xc0\x01" + objects(60, 1, 6) * 257
    assert dissect(*segments(many)).anomalies == ["too_many_headers"]
    points = b"\xc0\x81\0\0" + objects(1, 1, 1, bytes([0, 0, 0, 16]) + bytes(513))
    message = dissect(*segments(points, **FROM_OUTSTATION))
    assert message.anomalies == ["too_many_points"]
    assert len(message.points) == 4096
    assert fields(message)["dnp3.transport.segments"] == 3


def test_direction_against_function():
    assert dissect(request(1, CLASS_POLL, control=0xC0), direction=0).anomalies == []
    wrong = dissect(frame(b"\xc0\xc0\x01", control=0x44))
    assert (wrong.anomalies, wrong.unit) == (["direction_mismatch"], "10")
    assert dissect(frame(b"\xc0\xc0\x81\0\0", control=0xC4)).anomalies == ["direction_mismatch"]


def test_a_wrong_block_is_said_and_read_all_the_same():
    text = bytearray(request(1, CLASS_POLL))
    text[-1] ^= 1
    message = dissect(bytes(text))
    assert message.anomalies == ["bad_data_checksum"]
    assert targets(message) == ["class 1", "class 2", "class 3"]


def test_no_frame_is_malformed():
    with pytest.raises(Malformed):
        dissect(b"\x05\x64garbage garbage", direction=0)


def test_a_relay_control():
    message = dissect(request(5, crob(index=7, code=0xB1, count=2, on=1500, off=10)))
    assert (message.operation, message.action, targets(message)) == ("direct_operate", "operate", ["g12 7"])
    found = fields(message)
    assert found["dnp3.control.point"] == ["g12 7"]
    assert found["dnp3.control.operation"] == ["pulse_on"]
    assert found["dnp3.control.trip_close"] == ["trip"]
    assert (found["dnp3.control.queue"], found["dnp3.control.clear"]) == ([True], [True])
    assert (found["dnp3.control.count"], found["dnp3.control.code"]) == ([2], [0xB1])
    assert (found["dnp3.control.on_time"], found["dnp3.control.off_time"]) == ([1500], [10])
    answer = fields(dissect(response(crob(index=7, status=2))))
    assert (answer["dnp3.control.status"], answer["dnp3.control.status_code"]) == (["no_select"], [2])
    assert "dnp3.control.index" not in answer


@pytest.mark.parametrize(
    ("variation", "value", "said"),
    [
        (1, (-70000).to_bytes(4, "little", signed=True), -70000.0),
        (2, (-7).to_bytes(2, "little", signed=True), -7.0),
        (3, bytes.fromhex("0000c03f"), 1.5),
        (4, bytes.fromhex("000000000000f83f"), 1.5),
    ],
)
def test_an_analog_output(variation, value, said):
    header = objects(41, variation, 0x28, bytes([1, 0, 44, 1]))
    message = dissect(request(3, header + value + b"\0"))
    assert (message.action, targets(message)) == ("select", ["g41 300"])
    found = fields(message)
    assert (found["dnp3.control.value"], found["dnp3.control.operation"]) == ([said], ["analog"])


TIME = (1_700_000_000_123).to_bytes(6, "little")


def test_times():
    message = dissect(request(2, objects(50, 1, 7, b"\1" + TIME)))
    assert (message.action, fields(message)["dnp3.time"]) == ("time_set", "2023-11-14T22:13:20.123Z")
    assert fields(dissect(response(objects(50, 1, 7, b"\1" + TIME))))["dnp3.device_time"].startswith("2023-11-14")
    assert fields(dissect(response(objects(52, 1, 7, b"\1\2\0"))))["dnp3.delay"] == 2000
    assert fields(dissect(response(objects(52, 2, 7, b"\1\2\0"))))["dnp3.delay"] == 2
    assert "dnp3.time" not in fields(dissect(request(2, objects(50, 1, 7, b"\1" + b"\xff" * 6))))
    # freeze at time: the time has data, the counters have none
    frozen = dissect(request(11, objects(50, 2, 7, b"\1" + TIME + bytes(4)) + objects(20, 0, 6)))
    assert (frozen.anomalies, targets(frozen)) == ([], ["g50", "g20"])


def test_clearing_the_restart_bit():
    message = dissect(request(2, objects(80, 1, 0, bytes([7, 7, 0]))))
    assert (message.action, targets(message)) == ("write", ["g80 7"])
    assert fields(message)["dnp3.written_iin"] == ["device_restart=0"]
    assert fields(dissect(request(2, objects(80, 1, 0, bytes([15, 17, 5])))))["dnp3.written_iin"] == [
        "reserved_2_7=1", "bit_16=0", "bit_17=1",
    ]  # fmt: skip


def test_a_dead_band():
    found = fields(dissect(request(2, objects(34, 1, 0x17, bytes([1, 4, 50, 0])))))
    assert (found["dnp3.written.name"], found["dnp3.written.value"]) == (["g34 4"], [50.0])


def sized(variation, *bodies, group=70):
    return objects(group, variation, 0x5B, bytes([len(bodies)])) + b"".join(
        len(body).to_bytes(2, "little") + body for body in bodies
    )


def open_file(name, mode=1):
    return sized(3, bytes([26, 0, len(name), 0]) + TIME + b"\x24\x01" + bytes(4) + (77).to_bytes(4, "little")
                 + bytes([mode, 0, 0, 4, 1, 0]) + name)  # fmt: skip


def test_files():
    message = dissect(request(25, open_file(b"/etc/conf", 2)))
    assert (message.operation, message.action, targets(message)) == ("open_file", "file", ["file /etc/conf"])
    found = fields(message)
    assert (found["dnp3.file.name"], found["dnp3.file.mode"], found["dnp3.file.size"]) == ("/etc/conf", "write", 77)
    assert found["dnp3.file.permissions"] == 0x124
    assert "dnp3.file.size" not in fields(dissect(request(25, open_file(b"/etc/conf", 1))))
    answer = fields(dissect(response(sized(4, bytes([5, 0, 0, 0, 9, 0, 0, 0, 0, 4, 1, 0, 3])))))
    assert (answer["dnp3.file.handle"], answer["dnp3.file.size"]) == (5, 9)
    assert (answer["dnp3.file.status"], answer["dnp3.file.status_code"]) == ("not_found", 3)
    block = fields(dissect(request(2, sized(5, bytes([5, 0, 0, 0, 2, 0, 0, 0x80]) + b"data"))))
    assert (block["dnp3.file.block"], block["dnp3.file.last_block"], block["dnp3.file.block_length"]) == (2, True, 4)
    assert fields(dissect(response(sized(6, bytes(8) + b"\x02"))))["dnp3.file.status"] == "invalid_mode"
    info = fields(dissect(response(sized(7, bytes([20, 0, 2, 0, 1, 0, 8, 0, 0, 0]) + TIME + bytes(4) + b"ab"))))
    assert (info["dnp3.file.name"], info["dnp3.file.type"], info["dnp3.file.size"]) == ("ab", "file", 8)
    user = fields(dissect(request(29, sized(2, bytes([12, 0, 3, 0, 15, 0, 0, 0, 0, 0, 0, 0]) + b"bob"))))
    assert user["dnp3.file.user"] == "bob"
    plan = dissect(request(31, sized(8, b"plan.xml")))
    assert (fields(plan)["dnp3.file.name"], targets(plan)) == ("plan.xml", ["file plan.xml"])


def test_a_file_name_outside_its_object_is_left_out():
    message = dissect(request(25, sized(3, bytes([26, 0, 200, 0]) + bytes(22) + b"x")))
    assert ("dnp3.file.name" in fields(message), targets(message)) == (False, ["g70v3"])


@pytest.mark.parametrize(("code", "name"), names.IDENTITY_ATTRIBUTES.items())
def test_identity_attributes(code, name):
    message = dissect(response(objects(0, code, 0, b"\0\0" + b"\1\4ACME")))
    found = fields(message)
    assert found[f"dnp3.device.{name}"] == "ACME"
    assert found["dnp3.device.attributes"] == [f"{name}=ACME"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"\2\2\x00\x08", "2048"),
        (b"\3\1\xff", "-1"),
        (b"\4\4\0\0\xc0\x3f", "1.5"),
        (b"\4\x08\0\0\0\0\0\0\xf8\x3f", "1.5"),
        (b"\5\2\xab\xcd", "abcd"),
        (b"\7\6" + TIME, "2023-11-14T22:13:20.123Z"),
        (b"\xfe\2\xf2\0", "f200"),
    ],
)
def test_attribute_types(value, said):
    message = dissect(response(objects(0, 240, 0, b"\0\0") + value))
    assert (message.anomalies, fields(message)["dnp3.device.attributes"]) == ([], [f"max_transmit_fragment={said}"])


def test_reading_attributes_is_identifying():
    message = dissect(request(1, objects(0, 254, 0, b"\0\0")))
    assert (message.action, targets(message)) == ("identify", ["g0v254"])
    assert dissect(request(1, objects(70, 5, 0x5B, bytes([1, 8, 0]) + bytes(8)))).action == "file"


def test_an_application_is_named():
    message = dissect(request(18, sized(1, b"pump logic", group=90)))
    assert (message.action, fields(message)["dnp3.application_identifier"]) == ("stop", "pump logic")


def test_authentication():
    challenge = bytes([1, 0, 0, 0, 5, 0, 4, 1]) + bytes(4)
    message = dissect(response(sized(1, challenge, group=120), function=131))
    found = fields(message)
    assert (message.action, found["dnp3.response_authentication"]) == ("authenticate", ["challenge"])
    assert (found["dnp3.authentication_sequence"], found["dnp3.authentication_user"]) == (1, 5)
    signed = request(5, objects(120, 3, 7, b"\1" + bytes([1, 0, 0, 0, 5, 0])) + crob() + sized(9, bytes(4), group=120))
    message = dissect(signed)
    assert fields(message)["dnp3.authentication"] == ["aggressive_mode_request", "mac"]
    assert (targets(message), message.anomalies) == (["g120v3", "g12 3", "g120v9"], [])
    status = dissect(request(32, objects(120, 4, 7, b"\1\x05\0")))
    assert fields(status)["dnp3.authentication_user"] == 5
    error = fields(dissect(response(sized(7, bytes([1, 0, 0, 0, 5, 0, 0, 0, 11]) + bytes(6), group=120), function=131)))
    assert error["dnp3.authentication_error"] == "unknown_user"


POINTS = [
    (1, 1, 0, bytes([2, 4, 0b101]), [("g1 2", 1.0), ("g1 3", 0.0), ("g1 4", 1.0)]),
    (1, 2, 0, bytes([2, 2, 0x81]), [("g1 2", 1.0)]),
    (2, 2, 0x17, bytes([1, 5, 0x81]) + TIME, [("g2 5", 1.0)]),
    (2, 3, 0x17, bytes([1, 5, 0x01, 9, 9]), [("g2 5", 0.0)]),
    (3, 1, 0, bytes([0, 2, 0b100111]), [("g3 0", 3.0), ("g3 1", 1.0), ("g3 2", 2.0)]),
    (4, 1, 0x17, bytes([1, 5, 0xC1]), [("g4 5", 3.0)]),
    (10, 2, 0, bytes([0, 0, 0x81]), [("g10 0", 1.0)]),
    (11, 2, 0x17, bytes([1, 5, 0x81]) + TIME, [("g11 5", 1.0)]),
    (13, 1, 0x17, bytes([1, 5, 0x80]), [("g13 5", 1.0)]),
    (20, 1, 0, bytes([0, 0, 1]) + b"\xff" * 4, [("g20 0", 4294967295.0)]),
    (20, 6, 0, bytes([0, 0]) + b"\xff" * 2, [("g20 0", 65535.0)]),
    (21, 6, 0, bytes([0, 0, 1]) + b"\x05\0" + TIME, [("g21 0", 5.0)]),
    (22, 5, 0x17, bytes([1, 4, 1]) + b"\x05\0\0\0" + TIME, [("g22 4", 5.0)]),
    (23, 2, 0x17, bytes([1, 4, 1]) + b"\x05\0", [("g23 4", 5.0)]),
    (30, 1, 0, bytes([0, 0, 1]) + b"\xff" * 4, [("g30 0", -1.0)]),
    (30, 4, 0, bytes([0, 0]) + b"\xfe\xff", [("g30 0", -2.0)]),
    (30, 6, 0, bytes([0, 0, 1]) + bytes.fromhex("000000000000f83f"), [("g30 0", 1.5)]),
    (31, 8, 0, bytes([0, 0, 1]) + bytes.fromhex("000000000000f83f"), [("g31 0", 1.5)]),
    (32, 7, 0x17, bytes([1, 4, 1]) + bytes.fromhex("0000c03f") + TIME, [("g32 4", 1.5)]),
    (33, 4, 0x17, bytes([1, 4, 1]) + b"\x07\0" + TIME, [("g33 4", 7.0)]),
    (34, 3, 0, bytes([0, 0]) + bytes.fromhex("0000c03f"), [("g34 0", 1.5)]),
    (40, 2, 0, bytes([0, 0, 1]) + b"\x07\0", [("g40 0", 7.0)]),
    (42, 4, 0x17, bytes([1, 4, 1]) + b"\x07\0" + TIME, [("g42 4", 7.0)]),
    (43, 2, 0x17, bytes([1, 4, 0]) + b"\x07\0", [("g43 4", 7.0)]),
    (102, 1, 0, bytes([0, 0, 9]), [("g102 0", 9.0)]),
    (121, 1, 0, bytes([0, 0, 1, 0, 0, 9, 0, 0, 0]), [("g121 0", 9.0)]),
    (122, 2, 0x17, bytes([1, 4, 1, 0, 0, 9, 0, 0, 0]) + TIME, [("g122 4", 9.0)]),
]  # fmt: skip


@pytest.mark.parametrize(("group", "variation", "qualifier", "rest", "said"), POINTS)
def test_measured_values(group, variation, qualifier, rest, said):
    message = dissect(response(objects(group, variation, qualifier, rest) + objects(52, 2, 7, b"\1\2\0")))
    found = fields(message)
    assert message.anomalies == []
    assert list(zip(found["dnp3.point.name"], found["dnp3.point.value"], strict=True)) == said
    assert (found["dnp3.point.count"], found["dnp3.delay"]) == (len(said), 2)  # the walk found the next header
    assert "dnp3.point.flags" not in found
    if len(rest) > 8 and rest.endswith(TIME):
        assert message.points[0].time == 1_700_000_000_123


@pytest.mark.parametrize(
    ("group", "flags", "said"),
    [
        (1, 0x05, "g1 0 comm_lost"),
        (30, 0x21, "g30 0 over_range"),
        (30, 0x40, "g30 0 offline reference_error"),
        (20, 0x61, "g20 0 rollover discontinuity"),
        (3, 0x43, "g3 0 restart"),
        (43, 0x02, "g43 0 no_select"),
    ],
)
def test_flags_are_named(group, flags, said):
    size = {1: 0, 3: 0, 20: 4, 30: 4, 43: 4}[group]
    variation = 2 if size == 0 else 1
    message = dissect(response(objects(group, variation, 0, bytes([0, 0, flags]) + bytes(size))))
    assert fields(message)["dnp3.point.flags"] == [said]


@pytest.mark.parametrize(
    ("text", "rest"),
    [(objects(110, 5, 0, b"\1\2") + b"helloworld", "g110 1-2"), (objects(113, 3, 0x17, b"\1\7abc"), "g113 7")],
)
def test_octet_strings_are_as_long_as_their_variation(text, rest):
    message = dissect(request(2, text))
    assert (message.anomalies, targets(message)) == ([], [rest])


def test_a_fragment_of_many_frames_is_one_message():
    text = b"\xe2\x81\x82\x00" + objects(30, 1, 0, bytes([0, 99])) + (b"\1" + (5).to_bytes(4, "little")) * 100
    frames = segments(text, first=62, **FROM_OUTSTATION)
    assert len(frames) == 3
    message = dissect(*frames)
    assert (message.kind, message.anomalies, len(message.points)) == ("response", [], 100)
    found = fields(message)
    assert found["dnp3.transport.segments"] == 3
    assert found["dnp3.iin_bits"] == ["class_1_events", "device_restart"]
    assert (found["dnp3.response_objects"], found["dnp3.response_qualifiers"]) == (["g30v1"], [0])
    assert (found["dnp3.point.count"], len(found["dnp3.point.value"])) == (100, 64)


def test_a_response_of_several_fragments_is_one_message():
    first = response(objects(1, 2, 0, bytes([0, 0, 0x81])), sequence=15, control=0xA0)
    second = response(objects(1, 2, 0, bytes([1, 1, 0x01])), sequence=0, control=0x60, iin=0x80)
    message = dissect(first, second)
    found = fields(message)
    assert (message.anomalies, found["dnp3.response_fragments"]) == ([], 2)
    assert found["dnp3.point.name"] == ["g1 0", "g1 1"]
    assert found["dnp3.iin_bits"] == ["device_restart"]


def test_refusal_codes_have_names():
    assert names.refusal_name(0x0100) == "no_func_code_support"
    assert names.refusal_name(0x0402) == "parameter_error, control no_select"
    assert names.refusal_name(0x30000) == "file not_found"


def test_the_bits_of_problems_are_declared():
    assert set(NAMES) <= {anomaly.name for anomaly in ANOMALIES}


def test_every_declared_field_was_seen(request):
    """Runs last: the tests above have seen each field."""
    options = request.config.option
    if options.keyword or getattr(options, "lf", False) or any("::" in argument for argument in request.config.args):
        pytest.skip("only some of the tests above have run")
    assert set(DECLARED) - seen == set()
