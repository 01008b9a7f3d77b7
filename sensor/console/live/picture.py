"""The whole picture: one scene on a terminal of any size.

The rule it lives by: what matters most stays when room gets short: that the sensor sees, what it alerts, what it drops.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.segment import Segment
from rich.style import Style

from sensor.console.live import blocks
from sensor.console.live.pieces import beside, chart, clock, ends, line, part, plain, room, title
from sensor.console.words import NS, duration, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, ConsoleOptions

    from sensor.console.live.blocks import Block
    from sensor.console.live.pieces import Line, Part
    from sensor.console.live.scene import Scene

WIDE: Final = 110  # from here on two columns
TALL: Final = 30  # from here on a rate of several lines, and air between the blocks
LEAST_WIDTH: Final = 20  # narrower terminals are cut
GAP: Final = 3


class Picture:
    """A scene, drawn as large as the terminal is."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """Draw it, line by line."""
        lines = drawn(self.scene, max(options.max_width, LEAST_WIDTH), options.height or console.height)
        for number, one in enumerate(lines):
            if number:
                yield Segment.line()
            for text, style in one:
                yield Segment(plain(text) if options.ascii_only else text, Style.parse(style) if style else None)


def drawn(scene: Scene, width: int, height: int) -> list[Line]:
    """Return exactly `height` lines, each exactly `width` wide."""
    wide, tall = width >= WIDE, height >= TALL
    lines = [head(scene, width), *rate(scene, width, 3 if tall else 1)]
    lines += fitting(blocks.concerns(scene, width), max(1, height // 6), width)
    if not wide:
        lines += fitting(blocks.interfaces(scene, width), max(1, height // 8), width)
    foot = footer(scene, width, whole=not wide)
    body = max(0, height - len(lines) - len(foot))
    lines += columns(scene, width, body) if wide else stacked(narrow(scene, width, body), width, body, air=tall)
    return [*lines, *foot][:height]


def fitting(lines: list[Line], most: int, width: int) -> list[Line]:
    """Return the first lines, and how many there are beside them."""
    if len(lines) <= most:
        return lines
    more: list[Part] = [(f"and {len(lines) - most + 1} more", "yellow")]
    return [*lines[: most - 1], ends(lines[most - 1], more, width) if most == 1 else line(more, width)]


def narrow(scene: Scene, width: int, height: int) -> list[Block]:
    """Return the blocks of one column, top to bottom."""
    return [one(scene, width, height) for one in (blocks.alerts, blocks.protocols, blocks.behaviours, blocks.assets)]


def columns(scene: Scene, width: int, height: int) -> list[Line]:
    """Return two columns side by side: what happens, and who and what there is."""
    left = width * 11 // 20
    right = width - left - GAP
    happening = [blocks.alerts(scene, left, height), blocks.behaviours(scene, left, height)]
    taps, own = blocks.interfaces(scene, right), sorted(blocks.itself(scene), key=lambda one: not blocks.urgent(one))
    empty = line([("none", "dim")], right)
    present = [
        blocks.listed(title("Interfaces", [], right), taps, empty, min(len(taps), 4), 2),
        blocks.protocols(scene, right, height), blocks.assets(scene, right, height),
        blocks.listed(title("Sensor", [], right), [line(one, right) for one in own], empty, min(len(own), 4), 2),
    ]  # fmt: skip
    air = height >= TALL
    return beside(stacked(happening, left, height, air=air), stacked(present, right, height, air=air), GAP)


# --- Who gets how much room ---------------------------------------------------------------------------


def stacked(found: Sequence[Block], width: int, height: int, *, air: bool) -> list[Line]:
    """Return blocks one above the other in exactly so many lines."""
    empty = line([], width)
    lines: list[Line] = []
    given = shares(found, height - (len(found) if air else 0))
    for block, share in zip(found, given, strict=True):
        if share > 1:
            lines += [*([empty] if air else []), *block.drawn(share)]
    return [*lines, *[empty] * (height - len(lines))][:height]


def shares(found: Sequence[Block], height: int) -> list[int]:
    """Return how many lines each block gets, its head included; the first ones are served first."""
    given = [0] * len(found)
    for number, block in enumerate(found):
        given[number] = max(0, min(min(block.least, block.wanted) + 1, height - sum(given)))
    turns = [number for number, block in enumerate(found) for _ in range(block.weight)]
    spare, before = height - sum(given), -1
    while spare > 0 and spare != before:
        before = spare
        for number in turns:
            if given[number] and given[number] <= found[number].wanted and spare > 0:
                given[number] += 1
                spare -= 1
    return given


# --- Head, rate and foot ------------------------------------------------------------------------------


def head(scene: Scene, width: int) -> Line:
    """Return who this is, whether it sees, how long it is up and what time it is."""
    left: list[Part] = [("otsensor", "bold"), part(f"  {scene.sensor}"), part(f"  {scene.place}", "dim")]
    trouble, well = scene.trouble, "watching" if scene.losses else "watching, nothing lost"
    badge = (f" ▲ {trouble} ", "bold white on red") if trouble else (f"● {well}", "green")
    up = f"up {duration(max(0, scene.time - scene.started) // NS * NS)}" if scene.started else ""
    right: list[Part] = [badge, (f"  {up}", "dim"), (f"  {clock(scene.time)} UTC", "")]
    return ends(left, right if width >= 60 else [badge], width)


def rate(scene: Scene, width: int, height: int) -> list[Line]:
    """Return the rate of the last two minutes and what it is now."""
    now = f"{sum(row.rate for row in scene.interfaces):,.0f} frames/s"
    counted = any(row.bytes for row in scene.interfaces)
    volume = f"{size(sum(row.byte_rate for row in scene.interfaces))}/s" if counted else ""
    texts: list[list[Part]] = [[("  ", ""), (now, "bold cyan"), (f"  {volume}", "")]]
    if height > 1:
        peak = f"peak {max(scene.rates, default=0):,.0f} frames/s"
        texts = [[("  ", ""), (now, "bold cyan")], [(f"  {volume}", "")], [(f"  {peak}", "dim")]]
    bars = min(len(scene.rates), max(0, width - max(26, *map(room, texts))))
    values, marked = list(scene.rates)[len(scene.rates) - bars :], list(scene.dropping)[len(scene.rates) - bars :]
    return beside(chart(values, marked, height), [line(parts, width - bars) for parts in texts])


def footer(scene: Scene, width: int, *, whole: bool) -> list[Line]:
    """Return the last lines: in one column also how the sensor itself is, what is not as it should be first."""
    lines = []
    if whole:
        parts: list[Part] = []
        for one in sorted(blocks.itself(scene), key=lambda one: not blocks.urgent(one)):
            parts += [("  ·  ", "dim"), *one] if parts else one
        lines.append(line(parts, width))
    latest: list[Part] = []
    if scene.said:
        time, text = scene.said[0]
        latest = [(f"{clock(time)}  ", "dim"), part(text)]
    return [*lines, ends(latest, [("Ctrl-C ends", "dim")], width)]
