"""An engineer's own protocol: a folder of plain Python, dropped in, read like those shipped with us."""

import json
import textwrap

import pytest

from sensor import cli
from sensor.detect.fault import RuleFaults
from sensor.protocols import discovery
from tests.line import line_kit

# A pump's own protocol: "P", a kind (? asks, ! answers, * tells unasked), the length of the rest, the rest.
PUMP = {
    "__init__.py": """
        from .probe import Pump

        PROTOCOLS = (Pump(),)
        """,
    "fields.py": """
        from sensor.vocabulary import Field

        FIELDS = (Field("pump.speed", "long", "Turns a second", fact="model"),)
        """,
    "probe.py": """
        from sensor.contract import MORE, NO, YES, Protocol

        from .dissector import PumpDissector


        class Pump(Protocol):
            def __init__(self):
                super().__init__("pump", ("tcp", "udp"), (7777,))

            def probe(self, data, start, end, direction):
                if data[start] != 0x50:
                    return NO
                if end - start < 3:
                    return MORE
                return YES if data[start + 1] in b"?!*" else NO

            def dissector(self):
                return PumpDissector()
        """,
    "dissector.py": """
        from sensor.contract import (
            ACCEPTED, ALONE, COMPLETED, NOT_THIS_PROTOCOL, STARTED, UNANSWERED, UNSOLICITED, Dissector, Exchange,
            Malformed, Message, Target,
        )


        class PumpMessage(Message):
            speed = 0

            def fields(self):
                return {"pump.speed": self.speed}


        class PumpDissector(Dissector):
            def __init__(self):
                super().__init__("pump")
                self.asked = []

            def frame(self, data, start, end, direction):
                if data[start] != 0x50:
                    return NOT_THIS_PROTOCOL
                return 3 + data[start + 2] if end - start >= 3 else 0

            def glance(self, data, start, end, direction, time):
                kind = data[start + 1]
                if kind == 0x3F:
                    self.exchange = Exchange("pump", data[start + 3 : end], direction, time)
                    self.exchange.request = data[start:end]
                    self.exchange.significant = data[start + 3] == 0x57
                    self.asked.append(self.exchange)
                    return STARTED
                if kind == 0x21 and self.asked:
                    self.exchange = self.asked.pop(0)
                    self.exchange.response_time, self.exchange.outcome = time, ACCEPTED
                    return COMPLETED
                self.exchange = Exchange("pump", b"*", 1 - direction, 0)
                self.exchange.response_time, self.exchange.outcome = time, UNSOLICITED
                return ALONE

            def dissect(self, data, start, end, direction, request):
                if end - start < 4:
                    raise Malformed("nothing said", 3, 1, 0)
                message = PumpMessage("pump", direction)
                message.kind = {0x3F: "request", 0x21: "response"}.get(data[start + 1], "unsolicited")
                writes = (request or data[start:end])[3] == 0x57
                message.operation, message.action = ("set_speed", "write") if writes else ("get_speed", "read")
                message.targets = [Target("pump", data[start + 4], data[start + 4])]
                message.speed = data[end - 1]
                return message

            def resync(self, data, start, end, direction):
                at = data.find(b"P", start + 1, end)
                return at if at >= 0 else end

            def finish(self):
                for exchange in self.asked:
                    exchange.outcome = UNANSWERED
                self.late, self.asked = self.asked, []
        """,
}


def said(kind, rest):
    return b"P" + kind + bytes((len(rest),)) + rest


@pytest.fixture
def folder(tmp_path):
    """A folder with the pump's protocol in it."""
    place = tmp_path / "ours" / "pump"
    place.mkdir(parents=True)
    for name, text in PUMP.items():
        (place / name).write_text(textwrap.dedent(text))
    return place.parent


@pytest.fixture
def capture(tmp_path):
    """Three polls (one cut into segments), garbage, a write, a message nobody asked for, and a poll over UDP."""
    talk = line_kit.Talk(server=("10.0.0.2", 7777))
    for _ in range(3):
        talk.say(0, said(b"?", b"R\x02"), cuts=(1, 4))
        talk.say(1, said(b"!", b"R\x02\x28"))
    talk.say(0, b"\xff\xff\xff")
    talk.say(0, said(b"?", b"W\x02\x32"))
    talk.say(1, said(b"!", b"W\x02\x32"))
    talk.say(1, said(b"*", b"R\x02\x63"))
    talk.say(0, said(b"?", b"R\x03"))  # not answered
    datagrams = [
        line_kit.datagram(("10.0.0.3", 5000), ("10.0.0.2", 7777), said(b"?", b"R\x04"), 90),
        line_kit.datagram(("10.0.0.2", 7777), ("10.0.0.3", 5000), said(b"!", b"R\x04\x10"), 91),
    ]
    return line_kit.pcap(tmp_path / "pump.pcap", [*talk.close(), *datagrams])


