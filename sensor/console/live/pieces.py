"""Lines of a picture: cut, wrapped and put beside each other by what they take up on a terminal.

The rule it lives by: a line is as wide as it was asked to be, whatever stands in it; meaning never hangs on colour.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len, set_cell_size

from sensor.console.legible import legible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Part = tuple[str, str]  # text and style
Line = list[Part]

EIGHTHS: Final = " ▁▂▃▄▅▆▇█"
TIMES: Final = "\u00d7"  # multiplication sign
CUT: Final = "…"
# What a terminal without Unicode is shown instead
ASCII: Final = str.maketrans({**dict(zip(EIGHTHS, " _.-:=+*#", strict=True)), "─": "-", "●": "*", "▲": "!", "→": ">",
                              TIMES: "x", CUT: "~", "·": "."})  # fmt: skip
MAX_TEXT: Final = 1_000  # characters of one text that are looked at; a line has a few hundred


def part(text: object, style: str = "") -> Part:
    """Return a text, from wherever it comes, as it may be shown."""
    return legible(str(text)[:MAX_TEXT]), style


def cells(text: str) -> int:
    """Return how much room a text takes up."""
    return len(text) if text.isascii() else cell_len(text)


def room(parts: Iterable[Part]) -> int:
    """Return how much room some parts take up."""
    return sum(cells(text) for text, _ in parts)


def line(parts: Iterable[Part], width: int) -> Line:
    """Return one line, exactly so wide; what does not fit is cut, and seen to be."""
    made: Line = []
    left = max(width, 0)
    for text, style in parts:
        taken = cells(text)
        if taken > left:
            made.append(((set_cell_size(text, left - 1) + CUT) if left else "", style))
            return made
        made.append((text, style))
        left -= taken
    made.append((" " * left, ""))
    return made


def ends(left: Iterable[Part], right: Sequence[Part], width: int) -> Line:
    """Return one line with something at either end; the right one stays whole where both do not fit."""
    behind = room(right)
    if not behind or behind >= width:
        return line(right if behind else left, width)
    return [*line(left, width - behind - 1), (" ", ""), *right]


def column(text: str, width: int, *, right: bool = False) -> str:
    """Return a text filled up to a width; what is longer stays whole, for no address or count is shortened."""
    fill = " " * max(0, width - cells(text))
    return fill + text if right else text + fill


def wrapped(text: str, width: int, most: int) -> list[str]:
    """Return a text in at most so many lines; the last one holds the rest, to be cut."""
    lines, words = [""], text.split()
    for number, word in enumerate(words):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if cells(longer) <= width or not lines[-1]:
            lines[-1] = longer
        elif len(lines) == most:
            lines[-1] = " ".join([lines[-1], *words[number:]])
            break
        else:
            lines.append(word)
    return lines


def title(name: str, behind: Sequence[Part], width: int) -> Line:
    """Return the line that stands above a block."""
    return line(
        [(name, "bold"), *behind, (" ", ""), ("─" * max(0, width - room(behind) - len(name) - 1), "dim")], width
    )


def beside(left: Sequence[Line], right: Sequence[Line], gap: int = 0) -> list[Line]:
    """Return two columns of equally many lines as one."""
    return [[*one, (" " * gap, ""), *other] for one, other in zip(left, right, strict=True)]


def chart(values: Sequence[float], marked: Sequence[bool], height: int) -> list[Line]:
    """Draw values as bars from zero to the largest, the newest at the right; what is marked stands out."""
    most = max(max(values, default=0.0), 1e-9)
    tops = [max(round(value / most * 8 * height), 1) if value > 0 else 0 for value in values]
    rows: list[Line] = []
    for row in reversed(range(height)):
        made: Line = []
        for top, odd in zip(tops, marked, strict=True):
            bar, style = EIGHTHS[min(max(top - 8 * row, 0), 8)], "bold red" if odd else "cyan"
            if made and made[-1][1] == style:
                made[-1] = made[-1][0] + bar, style
            else:
                made.append((bar, style))
        rows.append(made)
    return rows


def plain(text: str) -> str:
    """Return a text for a terminal without Unicode, cell for cell."""
    if text.isascii():
        return text
    shown = "".join(letter if letter.isascii() else "?" * cell_len(letter) for letter in text.translate(ASCII))
    return set_cell_size(shown, cell_len(text))


def clock(ns: int) -> str:
    """Write a time of day, UTC."""
    try:
        return f"{dt.datetime.fromtimestamp(ns // 1_000_000_000, dt.UTC):%H:%M:%S}"
    except (OverflowError, ValueError, OSError):
        return "--:--:--"
