"""What stands right of the hand-over cannot tell whether it runs in the worker's process or in its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from sensor.behaviour.finding import Findings
from sensor.capture.files import Captures
from sensor.handover import mirror as mirror_module
from sensor.handover import records
from sensor.handover.teller import BUSY_BYTES, FULL_BYTES, Teller
from sensor.pipeline import Line
from tests.handover import handover_kit
from tests.line import line_kit

KINDS = ("assets", "behaviours", "alerts", "flows", "oddities")


@pytest.mark.parametrize("name", line_kit.OWN)
def test_a_capture_read_through_the_handover_gives_the_same(name):
    direct = line_kit.reading(line_kit.PCAPS / name).run()
    relayed = handover_kit.relayed(line_kit.PCAPS / name)
    for kind in KINDS:
        assert handover_kit.found(relayed, kind) == handover_kit.found(direct, kind), kind
    direct.close()
    relayed.close()


def test_two_workers_add_up_to_one():
    direct = line_kit.reading(line_kit.PCAPS / "plant.pcapng").run()
    split = handover_kit.split_by_pair(line_kit.PCAPS / "plant.pcapng")
    # which of several a reason or a list names first, and a frame's number among those of one worker, may differ
    differs = {"assets": ("reason", "digest"), "alerts": ("id", "evidence", "sentence"), "flows": ("first_frame",)}
    for kind in ("assets", "behaviours", "alerts", "flows"):
        ours, one = (handover_kit.found(which, kind) for which in (split, direct))
        for row in ours + one:
            for name in differs.get(kind, ()):
                row.pop(name)
            row.update({name: sorted(value, key=repr) for name, value in row.items() if isinstance(value, list)})
        assert sorted(ours, key=repr) == sorted(one, key=repr), kind


def test_a_worker_that_takes_anothers_place_tells_nothing_twice():
    direct = line_kit.reading(line_kit.PCAPS / "plant.pcapng").run()
    restarted = handover_kit.restarted(line_kit.PCAPS / "plant.pcapng", at=0.5)
    assert [row["id"] for row in restarted.rows("assets")] == [row["id"] for row in direct.rows("assets")]
    titles = {row["title"] for row in direct.rows("alerts")}
    assert {row["title"] for row in restarted.rows("alerts")} <= titles
    assert "worker_lost" in {row["ending"] for row in restarted.rows("flows")}


def test_who_answers_has_its_mac_and_vendor_while_the_conversation_goes_on():
    made = handover_kit.Relayed(line_kit.PCAPS / "modbus-polling.pcapng")
    for piece in made.pieces():
        made.relays[0].run(piece)
        made.tick()
    shown = {asset.endpoint.text: asset.fact("vendor") for asset in made.reading.inventory.shown()}
    assert shown["192.168.10.22"].startswith("ADVANTECH")
    assert not [address for address in shown if ":" in address]  # nobody is there twice, by address and by card
    made.reading.close()


def test_who_answers_over_what_nobody_reads_is_there_with_its_mac_before_the_end(tmp_path):
    frames = []
    for server, answer in (("10.0.0.2", line_kit.SYN | line_kit.ACK), ("10.0.0.3", line_kit.RST | line_kit.ACK)):
        talk = line_kit.Talk(server=(server, 9999), handshake=False)
        talk.segment(0, b"", line_kit.SYN)
        talk.segment(1, b"", answer)
        frames += talk.frames
    made = handover_kit.Relayed(line_kit.pcap(tmp_path / "open.pcap", frames))
    for piece in made.pieces():
        made.relays[0].run(piece)
        made.tick()
    shown = {asset.endpoint.text: list(asset.macs) for asset in made.reading.inventory.shown()}
    assert shown == {address: [line_kit.mac_of(address)] for address in ("10.0.0.1", "10.0.0.2")}  # 10.0.0.3 refused
    made.reading.close()


class Answers(Teller):
    """A teller that keeps the conversations that were answered."""

    def answered(self, talk):
        self.talks = [*getattr(self, "talks", []), talk]
        super().answered(talk)

    def told(self):
        return sum(type(record) is records.Answered for record in self.records)


def test_who_answers_many_is_told_once_and_again_when_it_had_been_forgotten(tmp_path):
    talks = [line_kit.Talk(client=("10.0.0.1", port), server=("10.0.0.2", 9999)) for port in (50_000, 50_001)]
    teller = Answers(lambda _: None, lambda: 0)
    line = Line(teller, handover_kit.protocols(), False, {})
    for block in Captures([line_kit.pcap(tmp_path / "two.pcap", [*talks[0].frames, *talks[1].frames])]).blocks():
        line.run(block)
    assert (len(teller.talks), teller.told()) == (2, 1)
    teller.left(teller.talks[0].answerer)
    teller.answered(teller.talks[1])
    assert teller.told() == 2


@pytest.mark.parametrize("told", [
    records.Answered(7, b""),
    records.End(0, 7, b"\0" * 4, "x"),
    records.Known(0, 1, 2, "modbus", "read", "read", "1", [], False),
    records.Counted(3, [1, 1, 1, 1], {}, []),
    records.Counted(3, [1, 1], {}, []),
    records.Odd(records.Stand(5, "modbus", "modbus", 0, (-1, -1), 0, 0, (b"", b"")), "gap", 0, 1, 1, b""),
])  # fmt: skip
def test_what_refers_to_nothing_that_was_told_is_not_believed(told):
    mirror = handover_kit.mirror()
    with pytest.raises(records.Unfit):
        mirror.play(records.unpacked(records.packed(records.Batch(1, [told]))))


PLACE = records.Place(0, "", "", "", "")
ENDS = [PLACE, records.End(0, 0, b"\0" * 4, "0.0.0.0"), records.End(1, 0, b"\1" * 4, "1.1.1.1")]  # two ends
POLL = (0, 1, "modbus", "read", "read", "1", [], False)
QUALITY = {"time": 1, "frames": 1, "bytes": 60, "stream_bytes": 0, "counts": {}, "lanes": [], "talkers": [],
           "protocols": {}}  # fmt: skip


@pytest.mark.parametrize("told", [
    [records.Known(0, *POLL, [1, 1, 1, 1]), records.Known(0, *POLL, [1, 1, 1, 1])],
    [records.Known(0, *POLL, [1 << 62, 1, 1, 1])],
    [records.Known(0, *POLL, [1, -1, 1, 1])],
    [records.Known(0, *POLL, [1, 1, 1, 1], {0: 1 << 60})],
    [records.Known(0, *POLL, [1, 1, 1, 1], {99 << 32: 1})],
    [records.Said("again")] * 9,
    [records.Pulse({str(number): 1 for number in range(5_000)}, {}, {}, {})],
    [records.Pulse({}, {}, {"frames": 1}, {})],
    [records.Pulse({}, {}, {**QUALITY, "lanes": 3}, {})],
    [records.Pulse({}, {}, {**QUALITY, "talkers": [[0, "1.1.1.1", 1]]}, {})],
])  # fmt: skip
def test_what_no_worker_has_to_tell_is_not_believed(told):
    mirror = handover_kit.mirror()
    mirror.play(records.Batch(1, ENDS))
    with pytest.raises(records.Unfit):
        mirror.play(records.unpacked(records.packed(records.Batch(1, told))))


def test_a_worker_fills_no_table_without_end(monkeypatch):
    for name in ("OVERFLOWS", "MAX_NAMES", "MAX_NUMBERED", "MAX_FLOWS"):
        monkeypatch.setattr(mirror_module, name, 2)
    monkeypatch.setattr(mirror_module, "MAX_ENDPOINTS", 1)
    began = records.Began(0, 0, 1, b"", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (b"", b""))
    for sample, what in (
        (PLACE, "networks"), (ENDS[1], "ends"), (records.File(0, "x"), "files"), (began, "conversations"),
        (records.Known(0, *POLL, [1, 1, 1, 1]), "behaviours"),
    ):  # fmt: skip
        mirror = handover_kit.mirror()
        mirror.play(records.Batch(1, ENDS))
        field = sample.__struct_fields__[0]
        with pytest.raises(records.Unfit, match=what):
            mirror.play(records.Batch(1, [structs.replace(sample, **{field: number}) for number in range(5)]))


def test_a_fault_of_ours_costs_the_record_and_is_counted_and_said():
    class Failing(Findings):
        def closed(self, talk):  # noqa: ARG002
            raise ZeroDivisionError("division by zero")

    mirror = handover_kit.mirror()
    mirror.findings = Failing()
    mirror.play(records.Batch(1, ENDS))
    for flow in range(5):
        began = records.Began(flow, 0, 1, b"", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (b"", b""))
        stand = records.Stand(flow, "", "", 0, (-1, -1), 0, 0, (b"", b""))
        mirror.play(records.Batch(2, [began, records.Ended(stand, "idle", ([0] * 8, [0] * 8))]))
    mirror.play(records.Batch(3, [records.Pulse({"frames": 7}, {}, {}, {})]))
    assert mirror.time == 3
    assert mirror.counts == {"frames": 7, "records_failed": 5}
    said = mirror.take_said()
    assert len(said) == 3
    assert "(ended)" in said[0]
    assert "division by zero" in said[0]


@given(st.binary(max_size=200))
def test_bytes_that_are_no_batch_are_refused(data):
    mirror = handover_kit.mirror()
    try:
        batch = records.unpacked(data)
        mirror.play(batch)
    except records.Unfit:
        return
    assert not batch.records or isinstance(batch.records[0], records.Record)


def test_a_text_that_no_message_takes_is_mended():
    odd = records.File(0, "bad \udcff name")
    batch = records.unpacked(records.packed(records.Batch(1 << 70, [odd])))
    assert batch.records == [records.File(0, "bad ? name")]
    assert batch.time == (1 << 63) - 1


def test_where_the_recorder_is_behind_conversations_go_untold_first_and_are_counted():
    waiting = 0
    sent = []
    told = Teller(sent.append, lambda: waiting)
    line = Line(told, handover_kit.protocols(), False, {})
    waiting = BUSY_BYTES + 1
    for block in Captures([line_kit.PCAPS / "plant.pcapng"]).blocks():
        line.run(block)
    line.finish()
    assert told.counts()["flows_untold"] > 0
    assert told.counts()["findings_untold"] == 0
    told.flush()
    kinds = [type(record) for data in sent for record in records.unpacked(data).records]
    assert kinds.count(records.Found) > 100
    # what a finding needs to be understood is told all the same, and each such conversation ends
    assert kinds.count(records.Began) == kinds.count(records.Ended) > 0


def test_where_the_recorder_stands_still_findings_go_untold_and_are_counted():
    sent = []
    told = Teller(sent.append, lambda: FULL_BYTES + 1)
    line = Line(told, handover_kit.protocols(), False, {})
    for block in Captures([line_kit.PCAPS / "s7-stop.pcapng"]).blocks():
        line.run(block)
    line.finish()
    told.flush()
    assert told.counts()["findings_untold"] > 0
    assert [records.unpacked(data).records for data in sent] == [[]]
