"""Conversations between DNP3 masters and outstations: who asked, who answered, and what was wrong about it."""

import pytest
from dnp3_kit import (
    ALONE,
    CLASS_POLL,
    COMPLETED,
    FROM_OUTSTATION,
    LINK,
    PART,
    SECOND,
    STARTED,
    Line,
    crob,
    frame,
    invariant,
    objects,
    request,
    response,
    segments,
)

from sensor.contract import ACCEPTED, MAX_KEPT, NO_ANSWER_DUE, ORPHAN, REFUSED, UNANSWERED, UNSOLICITED
from sensor.protocols.dnp3.fields import ANOMALIES
from sensor.protocols.dnp3.names import refusal_name
from sensor.protocols.dnp3.pairing import ANSWER_TIME, MAX_PAIRS, MAX_WAITING

EVENT = objects(2, 1, 0x17, bytes([1, 5, 0x81]))


@pytest.fixture
def line():
    line = Line()
    yield line
    invariant(line)


def poll(line, sequence, iin=0):
    """A class poll and its empty answer; return the exchange."""
    assert line(request(1, CLASS_POLL, sequence=sequence)) == STARTED
    assert line(response(sequence=sequence, iin=iin)) == COMPLETED
    return line.exchange


def test_a_poll_is_accepted_and_of_no_significance(line):
    asked = request(1, CLASS_POLL, sequence=4)
    assert line(asked) == STARTED
    exchange = line.exchange
    assert (exchange.client, exchange.request) == (0, asked)
    assert line(response(EVENT, sequence=4)) == COMPLETED
    assert line.exchange is exchange
    assert (exchange.outcome, exchange.code, exchange.significant) == (ACCEPTED, 0, False)
    assert exchange.latency() == SECOND
    assert line.dissector.client == 0
    assert line(request(0, sequence=4)) == LINK  # the confirmation


def test_the_master_may_have_been_called(line):
    assert line(request(1, CLASS_POLL), direction=1) == STARTED
    assert (line.exchange.client, line.dissector.client) == (1, 1)
    assert line(response(), direction=0) == COMPLETED
    assert line.dissector.client == 1


def test_link_frames_are_housekeeping(line):
    assert line(frame(control=0xC9)) == LINK
    assert line(frame(control=0x0B, destination=3, source=10)) == LINK
    assert line(frame(control=0xC0)) == LINK
    assert line.exchange is None


def test_a_wrong_link_frame_stands_alone(line):
    assert line(frame(control=0xC7)) == ALONE
    assert (line.exchange.anomalies, line.exchange.significant) == (["reserved_link_function"], True)
    assert line(frame(b"\xc0\xc0", control=0x44, destination=3, source=10)) == ALONE
    assert line.exchange.anomalies == ["application_header_truncated"]
    assert line(frame(b"\xc0\xc0\x81\0", control=0x44, destination=3, source=10)) == ALONE
    assert (line.exchange.anomalies, line.exchange.outcome) == (["application_header_truncated"], ORPHAN)


def test_shapes_are_what_repeats(line):
    shapes = {poll(line, sequence).shape for sequence in range(4)}
    line(request(1, CLASS_POLL, destination=11))
    shapes.add(line.exchange.shape)
    line(request(1, objects(60, 1, 6), destination=11, sequence=1))
    shapes.add(line.exchange.shape)
    line(request(20, CLASS_POLL, sequence=7))
    shapes.add(line.exchange.shape)
    assert len(shapes) == 4