def test_its_messages_are_found(folder, capture):
    messages = line_kit.messages(capture, protocols=(folder,))
    assert {message.protocol for message in messages} == {"pump"}
    assert [(m.kind, m.operation, m.fields()["pump.speed"]) for m in messages[-6:]] == [
        ("request", "set_speed", 0x32),
        ("response", "set_speed", 0x32),
        ("unsolicited", "get_speed", 0x63),
        ("request", "get_speed", 3),
        ("request", "get_speed", 4),
        ("response", "get_speed", 0x10),
    ]
    assert len(messages) == 12
    assert messages[0].sender.text == "10.0.0.1"


def test_its_behaviours_are_learned_and_what_is_wrong_is_told(folder, capture):
    reading = line_kit.reading(capture, protocols=(folder,))
    found = {
        (b.client.text, b.server.text, b.operation, b.action, b.target_text()): (b.count, b.outcomes())
        for b in reading.behaviours
    }
    assert found == {
        ("10.0.0.1", "10.0.0.2", "get_speed", "read", "pump 2"): (4, {"accepted": 3, "unsolicited": 1}),
        ("10.0.0.1", "10.0.0.2", "set_speed", "write", "pump 2"): (1, {"accepted": 1}),
        ("10.0.0.1", "10.0.0.2", "get_speed", "read", "pump 3"): (1, {"unanswered": 1}),
        ("10.0.0.3", "10.0.0.2", "get_speed", "read", "pump 4"): (1, {"accepted": 1}),
    }
    assert reading.recorder.oddities == {"not_this_protocol": 1}
    assert {asset.endpoint.text: sorted(asset.serves) for asset in reading.assets}["10.0.0.2"] == ["pump/7777"]
    assert reading.counts["dissector_failed"] == 0


RULE = """
title: Pump set to speed
id: 7d6b6a1c-0000-4000-8000-000000000001
name: pump-speed
level: high
logsource: {product: ot, service: pump}
detection:
  fast: {ot.action: write, pump.speed|gte: 40}
  condition: fast
otsensor:
  explanation: It turns.
  response: Look.
  sentence: "{source} sets {destination} to {pump.speed}"
"""


def test_rules_may_use_its_words(folder, capture, tmp_path):
    rule = tmp_path / "pump.yml"
    rule.write_text(RULE)
    (alert,) = line_kit.reading(capture, protocols=(folder,), rules=(rule,)).alerts
    assert alert.sentence == "10.0.0.1 sets 10.0.0.2 to 50"
    with pytest.raises(RuleFaults, match=r"pump\.speed"):
        line_kit.reading(capture, rules=(rule,))


def test_without_it_the_bytes_are_only_counted(capture):
    reading = line_kit.reading(capture)
    assert list(reading) == []
    assert reading.behaviours == []


def test_the_command_takes_its_folder(folder, capture, capsys):
    assert cli.main(["read", str(capture), "--protocols", str(folder), "--messages", "-"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["network.protocol"] for line in lines] == ["pump"] * 12
    assert lines[-1]["pump.speed"] == 0x10


def test_what_it_raises_costs_its_own_conversation_and_nothing_else(folder, capture, tmp_path):
    file = folder / "pump" / "dissector.py"
    glance = "def glance(self, data, start, end, direction, time):\n"
    file.write_text(file.read_text().replace(glance, f"{glance}        1 / (data[start + 3] - 0x57)\n"))
    both = line_kit.Talk()
    for number in range(3):
        for direction, adu in enumerate(line_kit.modbus_read(number)):
            both.say(direction, adu)
    line_kit.pcap(tmp_path / "both.pcap", both.close())
    reading = line_kit.reading(capture, tmp_path / "both.pcap", protocols=(folder,))
    assert {b.protocol: b.count for b in reading.behaviours if b.protocol == "modbus"} == {"modbus": 3}
    assert sum(b.count for b in reading.behaviours if b.client.text == "10.0.0.3") == 1
    assert reading.counts["dissector_failed"] == 1
    protocol, error, sample = reading.line.flows.framing.faults.failures[0]
    assert (protocol, error, sample[:10]) == ("pump", "ZeroDivisionError: division by zero", "503f035702")


def append(path, line):
    path.write_text(f"{path.read_text()}\n{line}\n")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda folder: (folder / "pump" / "probe.py").write_text("import nowhere"), "nowhere"),
        (lambda folder: (folder / "pump" / "__init__.py").write_text("def ("), "invalid syntax"),
        (lambda folder: (folder / "pump" / "__init__.py").write_text(""), "PROTOCOLS"),
        (lambda folder: append(folder / "pump" / "__init__.py", "PROTOCOLS[0].name *= 100"), "longer than 128 char"),
        (lambda folder: (folder / "pump" / "fields.py").write_text("FIELDS = (1,)"), "fields"),
        (lambda folder: (folder / "pump" / "__init__.py").unlink(), "PROTOCOLS"),
        (lambda folder: folder.rename(folder.with_name("elsewhere")), "is not a folder"),
    ],
)
def test_a_folder_that_is_wrong_is_told_in_one_line_and_nothing_is_done(folder, capture, spoil, why, capsys):
    spoil(folder)
    assert cli.main(["read", str(capture), "--protocols", str(folder)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert str(folder) in err
    assert why in err


def test_the_shipped_protocols_are_found_without_being_registered():
    assert {protocol.name for protocol in discovery.find()} >= {"modbus", "dnp3", "iso", "s7comm"}
