"""What a process has in its memory, looked at from outside."""

import pathlib
import re

AREA = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r")


def holds(pid, text):
    """Say how often a text stands in the memory of a process."""
    found = 0
    with pathlib.Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for start, end in areas(pid):
            try:
                memory.seek(start)
                found += memory.read(end - start).count(text)
            except (OSError, ValueError, OverflowError):  # the kernel's own, and what a ring has not mapped yet
                continue
    return found


def areas(pid):
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        if found := AREA.match(line):
            yield int(found[1], 16), int(found[2], 16)
