"""The digest as one HTML file: no script, nothing fetched, fit for a browser, a mail and paper.

The rule it lives by: every text goes through `html.escape`, whoever wrote it; what cannot be printed is shown as such.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any, Final

from sensor.console import views
from sensor.console.digest.gather import COMMANDS
from sensor.console.digest.headline import feed_lines, period, subject, warnings, worst_first
from sensor.console.digest.text import plain
from sensor.console.words import moment, plural
from sensor.vocabulary import vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sensor.console.digest.gather import Digest, Section

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2430; --dim: #5d6878; --line: #e3e7ec; --card: #fff; --ground: #f4f6f8;
  --accent: #0b64a0; --critical: #a4161a; --high: #c8501b; --medium: #b07d00; --low: #2f7d95;
  --informational: #6b7685; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --dim: #9aa6b5; --line: #2c3542; --card: #171d26;
  --ground: #0f141b; --accent: #6cb6ea; --critical: #e5555a; --high: #ee8350; --medium: #dcb03c; --low: #62b3cb;
  --informational: #98a3b1; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI",
  Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 980px; margin: 0 auto; padding: 32px 20px 48px; }
h1 { font-size: 24px; line-height: 1.25; margin: 0; letter-spacing: -.01em; }
h2 { font-size: 17px; margin: 34px 0 10px; }
h2 small { color: var(--dim); font-weight: 400; font-size: 15px; margin-left: 6px; }
p { margin: 0; } .dim { color: var(--dim); } .period { margin: 4px 0 20px; }
.tiles td { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px; }
.tiles { width: calc(100% + 20px); border-spacing: 10px 0; border-collapse: separate; margin: 0 -10px;
  table-layout: fixed; }
.tiles b { display: block; font-size: 26px; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--dim); font-size: 13px; }
.warning { border-left: 4px solid var(--high); background: var(--card); padding: 8px 14px; margin: 10px 0 0;
  border-radius: 0 8px 8px 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; overflow-x: auto; }
.card table { width: 100%; border-collapse: collapse; }
.card th { text-align: left; font-size: 12px; font-weight: 600; color: var(--dim); padding: 10px 14px 6px; }
.card td { padding: 9px 14px; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: break-word; }
.note, .wide { overflow-wrap: anywhere; min-width: 90px; } .mono { white-space: nowrap; }
.card tr:first-child > td { border-top: 0; } .number { text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; } .tight { white-space: nowrap; }
.note { color: var(--dim); font-size: 13.5px; margin-top: 3px; } .note b { color: var(--ink); font-weight: 600; }
.level { display: inline-block; min-width: 74px; text-align: center; border-radius: 6px; padding: 2px 8px; color: #fff;
  font-size: 12px; font-weight: 600; }
.critical { background: #a4161a; } .high { background: #c8501b; } .medium { background: #8f6600; }
.low { background: #2a7186; } .informational { background: #5d6878; }
.t-critical { color: var(--critical); } .t-high { color: var(--high); } .t-medium { color: var(--medium); }
.t-low { color: var(--low); } .t-informational { color: var(--informational); }
.act { color: var(--high); font-weight: 600; }
code, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 13.5px; }
.more { color: var(--dim); padding: 9px 14px; border-top: 1px solid var(--line); font-size: 14px; }
footer { color: var(--dim); font-size: 13px; margin-top: 34px; }
@media print { body { background: #fff; } .card, .warning { break-inside: auto; } tr { break-inside: avoid; } }
"""
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
ASSET: Final = ("Asset", "Role", "Vendor, model", "Serves")
BEHAVIOUR: Final = ("Client", "Server", "Does", "To", "Times", "Outcome")


def page(digest: Digest) -> str:
    """Return the file."""
    title = safe(subject(digest))
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title><style>{STYLE}</style></head><body><main>",
        f'<h1>{title}</h1><p class="dim period">{safe(period(digest))}</p>',
        tiles(digest),
        *(f'<p class="warning">{safe(line)}</p>' for line in warnings(digest)),
        section("Alerts", digest.alerts, (), alert),
        section("New assets", digest.assets, (*ASSET, "First heard (UTC)"), asset),
        section("Assets that fell silent", digest.silent, (*ASSET, "Last heard (UTC)"), silent),
        section("New behaviours", digest.behaviours, BEHAVIOUR, behaviour),
        section("Oddities", digest.oddities, ("From", "To", "What", "Times"), oddity),
        feeds(digest),
        f"<footer>Made by otsensor at {moment(digest.made)[:16]} UTC.</footer></main></body></html>",
    ]  # fmt: skip
    return "\n".join(part for part in parts if part) + "\n"


def safe(value: object) -> str:
    """Return text from anywhere as text of the page."""
    return html.escape(plain(str(value)), quote=True)


