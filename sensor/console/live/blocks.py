"""The blocks of the picture: alerts, behaviours, protocols, assets, interfaces, the sensor itself.

The rule it lives by: a block says how many lines it would like and how few it can do with, and draws itself in whatever
it is given.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from sensor.console.live.pieces import TIMES, cells, clock, column, ends, line, part, room, title, wrapped
from sensor.console.views import ACTION_STYLES, LEVEL_STYLES
from sensor.console.words import duration, plural, size

if TYPE_CHECKING:
    from collections.abc import Callable

    from sensor.console.live.pieces import Line, Part
    from sensor.console.live.scene import AlertRow, BehaviourRow, InterfaceRow, Scene

LEVELS: Final = ("critical", "high", "medium", "low", "informational")
SHORT: Final = {"informational": "info"}
LEVEL_WIDTH: Final = 8  # "critical"
LINES_EACH: Final = 2  # of one alert: what goes beyond is cut; one more where there is room
ROOM: Final = 24  # lines of a column from which on there is
FRESH_NS: Final = 60 * 1_000_000_000  # an alert stands out for so long
QUIET: Final = frozenset(("accepted", "", "unsolicited", "no answer due"))
STATES: Final = {"up": "green", "down": "bold red", "gone": "bold red"}


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """One block: its head, and the lines below it."""

    head: Line
    wanted: int  # lines below the head that it has something for
    least: int  # that it needs
    weight: int  # how many further lines it gets while a block of weight 1 gets one
    draw: Callable[[int], list[Line]]  # at most so many lines

    def drawn(self, height: int) -> list[Line]:
        """Return the head and what fits below it."""
        return [self.head, *self.draw(height - 1)[: height - 1]]


def listed(head: Line, rows: list[Line], otherwise: Line, least: int, weight: int = 1) -> Block:
    """Return a block of lines that are there already, or of one that says there are none."""
    shown = rows or [otherwise]
    return Block(head, len(shown), least, weight, lambda height: shown[:height])


# --- Alerts -------------------------------------------------------------------------------------------


def alerts(scene: Scene, width: int, height: int) -> Block:
    """Return the alerts with their sentences, the gravest first."""
    behind: list[Part] = []
    for level in LEVELS:
        if count := scene.alert_counts.get(level):
            behind += [("  ", ""), (f"{count:,} {SHORT.get(level, level)}", LEVEL_STYLES[level])]
    rows = scene.foremost()[:height]
    most = LINES_EACH + (height >= ROOM)
    told = [alert(row, width, most, fresh=scene.time - row.time < FRESH_NS) for row in rows]
    wanted = sum(map(len, told)) or 1

    def draw(lines: int) -> list[Line]:
        drawn: list[Line] = []
        for row, whole in zip(rows, told, strict=True):
            left = lines - len(drawn)
            if left <= 0:
                break
            fresh = scene.time - row.time < FRESH_NS
            drawn += whole if len(whole) <= left else alert(row, width, left, fresh=fresh)
        return drawn or [line([("none so far", "dim")], width)]

    return Block(title("Alerts", behind, width), wanted, 4, 3, draw)


def alert(row: AlertRow, width: int, most: int, *, fresh: bool) -> list[Line]:
    """Return one alert: level, time, sentence and how often; a fresh one stands out."""
    style = LEVEL_STYLES.get(row.level, "").replace("white on red", "red")
    word, _ = part(SHORT.get(row.level, row.level)[:LEVEL_WIDTH], style)
    head = [(word, f"{style} reverse" if fresh else style), (" " * (LEVEL_WIDTH + 1 - cells(word)), ""),
            (clock(row.time), "" if fresh else "dim"), ("  ", "")]  # fmt: skip
    indent = room(head)
    times = [(f"{TIMES}{row.count:,}", "bold")] if row.count > 1 else []
    beside = room(times) + 1 if times else 0
    text, _ = part(row.sentence)
    told = wrapped(text, max(10, width - indent - beside), most)
    closed = "dim" if row.state == "closed" else ""
    lines = [[*(head if number == 0 else [(" " * indent, "")]), (one, closed)] for number, one in enumerate(told)]
    return [*(line(one, width) for one in lines[:-1]), ends(lines[-1], times, width)]


# --- Who does what ------------------------------------------------------------------------------------


def behaviours(scene: Scene, width: int, height: int) -> Block:
    """Return what was done for the first time, the newest first."""
    rows = [behaviour(row, width) for row in list(scene.behaviours)[:height]]
    count = [(f"  {scene.behaviour_count:,}", "dim")] if scene.behaviour_count else []
    return listed(title("New behaviour", count, width), rows, line([("nothing so far", "dim")], width), 2, 2)


def behaviour(row: BehaviourRow, width: int) -> Line:
    """Return one behaviour."""
    parts = [(clock(row.time), "dim"), ("  ", ""), part(row.client), (" → ", "dim"), part(row.server), ("  ", "")]
    if width >= 100:
        parts += [part(row.protocol, "dim"), ("  ", "")]
    parts.append(part(row.words, ACTION_STYLES.get(row.action, "")))
    return ends(parts, [part(row.outcome, "yellow")] if row.outcome not in QUIET else [], width)


def protocols(scene: Scene, width: int, height: int) -> Block:
    """Return what is spoken, the busiest first."""
    shown = scene.protocols[:height]
    names = max((cells(part(row.name)[0]) for row in shown), default=0)
    rows = []
    for row in shown:
        parts = [(column(part(row.name)[0], names + 1), "bold"), (column(often(row.rate), 8, right=True), "cyan"),
                 (column(f"{row.exchanges:,}", 12, right=True), ""), (" exchanges", "dim")]  # fmt: skip
        if width >= 70:
            parts += [(column(f"{row.behaviours:,}", 8, right=True), ""), (" behaviours", "dim")]
        rows.append(ends(parts, [(f"{row.refused:,} refused", "yellow")] if row.refused else [], width))
    return listed(title("Protocols", [], width), rows, line([("none recognised so far", "dim")], width), 2)


def often(rate: float) -> str:
    """Write a rate: "412/s", "0.4/s"."""
    return f"{rate:,.0f}/s" if rate >= 9.95 or rate == 0 else f"{rate:.1f}/s"


def assets(scene: Scene, width: int, height: int) -> Block:
    """Return who is there, the newest first."""
    rows = []
    for row in list(scene.assets)[:height]:
        parts = [(clock(row.time), "dim"), ("  ", ""), part(row.address)]
        for text, style in ((row.name, "bold"), (row.role, "cyan"), (row.vendor, "dim")):
            if text:
                parts += [("  ", ""), part(text, style)]
        rows.append(line(parts, width))
    count = [(f"  {scene.asset_count:,}", "dim")] if scene.asset_count else []
    return listed(title("Assets", count, width), rows, line([("nobody heard so far", "dim")], width), 1)


# --- The sensor ---------------------------------------------------------------------------------------


def interfaces(scene: Scene, width: int) -> list[Line]:
    """Return a line for each interface."""
    names = max((cells(part(row.name)[0]) for row in scene.interfaces), default=0)
    return [line(interface(row, names), width) for row in scene.interfaces]


def interface(row: InterfaceRow, names: int) -> list[Part]:
    """Return one interface: how it is, how much comes, and what was dropped."""
    drops = []
    if row.kernel_drops:
        drops.append(f"{row.kernel_drops:,} dropped by the kernel")
    if row.own_drops:
        drops.append(f"{row.own_drops:,} by the sensor")
    state, style = part(row.state, STATES.get(row.state, "yellow"))
    return [
        (column(part(row.name)[0], names + 1), "bold"), (column(state, 4), style),
        (column(often(row.rate), 12, right=True), "cyan"),
        (column(f"{size(row.byte_rate)}/s", 13, right=True) if row.bytes else "", ""),
        ("  ", ""), (", ".join(drops), "yellow") if drops else ("no drops", "green"),
    ]  # fmt: skip


def concerns(scene: Scene, width: int) -> list[Line]:
    """Return what blinds the sensor and what it loses, the gravest first."""
    lines = []
    if scene.losing:
        told = ", ".join(f"{part(name)[0]} {count:,}" for name, count in scene.losing.items())
        lines.append(line([("▲ lost in the last minute: ", "bold red"), (told, "")], width))
    if scene.store_trouble:
        lines.append(line([("▲ nothing can be written: ", "bold red"), part(scene.store_trouble)], width))
    for row in sorted(scene.concerns, key=lambda row: not row.grave):
        style = "bold red" if row.grave else "yellow"
        since = [(f"since {clock(row.since)}", "dim")] if row.since else []
        lines.append(ends([("▲ ", style), part(row.text, style)], since, width))
    return lines


def itself(scene: Scene) -> list[list[Part]]:
    """Return how the sensor's own parts are: workers, store, outbox, losses, protections."""
    lines = [workers(scene)] if scene.workers else []
    if scene.store or scene.store_bytes:
        lines.append([("store ", "dim"), (size(scene.store_bytes), ""), part(f"  {scene.store}", "dim")])
    for row in scene.outbox:
        behind = f"{row.waiting:,} waiting" if row.waiting else "all shipped"
        late = f", {duration(row.lag_seconds * 1e9)} behind" if row.waiting and row.lag_seconds else ""
        parts = [part(row.destination, "dim"), (f" {behind}{late}", "yellow" if row.trouble else "")]
        lines.append([*parts, part(f"  {row.trouble}", "yellow")] if row.trouble else parts)
    if scene.losses:
        told = ", ".join(f"{part(name)[0]} {count:,}" for name, count in scene.losses.items())
        lines.append([("lost since the start ", "dim"), (told, "yellow")])
    if scene.protections:
        lines.append(protections(scene))
    return lines


def workers(scene: Scene) -> list[Part]:
    """Return how the workers are."""
    parts: list[Part] = [(plural(len(scene.workers), "worker"), "dim")]
    parts += [
        (f"  {row.share:.0%}", "") if row.alive else (f"  worker {row.number} DOWN", "bold red")
        for row in scene.workers
    ]
    if restarts := sum(row.restarts for row in scene.workers):
        parts.append((f"  {plural(restarts, 'restart')}", "yellow"))
    return parts


def protections(scene: Scene) -> list[Part]:
    """Return what shuts the process in, and what does not."""
    on = [name for name, state, _ in scene.protections if state == "on"]
    not_on = [f"{name} ({state})" for name, state, _ in scene.protections if state != "on"]
    parts: list[Part] = [part(f"NOT protected by {', '.join(not_on)}  ", "yellow")] if not_on else []
    return [*parts, ("protected by ", "dim"), part(", ".join(on) or "nothing", "")]


def urgent(parts: list[Part]) -> bool:
    """Say whether something is not as it should be."""
    return any("yellow" in style or "red" in style for _, style in parts)
