"""The recorder's own networks, endpoints, behaviours and file names, whichever worker has told them.

The rule it lives by: the same identity is the same object, so that what several workers, or a worker and the one that
took its place, have counted adds up, and nothing is news twice. Every table has a bound; that of the endpoints is what
others hold of them: conversations, assets, behaviours and what workers may still refer to.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from sensor.behaviour.learner import Learner
from sensor.contract import Endpoint, Exchange, Message, Network, Target
from sensor.flow.lanes import MAX_NETWORKS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sensor.behaviour.behaviour import Behaviour
    from sensor.behaviour.finding import Findings
    from sensor.handover.records import Known

MAX_NAMES: Final = 4_096  # files that evidence of the last while may name; the names of older ones are forgotten


class Names(Sequence[str]):
    """Names of files by number, the newest of them."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.names: dict[int, str] = {}
        self.next = 0

    def number(self, name: str) -> int:
        """Return a name's number, given when it is first asked for."""
        known = self.numbers.get(name)
        if known is not None:
            return known
        if len(self.names) >= MAX_NAMES:
            oldest = next(iter(self.names))
            del self.numbers[self.names.pop(oldest)]
        number, self.next = self.next, self.next + 1
        self.numbers[name], self.names[number] = number, name
        return number

    def __len__(self) -> int:
        return self.next

    def __getitem__(self, number: int) -> str:  # type: ignore[override]  # nobody takes a slice of names
        """Return a name, "" for one that is forgotten."""
        return self.names.get(number, "")


class Held(Endpoint):
    """An endpoint that can be referred to without being held, which native objects cannot."""


class Registry:
    """Everything that records refer to, once."""

    def __init__(self, findings: Findings) -> None:
        self.learner = Learner(findings)
        self.names = Names()
        self.networks: dict[tuple[str, str, str, str], Network] = {}
        self.endpoints: weakref.WeakValueDictionary[tuple[int, bytes], Held] = weakref.WeakValueDictionary()
        self.next_endpoint = 0
        self.flows = 0
        self.networks_refused = 0

    def network(self, site: str, segment: str, vlan: str, tunnel: str) -> Network:
        """Return a network; all that find no room are one."""
        network = self.networks.get((site, segment, vlan, tunnel))
        if network is not None:
            return network
        if len(self.networks) >= MAX_NETWORKS:
            self.networks_refused += 1
            site, segment, vlan, tunnel = "", "", "overflow", ""
        made = Network(len(self.networks), site, segment, vlan, tunnel)
        return self.networks.setdefault((site, segment, vlan, tunnel), made)

    def endpoint(self, network: Network, address: bytes, text: str) -> Endpoint:
        """Return an endpoint; one that nobody held any more is another."""
        endpoint = self.endpoints.get((network.number, address))
        if endpoint is None:
            endpoint = self.endpoints[network.number, address] = Held(self.next_endpoint, network, address, text)
            self.next_endpoint += 1
        return endpoint

    def behaviour(self, client: Endpoint, server: Endpoint, known: Known) -> tuple[Behaviour, str]:
        """Return a behaviour, and what is new about it: as the learner of one worker would."""
        message = Message(known.protocol, 0)
        message.operation, message.action, message.unit = known.operation, known.action, known.unit
        message.targets = [Target(*target) for target in known.targets]
        pair = self.learner.pair(client, server)
        return self.learner.place(pair, Exchange(known.protocol, b"", 0, 0), message)

    def next_flow(self) -> int:
        """Return a number for a conversation."""
        self.flows += 1
        return self.flows - 1

    @property
    def behaviours(self) -> Iterable[Behaviour]:
        """Every behaviour."""
        return self.learner.behaviours

    def counts(self) -> dict[str, int]:
        """Return what found no room, by name."""
        return {
            "networks_refused": self.networks_refused,
            "behaviours_refused": self.learner.behaviours_refused,
        }
