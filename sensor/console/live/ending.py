"""What is shown when a watch has ended: what it saw, what it lost, what it found.

The rule it lives by: the worst stands last, where the eye is when the prompt comes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from sensor.console import summary
from sensor.console.legible import legible
from sensor.console.tables import safe
from sensor.console.words import duration, plural, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from sensor.console.live.scene import Scene

SHOWN = ("assets", "behaviours", "alerts")


def ending(scene: Scene, rows: Mapping[str, Sequence[Mapping[str, Any]]], most: int = 12) -> Iterator[RenderableType]:
    """Return what to print: `rows` of the store by kind (assets, behaviours, alerts)."""
    yield seen(scene)
    if rows.get("behaviours"):
        yield ""
        yield summary.protocols(rows["behaviours"])
    for kind in SHOWN:
        if rows.get(kind):
            yield ""
            yield summary.table(kind, rows[kind], most)
    yield ""
    if scene.store:
        yield summary.kept(scene.store)
    yield summary.alert_counts(rows.get("alerts", ()), sum(row.frames for row in scene.interfaces))
    yield lost(scene)


def seen(scene: Scene) -> Text:
    """Return one line about what was seen: "span0, span1: 12,345 frames, 3.2 GiB in 3 d 4 h"."""
    names = ", ".join(row.name for row in scene.interfaces)
    frames, count = sum(row.frames for row in scene.interfaces), sum(row.bytes for row in scene.interfaces)
    line = safe(names)
    line.stylize("bold")
    line.append(f": {plural(frames, 'frame')}, {size(count)} in {duration(scene.time - scene.started)}", style="")
    return line


def lost(scene: Scene) -> Text:
    """Return what was lost, by name; or that nothing was."""
    if not scene.losses:
        return Text("Nothing was lost.", style="green")
    told = ", ".join(f"{name} {count:,}" for name, count in scene.losses.items())
    return Text.assemble(("lost  ", "bold yellow"), legible(told))
