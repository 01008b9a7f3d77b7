"""What `otsensor read` shows at its end: captures, protocols, assets, behaviours, alerts, and what could not be read.

The rule it lives by: the worst stands last, where the eye is when the prompt comes back.
"""

from __future__ import annotations

import os
import pathlib
import shlex
import shutil
import sys
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.text import Text

from sensor.console.legible import legible
from sensor.console.tables import Column, for_people, safe
from sensor.console.views import LEVEL_STYLES, VIEWS
from sensor.console.words import duration, moment, plural, size
from sensor.flow.neighbours import CONDUCT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

NAME = "otsensor"
TITLES = {"assets": "Assets", "behaviours": "Behaviours", "alerts": "Alerts"}
LEVELS = ("critical", "high", "medium", "low", "informational")


def table(kind: str, rows: Sequence[Mapping[str, Any]], most: int, total: int | None = None) -> RenderableType:
    """Return one listing, cut to `most` lines (0: all)."""
    total = len(rows) if total is None else total
    shown = rows[:most] if most else rows
    title = f"{TITLES.get(kind, kind.capitalize())} ({total:,})"
    return for_people(title, VIEWS[kind], shown, total - len(shown))


def captures_line(rows: Iterable[Mapping[str, Any]], seconds: float) -> Text:
    """Return one line about what was read: "plant.pcapng: 19,340 frames, 1.2 MiB, 2 min 31 s of traffic"."""
    rows = list(rows)
    frames, count = sum(row["frames"] for row in rows), sum(row["bytes"] for row in rows)
    names = pathlib.Path(rows[0]["path"]).name if len(rows) == 1 else plural(len(rows), "file")
    timed = [row for row in rows if row["frames"]]
    line = Text(legible(names), style="bold")
    line.append(f": {plural(frames, 'frame')}, {size(count)}", style="")
    if timed:
        first, last = min(row["first_time"] for row in timed), max(row["last_time"] for row in timed)
        line.append(f", {duration(last - first)} of traffic from {moment(first)} UTC")
    line.append(f"; read in {seconds:.2f} s ({frames / max(seconds, 1e-3):,.0f} frames/s)", style="dim")
    return line


def protocols(behaviours: Iterable[Mapping[str, Any]], kinds: Mapping[str, int] | None = None) -> RenderableType:
    """Return exchanges by protocol, and frames by kind where they were counted."""
    found: dict[str, dict[str, Any]] = {}
    for row in behaviours:
        entry = found.setdefault(row["protocol"], {"protocol": row["protocol"], "count": 0, "clients": set(),
                                                    "servers": set(), "behaviours": 0, "refused": 0})  # fmt: skip
        entry["count"] += row["count"]
        entry["behaviours"] += 1
        entry["clients"].add(row["client"])
        entry["servers"].add(row["server"])
        entry["refused"] += row["outcomes"].get("refused", 0) + row["outcomes"].get("unanswered", 0)
    columns = (
        Column("protocol", lambda r: safe(r["protocol"])),
        Column("exchanges", lambda r: f"{r['count']:,}", right=True),
        Column("clients", lambda r: f"{len(r['clients'])}", right=True),
        Column("servers", lambda r: f"{len(r['servers'])}", right=True),
        Column("behaviours", lambda r: f"{r['behaviours']:,}", right=True),
        Column("refused or unanswered", lambda r: f"{r['refused']:,}", right=True),
    )
    rows = sorted(found.values(), key=lambda r: -r["count"])
    table = for_people("Protocols", columns, rows)
    if not kinds:
        return table
    frames = Text("Frames by kind: ", style="dim")
    frames.append(", ".join(f"{name} {count:,}" for name, count in sorted(kinds.items(), key=lambda k: -k[1])))
    return Group(table, frames)


def alert_counts(alerts: Iterable[Mapping[str, Any]], frames: int) -> Text:
    """Return how many alerts there are of each level; where nothing was read that says nothing good."""
    counts: dict[str, int] = {}
    for row in alerts:
        counts[row["level"]] = counts.get(row["level"], 0) + 1
    line = Text()
    for name in LEVELS:
        if name in counts:
            line.append(f" {counts[name]} {name} ", style=LEVEL_STYLES[name])
            line.append("  ")
    if line.plain:
        return line
    return Text("No alerts.", style="green") if frames else Text("Nothing was read.", style="yellow")


def kept(store: object) -> Text:
    """Return where to look closer; the command has its own line, with the path last, to be copied whole."""
    quoted = shlex.quote(legible(store))
    told = f"Kept. Look closer with otsensor alerts, assets, behaviours or flows:\n  {command()} alerts --db {quoted}"
    return Text(told, style="dim")


def command() -> str:
    """Return how this program is called here: by its name, or by the path by which it was found."""
    asked = sys.argv[0]
    return shlex.quote(asked) if pathlib.Path(asked).name == NAME and not shutil.which(NAME) else NAME


def recorded(captures: Iterable[Mapping[str, Any]]) -> list[Text]:
    """Return what the captures tell of their making: frames that were lost, and comments."""
    rows = list(captures)
    drops = sum(row["drops"] for row in rows)
    said = [comment for row in rows for comment in row["comments"]]
    lines = [Text(f"The capturing machine lost {plural(drops, 'frame')}.", style="yellow")] if drops else []
    if said:
        lines.append(Text(f"{plural(len(said), 'comment')} in the capture: {legible(said[0])}", style="dim"))
    return lines


def troubles(
    captures: Iterable[Mapping[str, Any]], skipped: Iterable[str], odd: Mapping[str, int], concerns: Iterable[str] = ()
) -> list[Text]:
    """Return what could not be read or seen, a line each."""
    lines = [
        Text.assemble(("damaged  ", "bold red"), (legible(row["path"]), "bold"), f": {legible(row['damage'])}")
        for row in captures
        if row["damage"]
    ]
    lines += [Text.assemble(("not read  ", "bold red"), legible(line)) for line in skipped]
    odd = {kind: count for kind, count in odd.items() if kind not in CONDUCT}  # rules look at conduct
    lines += [Text.assemble(("unseen   ", "bold yellow"), legible(line)) for line in concerns]
    if odd:
        lines.append(
            Text.assemble(
                ("noticed  ", "bold yellow"), ", ".join(f"{k.replace('_', ' ')} {v:,}" for k, v in odd.items())
            )
        )
    return lines


class Terminal(Console):
    """A terminal, or a pipe that may be closed from the other side."""

    def on_broken_pipe(self) -> None:
        """Leave it to the command line, which ends quietly."""
        raise BrokenPipeError

    def tell(self, text: Text) -> None:
        """Print a line: a terminal gets it broken between words, unless one, such as a path, is wider than it is."""
        widest = max(map(cell_len, text.plain.split()), default=0)
        self.print(text, soft_wrap=not self.is_terminal or widest > self.width)


def console(*, to_stderr: bool = False) -> Terminal:
    """Return the terminal: as wide as it is or as COLUMNS says, 140 columns where there is none."""
    made = Terminal(stderr=to_stderr, highlight=False)
    told = made.is_terminal or os.environ.get("COLUMNS", "").isdigit()
    return made if told else Terminal(stderr=to_stderr, highlight=False, width=140)
