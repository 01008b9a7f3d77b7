"""Modbus in other people's captures: beside tshark message by message, and silence where there is none."""

import csv
import functools
import gzip
import io
import shutil
import subprocess

import pytest
from modbus_kit import CAPTURES, hear

from sensor.contract import ACCEPTED, ORPHAN, REFUSED

TRUTH = sorted((CAPTURES / "truth").glob("*.modbus.tsv.gz"))
NAMES = [path.name.removesuffix(".modbus.tsv.gz") for path in TRUTH]
needs_captures = pytest.mark.skipif(not TRUTH, reason=f"no shared captures in {CAPTURES}")

heard = functools.cache(hear)

# tshark's column, our fields in the order in which one of them stands for it
TWINS = {
    "mbtcp.trans_id": ("transaction_id",),
    "mbtcp.prot_id": ("protocol_id",),
    "mbtcp.len": ("length", "response_length"),
    "mbtcp.unit_id": ("unit_id",),
    "modbus.func_code": ("function_code",),
    "modbus.exception_code": ("exception_code",),
    "modbus.reference_num": ("address",),
    "modbus.word_cnt": ("quantity",),
    "modbus.bit_cnt": ("quantity",),
    "modbus.byte_cnt": ("byte_count", "request_byte_count"),
    "modbus.read_reference_num": ("read_address",),
    "modbus.read_word_cnt": ("read_quantity",),
    "modbus.write_reference_num": ("write_address",),
    "modbus.write_word_cnt": ("write_quantity",),
    "modbus.and_mask": ("and_mask",),
    "modbus.or_mask": ("or_mask",),
    "modbus.diagnostic_code": ("subfunction_code",),
    "modbus.mei": ("mei_type_code",),
    "modbus.read_device_id": ("read_device_id_code",),
    "modbus.object_id": ("object_id",),
}

# What tshark 4.0 says otherwise, and why it is not so: capture, frame, column.
TSHARK_FAULTS = {
    # An exception without its code: tshark calls it a normal response and takes the next ADU's byte.
    ("arkime__arkime__tests_pcap_arkime_synthetic.pcap", 866, ""),
    # Three writes under one transaction identifier, answered in order: tshark knows the last of them only.
    ("ITI__ICS-Security-Tools__pcaps_ModbusTCP_Modbus_modbus_test.pcap", 70, "modbus.request_frame"),
}


def rows(name):
    with gzip.open(CAPTURES / "truth" / f"{name}.modbus.tsv.gz", "rt", newline="") as file:
        yield from csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)


def address(row, end):
    return (row[f"ip.{end}"] or row[f"ipv6.{end}"]).split(",")[-1]


@needs_captures
@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_tshark(name):
    ear, failed = heard(CAPTURES / "files" / name)
    assert failed == 0
    by_frame = {}
    for _, message in ear.messages:
        by_frame.setdefault(message.number, []).append(message)
    compared = 0
    for row in rows(name):
        frame = int(row["frame.number"])
        if "," in row["mbtcp.trans_id"] or (name, frame, "") in TSHARK_FAULTS:
            continue
        found = by_frame.get(frame, [])
        if not found and copied(row, by_frame, frame):
            continue
        assert len(found) == 1, (frame, row["_ws.col.Info"])
        message = found[0]
        assert address(row, "src") == message.sender.text
        assert message.kind == ("request" if "Query:" in row["_ws.col.Info"] else "response")
        fields = message.fields()
        for column, twins in TWINS.items():
            if row[column] and (name, frame, column) not in TSHARK_FAULTS:
                ours = next((fields[f"modbus.{twin}"] for twin in twins if f"modbus.{twin}" in fields), None)
                assert ours == int(row[column], 0), (frame, column, fields)
        compared += 1
    assert compared > 0


def copied(row, by_frame, frame):
    """A mirror that copies both ways doubles frames; tshark dissects the copy again."""
    before = [message for back in range(1, 9) for message in by_frame.get(frame - back, ())]
    return any(message.fields()["modbus.transaction_id"] == int(row["mbtcp.trans_id"]) for message in before)


