"""A dashboard drawn as it lies in the grid, with rows from a real server: to judge a layout without Kibana.

The rule it lives by: it shows what is where, how much room it has and what does not fit; it does not imitate Kibana.
"""

from __future__ import annotations

import html
import math
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sensor.ship.kibana.description import Bucket, Dashboard, Panel

COLUMN: Final = 30  # pixels of a column on a screen 1440 wide
ROW: Final = 20  # pixels of a row, Kibana's own
GAP: Final = 4
LETTER: Final = 5.9  # pixels of a letter, about
COLOURS: Final = ("#4C7FA6", "#C9803F", "#5E9B72", "#9A6FA8", "#B5A23E", "#B0574F", "#5FA3A3", "#8A8F98")
STYLE: Final = "text{font:11px sans-serif;fill:#243038} .t{font-weight:bold} .n{font-size:28px} .s{fill:#6a7680}"

Rows = list[list[Any]]


def draw(dashboard: Dashboard, rows: Mapping[str, Rows]) -> str:
    """Return an SVG; `rows`: what each panel shows, by its id."""
    height = max(panel.y + panel.h for panel in dashboard.panels) * ROW
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{48 * COLUMN}" height="{height + 60}">',
        f'<style>{STYLE}</style><rect width="100%" height="100%" fill="#eef1f4"/>',
        text(10, 22, f"[otsensor] {dashboard.title}", "t"),
    ]
    for number, (_, label) in enumerate(dashboard.controls):
        parts += [box(10 + number * 190, 30, 180, 22), text(18 + number * 190, 45, f"{label}: any", "s")]
    for panel in dashboard.panels:
        parts += drawn(panel, rows.get(panel.id, []))
    return "\n".join([*parts, "</svg>"])


def drawn(panel: Panel, rows: Rows) -> Iterable[str]:
    """Return one panel."""
    x, y = panel.x * COLUMN + GAP, panel.y * ROW + 60 + GAP
    width, height = panel.w * COLUMN - 2 * GAP, panel.h * ROW - 2 * GAP
    yield f'<svg x="{x}" y="{y}" width="{width}" height="{height}">'
    yield box(0, 0, width, height)
    if panel.kind != "text":
        yield text(8, 17, panel.title, "t")
    yield from DRAWERS[panel.kind](panel, rows, width, height)
    yield "</svg>"


def box(x: float, y: float, width: float, height: float, colour: str = "#ffffff") -> str:
    """Return a rectangle."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}" rx="3"/>'


def text(x: float, y: float, said: Any, kind: str = "") -> str:
    """Return a line of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{html.escape(written(said))}</text>'


def written(value: Any) -> str:
    """Write a value shortly: whole numbers without a point, times without date."""
    if isinstance(value, float):
        return f"{value:,.0f}" if value == int(value) else f"{value:.2f}"
    if isinstance(value, list):
        return ", ".join(map(written, value))
    said = "" if value is None else str(value)
    return said[11:19] if said[4:5] == "-" and said[10:11] == "T" else said


def fitting(said: str, width: float) -> str:
    """Cut a text where its room ends."""
    room = max(1, int(width / LETTER))
    return said if len(said) <= room else said[: room - 1] + "…"


def wrapped(said: str, width: float) -> list[str]:
    """Break a text into lines."""
    room, lines = max(8, int(width / LETTER)), [""]
    for word in said.split():
        if lines[-1] and len(lines[-1]) + len(word) + 1 > room:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


# --- Each kind -------------------------------------------------------------------------------------------------


def number(panel: Panel, rows: Rows, _width: float, height: float) -> Iterable[str]:
    """Draw a number."""
    yield text(10, height - 40, rows[0][0] if rows else "none", "n")
    yield text(10, height - 14, panel.show[0].label, "s")


def words(panel: Panel, _rows: Rows, _width: float, _height: float) -> Iterable[str]:
    """Draw a text, without its marks."""
    yield text(8, 32, re.sub(r"\*\*|\(#[^)]*\)", "", panel.text).replace("&nbsp;", " "))


