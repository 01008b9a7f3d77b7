"""S7comm and COTP against tshark's reading of the shared captures, through the house's own line.

Where the two differ and tshark is not followed:
- an answer that came in pieces is one message here, at the frame of its last piece and under its first reference;
- a data block's number is said only where there is one; tshark gives the octets' 0 for flags and outputs too;
- the octet before written values and before the data of user data is not the return code of a variable;
- a message of a single octet 0x32 is told as `header_truncated`; tshark passes over it;
- the error code of user data that answers nothing, always 0, is left out;
- the upload id 0 of a request that has none yet is left out.
"""

import collections

import pytest
from s7_truth import ABSENT, capture_of, listen, truth_files, truth_rows

from sensor.protocols.iso.fields import FIELDS as COTP_FIELDS
from sensor.protocols.s7comm.fields import FIELDS

S7_TRUTH = truth_files("s7comm")
COTP_TRUTH = truth_files("cotp")
needs_captures = pytest.mark.skipif(not S7_TRUTH, reason=ABSENT)

TWINS = collections.defaultdict(list)
for _field in FIELDS:
    if _field.tshark:
        TWINS[_field.tshark].append(_field.name)
PIECED = 30  # rows of all captures that are no last piece


def number(text):
    try:
        return int(text, 0)
    except ValueError:
        return text


def said(messages, names):
    """Return what messages say under some names, in a row as tshark writes it."""
    found = []
    for message in messages:
        fields = message.fields()
        for name in names:
            value = fields.get(name, [])
            found += value if isinstance(value, list) else [value]
    return found


def wanted(row, column, messages):
    """Return tshark's values, without those that are differently understood here."""
    values = [number(text) for text in row[column].split(",")] if row[column] else []
    if column == "s7comm.param.item.db" and values:
        areas = [number(text) for text in row["s7comm.param.item.area"].split(",")]
        return [value for value, area in zip(values, areas, strict=True) if area in (0x84, 0x85)]
    if column == "s7comm.data.returncode" and row["s7comm.header.rosctr"] != "3":
        return said(messages, ["s7comm.return_codes"])
    if column == "s7comm.data.blockcontrol.uploadid" and row["s7comm.param.func"] == "0x1d" and values == [0]:
        return []
    if column == "s7comm.param.errcod" and (not values or row["s7comm.param.userdata.type"] in ("0", "4")):
        return said(messages, ["s7comm.error_number"])
    if column == "s7comm.param.blockcontrol.filename" and row["s7comm.param.pistart.servicename"]:
        return []
    return values


@needs_captures
def test_s7comm_is_read_as_tshark_reads_it():
    compared, pieced, differences, unmarked, failures = collections.Counter(), 0, [], [], []
    for truth in S7_TRUTH:
        listener, flows = listen(capture_of(truth, "s7comm"))
        unmarked += listener.unmarked
        failures += [truth.name] * flows.counts()["dissector_failed"]
        for row in truth_rows(truth):
            frame = int(row["frame.number"])
            messages = [one for one in listener.messages[frame] if one.protocol == "s7comm"]
            messages = [one for one in messages if "header_truncated" not in one.anomalies]
            if not messages:
                pieced += 1
                continue
            first_of_pieces = row["s7comm.param.userdata.type"] == "8" and len(messages) == 1
            for column, names in TWINS.items():
                if column not in row:
                    continue
                ours, theirs = said(messages, names), wanted(row, column, messages)
                if ours == theirs or (first_of_pieces and column == "s7comm.header.pduref"):
                    compared[column] += bool(theirs)
                else:
                    differences.append((truth.name, frame, column, theirs, ours))
    assert failures == []
    assert unmarked == []
    assert differences == []
    assert pieced <= PIECED
    assert compared["s7comm.header.rosctr"] > 4500
    assert compared["s7comm.param.item.address"] == 690


@needs_captures
def test_every_twin_of_the_truth_was_compared():
    columns = set(next(iter(truth_rows(S7_TRUTH[0]))))
    ours = {name for name in columns if name.startswith("s7comm.")}
    uncompared = ours - set(TWINS)
    assert uncompared == {
        "s7comm.header.parlg",
        "s7comm.header.datlg",
        "s7comm.param.item.syntaxid",
        "s7comm.param.item.address.byte",
        "s7comm.param.item.address.bit",
        "s7comm.param.userdata.type",
        "s7comm.param.pistart.parameterblock",
        "s7comm.blockinfo.blocktype",
        "s7comm.blockinfo.block_num",
        "s7comm.data.blockcontrol.block_type",
        "s7comm.data.blockcontrol.block_number",
    }


@needs_captures
def test_cotp_is_read_as_tshark_reads_it():
    differences, missing, rows, names = [], [], 0, {field.name for field in COTP_FIELDS}
    for truth in COTP_TRUTH:
        listener, flows = listen(capture_of(truth, "cotp"))
        assert flows.counts()["dissector_failed"] == 0
        assert listener.unmarked == []
        for row in truth_rows(truth):
            rows += 1
            frame = int(row["frame.number"])
            messages = [one for one in listener.messages[frame] if one.protocol == "cotp" and one.code != 0xF0]
            if len(messages) != 1:
                missing.append((truth.name, frame, row["_ws.col.Info"], len(messages)))
                continue
            fields = messages[0].fields()
            assert set(fields) <= names
            ours = {
                "cotp.type": fields["cotp.tpdu_code"] >> 4 if row["cotp.type"] != "0x08" else 8,
                "cotp.srcref": fields.get("cotp.source_reference", fields.get("cotp.responder_reference")),
                "cotp.src-tsap-bytes": fields.get("cotp.source_tsap", ""),
                "cotp.dst-tsap-bytes": fields.get("cotp.destination_tsap", ""),
                "cotp.tpdu_size": fields.get("cotp.requested_tpdu_size", fields.get("cotp.tpdu_size", "")),
                "cotp.cause": fields.get("cotp.disconnect_reason_code", ""),
            }
            for column, value in ours.items():
                theirs = row[column].split(",")[0]
                if column.endswith("bytes"):
                    raw = bytes.fromhex(theirs)
                    theirs = raw.decode() if len(raw) > 2 else theirs
                elif theirs:
                    theirs = int(theirs, 0)
                if value != theirs:
                    differences.append((truth.name, frame, column, theirs, value))
    assert differences == []
    assert missing == []
    assert rows > 100
