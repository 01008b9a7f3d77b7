"""Frames of the past, fetched again from their file by number.

The rule it lives by: a file is walked once, whatever is asked of it, so evidence costs no more than reading.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from sensor.capture.block import Block
from sensor.capture.files import Captures


def frames_at(path: str | Path, numbers: Iterable[int]) -> Iterator[Block]:
    """Yield the frames with these numbers (from 1), ascending, each as a Block of exactly one; absent ones are not."""
    wanted = sorted(set(numbers))
    at = 0
    for block in Captures([path]).blocks():
        end = block.number + block.last
        while at < len(wanted) and wanted[at] < end:
            record = wanted[at] - block.number
            at += 1
            if record >= 0:
                yield Block(
                    block.data,
                    block.index,
                    record,
                    record + 1,
                    block.source,
                    block.number,
                    block.offset,
                    block.interfaces,
                )
        if at == len(wanted):
            return
