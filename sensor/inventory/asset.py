"""One machine as far as it was seen: facts with their evidence, and the view over them.

The rule it lives by: an attribute nobody can point to the source of is not an attribute.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sensor.behaviour.behaviour import Behaviour
    from sensor.contract import Endpoint

MAX_FACTS: Final = 64  # of one asset; an honest device states about a dozen
MAX_BEHAVIOURS: Final = 128  # kept for judging conduct, each way; the first ones show the role
MAX_PORTS: Final = 64
MAX_UNITS: Final = 256  # one serial line behind a gateway has at most 247


@dataclasses.dataclass(slots=True)
class Fact:
    """One thing said or shown about an asset."""

    attribute: str  # "vendor", "product_code", "firmware" ...
    value: str
    source: str  # who told: "modbus", "oui", "conduct" ...
    confidence: float  # 1.0 the device itself said so; 0.5 derived
    first_time: int  # ns
    last_time: int
    number: int = 0  # frame that showed it first
    capture: int = 0  # index of the file


@dataclasses.dataclass(slots=True)
class Asset:
    """What is known of one endpoint."""

    endpoint: Endpoint
    first_time: int
    last_time: int
    heard: bool = False  # it has sent at least one frame; otherwise it was only spoken to
    name: str = ""
    facts: dict[tuple[str, str], Fact] = dataclasses.field(default_factory=dict)
    macs: dict[bytes, None] = dataclasses.field(default_factory=dict)
    serves: dict[str, None] = dataclasses.field(default_factory=dict)  # "modbus/502", "tcp/80"
    uses: dict[str, None] = dataclasses.field(default_factory=dict)
    units: dict[tuple[str, str], None] = dataclasses.field(default_factory=dict)  # (protocol, unit) that answered
    as_client: list[Behaviour] = dataclasses.field(default_factory=list)
    as_server: list[Behaviour] = dataclasses.field(default_factory=list)
    answered: bool = False  # it has taken part in a conversation that goes both ways
    sought: int = 0  # conversations it opened that nobody answered
    facts_refused: int = 0

    def identity(self) -> str:
        """Return the stable id: a hash of network and address (hex, 32 digits)."""
        network = self.endpoint.network
        parts = ("1", network.site, network.segment, network.vlan, network.tunnel, self.endpoint.text)
        return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()

    def meet(self, endpoint: Endpoint) -> None:
        """Take the object that stands for its address now."""
        if endpoint is not self.endpoint:
            endpoint.mac = endpoint.mac or self.endpoint.mac
            self.endpoint = endpoint

    def passed_by(self) -> bool:
        """Say whether nobody ever answered it, and it has answered nobody: a forged address, or a scan's."""
        return not (self.answered or self.serves or self.uses or self.matters())

    def matters(self) -> bool:
        """Say whether it has a name, has said what it is, or speaks a protocol of the plant."""
        said = any(fact.source != "oui" for fact in self.facts.values())
        return bool(said or self.name or self.as_client or self.as_server)

    def learn(self, fact: Fact) -> bool:
        """Keep a fact, or its repetition; return whether it is new."""
        known = self.facts.get((fact.attribute, fact.value))
        if known is not None:
            known.last_time = max(known.last_time, fact.last_time)
            known.confidence = max(known.confidence, fact.confidence)
            return False
        if len(self.facts) >= MAX_FACTS:
            self.facts_refused += 1
            return False
        self.facts[fact.attribute, fact.value] = fact
        return True

    def fact(self, attribute: str) -> str:
        """Return the value we are surest of, the latest of equals; "" when nothing is known."""
        found = [fact for fact in self.facts.values() if fact.attribute == attribute]
        return max(found, key=lambda fact: (fact.confidence, fact.last_time)).value if found else ""

    def told(self, *attributes: str) -> str:
        """Return the first of some attributes that is known: a model, else the product's name, else its code."""
        return next((value for value in map(self.fact, attributes) if value), "")
