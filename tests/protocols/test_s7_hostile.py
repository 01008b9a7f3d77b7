"""Wrong, cut and flipped bytes: each oddity has its name, nothing crashes, nothing hides behind a glance."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from s7_kit import (
    CLIENT,
    SERVER,
    Talk,
    ack,
    answer,
    answer_user,
    any_item,
    ask_on,
    ask_user,
    cc,
    cr,
    dt,
    header,
    iso,
    job,
    mode_transition,
    octets,
    pi_service,
    plc_stop,
    read,
    szl,
    transfer,
    u16,
    value,
    values,
    write,
    written,
)

from sensor.contract import ALONE, COMPLETED, MAX_KEPT, PART, PENDING, STARTED
from sensor.protocols.iso.fields import FIELDS as COTP_FIELDS
from sensor.protocols.s7comm.fields import ANOMALIES, FIELDS

CLOCK = octets(b"\0\x19\x16\x02\x08\x23\x08\x10\x12\x32")
TIS = octets(u16(20) + u16(13) + bytes(20) + u16(1) + b"\x01\x06\0\0\0\0" + b"\xff\4\0\x08\1")
REQUESTS = [
    read(any_item(), any_item(area=0x1D)),
    read(b"\x12\x07\xb0\x01\x04\0\x05\0\x10", b"\x12\x0e\xb2\xff\x8a\x0e\0\x05\x12\x34\x56\x78\x20\0\0\x09"),
    write([any_item(), any_item(kind=8)], [value(b"\1"), value(b"\0\0\0\0", 7)]),
    job(b"\xf0\0\0\1\0\1\3\xc0"),
    transfer(0x1A, rest=b"\x0d1000216000088"),
    transfer(0x1B),
    transfer(0x1D),
    job(b"\x1e\0\0\0\0\0\0\x07"),
    pi_service(b"_INSE", b"\1\0000A00001P"),
    pi_service(b"_N_F_OPEN", b"\x03A/B\x03C/D"),
    pi_service(b"_MODU", b"EP"),
    plc_stop(),
    ask_user(4, 1, octets(b"\0\x11\0\0")),
    ask_user(4, 2, octets(b"\x81\0HmiRtm  \x09\0")),
    ask_user(2, 1, octets(u16(1) + b"\1\5" + any_item())),
    ask_user(3, 3, octets(b"0A00042A")),
    ask_user(7, 2, CLOCK),
    ask_user(1, 8, TIS),
    ask_on(3, 2, 1),
]
ANSWERS = [
    values(value(b"\1\2\3"), b"\x0a\0\0\0"),
    written(255, 5),
    answer(b"\xf0\0\0\1\0\1\0\xf0"),
    answer(b"\x1a"),
    answer(b"\x1b\1", b"\0\2\0\xfb\1\2"),
    answer(b"\x1d\0\1\0\0\0\0\7\x070000216"),
    answer(b"\x1e\0", b"\0\2\0\xfb\1\2"),
    answer(b"\x28"),
    answer(b"\x29"),
    ack(0xD241),
    answer_user(4, 1, szl(0x11, 0, u16(7) + bytes(22) + b"V\1\2\3")),
    answer_user(4, 1, szl(0x1C, 0, u16(1) + b"name".ljust(32, b"\0"), u16(5) + b"S C-1".ljust(32, b"\0"))),
    answer_user(4, 1, szl(0x131, 1, u16(1) + u16(480) + u16(32) + bytes(34))),
    answer_user(4, 1, szl(0x132, 4, u16(4) + u16(1) + u16(3) + u16(3) + u16(2) + bytes(30))),
    answer_user(4, 1, szl(0x424, 0, b"\x51\x42\xff\x84" + bytes(16))),
    answer_user(4, 1, szl(0x74, 0, b"\0\5\1\0")),
    answer_user(3, 1, octets(b"08\0\x0f0A\1\0")),
    answer_user(3, 2, octets(b"\0\1\x22\5"), sequence=1, more=True),
    answer_user(7, 1, CLOCK),
    answer_user(2, 1, octets(u16(1) + value(b"\0\7"))),
    answer_user(2, 1, octets(u16(1) + value(b"\0\7")), kind=0),
    mode_transition(0),
]
PDUS = REQUESTS + ANSWERS

ODD = {
    "header_truncated": b"\x32\x01\0\0",
    "length_mismatch": read(any_item()) + b"\0",
    "unknown_rosctr": header(9, 1, b"", b""),
    "unknown_function": job(b"\x77"),
    "item_count_mismatch": job(b"\x04\x02" + any_item()),
    "item_malformed": job(b"\x04\x01\x13" + any_item()[1:]),
    "unknown_area": read(any_item(area=0x99)),
    "value_length_mismatch": values(value(b"\1\2")) [:-1].replace(b"\0\2\0\6", b"\0\2\0\5"),
    "parameters_malformed": job(b"\xf0\0\0\1"),
    "unknown_userdata_type": ask_user(4, 1, octets(bytes(4)), kind=5),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_each_anomaly_of_a_message_is_found_and_marked(name):
    talk = Talk()
    exchange = talk.ask(ODD[name])
    assert exchange.significant
    message = talk.request(exchange) or talk.dissector.dissect(dt(ODD[name]), 0, len(dt(ODD[name])), CLIENT, b"")
    assert message.anomalies == [name]


def test_every_anomaly_declared_is_tested():
    assert {one.name for one in ANOMALIES} - set(ODD) == {"response_without_request", "response_items_differ"}


@pytest.mark.parametrize(
    "pdu",
    [
        job(b""),
        job(b"\x04"),
        job(b"\x05\x01" + any_item(), b"\0\4\0\x10\1"),
        job(b"\x1a\0\0"),
        job(b"\x1a" + bytes(7) + b"\x40_0A"),
        job(b"\x1e\0"),
        job(b"\x28" + bytes(6) + b"\xfd\x00\xff_INSE"),
        job(b"\x29\0\0\0\0\0\x20P"),
        answer(b"\x04"),
        answer(b"\xf0\0"),
        answer(b"\x1b\0", b"\0\x09\0\xfb"),
        answer(b"\x77"),
        values(b"\xff\4\0\xff\1"),
        answer(b"\5\2", b"\xff"),
        header(7, 1, b"\0\1", b"") + b"\0\1",
        ask_user(4, 1, b"\xff\x09\0\x10"),
        ask_user(4, 1, octets(b"\0")),
        ask_user(3, 3, octets(b"0A")),
        ask_user(2, 1, octets(b"\0")),
        ask_user(2, 1, octets(u16(900) + b"\1\1" + any_item())),
        ask_user(4, 99),
    ],
)
def test_other_nonsense_is_marked_too(pdu):
    talk = Talk()
    exchange = talk.ask(pdu)
    assert exchange.significant
    assert talk.said(pdu).anomalies


def test_items_of_a_wrong_length_are_malformed():
    for item in (
        b"\x12\x09\x10" + bytes(8),
        b"\x12\x04\xb0\x02\0\0",
        b"\x12\x0b\xb2" + bytes(10),
        b"\x12\x07\x82" + bytes(6),
        b"\x12\x02\x55\0",
        b"\x12\x00\x10",
    ):
        assert Talk().said(read(item)).anomalies == ["item_malformed"]


def listen(stream, cuts, direction=CLIENT):
    """Frame and glance at a stream cut into pieces, as a framing loop does; return what came of it."""
    dissector = iso().dissector()
    waiting, said = b"", []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        waiting += stream[begin:end]
        at = 0
        while at < len(waiting):
            length = dissector.frame(waiting, at, len(waiting), direction)
            if length < 0:
                following = dissector.resync(waiting, at, len(waiting), direction)
                assert following > at
                said.append(f"illegible {length}")
                at = following
                continue
            if length == 0 or at + length > len(waiting):
                break
            made = dissector.glance(waiting, at, at + length, direction, 1_000)
            whole = dissector.whole or waiting[at : at + length]
            exchange = dissector.exchange
            said.append((made, whole if made != PART else b"", exchange.shape if exchange and made != PART else b""))
            if made in (STARTED, ALONE, COMPLETED):
                judge(dissector, exchange, whole, direction)
            at += length
        waiting = waiting[at:]
    dissector.finish()
    return said


def judge(dissector, exchange, whole, direction):
    """What dissect finds odd, glance has marked; what an exchange keeps is bounded; fields are declared."""
    message = dissector.dissect(whole, 0, len(whole), direction, b"")
    assert exchange.significant or not message.anomalies
    assert len(exchange.request) <= MAX_KEPT
    assert set(message.fields()) <= DECLARED
    assert all(target.first <= target.last for target in message.targets)


DECLARED = {field.name for field in (*FIELDS, *COTP_FIELDS)}
STREAM = cr() + cc() + b"".join(dt(pdu) for pdu in PDUS) + dt(PDUS[0][:9], final=False) + dt(PDUS[0][9:])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, len(STREAM)), max_size=30).map(sorted))
@example(list(range(1, len(STREAM))))
def test_cutting_a_stream_anywhere_changes_nothing(cuts):
    assert listen(STREAM, cuts) == listen(STREAM, [])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(STREAM) - 1), st.integers(0, 255)), min_size=1, max_size=12),
    st.integers(0, 1),
)
def test_flipped_bytes_never_escape(flips, direction):
    stream = bytearray(STREAM)
    for at, octet in flips:
        stream[at] = octet
    listen(bytes(stream), [], direction)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 1))
@example(b"\x03\x00" * 30, 0)
def test_garbage_never_escapes(garbage, direction):
    listen(garbage, [], direction)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PDUS), st.data(), st.sampled_from([CLIENT, SERVER]))
def test_a_damaged_message_is_read_as_far_as_it_goes(pdu, data, direction):
    damaged = bytearray(pdu)
    for _ in range(data.draw(st.integers(0, 4))):
        damaged[data.draw(st.integers(0, len(pdu) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(pdu)))
    stream = cr() + cc() + b"".join(dt(one) for one in REQUESTS) + dt(bytes(damaged[:cut])) + dt(bytes(damaged))
    listen(stream, [], direction)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PDUS), st.integers(0, 1), st.integers(0, 3)), max_size=40))
def test_whatever_is_said_in_whatever_order_each_request_ends_once(said):
    talk = Talk()
    begun, ended = [], []
    for pdu, direction, reference in said:
        exchange = talk.packet(dt(pdu[:4] + u16(reference) + pdu[6:]), direction)
        if talk.glances[-1] == STARTED:
            begun.append(exchange)
        elif talk.glances[-1] == COMPLETED:
            ended.append(exchange)
    talk.dissector.finish()
    ended += [exchange for exchange in talk.done if exchange not in ended and exchange in begun]
    ended += talk.dissector.late
    assert sorted(map(id, begun)) == sorted(map(id, ended))
    assert all(exchange.outcome != PENDING for exchange in ended)


def test_every_declared_field_is_seen():
    seen = set()
    talk = Talk()
    for pdu in [*PDUS, ask_user(3, 2, octets(b"0B")), values(value(b"\0\1", 5))]:
        seen |= set(talk.said(pdu).fields())
    names = dict.fromkeys((1, 2, 3, 4, 5, 7, 8, 10, 11), b"x")
    records = [u16(index) + name.ljust(32, b"\0") for index, name in names.items()]
    modules = [u16(index) + b"6ES7".ljust(20) + b"\0\0V\1\2\3" for index in (1, 6, 7)]
    for pdu in (answer_user(4, 1, szl(0x1C, 0, *records)), answer_user(4, 1, szl(0x11, 0, *modules))):
        seen |= set(talk.said(pdu).fields())
    assert {field.name for field in FIELDS} - seen == set()
