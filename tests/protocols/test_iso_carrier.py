"""TPKT and COTP: recognised, framed, connected, reassembled, and peaceful towards strangers."""

import pytest
from s7_kit import (
    CLIENT,
    SECOND,
    SERVER,
    Talk,
    any_item,
    cc,
    connect,
    cr,
    dr,
    dt,
    iso,
    read,
    targets,
    tpkt,
    value,
    values,
)

from sensor.contract import (
    ACCEPTED,
    ALONE,
    BAD_LENGTH,
    COMPLETED,
    LINK,
    MORE,
    NO,
    NO_ANSWER_DUE,
    NOT_THIS_PROTOCOL,
    ORPHAN,
    PART,
    REFUSED,
    STARTED,
    UNANSWERED,
    UNSOLICITED,
    YES,
)
from sensor.protocols.iso.fields import ANOMALIES, FIELDS

ASKED = read(any_item(db=7, byte=10, kind=4))
ANSWERED = values(value(b"\x12\x34"))


def rdp_request():
    variable = b"Cookie: mstshash=somebody\r\n\x01\x00\x08\x00\x03\x00\x00\x00"
    return tpkt(bytes([6 + len(variable), 0xE0]) + bytes(5) + variable)


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        (cr(), YES),
        (cc(), YES),
        (dr(128), YES),
        (dt(b"\x32\x01"), YES),
        (dt(b""), YES),
        (rdp_request(), YES),
        (b"", MORE),
        (b"\x03", MORE),
        (b"\x03\x00\x00\x16\x11", MORE),
        (b"\x03\x00\x00\x06\x02\xf0\x80", NO),  # shorter than any TPKT
        (b"\x03\x00\x00\x07\x09\xf0\x80", NO),  # COTP longer than TPKT
        (b"\x03\x00\x00\x08\x02\xf0\x83\x32", NO),  # numbered: not class 0
        (b"\x03\x00\x00\x08\x02\x60\x80\x32", NO),  # acknowledgement: not class 0
        (b"\x03\x01\x00\x16", NO),
        (b"\x00\x01\x00\x00\x00\x06\x01\x03", NO),
        (b"\x05\x64\x05\xc0", NO),
    ],
)
def test_the_probe_goes_by_structure(data, verdict):
    assert iso().probe(data, 0, len(data), CLIENT) == verdict


def test_a_frame_is_a_tpkt():
    dissector = iso().dissector()
    assert dissector.frame(b"\x03\x00\x01\x00", 0, 4, CLIENT) == 256
    assert dissector.frame(b"\x03\x00\x01", 0, 3, CLIENT) == 0
    assert dissector.frame(b"\x03\x00\x00\x06", 0, 4, CLIENT) == BAD_LENGTH
    assert dissector.frame(b"\x16\x03\x01\x00", 0, 4, CLIENT) == NOT_THIS_PROTOCOL


def test_resync_finds_the_next_packet_and_keeps_a_begun_one():
    dissector = iso().dissector()
    lost = b"\x03\x00\x03\xff\x03\x00\x00\x1f\x09\xf0"
    stream = lost + dt(ASKED)
    assert dissector.resync(stream, 0, len(stream), CLIENT) == len(lost)
    assert dissector.resync(lost + b"\x03\x00", 0, len(lost) + 2, CLIENT) == len(lost)
    assert dissector.resync(b"\x07" * 50, 0, 50, CLIENT) == 50


def test_a_connection_tells_partner_rack_and_slot():
    talk = Talk()
    talk.packet(cr(called=b"\x01\x43", size=11), CLIENT)
    exchange = talk.packet(cc(called=b"\x01\x43"), SERVER)
    assert talk.glances == [STARTED, COMPLETED]
    assert (exchange.protocol, exchange.outcome, exchange.client, exchange.significant) == ("cotp", ACCEPTED, 0, False)
    request, response = talk.request(exchange), talk.response(exchange)
    assert (request.operation, request.action, request.unit, request.kind) == ("connect", "connect", "2/3", "request")
    assert targets(request) == ["0143"]
    assert request.fields() == {
        "cotp.tpdu_code": 0xE0,
        "cotp.tpdu": "connect_request",
        "cotp.source_reference": 1,
        "cotp.class": 0,
        "cotp.requested_tpdu_size": 2048,
        "cotp.source_tsap": "0100",
        "cotp.destination_tsap": "0143",
        "cotp.connection_type": "pg",
        "cotp.rack": 2,
        "cotp.slot": 3,
    }
    assert response.fields()["cotp.responder_reference"] == 7
    assert response.fields()["cotp.destination_reference"] == 1
    assert response.fields()["cotp.tpdu_size"] == 1024


