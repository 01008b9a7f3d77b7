"""Tables of rows, for people, for machines and for spreadsheets.

The rule it lives by: a column is declared once, with how it is read from a row and when it gives way. No address,
port or count is ever shortened.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from typing import TYPE_CHECKING, Any, Final

import orjson
from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from sensor.alert.document import instant
from sensor.console.legible import legible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from rich.console import Console, ConsoleOptions, RenderableType

LEAST: Final = 12  # characters of a column of text
LEGIBLE: Final = 20  # characters of a column of text that can still be read
GAP: Final = 3  # characters between two columns
TIMES: Final = frozenset(("time", "first_time", "last_time"))  # columns in ns since 1970
KEPT: Final = 1_000  # stands behind every place in the order of dropping


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """One column of a table for people."""

    title: str
    show: Callable[[Mapping[str, Any]], str | Text]
    right: bool = False
    wrap: bool = False
    ratio: int | None = None
    drop: int = 0  # where the terminal is narrow: 1 goes first; 0 never


Filled = tuple[Column, "list[str | Text]"]


class Listing:
    """A table that drops columns where the terminal is too narrow for them, in the order they declare."""

    def __init__(self, title: str, filled: list[Filled], more: int) -> None:
        self.title = title
        self.filled = filled
        self.more = more

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Draw it as wide as there is room."""
        yield self.table(self.fitting(options.max_width), options.max_width)

    def fitting(self, width: int) -> list[Filled]:
        """Return the columns that stay."""
        kept = list(self.filled)
        while sum(map(needed, kept)) + GAP * len(kept) > width:
            first = min(kept, key=lambda one: one[0].drop or KEPT)
            if not first[0].drop:
                break
            kept.remove(first)
        return kept

    def table(self, kept: list[Filled], width: int) -> Table:
        """Draw some columns; what is still too wide goes on in the next line, and nothing is cut."""
        narrow = sum(map(needed, kept)) + GAP * len(kept) > width
        broken = narrow and sum(map(least, kept)) + len(kept) > width
        table = Table(
            title=self.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False,
            caption=f"and {self.more:,} more" if self.more > 0 else None, caption_justify="left",
            expand=any(column.ratio for column, _ in kept), padding=(0, 0 if narrow else 1),
        )  # fmt: skip
        for column, cells in kept:
            table.add_column(
                column.title, justify="right" if column.right else "left", no_wrap=not (column.wrap or broken),
                ratio=column.ratio, overflow="fold", min_width=least((column, cells)) if column.wrap else None,
            )  # fmt: skip
        for line in zip(*(cells for _, cells in kept), strict=True):
            table.add_row(*line)
        return table


def needed(filled: Filled) -> int:
    """Return the characters a column needs to be legible."""
    column, cells = filled
    widest = max(cell_len(column.title), *(cell_len(str(cell)) for cell in cells))
    return min(widest, LEGIBLE) if column.wrap else widest


def least(filled: Filled) -> int:
    """Return the characters below which a column's words, or its addresses, would be broken."""
    column, cells = filled
    if not column.wrap:
        return needed(filled)
    return min(LEAST, max(cell_len(word) for text in (column.title, *map(str, cells)) for word in text.split()))


def for_people(title: str, columns: Iterable[Column], rows: Iterable[Mapping[str, Any]], more: int = 0) -> Listing:
    """Return a table without the columns that are empty in every row; `more` rows were left out and are said to be."""
    rows = list(rows)
    filled = [(column, cells) for column in columns if any(map(str, cells := [column.show(row) for row in rows]))]
    return Listing(title, filled, more)


def for_machines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return rows as JSON lines."""
    return b"".join(orjson.dumps(dict(row), option=orjson.OPT_APPEND_NEWLINE) for row in rows)


def for_spreadsheets(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows as CSV with a header; lists are joined by spaces, deeper things written as JSON."""
    rows = list(rows)
    if not rows:
        return ""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: cell(name, value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def cell(name: str, value: Any) -> Any:
    """Write one value into one cell: times as ISO 8601; what a spreadsheet would run as a formula is quoted."""
    if name in TIMES and isinstance(value, int):
        value = instant(value)
    elif isinstance(value, list | tuple):
        value = orjson.dumps(value).decode() if any(isinstance(v, dict) for v in value) else " ".join(map(str, value))
    elif isinstance(value, dict):
        value = orjson.dumps(value).decode()
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value


def safe(text: Any) -> Text:
    """Return text from the wire, or a file's name, as it may be shown: no markup, no control characters."""
    return Text(legible(text))
