"""YAML files as people hand them over: read within bounds, before anything looks inside.

The rule it lives by: a file comes from anybody, so its kind, size and depth are bounded before it is composed.
"""

import os
import stat
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

MAX_FILE: Final = 1_000_000  # bytes; the longest rules of public collections have 50 kB
MAX_DEPTH: Final = 64  # a Sigma rule has about six levels, a configuration four
# libyaml where PyYAML was built with it: a fifth of the time, the same places.
LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Unfit(Exception):  # noqa: N818  # the fault of a file, told to whoever named it
    """A file is not read: what is wrong, what was found and what is expected."""

    def __init__(self, what: str, found: str, expected: str) -> None:
        super().__init__(what, found, expected)
        self.what, self.found, self.expected = what, found, expected

    def __str__(self) -> str:
        """Write it in one line."""
        return f"{self.what}: {self.found}, expected {self.expected}"


def text_of(path: "pathlib.Path") -> str:
    """Return a file's text; raise Unfit, OSError or UnicodeDecodeError.

    The bound is on what is read, for a device or a growing file has no size that can be trusted.
    """
    # A named pipe that nobody writes to must not be waited for.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Unfit("cannot be read", "no regular file", "a text")
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise Unfit("too long", f"more than {MAX_FILE} bytes", f"at most {MAX_FILE}")
    return data.decode("utf-8")


def too_deep(text: str) -> bool:
    """Say whether collections nest beyond any use: composing them would not survive it."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=LOADER):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                return True
    except yaml.MarkedYAMLError as error:
        if "nesting depth" in str(error.problem):  # newer libyaml has a bound of its own, and looks ahead
            return True
        raise
    return False


def aside(text: str) -> "Iterator[tuple[int, str]]":
    """Return what makes a short file a long one, or a value something else: aliases and tags, each with its line."""
    for event in yaml.parse(text, Loader=LOADER):
        line = event.start_mark.line + 1 if event.start_mark is not None else 0
        tag = getattr(event, "tag", None)
        if isinstance(event, yaml.AliasEvent):
            yield line, f"an alias, *{event.anchor}, is not taken: write the value out"
        elif tag is not None:
            yield line, f"a tag, {tag}, is not taken: write the value without it"
