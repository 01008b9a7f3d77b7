"""A shipper beside a sensor, forked and never executed, so that a confined process can have one.

The rule it lives by: what goes wrong with shipping never reaches the sensor. The shipper is a process of its own, nicer
than the sensor's; one that dies is started again; it ends when the sensor ends, in whichever way that does.

SQLite knows of its locks by process, and a fork copies what it knows without the locks. So a `Beside` is made before
the store is opened, and between the sensor and the shipper stands a keeper, a process that opens nothing: it forks the
shipper, and forks it again when it has died.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import pathlib
import resource
import signal
import time
import traceback
from typing import TYPE_CHECKING, Final

from sensor.ship import kinds
from sensor.ship.lag import Hearing, Telling, measured
from sensor.ship.orders import Orders
from sensor.ship.outbox import Outbox
from sensor.ship.shipper import Shipper
from sensor.store.database import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sensor.ship.destination import Settings
    from sensor.ship.lag import Lag
    from sensor.ship.settings import Limits

PATIENCE_SECONDS: Final = 1.0  # at the end, for a destination that takes nothing: the sensor is to end soon
NICENESS: Final = 10
LOOK_SECONDS: Final = 0.2  # between looks for a store that is not there yet
LONGEST_PAUSE: Final = 60.0  # s, between a death and the next start
FIRST_PAUSE: Final = 0.5
STEADY_SECONDS: Final = 600.0  # a shipper that lived so long did not die of what killed the one before
MAX_DESCRIPTORS: Final = 65_536  # that are closed in a newborn process
WHOLE, LEFT, UNFIT, DIED = 0, 1, 2, 3  # how a shipper ends: all is shipped, something is left, it cannot work now
IGNORED: Final = (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGUSR1, signal.SIGUSR2)  # the sensor's own
DESCRIPTORS: Final = pathlib.Path("/proc/self/fd")


class Beside:
    """The sensor's end: how far shipping has got, and the order to end."""

    def __init__(
        self, path: pathlib.Path, destinations: Sequence[Settings], limits: Limits, observer: Mapping[str, str],
        patience: float = PATIENCE_SECONDS, confine: Callable[[], None] = lambda: None,
        confine_shipper: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        """Fork; to be done by a process of one thread, before it opens the store, which may not be there yet.

        Without destinations it keeps the store within its limits, and ships nothing. `confine` is called in the new
        process once it has imported what it needs, `confine_shipper` in each shipper that it forks. Raises StoreError
        where the store is open already.
        """
        refuse_open(path)
        ending, self._alive = os.pipe()
        heard, telling = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            keep = Keeper(path, destinations, limits, observer, patience, ending, telling, confine_shipper)
            born(lambda: keep.run(confine), keeping=(ending, telling))
        os.close(ending)
        os.close(telling)
        self.code: int | None = None  # how it ended
        self._hearing = Hearing(heard)

    @property
    def descriptor(self) -> int:
        """What is readable when there is something to `take`, or when the shipper has ended."""
        return self._hearing.descriptor

    @property
    def descriptors(self) -> tuple[int, int]:
        """Both ends of ours, which no other child may keep: the shipper ends when the last of them is closed."""
        return self._alive, self._hearing.descriptor

    @property
    def lags(self) -> Mapping[str, Lag]:
        """How far each destination has got, by name."""
        return self._hearing.lags

    @property
    def counts(self) -> Mapping[str, int]:
        """What was dropped of the outbox, by name."""
        return self._hearing.counts

    @property
    def over(self) -> bool:
        """Whether keeper and shipper have both ended, as of the last `take`."""
        return self._hearing.over

    @property
    def trouble(self) -> str:
        """Why nothing keeps the shipper alive any more; "": it is kept, or was ordered to end."""
        if self._alive < 0 or self.ended() is None:
            return ""
        return f"its keeper has ended ({self.code}), and another can only be made by a start"

    def take(self) -> list[str]:
        """Take what was told meanwhile, without waiting; return the lines for people."""
        return self._hearing.take()

    def end(self) -> None:
        """Order it to ship the rest and end; it takes as long as a destination takes something, and `patience`."""
        if self._alive >= 0:
            os.close(self._alive)
            self._alive = -1

    def ended(self) -> int | None:
        """Return how it ended, without waiting; None: it goes on."""
        return self._reap(os.WNOHANG)

    def finish(self) -> int:
        """Order the end and wait for it; return 0 where all was shipped."""
        self.end()
        found = self._reap(0)
        return LEFT if found is None else found

    def stop(self) -> None:
        """End it at once; nothing is lost by that."""
        if self.ended() is None:
            # Once confined we may signal nobody any more: the order to end, which follows, is enough.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, signal.SIGTERM)
        self.finish()

    def _reap(self, how: int) -> int | None:
        if self.code is None:
            try:
                pid, status = os.waitpid(self.pid, how)
            except ChildProcessError:  # whoever waits for all children has it
                pid, status = self.pid, LEFT << 8
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code


# --- The other processes ------------------------------------------------------------------------------


def born(run: Callable[[], int], keeping: Sequence[int]) -> None:
    """Be a process of its own: hold nothing of the parent's but `keeping`, run, and end without its way out."""
    code = DIED
    try:
        gc.freeze()  # what the parent has left to collect would close numbers that are ours by now
        signal.set_wakeup_fd(-1)
        for one in IGNORED:
            signal.signal(one, signal.SIG_IGN)
        for one in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(one, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        close_others(keeping)
        code = run()
    except BaseException:  # noqa: BLE001  # nothing of the parent's may run here
        traceback.print_exc()
    finally:
        os._exit(code)


def close_others(keeping: Sequence[int]) -> None:
    """Close what the parent had open: rings, sockets, files."""
    most = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], MAX_DESCRIPTORS)
    below = 3
    for one in (*sorted(keeping), most):
        os.closerange(below, one)
        below = one + 1


