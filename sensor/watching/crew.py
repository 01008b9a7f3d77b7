"""The capture workers as processes: begun, listened to, replaced when they die.

The rule it lives by: a worker that dies costs what it had in its hands. Another takes over the same rings, which the
parent keeps open; it is counted, and said.
"""

from __future__ import annotations

import dataclasses
import os
import selectors
import signal
import time
from typing import TYPE_CHECKING, Any, Final

from sensor.guard.health.prometheus import GAUGES
from sensor.handover.records import Unfit, unpacked
from sensor.watching.channel import Inbox, Over, pair
from sensor.watching.order import Order

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Mapping

    from sensor.handover.mirror import Mirror
    from sensor.handover.records import Batch

SILENT_SECONDS: Final = 10.0  # without a word, though a quiet ring has one each tenth of a second: it hangs
SHORT_LIVED: Final = 10.0  # s: one that dies sooner is begun again later and later
LONGEST_WAIT: Final = 30.0  # s
NAMES: Final = {one.value: one.name for one in signal.Signals}  # those for real time have none, but for two
GRACE_SECONDS: Final = 0.2  # for the end of a worker that has closed its channel, and once more when it is killed


@dataclasses.dataclass(slots=True)
class Member:
    """One worker, or the place of one that is to be begun again."""

    number: int
    pid: int = 0  # 0: it does not run
    inbox: Inbox | None = None
    mirror: Mirror | None = None
    began: float = 0.0  # monotonic s
    heard: float = 0.0
    restarts: int = 0
    wait: float = 0.0  # s before it is begun again
    due: float = 0.0
    taps: dict[str, int] = dataclasses.field(default_factory=dict)  # counters of its interfaces, as told last
    states: dict[str, str] = dataclasses.field(default_factory=dict)  # of them


