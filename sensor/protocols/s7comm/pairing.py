"""Requests that wait for their answer.

The rule it lives by: an answer belongs to the oldest request of the other side with its reference and function; some
masters never change the reference. A long answer of user data is asked for piece by piece, each piece by a request of
its own with the same sequence number: all of it is one exchange.
"""

from typing import Final

from mypy_extensions import i64

from sensor.contract import ACCEPTED, UNANSWERED, Exchange

MAX_PENDING: Final = 32  # partners agree on at most some ten parallel jobs; more means loss or a flood
PATIENCE_NS: Final = 30_000_000_000  # a download or compression may take seconds; stations give up sooner
BETWEEN_PIECES: Final = -1  # reference of one that waits for the request of its next piece


class Pending:
    """One request without its answer, or with a part of it."""

    def __init__(self, exchange: Exchange, asker: i64, reference: i64, function: i64, count: i64) -> None:
        self.exchange = exchange
        self.asker = asker  # direction of the request
        self.reference = reference
        self.function = function
        self.count = count  # items asked for
        self.sequence: i64 = -1  # of user data whose answer comes in pieces
        self.time = exchange.request_time


class Waiting:
    """The requests of one conversation that wait, oldest first."""

    def __init__(self) -> None:
        self.pending: list[Pending] = []

    def add(self, pending: Pending, late: list[Exchange]) -> None:
        """Take a request; the oldest makes room when there are too many."""
        if len(self.pending) >= MAX_PENDING:
            self.give_up(0, late)
        self.pending.append(pending)

    def answered(self, direction: i64, reference: i64, function: i64) -> Pending | None:
        """Take out the request that a message of `direction` answers; `function` -1 answers any."""
        waiting = self.pending
        for index in range(len(waiting)):
            one = waiting[index]
            if one.reference == reference and one.asker != direction and function in (one.function, -1):
                del waiting[index]
                return one
        return None

    def continued(self, direction: i64, reference: i64, function: i64, sequence: i64) -> Pending | None:
        """Find the request whose answer a request of `direction` continues; it waits under the new reference."""
        for one in self.pending:
            if (
                one.reference == BETWEEN_PIECES
                and one.sequence == sequence
                and one.function == function
                and one.asker == direction
            ):
                one.reference = reference
                return one
        return None

    def give_up(self, index: i64, late: list[Exchange]) -> None:
        """End one that got no answer, or not the whole of it."""
        exchange = self.pending[index].exchange
        exchange.outcome = UNANSWERED if exchange.response_time == 0 else ACCEPTED
        late.append(exchange)
        del self.pending[index]

    def expire(self, time: i64, late: list[Exchange]) -> None:
        """Give up those that waited too long."""
        index: i64 = 0
        while index < len(self.pending):
            if time - self.pending[index].time > PATIENCE_NS:
                self.give_up(index, late)
            else:
                index += 1

    def finish(self, late: list[Exchange]) -> None:
        """Give up all."""
        while self.pending:
            self.give_up(0, late)
