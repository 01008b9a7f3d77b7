"""Tables of rows, for people, for machines and for spreadsheets.

The rule it lives by: a column is declared once, with how it is read from a row and how wide it may become.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from typing import TYPE_CHECKING, Any

import orjson
from rich import box
from rich.table import Table
from rich.text import Text

from sensor.console.legible import legible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Row = "Mapping[str, Any]"


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """One column of a table for people."""

    title: str
    show: Callable[[Mapping[str, Any]], str | Text]
    right: bool = False
    wrap: bool = False
    ratio: int | None = None


def for_people(title: str, columns: Iterable[Column], rows: Iterable[Mapping[str, Any]], more: int = 0) -> Table:
    """Return a table without the columns that are empty in every row; `more` rows were left out and are said to be."""
    rows = list(rows)
    filled = [(column, cells) for column in columns if any(map(str, cells := [column.show(row) for row in rows]))]
    caption = f"and {more:,} more" if more > 0 else None
    table = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, caption=caption,
        caption_justify="left", expand=any(column.ratio for column, _ in filled),
    )  # fmt: skip
    for column, _ in filled:
        table.add_column(
            column.title, justify="right" if column.right else "left", no_wrap=not column.wrap, ratio=column.ratio,
            overflow="fold" if column.wrap else "ellipsis", min_width=12 if column.wrap else None,
        )  # fmt: skip
    for line in zip(*(cells for _, cells in filled), strict=True):
        table.add_row(*line)
    return table


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
    writer.writerows({name: cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def cell(value: Any) -> Any:
    """Write one value into one cell; what a spreadsheet would run as a formula is quoted."""
    if isinstance(value, list | tuple):
        value = " ".join(map(str, value))
    elif isinstance(value, dict):
        value = orjson.dumps(value).decode()
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value


def safe(text: Any) -> Text:
    """Return text from the wire, or a file's name, as it may be shown: no markup, no control characters."""
    return Text(legible(text))
