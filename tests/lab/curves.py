"""A picture of an endurance run: memory over time, and when trouble was made.

The rule it lives by: an SVG made by hand, small, legible on light and dark, with nothing in it but what was measured.
"""

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 860, 340, 60, 30, 70
POINTS = 300  # of a curve; more than a screen shows
COLOURS = {"recorder": "#0969da", "workers": "#1a7f37", "keeper": "#9a6700"}
MARKS = {
    "attack": "#cf222e",
    "reload": "#8250df",
    "worker killed": "#bc4c00",
    "interface down": "#57606a",
    "disk full": "#bf3989",
}
MEGABYTE = 1_000_000


def drawn(samples, troubles, title):
    """Return the picture; `troubles` are (seconds, what), the first word of MARKS."""
    length = max(samples[-1].time, 1)
    ceiling = max(max(one.recorder, one.workers, one.keeper) for one in samples) * 1.25
    wide, high = WIDTH - LEFT - 20, HEIGHT - TOP - BOTTOM

    def x(seconds):
        return LEFT + wide * seconds / length

    def y(size):
        return TOP + high * (1 - size / ceiling)

    parts = [f'<text x="{LEFT}" y="18" class="title">{title}</text>', *grid(length, ceiling, x, y)]
    for when, what in troubles:
        at = x(when)
        parts.append(f'<path d="M{at:.1f} {TOP + high}v10" stroke="{MARKS[what]}" stroke-width="2"/>')
    step = max(1, len(samples) // POINTS)
    for number, (name, colour) in enumerate(COLOURS.items()):
        line = " ".join(f"{x(one.time):.1f},{y(getattr(one, name)):.1f}" for one in samples[::step])
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts.append(legend(LEFT + 150 * number, HEIGHT - 26, colour, name))
    parts += [
        legend(LEFT + 150 * number, HEIGHT - 8, colour, what) for number, (what, colour) in enumerate(MARKS.items())
    ]
    return page(parts)


def grid(length, ceiling, x, y):
    """Yield lines and their labels: megabytes at the side, minutes below."""
    step = next(one for one in (5, 10, 20, 50, 100, 200, 500) if ceiling / MEGABYTE / one <= 7)
    for size in range(0, int(ceiling / MEGABYTE) + 1, step):
        at = y(size * MEGABYTE)
        yield f'<path d="M{LEFT} {at:.1f}H{WIDTH - 20}" class="grid"/>'
        yield f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{size} MB</text>'
    minutes = next(one for one in (1, 2, 5, 10, 20, 60) if length / 60 / one <= 8)
    for minute in range(0, int(length / 60) + 1, minutes):
        yield f'<text x="{x(minute * 60):.1f}" y="{HEIGHT - BOTTOM + 26}" text-anchor="middle">{minute} min</text>'


def legend(left, top, colour, words):
    """Return one entry of the legend."""
    mark = f'<rect x="{left}" y="{top - 8}" width="14" height="4" fill="{colour}"/>'
    return f'{mark}<text x="{left + 20}" y="{top - 3}">{words}</text>'


def page(parts):
    """Return the picture around its parts."""
    style = (
        "text{font:12px sans-serif;fill:#57606a}.title{font-weight:bold}.grid{stroke:#8c959f;stroke-opacity:.3}"
        "@media(prefers-color-scheme:dark){text{fill:#8b949e}}"
    )
    body = "\n".join(parts)
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box}><style>{style}</style>\n{body}\n</svg>\n'