@pytest.mark.parametrize(
    ("tsap", "kind", "unit"),
    [
        (b"\x02\x02", "op", "0/2"),
        (b"\x03\x00", "basic", "0/0"),
        (b"\x10\x21", "configured", "1/1"),
        (b"MW", None, ""),
        (b"\x00\x01", None, ""),
        (b"SIMATIC-ROOT-ES", "engineering", ""),
        (b"SIMATIC-ROOT-HMI", "hmi", ""),
        (b"SIMATIC-ROOT-OTHER", "other", ""),
        (b"", None, ""),
    ],
)
def test_the_called_tsap_says_what_the_partner_is(tsap, kind, unit):
    talk = Talk()
    message = talk.request(talk.packet(cr(called=tsap), CLIENT))
    assert message.fields().get("cotp.connection_type") == kind
    assert message.unit == unit


def test_a_refused_connection_gives_its_reason():
    talk = Talk()
    talk.packet(cr(), CLIENT)
    exchange = talk.packet(dr(3), SERVER)
    assert (exchange.outcome, exchange.code, exchange.significant) == (REFUSED, 3, True)
    assert talk.response(exchange).fields()["cotp.disconnect_reason"] == "address_unknown"
    assert talk.response(exchange).fields()["cotp.disconnect_reason_code"] == 3


def test_disconnecting_stands_alone():
    talk = Talk(connected=True)
    exchange = talk.packet(dr(128), CLIENT)
    assert (talk.glances, exchange.outcome, exchange.client) == ([ALONE], NO_ANSWER_DUE, CLIENT)
    assert talk.request(exchange).operation == "disconnect"
    exchange = talk.packet(dr(128), SERVER)
    assert (exchange.outcome, exchange.client) == (UNSOLICITED, CLIENT)
    assert talk.response(exchange).operation == "disconnect"
    assert talk.packet(tpkt(b"\x05\xc0\0\1\0\7"), SERVER) is None
    assert talk.glances[-1] == LINK


def test_an_error_tpdu_names_its_cause():
    talk = Talk(connected=True)
    exchange = talk.packet(tpkt(b"\x04\x70\0\1\x02"), SERVER)
    assert exchange.significant
    assert talk.response(exchange).fields()["cotp.reject_cause"] == "invalid_tpdu_type"
    assert talk.response(exchange).fields()["cotp.reject_cause_code"] == 2


def test_a_confirmation_by_itself_is_an_orphan_that_still_names_the_slot():
    talk = Talk()
    exchange = talk.packet(cc(), SERVER)
    assert (talk.glances, exchange.outcome, exchange.client) == ([ALONE], ORPHAN, CLIENT)
    assert talk.request(talk.ask(ASKED)).unit == "0/2"


def test_a_connection_request_waits_thirty_seconds_or_until_the_next():
    talk = Talk()
    talk.packet(cr(), CLIENT)
    talk.packet(cr(), CLIENT)
    assert [exchange.outcome for exchange in talk.done] == [UNANSWERED]
    talk.dissector.expire(talk.time + 29 * SECOND)
    assert talk.dissector.late == []
    talk.dissector.expire(talk.time + 31 * SECOND)
    assert [exchange.outcome for exchange in talk.dissector.late] == [UNANSWERED]


def test_the_same_question_to_another_slot_is_another_shape():
    shapes = set()
    for slot in (b"\x01\x02", b"\x01\x03"):
        talk = Talk()
        talk.packet(cr(called=slot), CLIENT)
        talk.packet(cc(called=slot), SERVER)
        shapes.add(talk.ask(ASKED).shape)
    assert len(shapes) == 2


@pytest.mark.parametrize("size", [1, 3, 10, 100])
def test_fragments_are_one_message(size):
    talk = Talk()
    pieces = [ASKED[at : at + size] for at in range(0, len(ASKED), size)]
    for piece in pieces[:-1]:
        talk.packet(dt(piece, final=False), CLIENT)
    talk.ask(pieces[-1])
    exchange = talk.answer(ANSWERED)
    assert talk.glances == [PART] * (len(pieces) - 1) + [STARTED, COMPLETED]
    assert exchange.request == b"".join([dt(piece, final=False) for piece in pieces[:-1]] + [dt(pieces[-1])])
    assert talk.request(exchange).fields()["s7comm.items"] == ["DB7.DBX10.0 WORD 1"]


def test_an_empty_last_fragment_ends_a_message_and_an_empty_message_is_a_sign_of_life():
    talk = Talk()
    talk.packet(dt(b""), CLIENT)
    talk.packet(dt(ASKED, final=False), CLIENT)
    talk.packet(dt(b""), CLIENT)
    assert talk.glances == [LINK, PART, STARTED]


