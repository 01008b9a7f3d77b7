"""The stored identity of repeated exchanges, and its statistics.

The rule it lives by: an identity is (client, server, protocol, operation, unit, target), never a port, a connection
or a time; its statistics merge by addition, so that workers, files and days can be added up.
"""

import hashlib
from typing import Final

from librt.vecs import vec
from mypy_extensions import i64

from sensor.contract import OUTCOME_NAMES, REFUSED, Endpoint, Exchange, Target

# Latencies and intervals are counted in buckets whose upper bounds are powers of four from 2**16 ns (66 us) to
# 2**44 ns (4.9 h), and one for the rest: wide enough for a PLC's scan cycle and for a daily report.
BUCKETS: Final = 16
FIRST_BUCKET_BITS: Final = 16


def bucket(ns: i64) -> i64:
    """Return the histogram bucket of a duration in nanoseconds."""
    number: i64 = 0
    rest = ns >> FIRST_BUCKET_BITS
    while rest > 0 and number < BUCKETS - 1:
        rest >>= 2
        number += 1
    return number


# Where a behaviour's numbers stand: sum, smallest and largest of both kinds of durations, then their histograms. They
# lie in one piece of memory, because what a repeat costs is mostly the memory it touches.
LATENCY: Final = 0
INTERVAL: Final = 3
HISTOGRAMS: Final = 6
MOST: Final = (1 << 63) - 1  # ns, where sums stay; and what no duration has been smaller than yet
FRESH: Final = vec[i64]([0, MOST, 0, 0, MOST, 0] + [0] * (2 * BUCKETS))


# How `statistics` lie: what is counted, then the numbers above
COUNTED: Final = 4
STATISTICS: Final = COUNTED + HISTOGRAMS + 2 * BUCKETS


def histogram(kind: i64) -> i64:
    """Return where the histogram of LATENCY or INTERVAL begins."""
    return HISTOGRAMS if kind == LATENCY else HISTOGRAMS + BUCKETS


# How exchanges end is counted by outcome and refusal code. The wire chooses the codes: a device refuses with a few of
# them, whoever shows more is counted under the outcome alone.
MAX_ENDINGS: Final = 32
OTHER_CODE: Final = -1  # stands for the codes beyond those
CODE_BITS: Final = 32  # DNP3's have 24: status | IIN2 << 8 | file status << 16
CODE_MASK: Final = 0xFFFFFFFF


def ending(outcome: i64, code: i64) -> i64:
    """Return an outcome and its code as one number, 35 bits wide."""
    return outcome << CODE_BITS | code & CODE_MASK


def outcome_of(number: i64) -> str:
    """Return the outcome's name of an ending."""
    return OUTCOME_NAMES[number >> CODE_BITS]


class Durations:
    """Count, sum, smallest, largest and histogram of durations, ns."""

    def __init__(self, numbers: vec[i64], kind: i64) -> None:
        first = histogram(kind)
        self.buckets: list[int] = [numbers[number] for number in range(first, first + BUCKETS)]
        self.count: i64 = sum(self.buckets)
        self.sum: i64 = numbers[kind]
        self.min: i64 = numbers[kind + 1] if self.count else 0
        self.max: i64 = numbers[kind + 2]

    def mean(self) -> i64:
        """Return the mean in ns, 0 when nothing was counted."""
        return self.sum // self.count if self.count else 0


