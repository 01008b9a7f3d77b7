"""What travels right of the behaviour stage: a new behaviour, or a significant exchange.

The rule it lives by: a message is decoded when someone looks at it, and once.
"""

from typing import Final

from mypy_extensions import i64, mypyc_attr

from sensor.behaviour.behaviour import Behaviour
from sensor.contract import Conversation, Exchange, Malformed, Message, Sink

# What is new; "" when an exchange is only significant.
NEW_CLIENT: Final = "client"  # the first exchange between these two in this protocol
NEW_OPERATION: Final = "operation"  # these two have not done this to this unit before
NEW_TARGET: Final = "target"
NEW_RANGE: Final = "range"  # one target too many: from here on a range
WIDENED: Final = "widened"  # the range grew

UNDISSECTABLE: Final = "undissectable"  # anomaly: the frame was whole, and yet cannot be read
DISSECTOR_FAILED: Final = "dissector_failed"  # anomaly: our fault


class Finding:
    """One exchange that is news or significant, with the behaviour it belongs to."""

    def __init__(self, talk: Conversation, exchange: Exchange, behaviour: Behaviour, news: str) -> None:
        self.talk = talk
        self.exchange = exchange
        self.behaviour = behaviour
        self.news = news  # NEW_CLIENT ... WIDENED, or ""
        self._request: Message | None = None
        self._response: Message | None = None

    @property
    def request(self) -> Message | None:
        """The decoded request; None when there was none."""
        if self._request is None and self.exchange.request:
            self._request = decode_request(self.talk, self.exchange)
        return self._request

    @property
    def response(self) -> Message | None:
        """The decoded response, or message sent unasked; None when there was none."""
        if self._response is None and self.exchange.response:
            self._response = decode_response(self.talk, self.exchange)
        return self._response

    def keep(self, message: Message) -> None:
        """Keep a message that is already decoded: the request, or what came without one."""
        if self.exchange.request:
            self._request = message
        else:
            self._response = message

    def time(self) -> i64:
        """Return when it became known: the response's time, else the request's (ns)."""
        return self.exchange.response_time or self.exchange.request_time

    def anomalies(self) -> list[str]:
        """Return what was odd about the messages and their pairing, without repeats.

        What a glance found insignificant has nothing odd in it, and need not be decoded to say so.
        """
        found: list[str] = []
        if not self.exchange.significant:
            return found
        if self.exchange.anomalies is not None:
            found.extend(self.exchange.anomalies)
        for message in (self.request, self.response):
            if message is not None:
                found.extend([kind for kind in message.anomalies if kind not in found])
        return found


def decode_request(talk: Conversation, exchange: Exchange) -> Message | None:
    """Decode the request an exchange has kept."""
    message = decode(talk, exchange, exchange.request, exchange.client, b"")
    if message is not None:
        message.time = exchange.request_time
        message.number = exchange.request_number
        message.source = exchange.request_source
    return message


def decode_response(talk: Conversation, exchange: Exchange) -> Message | None:
    """Decode the answer, or the message sent unasked, that an exchange has kept."""
    message = decode(talk, exchange, exchange.response, 1 - exchange.client, exchange.request)
    if message is not None:
        message.time = exchange.response_time
        message.number = exchange.response_number
        message.source = exchange.response_source
    return message


def decode(talk: Conversation, exchange: Exchange, data: bytes, direction: i64, request: bytes) -> Message | None:
    """Dissect one kept message; what cannot be read leaves an anomaly with the exchange, and never stops the line."""
    if talk.dissector is None:
        return None
    try:
        return talk.dissector.dissect(data, 0, len(data), direction, request)
    except Malformed:
        exchange.note(UNDISSECTABLE)
    except Exception:  # noqa: BLE001  # a fault of ours, which must not cost the capture
        exchange.note(DISSECTOR_FAILED)
    return None


@mypyc_attr(allow_interpreted_subclasses=True)
class Findings(Sink):
    """What the recorder overrides to take what the line has found."""

    def finding(self, finding: Finding) -> None:
        """Take a new behaviour or a significant exchange."""