def test_both_directions_are_reassembled_apart():
    talk = Talk()
    talk.packet(dt(ASKED[:5], final=False), CLIENT)
    talk.packet(dt(ANSWERED[:9], final=False), SERVER)
    talk.packet(dt(ASKED[5:]), CLIENT)
    exchange = talk.packet(dt(ANSWERED[9:]), SERVER)
    assert exchange.outcome == ACCEPTED
    assert talk.response(exchange).fields()["s7comm.read_values"] == ["4660"]


def test_a_gap_forgets_the_fragments_before_it():
    talk = Talk()
    talk.packet(dt(ASKED[:5], final=False), CLIENT)
    talk.dissector.gap(CLIENT)
    assert talk.request(talk.ask(ASKED)).anomalies == []


def test_fragments_without_end_are_told_once_and_cost_no_memory():
    talk = Talk()
    for _ in range(2000):
        talk.packet(dt(b"\x32" * 1000, final=False), CLIENT)
    assert talk.glances.count(ALONE) == 1
    assert talk.done[0].anomalies == ["fragments_without_end"]
    train = talk.dissector.trains[CLIENT]
    assert train.length == 0
    talk.packet(dt(b"\x32"), CLIENT)
    assert talk.packet(dt(ASKED), CLIENT) is not None


def test_many_small_fragments_are_bounded_too():
    talk = Talk()
    for _ in range(1100):
        talk.packet(dt(b"", final=False), CLIENT)
    assert talk.done[0].anomalies == ["fragments_without_end"]


def test_what_nobody_here_speaks_passes_in_peace():
    talk = Talk()
    for _ in range(20):
        talk.packet(dt(b"\x01\x00\x01\x00\x61\x40"), CLIENT)
        talk.packet(dt(b"\x01\x00\x01\x00\x61\x41"), SERVER)
    assert set(talk.glances) == {LINK}
    assert talk.dissector.protocol == "cotp"


def test_remote_desktop_connects_and_then_speaks_tls():
    talk = Talk()
    exchange = talk.packet(rdp_request(), CLIENT)
    assert talk.request(exchange).fields()["cotp.connection_type"] == "rdp"
    assert targets(talk.request(exchange)) == ["rdp"]
    talk.packet(tpkt(b"\x0e\xd0\0\0\x12\x34\0\x02\x00\x08\x00\x01\0\0\0"), SERVER)
    assert talk.done[-1].anomalies is None
    tls = b"\x16\x03\x01\x02\x00" + bytes(range(200))
    talk.packet(tls, CLIENT)
    talk.packet(tls[:3], SERVER)
    talk.packet(dt(ASKED), CLIENT)
    assert talk.glances[-3:] == [PART, PART, PART]


def odd(name):
    talk = Talk(connected=name == "payload_unknown")
    if name == "payload_unknown":
        talk.ask(ASKED)
    given = {
        "tpdu_length_mismatch": [tpkt(b"\x09\xf0\x80")],
        "tpdu_parameters_malformed": [tpkt(b"\x08\xe0\0\0\0\1\0\xc1\x09")],
        "tpdu_number_not_zero": [dt(b"", number=5)],
        "tpdu_not_class_0": [tpkt(b"\x02\x10\x80\0")],
        "tpdu_unknown": [tpkt(b"\x02\x30\x80\0")],
        "fragments_without_end": [dt(bytes(60_000), final=False)] * 2,
        "payload_unknown": [dt(b"\x99\x99")],
    }[name]
    exchange = None
    for packet in given:
        exchange = talk.packet(packet, CLIENT)
    found = list(exchange.anomalies or [])
    for message in (talk.request(exchange), talk.response(exchange)):
        found += message.anomalies if message else []
    return exchange, found


@pytest.mark.parametrize("anomaly", [one.name for one in ANOMALIES])
def test_each_anomaly_declared_is_found_and_marked(anomaly):
    exchange, found = odd(anomaly)
    assert found == [anomaly]
    assert exchange.significant


def test_an_odd_fragment_marks_the_exchange_of_its_message():
    talk = Talk()
    talk.packet(dt(ASKED[:5], final=False, number=3), CLIENT)
    exchange = talk.ask(ASKED[5:])
    assert exchange.significant
    assert talk.request(exchange).anomalies == ["tpdu_number_not_zero"]


def test_every_field_is_declared_and_every_declared_one_is_seen():
    talk = Talk()
    seen = {}
    for packet, direction in (
        (cr(), CLIENT),
        (cc(), SERVER),
        (dr(3), SERVER),
        (tpkt(b"\x04\x70\0\1\x02"), SERVER),
        (connect(0xE0, called=b"SIMATIC-ROOT-ES"), CLIENT),
    ):
        seen |= talk.dissector.dissect(packet, 0, len(packet), direction, b"").fields()
    assert set(seen) == {field.name for field in FIELDS}
