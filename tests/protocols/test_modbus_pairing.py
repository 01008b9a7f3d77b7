"""Which answer belongs to which question: conversations written as they are heard."""

import pytest
from modbus_kit import SECOND, rtu, tcp

from sensor.contract import (
    ACCEPTED,
    ALONE,
    COMPLETED,
    NO_ANSWER_DUE,
    ORPHAN,
    OUTCOME_NAMES,
    REFUSED,
    STARTED,
    UNANSWERED,
)
from sensor.protocols.modbus.dissector import ModbusDissector
from sensor.protocols.modbus.pairing import ANSWER_TIMEOUT, MAX_PENDING, NOT_DUE

MS = 1_000_000


class Talk:
    """Two sides on a line; each message comes a millisecond after the one before."""

    def __init__(self, is_rtu=False):
        self.dissector = ModbusDissector(is_rtu)
        self.is_rtu = is_rtu
        self.time = 1_700_000_000 * SECOND

    def wire(self, pdu, transaction, unit):
        return rtu(pdu, unit) if self.is_rtu else tcp(pdu, transaction, unit)

    def say(self, direction, pdu, transaction, unit):
        self.time += MS
        wire = self.wire(pdu, transaction, unit)
        assert self.dissector.frame(wire, 0, len(wire), direction) == len(wire)
        return self.dissector.glance(wire, 0, len(wire), direction, self.time)

    def ask(self, pdu, transaction=0, unit=1, direction=0):
        assert self.say(direction, pdu, transaction, unit) == STARTED
        return self.dissector.exchange

    def answer(self, pdu, transaction=0, unit=1, direction=1):
        self.verdict = self.say(direction, pdu, transaction, unit)
        return self.dissector.exchange

    def late(self):
        late, self.dissector.late = self.dissector.late, []
        return late

    def poll(self, count):
        """Polls with changing transaction identifiers, all answered."""
        for transaction in range(1000, 1000 + count):
            asked = self.ask("0300000001", transaction)
            assert self.answer("03020000", transaction) is asked


def test_plain_read_is_not_significant():
    talk = Talk()
    asked = talk.ask("0300000001", 7)
    assert asked.outcome == 0
    assert talk.answer("03020001", 7) is asked
    assert (talk.verdict, asked.outcome, asked.latency()) == (COMPLETED, ACCEPTED, MS)
    assert not asked.significant
    assert asked.anomalies is None


@pytest.mark.parametrize("pdu", ["0600000001", "0500000000", "07", "08000B0000", "11", "2B0E0100", "42", "1800"])
def test_all_else_is_significant(pdu):
    assert Talk().ask(pdu).significant


def test_refusal():
    talk = Talk()
    asked = talk.ask("0300000001")
    assert talk.answer("8302") is asked
    assert (asked.outcome, asked.code, asked.significant) == (REFUSED, 2, True)


def test_acknowledge_is_no_refusal():
    talk = Talk()
    asked = talk.ask("0600000001")
    talk.answer("8605")
    assert (asked.outcome, asked.code) == (ACCEPTED, 5)


def test_umas_refuses_with_a_status():
    talk = Talk()
    asked = talk.ask("5A0004")
    assert not asked.significant
    talk.answer("5A00FD0000")
    assert (asked.outcome, asked.code, asked.significant) == (REFUSED, 0xFD, True)


def test_umas_polling_is_not_significant():
    talk = Talk()
    asked = talk.ask("5A0004")
    talk.answer("5A00FE0000")
    assert (asked.outcome, asked.significant) == (ACCEPTED, False)


def test_several_in_flight_answered_out_of_order():
    talk = Talk()
    asked = [talk.ask("0300000001", transaction) for transaction in range(5)]
    for transaction in (3, 0, 4, 1, 2):
        assert talk.answer("03020001", transaction) is asked[transaction]
    talk.dissector.finish()
    assert talk.late() == []


def test_same_transaction_is_answered_in_order():
    talk = Talk()
    asked = [talk.ask("0300000001") for _ in range(3)]
    assert [talk.answer("03020001") for _ in range(3)] == asked


