"""Alerts as ECS documents in a file, one JSON object a line, for filestream and everything else that reads lines.

The rule it lives by: a line is whole or not there; each revision is a line of its own.
"""

import pathlib
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self

import orjson

from sensor.alert.alert import Alert
from sensor.alert.document import document


class AlertLines:
    """Appends revisions of alerts to a file."""

    def __init__(self, path: pathlib.Path, files: Sequence[str], observer: Mapping[str, str] | None = None) -> None:
        """`files`: name of each capture file by index, may grow; `observer`: observer.* fields."""
        self.files = files
        self.observer = observer
        self.written = 0
        self._out = path.open("ab")  # to whatever end the file has by then: it may be truncated while it is open

    def write(self, alerts: Iterable[Alert]) -> None:
        """Append one line for each alert's present revision."""
        for alert in alerts:
            self.written += 1
            line = orjson.dumps(document(alert, self.files, self.observer, self.written))
            self._out.write(line + b"\n")
        self._out.flush()

    def close(self) -> None:
        """Close the file."""
        self._out.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
