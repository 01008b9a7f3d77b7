"""Read the shared captures with the house's own line, and tshark's truth beside them."""

import collections
import csv
import gzip
import os
import pathlib

from sensor.behaviour.finding import Findings
from sensor.capture.files import Captures
from sensor.contract import Sink
from sensor.flow.table import Flows
from sensor.pipeline import Line
from sensor.protocols import discovery

CAPTURES = pathlib.Path(
    os.environ.get("OTSENSOR_CAPTURES") or pathlib.Path(__file__).parents[2].parent / "shared" / "captures"
)
ABSENT = f"no shared captures in {CAPTURES}"


def truth_files(kind):
    return sorted((CAPTURES / "truth").glob(f"*.{kind}.tsv.gz"))


def capture_of(truth, kind):
    return CAPTURES / "files" / truth.name.removesuffix(f".{kind}.tsv.gz")


def truth_rows(path):
    with gzip.open(path, "rt", encoding="utf-8") as text:
        yield from csv.DictReader(text, delimiter="\t", quoting=csv.QUOTE_NONE)


class Listener(Sink):
    """Keeps every message by frame, and judges every exchange."""

    def __init__(self):
        self.messages = collections.defaultdict(list)
        self.exchanges = []
        self.unmarked = []

    def message(self, talk, message):  # noqa: ARG002
        self.messages[message.number].append(message)

    def exchange(self, talk, exchange, data, start, end):
        self.exchanges.append(exchange)
        if exchange.protocol not in ("cotp", "s7comm") or talk.dissector is None:
            return
        found = list(exchange.anomalies or [])
        if exchange.request:
            asked = talk.dissector.dissect(exchange.request, 0, len(exchange.request), exchange.client, b"")
            found += asked.anomalies
            asked.fields()
        if end > start:
            found += talk.dissector.dissect(data, start, end, 1 - exchange.client, exchange.request).anomalies
        if found and not exchange.significant:
            self.unmarked.append((exchange.request_number, exchange.response_number, found))


def listen(path):
    """Read one capture; return the listener and the counters."""
    listener = Listener()
    line = Line(Findings(), [], True, {})
    line.flows = Flows(listener, discovery.find(), True, {})
    captures = Captures([path])
    for block in captures.blocks():
        line.run(block)
    line.finish()
    return listener, line.flows
