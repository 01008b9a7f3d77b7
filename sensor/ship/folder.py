"""A folder in which files of JSON lines arrive: tailed, put aside, copied, in any order.

The rule it lives by: only whole lines are read, and a file that is read twice changes nothing, because the feed's
numbers say what has come.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

    from sensor.ship.feed import Carried
    from sensor.ship.ledger import Ledger
    from sensor.ship.listen import Inlet

STEP: Final = 4 << 20  # bytes read at once, and kept in one transaction
HEAD: Final = 1_024  # bytes by which a file is known again where its inode was given to another
UNFINISHED: Final = (".tmp", ".part", ".partial", ".filepart")  # how programs that carry files name what is not whole


class Folder:
    """Reads what is new in the files of one folder."""

    def __init__(self, path: pathlib.Path, inlet: Inlet, ledger: Ledger) -> None:
        self.path = path
        self.inlet = inlet
        self.ledger = ledger

    def read(self) -> int:
        """Take what is new in every file, the oldest file first; return how many documents."""
        return sum(self._read(path) for path in self.files())

    def files(self) -> list[pathlib.Path]:
        """Return the files, the oldest first."""
        found = []
        for path in self.path.iterdir():
            if path.name.startswith(".") or path.name.endswith(UNFINISHED):
                continue
            try:
                if path.is_file():
                    found.append((path.stat().st_mtime_ns, path))
            except OSError:  # carried off meanwhile
                continue
        return [path for _, path in sorted(found)]

    def _read(self, path: pathlib.Path) -> int:
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            self.inlet.count("files_unreadable")
            return 0
        try:
            return self._take(file)
        finally:
            os.close(file)

    def _take(self, file: int) -> int:
        status = os.fstat(file)
        first = os.pread(file, HEAD, 0)
        if len(first) < HEAD and b"\n" not in first:
            return 0  # not one whole line, and nothing to know it by
        head = hashlib.blake2b(first.split(b"\n", 1)[0], digest_size=8).hexdigest()
        offset = self.ledger.read_upto(status.st_dev, status.st_ino, head)
        if offset > status.st_size:
            offset = 0
        taken = 0
        while chunk := os.pread(file, STEP, offset):
            used = chunk.rfind(b"\n") + 1
            if not used:
                if len(chunk) < STEP:
                    break
                self.inlet.count("lines_too_long")
                used = len(chunk)
            offset += used
            position = (status.st_dev, status.st_ino, head, offset)
            taken += self.ledger.take(self._documents(chunk[:used]), position)
        return taken

    def _documents(self, lines: bytes) -> Iterator[Carried]:
        for line in lines.split(b"\n"):
            found = self.inlet.read(line) if line else None
            if found is not None:
                yield found
