"""Documents as CEF: golden lines, and values that cannot break out of their field."""

import re

from hypothesis import given
from hypothesis import strategies as st
from ways_kit import item

from sensor.ship import cef

WORDS = st.text(max_size=60)


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "r": "\r"}.get(found[1], found[1]), text, flags=re.DOTALL)


def read(line: str):
    """Read a line as a collector does: the header by its bars, the extension by its keys."""
    *header, extension = re.split(r"(?<!\\)(?:\\\\)*\|", line, maxsplit=7)
    pairs = re.findall(r"(\w+)=((?:\\.|[^=\\])*?)(?= \w+=|$)", extension, re.DOTALL)
    return header, {key: unescaped(value) for key, value in pairs}


def test_an_alert_of_the_plant_has_its_keys():
    document = {
        **item(7).document,
        "message": "a=b\\c\nsecond | line",
        "rule": {"id": "modbus-write", "name": "Write by a new|comer"},
        "source": {"ip": "192.0.2.1", "port": 5020, "mac": "00-1B-1B-5D-E0-48"},
        "destination": {"ip": "2001:db8::1", "port": 502},
        "network": {"transport": "tcp", "protocol": "modbus"},
        "threat": {"technique": {"id": ["T0855", "T0836"]}},
    }
    assert cef.line(document, "0.1.0") == (
        r"CEF:0|otsensor|otsensor|0.1.0|modbus-write|Write by a new\|comer|8|rt=1795440523257 src=192.0.2.1 "
        r"smac=00:1B:1B:5D:E0:48 c6a3=2001:db8::1 c6a3Label=Destination IPv6 Address "
        r"externalId=00000000000000000000000000000007 cat=otsensor.alert msg=a\=b\\c\nsecond | line cnt=1 app=modbus "
        r"proto=tcp spt=5020 dpt=502 dvchost=north-1 cs1=T0855 T0836 cs1Label=attackTechnique cs5=cell-1 "
        r"cs5Label=otSegment cn1=7 cn1Label=sequence"
    )


def test_severities_follow_ours():
    found = [cef.severity({"event": {"severity": ours}}) for ours in (0, 21, 47, 73, 99, 100)]
    assert found == [0, 3, 5, 8, 10, 10]
    assert cef.severity({"event": {"severity": "99"}}) == cef.severity({}) == 0


@given(message=WORDS, name=WORDS, rule=WORDS)
def test_no_value_ends_its_field_its_line_or_the_header(message, name, rule):
    document = item(7, message=message, rule={"id": rule, "name": name}).document
    line = cef.line(document, "1")
    assert len(line.splitlines()) == 1
    line.encode()
    header, extension = read(line)
    assert len(header) == 7
    assert header[0] == "CEF:0"
    assert header[6] == "8"
    assert extension["externalId"] == f"{7:032x}"
    assert extension["cn1"] == "7"
    if message and message.isprintable() and message == message.strip():
        assert extension["msg"] == message


def test_strange_documents_are_written_all_the_same():
    for document in ({}, {"event": 3}, {"@timestamp": "never", "source": {"ip": ["192.0.2.1"]}}, {"message": {"a": 1}}):
        assert cef.line(document).startswith("CEF:0|otsensor|otsensor|0|event|event|0|")