def test_answer_that_only_fits_a_later_request_passes_over_the_earlier():
    talk = Talk()
    first, second = talk.ask("0300000001"), talk.ask("0300000002")
    assert talk.answer("030400010002") is second
    assert not second.significant
    assert talk.late() == [first]
    assert (first.outcome, first.significant) == (UNANSWERED, False)


def test_who_asks_the_same_key_again_has_given_up():
    talk = Talk()
    first = talk.ask("0300000001")
    talk.time += 2 * SECOND
    second = talk.ask("0300000001")
    assert talk.late() == [first]
    assert talk.answer("03020001") is second
    assert second.latency() == MS


def test_unanswered_after_a_time_is_significant_only_where_answers_are_seen():
    talk = Talk()
    silent = talk.ask("0300000001", 1)
    talk.dissector.expire(talk.time + ANSWER_TIMEOUT)
    assert talk.late() == []
    talk.dissector.expire(talk.time + ANSWER_TIMEOUT + 1)
    assert talk.late() == [silent]
    assert (silent.outcome, silent.significant) == (UNANSWERED, False)
    talk.poll(1)
    silent = talk.ask("0300000001", 2)
    talk.dissector.expire(talk.time + ANSWER_TIMEOUT + 1)
    assert talk.late() == [silent]
    assert silent.significant


def test_end_of_the_flow():
    talk = Talk()
    talk.poll(1)
    asked = [talk.ask("0300000001", transaction) for transaction in range(3)]
    talk.dissector.finish()
    assert talk.late() == asked
    assert {exchange.outcome for exchange in asked} == {UNANSWERED}
    assert not any(exchange.significant for exchange in asked)


def test_force_listen_only_needs_no_answer_and_is_told_soon():
    talk = Talk()
    asked = talk.ask("0800040000")
    talk.dissector.expire(talk.time + NOT_DUE)
    assert talk.late() == []
    talk.dissector.expire(talk.time + NOT_DUE + 1)
    assert talk.late() == [asked]
    assert asked.outcome == NO_ANSWER_DUE
    asked = talk.ask("0800040000")
    assert talk.answer("880B") is asked
    assert (asked.outcome, asked.code) == (REFUSED, 11)


def test_diagnostics_are_told_apart_by_sub_function():
    talk = Talk()
    silenced = talk.ask("0800040000")
    restarted = talk.ask("080001FF00")
    assert talk.answer("080001FF00") is restarted
    assert talk.late() == [silenced]
    assert silenced.outcome == NO_ANSWER_DUE


def test_serial_broadcast():
    talk = Talk(is_rtu=True)
    asked = talk.ask("0600000001", unit=0)
    talk.dissector.finish()
    assert talk.late() == [asked]
    assert asked.outcome == NO_ANSWER_DUE
    asked = talk.ask("0600000001", unit=0)
    assert talk.answer("0600000001", unit=0) is asked
    assert asked.anomalies == ["broadcast_answered"]


def test_unit_0_is_the_server_itself_in_tcp():
    talk = Talk()
    asked = talk.ask("0600000001", unit=0)
    talk.answer("0600000001", unit=0)
    assert (asked.outcome, asked.anomalies) == (ACCEPTED, None)


@pytest.mark.parametrize("is_rtu", [False, True])
def test_refusal_in_both_framings(is_rtu):
    talk = Talk(is_rtu)
    asked = talk.ask("0300000001")
    assert talk.answer("8302") is asked
    assert asked.anomalies is None


def test_answer_before_any_question_is_only_an_orphan():
    talk = Talk()
    orphan = talk.answer("03020001")
    assert (talk.verdict, orphan.outcome, orphan.client) == (ALONE, ORPHAN, 0)
    assert (orphan.request_time, orphan.response_time, orphan.latency()) == (0, talk.time, -1)
    assert not orphan.significant


