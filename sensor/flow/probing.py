"""Which protocol a conversation speaks: found by the structure of its bytes, with the port as a hint.

The rule it lives by: the port says who is asked first, never what is true.

- **Order.** First the protocols registered for the answerer's port, then those for the opener's, then all others of
  the transport, each group in the order in which they were handed in.
- **Who decides.** Each payload is shown to the candidates in that order; the first that does not say NO decides.
  YES takes the conversation. MORE keeps the payload, at most `MAX_PROBED` bytes, and they are all asked again with
  what follows behind it. So of several YES (a tie) the first in order wins, and an earlier MORE outranks a later YES.
  A datagram is whole: there MORE means NO.
- **Tries.** Both directions are probed, each payload that all refuse is one try, and its bytes are let go. A stream
  seen from its beginning has `TRIES`; one joined in mid-stream may show the inside of a long message first, and has
  `TRIES_MID_STREAM`. Bytes after a gap are a payload like any other.
- **Then.** On a registered port `not_<protocol>` is told, once, and the registered protocols go on being asked,
  payload by payload and without keeping any: nobody hides behind an opening of garbage. Elsewhere nobody is asked.
- **Withdrawn.** A conversation taken on an unregistered port by a protocol that cannot read its first `PROOF` frames
  was recognised wrongly: quietly, the others get their turn.
"""

from typing import Final

from mypy_extensions import i64

from sensor.contract import Protocol

TRIES: Final = 6  # three payloads each way: no protocol needs more to begin
TRIES_MID_STREAM: Final = 16  # a block of 8 KiB in segments of 536 bytes
MAX_PROBED: Final = 2_048  # bytes of one direction kept while a probe says MORE: a full segment and some
PROOF: Final = 4  # frames: by then chance has no part in it


class Probe:
    """The search for one conversation's protocol."""

    def __init__(self, candidates: list[Protocol], registered: i64) -> None:
        self.candidates = candidates  # shared, in the order in which they are asked
        self.registered = registered  # so many of them, at the front, are registered for its ports
        self.tries: i64 = TRIES
        self.sample = b""  # the first bytes that all refused
        self.taken: Protocol | None = None  # has the conversation, or had it wrongly, and is not asked again
        self.exhausted = False

    def asked(self) -> i64:
        """Return how many of the candidates are still asked."""
        return self.registered if self.exhausted or self.tries <= 0 else i64(len(self.candidates))


class Candidates:
    """The protocols of one transport, ordered for each pair of ports."""

    def __init__(self, transport: str, protocols: list[Protocol]) -> None:
        self.protocols = [protocol for protocol in protocols if transport in protocol.transports]
        self.orders: dict[int, list[Protocol]] = {}  # registered port -> its own first, then the others
        self.own: dict[int, int] = {}  # registered port -> how many are its own
        for protocol in self.protocols:
            for port in protocol.ports:
                if port not in self.orders:
                    own = [other for other in self.protocols if port in other.ports]
                    self.orders[port] = own + [other for other in self.protocols if port not in other.ports]
                    self.own[port] = len(own)

    def registers(self, port: i64) -> bool:
        """Say whether a protocol is registered for this port."""
        return port in self.orders

    def probe(self, opener_port: i64, answerer_port: i64) -> Probe | None:
        """Return a fresh search, None where there is nobody to ask."""
        if not self.protocols:
            return None
        if opener_port == answerer_port or not self.registers(opener_port):
            return self.probe_port(answerer_port)
        if not self.registers(answerer_port):
            return self.probe_port(opener_port)
        own = self.orders[answerer_port][: self.own[answerer_port]]
        own += [other for other in self.orders[opener_port][: self.own[opener_port]] if other not in own]
        return Probe(own + [other for other in self.protocols if other not in own], len(own))

    def probe_port(self, port: i64) -> Probe:
        """Return a search where at most one port is registered."""
        order = self.orders.get(port)
        if order is None:
            return Probe(self.protocols, 0)
        return Probe(order, self.own[port])