class Crew:
    """All workers of one watch."""

    def __init__(
        self, size: int, selector: selectors.BaseSelector, run: Callable[[int, socket.socket], None],
        mirror: Callable[[], Mirror], say: Callable[[str, str], None],
    ) -> None:  # fmt: skip
        """`run` lives as a worker, in a process of its own; `mirror` makes what its records are played on."""
        self.selector = selector
        self.run = run
        self.mirror = mirror
        self.say = say
        self.order = Order()
        self.members = [Member(number) for number in range(size)]
        self.died = 0
        self.hung = 0
        self.disbelieved = 0
        self.before: dict[str, int] = {}  # what workers that are no more have counted; their tables are gone with them
        self.left: list[int] = []  # processes that did not end though killed: the kernel holds them
        self.ending = False

    def begin(self, now: float) -> None:
        """Begin every worker that is due."""
        for member in self.members:
            if not member.pid and now >= member.due and not self.ending:
                self.start(member, now)

    def start(self, member: Member, now: float) -> None:
        """Fork one worker; where that fails it is tried again later."""
        try:
            ours, theirs = pair()
        except OSError as error:
            self.put_off(member, now, error)
            return
        try:
            pid = os.fork()
        except OSError as error:
            ours.close()
            theirs.close()
            self.put_off(member, now, error)
            return
        if pid == 0:
            self.run(member.number, theirs)
            os._exit(1)  # never reached: a worker ends by itself
        theirs.close()
        member.pid, member.inbox, member.mirror = pid, Inbox(ours), self.mirror()
        member.began = member.heard = now
        self.order.join(member.number)
        self.selector.register(ours, selectors.EVENT_READ, member)

    def put_off(self, member: Member, now: float, error: OSError) -> None:
        """Note that a worker could not be begun."""
        member.wait = min(max(1.0, 2 * member.wait), LONGEST_WAIT)
        member.due = now + member.wait
        why = f"{error.strerror}; expected memory, processes and descriptors for it"
        self.say(f"worker {member.number} cannot be begun: {why}; tried again{later(member.wait)}", "error")

    # --- Listening ------------------------------------------------------------------------------------

    def hear(self, member: Member, now: float) -> None:
        """Take what a worker has sent."""
        if member.inbox is None:
            return
        try:
            for data in member.inbox.read():
                self.order.put(member.number, unpacked(data), now)
                member.heard = now
        except Over:
            self.lose(member, now)
        except Unfit as error:
            self.disbelieve(member, now, error)

    def play(self, now: float) -> None:
        """Hand on the batches whose turn it is."""
        for number, batch in self.order.ready(now):
            self.hand_on(self.members[number], batch, now)

    def hand_on(self, member: Member, batch: Batch, now: float) -> None:
        """Play one batch on its worker's mirror."""
        if member.mirror is None:
            return
        try:
            member.mirror.play(batch)
        except Unfit as error:
            self.disbelieve(member, now, error)
            return
        for text in member.mirror.take_said():
            self.say(f"worker {member.number}: {text}", "error")

    def disbelieve(self, member: Member, now: float, error: Unfit) -> None:
        """End a worker that sends what no worker of ours sends: somebody else has got into it."""
        self.disbelieved += 1
        self.say(f"worker {member.number} is not believed any more: {error}", "error")
        self.kill(member)
        self.forget(member)
        self.lose(member, now)

    def forget(self, member: Member) -> None:
        """Let go unheard what a worker has told and was not played yet."""
        for _ in self.order.leave(member.number):
            pass

    def lose(self, member: Member, now: float, grace: float = GRACE_SECONDS) -> None:
        """A worker is gone: end what it followed, and begin another in its place. It is waited for twice `grace` s."""
        if member.inbox is None or member.mirror is None:
            return
        inbox, mirror = member.inbox, member.mirror
        self.selector.unregister(inbox.channel)
        inbox.channel.close()
        member.inbox = None
        status = self.end_of(member, grace)
        member.pid = 0  # from here on the number may be another process's
        self.play_rest(member, now)
        mirror.lost()
        add_up(self.before, {name: count for name, count in mirror.counts.items() if name not in GAUGES})
        member.taps, member.states = mirror.taps or member.taps, mirror.states or member.states
        member.mirror = None
        if self.ending:
            return
        self.died += 1
        member.restarts += 1
        member.wait = min(max(1.0, 2 * member.wait), LONGEST_WAIT) if now - member.began < SHORT_LIVED else 0.0
        member.due = now + member.wait
        self.say(f"worker {member.number} {status}; another takes its place" + later(member.wait), "error")

    def play_rest(self, member: Member, now: float) -> None:
        """Hand on what a worker that is gone has told, as long as it is believed."""
        disbelieved = self.disbelieved
        for batch in list(self.order.leave(member.number)):
            if self.disbelieved == disbelieved:
                self.hand_on(member, batch, now)

    def end_of(self, member: Member, grace: float) -> str:
        """Take the end of a worker that has closed its channel; say how it ended, or that it is left behind."""
        code = wait_for(member.pid, grace)
        if code is not None:
            return f"ended with {code}" if code >= 0 else f"was ended by {NAMES.get(-code, f'signal {-code}')}"
        self.kill(member)
        if wait_for(member.pid, grace) is not None:
            return "had closed its channel and was killed"
        self.left.append(member.pid)
        self.say(f"worker {member.number} does not end though killed: process {member.pid} is left behind", "error")
        return "is left behind"

    def look(self, now: float) -> None:
        """See whether a worker hangs; begin those that are due."""
        self.left = [pid for pid in self.left if wait_for(pid, 0) is None]
        for member in self.members:
            if member.pid and now - member.heard > SILENT_SECONDS:
                self.hung += 1
                self.say(f"worker {member.number} has said nothing for {SILENT_SECONDS:.0f} s and is killed", "error")
                self.kill(member)
                member.heard = now
        self.begin(now)

    # --- Ending ---------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Tell every worker to hand over what it has, and end."""
        self.ending = True
        for member in self.members:
            if member.pid:
                os.kill(member.pid, signal.SIGTERM)

    def finish(self, seconds: float) -> None:
        """Take what the workers still have to tell, for at most so long."""
        until = time.monotonic() + seconds
        while (left := [member for member in self.members if member.inbox]) and time.monotonic() < until:
            for key, _ in self.selector.select(0.02):
                if isinstance(key.data, Member):
                    self.hear(key.data, time.monotonic())
            self.play(time.monotonic())
        for member in left:
            self.kill(member)
        for member in left:
            self.lose(member, time.monotonic(), GRACE_SECONDS / len(left))

    def kill(self, member: Member) -> None:
        """End a worker at once."""
        if member.pid:
            os.kill(member.pid, signal.SIGKILL)

    # --- What is known --------------------------------------------------------------------------------

    def mirrors(self) -> Iterator[Mirror]:
        """Yield the mirrors of those that run."""
        return (member.mirror for member in self.members if member.mirror is not None)

    @property
    def time(self) -> int:
        """Return the capture time up to which everything was told, ns; 0 before the first word."""
        return min((mirror.time for mirror in self.mirrors()), default=0)

    def counts(self) -> dict[str, int]:
        """Return everything the workers have counted, those of the past included, and how they have fared."""
        total = dict(self.before)
        for mirror in self.mirrors():
            add_up(total, mirror.counts)
        own = {"workers_died": self.died, "workers_hung": self.hung, "workers_disbelieved": self.disbelieved}
        return {**total, **own, "batches_overtaken": self.order.overtaken}

    def taps(self) -> dict[str, int]:
        """Return the counters of the interfaces, "kernel_drops.span0" and the like, over all workers."""
        total: dict[str, int] = {}
        for member in self.members:
            add_up(total, (member.mirror.taps if member.mirror is not None else {}) or member.taps)
        return total

    def qualities(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield what each worker's line says about what it sees, where it has said something new."""
        for member in self.members:
            quality = member.mirror.take_quality() if member.mirror is not None else {}
            if quality:
                yield str(member.number), quality

    def restarts(self) -> dict[str, int]:
        """Return how often each worker was begun again."""
        return {str(member.number): member.restarts for member in self.members}

    def states(self) -> dict[str, str]:
        """Return the state of each interface."""
        told = [member.mirror.states if member.mirror is not None else {} for member in self.members]
        known = [states or member.states for states, member in zip(told, self.members, strict=True)]
        return {name: state for states in known for name, state in states.items()}


def add_up(total: dict[str, int], counts: Mapping[str, int]) -> None:
    """Add counters to a total."""
    for name, count in counts.items():
        total[name] = total.get(name, 0) + count


def wait_for(pid: int, seconds: float) -> int | None:
    """Return how a process ended, waiting for at most so long; None: it has not."""
    until = time.monotonic() + seconds
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= until:
            return None
        time.sleep(0.005)


def later(seconds: float) -> str:
    """Say when."""
    return f" in {seconds:.0f} s" if seconds else ""