def tiles(digest: Digest) -> str:
    """Return the few numbers that matter."""
    worst = [(f"{count:,}", level, f"t-{level}") for level, count in worst_first(digest)][:3] or [("0", "alerts", "")]
    told = [
        *worst,
        (f"{digest.assets.total:,}", "new assets", ""),
        (f"{digest.behaviours.total:,}", "new behaviours", ""),
    ]
    cells = (f'<td><b class="{style}">{count}</b><span>{safe(what)}</span></td>' for count, what, style in told)
    return f'<table class="tiles" role="presentation"><tr>{"".join(cells)}</tr></table>'


def section(title: str, found: Section, columns: tuple[str, ...], write: Callable[[Mapping[str, Any]], str]) -> str:
    """Return one section; nothing where there is nothing."""
    if not found.total:
        return ""
    head = "".join(f"<th{number(name)}>{safe(name)}</th>" for name in columns)
    head = f"<thead><tr>{head}</tr></thead>" if columns else ""
    rows = "".join(f"<tr>{write(row)}</tr>" for row in found.rows)
    more = f'<div class="more">and {found.more:,} more</div>' if found.more else ""
    return (
        f"<h2>{safe(title)}<small>{found.total:,}</small></h2>"
        f'<div class="card"><table>{head}<tbody>{rows}</tbody></table>{more}</div>'
    )


def number(name: str) -> str:
    """Return the class of a column of numbers."""
    return ' class="number"' if name == "Times" else ""


def cell(value: object, style: str = "") -> str:
    """Return one cell."""
    return f'<td class="{style}">{safe(value)}</td>' if style else f"<td>{safe(value)}</td>"


def alert(row: Mapping[str, Any]) -> str:
    """Return an alert with what it means and what is safe to do."""
    level = row["level"] if row["level"] in views.LEVEL_STYLES else "informational"
    notes = []
    if row["explanation"]:
        notes.append(f'<p class="note">{safe(row["explanation"])}</p>')
    if row["response"]:
        notes.append(f'<p class="note"><b>Safe response.</b> {safe(row["response"])}</p>')
    times = plural(row["count"], "time") if row["count"] > 1 else "once"
    when = f"{times}, first {moment(row['first_time'])[:19]} UTC"
    techniques = f" · {' '.join(row['techniques'])}" if row["techniques"] else ""
    return (
        f'<td class="tight"><span class="level {level}">{level}</span></td>'
        f'<td class="wide">{safe(row["sentence"])}<p class="note">{safe(when + techniques)}</p>{"".join(notes)}</td>'
    )


def asset(row: Mapping[str, Any], time: str = "first_time") -> str:
    """Return an asset."""
    named = f'<p class="note">{safe(row["name"])}</p>' if row["name"] else ""
    return (
        f'<td><span class="mono">{safe(row["address"])}</span>{named}</td>'
        + cell(row["role"].replace("_", " "))
        + cell(views.make(row), "wide")
        + cell(views.services(row))
        + cell(moment(row[time])[:16], "tight")
    )


def silent(row: Mapping[str, Any]) -> str:
    """Return an asset that is not heard any more."""
    return asset(row, "last_time")


def behaviour(row: Mapping[str, Any]) -> str:
    """Return a behaviour; commands stand out."""
    style = ' class="act"' if row["action"] in COMMANDS else ""
    unit = f'<p class="note">unit {safe(row["unit"])}</p>' if row["unit"] else ""
    return (
        cell(row["client"], "mono")
        + cell(row["server"], "mono")
        + f'<td class="wide"><span{style}>{safe(row["operation"].replace("_", " "))}</span>'
        + f'<p class="note">{safe(row["protocol"])}</p></td>'
        + f'<td class="wide">{safe(views.target(row))}{unit}</td>'
        + cell(f"{row['count']:,}", "number")
        + cell(views.outcomes(row))
    )


def oddity(row: Mapping[str, Any]) -> str:
    """Return an oddity with its meaning."""
    known = vocabulary().anomalies.get(row["kind"])
    meaning = f'<p class="note">{safe(known.meaning)}</p>' if known is not None else ""
    return (
        cell(row["sender"], "mono")
        + cell(row["receiver"], "mono")
        + f"<td>{safe(row['kind'].replace('_', ' '))}{meaning}</td>"
        + cell(f"{row['count']:,}", "number")
    )


def feeds(digest: Digest) -> str:
    """Return where the documents went."""
    if not digest.feeds:
        return ""
    rows = "".join(f"<tr>{cell(line)}</tr>" for line in feed_lines(digest))
    return f'<h2>Feeds</h2><div class="card"><table><tbody>{rows}</tbody></table></div>'
