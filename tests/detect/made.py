"""Findings and rules made by hand, for tests."""

import pathlib
import textwrap

from sensor.behaviour.behaviour import Behaviour
from sensor.behaviour.finding import Finding
from sensor.contract import ACCEPTED, Conversation, Endpoint, Exchange, Message, Network, Target
from sensor.detect.ruleset import RuleSet
from sensor.vocabulary import Anomaly, Field, Vocabulary, gather

SECOND = 1_000_000_000
NETWORK = Network(0, "works", "cell 1", "10", "")
OWN = (
    Field("words.function_code", "long", "Function", identity=True),
    Field("words.value", "long", "Values written", many=True),
    Field("words.text", "keyword", "A text"),
    Field("words.flag", "boolean", "A flag"),
    Field("modbus.unit_id", "long", "Of another protocol", identity=True),
)
WORDS = Vocabulary([*gather([]), *OWN], [*gather([]).anomalies.values(), Anomaly("length_mismatch", "")])

OWN_PART = """\
otsensor:
  explanation: It means something.
  response: Call somebody.
  sentence: "{source} did {operation} to {target} of {destination}"
"""


def endpoint(number):
    return Endpoint(number, NETWORK, bytes((10, 0, number >> 8, number & 255)), f"10.0.{number >> 8}.{number & 255}")


class Said(Message):
    """A message whose fields are given."""

    def __init__(self, direction, fields, targets, anomalies):
        super().__init__("words", direction)
        self.given = fields
        self.targets = targets
        self.anomalies = anomalies

    def fields(self):
        return self.given


def talk(client=1, server=2):
    found = Conversation(0, endpoint(client), endpoint(server))
    found.transport, found.opener_port, found.answerer_port = 6, 40000, 502
    return found


def behaviour(client=1, server=2, operation="write", action="write", unit="1", target=None, ranged=False):
    targets = [target or Target("cell", 7, 7)]
    return Behaviour(endpoint(client), endpoint(server), "words", operation, action, unit, targets, ranged)


def finding(
    of=None, *, time=100 * SECOND, news="", outcome=ACCEPTED, code=0, request=None, response=None, frame=10, **who
):
    """Make a finding; `request` and `response` are the fields of the two halves."""
    of = of or behaviour(**who)
    of.count += 1
    exchange = Exchange(of.protocol, b"shape", 0, time)
    exchange.response_time = time + 1_000_000
    exchange.outcome, exchange.code, exchange.significant = outcome, code, True
    exchange.request_number, exchange.response_number = frame, frame + 1
    found = Finding(talk(of.client.number, of.server.number), exchange, of, news)
    found._request = Said(0, request or {}, of.targets, [])
    found._response = Said(1, response or {}, [], [])
    return found


def rule_text(
    detection="sel: {ot.action: write}\ncondition: sel", *, number=1, name="a-rule", level="high", own=OWN_PART, more=""
):
    """Return the text of a rule file."""
    head = f"title: A rule\nid: 00000000-0000-4000-8000-{number:012d}\nname: {name}\nlevel: {level}\n"
    source = "logsource:\n  product: ot\n"
    return head + more + source + "detection:\n" + textwrap.indent(detection, "  ") + "\n" + own


def ruleset(tmp_path, *texts, words=WORDS):
    """Load rules from texts, each a file of its own."""
    for number, text in enumerate(texts):
        pathlib.Path(tmp_path, f"rule{number}.yml").write_text(text)
    return RuleSet.load([tmp_path], words)