def test_shapes_leave_out_values_and_keep_indexes(line):
    def shape(text):
        line(text)
        return line.exchange.shape

    one = shape(request(5, crob(index=3), sequence=0))
    assert shape(request(5, crob(index=3, code=0x81, on=7, count=9), sequence=1)) == one
    assert shape(request(5, crob(index=4), sequence=2)) != one
    assert shape(request(4, crob(index=3), sequence=3)) != one
    block = objects(70, 5, 0x5B, bytes([1, 8, 0]) + bytes(4))
    assert shape(request(1, block + b"\1\0\0\0", sequence=4)) == shape(request(1, block + b"\2\0\0\0", sequence=5))
    name = bytes([26, 0, 2, 0]) + bytes(22)
    opened = objects(70, 3, 0x5B, bytes([1, 28, 0]) + name)
    assert shape(request(25, opened + b"ab", sequence=6)) != shape(request(25, opened + b"cd", sequence=7))
    signed = objects(120, 3, 7, b"\1") + bytes(6)
    assert shape(request(5, signed + crob(), sequence=8)) != one


@pytest.mark.parametrize("function", [code for code in range(2, 34) if code not in (6, 8, 10, 12, 33)])
def test_commands_are_significant_and_answered(line, function):
    assert line(request(function)) == STARTED
    assert line.exchange.significant
    slot = {"function": 131} if function == 32 else {}
    assert line(response(**slot)) == COMPLETED


@pytest.mark.parametrize("function", [6, 8, 10, 12, 33])
def test_functions_without_an_answer(line, function):
    assert line(request(function, crob() if function == 6 else b"")) == ALONE
    assert (line.exchange.outcome, line.exchange.significant) == (NO_ANSWER_DUE, True)


@pytest.mark.parametrize("address", [0xFFFD, 0xFFFE, 0xFFFF])
def test_broadcasts_get_no_answer(line, address):
    assert line(request(2, objects(80, 1, 0, bytes([7, 7, 0])), destination=address)) == ALONE
    assert line.exchange.outcome == NO_ANSWER_DUE


def test_the_self_address_is_answered_by_the_real_one(line):
    assert line(request(1, CLASS_POLL, destination=0xFFFC)) == STARTED
    assert line(response()) == COMPLETED


@pytest.mark.parametrize("group", [0, 70, 120])
def test_reading_identity_files_and_keys_is_significant(line, group):
    line(request(1, objects(group, 1, 0, b"\0\0") if group == 0 else objects(group, 5, 0x5B, b"\1\0\0")))
    assert line.exchange.significant


@pytest.mark.parametrize(
    ("answer", "code", "name"),
    [
        (response(iin=0x0100), 0x100, "no_func_code_support"),
        (response(iin=0x0200), 0x200, "object_unknown"),
        (response(iin=0x0400), 0x400, "parameter_error"),
        (response(crob(status=2)), 2, "control no_select"),
        (response(crob(status=4), iin=0x0400), 0x404, "parameter_error, control not_supported"),
        (response(objects(41, 2, 0x28, bytes([1, 0, 0, 0, 9, 0, 12]))), 12, "control out_of_range"),
        (response(objects(70, 4, 0x5B, bytes([1, 13, 0]) + bytes(12) + b"\3")), 0x30000, "file not_found"),
        (response(objects(70, 6, 0x5B, bytes([1, 9, 0]) + bytes(8) + b"\7")), 0x70000, "file write_block_size"),
        (response(crob(status=0) + crob(index=4, status=6)), 6, "control hardware_error"),
    ],
)
def test_refusals_have_codes(line, answer, code, name):
    line(request(5, crob()))
    assert line(answer) == COMPLETED
    assert (line.exchange.outcome, line.exchange.code) == (REFUSED, code)
    assert refusal_name(code) == name


def test_a_refused_poll_is_significant(line):
    line(request(1, CLASS_POLL))
    line(response(iin=0x0100))
    assert (line.exchange.outcome, line.exchange.significant) == (REFUSED, True)


@pytest.mark.parametrize("bit", [5, 6, 7, 11, 12, 13])
def test_an_indication_counts_when_it_is_set_newly(line, bit):
    assert not poll(line, 0).significant
    assert poll(line, 1, iin=1 << bit).significant
    assert not poll(line, 2, iin=1 << bit | 0x0E).significant
    assert not poll(line, 3).significant
    assert poll(line, 4, iin=1 << bit).significant