def table(panel: Panel, rows: Rows, width: float, height: float) -> Iterable[str]:
    """Draw a table as far as its room goes."""
    labels = [*(bucket.label for bucket in panel.by), *(measure.label for measure in panel.show)]
    shown = [number for number, label in enumerate(labels) if label != "-"]
    ordered = sorted(rows, key=lambda row: sortable(row[len(panel.by)]), reverse=True)
    yield from grid([labels[n] for n in shown], [[row[n] for n in shown] for row in ordered], width, height)


def sortable(value: Any) -> tuple[bool, str, float]:
    """Return what rows are sorted by: numbers by size, times and names by letter, nothing last."""
    is_number = isinstance(value, int | float)
    return value is not None, "" if is_number else str(value), float(value) if is_number else 0.0


def documents(panel: Panel, rows: Rows, width: float, height: float) -> Iterable[str]:
    """Draw a list of documents, its texts in full."""
    yield from grid(list(panel.fields), rows, width, height, lines=99)


def grid(labels: Sequence[str], rows: Rows, width: float, height: float, lines: int = 2) -> Iterable[str]:
    """Draw columns as wide as their contents ask for."""
    longest = [
        max([len(label), *(min(60, len(written(row[n]))) for row in rows[:20])]) for n, label in enumerate(labels)
    ]
    scale = (width - 16) / max(1, sum(longest))
    places = [8 + scale * sum(longest[:n]) for n in range(len(labels))]
    for place, label, letters in zip(places, labels, longest, strict=True):
        yield text(place, 36, fitting(label, letters * scale - 4), "s")
    y = 54.0
    for row in rows:
        cells = [wrapped(written(one), letters * scale - 6)[:lines] for one, letters in zip(row, longest, strict=True)]
        if y > height - 8:
            return
        for place, cell in zip(places, cells, strict=True):
            for line, said in enumerate(cell):
                yield text(place, y + 13 * line, said)
        y += 13 * max(map(len, cells)) + 7
        yield box(8, y - 15, width - 16, 1, "#e3e7ea")


def ranking(_panel: Panel, rows: Rows, width: float, height: float) -> Iterable[str]:
    """Draw bars that lie."""
    most = max([float(row[-1]) for row in rows], default=1.0) or 1.0
    step = (height - 34) / max(1, len(rows))
    for place, row in enumerate(rows):
        y = 28 + place * step
        yield text(8, y + step / 2 + 3, fitting(written(row[0]), width * 0.4))
        yield box(width * 0.42, y + 2, (width * 0.5) * float(row[-1]) / most, step - 4, COLOURS[0])
        yield text(width * 0.93, y + step / 2 + 3, row[-1])


def bars(panel: Panel, rows: Rows, width: float, height: float) -> Iterable[str]:
    """Draw stacked bars over an axis."""
    colour = colours(panel, rows)
    axis = list(dict.fromkeys(row[0] for row in rows))
    totals = {key: sum(float(row[-1]) for row in rows if row[0] == key) for key in axis}
    most, side = max(totals.values(), default=1.0) or 1.0, width - 150
    step = side / max(1, len(axis))
    for place, key in enumerate(axis):
        y = height - 24.0
        for row in (row for row in rows if row[0] == key):
            high = (height - 60) * float(row[-1]) / most
            y -= high
            yield box(10 + place * step, y, max(1.0, step - 3), high, colour[row[1] if len(row) > 2 else ""])
        if place % max(1, len(axis) // 6) == 0:
            yield text(10 + place * step, height - 8, key, "s")
    yield text(10, 32, f"up to {written(most)}", "s")
    yield from legend(colour, side + 16)


def colours(panel: Panel, rows: Rows) -> dict[Any, str]:
    """Return the colour of each part."""
    given = {label: colour for bucket in panel.by for label, _, colour in bucket.parts if colour}
    parts = dict.fromkeys(row[1] if len(row) > 2 else "" for row in rows)
    return {part: given.get(part, COLOURS[place % len(COLOURS)]) for place, part in enumerate(parts)}


def legend(colour: Mapping[Any, str], x: float) -> Iterable[str]:
    """Draw which colour is what."""
    for place, (part, one) in enumerate(colour.items()):
        if part != "":
            yield box(x, 26 + place * 16, 9, 9, one)
            yield text(x + 14, 35 + place * 16, fitting(written(part), 115), "s")


def lines(panel: Panel, rows: Rows, width: float, height: float) -> Iterable[str]:
    """Draw points and the lines between them."""
    split = len(panel.by) > 1
    series: dict[Any, list[tuple[Any, float]]] = {}
    for row in rows:
        for place, measure in enumerate(panel.show):
            found = series.setdefault(row[1] if split else measure.label, [])
            found.append((row[0], float(row[len(panel.by) + place] or 0)))
    axis = sorted({row[0] for row in rows})
    most = max((value for one in series.values() for _, value in one), default=1.0) or 1.0
    colour = {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(series)}
    for name, found in series.items():
        spots = [
            (12 + axis.index(at) * (width - 170) / max(1, len(axis) - 1), height - 26 - (height - 66) * value / most)
            for at, value in found
        ]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        yield f'<polyline fill="none" stroke="{colour[name]}" points="{points}"/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour[name]}"/>' for x, y in spots)
    yield text(10, 32, f"up to {written(most)}", "s")
    yield from legend(colour, width - 145)