def test_orphan_refusal_keeps_its_code():
    orphan = Talk().answer("8302")
    assert (orphan.outcome, orphan.code, orphan.significant) == (ORPHAN, 2, True)


def test_answer_without_question_in_a_conversation_seen_whole():
    talk = Talk()
    talk.poll(MAX_PENDING)
    orphan = talk.answer("03020001", 5)
    assert orphan.anomalies == ["answer_without_question"]


def test_a_late_answer_is_not_odd():
    talk = Talk()
    talk.poll(MAX_PENDING)
    talk.ask("0400000001", 5)
    talk.dissector.expire(talk.time + ANSWER_TIMEOUT + 1)
    talk.time += ANSWER_TIMEOUT + SECOND
    assert talk.answer("04020001", 5).anomalies is None


def test_after_a_gap_answers_prove_nothing():
    talk = Talk()
    talk.poll(MAX_PENDING)
    talk.dissector.gap(0)
    assert talk.answer("03020001", 5).anomalies is None


def test_answered_twice_and_differently():
    talk = Talk()
    talk.poll(2)
    again = talk.answer("03020000", 1001)
    assert (talk.verdict, again.outcome, again.anomalies) == (ALONE, ORPHAN, ["answered_twice"])
    assert again.request != b""
    again = talk.answer("0302FFFF", 1001)
    assert again.anomalies == ["answered_differently"]
    assert again.significant


def test_a_client_that_never_changes_its_transaction_proves_no_second_answer():
    talk = Talk()
    for _ in range(3):
        talk.ask("0300000001")
        talk.answer("03020000")
    assert talk.answer("0302FFFF").anomalies is None


def test_unit_mismatch():
    talk = Talk()
    asked = talk.ask("0300000001", 9, unit=255)
    assert talk.answer("03020001", 9, unit=1) is asked
    assert asked.anomalies == ["unit_mismatch"]


def test_server_that_counts_transactions_itself():
    talk = Talk()
    talk.poll(1)
    asked = talk.ask("0300000001", 0)
    assert talk.answer("03020001", 1) is asked
    assert asked.anomalies == ["transaction_mismatch"]


def test_flood_of_questions_is_bounded():
    talk = Talk()
    talk.poll(1)
    for transaction in range(3 * MAX_PENDING):
        talk.ask("0300000001", transaction)
    displaced = talk.late()
    assert len(displaced) == 2 * MAX_PENDING
    assert {OUTCOME_NAMES[exchange.outcome] for exchange in displaced} == {"unanswered"}
    assert all(exchange.anomalies == ["pending_overflow"] for exchange in displaced)


def test_one_way_capture_floods_nothing():
    talk = Talk()
    for transaction in range(3 * MAX_PENDING):
        talk.ask("0300000001", transaction)
    assert not any(exchange.significant for exchange in talk.late())


@pytest.mark.parametrize("is_rtu", [False, True])
def test_client_is_found_by_structure_in_mid_stream(is_rtu):
    talk = Talk(is_rtu)
    talk.answer("03020001", direction=0)
    assert talk.verdict == ALONE
    assert talk.dissector.client == 1
    asked = talk.ask("0600000001", direction=1)
    assert asked.client == 1
    assert talk.answer("0600000001", direction=0) is asked


def test_one_strange_message_does_not_turn_the_roles():
    talk = Talk()
    talk.poll(10)
    talk.ask("83020000")  # an answer's looks from the client's side is a malformed request
    assert talk.dissector.client == 0
    talk.poll(1)
    assert talk.ask("0300000001", 77, direction=1).anomalies == ["role_reversed"]
    assert talk.dissector.client == 0


def test_who_opens_with_an_answer_s_looks_hides_nothing():
    talk = Talk()
    talk.say(0, "8302", 1, 1)
    assert talk.dissector.client == 1
    talk.say(1, "8301", 1, 1)
    write = talk.ask("1000000001020001", 2)
    assert (talk.dissector.client, write.client, write.significant) == (0, 0, True)