@pytest.mark.parametrize("bit", [0, 1, 2, 3, 4])
def test_indications_of_everyday_life(line, bit):
    poll(line, 0)
    assert not poll(line, 1, iin=1 << bit).significant


def test_a_restart_is_told_once(line):
    assert poll(line, 0, iin=0x80).anomalies is None  # the first look: who knows since when
    poll(line, 1)
    assert poll(line, 2, iin=0x80).anomalies == ["device_restarted"]
    assert poll(line, 3, iin=0x80).anomalies is None


def test_outstations_behind_one_connection_do_not_mix(line):
    for address in (10, 11, 12):
        line(request(1, CLASS_POLL, sequence=1, destination=address))
    asked = line.exchange
    assert line(response(sequence=1, source=12)) == COMPLETED
    assert line.exchange is asked
    assert line(response(sequence=1, source=13)) == ALONE
    assert (line.exchange.outcome, line.exchange.significant) == (ORPHAN, True)
    assert line(response(sequence=1, source=10)) == COMPLETED


def test_unsolicited_responses_and_their_confirmation(line):
    assert line(response(EVENT, function=130, control=0xF0, sequence=9)) == ALONE
    first = line.exchange
    assert (first.outcome, first.client, first.request_time, first.significant) == (UNSOLICITED, 0, 0, False)
    assert line(request(0, sequence=9, control=0xD0)) == LINK
    assert line(response(EVENT + EVENT, function=130, control=0xF0, sequence=10)) == ALONE
    assert line.exchange.shape == first.shape
    assert line(response(function=130, control=0xF0, sequence=11)) == ALONE
    assert line.exchange.shape != first.shape


def test_unsolicited_responses_do_not_answer(line):
    line(request(1, CLASS_POLL, sequence=9))
    assert line(response(EVENT, function=130, control=0xF0, sequence=9)) == ALONE
    assert line(response(EVENT, sequence=9)) == COMPLETED


# --- Select before operate --------------------------------------------------------------------------------


def command(line, function, sequence, control, status=0):
    line(request(function, control, sequence=sequence))
    line(response(crob(status=status), sequence=sequence))
    return line.exchange


def test_select_and_operate(line):
    assert command(line, 3, 1, crob()).anomalies is None
    exchange = command(line, 4, 2, crob())
    assert (exchange.anomalies, exchange.outcome) == (None, ACCEPTED)


def test_sequence_numbers_wrap(line):
    command(line, 3, 15, crob())
    assert command(line, 4, 0, crob()).anomalies is None


@pytest.mark.parametrize(
    ("sequence", "control"),
    [(2, crob(index=4)), (2, crob(code=0x81)), (2, crob(on=101)), (3, crob()), (2, crob() + crob(index=4))],
)
def test_an_operate_unlike_its_select(line, sequence, control):
    command(line, 3, 1, crob())
    assert command(line, 4, sequence, control).anomalies == ["select_mismatch"]


def test_an_operate_without_a_select(line):
    poll(line, 0)
    assert command(line, 4, 1, crob(), status=2).anomalies == ["operate_without_select"]


def test_another_request_ends_the_selection(line):
    command(line, 3, 1, crob())
    poll(line, 2)
    assert command(line, 4, 3, crob()).anomalies == ["operate_without_select"]


def test_a_selection_serves_once(line):
    command(line, 3, 1, crob())
    command(line, 4, 2, crob())
    assert command(line, 4, 3, crob()).anomalies == ["operate_without_select"]


def test_a_selection_grows_old(line):
    command(line, 3, 1, crob())
    line.time += 61 * SECOND
    assert command(line, 4, 2, crob()).anomalies == ["select_expired"]


def test_an_operate_seen_first_is_not_judged(line):
    assert command(line, 4, 1, crob()).anomalies is None


