"""Messages given to Apache Kafka, and which of them its brokers have taken.

The rule it lives by: a message counts when all in-sync replicas have it (acks=all, idempotent producer); one that no
broker will ever take is told apart from one that none could take now.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TIMEOUT_SECONDS: Final = 30.0  # for a batch to be taken
FLUSH_SECONDS: Final = 5.0  # beyond it, for the answers to come in
REFUSED: Final = frozenset((
    "MSG_SIZE_TOO_LARGE", "INVALID_MSG_SIZE", "RECORD_LIST_TOO_LARGE", "INVALID_RECORD", "INVALID_MSG",
    "INVALID_TIMESTAMP",
))  # fmt: skip
MISSING: Final = "the Kafka client is not installed: pip install '.[kafka]' in the checkout"


class Message(NamedTuple):
    """One message."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, str | bytes | None]]


class Producing:
    """A producer whose sendings are waited for. Raises ImportError where the client is not installed.

    Raises ValueError for settings the client does not take.
    """

    def __init__(self, settings: Mapping[str, Any], timeout: float = TIMEOUT_SECONDS) -> None:
        """`settings`: librdkafka's own, beyond those that make it safe."""
        try:
            import confluent_kafka  # noqa: PLC0415  # an extra; whoever ships to Kafka has it
        except ImportError:
            raise ImportError(MISSING) from None
        self.timeout = timeout
        self.trouble = ""  # the last thing that was wrong with the brokers
        silent = logging.getLogger("otsensor.kafka")
        silent.addHandler(logging.NullHandler())
        silent.propagate = False
        self._kafka = confluent_kafka
        safe = {"enable.idempotence": True, "acks": "all", "delivery.timeout.ms": int(timeout * 1000)}
        try:
            self._producer = confluent_kafka.Producer({**settings, **safe, "error_cb": self._trouble, "logger": silent})
        except confluent_kafka.KafkaException as error:
            raise ValueError(str(error.args[0].str())) from None

    def _trouble(self, error: Any) -> None:
        self.trouble = str(error.str())

    def send(self, messages: Sequence[Message]) -> list[str | None]:
        """Send messages and wait; return None for each that was taken, a reason for each that never will be.

        The list ends before the first that may be taken another time; raises OSError where that is the very first.
        """
        errors: list[Any] = [NOT_ANSWERED] * len(messages)
        for number, message in enumerate(messages):
            self._produce(number, message, errors)
        self._producer.flush(self.timeout + FLUSH_SECONDS)
        reasons: list[str | None] = []
        for error in errors:
            if error is NOT_ANSWERED or (error is not None and error.name() not in REFUSED):
                if reasons:
                    break
                raise OSError(self._why(error))
            reasons.append(None if error is None else str(error.str()))
        self.trouble = ""
        return reasons

    def _produce(self, number: int, message: Message, errors: list[Any]) -> None:
        def told(error: Any, _message: Any) -> None:
            errors[number] = error

        try:
            self._producer.produce(message.topic, message.value, message.key, on_delivery=told, headers=message.headers)
        except BufferError:  # the client's queue is full; the rest of the batch is sent another time
            self._producer.poll(0)
        except self._kafka.KafkaException as error:
            errors[number] = error.args[0]

    def _why(self, error: Any) -> str:
        told = "no answer" if error is NOT_ANSWERED else str(error.str())
        return f"{told} ({self.trouble})" if self.trouble else told

    def close(self) -> None:
        """Give up what was not taken: it is sent again from the outbox."""
        self._producer.purge()
        self._producer.flush(1)


NOT_ANSWERED: Final = object()