class Keeper:
    """Forks the shipper, and forks it again when it has died."""

    def __init__(
        self, path: pathlib.Path, destinations: Sequence[Settings], limits: Limits, observer: Mapping[str, str],
        patience: float, ending: int, telling: int, confine_shipper: Callable[[], None],
    ) -> None:  # fmt: skip
        self.confine_shipper = confine_shipper
        self.path = path
        self.destinations = destinations
        self.limits = limits
        self.observer = observer
        self.patience = patience
        self.ending = ending
        self.telling = Telling(telling)
        self.child = 0

    def run(self, confine: Callable[[], None]) -> int:
        """Keep a shipper alive until it ends as it was told; return how."""
        with contextlib.suppress(OSError):
            os.nice(NICENESS)
        prepare(self.destinations)
        confine()
        orders = Orders(self.ending)
        signal.signal(signal.SIGTERM, lambda _number, _frame: self.stop(orders))
        pause = FIRST_PAUSE
        while True:
            began = time.monotonic()
            code = self.once()
            if code in (WHOLE, LEFT) or orders.stopping:
                return WHOLE if code == WHOLE else LEFT
            pause = FIRST_PAUSE if time.monotonic() - began > STEADY_SECONDS else min(pause * 2, LONGEST_PAUSE)
            if code != UNFIT:  # it has said itself what is wrong
                self.telling.say(f"the shipper has died ({code}); it is started again")
            orders.wait(pause)
            if orders.ending or orders.stopping:
                return LEFT

    def once(self) -> int:
        """Run one shipper to its end; return its exit code, negative where a signal ended it."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # until it is known whom to pass it on to
        self.child = os.fork()
        if self.child == 0:
            born(self.ship, keeping=(self.ending, self.telling.descriptor))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        _, status = os.waitpid(self.child, 0)
        self.child = 0
        return os.waitstatus_to_exitcode(status)

    def stop(self, orders: Orders) -> None:
        """Pass the order to end at once on; from a signal handler."""
        orders.stop()
        if self.child:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.child, signal.SIGTERM)

    def ship(self) -> int:
        """Be the shipper."""
        orders = Orders(self.ending)
        orders.stop_on(signal.SIGTERM)
        self.confine_shipper()
        return run_shipper(
            self.path, self.destinations, self.limits, self.observer, orders, self.telling, self.patience
        )  # fmt: skip


def run_shipper(
    path: pathlib.Path, destinations: Sequence[Settings], limits: Limits, observer: Mapping[str, str], orders: Orders,
    telling: Telling, patience: float = PATIENCE_SECONDS,
) -> int:  # fmt: skip
    """Ship a store until ordered to end, telling how it goes; return 0: all is shipped, 1: something is left, 2: unfit.

    In a process that was not born with the store open. A destination that cannot work does not stop the others.
    """
    while not path.is_file():
        if orders.ending or orders.stopping:
            return LEFT
        orders.wait(LOOK_SECONDS)
    try:
        refuse_open(path)
        outbox = Outbox(path, observer)
    except StoreError as error:
        telling.say(str(error))
        return UNFIT
    shipper = Shipper(path, destinations, limits, observer, telling.say)

    def told() -> None:
        for lane in shipper.lanes:
            telling.lag(measured(outbox, lane))
        telling.counts(outbox.counts())

    try:
        return WHOLE if shipper.serve(orders, patience, told, strict=False) else LEFT
    except StoreError as error:
        telling.say(str(error))
        return UNFIT
    finally:
        outbox.close()


def refuse_open(path: pathlib.Path) -> None:
    """Raise StoreError where this process has the store open, or was forked from one that had."""
    ours = {pathlib.Path(f"{path.resolve()}{more}") for more in ("", "-wal", "-shm")}
    with contextlib.suppress(PermissionError):  # confined already: then it was looked at before
        for one in DESCRIPTORS.iterdir():
            with contextlib.suppress(OSError):
                if one.readlink() in ours:
                    raise StoreError(path, "is open when its shipper is forked", "a fork before the store is opened")


# --- What a confined process must know beforehand -----------------------------------------------------


def prepare(destinations: Sequence[Settings]) -> None:
    """Import what the destinations need, while files may still be opened; what is not installed they say themselves."""
    for one in destinations:
        for module in kinds.kind(one.type).NEEDS:
            with contextlib.suppress(ImportError):
                importlib.import_module(module)


def files_read(destinations: Sequence[Settings]) -> list[pathlib.Path]:
    """Return the files that destinations read: certificates, keys, passwords; besides what looking up names takes."""
    return [path for path, written in files(destinations) if not written]


def folders_written(destinations: Sequence[Settings], path: pathlib.Path) -> list[pathlib.Path]:
    """Return the folders in which files are made: the store's, and those of JSON lines."""
    found = [path.parent, *(one.parent for one, written in files(destinations) if written)]
    return list(dict.fromkeys(one.absolute() for one in found))


def files(destinations: Sequence[Settings]) -> list[tuple[pathlib.Path, bool]]:
    """Return each file a destination names, and whether it is written."""
    return [
        (pathlib.Path(value), key.written)
        for one in destinations
        for name, key in kinds.kind(one.type).KEYS.items()
        if key.kind == "file" and (value := one.values.get(name)) is not None
    ]