@pytest.mark.parametrize("direction", [0, 1])
def test_an_operate_after_a_gap_is_not_judged(line, direction):
    poll(line, 0)
    line.dissector.gap(direction)
    assert command(line, 4, 2, crob()).anomalies is None
    assert command(line, 4, 3, crob()).anomalies == ["operate_without_select"]


def test_the_signature_of_a_control_is_no_part_of_it(line):
    def signed(number):
        return (
            objects(120, 3, 7, bytes([1, number]) + bytes(5)) + crob() + objects(120, 9, 0x5B, bytes([1, 1, 0, number]))
        )

    command(line, 3, 1, signed(1))
    assert command(line, 4, 2, signed(2)).anomalies is None


# --- Repeats ----------------------------------------------------------------------------------------------


def test_a_repeated_request_is_one_command(line):
    operate = request(5, crob(), sequence=6)
    line(operate)
    exchange = line.exchange
    assert line(request(5, crob(), sequence=6, transport=0xC1)) == LINK
    assert line(response(crob(), sequence=6)) == COMPLETED
    assert (line.exchange is exchange, exchange.retries, exchange.anomalies) == (True, 1, None)
    assert line(response(crob(), sequence=6, transport=0xC1)) == LINK  # the answer to the repeat
    assert line(response(crob(), sequence=6, transport=0xC2)) == ALONE
    assert line.exchange.anomalies == ["answered_differently"]
    assert line.late() == []


def test_a_request_repeated_after_its_answer_is_marked(line):
    command(line, 3, 1, crob())
    assert command(line, 4, 2, crob()).retries == 0
    again = command(line, 4, 2, crob())
    assert (again.retries, again.anomalies) == (1, None)


def test_another_command_under_the_same_number_is_no_repeat(line):
    line(request(5, crob(), sequence=6))
    first = line.exchange
    assert line(request(5, crob(code=0x81), sequence=6)) == STARTED
    assert line.exchange.retries == 0
    assert line.late() == [first]
    assert first.outcome == UNANSWERED


def test_reading_another_file_block_under_the_same_number_is_no_repeat(line):
    block = objects(70, 5, 0x5B, bytes([1, 8, 0]) + bytes(4))
    line(request(1, block + b"\1\0\0\0"))
    assert line(request(1, block + b"\2\0\0\0")) == STARTED


def test_a_doubled_answer_is_nothing_new(line):
    poll(line, 3)
    assert line(response(sequence=3)) == LINK


def test_a_second_and_different_answer(line):
    poll(line, 3)
    assert line(response(EVENT, sequence=3)) == ALONE
    assert (line.exchange.outcome, line.exchange.anomalies) == (ORPHAN, ["answered_differently"])


# --- Time -------------------------------------------------------------------------------------------------


def test_unanswered_requests(line):
    line(request(1, CLASS_POLL, sequence=0))
    old = line.exchange
    line.time += ANSWER_TIME // 2
    line(request(1, CLASS_POLL, sequence=1))
    young = line.exchange
    line.dissector.expire(line.time)
    assert line.late() == []
    line.dissector.expire(old.request_time + ANSWER_TIME + 1)
    assert line.late() == [old]
    line.dissector.expire(young.request_time + ANSWER_TIME + 1)
    assert line.late() == [young]
    assert {old.outcome, young.outcome} == {UNANSWERED}
    assert line.dissector.pending == 0


def test_the_end_gives_everything_up(line):
    for sequence in range(3):
        line(request(1, CLASS_POLL, sequence=sequence))
    line(response(transport=0x40, sequence=9))
    line.dissector.finish()
    late = line.late()
    assert [exchange.outcome for exchange in late] == [UNANSWERED] * 3 + [ORPHAN]
    assert late[3].anomalies == ["unfinished_fragment"]
    line.dissector.finish()
    assert line.late() == []


def test_too_many_outstations_make_room(line):
    for address in range(MAX_PAIRS + 5):
        line(request(1, CLASS_POLL, destination=address))
        noted = line.exchange.anomalies
        assert noted == (["too_many_outstations"] if address == MAX_PAIRS else None)
    assert len(line.dissector.requests) == len(line.dissector.responses) == MAX_PAIRS
    assert [exchange.outcome for exchange in line.late()] == [UNANSWERED] * 5
    assert line(response(source=MAX_PAIRS)) == COMPLETED


