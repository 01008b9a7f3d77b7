"""Counters and concerns as Prometheus reads them: the text exposition format, version 0.0.4.

The rule it lives by: a name is made by rule from the counter's own, so that who knows one knows the other; what comes
from outside (names of interfaces and machines) is a label's value, escaped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sensor.guard.health.span import STATES
from sensor.ship.fields import HEALTH, WATCHING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sensor.detect.concern import Concern

PREFIX: Final = "otsensor_"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
GAUGES: Final = frozenset(
    ("flows", "endpoints", "networks", "buffered_bytes", "behaviours", "pairs", "alerts_open", "concerns_open")
)
OF_INTERFACES: Final = "interface_"  # before what is counted for each: sums over it must not meet other sums
MEANINGS: Final = HEALTH | WATCHING
UNFIT: Final = re.compile(r"[^a-zA-Z0-9_]")
STANDING: Final = "concern_"  # counts of standing concerns by kind: `otsensor_concern` says it with the place
MAX_SERIES: Final = 2_000  # lines of one answer; the sensor has some hundreds

Labels = tuple[tuple[str, str], ...]
Sample = tuple[Labels, float]


def exposition(
    counts: Mapping[str, int],
    interfaces: Mapping[str, str],
    concerns: Iterable[Concern],
    time: int,
    info: Mapping[str, str],
) -> bytes:
    """Return one page. `counts`: by name, those of an interface as "name.interface"; `time`: capture time, ns."""
    lines = [
        *family("info", "gauge", "What this sensor is", [(tuple(info.items()), 1)]),
        *family("capture_time_seconds", "gauge", "Capture time up to which everything was seen", [((), time / 1e9)]),
        *family("interface_up", "gauge", "Whether a capture interface is up", [
            ((("interface", name),), float(state == "up")) for name, state in interfaces.items() if state in STATES
        ]),
        *family("concern", "gauge", "Concerns that stand: what the sensor does not see or keep", [
            ((("kind", one.kind), ("where", one.where), *places(one)), 1) for one in concerns
        ]),
        *counters(counts),
    ]  # fmt: skip
    return "".join(f"{line}\n" for line in lines[:MAX_SERIES]).encode("utf-8", "replace")


def places(concern: Concern) -> Labels:
    """Return where a concern's network is, as far as that is known."""
    return tuple(pair for pair in zip(("site", "segment", "vlan", "tunnel"), concern.place, strict=True) if pair[1])


def counters(counts: Mapping[str, int]) -> Iterator[str]:
    """Yield the lines of all counters; those of interfaces are one family with a label."""
    families: dict[str, list[Sample]] = {}
    for name, count in counts.items():
        what, _, interface = name.partition(".")
        if not name.startswith(STANDING):
            labels = (("interface", interface),) if interface else ()
            family_name = UNFIT.sub("_", f"{OF_INTERFACES}{what}" if interface else what)
            families.setdefault(family_name, []).append((labels, count))
    for name, samples in families.items():
        meaning = MEANINGS.get(name.removeprefix(OF_INTERFACES), f"The sensor's counter {name}")
        kind = "gauge" if name in GAUGES else "counter"
        yield from family(name if kind == "gauge" else f"{name}_total", kind, meaning, samples)


def family(name: str, kind: str, meaning: str, samples: Iterable[Sample]) -> Iterator[str]:
    """Yield the lines of one metric; none where there is nothing to say."""
    told = {labelled(labels): value for labels, value in samples}
    if not told:
        return
    yield f"# HELP {PREFIX}{name} {meaning.translate(HELP)}"
    yield f"# TYPE {PREFIX}{name} {kind}"
    for labels, value in told.items():
        yield f"{PREFIX}{name}{labels} {number(value)}"


def labelled(labels: Labels) -> str:
    """Write labels: {interface="span0"}."""
    inner = ",".join(f'{name}="{value.translate(VALUE)}"' for name, value in labels)
    return f"{{{inner}}}" if inner else ""


def number(value: float) -> str:
    """Write a number, whole ones in full."""
    return str(int(value)) if value == int(value) else repr(float(value))


HELP: Final = str.maketrans({"\\": "\\\\", "\n": "\\n"})
VALUE: Final = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})