def donut(_panel: Panel, rows: Rows, width: float, height: float) -> Iterable[str]:
    """Draw a ring."""
    total = sum(float(row[-1]) for row in rows) or 1.0
    size, x, y = height / 2 - 50, height / 2 + 10, height / 2 + 10
    angle, colour = -math.pi / 2, {}
    for place, row in enumerate(rows):
        colour[f"{written(row[0])} {written(row[-1])}"] = one = COLOURS[place % len(COLOURS)]
        end = angle + 2 * math.pi * min(0.9999, float(row[-1]) / total)
        far = int(end - angle > math.pi)
        start, stop = (f"{x + size * math.cos(at):.1f},{y + size * math.sin(at):.1f}" for at in (angle, end))
        path = f"M{start} A{size:.1f},{size:.1f} 0 {far} 1 {stop}"
        yield f'<path d="{path}" fill="none" stroke="{one}" stroke-width="{size / 2:.1f}"/>'
        angle = end
    yield from legend(colour, min(width - 150, x + size + 40))


def heatmap(panel: Panel, rows: Rows, width: float, height: float) -> Iterable[str]:
    """Draw a matrix."""
    across, down = (in_order(panel.by[n], [row[n] for row in rows]) for n in (0, 1))
    most = max([float(row[-1]) for row in rows], default=1.0) or 1.0
    left, step_x, step_y = 150.0, (width - 160) / max(1, len(across)), (height - 50) / max(1, len(down))
    for row in rows:
        x, y = left + across.index(row[0]) * step_x, 26 + down.index(row[1]) * step_y
        shade = int(235 - 130 * float(row[-1]) / most)
        yield box(x, y, step_x - 2, step_y - 2, f"rgb({shade},{shade},245)")
        yield text(x + step_x / 2 - 4, y + step_y / 2 + 4, row[-1])
    yield from (text(8, 26 + (n + 0.5) * step_y + 4, fitting(written(one), left - 12)) for n, one in enumerate(down))
    yield from (text(left + n * step_x + 4, height - 8, fitting(written(one), step_x)) for n, one in enumerate(across))


def in_order(bucket: Bucket, keys: list[Any]) -> list[Any]:
    """Return each key once: the parts of a split in their order, others as they come."""
    labels = [label for label, _, _ in bucket.parts]
    return [label for label in labels if label in keys] or list(dict.fromkeys(keys))


DRAWERS: Final[dict[str, Callable[[Panel, Rows, float, float], Iterable[str]]]] = {
    "number": number,
    "text": words,
    "table": table,
    "documents": documents,
    "ranking": ranking,
    "bars": bars,
    "lines": lines,
    "donut": donut,
    "heatmap": heatmap,
}