def test_long_requests_do_not_pile_up(line):
    noted = 0
    for number in range(40):
        for part in segments(b"\xc0\x02" + bytes(30_000), destination=number):
            line(part)
        assert line.dissector.kept <= MAX_WAITING
        noted += line.exchange.anomalies == ["pending_overflow"]
        line.log.clear()
    assert (noted, len(line.late())) == (5, 35)
    line.dissector.finish()
    assert line.dissector.kept == 0


# --- Fragments --------------------------------------------------------------------------------------------

LONG = b"\xc0\x81\0\0" + objects(30, 2, 0, bytes([0, 199])) + bytes([1, 9, 0]) * 200


def test_a_response_of_many_frames(line):
    line(request(1, CLASS_POLL))
    frames = segments(LONG, **FROM_OUTSTATION)
    assert [line(part) for part in frames] == [PART] * (len(frames) - 1) + [COMPLETED]
    assert line.dissector.whole == b"".join(frames)
    assert line.dissector.transport.size == line.dissector.transport.held == 0


def test_a_request_of_many_frames_keeps_all_of_them(line):
    frames = segments(b"\xc0\x02" + objects(110, 200, 0x17, b"\2\1") + bytes(200) + b"\2" + bytes(200))
    assert [line(part) for part in frames] == [PART, STARTED]
    assert line.exchange.request == b"".join(frames)


def test_frames_of_two_outstations_interleave(line):
    one = segments(LONG, **FROM_OUTSTATION)
    two = segments(LONG, **FROM_OUTSTATION | {"source": 11})
    line(request(1, CLASS_POLL))
    line(request(1, CLASS_POLL, destination=11))
    mixed = [part for pair in zip(one, two, strict=True) for part in pair]
    assert [line(part) for part in mixed][-2:] == [COMPLETED, COMPLETED]


def test_a_doubled_segment_is_taken_once(line):
    frames = segments(LONG, **FROM_OUTSTATION)
    line(request(1, CLASS_POLL))
    results = [line(part) for part in (frames[0], frames[0], frames[1], frames[1], *frames[2:])]
    assert (results[-1], line.dissector.whole) == (COMPLETED, b"".join(frames))


def test_a_lost_segment_is_told_once(line):
    frames = segments(LONG + bytes(500), **FROM_OUTSTATION)
    line(request(1, CLASS_POLL))
    assert [line(part) for part in (frames[0], *frames[2:])] == [PART, ALONE, *[PART] * (len(frames) - 3)]
    broken = next(exchange for _, result, exchange, _ in line.log if result == ALONE)
    assert (broken.anomalies, broken.outcome) == (["transport_sequence_break"], ORPHAN)


def test_a_tail_without_a_head(line):
    assert line(response(transport=0x85)) == PART  # joined in mid-stream
    poll(line, 0)
    assert line(response(transport=0x85)) == ALONE
    assert line.exchange.anomalies == ["transport_sequence_break"]
    line.dissector.gap(1)
    assert line(response(transport=0x86)) == PART


def test_a_fragment_that_is_cut_short_by_the_next(line):
    line(request(2, transport=0x40))
    assert line(request(1, CLASS_POLL)) == STARTED
    (left,) = line.late()
    assert (left.anomalies, left.outcome) == (["unfinished_fragment"], NO_ANSWER_DUE)
    assert left.request == request(2, transport=0x40)


def test_a_gap_forgets_unfinished_fragments(line):
    line(response(transport=0x40))
    line.dissector.gap(1)
    assert line.dissector.transport.held == line.dissector.transport.size == 0
    assert line(response()) == ALONE
    assert line.late() == []


