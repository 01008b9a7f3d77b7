"""Which answer belongs to which request, and what becomes of those without one."""

import pytest
from s7_kit import (
    CLIENT,
    MS,
    NOTHING,
    SECOND,
    SERVER,
    Talk,
    answer,
    answer_user,
    any_item,
    ask_on,
    ask_user,
    dt,
    octets,
    plc_stop,
    read,
    transfer,
    u16,
    value,
    values,
    write,
    written,
)

from sensor.contract import (
    ACCEPTED,
    ALONE,
    COMPLETED,
    ORPHAN,
    PART,
    STARTED,
    UNANSWERED,
    UNSOLICITED,
)
from sensor.protocols.s7comm.pairing import MAX_PENDING

ASKED = read(any_item())
ANSWERED = values(value(b"\1"))


def test_an_exchange_knows_when_it_was_asked_and_answered():
    talk = Talk()
    begun = talk.ask(ASKED)
    asked = talk.time
    exchange = talk.packet(dt(ANSWERED), SERVER, wait=7 * MS)
    assert exchange is begun
    assert (exchange.request_time, exchange.latency(), exchange.protocol) == (asked, 7 * MS, "s7comm")
    assert exchange.request == dt(ASKED)
    assert talk.dissector.protocol == "s7comm"


def test_answers_out_of_order_find_their_requests_by_reference():
    talk = Talk()
    for reference in (1, 2, 3):
        talk.ask(read(any_item(db=reference), reference=reference))
    for reference in (3, 1, 2):
        exchange = talk.answer(values(value(b"\1"), reference=reference))
        assert talk.request(exchange).fields()["s7comm.db_numbers"] == [reference]


def test_one_reference_for_all_is_answered_in_order():
    talk = Talk()
    talk.ask(read(any_item(db=1)))
    talk.ask(read(any_item(db=2)))
    for db in (1, 2):
        assert talk.request(talk.answer(ANSWERED)).fields()["s7comm.db_numbers"] == [db]


def test_a_shape_leaves_the_reference_out_and_keeps_the_items():
    shapes = [
        Talk().ask(read(any_item(db=db), reference=reference)).shape for db, reference in ((1, 1), (1, 2), (2, 1))
    ]
    assert shapes[0] == shapes[1] != shapes[2]


def test_shapes_tell_status_lists_and_blocks_apart_but_not_sequence_numbers():
    lists = {Talk().ask(ask_user(4, 1, octets(u16(number) + u16(0)))).shape for number in (0x11, 0x1C, 0x424)}
    blocks = {
        Talk().ask(transfer(function, name)).shape for function in (0x1A, 0x1D) for name in (b"_0A00001P", b"_0800001P")
    }
    jobs = {Talk().ask(ask_on(1, 14, sequence, data=octets(bytes(26)))).shape for sequence in (1, 2, 3)}
    assert (len(lists), len(blocks), len(jobs)) == (3, 4, 1)


def test_an_answer_to_another_function_is_not_the_answer():
    talk = Talk()
    talk.ask(ASKED)
    talk.answer(written(255))
    assert talk.glances == [STARTED, ALONE]
    assert talk.done[0].outcome == ORPHAN


def test_answers_do_not_pair_with_requests_of_their_own_side():
    talk = Talk()
    talk.ask(ASKED)
    talk.ask(ANSWERED)
    assert talk.glances == [STARTED, ALONE]


def test_both_sides_may_ask_at_once_with_the_same_reference():
    talk = Talk()
    talk.ask(ASKED)
    theirs = talk.answer(ASKED)
    assert theirs.client == SERVER
    assert talk.answer(ANSWERED).client == CLIENT
    assert talk.ask(ANSWERED) is theirs


def test_an_orphan_is_no_wonder_at_first_and_after_a_gap_but_odd_in_between():
    talk = Talk()
    assert talk.answer(ANSWERED).anomalies is None
    assert talk.done[0].significant is False
    talk.ask(ASKED)
    talk.answer(ANSWERED)
    assert talk.answer(ANSWERED).anomalies == ["response_without_request"]
    talk.dissector.gap(CLIENT)
    assert talk.answer(ANSWERED).anomalies is None
    assert {exchange.outcome for exchange in talk.done} == {ORPHAN, ACCEPTED}


def test_orphans_of_commands_and_refusals_are_significant():
    assert Talk().answer(written(255)).significant
    assert Talk().answer(answer(b"\x29")).significant
    assert Talk().answer(values(b"\x0a\0\0\0")).significant
    assert Talk().answer(answer_user(3, 3, error=0xD209)).significant


def test_an_orphan_acknowledgement_in_a_download_has_its_sender_as_client():
    assert Talk().ask(answer(b"\x1b\0", b"\0\x02\0\xfb\1\2")).client == CLIENT
    assert Talk().answer(transfer(0x1B)).client == CLIENT


def test_what_waits_too_long_is_unanswered():
    talk = Talk()
    talk.ask(ASKED)
    talk.packet(dt(plc_stop()), CLIENT, wait=20 * SECOND)
    talk.dissector.expire(talk.time + 11 * SECOND)
    assert [exchange.outcome for exchange in talk.dissector.late] == [UNANSWERED]
    talk.dissector.finish()
    assert [exchange.outcome for exchange in talk.dissector.late] == [UNANSWERED] * 2
    assert talk.dissector.late[1].significant


