"""The start of a watch: open what needs privileges, give them up for good, and begin.

The rule it lives by: not one frame is looked at before nothing more can be opened. Sockets come first, because they
need the right to; the shipper is forked before the store is open, because SQLite's locks do not survive a fork.
"""

from __future__ import annotations

import contextlib
import gc
import os
from typing import TYPE_CHECKING, NoReturn

from sensor.capture.live import Live, LiveError, RecordingSettings, open_sockets, ready, remarks
from sensor.capture.live import Recording as FrameRecording
from sensor.config import ConfigError
from sensor.detect.ruleset import default_rules
from sensor.guard import mute, policy, spanport
from sensor.guard.confine import confine
from sensor.guard.erase import erase
from sensor.guard.health.endpoint import open_listener
from sensor.guard.notify import Notify
from sensor.ship.beside import Beside, files_read, folders_written
from sensor.ship.claim import WATCH, claim
from sensor.ship.ends import reached
from sensor.ship.settings import variables
from sensor.watching import ownership
from sensor.watching.duties import Duties
from sensor.watching.parts import Recording
from sensor.watching.session import Session
from sensor.watching.worker import Worker, end_on_term, enter, leave_standard

if TYPE_CHECKING:
    import pathlib
    import socket
    from collections.abc import Sequence

    from sensor.capture.live import RingSettings, SpanSocket
    from sensor.guard.account import Account
    from sensor.watching.parts import Asked, Known
    from sensor.watching.showing import Showing


def start(asked: Asked, known: Known, rings: RingSettings, showing: Showing) -> Session:
    """Open everything and give up the right to; return the session, ready to run.

    Raises LiveError, ListenError, StoreError, GuardError and OSError for what cannot be opened or given up, ConfigError
    for an interface that is no span port.
    """
    watch = asked.config.watch
    refuse_what_answers(asked)
    refuse_without_folder(asked)
    user = ownership.to_become(watch.user, asked.db.absolute().parent)
    with contextlib.ExitStack() as undo:
        claimed = undo.enter_context(claim(asked.db, WATCH))
        sockets = open_sockets(asked.interfaces, watch.workers, rings)
        undo.callback(close, sockets)
        for remark in remarks(sockets):
            showing.say(remark, "warning")
        if os.geteuid() == 0:
            give_files(asked, user)
        notify = Notify()
        listener = open_management(asked)
        beside = ship_beside(asked, user)
        undo.callback(beside.stop)
        erase(variables(asked.config.destinations))  # the shipper has its own; workers must find none
        recording = Recording(asked, known)
        undo.callback(recording.store.close)
        showing.scene.protections = confine(recorder_policy(asked, user))
        kept = frames_kept(asked)
        if kept is not None:
            writable(kept, user)
        gc.freeze()
        undo.pop_all()
    workers = Workers(asked, known, sockets)
    duties = Duties(recording, showing, beside, notify, listener)
    session = Session(recording, duties, watch.workers, workers.run, beside)
    session.claim = claimed
    return session


def open_management(asked: Asked) -> socket.socket | None:
    """Return where Prometheus may ask, if anywhere; raises ListenError."""
    health = asked.config.health
    return open_listener(health.listen, anywhere=health.listen_anywhere) if health.listen is not None else None


def refuse_what_answers(asked: Asked) -> None:
    """Raise ConfigError for interfaces on which something of this machine would answer, unless that is allowed."""
    refused = spanport.check(asked.interfaces)
    if refused and not asked.config.watch.allow_addresses:
        told = "\n".join(map(str, refused))
        raise ConfigError(f"{told}\nor, where that cannot be: --allow-addresses (watch: allow_addresses: true)")


def refuse_without_folder(asked: Asked) -> None:
    """Raise ConfigError where the folder of a file that will be written is not there."""
    for what, path in (("--db (db:)", asked.db), ("--alerts", asked.alerts)):
        if path is not None and not path.absolute().parent.is_dir():
            raise ConfigError(f"{what}: {path}: the folder {path.absolute().parent} is not there; expected one that is")


def close(sockets: list[list[SpanSocket]]) -> None:
    """Let all interfaces go."""
    for span in (span for worker in sockets for span in worker):
        span.close()