def test_a_fragment_has_a_cap(line):
    frames = segments(bytes(80_000), **FROM_OUTSTATION)
    results = [line(part) for part in frames]
    assert results.count(ALONE) == 1
    alone = next(exchange for _, result, exchange, _ in line.log if result == ALONE)
    assert alone.anomalies == ["fragment_too_long"]
    assert len(alone.response) <= MAX_KEPT
    assert line.dissector.transport.size == 0


def test_many_unfinished_fragments_are_few(line):
    for address in range(100):
        line(response(transport=0x40, source=address))
        assert line.dissector.transport.held <= 16
    assert len(line.late()) == 84


def test_a_wrong_block_in_the_middle_of_a_fragment_is_remembered(line):
    frames = segments(LONG, **FROM_OUTSTATION)
    frames[1] = frames[1][:-1] + bytes([frames[1][-1] ^ 1])
    line(request(1, CLASS_POLL))
    for part in frames:
        line(part)
    assert line.exchange.significant


def several(line, sequences):
    """A poll and a response of several fragments; return the results of the fragments."""
    line(request(1, CLASS_POLL, sequence=sequences[0]))
    results = []
    for number, sequence in enumerate(sequences):
        control = (0x80 if number == 0 else 0) | (0x40 if number == len(sequences) - 1 else 0) | 0x20
        results.append(line(response(EVENT, sequence=sequence, control=control)))
        assert line(request(0, sequence=sequence)) == LINK
    return results


def test_a_response_of_several_fragments(line):
    assert several(line, [15, 0, 1]) == [PART, PART, COMPLETED]
    _, _, exchange, wire = [entry for entry in line.log if entry[1] == COMPLETED][-1]
    assert (exchange.outcome, exchange.significant, exchange.latency()) == (ACCEPTED, False, 5 * SECOND)
    assert wire.count(b"\x05\x64") == 3
    assert line.dissector.pending == 0
    poll(line, 2)


def test_fragments_out_of_order(line):
    assert several(line, [3, 4, 6]) == [PART, PART, COMPLETED]
    exchange = [entry for entry in line.log if entry[1] == COMPLETED][-1][2]
    assert exchange.anomalies == ["fragment_sequence_break"]


def test_fragments_without_a_beginning_or_a_question(line):
    assert line(response(EVENT, sequence=3, control=0x40)) == ALONE
    assert line.exchange.outcome == ORPHAN
    assert line(response(EVENT, sequence=5, control=0x80)) == PART
    assert line(response(EVENT, sequence=6, control=0x40)) == ALONE
    assert (line.exchange.outcome, line.dissector.pending) == (ORPHAN, 0)


def test_a_gap_among_fragments(line):
    line(request(1, CLASS_POLL, sequence=3))
    line(response(EVENT, sequence=3, control=0x80))
    line.dissector.gap(1)
    assert line(response(EVENT, sequence=6, control=0x40)) == COMPLETED
    assert (line.exchange.outcome, line.exchange.anomalies) == (ACCEPTED, None)


def test_an_answer_of_several_fragments_is_begun_anew(line):
    line(request(1, CLASS_POLL, sequence=3))
    exchange = line.exchange
    line(response(EVENT, sequence=3, control=0x80))
    assert line(response(EVENT, sequence=3)) == COMPLETED
    assert line(response(EVENT, sequence=4, control=0x40)) == ALONE
    assert line.exchange is not exchange


def test_a_fragment_of_nothing_asked_is_not_forgotten(line):
    lost = response(EVENT, sequence=3, control=0x80)
    line(lost)
    line(response(EVENT, sequence=5, control=0x80))
    (exchange,) = line.late()
    assert (exchange.outcome, exchange.response, exchange.significant) == (ORPHAN, lost, True)


def test_fragments_have_a_cap(line):
    line(request(1, CLASS_POLL, sequence=0))
    for number in range(400):
        control = 0x80 if number == 0 else 0x40 if number == 399 else 0
        line(response(objects(110, 200, 0, b"\1\1") + bytes(200), sequence=number % 16, control=control))
    assert line.exchange.anomalies == ["response_too_long"]
    assert len(line.dissector.whole) <= MAX_KEPT