def test_malformed_answer_still_answers():
    talk = Talk()
    asked = talk.ask("0300000001", 1)
    assert talk.answer("0304000100", 1) is asked  # five bytes, as a request has
    assert asked.significant
    assert talk.dissector.client == 0


def test_shapes_leave_out_values_and_sequence():
    talk = Talk()
    for one, other in (
        ("0600010001", "0600010002"),
        ("0F00010008010F", "0F000100080100"),
        ("100001000102000A", "100001000102000B"),
        ("16000400F20025", "1600040000FFFF"),
        ("1700030001000E00010200FF", "1700030001000E0001020000"),
        ("15090600040007000106AF", "1509060004000700010000"),
        ("080000A537", "0800001234"),
        ("5A0141FF00", "5A0241FF00"),
    ):
        assert talk.ask(one, 1).shape == talk.ask(other, 2).shape
    for one, other in (
        ("0300010001", "0300010002"),
        ("0600010001", "0600020001"),
        ("080001FF00", "0800040000"),
        ("2B0E0100", "2B0E0200"),
        ("2B0E010000", "2B0E020000"),
        ("140706000400010001", "140706000400010002"),
        ("15090600040007000106AF", "15090600040008000106AF"),
        ("5A0140FF00", "5A0141FF00"),
    ):
        assert talk.ask(one, 1).shape != talk.ask(other, 2).shape


def test_illegible_lengths():
    dissector = ModbusDissector()
    assert dissector.frame(bytes.fromhex("0001000000"), 0, 5, 0) == 0
    assert dissector.frame(bytes.fromhex("000100000001010300"), 0, 9, 0) == -2
    assert dissector.frame(bytes.fromhex("00010000FFFF010300"), 0, 9, 0) == -2
    assert dissector.frame(bytes.fromhex("000100070006010300000001FF"), 0, 13, 0) == 12
    assert dissector.frame(bytes.fromhex("000100070006010300"), 0, 9, 0) == 0
    assert dissector.frame(bytes.fromhex("00010007000601FF00000001FF"), 0, 13, 0) == -1


def test_resync_finds_the_next_whole_adu():
    dissector = ModbusDissector()
    adu = bytes.fromhex("000100000006010300000001")
    data = b"\x00\x00\x00\x00\x00\x00\xff" * 5 + adu + adu
    at = dissector.resync(data, 0, len(data), 0)
    assert data[at:] == adu + adu
    assert dissector.frame(data, at, len(data), 0) == 12


def test_after_a_gap_the_next_frame_must_prove_itself():
    dissector = ModbusDissector()
    inside = bytes.fromhex("00010000000601FF00000001")
    assert dissector.frame(inside, 0, len(inside), 0) == 12
    dissector.gap(0)
    assert dissector.frame(inside, 0, len(inside), 1) == 12
    assert dissector.frame(inside, 0, len(inside), 0) == -1
    whole = bytes.fromhex("000100000006010300000001")
    assert dissector.frame(whole, 0, len(whole), 0) == 12
    assert dissector.frame(inside, 0, len(inside), 0) == 12


@pytest.mark.parametrize("is_rtu", [False, True])
def test_an_answer_is_early_when_nobody_waits_for_it(is_rtu):
    talk = Talk(is_rtu)

    def is_early(direction, pdu, transaction=7):
        wire = talk.wire(pdu, transaction, 1)
        return talk.dissector.is_early(b"x" + wire, 1, 1 + len(wire), direction)

    write = "0600010002"  # the answer to a write is the write: who sends it tells
    assert is_early(1, "03020001")
    assert is_early(1, write)
    assert not is_early(0, write)
    assert not is_early(0, "0300000001")
    talk.ask("0300000001", 7)
    assert not is_early(1, "03020001")
    assert not is_early(1, "8302")
    assert is_early(1, write)
    assert is_early(1, "03020001", 8) is not is_rtu  # no transaction to tell by
    assert not is_early(1, "")
    assert talk.answer("03020001", 7).outcome == ACCEPTED  # asking has changed nothing
