"""Who has been speaking to whom since when: what makes a client a newcomer.

The rule it lives by: a server's regular clients show themselves soon, because they poll; whoever speaks to it for the
first time after that is a newcomer, and stays one for a day. Where there is no past to compare with, nobody is.
"""

from typing import Final

from sensor.contract import Endpoint

SETTLING_NS: Final = 10_000_000_000  # longer than nearly every poll cycle
ACQUAINTED_NS: Final = 24 * 3600 * 1_000_000_000  # somebody has looked at the alert by then
MAX_PAIRS: Final = 65_536  # as many as the behaviour stage keeps


class Pair:
    """One client of one server in one protocol."""

    def __init__(self, first_time: int, late: bool) -> None:
        self.first_time = first_time
        self.late = late  # it came after the server's regular clients were known

    def newcomer(self, time: int) -> bool:
        """Say whether the client is (still) a newcomer."""
        return self.late and time - self.first_time < ACQUAINTED_NS


class Acquaintances:
    """All pairs, bounded; one that no longer fits is judged each time anew, and counted."""

    def __init__(self, settling_ns: int = SETTLING_NS) -> None:
        self.settling_ns = settling_ns
        self.servers: dict[tuple[int, str], int] = {}  # when a server was first spoken to
        self.pairs: dict[tuple[int, int, str], Pair] = {}
        self.pairs_refused = 0

    def pair(self, client: Endpoint, server: Endpoint, protocol: str, time: int) -> Pair:
        """Return the pair of a client and a server, first seen now if not before."""
        key = (client.number, server.number, protocol)
        pair = self.pairs.get(key)
        if pair is not None:
            return pair
        began = self.servers.setdefault((server.number, protocol), time)
        pair = Pair(time, time - began > self.settling_ns)
        if len(self.pairs) < MAX_PAIRS:
            self.pairs[key] = pair
        else:
            self.pairs_refused += 1
        return pair