def test_a_refusal_in_one_of_several_fragments(line):
    line(request(1, CLASS_POLL))
    line(response(EVENT, control=0x80, iin=0x0400))
    line(response(EVENT, control=0x40, sequence=1))
    assert (line.exchange.outcome, line.exchange.code) == (REFUSED, 0x400)


# --- Authentication ---------------------------------------------------------------------------------------


def test_challenge_and_reply_between_request_and_response(line):
    line(request(5, crob(), sequence=6))
    command = line.exchange
    assert line(response(objects(120, 1, 0x5B, bytes([1, 12, 0]) + bytes(12)), sequence=6, function=131)) == ALONE
    assert (line.exchange.outcome, line.exchange.significant) == (UNSOLICITED, True)
    assert line(request(32, objects(120, 2, 0x5B, bytes([1, 8, 0]) + bytes(8)), sequence=6)) == STARTED
    assert line(response(crob(), sequence=6)) == COMPLETED
    assert line.exchange is command


def test_a_session_key_is_asked_for(line):
    line(request(32, objects(120, 4, 7, b"\1\1\0"), sequence=2))
    asked = line.exchange
    assert line(response(objects(120, 5, 0x5B, bytes([1, 4, 0]) + bytes(4)), sequence=2, function=131)) == COMPLETED
    assert line.exchange is asked


# --- Oddities of a message make its exchange significant -----------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (request(1, CLASS_POLL + b"\1"), response()),
        (request(1, objects(99, 1, 6)), response()),
        (request(1, CLASS_POLL), response(objects(30, 2, 0, bytes([0, 9])))),
        (request(1, CLASS_POLL), response(iin=0x8000)),
        (request(1, CLASS_POLL)[:-1] + b"\0", response()),
        (request(1, CLASS_POLL), response()[:-1] + b"\0"),
        (request(40), response()),
    ],
)
def test_what_dissect_finds_odd_is_significant(line, asked, answer):
    line(asked)
    line(answer)
    assert line.exchange.significant


def test_an_odd_confirmation_is_not_passed_over(line):
    assert line(request(0, b"\1\2")) == ALONE
    assert (line.exchange.significant, line.exchange.outcome) == (True, NO_ANSWER_DUE)


def test_every_anomaly_of_pairing_is_declared():
    noted = {
        "fragment_too_long", "response_too_long", "operate_without_select", "select_mismatch", "select_expired",
        "answered_differently", "device_restarted", "too_many_outstations", "pending_overflow",
    }  # fmt: skip
    assert noted <= {anomaly.name for anomaly in ANOMALIES}


def test_a_response_is_early_when_nobody_waits_for_it(line):
    def is_early(wire, direction=1):
        return line.dissector.is_early(b"x" + wire, 1, 1 + len(wire), direction)

    assert is_early(response(EVENT, sequence=4))
    assert not is_early(request(1, CLASS_POLL, sequence=4), 0)
    assert not is_early(response(EVENT, function=130, control=0xF0))  # nobody asks for it
    assert not is_early(response(EVENT, sequence=4, transport=0x81))  # the end of something
    assert not is_early(response(EVENT, sequence=4, control=0x40))
    assert not is_early(frame(control=0x0B, destination=3, source=10))  # the link's own
    line(request(1, CLASS_POLL, sequence=4))
    assert not is_early(response(EVENT, sequence=4))
    assert is_early(response(EVENT, sequence=5))
    assert line(response(EVENT, sequence=4)) == COMPLETED
    assert is_early(response(EVENT, sequence=4))


def test_a_response_to_the_self_address_is_not_early(line):
    line(request(1, CLASS_POLL, sequence=4, destination=0xFFFC))
    wire = response(EVENT, sequence=4)
    assert not line.dissector.is_early(wire, 0, len(wire), 1)
