"""Do something in a child of its own, confined or not, and tell what became of it."""

import dataclasses
import errno
import json
import os
import signal
import sys

RAN = 77  # exit code of a program that an attempt has run
PATIENCE_SECONDS = 60


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of an attempt."""

    value: object = None
    errno: int | None = None
    error: str = ""
    signal: int | None = None
    ran: bool = False  # another program took the child's place

    @property
    def worked(self):
        return self.ran or (self.errno is None and self.signal is None and not self.error)

    @property
    def stopped(self):
        """Refused by the kernel, or ended by it: not by a mistake of the attempt itself."""
        refusals = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EXDEV)  # the last: Landlock's, between two folders
        return self.signal == signal.SIGSYS or self.errno in refusals


def inside(*steps):
    """Run steps one after the other in a forked child; what the last one returns is the value."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.alarm(PATIENCE_SECONDS)
        os.write(writing, tried(steps))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        said = answer.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return Outcome(signal=os.WTERMSIG(status))
    if os.WEXITSTATUS(status) == RAN:
        return Outcome(ran=True)
    return Outcome(**json.loads(said))


def tried(steps):
    """Return what became of the steps, as JSON."""
    try:
        for step in steps:
            value = step()
    except OSError as error:
        return json.dumps({"errno": error.errno, "error": str(error)}).encode()
    except BaseException as error:  # noqa: BLE001  # a child must never go on as the test's twin
        return json.dumps({"error": f"{type(error).__name__}: {error}"}).encode()
    sys.stdout.flush()
    return json.dumps({"value": value}).encode()