def give_files(asked: Asked, user: Account) -> None:
    """Give what the watch writes to the user it becomes."""
    ownership.give_store(asked.db, user)
    if asked.alerts is not None:
        ownership.give((asked.alerts,), user)
    if asked.config.watch.write is not None:
        ownership.give_folder(asked.config.watch.write.folder, user)
    _, *others = folders_written(asked.config.destinations, asked.db)
    for folder in others:
        ownership.give_folder(folder, user)


def ship_beside(asked: Asked, user: Account) -> Beside:
    """Fork the shipper, which also keeps the store within its limits.

    It closes the sockets that listen, so nothing is mute for it: their numbers will be files of its own.
    """
    config = asked.config
    destinations = config.destinations
    sandbox, folder = config.watch.sandbox, asked.db.absolute().parent
    ends = reached(destinations)
    shipper = policy.shipper(
        store=folder, writes=folders_written(destinations, asked.db), reads=files_read(destinations), sandbox=sandbox,
        ports=ends.ports, lookups=ends.lookups, mute=(),
    )  # fmt: skip
    keeper = policy.recorder(user=str(user.uid), store=folder, shipping=shipper, sandbox=sandbox, mute=())
    return Beside(
        asked.db, destinations, config.outbox, config.observer,
        confine=lambda: shut_in(keeper), confine_shipper=lambda: shut_in(shipper),
    )  # fmt: skip


def shut_in(allowed: policy.Policy) -> None:
    """Confine a process for good; what is lacking was told by the first, and is the same for all."""
    confine(allowed)


def recorder_policy(asked: Asked, user: Account) -> policy.Policy:
    """Return what is left to this process."""
    config = asked.config
    reads: list[pathlib.Path] = [*(config.rules or (default_rules(),)), *config.protocols]
    if asked.config_file is not None:
        reads.append(asked.config_file.absolute().parent)  # an editor puts a new file in the old one's place
    return policy.recorder(
        user=str(user.uid), store=asked.db.absolute().parent, reads=reads, mute=mute.listening(),
        writes=captures_written(asked), interfaces=asked.interfaces, sandbox=config.watch.sandbox,
    )  # fmt: skip


def frames_kept(asked: Asked) -> RecordingSettings | None:
    """Return where a rotating capture is kept, and how much of it."""
    write = asked.config.watch.write
    if write is None:
        return None
    return RecordingSettings(
        write.folder.absolute(), write.max_size, int(write.max_age), write.file_size, int(write.file_age)
    )


def writable(kept: RecordingSettings, user: Account) -> None:
    """Raise LiveError where the user cannot write captures: a folder that was there before stays its owner's."""
    try:
        ready(kept)
    except LiveError as error:
        owner = f"chown {user.name} {kept.folder}, or a folder that is not there yet"
        raise LiveError(error.place, f"{error.found} for the user {user.name}", owner) from None


def captures_written(asked: Asked) -> list[pathlib.Path]:
    """Return the folder of the rotating capture, if one is kept."""
    write = asked.config.watch.write
    return [write.folder.absolute()] if write is not None else []


class Workers:
    """What a worker is, once it is forked."""

    def __init__(self, asked: Asked, known: Known, sockets: Sequence[Sequence[SpanSocket]]) -> None:
        self.asked = asked
        self.known = known
        self.sockets = sockets
        self.parent = os.getpid()

    def run(self, number: int, channel: socket.socket) -> NoReturn:
        """Live as a worker, to the end of the process."""
        spans = self.sockets[number]
        keep = [channel.fileno(), *(one.fileno() for span in spans for one in span.sockets)]
        enter(f"otsensor-w{number}", self.parent, keep, lambda: self.work(spans, channel))

    def work(self, spans: Sequence[SpanSocket], channel: socket.socket) -> None:
        """Take frames through the line until told to end."""
        config = self.asked.config
        allowed = policy.worker(
            writes=captures_written(self.asked), mute=mute.listening(), interfaces=self.asked.interfaces,
            sandbox=config.watch.sandbox,
        )  # fmt: skip
        kept = frames_kept(self.asked)
        recording = FrameRecording(kept, spans, config.watch.workers) if kept is not None else None
        live = Live(spans, config.watch.hold_back, recording)
        end_on_term(live)
        worker = Worker(live, channel, self.known.protocols, config.place)
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        shut_in(allowed)
        leave_standard(nowhere)
        worker.run()
