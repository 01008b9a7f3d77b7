"""A document as one line of ArcSight's Common Event Format (CEF:0), for collectors that read nothing else.

The rule it lives by: what the format has a key for goes under that key; ours stand in the custom ones, each with its
label. A value can never end its field, its line or its header.
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

VENDOR: Final = "otsensor"
PRODUCT: Final = "otsensor"
MAX_TEXT: Final = 1_023  # of `msg` and of the custom strings, by the format's own table; longer ones are cut
MAX_NAME: Final = 512  # of the header's name

# Severity of the header, 0 to 10, from ours of 0 to 100.
SEVERITIES: Final = ((99, 10), (73, 8), (47, 5), (21, 3))

# CEF's key, ours, the custom key's label.
KEYS: Final = (
    ("externalId", "event.id", ""),
    ("cat", "event.dataset", ""),
    ("act", "event.action", ""),
    ("outcome", "event.outcome", ""),
    ("msg", "message", ""),
    ("cnt", "ot.alert.count", ""),
    ("app", "network.protocol", ""),
    ("proto", "network.transport", ""),
    ("shost", "ot.source.asset.name", ""),
    ("dhost", "ot.destination.asset.name", ""),
    ("spt", "source.port", ""),
    ("dpt", "destination.port", ""),
    ("dvchost", "observer.name", ""),
    ("cs1", "threat.technique.id", "attackTechnique"),
    ("cs2", "ot.operation", "otOperation"),
    ("cs3", "ot.unit", "otUnit"),
    ("cs4", "ot.target", "otTarget"),
    ("cs5", "ot.segment", "otSegment"),
    ("cs6", "ot.alert.response", "safeResponse"),
    ("cn1", "event.sequence", "sequence"),
    ("cn2", "ot.alert.revision", "revision"),
)
TIMES: Final = (("rt", "@timestamp"), ("start", "event.start"), ("end", "event.end"))
ENDS: Final = (("source", "src", "c6a2", "smac"), ("destination", "dst", "c6a3", "dmac"))
BREAKS: Final = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]")


def line(document: Mapping[str, Any], version: str = "") -> str:
    """Return the line, without an end of line."""
    name = (
        value(document, "rule.name") or value(document, "event.action") or value(document, "event.dataset") or "event"
    )
    code = value(document, "rule.id") or value(document, "event.dataset") or "event"
    parts = ("CEF:0", VENDOR, PRODUCT, version or value(document, "observer.version") or "0", code, name[:MAX_NAME])
    header = "|".join([parts[0], *map(in_header, parts[1:]), str(severity(document))])
    return f"{header}|{' '.join(f'{key}={in_extension(text)}' for key, text in extension(document))}"


def severity(document: Mapping[str, Any]) -> int:
    """Return 0 to 10."""
    found = dig(document, "event.severity")
    ours = found if isinstance(found, int) else 0
    return next((theirs for least, theirs in SEVERITIES if ours >= least), 0)


def extension(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Return keys and values; what the document does not say is left out."""
    for key, name in TIMES:
        if (at := milliseconds(dig(document, name))) is not None:
            yield key, str(at)
    for end, four, six, mac in ENDS:
        yield from addresses(document, end, four, six, mac)
    for key, name, label in KEYS:
        text = value(document, name)
        if text:
            yield key, text[:MAX_TEXT]
            if label:
                yield f"{key}Label", label


def addresses(document: Mapping[str, Any], end: str, four: str, six: str, mac: str) -> Iterator[tuple[str, str]]:
    """Return the addresses of one end: IPv4 and IPv6 have keys of their own."""
    ip = value(document, f"{end}.ip")
    if ":" in ip:
        yield six, ip
        yield f"{six}Label", f"{end.capitalize()} IPv6 Address"
    elif ip:
        yield four, ip
    hardware = value(document, f"{end}.mac").split(" ")[0].replace("-", ":")
    if hardware:
        yield mac, hardware


def dig(document: Mapping[str, Any], name: str) -> Any:
    """Return what a dotted name leads to, None where there is nothing."""
    found: Any = document
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def value(document: Mapping[str, Any], name: str) -> str:
    """Return a value as text; several are joined by spaces."""
    found = dig(document, name)
    if isinstance(found, list):
        return " ".join(map(str, found))
    return "" if found is None or isinstance(found, Mapping) else str(found)


def milliseconds(text: Any) -> int | None:
    """Return a time written as ISO 8601 in milliseconds since 1970; None for what is no time."""
    if not isinstance(text, str):
        return None
    try:
        at = dt.datetime.fromisoformat(f"{text[:23].rstrip('Z')}+00:00")  # ours: UTC, with more digits than CEF has
    except ValueError:
        return None
    return int(at.timestamp() * 1000)


def in_header(text: str) -> str:
    """Escape a value of the header, where a line break has no place."""
    return BREAKS.sub("\ufffd", re.sub(r"[\r\n\t]+", " ", text)).replace("\\", "\\\\").replace("|", "\\|")


def in_extension(text: str) -> str:
    """Escape a value of the extension."""
    escaped = text.replace("\\", "\\\\").replace("=", "\\=").replace("\r", "\\r").replace("\n", "\\n")
    return BREAKS.sub("\ufffd", escaped)