def test_too_many_questions_displace_the_oldest():
    talk = Talk()
    for reference in range(MAX_PENDING + 5):
        talk.ask(read(any_item(), reference=reference))
    assert len(talk.done) == 5
    assert {exchange.outcome for exchange in talk.done} == {UNANSWERED}
    talk.answer(values(value(b"\1"), reference=0))
    assert talk.done[-1].outcome == ORPHAN
    talk.answer(values(value(b"\1"), reference=5))
    assert talk.done[-1].outcome == ACCEPTED


def piece(payload, reference, more, sequence=1):
    return answer_user(3, 2, octets(payload), reference=reference, sequence=sequence, unit=4, more=more)


def test_an_answer_in_pieces_is_one_exchange():
    talk = Talk()
    first = talk.ask(ask_user(3, 2, octets(b"0B"), reference=5))
    sent = [
        dt(piece(b"\0\1\x42\1\0\2\x42\1", 5, True)),
        dt(piece(b"\0\3\x42\1", 6, True)),
        dt(piece(b"\0\4\x42\1", 7, False)),
    ]
    talk.packet(sent[0], SERVER)
    talk.ask(ask_on(3, 2, 1, reference=6))
    talk.packet(sent[1], SERVER)
    talk.ask(ask_on(3, 2, 1, reference=7))
    exchange = talk.packet(sent[2], SERVER)
    assert talk.glances == [STARTED, PART, PART, PART, PART, COMPLETED]
    assert exchange is first
    assert exchange.outcome == ACCEPTED
    assert exchange.response == b"".join(sent)
    response = talk.response(exchange)
    assert response.fields()["s7comm.block_numbers"] == [1, 2, 3, 4]
    assert response.anomalies == []


def test_pieces_that_end_too_early_are_given_as_far_as_they_came():
    talk = Talk()
    talk.ask(ask_user(3, 2, octets(b"0B"), reference=5))
    talk.answer(piece(b"\0\1\x42\1", 5, True))
    talk.dissector.finish()
    (exchange,) = talk.dissector.late
    assert exchange.outcome == ACCEPTED
    assert talk.response(exchange).fields()["s7comm.block_numbers"] == [1]


def test_another_request_of_the_same_function_is_not_the_next_piece():
    talk = Talk()
    talk.ask(ask_user(3, 2, octets(b"0B"), reference=5))
    talk.answer(piece(b"\0\1\x42\1", 5, True))
    assert talk.ask(ask_user(3, 2, octets(b"08"), reference=6)) is not None
    assert talk.ask(ask_on(3, 2, 9, reference=7)) is not None


def test_an_odd_piece_marks_the_exchange():
    talk = Talk()
    talk.ask(ask_user(3, 2, octets(b"0B"), reference=5))
    talk.answer(piece(b"\0\1\x42\1", 5, True)[:-1])
    talk.ask(ask_on(3, 2, 1, reference=6))
    assert talk.answer(piece(b"\0\2\x42\1", 6, False)).significant


@pytest.mark.parametrize("times", [1, 100])
def test_pieces_never_grow_beyond_what_an_exchange_may_keep(times):
    talk = Talk()
    talk.ask(ask_user(4, 1, octets(b"\0\xa0\0\0"), reference=1))
    for reference in range(1, times + 1):
        talk.answer(answer_user(4, 1, octets(bytes(1000)), reference=reference, sequence=1, more=True))
        talk.ask(ask_on(4, 1, 1, reference=reference + 1))
    exchange = talk.answer(answer_user(4, 1, octets(b"\1"), reference=times + 1, sequence=1))
    assert exchange.outcome == ACCEPTED
    assert 1000 * min(times, 60) < len(exchange.response) < 65_536 + 1100


def test_what_nobody_asked_for():
    talk = Talk()
    exchange = talk.answer(answer_user(4, 3, octets(bytes(20)), kind=0))
    assert (talk.glances, exchange.outcome, exchange.client, exchange.request_time) == ([ALONE], UNSOLICITED, CLIENT, 0)
    assert exchange.significant  # a diagnostic message
    assert talk.answer(answer_user(4, 18, octets(bytes(20)), kind=0)).significant is False  # an alarm


def test_fewer_values_than_were_asked_for_are_odd():
    talk = Talk()
    talk.ask(read(any_item(), any_item(db=2)))
    exchange = talk.answer(ANSWERED)
    assert (exchange.anomalies, exchange.significant) == (["response_items_differ"], True)


def test_a_write_of_no_item_is_answered():
    talk = Talk()
    talk.ask(write([any_item()], [value(b"\1")]))
    assert talk.answer(written(255)).outcome == ACCEPTED


def test_an_empty_answer_of_user_data_is_an_acknowledgement():
    talk = Talk()
    talk.ask(ask_user(7, 2, octets(b"\0\x19\x16\x02\x08\x23\x08\x10\x12\x32")))
    assert talk.answer(answer_user(7, 2, NOTHING)).outcome == ACCEPTED