@needs_captures
@pytest.mark.parametrize("name", NAMES)
def test_pairs_as_tshark_does(name):
    ear, _ = heard(CAPTURES / "files" / name)
    ours = {exchange.response_number: exchange for _, exchange, _ in ear.exchanges if exchange.response_number}
    for row in rows(name):
        frame, asked = int(row["frame.number"]), row["modbus.request_frame"]
        if asked and frame in ours and "," not in row["mbtcp.trans_id"]:
            same = ours[frame].request_number == int(asked)
            assert same or (name, frame, "modbus.request_frame") in TSHARK_FAULTS


@needs_captures
@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_significant_has_no_anomaly(name):
    ear, _ = heard(CAPTURES / "files" / name)
    for talk, exchange, last in ear.exchanges:
        read = type(talk.dissector)(talk.dissector.is_rtu)
        read.client, read.lean = exchange.client, 8
        odd = list(exchange.anomalies or ())
        if exchange.request_time:
            odd += read.dissect(exchange.request, 0, len(exchange.request), exchange.client, b"").anomalies
        if exchange.response_time:
            odd += read.dissect(last, 0, len(last), 1 - exchange.client, exchange.request).anomalies
        assert exchange.significant or not odd


@needs_captures
def test_no_other_protocol_is_taken_for_modbus():
    known = {*NAMES}
    decoys = [path for path in sorted((CAPTURES / "files").iterdir()) if path.name not in known]
    assert len(decoys) > 400
    for path in decoys:
        ear, failed = hear(path)
        assert (path.name, len(ear.messages), failed) == (path.name, 0, 0)


@needs_captures
def test_finds_modbus_on_ports_tshark_does_not_look_at():
    ear, _ = heard(CAPTURES / "files" / "AgentCarter1__S7comm-Plus-Anomaly-Detection__Wireshark_Paketler_1.pcapng")
    ports = {(talk.opener_port, talk.answerer_port) for talk, _ in ear.messages}
    assert {(503, 1), (505, 3)} <= ports


@needs_captures
def test_a_client_that_never_changes_its_transaction_is_paired():
    ear, _ = heard(CAPTURES / "files" / "ITI__ICS-Security-Tools__pcaps_ModbusTCP_modbus_test_data_part2.pcap")
    outcomes = [exchange.outcome for _, exchange, _ in ear.exchanges]
    assert (outcomes.count(REFUSED), outcomes.count(ACCEPTED), outcomes.count(ORPHAN)) == (130, 10, 0)


@needs_captures
def test_identity_from_real_devices():
    ear, _ = heard(CAPTURES / "files" / "ITI__ICS-Security-Tools__pcaps_modicon_modicon_test.pcap")
    said = [message.fields() for _, message in ear.messages if message.operation == "umas_read_id"]
    assert ("Schneider Electric", "140 CPU 311 10", "2.70") in {
        (fields.get("modbus.vendor"), fields.get("modbus.model_name"), fields.get("modbus.revision")) for fields in said
    }
    ear, _ = heard(CAPTURES / "files" / "ITI__ICS-Security-Tools__pcaps_ModbusTCP_modbus_test_data_part1.pcap")
    texts = {message.fields().get("modbus.server_text") for _, message in ear.messages}
    assert "Wingpath Limited" in texts


VALUES = (
    "ITI__ICS-Security-Tools__pcaps_bro_modbus_modbusSmall.pcap",
    "ITI__ICS-Security-Tools__pcaps_ModbusTCP_Modbus_modbus_test.pcap",
    "arkime__arkime__tests_pcap_modbus.pcap",
)


@needs_captures
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("name", VALUES)
def test_values_agree_with_tshark(name):
    path = CAPTURES / "files" / name
    ear, _ = heard(path)
    ours = {message.number: message for _, message in ear.messages}
    command = [
        "tshark",
        "-n",
        "-r",
        path,
        "-Y",
        "modbus.regval_uint16 || modbus.bitval",
        "-T",
        "fields",
        "-E",
        "header=y",
    ]
    for column in ("frame.number", "modbus.regval_uint16", "modbus.bitval", "modbus.func_code"):
        command += ["-e", column]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    compared = 0
    for row in csv.DictReader(io.StringIO(told), delimiter="\t"):
        message = ours[int(row["frame.number"])]
        values = [int(value) for value in (row["modbus.regval_uint16"] or row["modbus.bitval"]).split(",")]
        assert (message.values or message.write_values)[: len(values)] == values[: len(message.values) or None]
        compared += 1
    assert compared > 0
