"""Who does what to whom, counted: the stored identity of repeated exchanges, and what travels on when one is news.

The rule it lives by: an identity is (client, server, protocol, operation, unit, target), never a port, a
connection or a time; its statistics merge by addition.
"""

from __future__ import annotations

import hashlib
from typing import Final

from mypy_extensions import i64

from sensor.contract import OUTCOME_NAMES, Conversation, Endpoint, Exchange, Message, Target

# Upper bounds of the latency and interval histograms, ns: powers of four from 64 us to 4.6 h, then the rest.
BUCKETS: Final = 16

# What is new about a finding; "" when it is only significant.
NEW_CLIENT: Final = "client"  # first exchange ever between these two in this protocol
NEW_OPERATION: Final = "operation"
NEW_TARGET: Final = "target"
NEW_RANGE: Final = "range"  # the seventeenth target: from here on a range
WIDENED: Final = "widened"  # the range grew


class Behaviour:
    """One line of what is normal: "HMI-2 reads holding registers 100-139 of unit 3 on PLC-7"."""

    def __init__(
        self, client: Endpoint, server: Endpoint, protocol: str, operation: str, action: str, unit: str,
        targets: list[Target], ranged: bool,
    ) -> None:
        self.client = client
        self.server = server
        self.protocol = protocol
        self.operation = operation
        self.action = action
        self.unit = unit
        self.targets = targets
        self.ranged = ranged
        self.count: i64 = 0
        self.first_time: i64 = 0
        self.last_time: i64 = 0
        self.outcomes: list[int] = [0] * len(OUTCOME_NAMES)
        self.codes: dict[int, int] = {}  # refusal code -> count
        self.latency_count: i64 = 0
        self.latency_sum: i64 = 0
        self.latency_min: i64 = 0
        self.latency_max: i64 = 0
        self.latency_buckets: list[int] = [0] * BUCKETS
        self.interval_count: i64 = 0
        self.interval_sum: i64 = 0
        self.interval_min: i64 = 0
        self.interval_max: i64 = 0
        self.interval_buckets: list[int] = [0] * BUCKETS
        self.verdicts: dict[int, object] = {}  # outcome*65536+code -> what detection made of it, kept by detection

    def target_text(self) -> str:
        """Write the targets as people do, joined by ", "."""
        return ", ".join([str(target) for target in self.targets])

    def identity(self) -> str:
        """Return the stable id: a hash of the canonical identity, version 1 (hex, 32 digits)."""
        parts = [
            "1", self.client.network.site, self.client.network.segment, self.client.network.vlan,
            self.client.network.tunnel, self.client.text, self.server.text, self.protocol, self.operation, self.unit,
            "*" if self.ranged else self.target_text(),
        ]
        return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()


class Finding:
    """What travels right of the behaviour stage: a new behaviour or a significant exchange, both halves decoded."""

    def __init__(
        self, talk: Conversation, exchange: Exchange, behaviour: Behaviour, news: str,
        request: Message | None, response: Message | None,
    ) -> None:
        self.talk = talk
        self.exchange = exchange
        self.behaviour = behaviour
        self.news = news  # NEW_CLIENT ... WIDENED, or ""
        self.request = request
        self.response = response

    def time(self) -> int:
        """Return when it became known: the response's time, else the request's (ns)."""
        return self.exchange.response_time or self.exchange.request_time

    def anomalies(self) -> list[str]:
        """Return what was odd about the messages and their pairing, without repeats."""
        found = list(self.exchange.anomalies or [])
        for message in (self.request, self.response):
            if message is not None:
                found += [kind for kind in message.anomalies if kind not in found]
        return found
