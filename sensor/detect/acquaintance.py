"""Who has been speaking to whom since when: what makes a client a newcomer.

The rule it lives by: a server's regular clients show themselves soon, because they poll. Whoever first speaks to it
later is a newcomer for a day; so is, in the first seconds, whoever has not repeated himself while another client polls
already. Where there is nothing to compare with, nobody is a newcomer; nor is, whose connection was open before the
capture began: a slow poller may first be heard minutes later.
"""

from typing import Final

from sensor.behaviour.behaviour import Behaviour
from sensor.contract import Conversation
from sensor.flow.flow import NONE, Flow

SETTLING_NS: Final = 10_000_000_000  # longer than nearly every poll cycle
ACQUAINTED_NS: Final = 24 * 3600 * 1_000_000_000  # somebody has looked at the alert by then
REGULAR: Final = 3  # the same request three times is a habit, not a look around
MAX_PAIRS: Final = 65_536  # as many as the behaviour stage keeps
MAX_WATCHED: Final = 16  # behaviours watched for becoming a habit; the first ones show it


class Server:
    """One server in one protocol, and the clients known to poll it."""

    def __init__(self, first_time: int) -> None:
        self.first_time = first_time
        self.clients = 0
        self.reads: list[Behaviour] = []  # not habits yet
        self.pollers: set[int] = set()  # numbers of endpoints; two are enough to answer the only question

    def polled_by_another(self, client: int) -> bool:
        """Say whether a client other than this one polls the server."""
        if len(self.pollers) < 2 and self.reads:
            for behaviour in [one for one in self.reads if one.count >= REGULAR]:
                self.reads.remove(behaviour)
                self.pollers.add(behaviour.client.number)
        return bool(self.pollers - {client})


class Pair:
    """One client of one server in one protocol."""

    def __init__(self, server: Server, client: int, first_time: int, *, late: bool, regular: bool) -> None:
        self.server = server
        self.client = client
        self.first_time = first_time
        self.late = late  # it came after the server's regular clients were known
        self.newcomer = late
        self.regular = regular
        self.watched: list[Behaviour] = []
        server.clients += 1

    def take(self, behaviour: Behaviour, *, new: bool) -> None:
        """Take one exchange, and judge the client by it while it is not judged."""
        if new and behaviour.action == "read" and len(self.server.reads) < MAX_WATCHED:
            self.server.reads.append(behaviour)
        if self.newcomer or self.regular:
            return
        if new and len(self.watched) < MAX_WATCHED:
            self.watched.append(behaviour)
        if self.server.clients < 2:  # nobody to compare with
            return
        self.regular = any(one.count >= REGULAR for one in self.watched)
        if not self.regular and self.server.polled_by_another(self.client):
            self.newcomer = True

    def standing(self, time: int) -> int:
        """Return bit 0: came late, bit 1: is a newcomer; both fade after a day."""
        if not self.newcomer or time - self.first_time >= ACQUAINTED_NS:
            return 0
        return 3 if self.late else 2


class Acquaintances:
    """All pairs, bounded; one that no longer fits is judged each time anew, and counted."""

    def __init__(self, settling_ns: int = SETTLING_NS) -> None:
        self.settling_ns = settling_ns
        self.servers: dict[tuple[int, str], Server] = {}
        self.pairs: dict[tuple[int, int, str], Pair] = {}
        self.pairs_refused = 0

    def meet(self, behaviour: Behaviour, talk: Conversation, time: int, *, new: bool) -> int:
        """Take one exchange of a behaviour; return the client's standing with the server."""
        pair = self.pairs.get((behaviour.client.number, behaviour.server.number, behaviour.protocol))
        if pair is None:
            pair = self.introduce(behaviour, time, joined=joined_midway(talk))
        pair.take(behaviour, new=new)
        return pair.standing(time)

    def introduce(self, behaviour: Behaviour, time: int, *, joined: bool) -> Pair:
        """Make the pair of two that have not been seen together before."""
        client, server, protocol = behaviour.client.number, behaviour.server.number, behaviour.protocol
        known = self.servers.get((server, protocol))
        if known is None:
            known = Server(time)
            if len(self.servers) < MAX_PAIRS:
                self.servers[server, protocol] = known
        late = not joined and time - known.first_time > self.settling_ns
        pair = Pair(known, client, time, late=late, regular=joined)
        if len(self.pairs) < MAX_PAIRS:
            self.pairs[client, server, protocol] = pair
        else:
            self.pairs_refused += 1
        return pair

    def remember(self, behaviour: Behaviour) -> None:
        """Take a behaviour of earlier days, of each server the earliest first: who came late then is known by now."""
        key = (behaviour.client.number, behaviour.server.number, behaviour.protocol)
        pair = self.pairs.get(key) or self.introduce(behaviour, behaviour.first_time, joined=False)
        if not pair.late:
            pair.regular = True
        if behaviour.action == "read" and behaviour.count >= REGULAR:
            pair.server.pollers.add(behaviour.client.number)


def joined_midway(talk: Conversation) -> bool:
    """Say whether a TCP connection was open before it was first seen: neither side's SYN was."""
    return isinstance(talk, Flow) and talk.state != NONE and talk.forth.start < 0 and talk.back.start < 0