class Behaviour:
    """One line of what is normal: "HMI-2 reads holding registers 100-139 of unit 3 on PLC-7"."""

    def __init__(
        self,
        client: Endpoint,
        server: Endpoint,
        protocol: str,
        operation: str,
        action: str,
        unit: str,
        targets: list[Target],
        ranged: bool,
    ) -> None:
        # What every repeat touches stands together, first.
        self.shape = b""  # the request it was last known by, and
        self.following: Behaviour | None = None  # what came after it: the learner's own
        self.protocol = protocol
        self.count: i64 = 0
        self.last_time: i64 = 0
        self.accepted: i64 = 0
        self.numbers: vec[i64] = vec[i64]()  # made when there is something to hold: much of a scan happens once
        self.first_time: i64 = 0
        self.client = client
        self.server = server
        self.operation = operation
        self.action = action
        self.unit = unit
        self.targets = targets
        self.ranged = ranged  # the targets are ranges that widen, after many exact ones
        self.others: dict[int, int] = {}  # ending other than accepted -> count
        self.verdicts: dict[int, object] | None = None  # what detection decided, by ending; its own

    def count_in(self, exchange: Exchange) -> None:
        """Count one exchange."""
        time = exchange.request_time
        if time == 0:
            time = exchange.response_time
        self.count += 1
        if self.count == 1:
            self.first_time = time
        else:
            self.measure(INTERVAL, time - self.last_time)
        self.last_time = max(self.last_time, time)  # what nobody answered is counted when its time is up
        if exchange.outcome == 1:
            self.accepted += 1
        else:
            self.end_in(ending(exchange.outcome, exchange.code), 1)
        if exchange.request_time != 0 and exchange.response_time != 0:
            self.measure(LATENCY, exchange.response_time - exchange.request_time)

    def end_in(self, key: int, count: int) -> None:
        """Count exchanges that ended otherwise than accepted."""
        if key not in self.others and len(self.others) >= MAX_ENDINGS:
            key = ending(key >> CODE_BITS, OTHER_CODE)
        self.others[key] = self.others.get(key, 0) + count

    def measure(self, kind: i64, ns: i64) -> None:
        """Count one duration; a negative one (clocks that step back, or differ between two ports) is left out."""
        if ns < 0:
            return
        if len(self.numbers) == 0:
            self.numbers = FRESH[:]
        numbers = self.numbers
        total = numbers[kind]
        numbers[kind] = total + ns if total < MOST - ns else MOST
        numbers[kind + 1] = min(numbers[kind + 1], ns)
        numbers[kind + 2] = max(numbers[kind + 2], ns)
        numbers[histogram(kind) + bucket(ns)] += 1

    def statistics(self) -> list[int]:
        """Return count, accepted, first and last time, and then LATENCY, INTERVAL and their histograms, if any."""
        counted: list[int] = [self.count, self.accepted, self.first_time, self.last_time]
        return counted + list(self.numbers)

    def merge(self, now: list[int], before: list[int], others: dict[int, int]) -> None:
        """Add what another's statistics have grown by, from `before` (empty: nothing) to `now`.

        `others`: by how much its endings other than accepted have grown.
        """
        fresh = len(before) == 0
        self.count += now[0] - (0 if fresh else before[0])
        self.accepted += now[1] - (0 if fresh else before[1])
        self.first_time = min(self.first_time, now[2]) if self.first_time else now[2]
        self.last_time = max(self.last_time, now[3])
        for key, grown in others.items():
            self.end_in(key, grown)
        if len(now) == STATISTICS:
            self.merge_durations(now, before)

    def merge_durations(self, now: list[int], before: list[int]) -> None:
        """Add what another's durations have grown by."""
        if len(self.numbers) == 0:
            self.numbers = FRESH[:]
        numbers = self.numbers
        known = len(before) == STATISTICS
        for index in range(STATISTICS - COUNTED):
            value: i64 = now[COUNTED + index]
            if index in (LATENCY + 1, INTERVAL + 1):
                numbers[index] = min(numbers[index], value)
            elif index in (LATENCY + 2, INTERVAL + 2):
                numbers[index] = max(numbers[index], value)
            else:
                grown: i64 = value - (before[COUNTED + index] if known else 0)
                total = numbers[index]
                numbers[index] = total + grown if total < MOST - grown else MOST

    @property
    def latency(self) -> Durations | None:
        """From request to response; None where nothing was answered."""
        return self.durations(LATENCY)

    @property
    def interval(self) -> Durations | None:
        """From one request to the next; None where there was only one."""
        return self.durations(INTERVAL)

    def durations(self, kind: i64) -> Durations | None:
        """Return one kind of durations, as they are now."""
        if len(self.numbers) == 0:
            return None
        found = Durations(self.numbers, kind)
        return found if found.count else None

    def outcomes(self) -> dict[str, int]:
        """Return how often it ended how: {"accepted": 120, "refused": 2}."""
        counts: dict[str, int] = {"accepted": self.accepted} if self.accepted else {}
        for key, number in self.others.items():
            name = outcome_of(key)
            counts[name] = counts.get(name, 0) + number
        return counts

    def codes(self) -> dict[int, int]:
        """Return the protocol's refusal codes with their counts; OTHER_CODE for those beyond MAX_ENDINGS."""
        refused = {key & CODE_MASK: count for key, count in self.others.items() if key >> CODE_BITS == REFUSED}
        return {OTHER_CODE if code == CODE_MASK else code: count for code, count in refused.items()}

    def target_text(self) -> str:
        """Write the targets as people do, joined by ", "."""
        return ", ".join([str(target) for target in self.targets])

    def identity(self) -> str:
        """Return the stable id: a hash of the canonical identity, version 1 (hex, 32 digits)."""
        network = self.client.network
        parts = [
            "1",
            network.site,
            network.segment,
            network.vlan,
            network.tunnel,
            self.client.text,
            self.server.text,
            self.protocol,
            self.operation,
            self.unit,
            "*" if self.ranged else self.target_text(),
        ]
        return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()
