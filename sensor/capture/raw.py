"""Reading files as they lie: regular files, pipes, standard input.

The rule it lives by: a read that fails ends the bytes and is told; nothing else about a file is believed.
"""

import errno
import os
import stat

from mypy_extensions import i64


class Stream:
    """Bytes in order, from somewhere."""

    def __init__(self) -> None:
        self.damage = ""  # why the bytes ended before their time

    def read(self, size: i64) -> bytes:
        """Return at most `size` bytes, b"" at the end only."""
        raise NotImplementedError

    def close(self) -> None:
        """Give back what is held open."""


class Raw(Stream):
    """A file as it lies. A regular file can be let go between reads, so that thousands are under way at once."""

    def __init__(self, path: str, keep: bool) -> None:
        super().__init__()
        self.path = path
        self.keep = keep
        self.handle: i64 = -1
        self.position: i64 = 0
        self.size: i64 = 0  # 0: unknown
        self.identity = (0, 0)
        self.standing = False  # a pipe: what was read cannot be read again
        self.stopped = False
        self.open()

    def open(self) -> None:
        """Open the file, where it was left."""
        self.handle = 0 if self.path == "-" else os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        status = os.fstat(self.handle)
        if stat.S_ISDIR(status.st_mode):
            self.close()
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), self.path)
        if self.position == 0:
            self.standing = not stat.S_ISREG(status.st_mode)
            self.identity = (status.st_dev, status.st_ino)
            self.size = 0 if self.standing else status.st_size
        elif (status.st_dev, status.st_ino) != self.identity:
            raise OSError(errno.ESTALE, "another file took its place while it was being read", self.path)
        else:
            os.lseek(self.handle, self.position, os.SEEK_SET)

    def read(self, size: i64) -> bytes:
        """Return what is there, at most `size` bytes."""
        try:
            if self.handle < 0:
                self.open()
            data = os.read(self.handle, size)
            if not self.keep and not self.standing:
                self.close()
        except OSError as error:
            self.close()
            self.damage = f"reading failed after {self.position} bytes: {error.strerror or error}"
            return b""
        self.position += len(data)
        return data

    def stop(self) -> None:
        """End here; a read of a silent pipe, interrupted by a signal, is made again and finds nothing."""
        self.stopped = True
        if self.standing and self.handle >= 0:
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, self.handle)
            os.close(nothing)

    def close(self) -> None:
        """Let the file go; standard input is left as it is."""
        if self.handle >= 0 and self.path != "-":
            os.close(self.handle)
        self.handle = -1
